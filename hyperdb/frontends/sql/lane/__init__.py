"""The short way: statements on one row by its key, answered natively from a client's bytes (native/sql).

Invariant: what is answered there is what the row operators would answer.
"""
