"""What needs no cluster: each module by itself."""
