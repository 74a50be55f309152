"""Administration commands over a fake server: replies, refusals, and the table they are dispatched from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from hyperdb.errors import InvalidError
from hyperdb.frontends.resp import admin, command_info, memory, syntax, table
from hyperdb.frontends.resp.answers import OK, Distinct, Failure, Simple, Verbatim
from hyperdb.frontends.resp.control import Client, CommandUsage, Keyspace
from hyperdb.frontends.resp.numbers import integer

ALICE = Client(id=7, db=0, role="alice", name=b"", address="127.0.0.1:9", resp3=True, in_transaction=False)


class FakeFrames:
    """Frames of which only the gauges are asked."""

    def stats(self) -> Mapping[str, int]:
        return {"frame_number": 3}

    def failure(self) -> str | None:
        return "disk\nfull"


@dataclass
class FakeServer:
    """A server that remembers what it was told."""

    limits: dict[str, int | str] = field(
        default_factory=lambda: {
            "max_clients": 100,
            "timeout": 0,
            "tcp_keepalive": 300,
            "max_bulk": 512 << 20,
            "query_buffer": 1 << 30,
            "client_memory": 1 << 30,
            "acl_log_most": 128,
            "events": 0,
            "tracked_keys": 1_000_000,
            "output_replica_hard": 0,
            "output_replica_soft": 0,
            "output_replica_seconds": 0,
            "busy_reply_ms": 5000,
            "slow_micros": 10_000,
            "slow_most": 128,
            "latency_threshold_ms": 0,
            "latency_tracking": 1,
            "max_memory": 0,
            "percentiles": "50 99 99.9",
            "protected": 1,
            "output_normal_hard": 0,
            "output_normal_soft": 0,
            "output_normal_seconds": 0,
            "output_pubsub_hard": 32 << 20,
            "output_pubsub_soft": 8 << 20,
            "output_pubsub_seconds": 60,
            "hash_entries": 512,
            "hash_value": 64,
            "list_size": 2**64 - 2,
            "list_depth": 0,
            "set_integers": 512,
            "set_entries": 128,
            "set_value": 64,
            "sorted_entries": 128,
            "sorted_value": 64,
            "stream_entries": 100,
            "stream_bytes": 4096,
            "sketch_bytes": 3000,
            "client_percent": 0,
            "min_replicas": 0,
            "replica_lag": 10,
            "hz": 10,
        }
    )
    wire: dict[str, int] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    clock: float = 1_000.5

    facts: Mapping[str, str] = field(
        default_factory=lambda: {
            "dir": "/data",
            "sync": "always",
            "port": "6379",
            "tls_port": "0",
            "bind": "127.0.0.1",
            "unixsocket": "",
            "databases": "16",
            "version": "0.1.0",
            "redis_version": "7.2.7",
            "debug": "no",
            "run_id": "r" * 40,
            "started": "900",
            "last_save": "900",
        }
    )

    def server_stats(self) -> Mapping[str, int]:
        told = {"connected_clients": 3, "calls:get": 2, "clients_input_bytes": 50, "input_bytes_per_second": 2048}
        return {**told, **self.wire}

    def command_stats(self) -> Sequence[CommandUsage]:
        return [CommandUsage("get", calls=2, micros=5, rejected=1, failed=0)]

    def error_stats(self) -> Mapping[str, int]:
        return {"ERR": 3}

    def latencies(self, percents: Sequence[float]) -> Mapping[str, Sequence[float]]:
        return {"get": [percent / 10 for percent in percents]}

    def storage_stats(self) -> Mapping[str, int]:
        return {"memtable_bytes": 10, "block_cache_bytes": 30, "tables": 4, "frame_number": 3}

    def frames(self) -> FakeFrames:
        return FakeFrames()

    def keyspaces(self) -> list[Keyspace]:
        return [Keyspace(0, 5, 1)]

    def settings(self) -> Mapping[str, int | str]:
        return self.limits

    def configure(self, changes: Mapping[str, int | str]) -> None:
        self.limits.update(changes)

    def reset_stats(self) -> None:
        self.done.append("reset")

    def set_password(self, password: str | None) -> None:
        self.done.append(f"password {password}")

    def set_rules(self, name: str, rules: Sequence[bytes]) -> None:
        if b"bogus" in rules:
            raise InvalidError("Error in ACL SETUSER modifier 'bogus': Syntax error")
        self.done.append(f"{name} {rules}")

    def remove_users(self, names: Sequence[str]) -> int:
        self.done.append(f"without {names}")
        return len(names)

    def reload_users(self) -> None:
        self.done.append("reload")

    def sync(self) -> None:
        self.done.append("sync")

    def flush_storage(self) -> None:
        self.done.append("flush")

    def request_shutdown(self) -> None:
        self.done.append("shutdown")

    def now(self) -> float:
        return self.clock


#: What `int` of Python takes, or ends with another error than the one for text.
NO_NUMBERS = ("", "01", "-0", "+1", " 1", "1 ", "1_0", "1.0", "²", "١", "9223372036854775808", "9" * 5000)


def call(server: FakeServer, *words: str) -> object:
    return admin.Admin(server).call(ALICE, [word.encode() for word in words])


def test_every_python_row_of_the_table_is_dispatched_and_nothing_else() -> None:
    containers = {command.container for command in table.commands().values()} - {None}
    rows = {c.name for c in table.commands().values() if c.executor is table.Executor.PYTHON}
    assert rows - (containers - set(admin.COMMANDS)) == set(admin.COMMANDS)


def test_config_set_changes_all_or_nothing() -> None:
    server = FakeServer()
    assert call(server, "CONFIG", "SET", "maxclients", "50", "timeout", "9") == OK
    assert (server.limits["max_clients"], server.limits["timeout"]) == (50, 9)
    answer = call(server, "config", "set", "maxclients", "60", "timeout", "soon")
    assert isinstance(answer, Failure) and "timeout" in answer.text
    assert server.limits["max_clients"] == 50


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no-such-thing", "1"), "Unknown option"),
        (("databases", "32"), "immutable"),
        (("maxclients", "0"), "between"),
        (("maxclients", "1", "maxclients", "2"), "duplicate"),
        (("maxclients",), "wrong number"),
        (("client-output-buffer-limit", "normal 1 2"), "Wrong number"),
    ],
)
def test_config_set_refuses(words: tuple[str, ...], said: str) -> None:
    answer = call(FakeServer(), "CONFIG", "SET", *words)
    assert isinstance(answer, Failure) and said in answer.text


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_config_set_refuses_what_is_no_number(value: str) -> None:
    for name in ("maxclients", "timeout"):
        answer = call(FakeServer(), "CONFIG", "SET", name, value)
        assert isinstance(answer, Failure) and answer.text.endswith("argument couldn't be parsed into an integer")


@pytest.mark.parametrize("value", ["", "²", "-1", "1e9", "9" * 5000, "9" * 5000 + "gb"])
def test_config_set_refuses_what_is_no_amount_of_memory(value: str) -> None:
    for name, text in (("proto-max-bulk-len", value), ("client-output-buffer-limit", f"normal {value or 'x'} 0 0")):
        assert isinstance(call(FakeServer(), "CONFIG", "SET", name, text), Failure)


def test_numbers_have_one_form_and_64_bits() -> None:
    assert [integer(text) for text in (b"0", b"-1", b"9223372036854775807", b"-9223372036854775808")] == [
        0, -1, 2**63 - 1, -(2**63),
    ]  # fmt: skip
    assert [integer(text.encode()) for text in NO_NUMBERS] == [None] * len(NO_NUMBERS)


def test_config_given_values_may_be_set_to_what_they_are() -> None:
    server = FakeServer()
    given = ("appendonly", "yes", "save", "", "maxmemory-policy", "noeviction", "set-max-intset-entries", "512")
    assert call(server, "CONFIG", "SET", *given) == OK
    for name, value in (("appendonly", "no"), ("appendfsync", "no"), ("maxmemory-policy", "allkeys-lru")):
        answer = call(server, "CONFIG", "SET", "timeout", "7", name, value)
        assert isinstance(answer, Failure) and "can't set immutable config: " in answer.text
    answer = call(server, "CONFIG", "SET", "maxmemory-policy", "most-boring")
    assert isinstance(answer, Failure) and "argument(s) must be one of the following: volatile-lru, " in answer.text
    assert server.limits["timeout"] == 0


def test_config_sets_every_parameter_to_what_it_is() -> None:
    server = FakeServer()
    answer = call(server, "CONFIG", "GET", "*")
    assert isinstance(answer, Mapping)
    for name, value in answer.items():
        done = call(server, "CONFIG", "SET", str(name), str(value))
        if done != OK:
            assert isinstance(done, Failure) and done.text.endswith((" immutable config", " protected config")), name
    assert call(server, "CONFIG", "GET", "*") == answer
    assert len(answer) > 160


def test_config_keeps_what_only_replicas_would_use() -> None:
    server = FakeServer()
    assert call(server, "CONFIG", "SET", "masterauth", "secret", "repl-ping-slave-period", "20", "save", "60 1") == OK
    assert call(server, "CONFIG", "GET", "masterauth", "repl-ping-*", "save") == {
        "masterauth": "secret",
        "repl-ping-replica-period": "20",
        "repl-ping-slave-period": "20",
        "save": "60 1",
    }
    for name, value in (("repl-timeout", "0"), ("replica-read-only", "maybe"), ("save", "60"), ("save", "a b")):
        assert isinstance(call(server, "CONFIG", "SET", "masterauth", "other", name, value), Failure)
    assert call(server, "CONFIG", "GET", "masterauth") == {"masterauth": "secret"}


def test_config_of_clients_memory_may_be_a_share() -> None:
    server = FakeServer()
    assert call(server, "CONFIG", "SET", "maxmemory-clients", "7%") == OK
    assert call(server, "CONFIG", "GET", "maxmemory-clients") == {"maxmemory-clients": "7%"}
    for value, said in (
        ("200%", "percentage argument must be less or equal to 100"),
        ("x%", "memory or percent"),
        ("-1", "memory or"),
    ):
        answer = call(server, "CONFIG", "SET", "maxmemory-clients", value)
        assert isinstance(answer, Failure) and said in answer.text
    assert call(server, "CONFIG", "SET", "maxmemory-clients", "3mb") == OK
    assert (server.limits["client_memory"], server.limits["client_percent"]) == (3 << 20, 0)


def test_config_looks_at_names_before_values() -> None:
    for words, said in (
        (("timeout", "soon", "no-such-thing", "1"), "Unknown option"),
        (("timeout", "soon", "daemonize", "yes"), "can't set immutable config"),
        (("dir", "/tmp"), "can't set protected config"),
        (("client-output-buffer-limit", "master 1 1 1"), "Invalid client class"),
        (("client-output-buffer-limit", "normal 1mbs 1 1"), "Error in hard buffer limit"),
        (("client-output-buffer-limit", "pubsub 1 1 1s"), "Error in soft_seconds buffer limit"),
    ):
        answer = call(FakeServer(), "CONFIG", "SET", *words)
        assert isinstance(answer, Failure) and said in answer.text, words


def test_hidden_parameters_are_told_to_who_names_them() -> None:
    assert call(FakeServer(), "CONFIG", "GET", "key-load-*") == {}
    assert call(FakeServer(), "CONFIG", "GET", "key-load-delay") == {"key-load-delay": "0"}


def test_debug_is_a_section_for_who_names_it() -> None:
    server = FakeServer(wire={"loop_longest_micros": 7, "keyspace_hits": 4})
    assert "eventloop_duration_max:7" in str(call(server, "INFO", "debug"))
    for words in ((), ("all",), ("everything",)):
        told = str(call(server, "INFO", *words))
        assert "eventloop_duration_max" not in told and "keyspace_hits:4" in told


def test_config_of_what_is_observed() -> None:
    server = FakeServer()
    pairs = ("slowlog-log-slower-than", "-1", "slowlog-max-len", "5", "latency-tracking", "no", "maxmemory", "1mb")
    assert call(server, "CONFIG", "SET", *pairs) == OK
    assert server.limits["slow_micros"] == 2**64 - 1
    assert call(server, "CONFIG", "GET", "slowlog-*", "latency-tracking", "maxmemory") == {
        "slowlog-log-slower-than": "-1",
        "slowlog-max-len": "5",
        "latency-tracking": "no",
        "maxmemory": str(1 << 20),
    }
    assert call(server, "CONFIG", "SET", "latency-tracking-info-percentiles", "50.0 100.0") == OK
    assert call(server, "CONFIG", "GET", "latency-tracking-info-percentiles") == {"latency-tracking-info-percentiles": "50 100"}
    for name, value in (
        ("slowlog-log-slower-than", "-2"),
        ("slowlog-log-slower-than", "x"),
        ("latency-tracking-info-percentiles", "101"),
        ("latency-tracking-info-percentiles", "much"),
        ("enable-debug-command", "yes"),
    ):
        assert isinstance(call(server, "CONFIG", "SET", name, value), Failure)
    assert server.limits["slow_micros"] == 2**64 - 1


def test_memory_tells_what_is_held_and_what_stands_out() -> None:
    server = FakeServer()
    stats = call(server, "MEMORY", "STATS")
    assert isinstance(stats, dict)
    assert (stats["total.allocated"], stats["clients.normal"], stats["keys.count"]) == (90, 50, 5)
    doctor = call(server, "MEMORY", "DOCTOR")
    assert isinstance(doctor, Verbatim) and doctor.text
    allocator = call(server, "MEMORY", "MALLOC-STATS")
    assert isinstance(allocator, Verbatim) and allocator.text
    assert call(server, "MEMORY", "PURGE") == OK or not memory.purge()


def test_memory_doctor_names_clients_that_do_not_read() -> None:
    server = FakeServer()
    server.wire = {"clients_output_bytes": 1 << 30}
    doctor = call(server, "MEMORY", "DOCTOR")
    assert isinstance(doctor, Verbatim) and "do not read" in doctor.text


def test_info_of_commands_errors_and_their_times() -> None:
    answer = call(FakeServer(), "INFO", "errorstats", "latencystats", "stats")
    assert isinstance(answer, Verbatim)
    assert "errorstat_ERR:count=3\r\n" in answer.text
    assert "latency_percentiles_usec_get:p50=5.000,p99=9.900,p99.9=9.990\r\n" in answer.text
    assert "instantaneous_input_kbps:2.00\r\n" in answer.text
    plain = call(FakeServer(), "INFO")
    assert isinstance(plain, Verbatim) and "# Errorstats" in plain.text and "# Commandstats" not in plain.text


def test_config_get_matches_globs_and_hides_the_password() -> None:
    server = FakeServer()
    assert call(server, "CONFIG", "GET", "maxcl*", "require?ass") == {"maxclients": "100", "requirepass": ""}
    assert call(server, "CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 2kb 3") == OK
    shown = call(server, "CONFIG", "GET", "client-output-buffer-limit")
    assert shown == {"client-output-buffer-limit": "normal 0 0 0 slave 0 0 0 pubsub 1048576 2048 3"}


def test_config_set_requirepass_reaches_the_role() -> None:
    server = FakeServer()
    assert call(server, "CONFIG", "SET", "requirepass", "sesame") == OK
    assert call(server, "CONFIG", "SET", "requirepass", "") == OK
    assert server.done == ["password sesame", "password None"]


def test_info_names_sections_and_leaves_out_what_is_not_known() -> None:
    answer = call(FakeServer(), "INFO", "clients", "keyspace", "commandstats")
    assert answer == Verbatim(
        "# Clients\r\nconnected_clients:3\r\nhyperdb_input_buffer_bytes:50\r\nmaxclients:100\r\n"
        "cluster_connections:0\r\n\r\n# Commandstats\r\n"
        "cmdstat_get:calls=2,usec=5,usec_per_call=2.50,rejected_calls=1,failed_calls=0\r\n\r\n"
        "# Keyspace\r\ndb0:keys=5,expires=1,avg_ttl=0\r\n"
    )
    everything = call(FakeServer(), "INFO", "everything")
    assert isinstance(everything, Verbatim) and "redis_version:7.2.7\r\n" in everything.text
    assert "expired_keys" not in everything.text
    # Gauges of frames stand in their own section alone, and a failure is one line.
    assert everything.text.endswith("# Frames\r\nframe_number:3\r\nframe_last_failure:disk full\r\n")
    assert everything.text.count("frame_number") == 1


def test_save_syncs_and_flushes_then_lastsave_moves() -> None:
    server = FakeServer()
    running = admin.Admin(server)
    server.clock = 2_000.0
    assert running.call(ALICE, [b"LASTSAVE"]) == 1_000
    assert running.call(ALICE, [b"SAVE"]) == OK
    assert running.call(ALICE, [b"LASTSAVE"]) == 2_000
    assert server.done == ["sync", "flush"]


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("GET k", [b"k"]),
        ("MSET a 1 b 2", [b"a", b"b"]),
        ("BLPOP a b 0", [b"a", b"b"]),
        ("ZUNIONSTORE d 2 a b WEIGHTS 1 2", [b"d", b"a", b"b"]),
        ("LMPOP 2 a b LEFT", [b"a", b"b"]),
        ("RENAME a b", [b"a", b"b"]),
        ("SORT a", [b"a"]),
        ("SORT a BY STORE GET STORE LIMIT STORE 1 STORE b", [b"a", b"b"]),
        ("SORT a STORE b store c", [b"a", b"c"]),
        ("EVAL s 0", []),
        ("EVAL s x", []),
        ("FCALL f 5 a", []),
    ],
)
def test_getkeys(line: str, keys: list[bytes]) -> None:
    assert call(FakeServer(), "COMMAND", "GETKEYS", *line.split()) == keys


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("PING", "no key"),
        ("NOPE a", "Invalid command"),
        ("LMPOP x a LEFT", "Invalid arguments"),
        ("ZINTER 0 a", "Invalid arguments"),
        ("GET", "Invalid number"),
    ],
)
def test_getkeys_refuses(line: str, said: str) -> None:
    answer = call(FakeServer(), "COMMAND", "GETKEYS", *line.split())
    assert isinstance(answer, Failure) and said in answer.text


def test_getkeysandflags_tells_what_is_done_to_each_key() -> None:
    answer = call(FakeServer(), "COMMAND", "GETKEYSANDFLAGS", "LMOVE", "a", "b", "LEFT", "RIGHT")
    assert answer == [
        [b"a", Distinct((Simple("RW"), Simple("access"), Simple("delete")))],
        [b"b", Distinct((Simple("RW"), Simple("insert")))],
    ]


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("SET a b", ["OW", "update"]),
        ("SET a b GET", ["RW", "access", "update"]),
        ("BITFIELD a GET u8 0 OVERFLOW FAIL GET u8 8", ["RO", "access"]),
        ("BITFIELD a GET u8 0 SET u8 0 1", ["RW", "access", "update"]),
        ("BITFIELD a GET u8", ["RW", "access", "update"]),
    ],
)
def test_what_is_done_to_a_key_may_depend_on_the_words(line: str, flags: list[str]) -> None:
    answer = call(FakeServer(), "COMMAND", "GETKEYSANDFLAGS", *line.split())
    assert answer == [[b"a", Distinct(tuple(Simple(flag) for flag in flags))]]


def test_every_syntax_line_parses_whole() -> None:
    for command in table.commands().values():
        found = syntax.arguments(command.syntax, command.name)
        words = command.syntax.split()[command.name.count("|") + 1 :]
        assert bool(found) == bool(words), command.name


def test_docs_of_set_show_tokens_choices_and_repetition() -> None:
    described = command_info.docs(table.commands()["set"])
    assert isinstance(described, dict)
    condition = described["arguments"][2]
    assert (condition["type"], condition["flags"]) == ("oneof", [Simple("optional")])
    assert [part["token"] for part in condition["arguments"]] == ["NX", "XX"]
    hset = command_info.docs(table.commands()["hset"])
    assert hset["arguments"][1]["flags"] == [Simple("multiple")]
    assert [part["name"] for part in hset["arguments"][1]["arguments"]] == ["field", "value"]


def test_unknown_subcommand_is_named() -> None:
    answer = call(FakeServer(), "CONFIG", "NOPE")
    assert isinstance(answer, Failure) and answer.text.startswith("ERR unknown subcommand 'NOPE'")


def _cluster(*words: str, **facts: str) -> object:
    server = FakeServer()
    server.facts = {**server.facts, **facts}
    return admin.Admin(server).call(ALICE, [word.encode() for word in words])


def test_slots_are_those_of_redis() -> None:
    known = {"foo": 12182, "bar": 5061, "123456789": 0x31C3, "": 0, "{foo}x": 12182, "a{foo}{bar}": 12182}
    assert {key: _cluster("cluster", "keyslot", key) for key in known} == known
    # Nothing between the braces, or only one of them: the whole key counts.
    whole = [_cluster("CLUSTER", "KEYSLOT", key) for key in ("{}foo", "foo{", "}foo{")]
    assert len(set(whole)) == 3 and 12182 not in whole


def test_a_server_alone_has_all_slots() -> None:
    here = ["127.0.0.1", 6379, "r" * 40, []]
    assert _cluster("cluster", "slots") == [[0, 16383, here]]
    assert _cluster("cluster", "slots", bind="0.0.0.0") == [[0, 16383, ["", *here[1:]]]]
    nodes = _cluster("cluster", "nodes")
    assert isinstance(nodes, Verbatim)
    assert nodes.text == f"{'r' * 40} 127.0.0.1:6379@0 myself,master - 0 0 0 connected 0-16383\n"
    (shard,) = _cluster("cluster", "shards")
    assert shard["slots"] == [0, 16383] and [node["role"] for node in shard["nodes"]] == ["master"]
    assert _cluster("cluster", "replicas", _cluster("cluster", "myid")) == []
    assert _cluster("cluster", "replicas", "x") == Failure("ERR Unknown node x")
    assert "cluster_state:ok\r\n" in _cluster("cluster", "info").text


def test_there_is_nobody_to_join_or_to_follow() -> None:
    assert _cluster("cluster", "meet", "127.0.0.1", "7000") == Failure("ERR HyperDB is one node: there is no cluster to change")
    assert _cluster("replicaof", "no", "one") == OK
    for command in ("readwrite", "asking"):
        assert _cluster(command) == OK
    assert _cluster("readonly") == Failure("ERR This instance has cluster support disabled")
    assert _cluster("slaveof", "other", "6379") == Failure("ERR HyperDB does not replicate: it cannot follow another server")
    assert _cluster("failover") == Failure("ERR FAILOVER requires connected replicas.")


def test_acl_changes_users_and_draws_passwords() -> None:
    server = FakeServer()
    assert call(server, "ACL", "SETUSER", "u", "on", ">p") == OK
    assert call(server, "ACL", "DELUSER", "u", "v") == 2
    assert (call(server, "ACL", "SAVE"), call(server, "ACL", "LOAD")) == (OK, OK)
    assert server.done == ["u [b'on', b'>p']", "without ['u', 'v']", "sync", "reload"]
    assert call(server, "ACL", "SETUSER", "u", "bogus") == Failure("ERR Error in ACL SETUSER modifier 'bogus': Syntax error")
    for bits, digits in (((), 64), (("5",), 2), (("4096",), 1024), (("1",), 1)):
        drawn = call(server, "ACL", "GENPASS", *bits)
        assert isinstance(drawn, str) and len(drawn) == digits and set(drawn) <= set("0123456789abcdef")
    for wrong in ("0", "4097", "-1", "x", *NO_NUMBERS):
        assert isinstance(call(server, "ACL", "GENPASS", wrong), Failure)


@pytest.mark.parametrize(
    ("given", "shown"), [("KEA", "AKE"), ("Elg", "glE"), ("", ""), ("Kg$lshzxetd", "AK"), ("KEmn", "KEmn"), ("AA", "A")]
)
def test_classes_of_events_are_shown_as_redis_does(given: str, shown: str) -> None:
    server = FakeServer()
    assert call(server, "CONFIG", "SET", "notify-keyspace-events", given) == OK
    assert call(server, "CONFIG", "GET", "notify-keyspace-events") == {"notify-keyspace-events": shown}


def test_other_classes_of_events_are_refused() -> None:
    answer = call(FakeServer(), "CONFIG", "SET", "notify-keyspace-events", "KEq")
    assert isinstance(answer, Failure) and answer.text.endswith("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")


def test_waitaof_says_what_is_on_the_disk() -> None:
    server = FakeServer()
    assert call(server, "WAITAOF", "1", "0", "100") == [1, 0]
    assert server.done == ["sync"]
    for words in (("2", "0", "0"), ("1", "-1", "0"), ("1", "0", "-1"), *(("0", "0", wrong) for wrong in NO_NUMBERS)):
        assert isinstance(call(server, "WAITAOF", *words), Failure)
