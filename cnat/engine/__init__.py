"""One pass: list, plan, act, several at once, until nothing is left to do.

It may use `cnat.core` and what `cnat.cluster` promises, and knows no particular cluster.
"""
