"""Files of RDB into a database and out of it: every encoding, and all that is wrong with a file.

Theory: the files are made by a writer that shares no code with the reader (`rdb_files`); what was written is asked for with
Redis's own commands; that nothing was written is told by the number of the newest commit.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rdb_files as made

import hyperdb
from hyperdb.errors import CancelledError, InvalidError, RdbError
from hyperdb.transfer.files import export_file, import_file

FUTURE = 4_102_444_800_123
CODE = b"#!lua name=lib\nredis.register_function('one', function() return 1 end)"


def unheard(*_: object) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def db() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        yield database


@pytest.fixture
def bring(db: hyperdb.Database, tmp_path: Path) -> Callable[..., Any]:
    def run(data: bytes, progress: Callable[..., object] = unheard, **arguments: object) -> Any:
        path = tmp_path / "dump.rdb"
        path.write_bytes(data)
        return import_file(db, {"path": str(path), **arguments}, progress)

    return run


def value(db: hyperdb.Database, key: str, number: int = 0) -> Any:
    """What lies under a key, by the command for its type."""
    ask = lambda *words: db.execute(f"redis/{number}", *words)  # noqa: E731
    match ask("TYPE", key):
        case b"string":
            return ask("GET", key)
        case b"list":
            return ask("LRANGE", key, "0", "-1")
        case b"set":
            return set(ask("SMEMBERS", key))
        case b"hash":
            return dict(ask("HGETALL", key))
        case b"zset":
            return ask("ZRANGE", key, "0", "-1", "WITHSCORES")
        case b"stream":
            return ask("XRANGE", key, "-", "+")
    return None


NUMBERS = [
    0,
    1,
    12,
    13,
    -1,
    127,
    -128,
    4095,
    -4096,
    4096,
    32767,
    -32768,
    1 << 20,
    -(1 << 23),
    1 << 30,
    -(1 << 31),
    1 << 40,
    -(1 << 63),
]
WORDS = [b"", b"a", b"x" * 63, b"y" * 64, b"\0\xff\r\n", b"z" * 300, b"w" * 5000]
TEXTS = [str(each).encode() for each in NUMBERS]
PAIRS = {b"one": b"1", b"two": b"x" * 100, b"three": b""}
FLAT = [word for pair in PAIRS.items() for word in pair]
ENTRIES = [((5, 1), [b"f", b"v", b"g", b"w"]), ((5, 2), [b"f", b"2", b"g", b""]), ((9, 0), [b"other", b"x"])]
RANGE = [[b"5-1", [b"f", b"v", b"g", b"w"]], [b"5-2", [b"f", b"2", b"g", b""]], [b"9-0", [b"other", b"x"]]]
ZSET = [[b"low", float("-inf")], [b"b", 1.5], [b"high", float("inf")]]


def score(number: float) -> bytes:
    """As text with a length byte."""
    if number in (float("inf"), float("-inf")):
        return b"\xfe" if number > 0 else b"\xff"
    return made.text(repr(number).encode())


ENCODINGS: dict[str, tuple[int, bytes, Any]] = {
    "string": (0, made.text(b"plain\0\xff"), b"plain\0\xff"),
    "small integers": (
        1,
        made.length(4) + b"".join(map(made.integer, (7, -129, 70_000, -(1 << 31)))),
        [b"7", b"-129", b"70000", b"-2147483648"],
    ),
    "compressed": (0, made.lzf(b"ab" + b"x" * 1000 + b"tail"), b"ab" + b"x" * 1000 + b"tail"),
    "list": (1, made.length(len(WORDS)) + b"".join(map(made.text, WORDS)), WORDS),
    "list as ziplist": (10, made.text(made.ziplist([*WORDS, *NUMBERS])), [*WORDS, *TEXTS]),
    "quicklist of ziplists": (
        14,
        made.length(2) + made.text(made.ziplist([b"a", 5])) + made.lzf(made.ziplist([b"b" * 500])),
        [b"a", b"5", b"b" * 500],
    ),
    "quicklist of listpacks": (
        18,
        made.length(3)
        + b"\2"
        + made.text(made.listpack([*WORDS, *NUMBERS]))
        + b"\1"
        + made.text(b"large" * 9)
        + b"\2"
        + made.lzf(made.listpack([b"c" * 90])),
        [*WORDS, *TEXTS, b"large" * 9, b"c" * 90],
    ),
    "set": (2, made.length(2) + made.text(b"m") + made.integer(5), {b"m", b"5"}),
    "intset of 2": (11, made.text(made.intset([-3, 7, 32767], 2)), {b"-3", b"7", b"32767"}),
    "intset of 4": (11, made.text(made.intset([-3, 1 << 30], 4)), {b"-3", b"1073741824"}),
    "intset of 8": (11, made.text(made.intset([-(1 << 63), 0], 8)), {b"-9223372036854775808", b"0"}),
    "set as listpack": (20, made.text(made.listpack([b"m", 5, b"x" * 70])), {b"m", b"5", b"x" * 70}),
    "hash": (4, made.length(3) + b"".join(map(made.text, FLAT)), PAIRS),
    "hash as zipmap": (9, made.text(made.zipmap(PAIRS)), PAIRS),
    "hash as ziplist": (13, made.text(made.ziplist(FLAT)), PAIRS),
    "hash as listpack": (16, made.text(made.listpack(FLAT)), PAIRS),
    "scores as text": (3, made.length(3) + b"".join(made.text(name) + score(at) for name, at in ZSET), ZSET),
    "scores as doubles": (5, made.length(3) + b"".join(made.text(name) + struct.pack("<d", at) for name, at in ZSET), ZSET),
    "zset as ziplist": (12, made.text(made.ziplist([b"low", b"-inf", b"b", b"1.5", b"high", b"inf"])), ZSET),
    "zset as listpack": (17, made.text(made.listpack([b"low", b"-inf", b"b", b"1.5", b"high", b"inf"])), ZSET),
    "stream 1": (15, made.stream(1, ENTRIES), RANGE),
    "stream 2": (19, made.stream(2, ENTRIES), RANGE),
    "stream 3": (21, made.stream(3, ENTRIES), RANGE),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding(db: hyperdb.Database, bring: Callable[..., Any], name: str) -> None:
    kind, raw, expected = ENCODINGS[name]
    report = bring(made.file(made.database(0), made.sizes(1, 0), made.entry(kind, b"k", raw)))
    assert (report["written"], report["compared"], report["different"]) == (1, 1, 0)
    assert value(db, "k") == expected


def whole_file(version: int = 11) -> bytes:
    """All encodings, and all that may stand between keys."""
    keys = [made.entry(kind, name.encode(), raw) for name, (kind, raw, _) in ENCODINGS.items()]
    return made.file(
        made.fact(b"redis-ver", b"7.2.5"), made.fact(b"redis-bits", b"\xc0\x40"), made.library(CODE),
        made.database(0), made.sizes(len(keys), 2), *keys,
        made.entry(0, b"ms", made.text(b"v"), made.expires_ms(FUTURE)),
        made.entry(0, b"s", made.text(b"v"), made.expires_s(2_000_000_000) + b"\xf8" + made.length(77)),
        made.entry(0, b"used", made.text(b"v"), b"\xf9\x05"),
        made.entry(0, b"over", made.text(b"v"), made.expires_ms(1)),
        b"\xf7" + made.length(made.module_id("ReJSON-RL", 3)) + b"\2\1\2\5\0",
        b"\xf4" + made.length(1) + made.length(2) + made.length(3),
        made.database(15), made.entry(0, b"far", made.text(b"away")),
        version=version,
    )  # fmt: skip


def test_a_whole_file(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    phases = []
    report = bring(whole_file(), lambda done, total, phase: phases.append((phase, done == total)))
    count = len(ENCODINGS) + 4
    assert (report["written"], report["expired"], report["libraries"]) == (count, 1, 1)
    assert (report["before"], report["after"], report["different"]) == (0, count, 0)
    assert report["facts"]["redis-ver"] == "7.2.5"
    assert [(row["db"], row["keys"], row["expiring"]) for row in report["databases"]] == [(0, count, 3), (15, 1, 0)]
    for name, (_, _, expected) in ENCODINGS.items():
        assert value(db, name) == expected, name
    assert db.execute("redis/0", "PEXPIRETIME", "ms") == FUTURE
    assert db.execute("redis/0", "PEXPIRETIME", "s") == 2_000_000_000_000
    assert db.execute("redis/0", "TTL", "used") == -1
    assert value(db, "far", 15) == b"away"
    assert [phase for phase, whole in phases if whole] == ["verify", "write", "compare"]


def test_groups_of_a_stream(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    for version, kind in ((1, 15), (2, 19), (3, 21)):
        groups = made.group(version, b"g", (5, 2), b"c", [(5, 1)])
        bring(made.file(made.entry(kind, b"x%d" % version, made.stream(version, ENTRIES, groups))))
        assert db.execute("redis/0", "XPENDING", f"x{version}", "g") == [1, b"5-1", b"5-1", [[b"c", b"1"]]]
        (told,) = db.execute("redis/0", "XINFO", "GROUPS", f"x{version}")
        assert told[b"last-delivered-id"] == b"5-2"


def test_old_files_have_no_sum_and_newer_ones_may_have_none(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    bring(made.file(made.entry(0, b"old", made.text(b"1")), version=3))
    bring(made.file(made.entry(0, b"none", made.text(b"2")), version=9, sum_of=bytes(8)))
    assert (value(db, "old"), value(db, "none")) == (b"1", b"2")


def test_what_is_cut_anywhere_is_refused_with_the_byte_and_nothing_is_written(
    db: hyperdb.Database, bring: Callable[..., Any]
) -> None:
    data = whole_file()
    before = db.commit()
    for end in [*range(0, len(data), 11), len(data) - 8, len(data) - 1]:
        with pytest.raises(RdbError, match=r"^byte \d+: "):
            bring(data[:end])
    assert db.commit() == before


REFUSED: dict[str, tuple[bytes, str]] = {
    "no file of RDB": (b"SQLite format 3\0", r"byte 0: no RDB file"),
    "a version from the future": (made.file(version=13), r"byte 5: version 13"),
    "a wrong sum": (made.file(made.entry(0, b"k", made.text(b"v")), sum_of=b"12345678"), r"byte 15: the sum is"),
    "more behind the end": (made.file() + b"\0", r"byte 18: 1 bytes behind the end"),
    "a type that does not exist": (made.file(b"\x40"), r"byte 9: there is no type or part 64"),
    "an append-only log": (b"*1\r\n$4\r\nPING\r\n", r"byte 0: no RDB file but an append-only log: .*--from"),
    "a log that begins with a file": (
        made.file(made.entry(0, b"k", b"\1v")) + b"*1\r\n$4\r\nPING\r\n",
        r"14 bytes behind the end, commands of an append-only log: .*BGSAVE",
    ),
    "a member twice": (
        made.file(made.entry(2, b"k", made.length(2) + 2 * made.text(b"m"))),
        r"a set under the key 'k' is malformed",
    ),
    "a score that is no number": (
        made.file(made.entry(5, b"k", b"\1\1m" + struct.pack("<d", float("nan")))),
        r"a sorted set .* is malformed",
    ),
    "an odd hash": (made.file(made.entry(16, b"k", made.text(made.listpack([b"f"])))), r"a hash under the key 'k' is malformed"),
    "a string of 2^60 bytes": (made.file(made.entry(0, b"k", made.length(1 << 60))), r"needs more than is there"),
    "a list of 2^60 items": (made.file(made.entry(1, b"k", made.length(1 << 60))), r"needs more than is there"),
    "a hash of 2^63 fields": (made.file(made.entry(4, b"k", made.length(1 << 63))), r"byte \d+: "),
    "a block that says it becomes 2^31 bytes": (
        made.file(made.entry(0, b"k", b"\xc3" + made.length(3) + made.length(1 << 31) + b"abc")),
        "malformed",
    ),
    "a block that becomes less than it says": (
        made.file(made.entry(0, b"k", b"\xc3" + made.length(2) + made.length(200) + b"\0a")),
        "malformed",
    ),
    "a reference before the start": (
        made.file(made.entry(0, b"k", b"\xc3" + made.length(3) + made.length(9) + b"\xe0\0\5")),
        "malformed",
    ),
    "a quicklist of 2^40 nodes": (made.file(made.entry(18, b"k", made.length(1 << 40))), r"needs more than is there"),
    "a stream's entry before the first": (
        made.file(made.entry(19, b"k", made.stream(2, ENTRIES[::-1]))),
        r"a stream under the key 'k'",
    ),
    "fields that expire": (
        made.file(made.entry(24, b"k", b"\0")),
        r"byte 9: a hash whose fields expire \(Redis 7.4\) under the key 'k'",
    ),
    "an old module": (made.file(made.entry(6, b"k", b"\0")), r"a module's value under the key 'k'"),
    "a module": (
        made.file(made.entry(7, b"doc", made.length(made.module_id("ReJSON-RL", 3)) + b"\5\2{}\0")),
        r"byte 9: the key 'doc' of database 0 holds a value of the module ReJSON-RL \(encoding version 3\)",
    ),
    "a database that is none here": (
        made.file(made.database(16), made.entry(0, b"k", b"\1v")),
        r"is of database 16: there are 0 to 15",
    ),
    "a key twice": (
        made.file(made.entry(0, b"k", b"\1v"), made.entry(2, b"k", b"\1\1m")),
        r"byte 14: the key 'k' is there twice",
    ),
    "a library of a release candidate": (made.file(b"\xf6\1a"), r"release candidate"),
    "a key without a value": (made.file(b"\0\1k"), r"byte \d+: "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_named_and_nothing_is_written(db: hyperdb.Database, bring: Callable[..., Any], name: str) -> None:
    data, text = REFUSED[name]
    before = db.commit()
    with pytest.raises(RdbError, match=text):
        bring(data)
    assert db.commit() == before


@pytest.mark.parametrize("kind", [1, 2, 4, 5, 14, 18])
def test_collections_that_hold_nothing_are_left_out_as_redis_does(
    db: hyperdb.Database, bring: Callable[..., Any], kind: int
) -> None:
    report = bring(made.file(made.entry(kind, b"nothing", b"\0"), made.entry(0, b"k", b"\1v")))
    assert (report["empty"], report["written"], db.execute("redis/0", "KEYS", "*")) == (1, 1, [b"k"])


def test_a_library_that_does_not_compile_is_refused(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    before = db.commit()
    for code in (b"#!lua name=lib\nthis is no Lua", b"no shebang", b"#!lua name=lib\nwhile true do end"):
        with pytest.raises(InvalidError, match="a library of functions is refused"):
            bring(made.file(made.library(code), made.entry(0, b"k", b"\1v")))
    assert db.commit() == before


def test_modules_are_left_out_if_told_so(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    document = made.entry(7, b"doc", made.length(made.module_id("ReJSON-RL", 3)) + b"\5\2{}\1\1\2\1\3abcd\4abcdefgh\0")
    report = bring(made.file(document, made.entry(0, b"k", b"\1v")), skip_modules=True)
    assert (report["foreign"], report["written"]) == (1, 1)


def test_changed_bytes_never_end_badly(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    """Sums off, so that what is changed reaches the readers of values."""
    draw = random.Random(7)
    data = whole_file()
    data = data[:-8] + bytes(8)
    refused = 0
    for _ in range(400):
        broken = bytearray(data)
        for _ in range(draw.choice([1, 1, 2, 8])):
            at = draw.randrange(9, len(data) - 9)
            match draw.randrange(3):
                case 0:
                    broken[at] = draw.choice([0, 0xFF, 0x7F, 0x80, 0x81, 0xC3, broken[at] ^ 1 << draw.randrange(8)])
                case 1:
                    del broken[at : at + draw.randrange(1, 20)]
                case _:
                    broken[at:at] = draw.randbytes(draw.randrange(1, 20))
        before = db.commit()
        try:
            bring(bytes(broken), policy="replace", compare=False, skip_modules=True)
        except (RdbError, InvalidError):
            refused += 1
            assert db.commit() == before
    assert refused > 100


def test_keys_that_are_there(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    db.execute("redis/0", "SET", "k", "mine")
    db.execute("redis/3", "SET", "other", "mine")
    data = made.file(made.entry(0, b"k", b"\1v"), made.entry(0, b"new", b"\1v"), made.database(3), made.entry(0, b"k", b"\1v"))
    before = db.commit()
    with pytest.raises(InvalidError, match=r"1 of the keys are there already \('k' in database 0\): say whether"):
        bring(data)
    assert db.commit() == before
    report = bring(data, policy="skip")
    assert (report["written"], report["kept"], report["different"]) == (2, 1, 0)
    assert value(db, "k") == b"mine"
    report = bring(data, policy="replace")
    assert (report["written"], report["replaced"], report["kept"], report["different"]) == (3, 3, 0, 0)
    assert value(db, "k") == b"v"
    with pytest.raises(InvalidError, match="policy is one of"):
        bring(data, policy="merge")


def test_a_pattern_and_a_dry_run(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    data = made.file(*(made.entry(0, b"%s:%d" % (name, number), b"\1v") for name in (b"user", b"order") for number in range(5)))
    before = db.commit()
    assert bring(data, dry=True)["written"] == 0
    assert db.commit() == before
    report = bring(data, match="user:*")
    assert (report["written"], report["databases"][0]["unmatched"], report["compared"]) == (5, 5, 5)
    assert db.execute("redis/0", "DBSIZE") == 5


def test_rows_of_tables_are_not_written_behind_sql(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    db.sql("CREATE TABLE users (id int PRIMARY KEY, name text) WITH (resp_prefix = 'user:')")
    before = db.commit()
    with pytest.raises(InvalidError, match="'user:1' of database 0 would be a row of a table"):
        bring(made.file(made.entry(0, b"k", b"\1v"), made.entry(4, b"user:1", b"\1\4name\1x")))
    assert db.commit() == before


class Stop(Exception):
    """Raised by who hears the progress."""


def test_an_import_that_is_cut_off_goes_on_there(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    keys = [made.entry(0, b"key:%d" % number, made.text(b"%d" % number * 20), made.expires_ms(FUTURE)) for number in range(3000)]
    data = made.file(made.database(2), *keys, made.database(4), made.entry(0, b"last", b"\1v"))

    def stop(done: int, total: int, phase: str) -> None:
        if phase == "write" and done > total // 2:
            raise Stop

    with pytest.raises(Stop):
        bring(data, stop)
    half = db.execute("redis/2", "DBSIZE")
    assert isinstance(half, int)
    assert 0 < half < 3000
    report = bring(data)
    assert report["resumed_at"] > 0
    assert (report["written"], report["replaced"], report["kept"], report["different"]) == (3001, 0, 0, 0)
    assert db.execute("redis/2", "DBSIZE") == 3000
    assert value(db, "last", 4) == b"v"
    with pytest.raises(InvalidError, match="are there already"):
        bring(data)
    with pytest.raises(Stop):
        bring(data, stop, policy="replace")
    report = bring(data, policy="replace", restart=True)
    assert (report["resumed_at"], report["replaced"]) == (None, 3001)


def test_who_hears_the_progress_may_stop_it_at_once(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    def stop(*_: object) -> None:
        raise Stop

    before = db.commit()
    with pytest.raises((Stop, CancelledError)):
        bring(whole_file(), stop)
    assert db.commit() == before


@pytest.mark.parametrize(("redis", "version"), [("7.0", 10), ("7.2", 11)])
def test_what_is_exported_is_imported(
    db: hyperdb.Database, bring: Callable[..., Any], tmp_path: Path, redis: str, version: int
) -> None:
    bring(whole_file())
    db.execute("redis/0", "XGROUP", "CREATE", "stream 2", "g", "0")
    db.execute("redis/0", "XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "stream 2", ">")
    db.app("redis/7").add_hyperedge("edge", {"k": b"v"})
    path = tmp_path / "out.rdb"
    report = export_file(db, {"path": str(path), "redis": redis}, unheard)
    assert (report["size"], report["version"]) == (path.stat().st_size, version)
    assert path.read_bytes().startswith(b"REDIS%04d" % version)
    assert (report["passed"], report["libraries"]) == (1, 1)
    assert sum(row["keys"] for row in report["databases"]) == len(ENCODINGS) + 4
    with pytest.raises(InvalidError, match="exists already"):
        export_file(db, {"path": str(path)}, unheard)
    with hyperdb.open(":memory:", memory="32m", frames=None) as other:
        again = import_file(other, {"path": str(path)}, unheard)
        assert (again["written"], again["different"], again["libraries"]) == (len(ENCODINGS) + 4, 0, 1)
        for name, (_, _, expected) in ENCODINGS.items():
            assert value(other, name) == expected
        assert other.execute("redis/0", "XPENDING", "stream 2", "g") == db.execute("redis/0", "XPENDING", "stream 2", "g")
        assert other.execute("redis/0", "PEXPIRETIME", "ms") == FUTURE
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dump.rdb", "out.rdb"]


def test_files_are_written_for_known_versions_of_redis(db: hyperdb.Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"Redis 7.0 and 7.2, not for 6.2"):
        export_file(db, {"path": str(tmp_path / "out.rdb"), "redis": "6.2"}, unheard)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("size", "back"), [(16377, b"\x7f\xfe"), (16378, b"\0\xff\xff"), (16379, b"\1\x80\x80")])
def test_elements_whose_length_takes_another_byte_in_redis_than_it_needs(
    db: hyperdb.Database, bring: Callable[..., Any], size: int, back: bytes
) -> None:
    items = [b"before", b"x" * size, b"behind"]
    pack = made.text(made.listpack(items))
    assert b"x" + back + b"\x86behind" in pack
    bring(made.file(made.entry(18, b"k", b"\1\2" + pack)))
    assert value(db, "k") == items


def test_an_export_that_is_stopped_leaves_no_file(db: hyperdb.Database, tmp_path: Path) -> None:
    db.execute("redis/0", "SET", "k", "v")

    def stop(*_: object) -> None:
        raise Stop

    with pytest.raises(Stop):
        export_file(db, {"path": str(tmp_path / "out.rdb")}, stop)
    assert list(tmp_path.iterdir()) == []


def test_an_export_shows_one_moment(db: hyperdb.Database, tmp_path: Path) -> None:
    for start in range(0, 9000, 1000):
        db.execute("redis/0", "MSET", *(word for number in range(start, start + 1000) for word in (f"k{number}", "before")))

    def write(done: int, total: int, phase: str) -> None:
        if done < total:
            db.execute("redis/0", "MSET", *(word for number in range(9000) for word in (f"k{number}", "after")))
            db.execute("redis/1", "SET", "late", phase)

    path = tmp_path / "out.rdb"
    export_file(db, {"path": str(path)}, write)
    assert value(db, "late", 1) == b"export"
    assert b"after" not in path.read_bytes()


def test_very_many_consumers_are_taken_and_one_twice_is_not(db: hyperdb.Database, bring: Callable[..., Any]) -> None:
    def groups(names: list[bytes]) -> bytes:
        consumers = b"".join(made.text(name) + struct.pack("<q", 2000) + b"\0" for name in names)
        return made.length(1) + made.text(b"g") + b"\0\0\0" + b"\0" + made.length(len(names)) + consumers

    names = [b"%d" % number for number in range(100_000)]
    bring(made.file(made.entry(19, b"x", made.stream(2, ENTRIES, groups(names)))), compare=False)
    (told,) = db.execute("redis/0", "XINFO", "GROUPS", "x")
    assert told[b"consumers"] == len(names)
    with pytest.raises(RdbError, match="a stream under the key 'y' is malformed"):
        bring(made.file(made.entry(19, b"y", made.stream(2, ENTRIES, groups([*names, b"7"])))))
