"""What SQL asks the session and the catalog: names, settings, sequences, definitions.

Theory: all go through the environment's `session`, which the executor passes in; here is only how they are called. Invariant: a
question about what is not there gives null where PostgreSQL gives null.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

from hyperdb.frontends.sql.catalog.kinds import (
    ANY,
    ANYARRAY,
    BOOL,
    FLOAT8,
    INT4,
    INT8,
    NAME,
    NUMERIC,
    OID,
    RECORD,
    REGCLASS,
    REGTYPE,
    TEXT,
    UUID,
    VOID,
    array_of,
)
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.types import BUILT_IN, Record, charsets

VERSION = "PostgreSQL 15.8 (HyperDB)"
_NAMES = array_of(NAME) or 0
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def _pretty(size: int) -> str:
    value = size
    for unit in _UNITS:
        if abs(value) < 10 * 1024 or unit == _UNITS[-1]:
            return f"{value} {unit}"
        value = (value + 512) // 1024
    return str(size)


def _expanded(items: Sequence[int]) -> list[Record]:
    """information_schema._pg_expandarray: items with their places from 1."""
    kinds = [BUILT_IN[INT4], BUILT_IN[INT4]]
    return [Record((item, place), kinds) for place, item in enumerate(items, 1)]


def _charset_name(number: int) -> str:
    found = charsets.numbered(number)
    return "" if found is None else found.name


def _charset_number(name: str) -> int:
    found = charsets.find(name)
    return -1 if found is None else found.number


def _env(
    name: str,
    arguments: tuple[int, ...],
    result: int,
    call: Any,
    *,
    strict: bool = True,
    volatile: bool = False,
    optional: int = 0,
) -> Function:
    return Function(name, arguments, result, call, strict=strict, env=True, volatile=volatile, optional=optional)


IDENTITY_NEXT = _env("nextval", (REGCLASS,), INT8, lambda env, oid: env.session.next_value(oid, granted=True), volatile=True)
"""The next value of an identity column's sequence, which needs no privilege of its own."""


