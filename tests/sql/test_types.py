"""Types against what PostgreSQL 15 answered: tests/golden/sql/types.json, recorded by compat-tests/sql/type_values.py."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest
from type_answers import DIFFERENT, GOLDEN, answer, cast_answer, style

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types

ANSWERS = json.loads((GOLDEN / "types.json").read_text())
BY_TYPE: dict[str, list[dict[str, Any]]] = defaultdict(list)
for _row in ANSWERS:
    BY_TYPE[_row["type"]].append(_row)


OF_ANY_LENGTH = {"text", "varchar", "bpchar", "name", "bytea", "json", "jsonb"}


def test_there_are_answers() -> None:
    assert len(ANSWERS) > 2_000


@pytest.mark.parametrize("kind", BY_TYPE)
def test_text_and_binary_are_postgresqls(kind: str) -> None:
    for row in BY_TYPE[kind]:
        if (kind, row["in"]) in DIFFERENT:
            continue
        expected = {key: row[key] for key in ("text", "binary", "error") if key in row}
        assert answer(kind, row["in"], row["set"]) == expected, row


@pytest.mark.parametrize("kind", BY_TYPE)
def test_what_postgresql_sends_as_binary_is_read_as_the_same_value(kind: str) -> None:
    found = types.by_name(kind)
    for row in BY_TYPE[kind]:
        if "binary" not in row or (kind, row["in"]) in DIFFERENT:
            continue
        shown = style(row["set"])
        assert found.write_text(found.read_binary(bytes.fromhex(row["binary"])), shown) == row["text"], row


@pytest.mark.parametrize("kind", [kind for kind in BY_TYPE if kind not in OF_ANY_LENGTH])
def test_binary_that_is_cut_short_or_too_long_is_refused(kind: str) -> None:
    """No length of a fixed or counted value but its own is taken; text has no wrong length."""
    found = types.by_name(kind)
    for row in BY_TYPE[kind]:
        raw = bytes.fromhex(row.get("binary", ""))
        for wrong in (raw[:-1], raw + b"\0") if raw else ():
            with pytest.raises(SqlError) as caught:
                found.read_binary(wrong)
            assert caught.value.sqlstate in ("08P01", "22P03", "22003", "42804", "54000"), (row, wrong)


def test_modifiers_cut_and_refuse_as_postgresql_does() -> None:
    casts = json.loads((GOLDEN / "casts.json").read_text())
    assert len(casts) > 300
    for row in casts:
        assert cast_answer(row["type"], row["modifier"], row["in"]) == {"cast": row["cast"], "assigned": row["assigned"]}, row


def test_what_fits_is_not_changed_again() -> None:
    for row in json.loads((GOLDEN / "casts.json").read_text()):
        found = types.by_name(row["type"])
        try:
            once = types.coerce(found.oid, found.read_text(row["in"], types.DEFAULT), row["modifier"], True)
        except SqlError:
            continue
        assert types.coerce(found.oid, once, row["modifier"]) == once or once != once, row
