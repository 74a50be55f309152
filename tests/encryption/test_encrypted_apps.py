"""Stores that take nothing but what is verifiably encrypted: apps of the Python API, tables with a constraint."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import hyperdb
import hyperdb.aio
from hyperdb.commitment.verify import Element, Found, Root
from hyperdb.encryption import Place, decrypt, encrypt, encrypt_secret, share
from hyperdb.errors import EncryptionError, InvalidError, NotBuiltError, NotFoundError
from tests.encryption.samples import KEY, OTHER, PLACE, changed


@pytest.fixture
def db(tmp_path: Path) -> Iterator[hyperdb.Database]:
    with hyperdb.open(tmp_path / "data", sync="everysec", memory="16m") as opened:
        yield opened


def test_an_encrypted_app_keeps_what_verifies(db: hyperdb.Database) -> None:
    vault = db.encrypted("vault", [KEY.public])
    sealed = encrypt(b"data", PLACE, [KEY.public])
    vault.put(PLACE.key, sealed)
    assert PLACE.key in vault
    assert decrypt(vault.get(PLACE.key) or b"", KEY, PLACE) == b"data"
    shared = share(sealed, KEY, OTHER.public)
    vault.put(PLACE.key, shared)
    vault.put(b"secret", encrypt_secret(b"small", Place("vault", b"secret"), KEY.public))
    assert len(vault) == 2
    assert set(vault.vertices()) == {PLACE.key, b"secret"}
    assert vault.remove(b"secret") and not vault.remove(b"secret")


def test_an_encrypted_app_refuses_everything_else(db: hyperdb.Database) -> None:
    vault = db.encrypted("vault", [KEY.public])
    sealed = encrypt(b"data", PLACE, [KEY.public])
    to_another = encrypt(b"data", PLACE, [OTHER.public])
    secret = encrypt_secret(b"small", PLACE, OTHER.public)
    for key, data in (
        (PLACE.key, b"plain"),
        (PLACE.key, b""),
        (PLACE.key, changed(sealed, -1)),
        (PLACE.key, to_another),
        (PLACE.key, secret),
        (b"elsewhere", sealed),
    ):
        with pytest.raises(EncryptionError):
            vault.put(key, data)
    assert len(vault) == 0
    both = db.encrypted("both", [KEY.public, OTHER.public])
    with pytest.raises(EncryptionError, match="not encrypted to"):
        both.put(PLACE.key, encrypt(b"", Place("both", PLACE.key), [KEY.public]))
    with pytest.raises(EncryptionError, match="one recipient"):
        both.put(PLACE.key, encrypt_secret(b"", Place("both", PLACE.key), KEY.public))


def test_there_is_no_other_way_into_it(db: hyperdb.Database) -> None:
    db.encrypted("vault", [KEY.public])
    with pytest.raises(EncryptionError, match=r"Database\.encrypted"):
        db.app("vault")
    with pytest.raises(EncryptionError):
        db.execute("vault", "SET", "key", "value")
    with db.transaction() as transaction, pytest.raises(EncryptionError):
        transaction.app("vault")
    db.app("another").put("key", "value")


def test_what_may_become_one(db: hyperdb.Database) -> None:
    db.app("full").put("key", "value")
    for name, recipients in (
        ("full", [KEY.public]),
        ("redis/0", [KEY.public]),
        ("", [KEY.public]),
        ("new", []),
        ("x" * 256, [KEY.public]),
    ):
        with pytest.raises(InvalidError):
            db.encrypted(name, recipients)
    with pytest.raises(NotFoundError):
        db.encrypted("none")
    db.encrypted("vault", [KEY.public])
    with pytest.raises(InvalidError, match="other recipients"):
        db.encrypted("vault", [OTHER.public])
    with hyperdb.open(":memory:", engine="memory") as portable, pytest.raises(NotBuiltError):
        portable.encrypted("vault", [KEY.public])


def test_it_is_one_after_a_restart_and_in_every_frame(tmp_path: Path) -> None:
    sealed = encrypt(b"data", PLACE, [KEY.public])
    with hyperdb.open(tmp_path / "data", sync="everysec", memory="16m") as db:
        db.encrypted("vault", [KEY.public]).put(PLACE.key, sealed)
        frame = db.seal()
        with db.snapshot(frame=frame.number) as snapshot:
            bundle = snapshot.prove("vault", Element(PLACE.key))
    (found,) = hyperdb.verify(bundle, trusted=Root(frame.root), app="vault").answers
    assert isinstance(found, Found)
    assert found.row.value == sealed
    with hyperdb.open(tmp_path / "data", sync="everysec", memory="16m") as db:
        vault = db.encrypted("vault")
        assert vault.recipients == (KEY.public,)
        assert vault.get(PLACE.key) == sealed
        with pytest.raises(EncryptionError):
            db.app("vault")


def test_asyncio_has_it(tmp_path: Path) -> None:
    async def use() -> None:
        async with hyperdb.aio.open(tmp_path / "data", sync="everysec", memory="16m") as db:
            vault = await db.encrypted("vault", [KEY.public])
            await vault.put(PLACE.key, encrypt(b"data", PLACE, [KEY.public]))
            with pytest.raises(EncryptionError):
                await vault.put(b"other", b"plain")
            assert (await vault.has(PLACE.key), await vault.length()) == (True, 1)
            assert decrypt(await vault.get(PLACE.key) or b"", KEY) == b"data"
            assert await vault.remove(PLACE.key)

    asyncio.run(use())


def test_a_table_with_the_constraint_takes_what_verifies(db: hyperdb.Database) -> None:
    check = f"CHECK (hyperdb_encrypted(value, '\\x{KEY.public}', 'vault', id))"
    db.sql(f"CREATE TABLE vault (id bytea PRIMARY KEY, value bytea NOT NULL {check})")
    sealed = encrypt(b"data", PLACE, [KEY.public])
    add = "INSERT INTO vault VALUES (%s, %s)"
    db.sql(add, (PLACE.key, sealed))
    for key, data in ((b"other", sealed), (b"other", b"plain"), (b"other", changed(sealed, -1))):
        with pytest.raises(hyperdb.IntegrityError):
            db.sql(add, (key, data))
    with pytest.raises(hyperdb.IntegrityError):
        db.sql("UPDATE vault SET value = %s", (b"plain",))
    assert [bytes(row[0]) for row in db.sql("SELECT value FROM vault")] == [sealed]
    with db.serve(sql="127.0.0.1:0") as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        with psycopg.connect(f"host={host} port={port} user=postgres dbname=hyperdb", autocommit=True) as connection:
            with pytest.raises(psycopg.errors.CheckViolation), connection.cursor().copy("COPY vault FROM STDIN") as copy:
                copy.write_row((b"other", sealed))
            other = Place(PLACE.app, b"copied")
            with connection.cursor().copy("COPY vault FROM STDIN") as copy:
                copy.write_row((other.key, encrypt(b"more", other, [KEY.public])))
    assert [tuple(row) for row in db.sql("SELECT count(*) FROM vault")] == [(2,)]
    found = db.sql("SELECT hyperdb_encrypted(%s, %s, 'vault', %s)", (sealed, b"no key", PLACE.key))
    assert [tuple(row) for row in found] == [(False,)]
