"""The short way's other forms, as in `test_lane`: RETURNING, ON CONFLICT, several rows, foreign keys, sequences, ranges of a key,
and who may take it."""

from __future__ import annotations

import random

import pytest
from test_lane import Talker, filled, pair, same
from wire_client import SYNC, bind, execute, parse, query

__all__ = ["pair"]

TABLES = """
CREATE TABLE made (id serial PRIMARY KEY, word varchar(6), up int, n smallint DEFAULT 3, UNIQUE (word));
CREATE TABLE one (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, b text, at timestamptz DEFAULT now());
CREATE TABLE pairs (a int, b int, c text, d int, PRIMARY KEY (a, b));
CREATE INDEX ON pairs (d, c);
CREATE TABLE child (id int PRIMARY KEY, up int REFERENCES made, pa int, pb int, own int REFERENCES child,
    FOREIGN KEY (pb, pa) REFERENCES pairs (b, a));
CREATE SEQUENCE few MAXVALUE 9 CYCLE;
CREATE SEQUENCE cached CACHE 5;
CREATE TABLE odd (id int DEFAULT nextval('few'), k int DEFAULT nextval('cached') PRIMARY KEY, t text);
"""

STATEMENTS = [
    "INSERT INTO made (word, up) VALUES ({word}, {small}) RETURNING id",
    "INSERT INTO made (word) VALUES ({word}), ({word}), (NULL) RETURNING *",
    "INSERT INTO made (word, n) VALUES ({word}, {short})",
    "INSERT INTO one (a, b) VALUES ({int}, {word}) RETURNING id, a, b",
    "INSERT INTO one (a) VALUES ({small}), ({maybe}), ({int}) RETURNING one.id",
    "INSERT INTO one (b) VALUES ({word}) RETURNING id + 1",
    "INSERT INTO made (id, word) VALUES ({small}, {word}) ON CONFLICT DO NOTHING",
    "INSERT INTO made (id, word) VALUES ({small}, {word}) ON CONFLICT (id) DO NOTHING RETURNING id, word",
    "INSERT INTO made (id, word) VALUES ({small}, {word}) ON CONFLICT (word) DO UPDATE SET up = excluded.id RETURNING *",
    "INSERT INTO made (id, up) VALUES ({small}, {small}), ({small}, 7) ON CONFLICT (id) DO UPDATE SET up = made.up + excluded.up",
    "INSERT INTO made (id, word) VALUES ({small}, {word}) ON CONFLICT (id) DO UPDATE SET word = excluded.word WHERE made.up > 3",
    "INSERT INTO pairs VALUES ({small}, {small}, {word}, {small}) ON CONFLICT (a, b) DO UPDATE SET c = excluded.c, d = {int}",
    "INSERT INTO pairs VALUES ({small}, {small}, {word}, {maybe}), ({small}, {maybe}, {word}, 2) RETURNING b, a",
    "INSERT INTO child VALUES ({small}, {maybe}, {maybe}, {maybe}, {maybe})",
    "INSERT INTO child VALUES ({small}, NULL, NULL, NULL, {small}), ({small}, 1, {small}, {small}, NULL) RETURNING id, own",
    "INSERT INTO odd (t) VALUES ({word}) RETURNING id, k",
    "UPDATE made SET up = {small}, n = n + 1 WHERE id = {small} RETURNING id, n, up",
    "UPDATE made SET word = {word} WHERE word = {word} RETURNING *",
    "DELETE FROM child WHERE id = {small} RETURNING *",
    "DELETE FROM pairs WHERE a = {small} AND b = {small} RETURNING c",
    "DELETE FROM made WHERE id = {small} RETURNING word",
    "SELECT id, word FROM made WHERE id BETWEEN {small} AND {small}",
    "SELECT id FROM made WHERE id > {small} ORDER BY id LIMIT 3",
    "SELECT id FROM made WHERE id < {small} ORDER BY id DESC LIMIT {small}",
    "SELECT * FROM made ORDER BY id LIMIT 4",
    "SELECT word FROM made WHERE word >= {word} ORDER BY word LIMIT 2",
    "SELECT * FROM pairs WHERE a = {small}",
    "SELECT b, c FROM pairs WHERE a = {small} AND b >= {small} AND b < 9 ORDER BY b",
    "SELECT b FROM pairs WHERE a = {small} ORDER BY a, b DESC LIMIT 2",
    "SELECT a, b, c FROM pairs WHERE a >= {small} ORDER BY a DESC, b DESC LIMIT 5",
    "SELECT a, b FROM pairs WHERE d = {small} ORDER BY c",
    "SELECT a, b FROM pairs WHERE d > {small} AND d <= {small}",
    "SELECT a, b FROM pairs WHERE d >= {small}",
    "SELECT a FROM pairs WHERE a > {small} AND c = {word}",
    "SELECT id FROM made WHERE id > {int} LIMIT {maybe}",
    "SELECT id FROM made WHERE id = {int}::smallint",
    "UPDATE made SET up = {int}::bigint::smallint WHERE id = {small}::int RETURNING up",
    "INSERT INTO made (word, id) VALUES ({word}::text::varchar(3), {int}::int8) ON CONFLICT DO NOTHING",
    "SELECT currval('made_id_seq'), lastval()",
    "SELECT nextval('few')",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
]  # fmt: skip


