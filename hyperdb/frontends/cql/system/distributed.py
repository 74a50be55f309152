"""Keyspace `system_distributed`: what nodes of a cluster tell each other. There is one node, so it is empty.

Invariant: the tables are Cassandra 5.0's.
"""

from __future__ import annotations

from hyperdb.frontends.cql.system.computed import Definition

TABLES = (
    Definition(
        "repair_history",
        "keyspace_name text, columnfamily_name text",
        "id timeuuid",
        "coordinator inet, coordinator_port int, exception_message text, exception_stacktrace text, finished_at timestamp,"
        " parent_id timeuuid, participants set<inet>, participants_v2 set<text>, range_begin text, range_end text,"
        " started_at timestamp, status text",
        comment="Repair history",
    ),
    Definition(
        "parent_repair_history",
        "parent_id timeuuid",
        "",
        "columnfamily_names set<text>, exception_message text, exception_stacktrace text, finished_at timestamp,"
        " keyspace_name text, options map<text, text>, requested_ranges set<text>, started_at timestamp,"
        " successful_ranges set<text>",
        comment="Repair history",
    ),
    Definition(
        "view_build_status",
        "keyspace_name text, view_name text",
        "host_id uuid",
        "status text",
        comment="Materialized View build status",
    ),
    Definition(
        "partition_denylist",
        "ks_name text, table_name text",
        "key blob",
        "",
        comment="Partition keys which have been denied access",
    ),
)
