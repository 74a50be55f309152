"""What the role of one session may do: the current image of the roles, SET ROLE, changes that are not committed yet.

Theory: the image is the backend's, made anew after each commit that changed a role; a session that changes roles reads them in
its own transaction until it ends. Invariant: after a commit every session checks by what was committed, from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access import privileges as p
from hyperdb.frontends.sql.access.rights import Need, Roles, load
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.graph.catalog import records
from hyperdb.graph.roles import change_role
from hyperdb.roles import ALIASES, CREATE_ROLE, RoleRecord

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession


class Rights:
    """The rights of one session."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._own: Roles | None = None

    @property
    def roles(self) -> Roles:
        """The roles as the session sees them."""
        return self._own if self._own is not None else self._session.backend.roles()

    @property
    def is_pending(self) -> bool:
        """Whether the open transaction has changed roles."""
        return self._own is not None

    @property
    def is_super(self) -> bool:
        """Whether the session passes every check."""
        return self.roles.is_super(self._session.role)

    def check(self, catalog: Catalog, needs: Iterable[Need]) -> None:
        """Refuses what the session's role may not do (42501)."""
        self.roles.check(self._session.role, catalog, needs)

    def may(self, catalog: Catalog, number: int, bit: int) -> bool:
        """Whether the session's role has a privilege on an object."""
        return self.is_super or self.roles.may(self._session.role, catalog, Need(number, bit))

    def need(self, catalog: Catalog, number: int, bit: int) -> None:
        """One privilege on one object."""
        self.check(catalog, [Need(number, bit)])

    def need_owner(self, catalog: Catalog, number: int) -> None:
        """Only who owns an object (or its schema) changes it.

        Raises:
            SqlError: 42501.
        """
        found = catalog.objects.get(number)
        roles, role = self.roles, self._session.role
        if found is None or roles.owns(role, found):
            return
        if isinstance(found, records.Index):
            self.need_owner(catalog, found.table)
            return
        words = {records.View: "view", records.UserType: "type"}
        word = words.get(type(found)) or p.WORDS[p.kind_of(found)]
        raise SqlError("42501", f"must be owner of {word} {found.name}")

    def need_create_role(self) -> None:
        """Roles are made and changed by those who have CREATEROLE."""
        name = self._session.role
        if not self.is_super and not self.roles.find(name).attributes & CREATE_ROLE:
            raise SqlError("42501", "permission denied to create role")

    def need_over(self, name: str, what: str) -> None:
        """CREATEROLE does not reach roles that may become superusers: who got hold of one could, too.

        Raises:
            SqlError: 42501.
        """
        if self.is_super:
            return
        self.need_create_role()
        if self.roles.reaches_super(name):
            raise SqlError("42501", f"must be superuser to {what} superusers")

    def change(self, name: str, body: Callable[[RoleRecord | None], RoleRecord | None]) -> None:
        """Changes a role's record in the session's transaction."""
        transaction = self._session.begin_statement()
        change_role(transaction, name, body)
        self._own = load(transaction)

    def end(self, *, committed: bool) -> None:
        """The transaction has ended."""
        if self._own is not None:
            self._own = None
            if committed:
                self._session.backend.forget_roles()

    def becoming(self, name: str) -> str:
        """A value for the setting `role`: `none`, or a role that the login role belongs to.

        Raises:
            SqlError: 22023 for a role that is not there, 42501 for another one.
        """
        if name.lower() == "none":
            return "none"
        roles, login = self.roles, self._session.login_role
        if name not in roles.records and name not in ALIASES:
            raise SqlError("22023", f'role "{name}" does not exist')
        if not roles.is_super(login) and name not in roles.memberships(login, inherited=False):
            raise SqlError("42501", f'permission denied to set role "{name}"')
        return name