@pytest.fixture
def talkers(pair: tuple[Talker, Talker]) -> tuple[Talker, Talker]:
    for talker in pair:
        talker.run(TABLES)
    return pair


@pytest.mark.parametrize("seed", range(8))
def test_they_are_answered_as_in_the_ordinary_way(talkers: tuple[Talker, Talker], seed: int) -> None:
    rng = random.Random(seed)
    some = rng.sample(STATEMENTS, 14)
    for _ in range(240):
        same(talkers, query(filled(rng, rng.choice(some))))
    same(talkers, query("ROLLBACK"))
    for table in ("made", "one", "pairs", "child", "odd"):
        same(talkers, query(f"SELECT * FROM {table} ORDER BY 1, 2"))
    assert talkers[0].answered > 20


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO made (word, up) VALUES ('{n}', {n}) RETURNING id",
        "INSERT INTO made (word) VALUES ('a{n}'), ('b{n}') RETURNING *",
        "INSERT INTO one (a) VALUES ({n}) RETURNING id, a",
        "INSERT INTO made (id) VALUES ({n}) ON CONFLICT (id) DO UPDATE SET up = {n} RETURNING up",
        "INSERT INTO made (id) VALUES ({n}) ON CONFLICT DO NOTHING",
        "INSERT INTO child (id, own) VALUES ({n}, {n})",
        "SELECT * FROM pairs WHERE a = {n} ORDER BY b LIMIT 2",
        "SELECT id FROM made WHERE id BETWEEN 2 AND {n}",
        "SELECT a FROM pairs WHERE d = {n} AND c > 'x' AND c < 'z'",
        "SELECT id FROM made WHERE id > {n} ORDER BY id DESC LIMIT 2",
        "UPDATE made SET up = {n} WHERE id = {n} RETURNING *",
        "SELECT word FROM made WHERE id = {n}::smallint",
        "UPDATE made SET up = {n}::bigint::int WHERE id = cast({n} AS bigint)",
    ],
)
def test_these_are_answered_here(talkers: tuple[Talker, Talker], text: str) -> None:
    for number in range(3):
        same(talkers, query(text.format(n=number)))
    before = talkers[0].answered
    for number in range(3, 7):
        same(talkers, query(text.format(n=number)))
    assert talkers[0].answered == before + 4


@pytest.mark.parametrize("results", [[], [0], [1], [1, 0]])
def test_prepared_statements_give_rows_in_their_formats(talkers: tuple[Talker, Talker], results: list[int]) -> None:
    same(talkers, parse("INSERT INTO made (word, up) VALUES ($1, $2) RETURNING id, word", "new"), SYNC)
    same(talkers, parse("SELECT id, word FROM made WHERE id >= $1 ORDER BY id LIMIT $2", "some"), SYNC)
    for number in range(4):
        same(talkers, bind([b"w%d" % number, b"5"], name="new", results=results), execute("", 0), SYNC)
        same(talkers, bind([b"1", b"%d" % number], name="some", results=results), execute("", 0), SYNC)
    same(talkers, bind([b"1", b"-1"], name="some"), execute("", 0), SYNC)
    assert talkers[0].answered > 4


