"""Keyspace `system_views`: who is connected, how the server is set, what it counts.

Theory: Cassandra's virtual tables with what this server knows; tables about files, compactions of single tables and other nodes
are there, as tools ask for them, and empty. Invariant: a number that is shown was counted.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable

from hyperdb.frontends.cql.access.image import shown
from hyperdb.frontends.cql.schema.rows import Facts
from hyperdb.frontends.cql.system.computed import Definition, Values
from hyperdb.frontends.cql.system.local import CQL_VERSION, PARTITIONER, RELEASE, address

_NATIVE = "native_transport_"


def _clients(facts: Facts, _first: object) -> Iterable[Values]:
    for client in facts.sessions:
        yield {
            "address": address(client.address),
            "port": client.port,
            "client_options": dict(client.options),
            "connection_stage": "ready",
            "driver_name": client.driver_name or None,
            "driver_version": client.driver_version or None,
            "hostname": client.address,
            "keyspace_name": client.keyspace,
            "protocol_version": client.version,
            "request_count": client.requests,
            "ssl_enabled": client.is_encrypted,
            "username": shown(client.role),
        }


def _settings(facts: Facts, _first: object) -> Iterable[Values]:
    node = facts.node
    settings = {
        "cluster_name": node.cluster_name,
        "partitioner": PARTITIONER,
        "num_tokens": "1",
        "endpoint_snitch": "SimpleSnitch",
        _NATIVE + "port": str(node.port),
        "rpc_address": node.address,
        "authenticator": "PasswordAuthenticator",
        "authorizer": "CassandraAuthorizer",
        "role_manager": "CassandraRoleManager",
        "permissions_validity": "2s",
        "roles_validity": "2s",
        "materialized_views_enabled": "true",
        "user_defined_functions_enabled": "false",
        "dynamic_data_masking_enabled": "true",
        "sasi_indexes_enabled": "false",
        "default_secondary_index": "legacy_local_table",
    }
    for name, value in settings.items():
        yield {"name": name, "value": value}


def _properties(_facts: Facts, _first: object) -> Iterable[Values]:
    properties = {
        "hyperdb.release": RELEASE,
        "hyperdb.cql": CQL_VERSION,
        "os.name": platform.system(),
        "os.arch": platform.machine(),
        "os.version": platform.release(),
        "python.version": platform.python_version(),
        "process.id": str(os.getpid()),
    }
    for name, value in properties.items():
        yield {"name": name, "value": value}


def _caches(facts: Facts, _first: object) -> Iterable[Values]:
    gauges = facts.gauges()
    if gauges:
        yield {
            "name": "chunks",
            "capacity_bytes": gauges["block_cache_budget_bytes"],
            "size_bytes": gauges["block_cache_bytes"],
        }


def _metrics(facts: Facts, _first: object) -> Iterable[Values]:
    for name, value in facts.gauges().items():
        yield {"name": name, "value": float(value)}


def _cql_metrics(facts: Facts, _first: object) -> Iterable[Values]:
    yield {"name": "connected_clients", "value": float(len(facts.sessions))}
    yield {"name": "requests", "value": float(sum(client.requests for client in facts.sessions))}


_OF_TABLE = ("keyspace_name text, table_name text", "")
_LATENCY = "count bigint, max_ms double, p50th_ms double, p99th_ms double, per_second double"
_HISTOGRAM = "count bigint, max double, p50th double, p99th double"
_LATENCIES = (
    "coordinator_read_latency",
    "coordinator_scan_latency",
    "coordinator_write_latency",
    "local_read_latency",
    "local_scan_latency",
    "local_write_latency",
)

TABLES = (
    Definition(
        "clients",
        "address inet",
        "port int",
        "authentication_metadata frozen<map<text, text>>, authentication_mode text, client_options frozen<map<text, text>>,"
        " connection_stage text, driver_name text, driver_version text, hostname text, keyspace_name text,"
        " protocol_version int, request_count bigint, ssl_cipher_suite text, ssl_enabled boolean, ssl_protocol text,"
        " username text",
        _clients,
        "currently connected clients",
    ),
    Definition("settings", "name text", "", "value text", _settings, "current settings"),
    Definition("system_properties", "name text", "", "value text", _properties, "properties of the machine and of the process"),
    Definition(
        "caches",
        "name text",
        "",
        "capacity_bytes bigint, entry_count int, hit_count bigint, hit_ratio double, recent_hit_rate_per_second bigint,"
        " recent_request_rate_per_second bigint, request_count bigint, size_bytes bigint",
        _caches,
        "system caches",
    ),
    Definition("metrics", "name text", "", "value double", _metrics, "counters and gauges of the store"),
    Definition("cql_metrics", "name text", "", "value double", _cql_metrics, "metrics of requests"),
    Definition(
        "thread_pools",
        "name text",
        "",
        "active_tasks int, active_tasks_limit int, blocked_tasks bigint, blocked_tasks_all_time bigint,"
        " completed_tasks bigint, core_pool_size int, max_pool_size int, max_tasks_queued int, pending_tasks int",
        comment="thread pools",
    ),
    Definition(
        "sstable_tasks",
        "keyspace_name text",
        "table_name text, task_id timeuuid",
        "completion_ratio double, kind text, progress bigint, sstables int, target_directory text, total bigint, unit text",
        comment="current sstable tasks",
    ),
    Definition(
        "queries",
        "thread_id text",
        "",
        "queued_micros bigint, running_micros bigint, task text",
        comment="currently running queries",
    ),
    Definition("disk_usage", *_OF_TABLE, "mebibytes bigint", comment="disk usage"),
    Definition("max_partition_size", *_OF_TABLE, "mebibytes bigint", comment="largest partitions"),
    Definition("rows_per_read", *_OF_TABLE, _HISTOGRAM, comment="rows a read"),
    Definition("tombstones_per_read", *_OF_TABLE, _HISTOGRAM, comment="tombstones a read"),
    *(Definition(name, *_OF_TABLE, _LATENCY, comment=name.replace("_", " ")) for name in _LATENCIES),
)
