"""Random histories with deletes and re-adds: each sealed frame passes its audit and proves what the data were.

Theory: the reference is a dictionary of what was written, copied at each seal; proofs are asked of every frame at the end, so
past frames are looked at when the data have gone on. The native verifier reads all bundles, the pure one a history's last.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hyperdb
from hyperdb import StoreKey
from hyperdb.commitment import verify as pure
from hyperdb.commitment.verify import Absent, Attested, Complete, Count, Element, Found, Member, Query, Rows, Verified

APP = "redis/0"
KEYS = st.sampled_from([f"key:{number}" for number in range(6)])
FIELDS = st.sampled_from([b"a", b"b", b"\x00", b"\xff" * 9, b"a long field" * 16])
VALUES = st.binary(max_size=20)
HASH = b"h"

STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, VALUES),
    st.tuples(st.just("remove"), KEYS),
    st.tuples(st.just("set field"), FIELDS, VALUES),
    st.tuples(st.just("remove field"), FIELDS),
    st.tuples(st.just("drop hash")),
    st.tuples(st.just("seal")),
)


class Model:
    """What the app should hold."""

    def __init__(self, vertices: dict[bytes, bytes], fields: dict[bytes, bytes]) -> None:
        self.vertices = vertices
        self.fields = fields

    def copy(self) -> Model:
        return Model(dict(self.vertices), dict(self.fields))


def apply(db: hyperdb.Database, model: Model, step: tuple[object, ...]) -> None:
    """One change of both; removing what is not there does nothing."""
    app = db.app(APP)
    match step:
        case ("put", str(key), bytes(value)):
            app.put(key, value)
            model.vertices[key.encode()] = value
        case ("remove", str(key)):
            db.execute(APP, "DEL", key)
            model.vertices.pop(key.encode(), None)
        case ("set field", bytes(field), bytes(value)):
            db.execute(APP, "HSET", HASH, field, value)
            model.fields[field] = value
        case ("remove field", bytes(field)):
            db.execute(APP, "HDEL", HASH, field)
            model.fields.pop(field, None)
        case ("drop hash",):
            db.execute(APP, "DEL", HASH)
            model.fields.clear()


def check(model: Model, queries: list[Query], shown: Verified) -> None:
    """Each answer is what the model says."""
    for query, answer in zip(queries, shown.answers, strict=True):
        assert answer.query == query
        match query:
            case Element(id=name):
                value = model.vertices.get(name)
                assert isinstance(answer, Absent) if value is None else isinstance(answer, Found) and answer.row.value == value
            case Member(name=name):
                value = model.fields.get(name)
                assert isinstance(answer, Absent) if value is None else isinstance(answer, Found) and answer.row.value == value
            case Rows():
                assert isinstance(answer, Complete) and {row.name: row.value for row in answer.rows} == model.fields
            case Count():
                assert isinstance(answer, Attested) and answer.count == len(model.fields)


QUERIES = st.one_of(
    st.builds(Element, KEYS.map(str.encode)),
    st.builds(Member, st.just(HASH), FIELDS),
    st.just(Rows(HASH)),
    st.just(Count(HASH)),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, max_size=16), queries=st.lists(QUERIES, min_size=1, max_size=5))
def test_every_frame_of_a_history_audits_and_proves(steps: list[tuple[object, ...]], queries: list[Query]) -> None:
    sealed: list[Model] = []
    model = Model({}, {})
    with (
        tempfile.TemporaryDirectory() as directory,
        hyperdb.open(Path(directory) / "data", sync="everysec", memory="16m", frames=None) as db,
    ):
        for step in [*steps, ("seal",)]:
            if step == ("seal",):
                frame = db.seal()
                sealed.append(model.copy())
                assert frame.number == len(sealed)
                assert list(db.frames.audit().problems) == []
            else:
                apply(db, model, step)
        trusted = StoreKey(db.frames.public_key)
        for number, held in enumerate(sealed, 1):
            earlier = number - 1 or None
            bundle = db.frames.prove(APP, *queries, frame=number, contains=earlier)
            shown = hyperdb.verify(bundle, trusted=trusted, app=APP)
            check(held, queries, shown)
            if number == len(sealed):
                # Half a second a bundle.
                assert pure.verify(bundle, trusted=trusted, app=APP) == shown
