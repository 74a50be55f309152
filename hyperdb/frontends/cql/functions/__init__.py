"""What CQL can compute: scalar functions, casts, aggregates, as tables of signatures.

Theory: a function is found by its name and its arguments' types and works on decoded values (types/codec.py). Clock and
randomness come with each call. Invariant: nothing here knows statements, tables or messages; `token`, `writetime` and `ttl`
need a table's row and are not here.
"""
