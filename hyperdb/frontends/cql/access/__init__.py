"""Roles and permissions of CQL, on the roles that all languages share.

Theory: a permission is bits of a grant in a role's record, on an object's number as SQL's privileges are, so that a grant made in
one language counts in the other: SELECT is SQL's, MODIFY is its INSERT, UPDATE, DELETE and TRUNCATE together. What only CQL has
(all keyspaces, all tables of a keyspace, roles) are kinds of their own. Invariant: the records in the system's own app are the
only truth; a superuser passes without a look at them.
"""

from hyperdb.frontends.cql.access.context import Context
from hyperdb.frontends.cql.access.image import RoleCache, RoleImage
from hyperdb.frontends.cql.access.needs import authorize, sees_masked
from hyperdb.frontends.cql.access.run import run

__all__ = ["Context", "RoleCache", "RoleImage", "authorize", "run", "sees_masked"]
