"""`serve --http` and `serve --remote` as they are started by people: over TLS, for stock clients of all three protocols."""

from __future__ import annotations

import datetime
import ipaddress
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from cassandra import InvalidRequest
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import RoundRobinPolicy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import hyperdb
from hyperdb.commitment.verify import StoreKey
from hyperdb.errors import InvalidError, RemoteError

from .conftest import APP

MAIN = "from hyperdb.cli import main; main()"


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine's address, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hyperdb test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "certificate.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return chain, secret


@contextmanager
def _serving(*words: str) -> Iterator[tuple[dict[str, tuple[str, int]], list[str]]]:
    """A server of its own process: where it listens, and what it said."""
    command = [sys.executable, "-c", MAIN, "serve", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("ready"):
                break
        else:
            raise AssertionError(process.stderr.read())
        found = re.findall(r"(\w+)=([\d.]+):(\d+)", said[-1])
        try:
            yield {name: (host, int(port)) for name, host, port in found}, said
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    assert process.returncode == 0


@dataclass(frozen=True)
class Two:
    """A store, and a client's server in front of it."""

    store: dict[str, tuple[str, int]]
    mine: dict[str, tuple[str, int]]
    said: str
    key: str
    ca: Path


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("served")
    chain, secret = _certificate(folder)
    with hyperdb.open(folder / "data") as db:
        key = db.frames.public_key.hex()
        db.sql("CREATE TABLE people (id bigint PRIMARY KEY, name text)")
        db.sql("INSERT INTO people SELECT n, 'name ' || n FROM generate_series(1, 50) n")
        for number in range(50):
            db.app(APP).put(f"user:{number}", f"value {number}")
    local = "127.0.0.1:0"
    apps = [word for app in (APP, "public", "shop") for word in ("--publish", app)]
    listen = ["--resp", local, "--sql", local, "--cql", local, "--http", local]
    tls = ["--tls-cert", str(chain), "--tls-key", str(secret)]
    own = [str(folder / "data"), "--memory", "64m", "--frames", "0.2", "--work", "4", "--epochs", "3600"]
    with _serving(*own, *listen, *apps, *tls) as (store, _):
        with _cassandra(store["cql"], chain) as session:
            session.execute("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
            session.execute("CREATE TABLE shop.items (shelf int, place int, label text, PRIMARY KEY (shelf, place))")
            session.execute("INSERT INTO shop.items (shelf, place, label) VALUES (1, 2, 'here')")
        url = "https://{}:{}".format(*store["http"])
        _wait_for_epochs(url, key, chain, folder / "probe")
        remote = ["--remote", url, "--key", key, "--ca", str(chain), "--state", str(folder / "state"), "--follow", "0.2"]
        with _serving(*remote, "--resp", local, "--sql", local, "--cql", local) as (mine, said):
            yield Two(store, mine, "".join(said), key, chain)


def _wait_for_epochs(url: str, key: str, ca: Path, state: Path) -> None:
    ends = time.monotonic() + 120
    with hyperdb.connect(url, key=key, privacy="none", ca=ca, state=state) as remote:
        while time.monotonic() < ends:
            described = remote.store.describe()["apps"]
            if all(described.values()):
                return
            time.sleep(0.2)
    raise AssertionError("no epochs came")


@contextmanager
def _cassandra(address: tuple[str, int], ca: Path | None = None) -> Iterator[object]:
    trusting = None if ca is None else ssl.create_default_context(cafile=str(ca))
    if trusting is not None:
        trusting.check_hostname = False
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=60)
    cluster = Cluster(
        [address[0]],
        port=address[1],
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        protocol_version=5,
        connect_timeout=60,
        ssl_context=trusting,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def _sql(address: tuple[str, int]) -> psycopg.Connection:
    return psycopg.connect(host=address[0], port=address[1], user="postgres", dbname="hyperdb", autocommit=True)


def test_it_says_what_it_is(two: Two) -> None:
    assert "privacy       pir" in two.said and "self-signed" in two.said
    assert re.search(r"^ +epoch [0-9a-f]{64}$", two.said, re.MULTILINE)


def test_redis_clients_read_over_tls(two: Two) -> None:
    with redis.Redis(*two.mine["resp"], socket_timeout=60) as private, redis.Redis(*two.store["resp"]) as plain:
        assert private.get("user:7") == plain.get("user:7") == b"value 7"
        with pytest.raises(redis.ResponseError, match="nothing is written"):
            private.set("user:7", "x")
        plain.set("user:7", "changed")
        ends = time.monotonic() + 60
        while private.get("user:7") != b"changed" and time.monotonic() < ends:
            time.sleep(0.1)
        assert private.get("user:7") == b"changed", "what is written is followed"


def test_sql_clients_read_over_tls(two: Two) -> None:
    with _sql(two.mine["sql"]) as private:
        assert private.execute("SELECT name FROM people WHERE id = 9").fetchone() == ("name 9",)
        assert "one range" in str(private.execute("EXPLAIN (PRIVACY) SELECT name FROM people WHERE id = 9").fetchall())
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            private.execute("DELETE FROM people")


def test_cassandras_clients_read_over_tls(two: Two) -> None:
    with _cassandra(two.mine["cql"]) as private:
        [row] = private.execute("SELECT label FROM shop.items WHERE shelf = 1 AND place = 2")  # type: ignore[attr-defined]
        assert row.label == "here"


@pytest.mark.parametrize("level", ["pir", "bucket(64)", "cover(4, 64)", "full"])
def test_the_stores_own_ports_refuse_levels_and_say_where_to_ask(two: Two, level: str) -> None:
    """A stock client that asks the store for privacy has told it what it asks: it is refused, and nothing is answered lower."""
    with redis.Redis(*two.store["resp"]) as plain, pytest.raises(redis.ResponseError, match=r"store's own.*--remote"):
        plain.execute_command("HYPER.PRIVACY", level)
    with _sql(two.store["sql"]) as plain_sql:
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="--remote"):
            plain_sql.execute(f"SET hyperdb.privacy = '{level}'")
        assert plain_sql.execute("SHOW hyperdb.privacy").fetchone() == ("none",)
    with _cassandra(two.store["cql"], two.ca) as plain_cql, pytest.raises(InvalidRequest, match="--remote"):
        plain_cql.execute(  # type: ignore[attr-defined]
            "SELECT label FROM shop.items WHERE shelf = 1", custom_payload={"hyperdb.privacy": level.encode()}
        )


def test_another_certificate_is_refused(two: Two, tmp_path: Path) -> None:
    url = "https://{}:{}".format(*two.store["http"])
    other, _ = _certificate(tmp_path)
    for ca in (other, None):
        remote = hyperdb.connect(url, key=two.key, privacy="pir", ca=ca, state=tmp_path / "state")
        with remote, pytest.raises(RemoteError, match="certificate"):
            remote.app(APP).get("user:3")
    with hyperdb.connect(url, key=StoreKey(bytes.fromhex(two.key)), privacy="pir", ca=two.ca, state=tmp_path / "good") as remote:
        assert remote.app(APP).get("user:3") == b"value 3"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--remote", "https://127.0.0.1:1"), "either --key"),
        (("--remote", "https://127.0.0.1:1", "--key", "00", "--owner", "00"), "either --key"),
        (("--remote", "https://127.0.0.1:1", "--owner", "zz"), "hexadecimal digits"),
        (("--remote", "https://127.0.0.1:1", "--key", "00" * 57, "--follow", "often"), "--follow"),
        (("--remote", "https://127.0.0.1:1", "--key", "00" * 57, "--follow", "-1"), "positive"),
        (("--remote", "https://127.0.0.1:1", "--key", "00" * 57, "--pin", "app"), "APP=DIGEST"),
        (("--remote", "https://127.0.0.1:1", "--key", "00" * 57, "--pin", "app=00"), "64 hexadecimal digits"),
        (("--remote", "http://example.org", "--key", "00" * 57), "without TLS"),
        (("--remote", "https://127.0.0.1:1", "--key", "00" * 57, "--resp", "0.0.0.0:0"), "this machine alone"),
        (("data", "--remote", "https://127.0.0.1:1", "--key", "00" * 57), "not a directory"),
    ],
)
def test_what_does_not_go_together_is_refused(words: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from hyperdb.cli.serving import application

    monkeypatch.setattr(sys, "argv", ["hyperdb", "serve", *words])
    with pytest.raises(InvalidError, match=why):
        application(standalone_mode=False)
