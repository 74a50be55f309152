"""Statements that change the catalog: from trees to records.

Theory: a statement is checked as Cassandra 5.0 checks it (its words, its codes), becomes records of the shared catalog, and says
what it changed, for the client and for those who listen. Native code locks, keeps names unique and references whole. Invariant:
what is accepted is kept in full, so DESCRIBE gives it back; everything else is refused.
"""

from hyperdb.frontends.cql.define.context import Context
from hyperdb.frontends.cql.define.run import run

__all__ = ["Context", "run"]
