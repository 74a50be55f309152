"""pg_stat_...: who is connected and what runs, how each connection came, and rows of tables.

Theory: sessions of the database say what they do when they are asked; nothing is counted in between. What a client's lane answers
is not seen as a query of its session (lane/session.py). Invariant: a superuser sees every query, others their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hyperdb.frontends.sql.access.rights import role_oid
from hyperdb.frontends.sql.catalog.objects import schema_oid
from hyperdb.graph.catalog import records

Rows = Iterator[Sequence[Any]]
_DATABASE = 5
_STATES = {"I": "idle", "T": "idle in transaction", "E": "idle in transaction (aborted)"}


def activity(env: Any) -> Rows:
    """pg_stat_activity."""
    for each in env.session.sessions():
        said = each.activity
        may_see = env.session.rights_over(each.login_role)
        state = "active" if said.running else _STATES[each.status.value.decode()]
        yield (
            _DATABASE, each.database, each.process_id, None, role_oid(each.login_role), each.login_role,
            each.settings.value("application_name"), said.address or None, None, None, said.began, said.transaction(each),
            said.query_began, said.changed, "Client" if may_see and state != "active" else None,
            "ClientRead" if may_see and state != "active" else None, state if may_see else None, None, None, None,
            said.query if may_see else "<insufficient privilege>", "client backend",
        )  # fmt: skip


def gssapi(env: Any) -> Rows:
    """pg_stat_gssapi: nobody comes that way."""
    for each in env.session.sessions():
        yield each.process_id, False, None, False


def tables(env: Any) -> Rows:
    """pg_stat_user_tables: the tables, without what is not counted."""
    catalog = env.catalog
    names = {number: name for name, number in catalog.schemas.items()}
    for number, found in catalog.objects.items():
        if isinstance(found, records.Table):
            schema = names.get(schema_oid(catalog, number), "")
            yield number, schema, found.name, *[None] * 20


_TABLES = (
    "relid oid, schemaname name, relname name, seq_scan int8, seq_tup_read int8, idx_scan int8, idx_tup_fetch int8, "
    "n_tup_ins int8, n_tup_upd int8, n_tup_del int8, n_tup_hot_upd int8, n_live_tup int8, n_dead_tup int8, "
    "n_mod_since_analyze int8, n_ins_since_vacuum int8, last_vacuum timestamptz, last_autovacuum timestamptz, "
    "last_analyze timestamptz, last_autoanalyze timestamptz, vacuum_count int8, autovacuum_count int8, analyze_count "
    "int8, autoanalyze_count int8"
)
RELATIONS = {
    "pg_stat_activity": (
        "datid oid, datname name, pid int4, leader_pid int4, usesysid oid, usename name, application_name text, client_addr inet,"
        " client_hostname text, client_port int4, backend_start timestamptz, xact_start timestamptz, query_start timestamptz,"
        " state_change timestamptz, wait_event_type text, wait_event text, state text, backend_xid xid, backend_xmin xid,"
        " query_id int8, query text, backend_type text",
        activity,
    ),
    "pg_stat_gssapi": ("pid int4, gss_authenticated bool, principal text, encrypted bool", gssapi),
    "pg_stat_user_tables": (_TABLES, tables),
    "pg_stat_all_tables": (_TABLES, tables),
}
