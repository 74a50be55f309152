"""Expressions of more types as forms: texts with places for expressions of a type, `{int4}`, or for one of a list, `{#zone}`.

Invariant: each form is well typed, and has one right value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from random_sql import TYPES, Scope

MORE: dict[str, tuple[str, ...]] = {
    "timestamptz": (
        "2020-02-29 23:59:59.5+00",
        "1999-12-31 00:00:00+05:30",
        "infinity",
        "2021-03-28 01:30:00+00",
        "1970-01-01 00:00:00+00",
    ),
    "time": ("00:00:00", "23:59:59.999999", "12:34:56", "24:00:00"),
    "jsonb": (
        "null",
        "1",
        "1.50",
        "true",
        '"a"',
        "[]",
        "{}",
        '[1, "a", null]',
        '{"a": 1, "b": [1, 2]}',
        '{"a": {"b": "é"}, "": 0}',
        "[[1], {}]",
    ),
    "int4[]": ("{}", "{1}", "{1,2,3}", "{NULL,2}", "{3,2,1}", "{{1,2},{3,4}}", "[0:1]={7,8}"),
    "text[]": ("{}", "{a}", "{a,b}", '{NULL,"null",""}', '{"a b","\\"é"}', "{b,a}"),
}
WIDE = (*TYPES, *MORE)
_ZONES = ("'UTC'", "'Europe/Berlin'", "'America/New_York'", "'Asia/Kolkata'", "'+03:00'", "'EST'")
_UNITS = ("year", "month", "day", "hour", "minute", "week", "quarter", "decade", "century")
_PATTERNS = ("'a'", "'^a'", "'[a-z]+'", "'.b'", "'(a|b)*$'", "'\\\\s'", "'\\\\d+'", "''", "'[[:upper:]]'", "'^.?$'")
_SIMILAR = ("'a%'", "'(a|b)+'", "'%b_'", "'[a-c]*'", "''")
_DATED = (
    "'YYYY-MM-DD'",
    "'DD Mon YYYY'",
    "'Day, DDD'",
    "'IYYY-IW'",
    "'J'",
    "'HH24:MI:SS.US'",
    "'Q CC'",
    "'FMMonth FMDDth'",
    "'HH12 am'",
)
_NUMBERED = ("'999'", "'FM999.00'", "'S9,999.9'", "'0000'", "'9.99EEEE'", "'RN'", "'999PR'", "'L99'")
_KEYS = ("'a'", "'b'", "''", "'zz'")
_PATHS = ("'{a}'", "'{a,b}'", "'{b,0}'", "'{0}'", "'{-1}'", "'{}'")


def literal(kind: str, value: str) -> str:
    """A literal of one of these types."""
    return f"'{value.replace(chr(39), chr(39) * 2)}'::{kind}"


def _forms(*forms: str) -> Callable[[Any, str, Scope, int], str]:
    def make(maker: Any, _kind: str, scope: Scope, depth: int) -> str:
        found: str = maker._of(forms, scope, depth)
        return found

    return make


LISTS: dict[str, tuple[str, ...]] = {
    "zone": _ZONES,
    "unit": tuple(f"'{unit}'" for unit in _UNITS),
    "field": (
        "year",
        "month",
        "day",
        "dow",
        "isodow",
        "doy",
        "week",
        "isoyear",
        "quarter",
        "century",
        "epoch",
        "millennium",
        "decade",
        "julian",
    ),
    "clock": ("hour", "minute", "second", "microseconds", "milliseconds"),
    "pattern": _PATTERNS,
    "similar": _SIMILAR,
    "dated": _DATED,
    "numbered": _NUMBERED,
    "key": _KEYS,
    "path": _PATHS,
    "small": ("0", "1", "2", "-1", "3"),
    "flags": ("''", "'g'", "'i'", "'gi'"),
    "compare": ("=", "<>", "<", "<=", ">", ">="),
    "anyall": ("ANY", "ALL"),
    "like": ("LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"),
    "liked": ("'a%'", "'%B'", "'_'", "'%é%'", "'%'", "''", "'\\\\%'"),
    "match": ("~", "~*", "!~", "!~*"),
    "bits": ("&", "|", "#"),
    "shift": ("<<", ">>"),
    "sign": ("+", "-"),
    "number": ("2", "0.5", "-1", "3"),
}
MAKERS: dict[str, tuple[Callable[..., str], ...]] = {
    "int4": (
        _forms(
            "cardinality({int4[]})",
            "array_length({int4[]}, 1)",
            "array_position({int4[]}, {int4})",
            "({int4[]})[{#small}]",
            "jsonb_array_length({jsonb})",
            "({jsonb} ->> {#key})::int4",
            "strpos({text}, {text})",
            "regexp_count({text}, {#pattern})",
            "extract({#field} from {date})::int4",
            "({int4} {#bits} {int4})",
            "({int4} {#shift} {#small})",
            "array_upper({text[]}, 1)",
            "width_bucket({int4}, 0, 10, 4)",
            "bit_length({text})",
            "gcd({int4}, {int4})",
            "mod({int4}, {int4})",
            "array_ndims({int4[]})",
            "num_nulls({text}, {int4}, {jsonb})",
        ),
    ),
    "numeric": (
        _forms(
            "round({numeric}, {#small})",
            "trunc({numeric}, {#small})",
            "div({numeric}, {numeric})",
            "mod({numeric}, {numeric})",
            "extract({#field} from {timestamptz})",
            "extract({#clock} from {time})",
            "extract({#clock} from {interval})",
            "scale({numeric})::numeric",
            "trim_scale({numeric})",
            "sqrt(abs({numeric}))",
            "power({numeric}, {#small})",
            "{int4}::numeric(6,2)",
            "({text})::numeric",
        ),
    ),
    "text": (
        _forms(
            "({jsonb} ->> {#key})",
            "({jsonb} #>> {#path})",
            "({jsonb} ->> {#small})",
            "array_to_string({int4[]}, ',', '*')",
            "to_char({date}, {#dated})",
            "to_char({timestamp}, {#dated})",
            "to_char({int4}, {#numbered})",
            "to_char({numeric}, {#numbered})",
            "regexp_replace({text}, {#pattern}, 'x', {#flags})",
            "substring({text} from {#pattern})",
            "regexp_substr({text}, {#pattern})",
            "format('%s|%L|%I', {text}, {text}, {text})",
            "quote_literal({text})",
            "quote_ident({text})",
            "overlay({text} placing {text} from 2 for 1)",
            "rpad({text}, 3, {text})",
            "({text[]})[{#small}]",
            "jsonb_typeof({jsonb})",
            "encode({text}::bytea, 'hex')",
            "concat_ws(',', {text}, {int4}, {date})",
            "to_hex({int4})",
            "btrim({text}, 'a ')",
            "({bool})::text",
            "({jsonb})::text",
            "({int4[]})::text",
            "({interval})::text",
            "jsonb_pretty({jsonb})",
            "left({text}, {#small}) || right({text}, {#small})",
            "chr(65 + abs(ascii({text}) % 26))",
        ),
    ),
    "bool": (
        _forms(
            "({int4[]} @> {int4[]})",
            "({int4[]} && {int4[]})",
            "({text[]} <@ {text[]})",
            "({jsonb} @> {jsonb})",
            "({jsonb} ? {#key})",
            "({jsonb} ?| ARRAY['a', 'b'])",
            "({text} {#match} {#pattern})",
            "({text} {#like} {#liked})",
            "({text} SIMILAR TO {#similar})",
            "({int4} {#compare} {#anyall} ({int4[]}))",
            "({text} = ANY ({text[]}))",
            "(({int4}, {text}) {#compare} ({int4}, {text}))",
            "(ROW({int4}, {date}) IS NOT DISTINCT FROM ROW({int4}, {date}))",
            "starts_with({text}, {text})",
            "(({date}, {date}) OVERLAPS ({date}, {date}))",
            "({jsonb} {#compare} {jsonb})",
            "({timestamptz} {#compare} {timestamp})",
            "({date} {#compare} {timestamptz})",
            "({jsonb} ->> 'a')::bool",
            "isfinite({date})",
            "({time} BETWEEN {time} AND {time})",
            "({int4} BETWEEN SYMMETRIC {int4} AND {int4})",
        ),
    ),
    "date": (
        _forms(
            "({timestamptz})::date", "make_date(2000 + {int2} % 100, 1 + abs({int2} % 12), 1)", "to_date({text}, 'YYYY-MM-DD')"
        ),
    ),
    "timestamp": (
        _forms(
            "({timestamptz} AT TIME ZONE {#zone})",
            "date_bin('15 minutes', {timestamp}, '2001-01-01'::timestamp)",
            "({date} + {time})",
            "({date} + {interval})",
            "({timestamptz})::timestamp",
        ),
    ),
    "timestamptz": (
        _forms(
            "({timestamp} AT TIME ZONE {#zone})",
            "({timestamptz} {#sign} {interval})",
            "date_trunc({#unit}, {timestamptz})",
            "date_trunc({#unit}, {timestamptz}, {#zone})",
            "({date})::timestamptz",
            "to_timestamp({int4})",
            "({timestamp})::timestamptz",
        ),
    ),
    "time": (
        _forms("({timestamp})::time", "({time} {#sign} {interval})", "({interval})::time", "make_time(abs({int2} % 24), 0, 1.5)"),
    ),
    "interval": (
        _forms(
            "({timestamp} - {timestamp})",
            "({timestamptz} - {timestamptz})",
            "age({timestamp}, {timestamp})",
            "justify_hours({interval})",
            "justify_interval({interval})",
            "justify_days({interval})",
            "({interval} * {#number})",
            "({interval} / {#number})",
            "(- {interval})",
            "({time} - {time})",
            "make_interval(days => {int2}, hours => 3)",
            "date_trunc({#unit}, {interval})",
        ),
    ),
    "jsonb": (
        _forms(
            "jsonb_build_object('k', {int4}, 'l', {text})",
            "jsonb_build_array({text}, {date}, {jsonb})",
            "to_jsonb({numeric})",
            "to_jsonb({text[]})",
            "to_jsonb({timestamptz})",
            "to_jsonb({text})",
            "({jsonb} || {jsonb})",
            "({jsonb} - {#key})",
            "({jsonb} - {#small})",
            "({jsonb} #- {#path})",
            "({jsonb} -> {#key})",
            "({jsonb} -> {#small})",
            "({jsonb} #> {#path})",
            "jsonb_set({jsonb}, {#path}, {jsonb})",
            "jsonb_insert({jsonb}, {#path}, {jsonb})",
            "jsonb_strip_nulls({jsonb})",
            "({jsonb})['a']",
        ),
    ),
    "int4[]": (
        _forms(
            "array_append({int4[]}, {int4})",
            "array_prepend({int4}, {int4[]})",
            "array_cat({int4[]}, {int4[]})",
            "({int4[]} || {int4})",
            "array_remove({int4[]}, {int4})",
            "array_replace({int4[]}, {int4}, {int4})",
            "ARRAY[{int4}, {int4}]",
            "({int4[]})[{#small}:{#small}]",
            "array_fill({int4}, ARRAY[2])",
            "array_positions({int4[]}, {int4})",
            "trim_array({int4[]}, 1)",
        ),
    ),
    "text[]": (
        _forms(
            "string_to_array({text}, ' ')",
            "string_to_array({text}, NULL)",
            "regexp_split_to_array({text}, {#pattern})",
            "ARRAY[{text}, {text}]",
            "({text[]} || {text[]})",
            "array_remove({text[]}, {text})",
            "({int4[]})::text[]",
            "regexp_match({text}, {#pattern})",
        ),
    ),
}
CASTS: dict[str, tuple[str, ...]] = {
    "timestamptz": ("timestamp", "date", "text"),
    "time": ("timestamp", "interval", "text"),
    "jsonb": ("text",),
    "int4[]": ("text[]", "text"),
    "text[]": ("int4[]", "text"),
    "text": WIDE,
    "date": ("timestamp", "timestamptz"),
    "interval": ("time", "text"),
}
