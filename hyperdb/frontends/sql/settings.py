"""Settings: SET, SHOW, RESET, set_config, and what the values mean.

Theory: a table of names with their defaults and checks. SET LOCAL and what a transaction set is put back when it ends without
a commit (all of it) or at its end (LOCAL). Names with a dot are whoever's and hold any text. What only the session can judge
(`role`) it checks itself, on whatever way a value comes. Invariant: a setting that is accepted has the effect that it names;
others are refused (42704, 0A000).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hyperdb.errors import InvalidError, SqlError
from hyperdb.frontends.sql.contract import IdleLimit
from hyperdb.frontends.sql.functions import times
from hyperdb.frontends.sql.types import Style, charsets
from hyperdb.oblivious.levels import parse_level
from hyperdb.roles import BOOTSTRAP_ROLE

Check = Callable[[str], str]


def _word(*words: str) -> Check:
    def check(value: str) -> str:
        if value.lower() not in words:
            raise SqlError("22023", f'invalid value: "{value}"', hint=f"Available values: {', '.join(words)}.")
        return value.lower()

    return check


def _boolean(value: str) -> str:
    lowered = value.lower()
    if lowered in ("on", "true", "yes", "1", "t", "y"):
        return "on"
    if lowered in ("off", "false", "no", "0", "f", "n"):
        return "off"
    raise SqlError("22023", f'a Boolean value is required, not "{value}"')


_NUMBER = re.compile(r"\s*([+-]?[0-9]+(?:\.[0-9]*)?)\s*([a-z]*)\s*\Z")
_UNITS = {"": 1, "us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_SHOWN = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1))


def _number(low: int, high: int) -> Check:
    def check(value: str) -> str:
        spoken = _NUMBER.match(value)
        scale = None if spoken is None else _UNITS.get(spoken[2])
        if spoken is None or scale is None or not low <= round(float(spoken[1]) * scale) <= high:
            raise SqlError("22023", f'"{value}" is outside the valid range ({low} .. {high})')
        return str(round(float(spoken[1]) * scale))

    return check


def _with_unit(value: str) -> str:
    number = int(value)
    if number < 0:
        return value
    unit, scale = next((unit, scale) for unit, scale in _SHOWN if number % scale == 0)
    return f"{number // scale}{unit}" if number else "0"


def _fixed(only: str) -> Check:
    def check(value: str) -> str:
        if value.lower() != only.lower():
            raise SqlError("0A000", f'only the value "{only}" is supported, not "{value}"')
        return only

    return check


def _never(value: str) -> str:
    if _boolean(value) == "on":
        raise SqlError("0A000", "there is no compiler to turn on")
    return "off"


def _at_once(value: str) -> str:
    if _TIME(value) != "1":
        raise SqlError("0A000", "deadlocks are looked for as soon as somebody waits, and not later")
    return "1"


PRIVACY = "hyperdb.privacy"


def _privacy(value: str) -> str:
    """A level of privacy: this is the store itself, so any but `none` is refused, and never taken for a lower one."""
    level = _level(value)
    if level != "none":
        reason = "this port is the store's own, which sees what is read"
        hint = "Run `hyperdb serve --remote URL --privacy LEVEL` on your own machine, and ask that."
        raise SqlError("0A000", f'{PRIVACY} = "{level}" cannot be kept: {reason}', hint=hint)
    return level


def _level(value: str) -> str:
    try:
        return str(parse_level(value))
    except InvalidError as error:
        hint = "Available values: none, bucket(K), cover(c, K), pir, full."
        raise SqlError("22023", f'invalid value for parameter "{PRIVACY}": "{value}"', hint=hint) from error


def _encoding(value: str) -> str:
    found = charsets.find(value.strip("'\""))
    if found is None:
        raise SqlError("22023", f'invalid value for parameter "client_encoding": "{value}"')
    if not found.codec:
        raise SqlError("0A000", f"conversion between {found.name} and UTF8 is not supported")
    return found.name


def _zone(value: str) -> str:
    times.zone(value)
    return value


_STYLES = {"iso": "ISO", "sql": "SQL", "postgres": "Postgres", "german": "German"}
_ORDERS = {"mdy": "MDY", "us": "MDY", "dmy": "DMY", "euro": "DMY", "european": "DMY", "ymd": "YMD"}


def _dates(value: str) -> str:
    style, order = "ISO", ""
    for word in value.replace(",", " ").lower().split():
        if word in _STYLES:
            style = _STYLES[word]
        elif word in _ORDERS:
            order = _ORDERS[word]
        else:
            raise SqlError("22023", f'invalid value for parameter "DateStyle": "{value}"')
    return f"{style}, {order or ('DMY' if style == 'German' else 'MDY')}"


def _any(value: str) -> str:
    return value


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    name: str
    default: str
    check: Check | None
    reported: bool = False
    """Clients are told when it changes."""
    about: str = ""
    is_time: bool = False
    """Kept in milliseconds, and shown in the largest unit that divides it."""
    of_superusers: bool = False
    """Nobody else changes it."""
    at_start: bool = False
    """It counts for a session as it is when that begins, and stays so."""


_TIME = _number(0, 2_147_483_647)
_ISOLATION = _word("read committed", "repeatable read", "serializable", "read uncommitted")
TABLE = {
    setting.name.lower(): setting
    for setting in (
        Setting("server_version", "15.8", None, True, "The version of PostgreSQL whose behaviour is followed"),
        Setting("server_version_num", "150008", None),
        Setting("server_encoding", "UTF8", None, True),
        Setting("client_encoding", "UTF8", _encoding, True, "The client's character set"),
        Setting("is_superuser", "on", None, True),
        Setting("session_authorization", "postgres", None, True),
        Setting("role", "none", _any, False, "Whose rights count, where it is not who has logged in"),
        Setting("application_name", "", _any, True, "What the client calls itself"),
        Setting("integer_datetimes", "on", None, True),
        Setting("standard_conforming_strings", "on", _fixed("on"), True),
        Setting("password_encryption", "scram-sha-256", _fixed("scram-sha-256")),
        Setting("DateStyle", "ISO, MDY", _dates, True, "How dates are written and read"),
        Setting("IntervalStyle", "postgres", _word("postgres", "postgres_verbose", "sql_standard", "iso_8601"), True),
        Setting("TimeZone", "UTC", _zone, True, "The time zone of timestamps that have none"),
        Setting("default_transaction_read_only", "off", _boolean, True),
        Setting("in_hot_standby", "off", None, True),
        Setting("extra_float_digits", "1", _number(-15, 3)),
        Setting("bytea_output", "hex", _word("hex", "escape")),
        Setting("search_path", '"$user", public', _any, False, "The schemas in which names are looked up"),
        Setting("default_transaction_isolation", "read committed", _ISOLATION),
        Setting("transaction_isolation", "read committed", None),
        Setting("transaction_read_only", "off", None),
        Setting("default_transaction_deferrable", "off", _boolean),
        Setting("transaction_deferrable", "off", None),
        Setting("max_prepared_transactions", "0", None),
        Setting("password_encryption", "scram-sha-256", _fixed("scram-sha-256")),
        Setting("lock_timeout", "0", _TIME, False, "Time to wait for one lock; 0: for ever", True),
        Setting(
            "hyperdb.tier", "auto", _word("auto", "rows", "columns"), False, "Where queries run: by row operators or in columns"
        ),
        Setting("hyperdb.prove", "off", _boolean, False, "Whether queries come with a proof that their inputs are complete"),
        Setting(
            "log_connections", "off", _boolean, False, "Whether successful logins are logged", of_superusers=True, at_start=True
        ),
        Setting(
            "log_disconnections", "off", _boolean, False, "Whether ends of sessions are logged", of_superusers=True, at_start=True
        ),
        Setting(
            "log_statement", "none", _word("none", "ddl", "mod", "all"), False, "Which statements are logged", of_superusers=True
        ),
        Setting(
            "log_min_duration_statement",
            "-1",
            _number(-1, 2_147_483_647),
            False,
            "Time from which on statements are logged with the time that they took; -1: none are",
            True,
            of_superusers=True,
        ),
        Setting("deadlock_timeout", "1", _at_once, False, "Deadlocks are looked for as soon as somebody waits", True),
        Setting(PRIVACY, "none", _privacy, False, "How little the store may learn of a query"),
        Setting("statement_timeout", "0", _TIME, False, "Time that a statement may run; 0: for ever", True),
        Setting("idle_in_transaction_session_timeout", "0", _TIME, False, "Time that a client in a block may be silent", True),
        Setting("idle_session_timeout", "0", _TIME, False, "Time that a client outside of one may be silent", True),
        Setting(
            "client_min_messages",
            "notice",
            _word("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"),
        ),
        Setting("max_identifier_length", "63", None),
        Setting("max_index_keys", "32", None),
        Setting("block_size", "8192", None),
        Setting("lc_collate", "C", None),
        Setting("lc_ctype", "C", None),
        Setting("lc_messages", "C", _fixed("C")),
        Setting("lc_monetary", "C", _fixed("C")),
        Setting("escape_string_warning", "on", _fixed("on")),
        Setting("row_security", "on", _fixed("on")),
        Setting("jit", "off", _never),
        Setting("check_function_bodies", "on", _fixed("on")),
        Setting("default_tablespace", "", _fixed("")),
        Setting("default_table_access_method", "heap", _fixed("heap")),
        Setting("xmloption", "content", _fixed("content")),
        Setting("synchronous_commit", "on", _fixed("on")),
        Setting("wal_level", "replica", None),
        Setting("ssl", "off", None),
        Setting("array_nulls", "on", _fixed("on")),
        Setting("backslash_quote", "safe_encoding", _fixed("safe_encoding")),
        Setting("max_connections", "100", None),
        Setting("superuser_reserved_connections", "3", None),
        Setting("shared_buffers", "128MB", None),
        Setting("work_mem", "4MB", _fixed("4MB")),
    )
}
_ALIASES = {"time zone": "timezone", "transaction isolation level": "transaction_isolation", "names": "client_encoding"}


_SILENCE = {
    True: (
        "idle_in_transaction_session_timeout",
        "25P03",
        "terminating connection due to idle-in-transaction timeout",
    ),
    False: ("idle_session_timeout", "57P05", "terminating connection due to idle-session timeout"),
}
_OF_TRANSACTIONS = frozenset({"transaction_isolation", "transaction_read_only", "transaction_deferrable"})
_CUSTOM = re.compile(r"[^\W\d][\w$]*(?:\.[^\W\d][\w$]*)+")


class Settings:
    """The settings of one session."""

    def __init__(
        self,
        given: Mapping[str, str],
        role: str,
        take_role: Check = _any,
        is_super: Callable[[], bool] = lambda: True,
        *,
        defaults: Mapping[str, str] | None = None,
        starts_super: Callable[[], bool] = lambda: True,
    ) -> None:
        """`given` are those of the start, `defaults` the operator's. `take_role` refuses roles that the session may not become;
        `is_super` says whether the one that it is passes every check, `starts_super` whether the one does that logs in."""
        self._take_role = take_role
        self._is_super = starts_super
        self._has_begun = False
        self._values: dict[str, str] = {"session_authorization": role}
        self.transaction: dict[str, str] = {}
        """Those that the open transaction was begun with."""
        self._before: dict[str, str | None] = {}
        self._local: dict[str, str | None] = {}
        self._marks: list[tuple[dict[str, str], dict[str, str | None], dict[str, str | None]]] = []
        """By savepoint: values, those to go back to at the end in any case, those to go back to if it is rolled back."""
        self._changed: set[str] = {name for name, setting in TABLE.items() if setting.reported}
        self._own: dict[str, str] = {}
        self._keeps_levels = False
        for name, value in (defaults or {}).items():
            self._set_default(name, value)
        for name, value in given.items():
            self.set(name, value)
        self._is_super = is_super
        self._has_begun = True
        self._before.clear()
        self._own = dict(self._values)

    def keep_levels(self, default: str) -> None:
        """From now on every level of privacy may be set, for somebody reads at it; this one is the session's own."""
        self._keeps_levels = True
        self._values[PRIVACY] = self._own[PRIVACY] = default

    def get(self, name: str, missing: bool = False) -> str | None:
        """The value.

        Raises:
            SqlError: 42704 where there is no such setting, unless it may be missing.
        """
        key = self._key(name)
        if key in self.transaction:
            return self.transaction[key]
        if key in _OF_TRANSACTIONS:
            # Outside of one: what the next one begins with.
            return self.value(f"default_{key}")
        setting = TABLE.get(key)
        if key == "is_superuser":
            return self.value(key)
        if key in self._values:
            value = self._values[key]
            return _with_unit(value) if setting is not None and setting.is_time else value
        if setting is None:
            if missing:
                return None
            raise SqlError("42704", f'unrecognized configuration parameter "{name}"')
        return _with_unit(setting.default) if setting.is_time else setting.default

    def value(self, name: str) -> str:
        """The value of a setting that is in the table."""
        if name == "is_superuser":
            return "on" if self._is_super() else "off"
        found = self.transaction.get(name, self._values.get(name))
        return TABLE[name].default if found is None else found

    def _key(self, name: str) -> str:
        lowered = name.lower()
        return _ALIASES.get(lowered, lowered)

    def set(self, name: str, value: str | None, *, local: bool = False) -> str:
        """Sets it, None: to what it was at the start; what it is then.

        Raises:
            SqlError: 42704, 22023, 55P02, 0A000.
        """
        key = self._key(name)
        setting = TABLE.get(key)
        if setting is None and ("." not in key or key.startswith("hyperdb.")):
            raise SqlError("42704", f'unrecognized configuration parameter "{name}"')
        if setting is None and not _CUSTOM.fullmatch(key):
            detail = "Custom parameter names must be two or more simple identifiers separated by dots."
            raise SqlError("42602", f'invalid configuration parameter name "{name}"', detail=detail)
        if setting is not None and setting.check is None:
            raise SqlError("55P02", f'parameter "{setting.name}" cannot be changed')
        if setting is not None and setting.at_start and self._has_begun:
            raise SqlError("55P02", f'parameter "{setting.name}" cannot be set after connection start')
        if setting is not None and setting.of_superusers and not self._is_super():
            raise SqlError("42501", f'permission denied to set parameter "{setting.name}"')
        if value is None:
            checked = self._own.get(key) or ("" if setting is None else setting.default)
        else:
            try:
                check = _level if key == PRIVACY and self._keeps_levels else None if setting is None else setting.check
                checked = value if check is None else check(value)
            except SqlError as error:
                message = f'invalid value for parameter "{key}": "{value}"' if error.sqlstate == "22023" else error.message
                raise SqlError(error.sqlstate, message, hint=error.hint, detail=error.message) from None
        if key == "role":
            checked = self._take_role(checked)
        before = self._values.get(key)
        (self._local if local else self._before).setdefault(key, before)
        self._values[key] = checked
        self._touch(key)
        return checked

    def _set_default(self, name: str, value: str) -> None:
        """The operator's own: whoever logs in."""
        is_super, self._is_super = self._is_super, lambda: True
        try:
            self.set(name, value)
        finally:
            self._is_super = is_super

    def reset_all(self) -> None:
        """RESET ALL, of those that the session may change."""
        for key in list(self._values):
            setting = TABLE.get(key)
            if setting is None or (setting.check is not None and not setting.at_start and self._may_change(setting)):
                self.set(key, None)

    def _may_change(self, setting: Setting) -> bool:
        return not setting.of_superusers or self._is_super()

    def _touch(self, key: str) -> None:
        if key in TABLE and TABLE[key].reported:
            self._changed.add(key)
        if key == "role":
            self._changed.add("is_superuser")

    def end(self, *, committed: bool) -> bool:
        """The transaction ended; whether any setting was touched in it."""
        self.transaction = {}
        self._marks.clear()
        if not self._local and not self._before:
            return False
        undone = [self._local] if committed else [self._local, self._before]
        for found in undone:
            for key, value in found.items():
                if value is None:
                    self._values.pop(key, None)
                else:
                    self._values[key] = value
                self._touch(key)
        self._local, self._before = {}, {}
        return True

    def mark(self) -> None:
        """A savepoint begins."""
        self._marks.append((dict(self._values), dict(self._local), dict(self._before)))

    def roll_back(self, place: int) -> None:
        """ROLLBACK TO the savepoint of that place: what was set since is undone."""
        now = self._values
        values, local, before = self._marks[place]
        del self._marks[place + 1 :]
        self._values, self._local, self._before = dict(values), dict(local), dict(before)
        for key in now.keys() | values.keys():
            if now.get(key) != values.get(key):
                self._touch(key)

    def release(self, place: int) -> None:
        """RELEASE of the savepoint of that place."""
        del self._marks[place:]

    @property
    def is_pending(self) -> bool:
        """Whether the end of the transaction will change any."""
        return bool(self._local or self._before)

    @property
    def has_own(self) -> bool:
        """Whether one of those that only this database has is set."""
        return any(key.startswith("hyperdb.") for key in self._values)

    def changed(self) -> dict[str, str]:
        """Reported settings that changed since the last call."""
        found = {TABLE[key].name: self.value(key) for key in sorted(self._changed)}
        self._changed = set()
        return found

    def idle_limit(self, *, in_block: bool) -> IdleLimit | None:
        """How long a client may be silent in a block, or outside of one."""
        name, state, message = _SILENCE[in_block]
        limit = int(self.value(name))
        return IdleLimit(limit / 1000, state, message) if limit else None

    @property
    def patience(self) -> float | None:
        """`lock_timeout` in seconds; None: for ever."""
        return int(self.value("lock_timeout")) / 1000 or None

    def path(self, role: str) -> list[str]:
        """The schemas of search_path."""
        names = []
        for each in self.value("search_path").split(","):
            name = each.strip()
            name = name[1:-1].replace('""', '"') if name.startswith('"') else name.strip("'").lower()
            if name:
                # The bootstrap role goes by the name of a schema that is built in, and has none of its own.
                own = name == "$user"
                if not own or role != BOOTSTRAP_ROLE:
                    names.append(role if own else name)
        return names

    def style(self, style: Style) -> Style:
        """How values are written under these settings."""
        dates, order = self.value("datestyle").split(", ")
        zone = self.value("timezone")
        return Style(
            dates,
            order,
            self.value("intervalstyle"),
            times.zone(zone),
            zone,
            int(self.value("extra_float_digits")),
            self.value("bytea_output"),
            style.now,
            style.relation_name,
            style.relation_oid,
            charsets.find(self.value("client_encoding")) or charsets.UTF8,
        )

    def all(self) -> list[tuple[str, str, str]]:
        """Names, values, what they are about."""
        return [(setting.name, self.value(key), setting.about) for key, setting in sorted(TABLE.items())]


def check_defaults(defaults: Mapping[str, str]) -> None:
    """Looks whether an operator's settings are some.

    Raises:
        InvalidError: a name or value is none.
    """
    try:
        Settings({}, BOOTSTRAP_ROLE, defaults=defaults)
    except SqlError as error:
        raise InvalidError(f"a setting of SQL: {error.message}") from error
