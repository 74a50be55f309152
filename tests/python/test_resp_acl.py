"""ACL on the store's roles: users outlive a restart, share their passwords with SQL, and are the roles that SQL knows."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import hyperdb
from hyperdb.frontends.throttle import GROWING
from hyperdb.server import Serving


@contextmanager
def serving(path: Path | str, **options: Any) -> Iterator[tuple[hyperdb.Database, Serving]]:
    with (
        hyperdb.open(path, memory="32m", frames=None) as database,
        database.serve(resp="127.0.0.1:0", control=False, **options) as served,
    ):
        yield database, served


@contextmanager
def client(served: Serving, name: str | None = None, password: str | None = None) -> Iterator[Any]:
    host, port = served.resp_address or ("", 0)
    once = Retry(NoBackoff(), 0)
    with redis.Redis(host=host, port=port, username=name, password=password, single_connection_client=True, retry=once) as made:
        yield made


def refused(asked: Any, *words: str) -> str:
    with pytest.raises(redis.RedisError) as error:
        asked.execute_command(*words)
    return str(error.value)


def test_users_outlive_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (_, served), client(served) as owner:
        assert owner.acl_users() == ["default"]
        words = ("on", ">secret", "~app:*", "%R~r", "&ch", "+@read", "+set", "(+del ~d)")
        assert owner.execute_command("ACL", "SETUSER", "u", *words) == b"OK"
        listed = owner.acl_list()
        assert owner.execute_command("ACL", "SAVE") == b"OK"
    with serving(tmp_path / "data") as (_, served), client(served) as owner:
        assert owner.acl_list() == listed
        shown = "on sanitize-payload #{} ~app:* %R~r resetchannels &ch -@all +@read +set (~d resetchannels -@all +del)"
        assert listed[-1] == "user u " + shown.format(hashlib.sha256(b"secret").hexdigest())
        owner.set("app:k", "v")
        with client(served, "u", "secret") as user:
            assert user.get("app:k") == b"v"
            assert refused(user, "GET", "other") == "No permissions to access a key"
            assert refused(user, "DEL", "app:k") == "No permissions to access a key"
            assert user.delete("d") == 0
            assert refused(user, "ACL", "LIST") == "User u has no permissions to run the 'acl|list' command"
            assert owner.acl_deluser("u", "nobody") == 1
            with pytest.raises((redis.ConnectionError, redis.AuthenticationError)):
                user.ping()
        assert owner.acl_users() == ["default"]


def test_a_wrong_rule_changes_nothing() -> None:
    with serving(":memory:") as (_, served), client(served) as owner:
        said = refused(owner, "ACL", "SETUSER", "u", "on", "+nothing")
        assert said == "Error in ACL SETUSER modifier '+nothing': Unknown command or category name in ACL"
        assert owner.acl_users() == ["default"]
        assert refused(owner, "ACL", "DELUSER", "default") == "The 'default' user cannot be removed"
        assert "reserved" in refused(owner, "ACL", "SETUSER", "public", "on")


def test_a_password_given_here_opens_sql_and_one_given_there_opens_this() -> None:
    with serving(":memory:", sql="127.0.0.1:0", password="owner") as (database, served):
        with client(served, password="owner") as owner:
            owner.execute_command("ACL", "SETUSER", "u", "on", ">one", "+ping")
            host, port = served.sql_address or ("", 0)
            where = f"host={host} port={port} dbname=hyperdb sslmode=disable"
            with psycopg.connect(f"{where} user=u password=one", autocommit=True) as session:
                assert session.execute("SELECT current_user").fetchone() == ("u",)
            owner.execute_command("ACL", "SETUSER", "u", "<one", ">two")
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(f"{where} user=u password=one")
            psycopg.connect(f"{where} user=u password=two").close()
            owner.execute_command("ACL", "SETUSER", "u", "resetpass")
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(f"{where} user=u password=two")
        database.sql("CREATE ROLE ann LOGIN PASSWORD 'there'")
        with client(served, password="owner") as owner:
            owner.execute_command("ACL", "SETUSER", "ann", "~k", "+get", "+ping")
            with client(served, "ann", "there") as ann:
                assert ann.get("k") is None
                assert refused(ann, "GET", "other") == "No permissions to access a key"
            owner.execute_command("ACL", "DELUSER", "ann")
            assert database.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'ann'").fetchall() == [(0,)]


def test_the_default_user_is_the_bootstrap_role(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (_, served), client(served) as owner:
        assert owner.acl_whoami() == "default"
        owner.config_set("requirepass", "first")
        with pytest.raises(redis.AuthenticationError, match="HELLO must be called"), client(served) as stranger:
            stranger.ping()
        with client(served, password="first") as known:
            assert known.acl_whoami() == "default"
            assert known.acl_getuser("default")["passwords"] == [hashlib.sha256(b"first").hexdigest()]
        owner.execute_command("ACL", "SETUSER", "default", "-debug", ">second")
        for name, password in (("default", "second"), ("postgres", "second")):
            with client(served, name, password) as known:
                assert known.acl_whoami() == "default"
    with serving(tmp_path / "data") as (_, served), client(served, password="second") as owner:
        shown = owner.acl_getuser("default")
        assert (shown["categories"], shown["commands"]) == (["+@all"], ["-debug"])
        assert shown["passwords"] == [hashlib.sha256(word).hexdigest() for word in (b"first", b"second")]
        owner.config_set("requirepass", "")
        with client(served) as stranger:
            assert stranger.ping()
            assert stranger.acl_getuser("default")["passwords"] == []


def test_a_shut_default_user_opens_sql_to_nobody() -> None:
    with serving(":memory:", sql="127.0.0.1:0") as (_, served), client(served) as owner:
        owner.execute_command("ACL", "SETUSER", "default", "resetpass")
        host, port = served.sql_address or ("", 0)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable")
        owner.execute_command("ACL", "SETUSER", "default", "nopass")
        psycopg.connect(f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable").close()


def test_guesses_over_redis_count_with_all_others() -> None:
    with serving(":memory:", password="secret") as (_, served):
        for _ in range(GROWING.free_by_address + 1):
            with pytest.raises(redis.AuthenticationError), client(served, password="wrong") as guess:
                guess.ping()
        # Whoever comes by another language takes turns now.
        assert [(served._throttle.turn("127.0.0.1", "another") or 0) > 0 for _ in range(2)] == [False, True]
        # The right one is let in, and then it is in good standing again.
        with client(served, password="secret") as owner:
            assert [entry["reason"] for entry in owner.acl_log()] == ["auth"]
            assert owner.acl_log()[0]["count"] == GROWING.free_by_address + 1
        assert served._throttle.turn("127.0.0.1", "another") == 0.0


def test_a_pool_with_the_right_password_comes_in_at_once_after_wrong_ones() -> None:
    with serving(":memory:", password="secret") as (_, served):
        for _ in range(12):
            with pytest.raises(redis.AuthenticationError), client(served, password="wrong") as guess:
                guess.ping()
        with ExitStack() as stack:
            pool = [stack.enter_context(socket.create_connection(served.resp_address or ("", 0), 30)) for _ in range(20)]
            # All ask before one of them is answered, as a pool that fills up does.
            for one in pool:
                one.sendall(b"AUTH secret\r\n")
            assert [one.recv(100) for one in pool] == [b"+OK\r\n"] * 20
