"""Catalogs that are made after one another are those that would have been made alone, whatever was defined in between."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.catalog.builtin import built_in_relations
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables

CHANGES = (
    "CREATE TABLE t{0} (id serial PRIMARY KEY, a int UNIQUE, b text DEFAULT 'x')",
    "CREATE TABLE u{0} (id int PRIMARY KEY, up int REFERENCES t{1})",
    "ALTER TABLE t{0} ADD COLUMN c{1} int",
    "ALTER TABLE t{0} RENAME TO u{1}",
    "CREATE INDEX i{0} ON t{1} (b)",
    "DROP INDEX i{0}",
    "DROP TABLE t{0} CASCADE",
    "CREATE VIEW v{0} AS SELECT a, b FROM t{1}",
    "DROP VIEW v{0}",
    "CREATE SCHEMA s{0}",
    "CREATE TABLE s{0}.t{1} (a int)",
    "DROP SCHEMA s{0} CASCADE",
    "CREATE DOMAIN d{0} AS int CHECK (VALUE > {1})",
    "CREATE TYPE e{0} AS ENUM ('a', 'b')",
    "DROP TYPE e{0}",
    "COMMENT ON TABLE t{0} IS 'said {1}'",
)


@pytest.fixture
def session() -> Iterator[SqlSession]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        opened = SqlBackend(Tables(database.native)).open(Opening("postgres", "hyperdb"))
        yield opened
        opened.close()


def told(catalog: Catalog) -> list[object]:
    """All that others ask a catalog, in the order in which it tells it."""
    found = []
    for number in catalog.objects:
        try:
            each = catalog.relation(number)
        except SqlError:
            continue
        found.append((each.oid, each.schema, each.name, each.columns, each.record, each.width, each.indexes))
    names = sorted(catalog._names.items()), sorted(catalog._types.items())
    return [list(catalog.objects.items()), catalog.schemas, catalog.apps, catalog.domains, names, catalog.indexes, found]


@pytest.mark.parametrize("seed", range(4))
def test_a_catalog_after_another_is_the_one_made_alone(session: SqlSession, seed: int) -> None:
    chosen = random.Random(seed)
    before = session.look(lambda catalog: catalog)
    older = before
    done = 0
    for _ in range(60):
        text = chosen.choice(CHANGES).format(chosen.randrange(3), chosen.randrange(3))
        try:
            outcome = session.execute(session.prepare(text, ()), ())
            outcome.close()
            session.sync(False)
            done += 1
        except SqlError:
            session.sync(True)
        now = session.look(lambda catalog: catalog)
        alone = told(Catalog(now.image, built_in_relations))
        # What the session has is made after the one before; from any other it is the same, also from a later one.
        assert told(now) == alone
        assert told(Catalog(now.image, built_in_relations, older)) == alone
        assert told(Catalog(older.image, built_in_relations, now)) == told(older)
        if chosen.random() < 0.2:
            older = now
    assert done > 15
    assert told(before) == told(Catalog(before.image, built_in_relations))


def test_what_did_not_change_is_shared(session: SqlSession) -> None:
    for text in ("CREATE TABLE one (a int)", "CREATE TABLE other (a int)"):
        session.execute(session.prepare(text, ()), ()).close()
        session.sync(False)
    before = session.look(lambda catalog: catalog)
    number = before.find("one", None, ["public"])
    changed = before.find("other", None, ["public"])
    assert number is not None
    assert changed is not None
    kept, old = before.relation(number), before.relation(changed)
    session.execute(session.prepare("ALTER TABLE other ADD COLUMN b int", ()), ()).close()
    session.sync(False)
    after = session.look(lambda catalog: catalog)
    assert after.relation(number) is kept
    assert after.relation(changed) is not old
    assert [column.name for column in old.columns] == ["a"]
