"""What statements on roles share: the transaction, the roles that it sees, who asks.

Invariant: roles are read in the statement's own transaction, so what it has changed itself counts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hyperdb.frontends.cql.access.image import EVERYBODY, RoleImage, kept, shown
from hyperdb.frontends.cql.access.resources import ALL_ROLES, Place, of_role
from hyperdb.frontends.cql.parse.permissions import Permission
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.graph.catalog.tables import TableTransaction
from hyperdb.graph.roles import change_role, read_roles
from hyperdb.roles import SALT_BYTES, RoleRecord, Verifier


@dataclass
class Context:
    """One statement."""

    transaction: TableTransaction
    """With a statement that is open."""
    schema: Schema
    keyspace: str | None
    role: str
    warnings: list[str] = field(default_factory=list)
    salt: Callable[[], bytes] = lambda: secrets.token_bytes(SALT_BYTES)
    has_changed: bool = False
    """Whether roles were changed: what is kept of them is to be forgotten after the commit."""

    @property
    def roles(self) -> RoleImage:
        """The roles as the transaction sees them."""
        return RoleImage(read_roles(self.transaction))

    def existing(self, name: str) -> RoleRecord:
        """A role that is there.

        Raises:
            CqlError: invalid: it is not.
        """
        found = self.roles.find(name)
        if found is None:
            raise invalid(f"{name} doesn't exist")
        return found

    def need(self, permission: Permission, places: list[Place]) -> None:
        """Refuses what the session's role may not do."""
        self.roles.need(self.role, permission, places, self.schema)

    def need_on_role(self, permission: Permission, name: str) -> None:
        """A permission on a role."""
        self.need(permission, [of_role(shown(name)), ALL_ROLES])

    def change(self, name: str, body: Callable[[RoleRecord], RoleRecord | None]) -> None:
        """Changes a role's record; one that is not there yet begins empty."""

        def changed(record: RoleRecord | None) -> RoleRecord | None:
            return body(RoleRecord() if record is None else record)

        change_role(self.transaction, kept(name), changed)
        self.has_changed = True

    def verifier(self, password: str) -> Verifier:
        """What is stored of a password."""
        return Verifier.of(password, self.salt())


def without(record: RoleRecord, role: str) -> RoleRecord:
    """A record without a membership."""
    return replace(record, memberships=tuple(each for each in record.memberships if each[0] != role))


__all__ = ["EVERYBODY", "Context", "without"]
