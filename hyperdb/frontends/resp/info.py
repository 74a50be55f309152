"""INFO: the server's state as text, in Redis's sections and field names where the meaning is the same.

Theory: a section is a function from the control object to rows. Counters come from the native side; a field whose number
is not known there is left out, never made up.
"""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Callable, Mapping, Sequence

from hyperdb.frontends.resp import memory
from hyperdb.frontends.resp.control import Control

Row = tuple[str, object]
_DEFAULT = frozenset("server clients memory persistence stats replication cpu modules errorstats cluster keyspace frames".split())
_UNITS = ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))
# INFO's field names on the left, the native side's on the right
_CLIENTS = {
    "connected_clients": "connected_clients",
    "blocked_clients": "blocked_clients",
    "pubsub_clients": "pubsub_clients",
    "watching_clients": "watching_clients",
    "total_blocking_keys": "blocking_keys",
    "total_blocking_keys_on_nokey": "blocking_keys_if_gone",
    "tracking_clients": "tracking_clients",
    "hyperdb_input_buffer_bytes": "clients_input_bytes",
    "hyperdb_output_buffer_bytes": "clients_output_bytes",
}
_DEBUG = {
    "eventloop_duration_aof_sum": "loop_commit_micros",
    "eventloop_duration_cron_sum": "loop_housekeeping_micros",
    "eventloop_duration_max": "loop_longest_micros",
    "eventloop_cmd_per_cycle_max": "loop_most_commands",
}
_NEVER = (
    "evicted_keys",
    "total_eviction_exceeded_time",
    "current_eviction_exceeded_time",
    "sync_full",
    "sync_partial_ok",
    "sync_partial_err",
    "slave_expires_tracked_keys",
    "total_forks",
    "latest_fork_usec",
    "active_defrag_running",
    "active_defrag_hits",
    "active_defrag_misses",
    "active_defrag_key_hits",
    "active_defrag_key_misses",
    "total_active_defrag_time",
    "current_active_defrag_time",
    "unexpected_error_replies",
    "io_threaded_reads_processed",
    "io_threaded_writes_processed",
)
"""What of Redis's counters never happens here: nothing is evicted, copied to others, forked or moved in memory."""
_STATS = {
    "total_connections_received": "total_connections_received",
    "total_commands_processed": "total_commands_processed",
    "total_net_input_bytes": "total_net_input_bytes",
    "total_net_output_bytes": "total_net_output_bytes",
    "instantaneous_ops_per_sec": "commands_per_second",
    "rejected_connections": "rejected_connections",
    "expired_keys": "expired_keys",
    "keyspace_hits": "keyspace_hits",
    "keyspace_misses": "keyspace_misses",
    "evicted_clients": "evicted_clients",
    "pubsub_channels": "pubsub_channels",
    "pubsub_patterns": "pubsub_patterns",
    "pubsubshard_channels": "pubsubshard_channels",
    "client_output_buffer_limit_disconnections": "closed_for_output_limit",
    "client_query_buffer_limit_disconnections": "closed_for_memory",
    "acl_access_denied_auth": "acl_denied_auth",
    "acl_access_denied_cmd": "acl_denied_command",
    "acl_access_denied_key": "acl_denied_key",
    "acl_access_denied_channel": "acl_denied_channel",
    "total_error_replies": "total_error_replies",
    "eventloop_cycles": "loop_cycles",
    "eventloop_duration_sum": "loop_micros",
    "eventloop_duration_cmd_sum": "loop_command_micros",
    "instantaneous_eventloop_cycles_per_sec": "cycles_per_second",
    "instantaneous_eventloop_duration_usec": "micros_per_cycle",
    "tracking_total_keys": "tracking_total_keys",
    "tracking_total_items": "tracking_total_items",
    "tracking_total_prefixes": "tracking_total_prefixes",
    "hyperdb_turns": "turns",
    "hyperdb_block_loads": "block_loads",
    "hyperdb_protocol_errors": "protocol_errors",
}


def _present(names: Mapping[str, str], stats: Mapping[str, int]) -> list[Row]:
    return [(field, stats[name]) for field, name in names.items() if name in stats]


def human(count: int) -> str:
    """Bytes as Redis writes them: `1.25M`."""
    for size, letter in _UNITS:
        if count >= size:
            return f"{count / size:.2f}{letter}"
    return f"{count}B"


