"""Random texts and bytes for every type: a value or an SqlError, never another exception; and whatever is a value comes back.

Theory: texts are drawn from the alphabet of each type's own literals, so that many of them nearly are values.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from type_answers import GOLDEN

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types

LITERALS: dict[str, list[str]] = json.loads((GOLDEN / "literals.json").read_text())
# All arrays share their code, so some are enough.
ARRAYS = ["_int4", "_text", "_numeric", "_timestamp", "_interval"]
NAMES = (
    sorted(kind.name for kind in types.BUILT_IN.values() if kind.name not in ("record", "void") and kind.element is None) + ARRAYS
)


def _pieces(name: str) -> st.SearchStrategy[str]:
    """Texts cut out of and put together from the type's literals, and others."""
    known = LITERALS.get(name) or LITERALS.get(name.removeprefix("_")) or ["1", "x", "{1,2}"]
    whole = st.sampled_from(known)
    part = st.builds(lambda text, start, end: text[start:end], whole, st.integers(0, 12), st.integers(0, 30))
    loose = st.text(st.sampled_from('0123456789:-+./ {}[]",eETZPxINa\\n\u0661\u00b2'), max_size=12)
    return whole | part | loose | st.builds(lambda one, two: one + two, part, part)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other or str(one) == str(other) == "NaN"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_text(name: str, data: st.DataObject) -> None:
    kind, text = types.by_name(name), data.draw(_pieces(name))
    try:
        value = kind.read_text(text, types.DEFAULT)
    except SqlError:
        return
    assert _same(kind.read_text(kind.write_text(value, types.DEFAULT), types.DEFAULT), value)
    assert _same(kind.read_binary(kind.write_binary(value)), value)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    kind = types.by_name(name)
    sizes = [max(kind.length, 0), 4, 8, 12, 16, 20, 24]
    raw = data.draw(st.binary(max_size=40) | st.sampled_from(sizes).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
    try:
        value = kind.read_binary(raw)
    except SqlError:
        return
    text = kind.write_text(value, types.DEFAULT)
    assert _same(kind.read_binary(kind.write_binary(value)), value)
    if name not in ("char", "_char") and "infinity" not in text:
        assert _same(kind.read_text(text, types.DEFAULT), value)
