"""INFO: the server's state as text, in Redis's sections and field names where the meaning is the same.

Theory: a section is a function from the control object to rows. Counters come from the native side; a field whose number
is not known there is left out, never made up.
"""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hyperdb.frontends.resp.control import Control

Row = tuple[str, object]
_DEFAULT = ("server", "clients", "memory", "persistence", "stats", "replication", "cpu", "cluster", "keyspace", "frames")
_PAGE = resource.getpagesize()
_UNITS = ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))
# INFO's field names on the left, the native side's on the right
_CLIENTS = {
    "connected_clients": "connected_clients",
    "blocked_clients": "blocked_clients",
    "pubsub_clients": "pubsub_clients",
    "watching_clients": "watching_clients",
    "tracking_clients": "tracking_clients",
    "hyperdb_input_buffer_bytes": "clients_input_bytes",
    "hyperdb_output_buffer_bytes": "clients_output_bytes",
}
_STATS = {
    "total_connections_received": "total_connections_received",
    "total_commands_processed": "total_commands_processed",
    "total_net_input_bytes": "total_net_input_bytes",
    "total_net_output_bytes": "total_net_output_bytes",
    "rejected_connections": "rejected_connections",
    "expired_keys": "expired_keys",
    "pubsub_channels": "pubsub_channels",
    "pubsub_patterns": "pubsub_patterns",
    "pubsubshard_channels": "pubsubshard_channels",
    "client_output_buffer_limit_disconnections": "closed_for_output_limit",
    "client_query_buffer_limit_disconnections": "closed_for_memory",
    "total_error_replies": "total_error_replies",
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


def _resident() -> int:
    """Resident memory of this process, bytes."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        # Without /proc the peak is what the system tells.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


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
        ("tcp_port", facts["port"]),
        ("server_time_usec", int(control.now() * 1e6)),
        ("uptime_in_seconds", uptime),
        ("uptime_in_days", uptime // 86_400),
    ]


def _clients(control: Control) -> list[Row]:
    return [*_present(_CLIENTS, control.server_stats()), ("maxclients", control.settings()["max_clients"])]


def _memory(control: Control) -> list[Row]:
    resident = _resident()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rows: list[Row] = [
        ("used_memory", resident),
        ("used_memory_human", human(resident)),
        ("used_memory_rss", resident),
        ("used_memory_rss_human", human(resident)),
        ("used_memory_peak", peak),
        ("used_memory_peak_human", human(peak)),
        ("maxmemory", 0),
        ("maxmemory_human", "0B"),
        ("maxmemory_policy", "noeviction"),
    ]
    return rows + [(f"hyperdb_{name}", value) for name, value in control.storage_stats().items() if name.endswith("_memory")]


def _persistence(control: Control) -> list[Row]:
    facts = control.facts
    rows: list[Row] = [
        ("loading", 0),
        ("aof_enabled", 1),
        ("hyperdb_sync", facts["sync"]),
        ("rdb_last_save_time", facts["last_save"]),
        ("rdb_bgsave_in_progress", 0),
    ]
    elsewhere = control.frames().stats()
    stats = {name: value for name, value in control.storage_stats().items() if name not in elsewhere}
    return rows + [(f"hyperdb_{name}", value) for name, value in stats.items() if not name.endswith("_memory")]


def _stats(control: Control) -> list[Row]:
    return _present(_STATS, control.server_stats())


def _replication(control: Control) -> list[Row]:
    return [("role", "master"), ("connected_slaves", 0), ("master_replid", control.facts["run_id"]), ("master_repl_offset", 0)]


def _cpu(_: Control) -> list[Row]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return [("used_cpu_sys", f"{used.ru_stime:.6f}"), ("used_cpu_user", f"{used.ru_utime:.6f}")]


def _commandstats(control: Control) -> list[Row]:
    stats = control.server_stats()
    calls = {name.partition(":")[2]: count for name, count in stats.items() if name.startswith("calls:")}
    return [(f"cmdstat_{name}", f"calls={count}") for name, count in sorted(calls.items()) if count]


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
    "commandstats": _commandstats,
    "cluster": _cluster,
    "keyspace": _keyspace,
    "frames": _frames,
}


def render(control: Control, wanted: Sequence[bytes]) -> str:
    """The text of INFO for the named sections; without names, or with `default`, the usual ones."""
    names = [name.decode("latin-1").lower() for name in wanted]
    chosen: set[str] = set(names)
    if not names or "default" in chosen:
        chosen |= set(_DEFAULT)
    if "all" in chosen or "everything" in chosen:
        chosen |= set(SECTIONS)
    parts = []
    for name, section in SECTIONS.items():
        if name in chosen:
            rows = "".join(f"{field}:{value}\r\n" for field, value in section(control))
            parts.append(f"# {name.capitalize()}\r\n{rows}")
    return "\r\n".join(parts)