def _server(control: Control) -> list[Row]:
    facts = control.facts
    uptime = int(control.now() - float(facts["started"]))
    return [
        ("redis_version", facts["redis_version"]),
        ("redis_mode", "standalone"),
        ("hyperdb_version", facts["version"]),
        ("os", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("arch_bits", 64),
        ("process_id", os.getpid()),
        ("run_id", facts["run_id"]),
        ("process_supervised", "no"),
        ("tcp_port", facts["port"]),
        ("server_time_usec", int(control.now() * 1e6)),
        ("uptime_in_seconds", uptime),
        ("uptime_in_days", uptime // 86_400),
        ("hz", control.settings()["hz"]),
        ("configured_hz", control.settings()["hz"]),
        ("config_file", ""),
        *_listeners(facts),
    ]


def _listeners(facts: Mapping[str, str]) -> list[Row]:
    """Where it listens, as Redis 7.2 writes it."""
    at = (("tcp", facts["port"]), ("tls", facts["tls_port"]))
    shown = [f"name={name},bind={facts['bind']},port={port}" for name, port in at if port != "0"]
    return [(f"listener{number}", text) for number, text in enumerate(shown)]


def _clients(control: Control) -> list[Row]:
    rows: list[Row] = [
        ("maxclients", control.settings()["max_clients"]),
        ("cluster_connections", 0),
    ]
    return [*_present(_CLIENTS, control.server_stats()), *rows]


def _memory(control: Control) -> list[Row]:
    held, wire = memory.measure(control), control.server_stats()
    most = int(control.settings()["max_memory"])
    sizes = {
        "used_memory": held.used,
        "used_memory_rss": held.resident,
        "used_memory_peak": held.peak,
        "maxmemory": most,
        "total_system_memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }
    rows: list[Row] = []
    for name, size in sizes.items():
        rows += [(name, size), (f"{name}_human", human(size))]
    rows += [
        ("used_memory_dataset", held.unwritten + held.caches),
        ("maxmemory_policy", "noeviction"),
        ("mem_fragmentation_ratio", f"{held.resident / max(held.used, 1):.2f}"),
        ("mem_fragmentation_bytes", held.resident - held.used),
        # Caches give way: `maxmemory` does not count them.
        ("mem_not_counted_for_evict", held.caches),
        ("mem_clients_slaves", 0),
        ("mem_clients_normal", held.clients),
        ("mem_allocator", "libc"),
        # Members of what is removed go at compaction, from the disk: nothing in memory waits for it.
        ("lazyfree_pending_objects", 0),
    ]
    rows += _present({"number_of_cached_scripts": "cached_scripts"}, wire)
    rows += _present({"number_of_functions": "functions", "number_of_libraries": "libraries"}, wire)
    return rows + [(f"hyperdb_{name}", value) for name, value in control.storage_stats().items() if _is_size(name)]


def _is_size(name: str) -> bool:
    """Whether a gauge of the store is memory that it holds."""
    return name.endswith("_bytes") and ("cache" in name or "memory" in name or "memtable" in name)


def _persistence(control: Control) -> list[Row]:
    facts = control.facts
    rows: list[Row] = [
        ("loading", 0),
        ("async_loading", 0),
        ("aof_enabled", 1),
        ("hyperdb_sync", facts["sync"]),
        ("rdb_changes_since_last_save", control.server_stats().get("changes", 0) - int(facts.get("saved_changes", "0"))),
        # A save is through when it is answered, and the log is not rewritten: nothing of that is ever in progress.
        ("rdb_last_save_time", facts["last_save"]),
        ("rdb_bgsave_in_progress", 0),
        ("rdb_last_bgsave_status", "ok"),
        ("rdb_current_bgsave_time_sec", -1),
        ("aof_rewrite_in_progress", 0),
        ("aof_rewrite_scheduled", 0),
        ("aof_last_rewrite_time_sec", -1),
        ("aof_current_rewrite_time_sec", -1),
        ("aof_last_bgrewrite_status", "ok"),
        ("module_fork_in_progress", 0),
    ]
    elsewhere = control.frames().stats()
    stats = {name: value for name, value in control.storage_stats().items() if name not in elsewhere}
    return rows + [(f"hyperdb_{name}", value) for name, value in stats.items() if not _is_size(name)]


def _stats(control: Control) -> list[Row]:
    stats = control.server_stats()
    rows = _present(_STATS, stats)
    for way in ("input", "output"):
        if (rate := stats.get(f"{way}_bytes_per_second")) is not None:
            rows.append((f"instantaneous_{way}_kbps", f"{rate / 1024:.2f}"))
    rows.append(("migrate_cached_sockets", control.facts.get("migrate_sockets", 0)))
    return [*rows, *((name, 0) for name in _NEVER)]


def _replication(control: Control) -> list[Row]:
    return [
        ("role", "master"),
        ("connected_slaves", 0),
        ("master_failover_state", "no-failover"),
        ("master_replid", control.facts["run_id"]),
        ("master_replid2", "0" * 40),
        ("master_repl_offset", 0),
        ("second_repl_offset", -1),
        ("repl_backlog_active", 0),
        ("repl_backlog_size", control.settings().get("kept:repl-backlog-size", 1 << 20)),
        ("repl_backlog_first_byte_offset", 0),
        ("repl_backlog_histlen", 0),
    ]


def _cpu(_: Control) -> list[Row]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    times = {
        "used_cpu_sys": used.ru_stime,
        "used_cpu_user": used.ru_utime,
        "used_cpu_sys_children": children.ru_stime,
        "used_cpu_user_children": children.ru_utime,
    }
    return [(name, f"{seconds:.6f}") for name, seconds in times.items()]


def _debug(control: Control) -> list[Row]:
    return _present(_DEBUG, control.server_stats())


def _modules(_: Control) -> list[Row]:
    return []


def _commandstats(control: Control) -> list[Row]:
    return [
        (
            f"cmdstat_{of.name}",
            f"calls={of.calls},usec={of.micros},usec_per_call={of.micros / max(of.calls, 1):.2f},"
            f"rejected_calls={of.rejected},failed_calls={of.failed}",
        )
        for of in control.command_stats()
    ]


def _errorstats(control: Control) -> list[Row]:
    return [(f"errorstat_{name}", f"count={count}") for name, count in control.error_stats().items()]


def _latencystats(control: Control) -> list[Row]:
    percents = [float(word) for word in str(control.settings()["percentiles"]).split()]
    rows: list[Row] = []
    for name, found in control.latencies(percents).items():
        shown = (f"p{percent:g}={micros:.3f}" for percent, micros in zip(percents, found, strict=True))
        rows.append((f"latency_percentiles_usec_{name}", ",".join(shown)))
    return rows


def _cluster(_: Control) -> list[Row]:
    return [("cluster_enabled", 0)]


def _keyspace(control: Control) -> list[Row]:
    return [(f"db{space.db}", f"keys={space.keys},expires={space.expires},avg_ttl=0") for space in control.keyspaces()]


def _frames(control: Control) -> list[Row]:
    frames = control.frames()
    # INFO is lines: a failure's text stays on its own.
    failure = " ".join((frames.failure() or "").split())
    return [*frames.stats().items(), ("frame_last_failure", failure)]


SECTIONS: Mapping[str, Callable[[Control], list[Row]]] = {
    "server": _server,
    "clients": _clients,
    "memory": _memory,
    "persistence": _persistence,
    "stats": _stats,
    "replication": _replication,
    "cpu": _cpu,
    "modules": _modules,
    "commandstats": _commandstats,
    "errorstats": _errorstats,
    "latencystats": _latencystats,
    "cluster": _cluster,
    "keyspace": _keyspace,
    "frames": _frames,
    "debug": _debug,
}
_ASKED_FOR = frozenset({"debug"})
"""Shown only to those who name them, as in Redis."""


_TITLES: Mapping[str, str] = {"cpu": "CPU"}
"""Headings that are not the section's name with a capital."""


def render(control: Control, wanted: Sequence[bytes]) -> str:
    """The text of INFO for the named sections; without names, or with `default`, the usual ones."""
    names = [name.decode("latin-1").lower() for name in wanted]
    chosen: set[str] = set(names)
    if not names or "default" in chosen:
        chosen |= _DEFAULT
    if "all" in chosen or "everything" in chosen:
        chosen |= set(SECTIONS) - _ASKED_FOR
    parts = []
    for name, section in SECTIONS.items():
        if name in chosen:
            rows = "".join(f"{field}:{value}\r\n" for field, value in section(control))
            parts.append(f"# {_TITLES.get(name, name.capitalize())}\r\n{rows}")
    return "\r\n".join(parts)
