"""Which statement on roles or permissions it is.

Invariant: every kind of them has an entry; DESCRIBE, which the grammar has beside them, is `system.describe`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hyperdb.frontends.cql.access import grants, roles
from hyperdb.frontends.cql.access.context import Context
from hyperdb.frontends.cql.parse import permissions as pm
from hyperdb.frontends.cql.protocol.responses import Rows

_ACTS: dict[type, Callable[[Context, Any], Rows | None]] = {
    pm.CreateRole: roles.create,
    pm.AlterRole: roles.alter,
    pm.DropRole: roles.drop,
    pm.GrantRole: roles.grant,
    pm.GrantPermissions: grants.grant,
    pm.ListPermissions: grants.list_permissions,
    pm.ListRoles: roles.list_roles,
    pm.ListUsers: roles.list_users,
}


def run(context: Context, statement: pm.PermissionStatement) -> Rows | None:
    """Runs a statement on roles or permissions; its rows, if it has some.

    Raises:
        CqlError: as Cassandra refuses it.
    """
    return _ACTS[type(statement)](context, statement)
