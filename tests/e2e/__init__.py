"""cnat as it is installed, on a cluster with a real node: `make e2e`."""
