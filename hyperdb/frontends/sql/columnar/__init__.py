"""Tier 3: queries over many rows run in an analytic engine, on columns of our tables.

    plan  ->  Engine.query(text, relations)  ->  Query: Arrow batches, or rows of our values
                     |
                 Relation: a table as one statement of a transaction sees it
                     |
                 native scan: columns decoded from rows, kept where nothing changed

Theory: the engine is a library that computes; it stores nothing, sees nothing but the relations that it is given, and is reached
only through `Engine`, so another one can take its place. Scans are snapshots with the transaction's own writes; what cannot
be said in columns is refused with `NotColumnarError`, and the planner runs rows instead.
"""

from hyperdb.frontends.sql.columnar.engine import Engine, Query, Relation
from hyperdb.frontends.sql.columnar.scans import arrow_schema, arrow_table
from hyperdb.frontends.sql.columnar.values import python_rows

__all__ = ["Engine", "Query", "Relation", "arrow_schema", "arrow_table", "python_rows"]
