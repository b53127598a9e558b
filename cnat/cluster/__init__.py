"""What a cluster offers to a pass, and the live one over HTTP: transport, clock, deadline, dry run.

It may use `cnat.core`.
"""
