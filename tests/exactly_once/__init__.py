"""Exactly once, whatever happens: faults, overlaps, a hostile cluster, and a model of them all."""
