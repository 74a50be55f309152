"""What one client's lane is told: each statement that was run, once as long as it stays as it is.

Theory: a lane answers only what the session has run before, so whatever is wrong with a statement, or is not its role's to run,
the session has said. A role that passes every check is taught for good. What others may do can be taken from them: then all lanes
forget what they learned (`CqlBackend`), and theirs every second besides, for a statement may have been looked at just before.
Invariant: a lane never learns a statement that the session would refuse its role.
"""

from __future__ import annotations

from collections.abc import Callable

from hyperdb.frontends.cql.lane import CqlLane, CqlLanes, native
from hyperdb.frontends.cql.parse.lift import Parsed
from hyperdb.frontends.cql.prepared import Plan, Prepared
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.teach import lesson, text_lesson
from hyperdb.roles import ALIASES

_MOST_TAUGHT, _MOST_WEIGHT = 10_000, 16 << 20
_LONGEST = 16 << 10
"""Characters of a text beyond which lanes take none (native/cql, `text.rs`)."""
_VALID_SECONDS = 1.0
_AGAIN = 100_000
"""Microseconds after which a statement is shown again to a lane that forgets."""


class Teaching:
    """See the module. `clock` gives microseconds."""

    def __init__(self, lanes: CqlLanes, role: str, clock: Callable[[], int], protocol: int) -> None:
        self._lanes = lanes
        self._is_for_good = role in ALIASES
        self._clock = clock
        self._protocol = protocol
        self._taught: dict[object, tuple[int, int]] = {}
        """Under which version of the schema and when statements were shown, by their ids, or by shape and keyspace."""
        self._weight = 0
        self.lane = CqlLane(lanes, protocol, None if self._is_for_good else _VALID_SECONDS)

    def prepared(self, prepared: Prepared, schema: Schema) -> None:
        """A prepared statement was executed under a schema."""
        ready = prepared.ready
        if ready is None or prepared.version != schema.version or not self._is_new(prepared.id, schema, 0):
            return
        found = lesson(prepared.parsed, ready.plan, schema, self._protocol)
        if found is not None:
            self.lane.learn(prepared.id, native(self._lanes, found))

    def text(self, parsed: Parsed, plan: Callable[[], Plan], schema: Schema, text: str, keyspace: str | None) -> None:
        """A text was run under a schema; `plan` gives what it means there, in `keyspace`."""
        if len(text) > _LONGEST or not self._is_new((parsed.shape, keyspace), schema, parsed.shape.weight):
            return
        lifted = CqlLane.lift(text)
        if lifted is None:
            return
        literals = [(kind, position) for kind, _, position in lifted[1]]
        found = text_lesson(parsed, plan(), schema, self._protocol, literals)
        if found is not None:
            self.lane.learn_text(keyspace or "", text, found.slots, native(self._lanes, found.plan))

    def use_keyspace(self, keyspace: str) -> None:
        """Texts name tables of this keyspace from now on."""
        self.lane.use_keyspace(keyspace)

    def _is_new(self, statement: object, schema: Schema, weight: int) -> bool:
        moment = schema.version, 0 if self._is_for_good else self._clock() // _AGAIN
        if self._taught.get(statement) == moment:
            return False
        if len(self._taught) >= _MOST_TAUGHT or self._weight > _MOST_WEIGHT:
            self._taught.clear()
            self._weight = 0
        if statement not in self._taught:
            self._weight += weight
        self._taught[statement] = moment
        return True