def test_values_of_sequences_are_used_once(talkers: tuple[Talker, Talker]) -> None:
    for word in ("a", "b", "c", "c", "c", "d", "d", "e"):
        same(talkers, query(f"INSERT INTO made (word) VALUES ('{word}') RETURNING id"))
        same(talkers, query("SELECT currval('made_id_seq')"))
    same(talkers, query("BEGIN"), query("INSERT INTO made (word) VALUES ('f') RETURNING id"), query("ROLLBACK"))
    same(talkers, query("SELECT nextval('made_id_seq'), lastval()"))


def test_roles_take_it_as_long_as_they_may(talkers: tuple[Talker, Talker]) -> None:
    get, add = query("SELECT up FROM made WHERE id = 1"), "INSERT INTO made (word) VALUES ('{n}') RETURNING id"
    same(talkers, query("CREATE ROLE ann; GRANT SELECT, INSERT ON made TO ann; GRANT USAGE ON SEQUENCE made_id_seq TO ann"))
    same(talkers, query("INSERT INTO made (word) VALUES ('first')"), query("SET ROLE ann"))
    for number in range(3):
        same(talkers, get, query(add.format(n=number)))
    before = talkers[0].answered
    same(talkers, get, query(add.format(n=4)))
    assert talkers[0].answered == before + 1
    same(talkers, query("UPDATE made SET up = 1 WHERE id = 1"), query("SELECT a FROM one WHERE id = 1"))
    same(talkers, query("RESET ROLE"), query("REVOKE INSERT ON made FROM ann"), query("SET ROLE ann"))
    for number in range(5, 9):
        same(talkers, get, query(add.format(n=number)))
    same(talkers, query("RESET ROLE; REVOKE SELECT ON made FROM ann; GRANT INSERT ON made TO ann"))
    same(talkers, query("REVOKE USAGE ON SEQUENCE made_id_seq FROM ann"))
    same(talkers, query("SET ROLE ann"))
    for number in range(10, 14):
        same(talkers, get, query(add.format(n=number)), query("INSERT INTO made (id) VALUES (99)"))


def test_a_path_that_changes_is_followed(talkers: tuple[Talker, Talker]) -> None:
    same(talkers, query("CREATE SCHEMA other; CREATE TABLE other.pairs (a int PRIMARY KEY, b int, c text, d int)"))
    same(talkers, query("INSERT INTO other.pairs VALUES (1, 2, 'other', 3); INSERT INTO pairs VALUES (1, 2, 'public', 3)"))
    same(talkers, parse("SELECT c FROM pairs WHERE a = $1", "get"), SYNC)
    for path in ("public", "other", "public"):
        same(talkers, query(f"SET search_path = {path}"))
        for _ in range(3):
            same(talkers, bind([b"1"], name="get"), execute("", 0), SYNC)
            same(talkers, query("SELECT c FROM pairs WHERE a = 1"))


def test_another_time_zone_keeps_only_moments_away(talkers: tuple[Talker, Talker]) -> None:
    same(talkers, query("SET TimeZone = 'Asia/Kolkata'"))
    for number in range(4):
        same(talkers, query(f"INSERT INTO one (a) VALUES ({number}) RETURNING id"))
        same(talkers, query("SELECT a, at FROM one WHERE id = 1"), query("SELECT a FROM one WHERE id = 1"))
        same(talkers, query("INSERT INTO history (mtime) VALUES (now())"))
    assert talkers[0].answered == 2
    same(talkers, query("RESET TimeZone"))
    for _ in range(3):
        same(talkers, query("SELECT a, at FROM one WHERE id = 1"), query("SELECT mtime FROM history"))
