"""Random transactions through the Python API beside the model: own writes, savepoints, commits, rollbacks, refusals.

Theory: the transaction works on a copy of the model; a commit makes the copy the truth, a rollback forgets it. Outside, the old
truth holds until then, whatever the transaction did.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from hypergraph import HypergraphModel
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from test_hypergraph_histories import APP, IDS, KEYS, MEMBERS, agree, outcome

import hyperdb
from hyperdb.graph.transaction import Isolation, Transaction, TransactionApp
from hyperdb.values import EngineName

LEVELS: list[Isolation] = ["read committed", "repeatable read", "serializable"]


class Leave(Exception):
    """Leaves a savepoint by its bad door."""


class Transactions(RuleBasedStateMachine):
    """One transaction at a time, at any level, beside the model."""

    engine: ClassVar[EngineName] = "native"

    @initialize()
    def open(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="hyperdb-model-"))
        self.db = hyperdb.open(self.dir / "store", engine=self.engine, sync="everysec", memory="8m")
        self.truth = HypergraphModel()
        self.work = HypergraphModel()
        self.transaction: Transaction | None = None
        self.app: TransactionApp
        self.savepoints: list[tuple[AbstractContextManager[None], HypergraphModel]] = []

    def _same(self, real: Callable[[], Any], models: Callable[[], Any]) -> None:
        wanted = outcome(models)
        assert outcome(real) == wanted

    @precondition(lambda self: self.transaction is None)
    @rule(isolation=st.sampled_from(LEVELS))
    def begin(self, isolation: Isolation) -> None:
        self.transaction = self.db.transaction(isolation=isolation)
        self.app = self.transaction.app(APP)
        self.work = copy.deepcopy(self.truth)

    @precondition(lambda self: self.transaction is not None)
    @rule(id=IDS, value=st.binary(max_size=2))
    def add_vertex(self, id: bytes, value: bytes) -> None:
        self._same(lambda: self.app.add_vertex(id, value), lambda: self.work.add_vertex(id, value))

    @precondition(lambda self: self.transaction is not None)
    @rule(id=IDS, members=MEMBERS)
    def add_hyperedge(self, id: bytes, members: Any) -> None:
        def real() -> None:
            self.app.add_hyperedge(id, members)

        self._same(real, lambda: self.work.add_hyperedge(id, members))

    @precondition(lambda self: self.transaction is not None)
    @rule(id=IDS, keys=st.lists(KEYS, max_size=3))
    def remove_members(self, id: bytes, keys: list[bytes]) -> None:
        self._same(lambda: self.app.hyperedge(id).remove(*keys), lambda: self.work.remove_members(id, keys))

    @precondition(lambda self: self.transaction is not None)
    @rule(id=IDS, vertex=st.booleans(), detach=st.booleans())
    def remove(self, id: bytes, vertex: bool, detach: bool) -> None:
        real = self.app.remove_vertex if vertex else self.app.remove_hyperedge
        self._same(lambda: real(id, detach=detach), lambda: self.work.remove(id, vertex=vertex, detach=detach))

    @precondition(lambda self: self.transaction is not None)
    @rule(id=IDS, value=st.binary(max_size=2))
    def put(self, id: bytes, value: bytes) -> None:
        self.app.put(id, value)
        self.work.discard(id)
        self.work.vertices[id] = value

    @precondition(lambda self: self.transaction is not None)
    @rule(id=IDS)
    def delete(self, id: bytes) -> None:
        there = id in self.work.vertices or id in self.work.hyperedges
        assert self.app.remove(id) == there
        self.work.discard(id)

    @precondition(lambda self: self.transaction is not None and len(self.savepoints) < 3)
    @rule()
    def savepoint(self) -> None:
        assert self.transaction is not None
        part = self.transaction.savepoint()
        part.__enter__()
        self.savepoints.append((part, copy.deepcopy(self.work)))

    @precondition(lambda self: self.savepoints)
    @rule(keep=st.booleans())
    def leave(self, keep: bool) -> None:
        part, before = self.savepoints.pop()
        if keep:
            part.__exit__(None, None, None)
            return
        assert not part.__exit__(Leave, Leave(), None), "the exception goes on"
        self.work = before

    @precondition(lambda self: self.transaction is not None)
    @rule(commit=st.booleans())
    def end(self, commit: bool) -> None:
        assert self.transaction is not None
        while self.savepoints:
            self.savepoints.pop()[0].__exit__(None, None, None)
        if commit:
            self.transaction.commit()
            self.truth = self.work
        else:
            self.transaction.rollback()
        self.transaction = None

    @invariant()
    def agrees(self) -> None:
        agree(self.db.app(APP), self.truth)
        if self.transaction is not None:
            agree(self.app, self.work)
            removed = {id for id, _ in [*self.app.vertex_removes(), *self.app.hyperedge_removes()]}
            before = self.truth.vertices.keys() | self.truth.hyperedges.keys()
            now = self.work.vertices.keys() | self.work.hyperedges.keys()
            assert before - now <= removed
            assert not removed & now

    def teardown(self) -> None:
        if hasattr(self, "db"):
            if self.transaction is not None:
                self.end(commit=False)
            if self.engine == "native":
                assert not any(dict(self.db.native.lock_gauges()).values())
            self.db.close()
            shutil.rmtree(self.dir)


class MemoryTransactions(Transactions):
    engine = "memory"


SHORT = settings(max_examples=6, stateful_step_count=25, deadline=None)
TestTransactions = Transactions.TestCase
TestTransactions.settings = SHORT
TestMemory = MemoryTransactions.TestCase
TestMemory.settings = SHORT