def functions() -> Iterator[Function]:
    """The table."""
    yield Function("version", (), TEXT, lambda: VERSION)
    yield Function("gen_random_uuid", (), UUID, uuid4, volatile=True)
    for name in ("current_database", "current_catalog"):
        yield _env(name, (), NAME, lambda env: env.session.database)
    yield _env("current_schema", (), NAME, lambda env: next(iter(env.session.schemas(False)), None))
    yield _env("current_schemas", (BOOL,), _NAMES, lambda env, implicit: env.session.schemas(implicit))
    for name in ("current_user", "user", "current_role"):
        yield _env(name, (), NAME, lambda env: env.session.role)
    yield _env("session_user", (), NAME, lambda env: env.session.login_role)
    yield _env("pg_client_encoding", (), NAME, lambda env: env.session.setting("client_encoding"))
    yield _env("current_setting", (TEXT,), TEXT, lambda env, name: env.session.setting(name))
    yield _env("current_setting", (TEXT, BOOL), TEXT, lambda env, name, missing: env.session.setting(name, missing))
    yield _env(
        "set_config",
        (TEXT, TEXT, BOOL),
        TEXT,
        lambda env, name, value, local: env.session.set_config(name, value, local),
        volatile=True,
    )
    yield _env("current of", (TEXT, INT8, INT4), ANY, lambda env, *asked: env.session.current_of(*asked))
    yield _env("pg_backend_pid", (), INT4, lambda env: env.session.process_id)
    yield _env("nextval", (REGCLASS,), INT8, lambda env, oid: env.session.next_value(oid), volatile=True)
    yield _env("currval", (REGCLASS,), INT8, lambda env, oid: env.session.current_value(oid), volatile=True)
    yield _env("lastval", (), INT8, lambda env: env.session.last_value(), volatile=True)
    yield _env("setval", (REGCLASS, INT8), INT8, lambda env, oid, value: env.session.set_value(oid, value, True), volatile=True)
    yield _env(
        "setval",
        (REGCLASS, INT8, BOOL),
        INT8,
        lambda env, oid, value, called: env.session.set_value(oid, value, called),
        volatile=True,
    )
    yield _env(
        "format_type", (OID, INT4), TEXT, lambda env, oid, modifier: env.session.describe.format_type(oid, modifier), strict=False
    )
    yield _env("pg_get_expr", (TEXT, OID), TEXT, lambda _env, text, _oid: text)
    yield _env("pg_get_expr", (TEXT, OID, BOOL), TEXT, lambda _env, text, _oid, _pretty: text)
    yield _env("pg_get_indexdef", (OID,), TEXT, lambda env, oid: env.session.describe.index_definition(oid))
    yield _env(
        "pg_get_indexdef",
        (OID, INT4, BOOL),
        TEXT,
        lambda env, oid, column, pretty: env.session.describe.index_definition(oid, column, pretty=pretty),
    )
    yield _env("pg_get_constraintdef", (OID,), TEXT, lambda env, oid: env.session.describe.constraint_definition(oid))
    yield _env(
        "pg_get_constraintdef",
        (OID, BOOL),
        TEXT,
        lambda env, oid, pretty: env.session.describe.constraint_definition(oid, pretty=pretty),
    )
    yield _env("pg_get_viewdef", (OID,), TEXT, lambda env, oid: env.session.describe.view_definition(oid))
    yield _env("pg_get_viewdef", (OID, BOOL), TEXT, lambda env, oid, _pretty: env.session.describe.view_definition(oid))
    yield _env(
        "pg_get_serial_sequence",
        (TEXT, TEXT),
        TEXT,
        lambda env, table, column: env.session.describe.serial_sequence(table, column),
    )
    yield _env("pg_get_userbyid", (OID,), NAME, lambda env, oid: env.session.role_name(oid))
    yield _env("obj_description", (OID, NAME), TEXT, lambda env, oid, _catalog: env.session.describe.comment(oid, 0))
    yield _env("obj_description", (OID,), TEXT, lambda env, oid: env.session.describe.comment(oid, 0))
    yield _env("shobj_description", (OID, NAME), TEXT, lambda _env, _oid, _catalog: None)
    yield _env("col_description", (OID, INT4), TEXT, lambda env, oid, number: env.session.describe.comment(oid, number))
    yield _env("to_regclass", (TEXT,), REGCLASS, lambda env, name: env.session.describe.find_relation(name))
    yield _env("to_regtype", (TEXT,), REGTYPE, lambda env, name: env.session.describe.find_type(name))
    yield _env("pg_my_temp_schema", (), OID, lambda env: env.session.temporary_schema)
    yield _env("pg_table_is_visible", (OID,), BOOL, lambda env, oid: env.session.describe.is_visible(oid))
    yield _env("pg_type_is_visible", (OID,), BOOL, lambda env, oid: env.session.describe.is_visible(oid))
    for (
        name
    ) in "function collation opclass operator opfamily conversion ts_config ts_dict ts_parser ts_template statistics_obj".split():
        yield Function(f"pg_{name}_is_visible", (OID,), BOOL, lambda _oid: True)
    for name in ("pg_table_size", "pg_total_relation_size", "pg_relation_size", "pg_indexes_size"):
        yield _env(name, (REGCLASS,), INT8, lambda env, oid: env.session.describe.size(oid))
    yield Function("pg_size_pretty", (INT8,), TEXT, _pretty)
    yield Function("pg_size_pretty", (NUMERIC,), TEXT, lambda size: _pretty(int(size)))
    yield Function("pg_encoding_to_char", (INT4,), NAME, _charset_name)
    yield Function("pg_char_to_encoding", (NAME,), INT4, _charset_number)
    yield Function("pg_char_to_encoding", (NAME,), INT4, lambda _name: 6)
    yield Function("pg_is_in_recovery", (), BOOL, lambda: False)
    yield Function("pg_partition_ancestors", (REGCLASS,), REGCLASS, lambda _oid: [], rows=True)
    for more in ((), (BOOL,)):
        yield Function("pg_get_triggerdef", (OID, *more), TEXT, lambda *_oid: None)
    yield Function("_pg_expandarray", (ANYARRAY,), RECORD, _expanded, rows=True)
    for place, name in enumerate(("x", "n")):
        # The fields of its records, which are the only ones that are named.
        yield Function(f"record.{name}", (RECORD,), INT4, lambda record, place=place: record[place])
    yield Function("pg_get_partkeydef", (OID,), TEXT, lambda _oid: None)
    yield Function("pg_get_statisticsobjdef_columns", (OID,), TEXT, lambda _oid: None)
    for name in ("result", "arguments", "identity_arguments"):
        yield _env(f"pg_get_function_{name}", (OID,), TEXT, lambda env, oid, name=name: env.session.describe.function(oid, name))
    yield _env("pg_get_functiondef", (OID,), TEXT, lambda env, oid: env.session.describe.function(oid, "definition"))
    for more in ((), (BOOL,)):
        yield Function("pg_get_ruledef", (OID, *more), TEXT, lambda *_oid: None)
    for named in (OID, NAME):
        yield Function("pg_database_size", (named,), INT8, lambda _database: None)
        yield Function("pg_tablespace_size", (named,), INT8, lambda _space: None)
    yield Function("pg_tablespace_location", (OID,), TEXT, lambda _oid: "")
    yield Function("pg_get_function_sqlbody", (OID,), TEXT, lambda _oid: None)
    yield Function("getdatabaseencoding", (), NAME, lambda: "UTF8")
    yield Function("pg_relation_is_publishable", (REGCLASS,), BOOL, lambda _oid: False)
    yield Function("row_security_active", (OID,), BOOL, lambda _oid: False)
    yield Function("inet_server_addr", (), TEXT, lambda: None)
    yield Function("txid_current", (), INT8, lambda env: env.session.transaction_number, env=True)
    yield _env(
        "pg_notify",
        (TEXT, TEXT),
        VOID,
        lambda env, channel, payload: env.session.notify(channel or "", payload or ""),
        strict=False,
        volatile=True,
    )
    yield Function("pg_listening_channels", (), TEXT, lambda env: env.session.channels(), env=True, rows=True)
    yield Function("pg_notification_queue_usage", (), FLOAT8, lambda: 0.0)
    yield Function("pg_sleep", (ANY,), VOID, lambda env, seconds: env.session.sleep(float(seconds)), env=True, volatile=True)
