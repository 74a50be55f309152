"""Schemas as CQL: what DESCRIBE answers, each statement ready to be run again.

Theory: `schema.py` says what a keyspace holds, as far as CQL shows it, `create.py` writes it in Cassandra 5.0's order and
layout. Invariant: nothing here looks anything up, so what fills the schema decides what is seen.
"""
