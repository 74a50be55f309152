"""Expressions of the catalog as PostgreSQL 15 shows them; each answer is what it said of the same statement.

Invariant: a text that is shown, run again, means the same; what is written in a way that is not known is shown as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import hyperdb

DEFAULTS = {
    "varchar(20) DEFAULT 'x'": "'x'::character varying",
    "numeric(10,2) DEFAULT 0": "0",
    "numeric DEFAULT '0'": "'0'::numeric",
    "numeric(10,2) DEFAULT '0'::numeric": "'0'::numeric",
    "text DEFAULT 'it''s'": "'it''s'::text",
    "timestamptz DEFAULT now()": "now()",
    "timestamptz DEFAULT CURRENT_TIMESTAMP": "CURRENT_TIMESTAMP",
    "timestamptz DEFAULT now() + interval '1 day'": "(now() + '1 day'::interval)",
    "float8 DEFAULT 1.5": "1.5",
    "bigint DEFAULT -1": "'-1'::integer",
    "bigint DEFAULT 5000000000": "'5000000000'::bigint",
    "mood DEFAULT 'ok'": "'ok'::mood",
    "jsonb DEFAULT '{}'": "'{}'::jsonb",
    "text[] DEFAULT '{}'": "'{}'::text[]",
    "bool DEFAULT true": "true",
    "date DEFAULT '2020-01-01'": "'2020-01-01'::date",
    "int DEFAULT 3 + 4": "(3 + 4)",
    "text DEFAULT lower('X')": "lower('X'::text)",
    "int DEFAULT NULL": None,
    "char(3) DEFAULT 'abc'": "'abc'::bpchar",
    "uuid DEFAULT gen_random_uuid()": "gen_random_uuid()",
    "int DEFAULT nextval('numbers')": "nextval('numbers'::regclass)",
    "int DEFAULT nextval('apart.numbers')": "nextval('apart.numbers'::regclass)",
}
CHECKS = {
    "a <> ''": ("((a)::text <> ''::text)", "a::text <> ''::text"),
    "b > 0": ("(b > (0)::numeric)", "b > 0::numeric"),
    "g > -1 AND (f < 3 OR v = 1)": (
        "((g > '-1'::integer) AND ((f < (3)::double precision) OR (v = 1)))",
        "g > '-1'::integer AND (f < 3::double precision OR v = 1)",
    ),
    "a IN ('x', 'y')": (
        "((a)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[]))",
        "a::text = ANY (ARRAY['x'::character varying, 'y'::character varying]::text[])",
    ),
    "v IN (1, 2)": ("(v = ANY (ARRAY[1, 2]))", "v = ANY (ARRAY[1, 2])"),
    "length(a) > 3": ("(length((a)::text) > 3)", "length(a::text) > 3"),
    "c LIKE 'x%'": ("(c ~~ 'x%'::text)", "c ~~ 'x%'::text"),
    "NOT (v = 3)": ("(NOT (v = 3))", "NOT v = 3"),
    "c IS NOT NULL": ("(c IS NOT NULL)", "c IS NOT NULL"),
    "v + 1 * 2 > g": ("((v + (1 * 2)) > g)", "(v + 1 * 2) > g"),
    "(v + 1) * 2 > g": ("(((v + 1) * 2) > g)", "((v + 1) * 2) > g"),
    "j": ("j", "j"),
    "coalesce(a, c) = 'q'": (
        "((COALESCE(a, (c)::character varying))::text = 'q'::text)",
        "COALESCE(a, c::character varying)::text = 'q'::text",
    ),
    "m > '2020-01-01'": ("(m > '2020-01-01'::date)", "m > '2020-01-01'::date"),
    "h = 'ok'": ("(h = 'ok'::mood)", "h = 'ok'::mood"),
    "f IS DISTINCT FROM 2": ("(f IS DISTINCT FROM (2)::double precision)", "f IS DISTINCT FROM 2::double precision"),
    "d > m": ("(d > m)", "d > m"),
    # PostgreSQL writes CASE in lines of its own; here it stays as it was written.
    "CASE WHEN j THEN v > 1 ELSE false END": ("(CASE WHEN j THEN v > 1 ELSE FALSE END)", "CASE WHEN j THEN v > 1 ELSE FALSE END"),
}
INDEXES = {
    "(lower(a))": "(lower((a)::text))",
    "((a || c), v DESC) WHERE v > 0": "((((a)::text || c)), v DESC) WHERE (v > 0)",
    "((b + 1)) WHERE a IS NOT NULL AND c = 'x'": "(((b + (1)::numeric))) WHERE ((a IS NOT NULL) AND (c = 'x'::text))",
    "(v, lower(l[1]))": "(v, lower(l[1]))",
    "(coalesce(a, ''))": "(COALESCE(a, ''::character varying))",
}
COLUMNS = (
    "a varchar(20), b numeric(10,2), c text, d timestamptz, f float8, g bigint, h mood, j bool, m date, v smallint, l text[]"
)


@pytest.fixture(scope="module")
def database() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", frames=None) as found:
        for text in (
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            "CREATE SEQUENCE numbers",
            "CREATE SCHEMA apart",
            "CREATE SEQUENCE apart.numbers",
            f"CREATE TABLE checked ({COLUMNS})",
        ):
            found.sql(text)
        yield found


@pytest.mark.parametrize("definition", DEFAULTS)
def test_defaults(database: hyperdb.Database, definition: str) -> None:
    wanted = DEFAULTS[definition]
    for column in (definition, definition.replace("DEFAULT", "NOT NULL DEFAULT")):
        database.sql("DROP TABLE IF EXISTS shown")
        database.sql(f"CREATE TABLE shown (x {column})")
        found = database.sql("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'shown'::regclass").fetchall()
        assert [text for (text,) in found] == ([] if wanted is None else [wanted])
        known = database.sql("SELECT column_default FROM information_schema.columns WHERE table_name = 'shown'").fetchall()
        assert known == [(wanted,)]
        if wanted is not None:
            # What is shown can be said again, and then is shown as the same.
            database.sql(f"ALTER TABLE shown ALTER x SET DEFAULT {wanted}")
            assert database.sql("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'shown'::regclass").fetchall()


@pytest.mark.parametrize("condition", CHECKS)
def test_checks(database: hyperdb.Database, condition: str) -> None:
    database.sql("ALTER TABLE checked DROP CONSTRAINT IF EXISTS told")
    database.sql(f"ALTER TABLE checked ADD CONSTRAINT told CHECK ({condition})")
    plain, pretty = CHECKS[condition]
    texts = database.sql(
        "SELECT pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) FROM pg_constraint WHERE conname = 'told'"
    ).fetchall()
    assert texts == [(f"CHECK ({plain})", f"CHECK ({pretty})")]
    database.sql("ALTER TABLE checked DROP CONSTRAINT told")
    for text in texts[0]:
        database.sql(f"ALTER TABLE checked ADD CONSTRAINT told {text}")
        again = database.sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'told'").fetchall()
        database.sql("ALTER TABLE checked DROP CONSTRAINT told")
        assert len(again) == 1


@pytest.mark.parametrize("definition", INDEXES)
def test_indexes(database: hyperdb.Database, definition: str) -> None:
    database.sql(f"CREATE INDEX told ON checked {definition}")
    wanted = f"CREATE INDEX told ON public.checked USING btree {INDEXES[definition]}"
    assert database.sql("SELECT pg_get_indexdef('told'::regclass)").fetchall() == [(wanted,)]
    database.sql("DROP INDEX told")
    database.sql(wanted)
    database.sql("DROP INDEX told")
