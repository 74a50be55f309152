"""What the roles are and what they may do, at one moment.

Theory: a role has what it was granted, what the roles that it belongs to have (INHERIT), what everybody has (PUBLIC), and all of
what it owns. Schema public may be used by everybody. Invariant: an image of the roles does not change once it is made.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access import privileges as p
from hyperdb.frontends.sql.catalog import keyspace, kinds
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import TableTransaction
from hyperdb.graph.keyspace import Reading, reading
from hyperdb.graph.roles import read_roles
from hyperdb.roles import ALIASES, BOOTSTRAP_ROLE, INHERIT, LOGIN, SUPERUSER, RoleRecord

PUBLIC = "public"
BOOTSTRAP_OID = 10


@dataclass(frozen=True, slots=True)
class Need:
    """A privilege that a statement needs on an object; `column` 0 is all of it, -1 any column.

    `role` says whose: the session's if empty, None is the bootstrap role's.
    """

    number: int
    bit: int
    column: int = 0
    role: str | None = ""


_FIRST_OID = 1 << 30


def role_oid(name: str) -> int:
    """A role's number, for pg_roles and owners: it has none where it is stored."""
    return BOOTSTRAP_OID if not name or name in ALIASES else _FIRST_OID | zlib.crc32(name.encode()) & (_FIRST_OID - 1)


class Roles:
    """The roles at one moment, by name; the bootstrap role is always there."""

    def __init__(self, found: dict[str, RoleRecord]) -> None:
        self.records = {BOOTSTRAP_ROLE: RoleRecord(SUPERUSER | LOGIN | INHERIT), **found}
        self._granted: dict[str, dict[tuple[int, str], tuple[int, int]]] = {}
        self._readings: dict[tuple[str, int], Reading | None] = {}

    def find(self, name: str) -> RoleRecord:
        """A role by its name or alias.

        Raises:
            SqlError: 42704 where there is none.
        """
        found = self.records.get(BOOTSTRAP_ROLE if name in ALIASES else name)
        if found is None or name == PUBLIC:
            raise SqlError("42704", f'role "{name}" does not exist')
        return found

    def is_super(self, name: str) -> bool:
        """Whether every check is passed."""
        if not name or name in ALIASES:
            return True
        found = self.records.get(name)
        return found is not None and bool(found.attributes & SUPERUSER)

    def reaches_super(self, name: str) -> bool:
        """Whether a role passes every check, or may become one that does."""
        return any(self.is_super(each) for each in self.memberships(name, inherited=False))

    def memberships(self, name: str, *, inherited: bool = True) -> set[str]:
        """The role and those that it belongs to, directly or not; `inherited`: only those whose privileges it has by itself."""
        found, waiting = {name}, [name]
        while waiting:
            record = self.records.get(waiting.pop())
            if record is None or (inherited and not record.attributes & INHERIT):
                continue
            for other, _ in record.memberships:
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return found

    def granted(self, name: str) -> dict[tuple[int, str], tuple[int, int]]:
        """What a role itself was granted: privileges and those that it may pass on, by kind and object."""
        found = self._granted.get(name)
        if found is None:
            record = self.records.get(name, RoleRecord())
            found = {(each.kind, each.object): (each.privileges, each.grantable) for each in record.grants}
            self._granted[name] = found
        return found

    def privileges(self, name: str, kind: int, key: str, *, grantable: bool = False) -> int:
        """What a role may do with an object that it does not own."""
        found = 0
        for each in (*self.memberships(name), PUBLIC):
            found |= self.granted(each).get((kind, key), (0, 0))[grantable]
        return found

    def reading(self, name: str, number: int) -> Reading | None:
        """Which keys of Redis a role sees in a relation of theirs; None: all that there are.

        A role that ACL gave rules sees what these let it read. Any other has the relation from roles that it was granted to,
        itself among them, and sees what the rules of these let them read; of one without rules, all.
        """
        if self.is_super(name):
            return None
        place = (name, number)
        if place not in self._readings:
            self._readings[place] = self._read(name, number)
        return self._readings[place]

    def _read(self, name: str, number: int) -> Reading | None:
        own = self.records.get(name, RoleRecord())
        if own.rules:
            return reading([(name, own)])
        granting = []
        for each in (*self.memberships(name), PUBLIC):
            if self.granted(each).get((p.RELATION, p.key(number)), (0, 0))[0] & p.SELECT:
                record = self.records.get(each, RoleRecord())
                if not record.rules:
                    return None
                granting.append((each, record))
        # Who reads by a view's right has no grant, and no rules: what the view shows was granted.
        return reading(granting) if granting else None

    def owns(self, name: str, found: records.Object | None) -> bool:
        """Whether a role is, or belongs to, an object's owner."""
        owner = getattr(found, "owner", "") or BOOTSTRAP_ROLE
        return self.is_super(name) or owner in self.memberships(name)

    def may(self, name: str, catalog: Catalog, need: Need) -> bool:
        """Whether a role has what is needed."""
        found = catalog.objects.get(need.number)
        if found is None:
            # Of what is not there any more only a frame tells: that is for superusers. What is built in is for everybody, but
            # for Redis's data.
            guarded = need.number in keyspace.NUMBERS
            granted = self.privileges(name, p.RELATION, p.key(need.number)) & need.bit
            return bool(granted) if guarded else need.number < kinds.FIRST_USER
        if self.owns(name, found):
            return True
        if need.bit == p.SELECT and self._is_masked_for(name, catalog, need.number, found):
            return False
        kind = p.kind_of(found)
        if kind == p.SCHEMA and need.bit == p.USAGE and found.name in ("public",):
            return True
        if self.privileges(name, kind, p.key(need.number)) & need.bit:
            return True
        if not need.column or not isinstance(found, records.Table | records.View):
            return False
        columns = [each.id for each in found.columns] if need.column < 0 else [need.column]
        return any(self.privileges(name, kind, p.key(need.number, each)) & need.bit for each in columns)

    def _is_masked_for(self, name: str, catalog: Catalog, number: int, found: records.Object) -> bool:
        """Whether a table has columns that are masked for a role. SQL shows values as they are, so such a table not at all."""
        if isinstance(found, records.Table) and found.source.base:
            number, found = found.source.base, catalog.objects[found.source.base]
        if not isinstance(found, records.Table) or not any(each.name == records.MASK for each in found.options):
            return False
        return not self.privileges(name, p.RELATION, p.key(number)) & p.UNMASK

    def check(self, name: str, catalog: Catalog, needs: Iterable[Need]) -> None:
        """Refuses what a role may not do.

        Raises:
            SqlError: 42501.
        """
        if self.is_super(name):
            return
        for need in needs:
            who = name if need.role == "" else need.role or BOOTSTRAP_ROLE
            if not self.may(who, catalog, need):
                found = catalog.objects.get(need.number)
                if found is None:
                    shown = keyspace.NUMBERS.get(need.number, "of a past frame")
                    raise SqlError("42501", f"permission denied for table {shown}")
                word = "view" if isinstance(found, records.View) else p.WORDS[p.kind_of(found)]
                raise SqlError("42501", f"permission denied for {word} {found.name}")


def load(transaction: TableTransaction) -> Roles:
    """The roles as a transaction sees them, outside of a statement."""
    return Roles(read_roles(transaction))
