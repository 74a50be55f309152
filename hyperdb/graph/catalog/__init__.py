"""The catalog in Python: its records, and the tables of a transaction.

Theory: native code keeps it and its invariants (native/graph/src/catalog); languages read and write whole records. Invariant:
a record that is written back unchanged gives the same bytes.
"""
