"""What a pass did, or a dry run would do: one model, and a renderer for each kind of reader."""
