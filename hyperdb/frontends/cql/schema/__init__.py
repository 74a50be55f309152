"""The one catalog as CQL sees it: keyspaces, tables, types, indexes and views of one version.

Theory: an image of the catalog is read once a version into `describe.schema`'s dataclasses, with the numbers that the store knows
them by beside. What was made in SQL is a keyspace or a table like any other where CQL can say it, and has the reason where it
cannot. Invariant: a `Schema` does not change once it is made.
"""
