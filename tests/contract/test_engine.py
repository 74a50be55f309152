"""What every engine promises, asked of each: one suite, three engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hyperdb.errors import BehindHorizonError, ClosedError, InvalidError, NotBuiltError
from hyperdb.storage import Engine, MemoryEngine, NativeEngine

ODD_KEYS = [b"\x00", b"\x00\x00", b"\x00\xff", b"\x01", b"a", b"a\x00", b"a\x00b", b"a\xff", b"b", b"\xff", b"\xff\xff"]


def test_a_key_is_there_until_it_is_removed(engine: Engine) -> None:
    assert engine.get(b"k") is None
    engine.write([(b"k", b"v")])
    assert engine.get(b"k") == b"v"
    engine.write([(b"k", None)])
    assert engine.get(b"k") is None


def test_empty_values_are_values(engine: Engine) -> None:
    engine.write([(b"k", b"")])
    assert engine.get(b"k") == b""
    assert list(engine.scan()) == [(b"k", b"")]


def test_a_batch_is_one_commit_and_its_last_word_wins(engine: Engine) -> None:
    before = engine.write([(b"a", b"0")])
    after = engine.write([(b"a", b"1"), (b"b", b"2"), (b"a", None)])
    assert after == before + 1
    assert engine.multi_get([b"b", b"a", b"c"]) == [b"2", None, None]


def test_an_empty_batch_makes_no_commit(engine: Engine) -> None:
    commit = engine.write([(b"a", b"0")])
    assert engine.write([]) == commit


@pytest.mark.parametrize("reverse", [False, True])
def test_scans_go_in_byte_order(engine: Engine, reverse: bool) -> None:
    engine.write([(key, key) for key in reversed(ODD_KEYS)])
    expected = sorted(ODD_KEYS, reverse=reverse)
    assert [key for key, _ in engine.scan(reverse=reverse)] == expected
    for start in ODD_KEYS:
        for end in ODD_KEYS:
            found = [key for key, _ in engine.scan(start, end, reverse=reverse)]
            assert found == [key for key in expected if start <= key < end]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_walk_ends_at_the_empty_key(engine: Engine, reverse: bool) -> None:
    engine.write([(b"", b"value")])
    walk = engine.scan(reverse=reverse)
    assert [next(walk, None), next(walk, None)] == [(b"", b"value"), None]


@pytest.mark.parametrize("reverse", [False, True])
def test_long_scans_cross_pages(engine: Engine, reverse: bool) -> None:
    keys = [b"%06d" % number for number in range(5000)]
    engine.write([(key, key * 3) for key in keys])
    engine.write([(key, None) for key in keys[100:4000:2]])
    left = [key for key in keys if key not in set(keys[100:4000:2])]
    assert [key for key, _ in engine.scan(reverse=reverse)] == (left[::-1] if reverse else left)


def test_a_snapshot_sees_its_moment(engine: Engine) -> None:
    engine.write([(b"a", b"1"), (b"b", b"1")])
    snapshot = engine.snapshot()
    engine.write([(b"a", b"2"), (b"b", None), (b"c", b"2")])
    assert snapshot.get(b"a") == b"1"
    assert snapshot.multi_get([b"c", b"b"]) == [None, b"1"]
    assert list(snapshot.scan()) == [(b"a", b"1"), (b"b", b"1")]
    assert list(engine.scan()) == [(b"a", b"2"), (b"c", b"2")]


def test_a_walk_that_has_begun_does_not_see_later_writes(engine: Engine) -> None:
    engine.write([(b"%04d" % number, b"old") for number in range(3000)])
    walk = engine.scan()
    first = next(walk)
    engine.write([(b"%04d" % number, b"new") for number in range(0, 3000, 3)] + [(b"0001x", b"new")])
    engine.write([(b"2999", None)])
    rest = list(walk)
    assert len(rest) == 2999
    assert {value for _, value in [first, *rest]} == {b"old"}


def test_a_walk_outlives_its_snapshot(engine: Engine) -> None:
    engine.write([(b"%04d" % number, b"old") for number in range(2000)])
    snapshot = engine.snapshot()
    walk = snapshot.scan()
    snapshot.close()
    assert sum(1 for _ in walk) == 2000
    with pytest.raises(ClosedError):
        snapshot.get(b"0000")


def test_a_retained_commit_stays_until_it_is_released(engine: Engine) -> None:
    engine.write([(b"a", b"1")])
    kept = engine.retain()
    for number in range(5):
        engine.write([(b"a", b"later %d" % number)])
    assert engine.snapshot(kept).get(b"a") == b"1"
    engine.release(kept + 1)
    with pytest.raises(BehindHorizonError):
        engine.snapshot(kept)
    assert engine.get(b"a") == b"later 4"


def test_the_future_cannot_be_read(engine: Engine) -> None:
    commit = engine.write([(b"a", b"1")])
    with pytest.raises(InvalidError):
        engine.snapshot(commit + 1)


def test_a_closed_store_says_so(engine: Engine) -> None:
    engine.write([(b"a", b"1")])
    engine.close()
    engine.close()
    for use in (lambda: engine.get(b"a"), lambda: engine.write([(b"a", b"2")]), engine.snapshot, engine.stats):
        with pytest.raises(ClosedError):
            use()


def test_what_was_written_is_there_after_a_reopen(reopen: Callable[[], Engine]) -> None:
    engine = reopen()
    if isinstance(engine, MemoryEngine):
        engine.write([(b"a", b"1")])
        engine.close()
        assert reopen().get(b"a") is None
        return
    engine.write([(b"a", b"1"), (b"b", b"1")])
    kept = engine.retain()
    last = engine.write([(b"a", None), (b"c", b"2")])
    engine.close()
    engine = reopen()
    assert list(engine.scan()) == [(b"b", b"1"), (b"c", b"2")]
    assert list(engine.snapshot(kept).scan()) == [(b"a", b"1"), (b"b", b"1")]
    assert engine.write([(b"d", b"3")]) == last + 1
    engine.close()


def test_a_checkpoint_is_a_store_of_its_own(engine: Engine, tmp_path: Path) -> None:
    engine.write([(b"a", b"1")])
    dest = tmp_path / "copy"
    if isinstance(engine, MemoryEngine):
        with pytest.raises(NotBuiltError):
            engine.checkpoint(dest)
        return
    commit = engine.checkpoint(dest)
    engine.write([(b"a", b"2")])
    from hyperdb.values import OpenOptions

    copy = type(engine)(dest, OpenOptions(memory=16 << 20))  # type: ignore[call-arg]
    assert copy.get(b"a") == b"1"
    assert copy.snapshot().commit == commit
    copy.close()


def test_native_scans_cross_tables_and_memtables(tmp_path: Path) -> None:
    from hyperdb.values import OpenOptions

    engine = NativeEngine(tmp_path / "store", OpenOptions(sync="everysec", memory=16 << 20))
    for layer in range(3):
        engine.write([(b"%05d" % number, b"%d" % layer) for number in range(layer, 3000, layer + 1)])
        engine.flush() if layer < 2 else None
    found = dict(engine.scan())
    assert len(found) == 3000
    assert found[b"00005"] == b"2"
    assert found[b"00003"] == b"1"
    assert list(engine.scan(reverse=True)) == list(found.items())[::-1]
    engine.close()
