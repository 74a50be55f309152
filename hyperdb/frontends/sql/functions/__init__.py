"""What SQL can compute: operators, functions and aggregates as tables of signatures.

Invariant: nothing here knows plans or rows.
"""
