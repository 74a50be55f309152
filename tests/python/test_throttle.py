"""Guesses wait for turns: the more the longer, and no faster from many sockets."""

from __future__ import annotations

from hyperdb.frontends import throttle
from hyperdb.frontends.throttle import EVEN, GROWING, Throttle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _fail(guarded: Throttle, address: str, role: str, times: int) -> None:
    for _ in range(times):
        guarded.failed(address, role)


def test_a_few_failures_cost_nothing() -> None:
    guarded = Throttle(Clock())
    _fail(guarded, "a", "r", GROWING.free_by_address - 1)
    assert [guarded.turn("a", "r") for _ in range(10)] == [0.0] * 10


def test_turns_are_given_out_one_after_the_other() -> None:
    guarded = Throttle(Clock())
    _fail(guarded, "a", "r", GROWING.free_by_address)
    assert [guarded.turn("a", f"r{number}") for number in range(4)] == [0.0, 0.25, 0.5, 0.75]
    assert guarded.turn("b", "other") == 0.0


def test_turns_lie_further_apart_with_each_failure_up_to_a_bound() -> None:
    clock = Clock()
    guarded = Throttle(clock)
    gaps = []
    _fail(guarded, "a", "r", GROWING.free_by_address)
    for _ in range(12):
        guarded.turn("a", "x")
        gaps.append(guarded.turn("a", "x"))
        clock.now += 100
        guarded.failed("a", "x")
    assert gaps[:3] == [0.25, 0.5, 1.0]
    assert gaps[-1] == GROWING.most_seconds


def test_a_role_is_guarded_against_many_addresses() -> None:
    guarded = Throttle(Clock())
    for number in range(GROWING.free_by_role):
        guarded.failed(f"10.0.0.{number}", "r")
    guarded.turn("new", "r")
    assert guarded.turn("newer", "r") == 0.25


def test_a_line_has_an_end() -> None:
    guarded = Throttle(Clock())
    _fail(guarded, "a", "r", 10)
    turns = [guarded.turn("a", "r") for _ in range(100)]
    waits = [turn for turn in turns if turn is not None]
    assert len(waits) < 20
    assert max(waits) <= throttle.MOST_WAIT_SECONDS
    assert turns[-1] is None


def test_strangers_do_not_keep_out_who_has_been_there() -> None:
    guarded = Throttle(Clock())
    guarded.succeeded("home", "cassandra")
    for number in range(100):
        guarded.failed(f"10.0.0.{number}", "postgres")
        guarded.turn(f"10.0.0.{number}", "default")
    assert guarded.turn("home", "hyperdb") == 0.0
    assert guarded.turn("elsewhere", "hyperdb") != 0.0


def test_over_resp_much_is_free_and_turns_do_not_grow() -> None:
    guarded = Throttle(Clock())
    _fail(guarded, "a", "r", EVEN.free_by_address - 1)
    assert [guarded.turn("a", "r", EVEN) for _ in range(50)] == [0.0] * 50
    _fail(guarded, "a", "r", 100)
    # A pool of right ones that begins behind a guesser is let in within a second or two.
    waits = [guarded.turn("a", "other", EVEN) or 0.0 for _ in range(20)]
    assert waits == sorted(waits)
    assert abs(waits[-1] - 19 * EVEN.most_seconds) < 1e-9
    # Elsewhere it is a guesser as any other.
    assert (guarded.turn("a", "r") or 0) > 0


def test_the_right_password_and_time_forgive() -> None:
    clock = Clock()
    guarded = Throttle(clock)
    _fail(guarded, "a", "r", 10)
    guarded.succeeded("a", "r")
    assert guarded.turn("a", "r") == 0.0
    _fail(guarded, "a", "r", 10)
    clock.now = throttle.FORGOTTEN_AFTER_SECONDS + 1
    assert [guarded.turn("a", "r") for _ in range(3)] == [0.0] * 3


def test_what_is_remembered_is_bounded() -> None:
    guarded = Throttle(Clock())
    for number in range(throttle.MOST_KNOWN + 10):
        guarded.failed(f"address {number}", "r")
    assert len(guarded._records) == throttle.MOST_KNOWN
