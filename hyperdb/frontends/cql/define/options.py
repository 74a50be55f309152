"""Options of tables and views: read, checked and brought into the form that Cassandra 5.0 keeps.

Theory: what the store does not need (compaction, caching ...) is checked as if it did, so that a schema which is accepted here is
accepted there. Invariant: the form of a form is itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hyperdb.errors import InvalidError
from hyperdb.frontends.cql.define.properties import Properties, flag, integer
from hyperdb.frontends.cql.describe.schema import TableOptions
from hyperdb.frontends.cql.schema.faults import config
from hyperdb.frontends.cql.schema.options import PRIVACY
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.oblivious.levels import parse_level

MOST_TTL = 20 * 365 * 24 * 60 * 60
"""Seconds: 20 years."""
_LEAST_CHANCE = 6.71e-05
_COMPACTIONS = "org.apache.cassandra.db.compaction."
_COMPRESSORS = "org.apache.cassandra.io.compress."
_OBSOLETE = ("dclocal_read_repair_chance", "read_repair_chance")
_COMMON = frozenset(
    """class enabled tombstone_threshold tombstone_compaction_interval unchecked_tombstone_compaction
    only_purge_repaired_tombstones log_all max_threshold min_threshold provide_overlapping_tombstones""".split()
)
_STRATEGIES = {
    "SizeTieredCompactionStrategy": frozenset(["bucket_high", "bucket_low", "min_sstable_size"]),
    "LeveledCompactionStrategy": frozenset(["sstable_size_in_mb", "single_sstable_uplevel", "fanout_size"]),
    "TimeWindowCompactionStrategy": frozenset(
        """timestamp_resolution compaction_window_unit compaction_window_size expired_sstable_check_frequency_seconds
        unsafe_aggressive_sstable_expiration bucket_high bucket_low min_sstable_size""".split()
    ),
    "UnifiedCompactionStrategy": frozenset(
        """scaling_parameters target_sstable_size min_sstable_size flush_size_override base_shard_count max_sstables_to_compact
        expired_sstable_check_frequency_seconds unsafe_aggressive_sstable_expiration overlap_inclusion_method
        sstable_growth""".split()
    ),
}
_WITH_THRESHOLDS = ("SizeTieredCompactionStrategy", "TimeWindowCompactionStrategy")
_COMPRESSIONS = frozenset(["LZ4Compressor", "SnappyCompressor", "DeflateCompressor", "ZstdCompressor", "NoopCompressor"])
_COMPRESSION_OPTIONS = frozenset(
    """class enabled chunk_length_in_kb min_compress_ratio compression_level lz4_compressor_type lz4_high_compressor_level
    max_compressed_length""".split()
)
_POLICY = re.compile(r"(?i)\s*(?:(never|none)|(always)|([0-9.]+)\s*p(?:ercentile)?|([0-9.]+)\s*ms)\s*")
_HYBRID = re.compile(r"(?i)\s*(min|max)\s*\(([^,]+),([^,]+)\)\s*")


def altered(options: TableOptions, properties: Properties, warnings: list[str]) -> TableOptions:
    """The options with what was said; `properties` may hold others besides.

    Raises:
        CqlError: syntax, configuration: a value that cannot be.
    """
    said: dict[str, Any] = {name: value for name, read in _READERS.items() if (value := read(properties, name)) is not None}
    warnings += [f"Ignoring obsolete property: {name}" for name in _OBSOLETE if properties.text(name) is not None]
    found = replace(options, **said)
    _check(found)
    return found


def _least(found: TableOptions, name: str, least: int) -> None:
    value = getattr(found, name)
    if value < least:
        raise config(f"{name} must be greater than or equal to {least} (got {value})")


def _check(found: TableOptions) -> None:
    chance = found.bloom_filter_fp_chance
    if not _LEAST_CHANCE < chance <= 1:
        between = "must be larger than 6.71E-5 and less than or equal to 1.0"
        raise config(f"bloom_filter_fp_chance {between} (got {chance})")
    if not 0 <= found.crc_check_chance <= 1:
        between = "must be larger than or equal to 0 and smaller than or equal to 1.0"
        raise config(f"crc_check_chance {between} (got {found.crc_check_chance})")
    ttl = found.default_time_to_live
    if ttl < 0:
        raise config(f"default_time_to_live must be greater than or equal to 0 (got {ttl})")
    if ttl > MOST_TTL:
        raise config(f"default_time_to_live must be less than or equal to {MOST_TTL} (got {ttl})")
    _least(found, "gc_grace_seconds", 0)
    _least(found, "min_index_interval", 1)
    if found.max_index_interval < found.min_index_interval:
        least = found.min_index_interval
        rest = f"must be greater than or equal to min_index_interval ({least}) (got {found.max_index_interval})"
        raise config(f"max_index_interval {rest}")
    _least(found, "memtable_flush_period_in_ms", 0)


# Readers: an option as it is kept, None where it was not said.


def _text(properties: Properties, name: str) -> str | None:
    return properties.text(name)


def _policy(properties: Properties, name: str) -> str | None:
    text = properties.text(name)
    return None if text is None else _retry(text)


def _retry(text: str) -> str:
    """A speculative retry policy in its short form."""
    refused = config(f"Specified Speculative Retry Policy [{text}] is not supported")
    hybrid = _HYBRID.fullmatch(text)
    if hybrid is not None:
        first, second = _retry(hybrid[2]), _retry(hybrid[3])
        if first.endswith("p") is second.endswith("p") or not {first[-1], second[-1]} <= {"p", "s"}:
            raise refused
        return f"{hybrid[1].upper()}({first},{second})"
    found = _POLICY.fullmatch(text)
    if found is None:
        raise refused
    never, always, percentile, milliseconds = found.groups()
    if never or always:
        return "NEVER" if never else "ALWAYS"
    try:
        value = float(percentile or milliseconds)
    except ValueError:
        raise refused from None
    if percentile and not 0 <= value <= 100:
        raise config(f"Invalid value {text} for PERCENTILE option 'speculative_retry': must be between (0.0 and 100.0)")
    shown = f"{value:g}"
    return f"{shown}p" if percentile else f"{shown}ms"


def _caching(properties: Properties, name: str) -> Mapping[str, str] | None:
    said = properties.map(name)
    if said is None:
        return None
    others = [key for key in said if key not in ("keys", "rows_per_partition")]
    if others:
        raise config(f"Invalid caching sub-options {others}: only 'keys' and 'rows_per_partition' are allowed")
    keys = said.get("keys", "ALL").upper()
    rows = said.get("rows_per_partition", "NONE").upper()
    if keys not in ("ALL", "NONE"):
        raise config(f"Invalid value '{said['keys']}' for caching sub-option 'keys': only 'ALL' and 'NONE' are allowed")
    if rows not in ("ALL", "NONE") and not rows.isdigit():
        allowed = "only 'ALL', 'NONE', and integer values are allowed"
        raise config(f"Invalid value for caching sub-option 'rows_per_partition': {allowed}")
    return {"keys": keys, "rows_per_partition": rows}


def _compaction(properties: Properties, name: str) -> Mapping[str, str] | None:
    said = properties.map(name)
    if said is None:
        return None
    if "class" not in said:
        raise config("Missing sub-option 'class' for the 'compaction' option.")
    short = said["class"].removeprefix(_COMPACTIONS)
    if short not in _STRATEGIES:
        full = said["class"] if "." in said["class"] else _COMPACTIONS + said["class"]
        raise config(f"Unable to find compaction strategy class '{full}'")
    others = sorted(set(said) - _COMMON - _STRATEGIES[short])
    if others:
        raise config(f"Properties specified [{', '.join(others)}] are not understood by {short}")
    kept = {key: value for key, value in said.items() if key != "class"}
    if short in _WITH_THRESHOLDS:
        kept = {"min_threshold": "4", "max_threshold": "32", **kept}
        low, high = (integer(key, kept[key]) for key in ("min_threshold", "max_threshold"))
        if low < 2:
            raise config(f"Min compaction threshold cannot be less than 2 (got {low})")
        if high < low:
            raise config(f"Min compaction threshold (got {low}) cannot be greater than max compaction threshold (got {high})")
    return dict(sorted({"class": _COMPACTIONS + short, **kept}.items()))


def _compression(properties: Properties, name: str) -> Mapping[str, str] | None:
    said = properties.map(name)
    if said is None:
        return None
    given = {
        {"sstable_compression": "class", "chunk_length_kb": "chunk_length_in_kb"}.get(key, key): each
        for key, each in said.items()
    }
    if not given or not flag("enabled", given.get("enabled", "true")) or given.get("class") == "":
        if len(given) > 1 and "enabled" in given:
            raise config("If the 'enabled' option is set to false no other options must be specified")
        return {"enabled": "false"}
    if "class" not in given:
        raise config("Missing sub-option 'class' for the 'compression' option.")
    short = given["class"].removeprefix(_COMPRESSORS)
    if short not in _COMPRESSIONS:
        raise config(f"Could not create Compression for type {_COMPRESSORS}{short}")
    others = sorted(set(given) - _COMPRESSION_OPTIONS)
    if others:
        raise config(f"Unknown compression options {', '.join(others)}")
    size = integer("chunk_length_in_kb", given.get("chunk_length_in_kb", "16"))
    if size <= 0:
        raise config("Invalid negative or null 'chunk_length_in_kb'")
    if size & (size - 1):
        raise config("chunk_length_in_kb must be a power of 2")
    kept = {key: value for key, value in given.items() if key not in ("class", "enabled")}
    return dict(sorted({**kept, "chunk_length_in_kb": str(size), "class": _COMPRESSORS + short}.items()))


def _memtable(properties: Properties, name: str) -> str | None:
    found = properties.text(name)
    if found not in (None, "default", "skiplist", "trie"):
        raise config(f'Memtable configuration "{found}" not found.')
    return found


def _read_repair(properties: Properties, name: str) -> str | None:
    found = properties.text(name)
    if found is None:
        return None
    if found.upper() not in ("BLOCKING", "NONE"):
        raise config(f"Invalid value {found} for '{name}'. Must be one of [NONE, BLOCKING]")
    return found.upper()


def _extensions(properties: Properties, name: str) -> Mapping[str, bytes] | None:
    said = properties.map(name)
    if said is None:
        return None
    try:
        return {key: _extension(key, value) for key, value in said.items()}
    except InvalidError as error:
        raise invalid(f"{PRIVACY}: {error}") from None
    except ValueError:
        raise invalid(f"Values of '{name}' are blobs") from None


def _extension(key: str, value: str) -> bytes:
    """An extension's bytes; a privacy level may also be written as people do."""
    if key != PRIVACY:
        return bytes.fromhex(value.removeprefix("0x"))
    said = bytes.fromhex(value[2:]).decode(errors="replace") if value.startswith("0x") else value
    return str(parse_level(said)).encode()


def _flag(properties: Properties, name: str) -> bool | None:
    return properties.flag(name)


def _integer(properties: Properties, name: str) -> int | None:
    return properties.integer(name)


def _number(properties: Properties, name: str) -> float | None:
    return properties.number(name)


_READERS: dict[str, Callable[[Properties, str], Any]] = {
    "additional_write_policy": _policy,
    "allow_auto_snapshot": _flag,
    "bloom_filter_fp_chance": _number,
    "caching": _caching,
    "cdc": _flag,
    "comment": _text,
    "compaction": _compaction,
    "compression": _compression,
    "memtable": _memtable,
    "crc_check_chance": _number,
    "default_time_to_live": _integer,
    "extensions": _extensions,
    "gc_grace_seconds": _integer,
    "incremental_backups": _flag,
    "max_index_interval": _integer,
    "memtable_flush_period_in_ms": _integer,
    "min_index_interval": _integer,
    "read_repair": _read_repair,
    "speculative_retry": _policy,
}
