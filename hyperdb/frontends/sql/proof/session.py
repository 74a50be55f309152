"""The proofs of one session: SET hyperdb.prove = on, and where a client finds them.

Theory: PostgreSQL's messages have no place for a proof, so it is kept, a notice says so, and a query fetches it: every client can
do that. Invariant: while it is on, what a query reads of
tables goes out with its proof, or not at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.frontends.sql.contract import Notice
from hyperdb.frontends.sql.learned import HERE, Learned
from hyperdb.frontends.sql.proof.make import Proven, prove
from hyperdb.frontends.sql.proof.past import readable
from hyperdb.frontends.sql.proof.run import reads_rows
from hyperdb.frontends.sql.statement import Query, SqlOutcome, SqlPrepared

if TYPE_CHECKING:
    from hyperdb.commitment.frames import Frames
    from hyperdb.commitment.verify import Frame
    from hyperdb.frontends.sql.session import SqlSession

_KEPT = 16
"""Proofs; an older one goes."""


@dataclass(frozen=True)
class Kept:
    """A proof."""

    number: int
    text: str
    proven: Proven


class Proofs:
    """See the module's head."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._kept: deque[Kept] = deque(maxlen=_KEPT)
        self._made = 0

    @property
    def are_on(self) -> bool:
        """Whether queries are to be proved."""
        return self._session.settings.value("hyperdb.prove") == "on"

    @property
    def frames(self) -> Frames:
        """Those of the store."""
        return self._session.backend.tables.frames

    def frame(self, number: int | None) -> Frame | None:
        """A frame, the newest one if None; None if there is none yet."""
        if number is None and self.frames.newest() is None:
            return None
        return readable(self.frames, number)

    def wants(self, body: Query) -> bool:
        """Whether a statement is a query whose rows need a proof."""
        return self.are_on and body.tag == "SELECT" and reads_rows(body.bound.plan)

    def refuse(self, what: str) -> None:
        """Refuses what gives rows in another way, while queries are to be proved (0A000)."""
        if self.are_on:
            raise SqlError("0A000", f"{what} is not proved: SET hyperdb.prove = off, or use a plain query")

    def learned(self, query: SqlPrepared, values: Sequence[object]) -> Learned:  # noqa: ARG002
        """Who learns what of a query, for EXPLAIN (PRIVACY): here, the store itself learns all of it."""
        return HERE

    def run(self, prepared: SqlPrepared, values: Sequence[Any]) -> SqlOutcome:
        """A query with its proof."""
        session = self._session
        session.begin_statement()
        if session.has_written:
            raise SqlError("25001", "a proof is of a sealed frame, and this transaction has changed what no frame holds yet")
        now = session.look(lambda catalog: catalog)
        proven = prove(session, str(prepared.text), prepared.parameters, values, now)
        if list(proven.columns) != [(column.name, column.type) for column in prepared.columns or ()]:
            raise SqlError("0A000", "cached plan must not change result type")
        kept = self._keep(str(prepared.text), proven)
        text = f"proof {kept.number} under frame {proven.frame.number}: {len(proven.proof)} bytes"
        hint = f"It is in hyperdb.proofs under id {kept.number}, and in hyperdb_last_proof()."
        session.notice(Notice(text, hint=hint))
        return SqlOutcome(prepared.columns, proven.rows, f"SELECT {len(proven.rows)}")

    def of_text(self, text: str, frame: int | None, now: Catalog) -> bytes:
        """hyperdb_prove: the proof of a query without parameters."""
        proven = prove(self._session, text, (), (), now, frame)
        self._keep(text, proven)
        return proven.proof

    def last(self) -> bytes | None:
        """hyperdb_last_proof."""
        return self._kept[-1].proven.proof if self._kept else None

    def seal(self) -> int:
        """hyperdb_seal.

        Raises:
            SqlError: 42501.
        """
        if not self._session.rights.is_super:
            raise SqlError("42501", "must be superuser to seal a frame")
        return self.frames.seal().number

    def __iter__(self) -> Iterator[Kept]:
        """The proofs that are kept, the oldest first."""
        return iter(list(self._kept))

    def _keep(self, text: str, proven: Proven) -> Kept:
        self._made += 1
        kept = Kept(self._made, text, proven)
        self._kept.append(kept)
        return kept
