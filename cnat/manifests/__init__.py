"""YAML as kubectl reads it: files, their check against the schema, and planning from them.

It may use `cnat.core` and `cnat.cluster`; a pass on a cluster needs none of it.
"""
