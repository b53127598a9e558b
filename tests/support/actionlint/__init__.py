"""The checker of GitHub workflows, which no wheel brings."""
