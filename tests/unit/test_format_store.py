"""Stores of earlier versions, read from their files by the document alone, and opened by the engine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from format_files import read_store
from format_records import element_key, hash64

import hyperdb
from hyperdb import Vertex

STORES = Path(__file__).resolve().parents[1] / "golden" / "store"
VERSIONS = sorted(path.name for path in STORES.iterdir())
State = dict[tuple[int, bytes], bytes]


def dump(path: Path) -> State:
    lines = (line.replace(" ", "\t").split("\t") for line in path.read_text("ascii").splitlines())
    return {(int(family), bytes.fromhex(key)): bytes.fromhex(value) for family, key, value in lines}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_document_is_enough_to_read_the_files(version: str) -> None:
    store = read_store(STORES / version / "files")
    assert store.at(store.newest) == dump(STORES / version / "now.hex")
    assert store.at(store.kept[0]) == dump(STORES / version / "kept.hex")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_document_is_enough_to_find_a_key(version: str) -> None:
    store = read_store(STORES / version / "files")
    now = store.at(store.newest)
    identity = now[2, b"\x00"]
    key = (int.from_bytes(identity[2:10], "little"), int.from_bytes(identity[10:18], "little"))
    name = b"\x01redis/0"
    entry = now[0, element_key(0, hash64(key, name), name)]
    app = int.from_bytes(entry[2:], "little")
    assert now[0, element_key(app, hash64(key, b"greeting"), b"greeting")] == b"\x01\x00hello"


@pytest.mark.parametrize("at", range(0, 7000, 997))
def test_the_reader_sees_damage(at: int, tmp_path: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(STORES / VERSIONS[0] / "files", copy)
    table = copy / "000000000001.sst"
    data = bytearray(table.read_bytes())
    data[at] ^= 1
    table.write_bytes(data)
    with pytest.raises(ValueError):
        read_store(copy)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_engine_opens_it_and_finds_everything(version: str, tmp_path: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(STORES / version / "files", copy)
    with hyperdb.open(copy) as db:
        redis, shop = db.app("redis/0"), db.app("shop")
        assert redis.get("greeting") == b"hello"
        assert "gone" not in redis
        assert dict(redis.hash("user:1").items()) == {b"name": b"Ada", b"born": b"1815"}
        assert list(redis.list("queue")) == [b"a", b"b", b"c"]
        assert len(redis.set("tags")) == 300
        assert [membership.hyperedge for membership in shop.incident(b"libc6")] == [b"bash depends"]
        assert shop.hyperedge(b"bash depends").get(b"1") == Vertex(b"libc6")
        redis.put("fresh", b"1")
    with hyperdb.open(copy) as db:
        assert db.app("redis/0").get("fresh") == b"1"
