"""What our types make of a literal, in the words of the golden file; for the test and for whoever records that file."""

from __future__ import annotations

from pathlib import Path

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.types import zones

GOLDEN = Path(__file__).parents[1] / "golden" / "sql"

_DATE_STYLES: tuple[dict[str, str], ...] = tuple(
    {"DateStyle": style} for style in ("SQL, DMY", "SQL, MDY", "Postgres, MDY", "Postgres, DMY", "German, DMY", "ISO, YMD")
)
SETTINGS: dict[str, tuple[dict[str, str], ...]] = {
    "float4": ({}, {"extra_float_digits": "0"}, {"extra_float_digits": "-3"}),
    "float8": ({}, {"extra_float_digits": "0"}, {"extra_float_digits": "-10"}),
    "bytea": ({}, {"bytea_output": "escape"}),
    "date": ({}, *_DATE_STYLES),
    "timestamp": ({}, *_DATE_STYLES),
    "timestamptz": ({}, {"TimeZone": "America/New_York"}, *({**one, "TimeZone": "Europe/Berlin"} for one in _DATE_STYLES)),
    "interval": (
        {},
        {"IntervalStyle": "postgres_verbose"},
        {"IntervalStyle": "iso_8601"},
        {"IntervalStyle": "sql_standard"},
    ),
}
"""Under which settings the literals of a type were asked for."""

DIFFERENT: dict[tuple[str, str], str] = {
    ("float8", "1e23"): "both of the shortest digits that read back the same are right; ours are the nearest ones",
}
"""What we answer otherwise than PostgreSQL on purpose, and why."""


def style(settings: dict[str, str]) -> types.Style:
    found = zones.setting(settings.get("TimeZone", "UTC"))
    assert found is not None
    date_style, _, order = settings.get("DateStyle", "ISO, MDY").partition(", ")
    return types.Style(
        date_style=date_style,
        date_order=order,
        interval_style=settings.get("IntervalStyle", "postgres"),
        time_zone=found[1],
        time_zone_name=found[0],
        extra_float_digits=int(settings.get("extra_float_digits", "1")),
        bytea_output=settings.get("bytea_output", "hex"),
    )


def answer(kind: str, literal: str, settings: dict[str, str]) -> dict[str, str]:
    found, shown = types.by_name(kind), style(settings)
    try:
        value = found.read_text(literal, shown)
    except SqlError as error:
        return {"error": error.sqlstate}
    return {"text": found.write_text(value, shown), "binary": found.write_binary(value).hex()}


def cast_answer(kind: str, modifier: int, literal: str) -> dict[str, object]:
    """A value under a type modifier, cast and assigned."""
    found = types.by_name(kind)
    value = found.read_text(literal, types.DEFAULT)
    answers: dict[str, object] = {}
    for name, explicit in (("cast", True), ("assigned", False)):
        try:
            answers[name] = found.write_text(types.coerce(found.oid, value, modifier, explicit), types.DEFAULT)
        except SqlError as error:
            answers[name] = {"error": error.sqlstate}
    return answers
