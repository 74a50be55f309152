"""SCRAM-SHA-256 against a client that shares no code with the server and is itself checked by RFC 7677's example.

Theory: both sides prove that they know the password; whoever changes one byte of the exchange proves nothing.
Invariant: each refusal is fatal and has its SQLSTATE.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdb.errors import WireError
from hyperdb.frontends.sql.protocol import scram
from hyperdb.roles import Verifier

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
STORED = Verifier.of("pencil", SALT)
NONCE = bytes(range(18))
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"


def proved(password: str, first_bare: str, server_first: str, binding: bytes) -> tuple[str, str]:
    """The client's final message and the server's final message that it expects."""
    fields = dict(part.split("=", 1) for part in server_first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    unproved = f"c={base64.b64encode(binding).decode()},r={fields['r']}"
    signed = f"{first_bare},{server_first},{unproved}".encode()
    signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    return f"{unproved},p={base64.b64encode(proof).decode()}", f"v={base64.b64encode(server).decode()}"


def test_the_client_here_is_the_one_of_rfc_7677() -> None:
    server_first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    final, expected = proved("pencil", "n=user,r=rOprNGfwEbeRWgbNEkqO", server_first, b"n,,")
    assert final.endswith(",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    assert expected == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    ("mechanism", "header", "certificate"),
    [
        (scram.PLAIN, "n,,", None),
        (scram.PLAIN, "y,,", None),
        (scram.PLAIN, "n,,", b"hash"),
        (scram.BOUND, "p=tls-server-end-point,,", b"hash"),
    ],
)
def test_the_right_password_is_proved_both_ways(mechanism: str, header: str, certificate: bytes | None) -> None:
    server = scram.ScramServer(STORED, NONCE, certificate)
    first = server.first(mechanism, f"{header}n=,r=abc".encode()).decode()
    bound = header.encode() + (b"hash" if mechanism == scram.BOUND else b"")
    final, expected = proved("pencil", "n=,r=abc", first, bound)
    assert server.final(final.encode()).decode() == expected


@pytest.mark.parametrize("verifier", [STORED, scram.unknown_role("nobody", b"secret")])
def test_a_wrong_password_and_an_unknown_role_look_alike(verifier: Verifier) -> None:
    server = scram.ScramServer(verifier, NONCE)
    first = server.first(scram.PLAIN, FIRST).decode()
    final, _ = proved("pen", FIRST.decode()[3:], first, b"n,,")
    with pytest.raises(WireError, match="password authentication failed") as raised:
        server.final(final.encode())
    assert raised.value.sqlstate == "28P01" and raised.value.fatal


@pytest.mark.parametrize(
    ("mechanism", "message", "certificate", "sqlstate"),
    [
        ("MD5", FIRST, None, "08P01"),
        (scram.BOUND, b"p=tls-server-end-point,,n=,r=a", None, "08P01"),
        (scram.BOUND, b"n,,n=,r=a", b"hash", "08P01"),
        (scram.BOUND, b"p=tls-unique,,n=,r=a", b"hash", "08P01"),
        (scram.PLAIN, b"p=tls-server-end-point,,n=,r=a", b"hash", "08P01"),
        (scram.PLAIN, b"y,,n=,r=a", b"hash", "28000"),
        (scram.PLAIN, b"n,a=other,n=,r=a", None, "0A000"),
        (scram.PLAIN, b"n,,m=x,n=,r=a", None, "0A000"),
        (scram.PLAIN, b"n,,n=,r=", None, "08P01"),
        (scram.PLAIN, b"n,,n=,r=\x01", None, "08P01"),
        (scram.PLAIN, b"n,,r=a,n=", None, "08P01"),
        (scram.PLAIN, b"\xff", None, "08P01"),
        (scram.PLAIN, b"", None, "08P01"),
    ],
)
def test_a_first_message_is_refused(mechanism: str, message: bytes, certificate: bytes | None, sqlstate: str) -> None:
    with pytest.raises(WireError) as raised:
        scram.ScramServer(STORED, NONCE, certificate).first(mechanism, message)
    assert raised.value.sqlstate == sqlstate and raised.value.fatal


def test_another_certificate_and_another_nonce_are_refused() -> None:
    for bound, change, sqlstate in ((b"other", "", "28000"), (b"hash", "x", "08P01")):
        server = scram.ScramServer(STORED, NONCE, b"hash")
        first = server.first(scram.BOUND, b"p=tls-server-end-point,,n=,r=abc").decode()
        final, _ = proved("pencil", "n=,r=abc", first, b"p=tls-server-end-point,," + bound)
        with pytest.raises(WireError) as raised:
            server.final(final.replace(",p=", f"{change},p=").encode())
        assert raised.value.sqlstate == sqlstate


def test_the_final_message_cannot_come_first() -> None:
    with pytest.raises(WireError):
        scram.ScramServer(STORED, NONCE).final(b"c=biws,r=a,p=AAAA")


def attempt(server: scram.ScramServer, first: bytes, final: bytes) -> bytes:
    server.first(scram.PLAIN, first)
    return server.final(final)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_bytes_are_let_in_or_raise_anything_else(first: bytes, final: bytes) -> None:
    for opening in (first, b"n,,n=,r=a" + first):
        server = scram.ScramServer(STORED, NONCE)
        with pytest.raises(WireError) as raised:
            attempt(server, opening, final)
        assert raised.value.fatal


def test_initial_response() -> None:
    assert scram.initial_response(b"M\0\0\0\0\1x") == ("M", b"x")
    for bad in (b"M", b"M\0\xff\xff\xff\xff", b"M\0\0\0\0\2x", b"M\0\0\0\0\1xy"):
        with pytest.raises(WireError) as raised:
            scram.initial_response(bad)
        assert raised.value.fatal
