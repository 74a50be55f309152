"""The catalog as SQL sees it: types by oid, names by search path, built-in relations.

Invariant: nothing here evaluates a value.
"""
