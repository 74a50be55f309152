"""Random histories on each engine, with the memory engine as the model.

Theory: whatever a history of writes, snapshots, retentions, reopenings, flushes and compactions, every answer of an engine
with files must be the model's. Few keys and few values, so that versions collide often.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hyperdb.storage import Engine, MemoryEngine, NativeEngine, Snapshot, open_engine
from hyperdb.values import EngineName, OpenOptions

KEYS = st.sampled_from([b"", b"\x00", b"a", b"a\x00", b"ab", b"b", b"\xff", b"k" * 200]) | st.binary(min_size=1, max_size=2)
VALUES = st.none() | st.binary(max_size=8) | st.just(b"x" * 3000)
BOUNDS = st.none() | KEYS


class Against(RuleBasedStateMachine):
    """An engine beside the model."""

    name: ClassVar[EngineName]

    @initialize()
    def open(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="hyperdb-model-"))
        self.model = MemoryEngine()
        self.snapshots: list[tuple[Snapshot, Snapshot]] = []
        # The least memory there is, so that memtables freeze by themselves too.
        self.options = OpenOptions(engine=self.name, sync="everysec", memory=1 << 20)
        self.engine: Engine = open_engine(self.name, self.dir / "store", self.options)

    @rule(batch=st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=8))
    def write(self, batch: list[tuple[bytes, bytes | None]]) -> None:
        assert self.engine.write(batch) == self.model.write(batch)

    @rule(keys=st.lists(KEYS, max_size=6))
    def read(self, keys: list[bytes]) -> None:
        assert self.engine.multi_get(keys) == self.model.multi_get(keys)
        assert [self.engine.get(key) for key in keys] == self.model.multi_get(keys)

    @rule(start=BOUNDS, end=BOUNDS, reverse=st.booleans())
    def scan(self, start: bytes | None, end: bytes | None, reverse: bool) -> None:
        assert list(self.engine.scan(start, end, reverse=reverse)) == list(self.model.scan(start, end, reverse=reverse))

    @rule()
    def take_snapshot(self) -> None:
        self.snapshots.append((self.engine.snapshot(), self.model.snapshot()))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data(), reverse=st.booleans())
    def read_snapshot(self, data: st.DataObject, reverse: bool) -> None:
        mine, models = data.draw(st.sampled_from(self.snapshots))
        assert mine.commit == models.commit
        assert list(mine.scan(reverse=reverse)) == list(models.scan(reverse=reverse))

    @precondition(lambda self: self.snapshots)
    @rule()
    def drop_snapshot(self) -> None:
        for snapshot in self.snapshots.pop(0):
            snapshot.close()

    @rule()
    def retain(self) -> None:
        assert self.engine.retain() == self.model.retain()

    @precondition(lambda self: self.model._retained)
    @rule(data=st.data())
    def read_retained(self, data: st.DataObject) -> None:
        commit = data.draw(st.sampled_from(sorted(self.model._retained)))
        assert list(self.engine.snapshot(commit).scan()) == list(self.model.snapshot(commit).scan())

    @precondition(lambda self: self.model._retained)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        commit = data.draw(st.sampled_from(sorted(self.model._retained)))
        self.engine.release(commit)
        self.model.release(commit)

    @rule()
    def reopen(self) -> None:
        while self.snapshots:
            self.drop_snapshot()
        self.engine.close()
        self.engine = open_engine(self.name, self.dir / "store", self.options)

    @precondition(lambda self: isinstance(self.engine, NativeEngine))
    @rule(compact=st.booleans())
    def reorganise(self, compact: bool) -> None:
        assert isinstance(self.engine, NativeEngine)
        (self.engine.compact if compact else self.engine.flush)()

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.close()
            shutil.rmtree(self.dir)


class NativeAgainst(Against):
    name = "native"


class LmdbAgainst(Against):
    name = "lmdb"


SHORT = settings(max_examples=20, stateful_step_count=30, deadline=None)
TestNative = NativeAgainst.TestCase
TestNative.settings = SHORT
TestLmdb = LmdbAgainst.TestCase
TestLmdb.settings = SHORT
