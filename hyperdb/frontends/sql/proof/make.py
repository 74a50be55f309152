"""A query's rows with the proof that its inputs are complete.

Theory: the query runs on a sealed frame; what it asks of the catalog and which ranges of rows it reads are noted, and become
queries of bundles: names and objects of the system's own app, rows of each schema's. Invariant: the rows are those that
`verify_query` computes from the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperdb.commitment.verify import Bounds, Element, Frame, Query, Rows
from hyperdb.errors import NotProvableError, SqlError
from hyperdb.frontends.sql.access.privileges import SELECT
from hyperdb.frontends.sql.execute.environment import Row
from hyperdb.frontends.sql.proof import run
from hyperdb.frontends.sql.proof.container import MOST_BUNDLES, QueryProof
from hyperdb.frontends.sql.proof.names import SYSTEM, Witness, rows_id
from hyperdb.frontends.sql.proof.past import readable
from hyperdb.frontends.sql.proof.ranges import Recording
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.catalog.relations import Catalog, Relation
    from hyperdb.frontends.sql.session import SqlSession


@dataclass(frozen=True)
class Proven:
    """The rows of a query, and the proof."""

    columns: tuple[tuple[str, int], ...]
    """Names and types."""
    rows: list[Row]
    frame: Frame
    proof: bytes


def prove(
    session: SqlSession, text: str, given: Sequence[int], values: Sequence[Any], now: Catalog, number: int | None = None
) -> Proven:
    """Runs a query on a frame, the newest one if `number` is None, and proves its inputs. `now` says who may read what.

    Raises:
        SqlError: 0A000 if it cannot be proved, 54000 if its proof would be more than verifiers accept, 22023, 72000 for frames.
    """
    frames = session.backend.tables.frames
    frame = readable(frames, number)
    transaction, catalog = session.facade.past(frame.number)
    witness = Witness(catalog)
    prepared = run.prepare(text, given, witness, session.schemas_in_path(), frame.number)
    session.rights.check(now, prepared.bound.needs)
    known: dict[int, tuple[int, Any]] = {}

    def layout_of(relation: Relation) -> Any:
        witness.note(relation.oid)
        layout = session.layout_of(relation, catalog)
        known[id(layout)] = (relation.oid, layout)
        return layout

    recording = Recording(transaction, lambda layout: known[id(layout)][0])
    moment = run.Moment(frame.time_ms * 1000, session.style, session.running.is_cancelled)
    rows = run.run(prepared, run.Session((recording, witness), layout_of), values, moment)
    for table in recording.spans:
        # A proof shows whole rows of whole ranges, whatever a view or a grant on columns shows of them.
        session.rights.need(now, table, SELECT)
    wanted: dict[bytes, list[Query]] = {SYSTEM: [Element(each) for each in witness.asked()]}
    for table, spans in recording.spans.items():
        record = witness.objects[table]
        assert isinstance(record, records.Table)
        app = witness.apps[record.app].encode()
        wanted.setdefault(app, []).extend(Rows(rows_id(table), Bounds(*span)) for span in spans)
    if len(wanted) > MOST_BUNDLES:
        raise SqlError("54000", f"a proof is of {MOST_BUNDLES - 1} schemas at most")
    try:
        bundles = tuple((app, frames.prove(app, *queries, frame=frame.number)) for app, queries in wanted.items() if queries)
    except NotProvableError as error:
        raise SqlError("54000", str(error), hint="Read less at a time: the key's first columns restrict what is read.") from error
    columns = tuple((name, catalog.base(kind).oid) for name, kind in prepared.bound.columns or ())
    return Proven(columns, rows, frame, QueryProof(text, bundles).encode())
