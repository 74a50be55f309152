"""What functions and the executor ask of the session: names, settings, sequences, layouts, texts of values.

Invariant: nothing here is seen by the conversation; it is the `session` of an `Environment`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hyperdb.errors import CancelledError, SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.access.privileges import NAMES, SELECT, UPDATE, USAGE
from hyperdb.frontends.sql.access.rights import BOOTSTRAP_OID, PUBLIC, Need, Roles, role_oid
from hyperdb.frontends.sql.bind.binder import Binder
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.describe import Describe
from hyperdb.frontends.sql.catalog.kinds import REGCLASS, Kind
from hyperdb.frontends.sql.catalog.relations import Catalog, Relation
from hyperdb.frontends.sql.contract import Notice
from hyperdb.frontends.sql.execute.compile import Compiler
from hyperdb.frontends.sql.execute.environment import Environment
from hyperdb.frontends.sql.plan.expressions import Const
from hyperdb.frontends.sql.proof.past import Past
from hyperdb.frontends.sql.proof.session import Proofs
from hyperdb.frontends.sql.shown import Shown
from hyperdb.graph.catalog import records
from hyperdb.graph.store import TransactionOptions

if TYPE_CHECKING:
    from hyperdb.frontends.sql.advisory import Advisory
    from hyperdb.frontends.sql.analytic.known import Analytic
    from hyperdb.frontends.sql.analytic.pages import ColumnPages
    from hyperdb.frontends.sql.session import SqlSession

_MOST_TAKEN = 32


def _bits(found: int) -> list[int]:
    return [1 << place for place in range(found.bit_length()) if found >> place & 1]


class Facade:
    """See the module's head."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self.catalog: Catalog | None = None
        self._past = Past(session.backend)
        self.past = self._past.at
        self._taken: dict[int, tuple[int, int, int]] = {}
        """By sequence: the next value, the last one taken, the step."""
        self._current: dict[int, int] = {}
        self._last: int | None = None

    @property
    def proofs(self) -> Proofs:
        """Frames, and the session's proofs."""
        return self._session.proofs

    @property
    def role(self) -> str:
        """Who is connected."""
        return self._session.role

    @property
    def login_role(self) -> str:
        """Who has logged in."""
        return self._session.login_role

    @property
    def roles(self) -> Roles:
        """All roles."""
        return self._session.rights.roles

    def role_name(self, oid: int) -> str:
        """pg_get_userbyid."""
        name = next((name for name in self.roles.records if role_oid(name) == oid and name != PUBLIC), None)
        return self.login_role if oid == BOOTSTRAP_OID else name or f"unknown (OID={oid})"

    def owns(self, oid: int, _how: str) -> bool:
        """pg_has_role of a role's number."""
        return self.roles.is_super(self.role) or self.role_name(oid) in self.roles.memberships(self.role)

    def has_privilege(self, user: str | None, number: int | None, names: str, column: int = 0) -> bool | None:
        """Whether a role has one of the privileges (separated by commas) on an object."""
        if number is None:
            return None
        catalog = self._catalog()
        role = self.role if user is None else user
        if user is not None:
            self.roles.find(role)
        found = False
        for each in names.lower().split(","):
            name, _, option = each.strip().partition(" with ")
            bit = NAMES.get(name)
            if bit is None or option not in ("", "grant option"):
                raise SqlError("22023", f'unrecognized privilege type: "{each.strip()}"')
            found = found or self.roles.is_super(role) or self.roles.may(role, catalog, Need(number, bit, column))
        return found

    @property
    def database(self) -> str:
        """To what."""
        return self._session.database

    @property
    def process_id(self) -> int:
        """By which number."""
        return self._session.process_id

    def in_columns(self, plan: Analytic, env: Environment) -> ColumnPages | None:
        """The rows of a plan from the analytic engine; None: it is for the row operators."""
        session = self._session
        return session.backend.analytics.rows(plan, env, session.settings.value("hyperdb.tier"), session.running.watch)

    @property
    def transaction_number(self) -> int:
        """Of the open transaction."""
        return self._session.transaction_number

    @property
    def describe(self) -> Describe:
        """Names and definitions of objects."""
        catalog, path = self._catalog(), self.schemas(True)
        return Describe(catalog, path, self._own, Shown(catalog, path))

    def _own(self) -> str:
        return self.role

    def _catalog(self) -> Catalog:
        if self.catalog is None:
            self._session.look(lambda _catalog: None)
        assert self.catalog is not None
        return self.catalog

    def forget(self) -> None:
        """The transaction ended: the catalog may have moved on."""
        self.catalog = None
        self._past.forget()

    @property
    def temporary_schema(self) -> int:
        """The number of the session's own schema of temporary objects; 0 while there is none."""
        return self._catalog().schemas.get(self._session.temporaries.schema or "", 0)

    def schemas(self, implicit: bool) -> list[str]:
        """The schemas of the path that are there."""
        known = self._catalog().schemas
        path = self._session.schemas_in_path()
        own = self._session.temporaries.schema
        found = [name for name in path if name in known and (implicit or name != own)]
        return (["pg_catalog", *found] if implicit and "pg_catalog" not in found else found) or (
            [] if not implicit else ["pg_catalog"]
        )

    def setting(self, name: str, missing: bool = False) -> str | None:
        """current_setting."""
        return self._session.settings.get(name, missing)

    def set_config(self, name: str, value: str, local: bool) -> str:
        """set_config."""
        return self._session.set(name, value, local=local)

    def settings(self) -> list[tuple[str, str, str]]:
        """All settings."""
        return self._session.settings.all()

    def sleep(self, seconds: float) -> str:
        """pg_sleep: ends early when the statement is cancelled."""
        if self._session.running.wait(seconds):
            raise SqlError("57014", "canceling statement due to user request")
        return ""

    @property
    def advisory(self) -> Advisory:
        """The session's advisory locks."""
        return self._session.advisory

    def current_of(self, cursor: str, relation: int, part: int) -> Any:
        """A value of the key of the row on which a cursor stands."""
        return self._session.cursors.key_part(cursor, relation, part)

    def is_deferred(self, constraint: records.Constraint) -> bool:
        """Whether a constraint is looked at later than at the statement's end."""
        return self._session.deferral.is_deferred(constraint)

    def defer(self, constraint: int, check: Callable[[Environment], None]) -> None:
        """Looks at it later."""
        self._session.deferral.note(constraint, check)

    def notify(self, channel: str, payload: str) -> str:
        """pg_notify."""
        self._session.news.do("notify", channel, payload)
        return ""

    def channels(self) -> list[str]:
        """pg_listening_channels."""
        return list(self._session.news.channels)

    def prepared(self) -> list[tuple[str, Any, int, str | None]]:
        """The statements of PREPARE and Parse: name, statement, when it was prepared, and the text of a PREPARE."""
        names = self._session.names
        return [(name, prepared, names.times[name], names.said.get(name)) for name, prepared in names.items() if name]

    def sessions(self) -> list[SqlSession]:
        """All that are open."""
        return self._session.backend.sessions()

    def rights_over(self, role: str) -> bool:
        """Whether one may see and end what sessions of a role do."""
        return role == self.role or self.roles.is_super(self.role) or role in self.roles.memberships(self.role)

    def signal(self, process_id: int, *, ends: bool) -> bool:
        """pg_cancel_backend and pg_terminate_backend.

        Raises:
            SqlError: 42501 for a session of somebody else.
        """
        found = next((each for each in self.sessions() if each.process_id == process_id), None)
        end = None if found is None else found.activity.terminate
        if found is None or end is None:
            self._session.notice(Notice(f"PID {process_id} is not a PostgreSQL backend process", "01000", "WARNING"))
            return False
        if not self.rights_over(found.login_role):
            raise SqlError("42501", f"must be a member of the role whose {'process' if ends else 'query'} is being ended")
        if ends:
            end()
            if found is self._session:
                raise CancelledError("terminating connection due to administrator command")
        else:
            found.cancel()
        return True

    def cursors(self) -> list[Any]:
        """The open cursors."""
        return list(self._session.cursors)

    # Values and layouts.

    def layout(self, relation: Relation, env: Environment) -> Any:
        """How rows of a relation lie."""
        return self._session.layout_of(relation, env.catalog)

    def show(self, kind: Kind, value: Any) -> str:
        """A value as messages show it."""
        if value is None:
            return "null"
        base = self._catalog().base(kind)
        found = self.type(base.oid) if base.oid not in types.BUILT_IN else types.BUILT_IN[base.oid]
        return found.write_text(value, self._session.style)

    def default_of(self, relation: Relation, number: int, env: Environment) -> Any:
        """The default of a column, for SET DEFAULT."""
        column = relation.by_number(number)
        binder = Binder(env.catalog, self._session.schemas_in_path(), [])
        run = Compiler(env.catalog.labels, lambda _plan: lambda _env: ()).compile(binder.writes.default(column))
        return run((), env)

    def assigned(self, kind: Kind, value: Any, env: Environment) -> Any:
        """A value of the base type as one of a sized type or a domain."""
        binder = Binder(env.catalog, self._session.schemas_in_path(), [])
        found = binder.coercer.coerce(Const(Kind(env.catalog.base(Kind(kind.oid)).oid), value), kind, "assignment")
        return Compiler(env.catalog.labels, lambda _plan: lambda _env: ()).compile(found)((), env)

    def type(self, oid: int) -> types.Type:
        """A type that users made."""
        catalog = self._catalog()
        base = oid - 2 if oid % 4 == 2 else oid
        found = catalog.objects.get(base)
        if isinstance(found, records.UserType):
            if found.form == records.ENUM:
                labels = sorted(catalog.labels(base) or {}, key=(catalog.labels(base) or {}).__getitem__)
                made = types.enum_type(base, base + 2, found.name, labels)
                return types.array_of(made) if oid != base else made
            inner = catalog.base(Kind(base))
            if oid == base:
                return types.BUILT_IN.get(inner.oid) or self.type(inner.oid)
        raise SqlError("42704", f"type with OID {oid} does not exist")

    def relation_name(self, kind: int, oid: int) -> str | None:
        """What reg... types show."""
        return self.describe.name(kind, oid)

    def relation_oid(self, kind: int, name: str) -> int:
        """What reg... types read."""
        found = self.describe.find(kind, name)
        if found is None:
            what = {REGCLASS: ("42P01", "relation"), kinds.REGTYPE: ("42704", "type"), kinds.REGNAMESPACE: ("3F000", "schema")}
            state, word = what.get(kind, ("42704", "object"))
            raise SqlError(state, f'{word} "{name}" does not exist')
        return found

    # Sequences.

    def _sequence(self, oid: int) -> records.Sequence:
        found = self._catalog().objects.get(oid)
        if not isinstance(found, records.Sequence):
            raise SqlError("42809", f'"{getattr(found, "name", oid)}" is not a sequence')
        return found

    def _allowed(self, oid: int, bits: int) -> None:
        """Refuses what the role may not do with a sequence (42501)."""
        if not self._session.rights.is_super:
            catalog = self._catalog()
            if not any(self._session.rights.roles.may(self.role, catalog, Need(oid, bit)) for bit in _bits(bits)):
                raise SqlError("42501", f"permission denied for sequence {catalog.objects[oid].name}")

    def next_value(self, oid: int, *, granted: bool = False) -> int:
        """nextval: values are taken some at a time, and stay taken. `granted`: without a look at privileges."""
        sequence = self._sequence(oid)
        if not granted:
            self._allowed(oid, USAGE | UPDATE)
        spare = self._session.lane.spare(oid)
        if spare is not None:
            self.note_values([(oid, spare)])
            return spare
        found = self._taken.get(oid)
        if found is None:
            transaction = self._session.backend.tables.begin(TransactionOptions("read committed"))
            try:
                first, last = transaction.take_values(oid, records.encode(sequence), max(1, min(sequence.cache, _MOST_TAKEN)))
            except SqlError as error:
                text = (
                    f'nextval: reached {"maximum" if sequence.increment > 0 else "minimum"} value of sequence "{sequence.name}"'
                )
                raise SqlError("2200H", text) from error
            finally:
                transaction.rollback()
            found = (first, last, sequence.increment)
        value, last, step = found
        if value == last:
            self._taken.pop(oid, None)
        else:
            self._taken[oid] = (value + step, last, step)
        self._current[oid] = value
        self._last = oid
        return value

    def note_values(self, used: list[tuple[int, int]]) -> None:
        """The values that a lane used last of sequences."""
        for oid, value in used:
            self._current[oid] = value
            self._last = oid

    def current_value(self, oid: int) -> int:
        """currval."""
        self._allowed(oid, USAGE | SELECT)
        if oid not in self._current:
            raise SqlError("55000", f'currval of sequence "{self._sequence(oid).name}" is not yet defined in this session')
        return self._current[oid]

    def last_value(self) -> int:
        """lastval."""
        if self._last is None:
            raise SqlError("55000", "lastval is not yet defined in this session")
        return self._current[self._last]

    def set_value(self, oid: int, value: int, called: bool) -> int:
        """setval."""
        sequence = self._sequence(oid)
        self._allowed(oid, UPDATE)
        if not sequence.min <= value <= sequence.max:
            message = f'setval: value {value} is out of bounds for sequence "{sequence.name}" ({sequence.min}..{sequence.max})'
            raise SqlError("22003", message)
        transaction = self._session.backend.tables.begin(TransactionOptions("read committed"))
        try:
            transaction.set_position(oid, value, called)
        finally:
            transaction.rollback()
        self._taken.pop(oid, None)
        if called:
            self._current[oid] = value
            self._last = oid
        return value
