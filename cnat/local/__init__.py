"""A folder that stands in for the cluster: `--local DIR`.

It may use `cnat.manifests`, `cnat.cluster` and `cnat.core`; a pass on a cluster needs none of it.
"""
