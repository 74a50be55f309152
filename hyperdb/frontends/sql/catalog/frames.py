"""Schema `hyperdb`: frames, the roots of apps at a frame, shards, and the proofs of the session.

Theory: as in schema `redis` a condition on a column that a relation takes decides what is read. Invariant: frames that can no
longer be read have a header, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hyperdb.frontends.sql.catalog.keyspace import Given, Restricted, choices

SCHEMA = "hyperdb"
Rows = Iterator[Sequence[Any]]
_TREES = ("vertex adds", "vertex removes", "hyperedge adds", "hyperedge removes")


def _frames(env: Any, given: Given) -> Rows:
    store = env.session.proofs.frames
    newest = store.newest()
    if newest is None:
        return
    chosen = choices(given, "frame")
    for frame in store.each() if chosen is None else map(store.get, (n for n in sorted(chosen) if 1 <= n <= newest.number)):
        env.check_cancelled()
        cost = store.cost(frame.number)
        yield (
            frame.number, frame.time_ms * 1000, frame.root.hex(), frame.commit, frame.number >= newest.horizon,
            cost.changed, cost.superseded, cost.seconds,
        )  # fmt: skip


def _readable(env: Any, given: Given) -> Iterator[int]:
    """Numbers of the frames that are asked for; the newest one where nothing is said."""
    newest = env.session.proofs.frames.newest()
    if newest is not None:
        chosen = choices(given, "frame")
        numbers = [newest.number] if chosen is None else sorted(chosen)
        yield from (number for number in numbers if newest.horizon <= number <= newest.number)


def _apps(env: Any, given: Given, number: int) -> Iterator[str]:
    chosen = choices(given, "app")
    yield from (name for name in env.session.proofs.frames.apps(number) if chosen is None or name in chosen)


def _roots(env: Any, given: Given) -> Rows:
    for number in _readable(env, given):
        for name in _apps(env, given, number):
            found = env.session.proofs.frames.app(name, number)
            if found is not None:
                yield number, name, found.root.hex(), found.hash_root.hex(), found.leaves, found.size


def _shards(env: Any, given: Given) -> Rows:
    for number in _readable(env, given):
        for name in _apps(env, given, number):
            for shard in env.session.proofs.frames.shards(name, frame=number):
                yield number, name, _TREES[shard.tree], shard.path.hex(), shard.leaves, shard.size, shard.digest.hex()


def _proofs(env: Any, _given: Given) -> Rows:
    for each in env.session.proofs:
        made = each.proven
        yield each.number, made.frame.number, made.frame.root.hex(), each.text, len(made.rows), len(made.proof), made.proof


_OF_APPS = frozenset({"frame", "app"})
RELATIONS: dict[str, Restricted] = {
    "frames": Restricted(
        12_951,
        "frame int8, sealed_at timestamptz, root text, commit int8, readable bool, changed int8, superseded int8, seconds float8",
        frozenset({"frame"}),
        _frames,
    ),
    "roots": Restricted(12_952, "frame int8, app text, root text, hash_root text, leaves int8, bytes int8", _OF_APPS, _roots),
    "shards": Restricted(
        12_953, "frame int8, app text, tree text, path text, leaves int8, bytes int8, root text", _OF_APPS, _shards
    ),
    "proofs": Restricted(
        12_954, "id int8, frame int8, root text, query text, rows int8, bytes int8, proof bytea", frozenset(), _proofs
    ),
}
"""`roots` and `shards` are of the newest frame unless `frame` is said."""
