"""Random histories through the Python API, beside the model: every answer, now and at past commits, over restarts.

Theory: few ids and order keys, so that elements come, go, change their kind, refer to each other and are refused often.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from hypergraph import HypergraphModel
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import hyperdb
from hyperdb import Hyperedge, Vertex
from hyperdb.errors import HyperDBError
from hyperdb.graph.reader import AppReader
from hyperdb.values import EngineName

IDS = st.sampled_from([b"a", b"b", b"c", b"d\x00", b"e" * 120])
KEYS = st.sampled_from([b"", b"\x00", b"k", b"k\x00", b"\xff"])
MEMBERS = st.dictionaries(KEYS, IDS.map(Vertex) | IDS.map(Hyperedge) | st.binary(max_size=3), max_size=3)
APP = "shop"


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the class of its refusal."""
    try:
        return call()
    except HyperDBError as error:
        return type(error)


class Histories(RuleBasedStateMachine):
    """A database beside the model."""

    engine: ClassVar[EngineName] = "native"

    @initialize()
    def open(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="hyperdb-model-"))
        self.model = HypergraphModel()
        self.past: list[tuple[int, HypergraphModel]] = []
        self._open()

    def _open(self) -> None:
        self.db = hyperdb.open(self.dir / "store", engine=self.engine, sync="everysec", memory="8m")
        self.app = self.db.app(APP)

    def _same(self, real: Callable[[], Any], models: Callable[[], Any]) -> None:
        before = self.db.commit()
        unchanged = copy.deepcopy(self.model)
        wanted = outcome(models)
        assert outcome(real) == wanted
        if self.model == unchanged:
            assert self.db.commit() == before, "what changes nothing makes no commit"

    @rule(id=IDS, value=st.binary(max_size=2))
    def add_vertex(self, id: bytes, value: bytes) -> None:
        self._same(lambda: self.app.add_vertex(id, value), lambda: self.model.add_vertex(id, value))

    @rule(id=IDS, members=MEMBERS)
    def add_hyperedge(self, id: bytes, members: Any) -> None:
        def real() -> None:
            self.app.add_hyperedge(id, members)

        self._same(real, lambda: self.model.add_hyperedge(id, members))

    @rule(id=IDS, keys=st.lists(KEYS, max_size=3))
    def remove_members(self, id: bytes, keys: list[bytes]) -> None:
        self._same(lambda: self.app.hyperedge(id).remove(*keys), lambda: self.model.remove_members(id, keys))

    @rule(id=IDS, vertex=st.booleans(), detach=st.booleans())
    def remove(self, id: bytes, vertex: bool, detach: bool) -> None:
        real = self.app.remove_vertex if vertex else self.app.remove_hyperedge
        self._same(lambda: real(id, detach=detach), lambda: self.model.remove(id, vertex=vertex, detach=detach))

    @rule(id=IDS)
    def delete(self, id: bytes) -> None:
        self.app.remove(id)
        self.model.discard(id)

    @rule(id=IDS, value=st.binary(max_size=2))
    def put(self, id: bytes, value: bytes) -> None:
        self.app.put(id, value)
        self.model.discard(id)
        self.model.vertices[id] = value

    @rule()
    def retain(self) -> None:
        self.past.append((self.db.retain(), copy.deepcopy(self.model)))

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        commit, model = data.draw(st.sampled_from(self.past))
        with self.db.snapshot(commit) as snapshot:
            assert snapshot.commit == commit
            agree(snapshot.app(APP), model)

    @precondition(lambda self: self.engine == "native")
    @rule(compact=st.booleans())
    def reorganise(self, compact: bool) -> None:
        self.db.flush()
        if compact:
            self.db.native.engine().compact()

    @precondition(lambda self: self.engine != "memory")
    @rule()
    def reopen(self) -> None:
        self.db.close()
        self._open()

    @invariant()
    def agrees(self) -> None:
        agree(self.app, self.model)

    @rule()
    def removes_are_known(self) -> None:
        """Whatever was there at a commit that is kept and is not now, is in one of the sets of removes."""
        with self.db.snapshot() as snapshot:
            app = snapshot.app(APP)
            removed = {id for id, version in [*app.vertex_removes(), *app.hyperedge_removes()] if version > snapshot.horizon}
        there = self.model.vertices.keys() | self.model.hyperedges.keys()
        assert not removed & there
        known = {id for _, model in self.past for id in [*model.vertices, *model.hyperedges]}
        assert known - there <= removed

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()
            shutil.rmtree(self.dir)


def agree(app: AppReader, model: HypergraphModel) -> None:
    """Every answer about every id."""
    assert sorted(app.vertices()) == sorted(model.vertices)
    assert sorted(app.hyperedges()) == sorted(model.hyperedges)
    assert {id for id, _ in app.vertex_adds()} == model.vertices.keys()
    assert {id for id, _ in app.hyperedge_adds()} == model.hyperedges.keys()
    assert (app.count("vertex"), app.count("hyperedge")) == (len(model.vertices), len(model.hyperedges))
    assert app.size() == model.size()
    ids = [b"a", b"b", b"c", b"d\x00", b"e" * 120]
    for id in ids:
        assert list(app.incident(id)) == model.incident(id)
        for outer in ids:
            assert app.within(id, outer) == model.within(id, outer)
        if id in model.vertices:
            assert app.get(id) == model.vertices[id]
        else:
            members = sorted(model.hyperedges.get(id, {}).items())
            edge = app.hyperedge(id)
            assert edge.exists() == (id in model.hyperedges)
            assert len(edge) == len(members)
            assert list(edge.members()) == members
            assert list(edge.members(reverse=True, limit=2)) == members[::-1][:2]
            assert list(edge.members(b"\x00", b"k\x00")) == [row for row in members if b"\x00" <= row[0] < b"k\x00"]


class MemoryHistories(Histories):
    engine = "memory"


class LmdbHistories(Histories):
    engine = "lmdb"


SHORT = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestHistories = Histories.TestCase
TestHistories.settings = SHORT
TestMemory = MemoryHistories.TestCase
TestMemory.settings = SHORT
TestLmdb = LmdbHistories.TestCase
TestLmdb.settings = settings(SHORT, max_examples=6)
