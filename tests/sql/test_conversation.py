"""The conversation message by message: what PostgreSQL's "Message Flow" says, with a session that knows a few words.

Theory: the answers' types in a row are compared, and bodies where they matter. Each group is one state of the protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from wire_client import (
    FLUSH,
    STARTUP,
    SYNC,
    TERMINATE,
    Client,
    bind,
    close,
    cut,
    describe,
    execute,
    fields,
    message,
    parse,
    query,
)

from hyperdb.frontends.sql.contract import Notification, Status
from hyperdb.frontends.sql.conversation import Bounds, Role
from hyperdb.frontends.sql.types import oids


def sqlstate(answers: list[tuple[str, bytes]]) -> str:
    return next(fields(body)["C"] for kind, body in answers if kind == "E")


# Starting.


def test_a_client_is_let_in_and_told_what_it_needs() -> None:
    answers = Client().say(STARTUP)
    assert [kind for kind, _ in answers] == ["R", "S", "S", "K", "Z"]
    assert answers[0][1] == b"\0\0\0\0"
    assert ("S", b"server_version\x0015.0\0") in answers
    assert answers[3][1] == struct.pack(">I", 42) + b"\1\2\3\4"


def test_encryption_is_asked_for_and_declined() -> None:
    client = Client()
    assert client.raw(struct.pack(">II", 8, 80877103)) == b"N"
    assert client.raw(struct.pack(">II", 8, 80877104)) == b"N"
    assert client.say(STARTUP)[-1] == ("Z", b"I")


def test_encryption_is_accepted_and_nothing_is_read_before_it() -> None:
    client = Client(offers_tls=True)
    assert client.raw(struct.pack(">II", 8, 80877103)) == b"S"
    assert client.conversation.wants_tls
    client.conversation.go_on()
    assert client.say(STARTUP)[-1] == ("Z", b"I")


def test_a_cancel_request_is_passed_on_and_not_answered() -> None:
    asked = []
    client = Client(cancel=lambda process, secret: asked.append((process, secret)))
    assert client.raw(struct.pack(">IIII", 16, 80877102, 42, 7)) == b""
    assert client.conversation.ended
    assert asked == [(42, b"\0\0\0\7")]


def _startup(**parameters: str) -> bytes:
    body = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items()) + b"\0"
    return struct.pack(">II", len(body) + 8, 3 << 16) + body


@pytest.mark.parametrize(
    ("parameters", "state"),
    [
        ({"user": "nobody"}, "28000"),
        ({"user": "postgres", "database": "other"}, "3D000"),
        ({"user": "postgres", "replication": "true"}, "0A000"),
    ],
)
def test_who_is_refused_and_how(parameters: dict[str, str], state: str) -> None:
    client = Client()
    answers = client.say(_startup(**parameters))
    assert sqlstate(answers) == state
    assert fields(answers[-1][1])["V"] == "FATAL"
    assert client.conversation.ended


def test_without_a_password_only_this_machine_is_let_in() -> None:
    assert Client(role=Role("hyperdb", None)).say(STARTUP)[-1] == ("Z", b"I")
    remote = Client(role=Role("hyperdb", None), is_local=False)
    assert sqlstate(remote.say(STARTUP)) == "28000"


def test_settings_come_from_the_packet_and_from_its_options() -> None:
    client = Client()
    client.say(_startup(user="postgres", application_name="me", options=r"-c search_path=a\ b -cDateStyle=SQL --time-zone=UTC"))
    opening = client.session.opening
    assert opening.settings == {"application_name": "me", "search_path": "a b", "DateStyle": "SQL", "time_zone": "UTC"}
    # No database was asked for: the role's own, by whatever alias it came.
    assert (opening.role, opening.database, opening.may_wait) == ("hyperdb", "hyperdb", False)


@pytest.mark.parametrize("options", ["-x", "search_path=a", "-c", "-c =a", "--a"])
def test_options_that_are_none_are_refused(options: str) -> None:
    assert sqlstate(Client().say(_startup(user="postgres", options=options))) == "42601"


# The simple protocol.


def test_a_query_is_described_answered_and_done() -> None:
    client = Client().begin()
    answers = client.say(query("select 7"))
    assert [kind for kind, _ in answers] == ["T", "D", "C", "Z"]
    assert answers[1][1] == b"\0\1\0\0\0\0017"
    assert answers[2][1] == b"SELECT 1\0"


def test_several_statements_are_one_transaction_and_an_error_ends_them() -> None:
    client = Client().begin()
    assert client.kinds(query("select 1; insert; select 2")) == "TDCCTDCZ"
    assert (client.session.synced, client.session.undone) == (1, 0)
    answers = client.say(query("select 1; fail 23505; select 2"))
    assert [kind for kind, _ in answers] == ["T", "D", "C", "E", "Z"]
    assert client.session.undone == 1
    shown = fields(answers[3][1])
    assert shown == {"S": "ERROR", "V": "ERROR", "C": "23505", "M": "as asked", "D": "d", "H": "h", "P": "3", "t": "t", "n": "c"}


def test_text_that_cannot_be_split_runs_nothing() -> None:
    client = Client().begin()
    answers = client.say(query("select 1; ??"))
    assert [kind for kind, _ in answers] == ["E", "Z"]
    assert fields(answers[0][1])["P"] == "11"


def test_an_empty_query_has_an_answer_of_its_own() -> None:
    assert Client().begin().kinds(query("")) == "IZ"
    assert Client().begin().kinds(query(" ; ")) == "IZ"


def test_the_transaction_status_is_told() -> None:
    client = Client().begin()
    assert client.say(query("begin"))[-1] == ("Z", b"T")
    assert client.say(query("fail 22012"))[-1] == ("Z", b"E")
    assert sqlstate(client.say(query("select 1"))) == "25P02"
    assert client.say(query("rollback"))[-1] == ("Z", b"I")


def test_settings_notices_and_notifications_come_where_they_belong() -> None:
    client = Client().begin()
    assert client.kinds(query("notice")) == "NCZ"
    answers = client.say(query("set TimeZone UTC"))
    assert answers[-2:] == [("S", b"TimeZone\0UTC\0"), ("Z", b"I")]
    assert client.kinds(query("notify")) == "CAZ"
    assert client.kinds(query("begin; notify")) == "CCZ"
    assert client.kinds(query("commit")) == "CAZ"


def test_an_idle_client_is_notified_and_one_in_a_block_is_not() -> None:
    client = Client().begin()
    client.session.pending.append(Notification(7, "c", "p"))
    client.conversation.notify()
    assert cut(client.conversation.take_output()) == [("A", b"\0\0\0\7c\0p\0")]
    client.say(query("begin"))
    client.session.pending.append(Notification(7, "c", "p"))
    client.conversation.notify()
    assert client.conversation.take_output() == b""


def test_a_defect_is_an_internal_error_without_its_text_and_the_connection_goes_on() -> None:
    client = Client().begin()
    answers = client.say(query("defect"))
    assert sqlstate(answers) == "XX000"
    assert b"secret" not in answers[0][1]
    assert isinstance(client.conversation.take_defect(), ValueError)
    assert client.kinds(query("select 1")) == "TDCZ"


# The extended protocol.


def test_a_statement_is_prepared_described_bound_and_run() -> None:
    client = Client().begin()
    answers = client.say(parse("echo $1", "s", [oids.INT4]), describe("S", "s"), SYNC)
    assert [kind for kind, _ in answers] == ["1", "t", "T", "Z"]
    assert answers[1][1] == b"\0\1\0\0\0\x17"
    answers = client.say(bind([b"5"], name="s", results=[1]), describe("P"), execute(), SYNC)
    assert [kind for kind, _ in answers] == ["2", "T", "D", "C", "Z"]
    assert answers[1][1][-2:] == b"\0\1"
    assert answers[2][1] == b"\0\1\0\0\0\4\0\0\0\5"


def test_parameters_of_both_formats_and_null() -> None:
    client = Client().begin()
    answers = client.say(
        parse("echo $1 $2 $3", "", [oids.INT4, oids.TEXT, oids.INT4]),
        bind([b"\0\0\0\7", b"x", None], formats=[1, 0, 1]),
        execute(),
        SYNC,
    )
    assert answers[2][1] == b"\0\3\0\0\0\0017\0\0\0\1x\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("value", "code", "state"),
    [(b"x", 0, "22P02"), (b"99999999999", 0, "22003"), (b"\0", 1, "08P01"), (b"\xff", 0, "22021"), (b"1\0", 0, "22021")],
)
def test_a_value_that_cannot_be_read_is_refused(value: bytes, code: int, state: str) -> None:
    client = Client().begin()
    answers = client.say(parse("echo $1", "", [oids.INT4]), bind([value], formats=[code]), execute(), SYNC)
    assert [kind for kind, _ in answers] == ["1", "E", "Z"]
    assert sqlstate(answers) == state
    assert client.kinds(query("select 1")) == "TDCZ"


def test_a_row_limit_suspends_the_portal_and_the_next_execute_goes_on() -> None:
    client = Client().begin()
    client.say(query("begin"))
    first = client.say(parse("rows 5"), bind(portal="p"), execute("p", 2), SYNC)
    assert "".join(kind for kind, _ in first) == "12DDsZ"
    # It survives Sync inside a transaction.
    assert client.kinds(execute("p", 2), SYNC) == "DDsZ"
    last = client.say(execute("p", 2), SYNC)
    assert [kind for kind, _ in last] == ["D", "C", "Z"]
    assert last[1][1] == b"SELECT 1\0"
    assert client.say(execute("p"), SYNC)[0] == ("C", b"SELECT 0\0")
    client.say(query("commit"))
    assert sqlstate(client.say(execute("p"), SYNC)) == "34000"
    assert client.session.open_outcomes == 0


def test_a_portal_outside_of_a_transaction_ends_with_sync() -> None:
    client = Client().begin()
    assert client.kinds(parse("rows 5"), bind(portal="p"), execute("p", 2), SYNC) == "12DDsZ"
    assert client.session.open_outcomes == 0
    assert sqlstate(client.say(execute("p"), SYNC)) == "34000"


def test_several_portals_live_in_one_pipeline() -> None:
    client = Client().begin()
    answers = client.kinds(
        parse("rows 2", "a"), bind(name="a", portal="p"), bind(name="a", portal="q"), execute("p"), execute("q"), SYNC
    )
    assert answers == "122DDCDDCZ"


def test_after_an_error_everything_is_passed_over_until_sync() -> None:
    client = Client().begin()
    assert client.kinds(parse("nonsense"), bind(), describe("P"), execute(), query("select 1"), close("S"), SYNC) == "EZ"
    assert client.kinds(parse("select 1"), bind(), execute(), SYNC) == "12DCZ"


def test_a_failed_transaction_keeps_its_portals_names_and_runs_none() -> None:
    client = Client().begin()
    client.say(query("begin"))
    client.say(parse("rows 5"), bind(portal="p"), execute("p", 1), SYNC)
    assert client.say(parse("fail 22012"), bind(), execute(), SYNC)[-1] == ("Z", b"E")
    assert sqlstate(client.say(execute("p", 1), SYNC)) == "25P02"
    client.say(query("rollback"))
    assert sqlstate(client.say(execute("p", 1), SYNC)) == "34000"


@pytest.mark.parametrize(
    ("messages", "state"),
    [
        ((bind(name="none"),), "26000"),
        ((execute("none"),), "34000"),
        ((describe("S", "none"),), "26000"),
        ((describe("P", "none"),), "34000"),
        ((parse("select 1", "s"), parse("select 1", "s")), "42P05"),
        ((parse("select 1"), bind(portal="p"), bind(portal="p")), "42P03"),
        ((parse("echo $1"), bind([])), "08P01"),
        ((parse("echo $1"), bind([b"1", b"2"])), "08P01"),
        ((parse("select 1"), bind(results=[0, 0])), "08P01"),
        ((parse("insert"), bind(), execute(), execute()), "55000"),
    ],
)
def test_names_and_numbers_that_do_not_fit(messages: tuple[bytes, ...], state: str) -> None:
    client = Client().begin()
    assert sqlstate(client.say(*messages, SYNC)) == state
    assert client.kinds(query("select 1")) == "TDCZ"


def test_describe_of_a_statement_without_rows_and_of_a_cursor() -> None:
    client = Client().begin()
    assert client.kinds(parse("insert"), describe("S"), bind(), describe("P"), SYNC) == "1tn2nZ"
    assert client.kinds(describe("P", "declared"), SYNC) == "TZ"


def test_close_forgets_and_closing_nothing_is_no_error() -> None:
    client = Client().begin()
    assert client.kinds(parse("select 1", "s"), close("S", "s"), close("S", "s"), close("P", "p"), SYNC) == "1333Z"
    assert sqlstate(client.say(bind(name="s"), SYNC)) == "26000"


def test_statements_that_sql_forgets_or_makes_are_the_wires_too() -> None:
    client = Client().begin()
    client.say(parse("select 1", "s"), SYNC)
    del client.session.prepared["s"]
    assert sqlstate(client.say(bind(name="s"), execute(), SYNC)) == "26000"
    client.session.prepared["made"] = client.session.prepare("select 9", ())
    assert client.kinds(bind(name="made"), execute(), SYNC) == "2DCZ"


def test_flush_sends_what_there_is() -> None:
    client = Client().begin()
    assert client.kinds(parse("select 1"), FLUSH) == "1"


def test_an_empty_statement() -> None:
    assert Client().begin().kinds(parse(""), bind(), describe("P"), execute(), SYNC) == "12nIZ"


def test_a_function_call_is_refused_and_answered_at_once() -> None:
    client = Client().begin()
    answers = client.say(message("F", b"\0\0\0\1"))
    assert [kind for kind, _ in answers] == ["E", "Z"]
    assert sqlstate(answers) == "0A000"


def test_terminate_ends_without_a_word() -> None:
    client = Client().begin()
    assert client.raw(TERMINATE) == b""
    assert client.conversation.ended
    client.conversation.close()
    assert client.session.closed == 1


def test_bounds_of_statements_portals_and_bytes() -> None:
    client = Client(bounds=Bounds(statements=2, portals=2, kept_bytes=100)).begin()
    client.say(parse("select 1", "a"), parse("select 1", "b"), SYNC)
    assert sqlstate(client.say(parse("select 1", "c"), SYNC)) == "54000"
    client.say(query("begin"))
    assert sqlstate(client.say(bind(name="a", portal="p"), bind(name="a", portal="q"), bind(name="a"), SYNC)) == "54000"
    client.say(query("rollback"))
    client.say(close("S", "b"), SYNC)
    assert sqlstate(client.say(parse("select 1" + " " * 90, "c"), SYNC)) == "54000"
    assert client.kinds(query("select 1")) == "TDCZ"


# Whole pipelines.


def test_a_whole_pipeline_gives_the_same_bytes_as_its_messages() -> None:
    pipeline = bind([b"abc"], name="s", formats=[0], results=[0]) + describe("P") + execute() + SYNC
    short, long = Client().begin(), Client().begin()
    for client in (short, long):
        client.say(parse("echo $1", "s"), SYNC)
    answer = short.raw(pipeline * 3)
    # Cut in the middle, so that the long way has to put it together.
    pieces = long.raw(pipeline[:9]) + long.raw(pipeline[9:] + pipeline[:50]) + long.raw(pipeline[50:] + pipeline[:3])
    assert answer == pieces + long.raw(pipeline[3:])


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda data: data.replace(b"abc", b"xyz"), "2TDCZ"),
        (lambda data: data[:4] + bytes([data[4] + 1]) + data[5:], ""),
        (lambda data: data[:4] + bytes([data[4] - 1]) + data[5:], ""),
        (lambda data: data.replace(b"\0\0\0\3abc", b"\xff\xff\xff\xff").replace(data[:5], b"B\0\0\0\x15"), "2TDCZ"),
        (lambda data: data.replace(b"\0s\0", b"\0z\0"), "EZ"),
    ],
)
def test_a_pipeline_like_the_last_one_is_told_from_one_that_only_looks_so(change: Callable[[bytes], bytes], kinds: str) -> None:
    pipeline = bind([b"abc"], name="s", formats=[0], results=[0]) + describe("P") + execute() + SYNC
    known, fresh = Client().begin(), Client().begin()
    for client in (known, fresh):
        client.say(parse("echo $1", "s"), SYNC)
    assert known.kinds(pipeline, pipeline) == "2TDCZ" * 2
    answers = known.raw(change(pipeline))
    assert answers == fresh.raw(change(pipeline))
    assert "".join(kind for kind, _ in cut(answers))[: len(kinds)] == kinds


def test_a_known_pipeline_of_a_statement_that_was_closed_is_refused() -> None:
    client = Client().begin()
    client.say(parse("echo $1", "s"), SYNC)
    pipeline = bind([b"abc"], name="s") + execute() + SYNC
    assert client.kinds(pipeline, pipeline, close("S", "s"), pipeline) == "2DCZ2DCZ3EZ"
    client.say(parse("echo $1", "s", [oids.INT4]), SYNC)
    assert (
        sqlstate(client.say(pipeline.replace(b"abc", b"123"), close("S", "s"), SYNC, parse("insert", "s"), SYNC, pipeline))
        == "08P01"
    )


def test_what_comes_behind_a_whole_pipeline_is_answered_in_order() -> None:
    client = Client().begin()
    client.say(parse("echo $1", "s"), SYNC)
    pipeline = bind([b"abc"], name="s") + execute() + SYNC
    assert client.kinds(pipeline, pipeline, query("select 1"), pipeline) == "2DCZ2DCZTDCZ2DCZ"


def test_a_pipeline_in_the_middle_of_another_is_answered_message_by_message() -> None:
    client = Client().begin()
    client.say(parse("echo $1", "s"), SYNC)
    client.say(parse("insert", "t"), FLUSH)
    assert client.kinds(bind([b"abc"], name="s"), execute(), SYNC) == "2DCZ"


def test_a_whole_pipeline_that_the_session_does_not_answer_at_once_is_answered_the_same() -> None:
    pipeline = bind([b"\0\0\0\7", b"x"], name="s", formats=[1, 0], results=[0, 1]) + describe("P") + execute() + SYNC
    wrong = bind([b"\0\0\0\7\7", b"x"], name="s", formats=[1, 0]) + execute() + SYNC
    whole, cut_up = Client().begin(), Client().begin()
    for client in (whole, cut_up):
        client.say(parse("echo $1 $2", "s", [oids.INT4, oids.TEXT]), SYNC)
    for data, kinds in ((pipeline, "2TDCZ"), (wrong, "EZ"), (pipeline, "2TDCZ")):
        answers = whole.raw(data)
        assert answers == cut_up.raw(data[:7]) + cut_up.raw(data[7:])
        assert "".join(kind for kind, _ in cut(answers)) == kinds
    assert whole.session.open_outcomes == 0


def test_a_whole_pipeline_waits_fails_and_keeps_the_order_of_what_is_behind_it() -> None:
    client = Client(waits=False).begin()
    client.say(parse("wait", "w"), parse("fail 22012", "f"), SYNC)
    assert client.kinds(bind(name="w"), execute(), SYNC, query("select 1")) == "2"
    waiting = client.conversation.waiting
    assert waiting is not None
    client.conversation.resolved(waiting.resume())
    assert [kind for kind, _ in cut(client.conversation.take_output())] == ["C", "Z", "T", "D", "C", "Z"]
    client.say(query("begin"))
    assert client.say(bind(name="f"), execute(), SYNC)[-1] == ("Z", b"E")


# Waiting.


def test_nothing_is_answered_while_a_call_waits() -> None:
    client = Client(waits=False).begin()
    assert client.kinds(query("wait"), query("select 1")) == ""
    waiting = client.conversation.waiting
    assert waiting is not None
    client.conversation.resolved(waiting.resume())
    assert [kind for kind, _ in cut(client.conversation.take_output())] == ["C", "Z", "T", "D", "C", "Z"]


# Memory.


def test_a_long_answer_pauses_until_it_was_sent() -> None:
    client = Client(bounds=Bounds(pending_output=1_000)).begin()
    client.conversation.receive(query("rows 100000"))
    largest = pauses = 0
    while client.conversation.is_paused:
        largest = max(largest, len(client.conversation.take_output()))
        pauses += 1
        client.conversation.go_on()
    assert pauses > 100
    assert largest < 10_000
    assert client.session.status is Status.IDLE


def test_many_small_answers_pause_too() -> None:
    client = Client().begin()
    client.conversation.receive(query("select 1") * 5_000)
    assert client.conversation.is_paused
    assert len(client.conversation.take_output()) < 1 << 20
