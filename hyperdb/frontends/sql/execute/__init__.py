"""Tier 2: plans run row by row in Python.

Invariant: what a plan gives depends on the plan, the snapshot and the environment alone.
"""
