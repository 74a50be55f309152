"""Keyspaces that every server has, and what is said of schemas.

Theory: a system table is a definition and a function that gives rows as dictionaries of values; one class (`computed`) makes the
wire's bytes of them in the order of their keys. Columns are Cassandra 5.0's, so that drivers and tools read what they know.
Invariant: nothing here is stored; every row follows from the facts of the statement that reads it.
"""
