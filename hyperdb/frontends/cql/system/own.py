"""Keyspace `hyperdb`: frames, the roots of apps at a frame, and shards, as SQL's schema of the name has them.

Theory: `roots` and `shards` are of the newest frame unless one is asked for. Invariant: frames that can no longer be read have a
header, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hyperdb.commitment.frames import Frames
from hyperdb.frontends.cql.schema.rows import Facts
from hyperdb.frontends.cql.system.computed import Definition, Values

_TREES = ("vertex adds", "vertex removes", "hyperedge adds", "hyperedge removes")


def _frames(facts: Facts, first: int | None) -> Iterable[Values]:
    store = facts.frames
    newest = None if store is None else store.newest()
    if store is None or newest is None:
        return
    chosen = store.each() if first is None else [store.get(first)] if 1 <= first <= newest.number else []
    for frame in chosen:
        cost = store.cost(frame.number)
        yield {
            "frame": frame.number,
            "sealed_at": frame.time_ms,
            "root": frame.root,
            "commit": frame.commit,
            "readable": frame.number >= newest.horizon,
            "changed": cost.changed,
            "superseded": cost.superseded,
            "seconds": cost.seconds,
        }


def _readable(facts: Facts, first: int | None) -> Iterator[tuple[Frames, int]]:
    newest = None if facts.frames is None else facts.frames.newest()
    if facts.frames is not None and newest is not None:
        number = newest.number if first is None else first
        if newest.horizon <= number <= newest.number:
            yield facts.frames, number


def _roots(facts: Facts, first: int | None) -> Iterable[Values]:
    for store, number in _readable(facts, first):
        for name in store.apps(number):
            found = store.app(name, number)
            if found is not None:
                sizes = {"leaves": found.leaves, "bytes": found.size}
                yield {"frame": number, "app": name, "root": found.root, "hash_root": found.hash_root, **sizes}


def _shards(facts: Facts, first: int | None) -> Iterable[Values]:
    for store, number in _readable(facts, first):
        for name in store.apps(number):
            for shard in store.shards(name, frame=number):
                place = {"frame": number, "app": name, "tree": _TREES[shard.tree], "path": shard.path}
                yield {**place, "leaves": shard.leaves, "bytes": shard.size, "root": shard.digest}


TABLES = (
    Definition(
        "frames",
        "frame bigint",
        "",
        "changed bigint, commit bigint, readable boolean, root blob, sealed_at timestamp, seconds double, superseded bigint",
        _frames,
        "sealed frames",
    ),
    Definition(
        "roots",
        "frame bigint",
        "app text",
        "bytes bigint, hash_root blob, leaves bigint, root blob",
        _roots,
        "roots of apps at a frame, the newest one unless it is said",
    ),
    Definition(
        "shards",
        "frame bigint",
        "app text, tree text, path blob",
        "bytes bigint, leaves bigint, root blob",
        _shards,
        "shards at a frame, the newest one unless it is said",
    ),
)
