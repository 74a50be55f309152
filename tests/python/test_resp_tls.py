"""TLS for Redis's clients: beside the port without, with and without certificates of theirs."""

from __future__ import annotations

import datetime
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import hyperdb
from hyperdb.errors import AddressError, InvalidError
from hyperdb.values import RespTls

DAY = datetime.timedelta(days=1)
BIG = 3 << 20


@dataclass(frozen=True)
class Signed:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


def sign(
    folder: Path, name: str, by: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None = None, *, signs: bool = False
) -> tuple[Signed, Any]:
    """A certificate of `name`, by itself unless somebody else signs it, that may then sign others; and who can sign with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = by or (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + DAY)
    builder = builder.add_extension(names, False).add_extension(x509.BasicConstraints(by is None or signs, None), True)
    made = Signed(folder / f"{name}.crt", folder / f"{name}.key")
    made.certificate.write_bytes(builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    made.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return made, (subject, key)


@dataclass(frozen=True)
class Files:
    """Who signs, the server, a client, and a client whom nobody knows."""

    ca: Signed
    server: Signed
    client: Signed
    stranger: Signed


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    ca, signer = sign(folder, "ca")
    _, other = sign(folder, "other")
    return Files(ca, sign(folder, "server", signer)[0], sign(folder, "client", signer)[0], sign(folder, "stranger", other)[0])


@contextmanager
def served(files: Files, **options: Any) -> Iterator[tuple[Any, int]]:
    tls = files.server.certificate, files.server.key
    with (
        hyperdb.open(":memory:", memory="32m", frames=None) as database,
        database.serve(resp="127.0.0.1:0", resp_tls=RespTls("127.0.0.1:0", **options), tls=tls, control=False) as serving,
    ):
        assert serving.resp_tls_address is not None
        yield serving, serving.resp_tls_address[1]


@contextmanager
def client(files: Files, port: int, shown: Signed | None = None, **options: Any) -> Iterator[Any]:
    own = {} if shown is None else {"ssl_certfile": str(shown.certificate), "ssl_keyfile": str(shown.key)}
    known = {"ssl": True, "ssl_ca_certs": str(files.ca.certificate), "socket_timeout": 20, "single_connection_client": True}
    with redis.Redis("localhost", port, **{**known, **own, **options}) as made:
        yield made


def test_both_ports_serve_the_same(files: Files) -> None:
    with served(files) as (serving, port), client(files, port) as encrypted:
        host, plain_port = serving.resp_address
        with redis.Redis(host, plain_port) as plain:
            big = bytes(range(256)) * (BIG // 256)
            assert encrypted.set("k", big)
            assert plain.get("k") == big
            assert encrypted.get("k") == big
        with encrypted.pipeline(transaction=False) as pipe:
            for number in range(3000):
                pipe.set(f"k{number}", "x" * 500)
                pipe.get(f"k{number}")
            assert pipe.execute()[-1] == b"x" * 500


def test_who_speaks_something_else_is_closed_and_disturbs_nobody(files: Files) -> None:
    with served(files) as (_, port), client(files, port) as known:
        for said in (b"PING\r\n", b"\x16\x03\x01\x00\x05hello", bytes(2000), b""):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as stranger:
                stranger.sendall(said)
                stranger.shutdown(socket.SHUT_WR)
                while stranger.recv(4096):
                    pass
        with socket.create_connection(("127.0.0.1", port)) as silent:
            assert known.ping()
            silent.close()


def test_a_client_may_have_to_show_a_certificate(files: Files) -> None:
    with served(files, client_ca=files.ca.certificate) as (_, port):
        with client(files, port, files.client) as known:
            assert known.ping()
        for shown in (None, files.stranger):
            with pytest.raises((redis.ConnectionError, ssl.SSLError)), client(files, port, shown) as stranger:
                stranger.ping()


def test_a_certificate_that_is_not_required_must_still_be_good(files: Files) -> None:
    with served(files, client_ca=files.ca.certificate, required=False) as (_, port):
        for shown in (None, files.client):
            with client(files, port, shown) as known:
                assert known.ping()
        with pytest.raises((redis.ConnectionError, ssl.SSLError)), client(files, port, files.stranger) as stranger:
            stranger.ping()


def test_certificates_are_good_with_what_stands_between_them_and_the_root(files: Files, tmp_path: Path) -> None:
    _root, signer = sign(tmp_path, "root")
    between, middle = sign(tmp_path, "between", signer, signs=True)
    leaf, _ = sign(tmp_path, "leaf", middle)
    whole = Signed(tmp_path / "whole.crt", leaf.key)
    whole.certificate.write_bytes(leaf.certificate.read_bytes() + between.certificate.read_bytes())
    root = tmp_path / "root.crt"
    with served(files, client_ca=root) as (_, port):
        with client(files, port, whole) as known:
            assert known.ping()
        with pytest.raises((redis.ConnectionError, ssl.SSLError)), client(files, port, leaf) as stranger:
            stranger.ping()
    trusting = Files(Signed(root, leaf.key), whole, files.client, files.stranger)
    with served(trusting) as (_, port), client(trusting, port) as known:
        assert known.ping()
    half = Files(trusting.ca, leaf, files.client, files.stranger)
    with served(half) as (_, port), pytest.raises((redis.ConnectionError, ssl.SSLError)), client(half, port) as wary:
        wary.ping()


class Slow:
    """A client that does TLS by itself, and sends its bytes one at a time."""

    def __init__(self, files: Files, port: int, newest: ssl.TLSVersion) -> None:
        self.raw = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = ssl.create_default_context(cafile=str(files.ca.certificate))
        context.maximum_version = newest
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname="localhost")

    def push(self) -> None:
        """Sends what was encrypted."""
        for byte in self._out.read():
            self.raw.sendall(bytes([byte]))

    def until(self, act: Callable[[], object]) -> None:
        """Does something that may need more from the server."""
        while True:
            try:
                act()
            except ssl.SSLWantReadError:
                self.push()
                self._in.write(self.raw.recv(4096))
            else:
                self.push()
                return


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_single_bytes_and_a_goodbye_before_the_reply(files: Files, newest: ssl.TLSVersion) -> None:
    with served(files) as (_, port):
        slow = Slow(files, port, newest)
        with slow.raw:
            slow.until(slow.tls.do_handshake)
            slow.tls.write(b"SET k v\r\nGET k\r\n")
            with pytest.raises(ssl.SSLWantReadError):
                slow.tls.unwrap()
            slow.push()
            slow.raw.shutdown(socket.SHUT_WR)
            received = b""
            while part := slow.raw.recv(4096):
                received += part
            # The replies came, encrypted, though all that the client had to say was said.
            assert len(received) > len(b"+OK\r\n$1\r\nv\r\n")


def test_old_versions_are_refused(files: Files) -> None:
    with served(files) as (_, port), client(files, port, ssl_min_version=ssl.TLSVersion.TLSv1_3) as newest:
        assert newest.ping()
        context = ssl.create_default_context(cafile=str(files.ca.certificate))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with (
            socket.create_connection(("localhost", port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as older,
        ):
            assert older.version() == "TLSv1.2"


def test_subscribers_and_blocked_clients(files: Files) -> None:
    with served(files) as (_, port), client(files, port) as one, client(files, port) as other:
        with one.pubsub(ignore_subscribe_messages=True) as hearing:
            hearing.subscribe("c")
            hearing.get_message(timeout=5)
            assert other.publish("c", "m") == 1
            assert hearing.get_message(timeout=5)["data"] == b"m"
        assert other.rpush("l", "x") == 1
        assert one.blpop(["l"], timeout=5) == (b"l", b"x")


def test_what_cannot_be_used_is_said_at_the_start(files: Files, tmp_path: Path) -> None:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        with pytest.raises(InvalidError, match="certificate"):
            database.serve(resp_tls="127.0.0.1:0", control=False)
        empty = tmp_path / "empty.pem"
        empty.write_text("")
        tls = files.server.certificate, files.server.key
        with pytest.raises(AddressError, match="no certificate"):
            database.serve(resp_tls=RespTls("127.0.0.1:0", empty), tls=tls, control=False)
