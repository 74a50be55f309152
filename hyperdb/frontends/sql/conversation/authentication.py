"""From the first bytes to ReadyForQuery: encryption, cancelling, who the client is, what it is told.

Theory: PostgreSQL's documentation, "Start-up" and "SASL Authentication". A role with a password proves it by SCRAM-SHA-256; one
without is let in where no passwords are in use, from this machine only. A role that does not exist, or has no password where
one is needed, looks like one with another password. Who has guessed wrong waits for a turn before being answered (`throttle`).
Invariant: a session is opened only after the client has proved who it is; every refusal is FATAL and ends the conversation.
"""

from __future__ import annotations

import re

from hyperdb.errors import SqlError, WireError
from hyperdb.frontends.sql.contract import Opening, WouldWait
from hyperdb.frontends.sql.conversation.steps import NEXT, TLS, Ending, Shared, Turn, call
from hyperdb.frontends.sql.conversation.terms import Role
from hyperdb.frontends.sql.protocol import encode, messages, scram
from hyperdb.frontends.sql.protocol.decode import NEWEST_MINOR
from hyperdb.roles import BOOTSTRAP_ROLE

_NONCE_BYTES = 18
# A word of `options`: blanks end it unless a backslash stands before them.
_WORD = re.compile(r"(?:\\.|[^\\\s])+", re.DOTALL)
_SHORT_SECRET, _LONG_SECRET = 4, 32
# The first version whose clients take a cancel key of any length.
_LONG_SECRETS_FROM = 2


def begin(shared: Shared) -> Turn[None]:
    """The turn that begins every conversation. Ends with an open session."""
    startup = yield from _startup(shared)
    role = yield from _authenticated(shared, startup)
    yield from _open(shared, startup, role)


def _startup(shared: Shared) -> Turn[messages.Startup]:
    terms = shared.terms
    is_encrypted = False
    while True:
        event = yield NEXT
        match event:
            case messages.SslRequest():
                if terms.offers_tls:
                    shared.out.append(b"S")
                    yield TLS
                    is_encrypted = True
                else:
                    shared.out.append(b"N")
            case messages.GssEncRequest():
                shared.out.append(b"N")
            case messages.CancelRequest():
                terms.cancel(event.process_id, event.secret)
                raise Ending
            case messages.Startup():
                break
            case _:
                raise shared.end("08P01", "expected a startup packet")
    if terms.demands_tls and not is_encrypted:
        # In the words of a server whose pg_hba.conf has nothing but hostssl.
        user = event.parameters["user"]
        database = event.parameters.get("database") or user
        message = f'no pg_hba.conf entry for host "{terms.address}", user "{user}", database "{database}", no encryption'
        raise shared.end("28000", message)
    if event.minor > NEWEST_MINOR or event.options:
        shared.out.append(encode.negotiate_version(min(event.minor, NEWEST_MINOR), list(event.options)))
    if event.parameters.get("replication", "false") not in ("false", "off", "no", "0"):
        raise shared.end("0A000", "replication connections are not served")
    return event


def _authenticated(shared: Shared, startup: messages.Startup) -> Turn[str]:
    terms = shared.terms
    name = startup.parameters["user"]
    role = terms.find_role(name)
    if role is None or role.verifier is None:
        bootstrap = terms.find_role(BOOTSTRAP_ROLE)
        is_guarded = bootstrap is None or bootstrap.verifier is not None
        if is_guarded or (not terms.is_local and (role is None or role.name != BOOTSTRAP_ROLE)):
            role = Role(name, scram.unknown_role(name, terms.decoy_secret))
        elif role is None:
            raise shared.end("28000", f'role "{name}" does not exist')
        elif not terms.is_local:
            raise shared.end("28000", f'role "{name}" has no password, so it may log in from this machine only')
    if role.verifier is not None:
        yield from _prove(shared, role, name)
    shared.out.append(encode.AUTHENTICATION_OK)
    return role.name


def _prove(shared: Shared, role: Role, name: str) -> Turn[None]:
    assert role.verifier is not None
    terms = shared.terms
    server = scram.ScramServer(role.verifier, terms.random(_NONCE_BYTES), terms.certificate_hash)
    shared.out.append(encode.sasl_mechanisms(server.mechanisms))
    try:
        mechanism, first = scram.initial_response((yield NEXT).body)
        shared.out.append(encode.sasl_continue(server.first(mechanism, first)))
        proof = (yield NEXT).body
        yield from _wait_for_turn(shared, name)
        shared.out.append(encode.sasl_final(server.final(proof)))
        terms.guard.succeeded(name)
    except WireError as error:
        wrong = error.sqlstate == "28P01"
        if wrong:
            terms.guard.failed(name)
        raise shared.end(
            error.sqlstate, f'password authentication failed for user "{name}"' if wrong else error.message
        ) from error


def _wait_for_turn(shared: Shared, name: str) -> Turn[None]:
    """Before a password is looked at."""
    guard = shared.terms.guard
    seconds = guard.turn(name)
    if seconds is None:
        raise shared.end("28000", "too many failed logins, try again later")
    if seconds:
        yield WouldWait(lambda: None, lambda ready: guard.later(seconds, ready))


def _switches(shared: Shared, options: str) -> dict[str, str]:
    """Settings out of the `options` parameter, which has the form of a server's command line: `-c name=value`, `--name=value`."""
    words = [re.sub(r"\\(.)", r"\1", word) for word in _WORD.findall(options)]
    settings: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word = "--" + words.pop(0)
        elif word.startswith("-c"):
            word = "--" + word[2:]
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not equals or not name:
            raise shared.end("42601", f"invalid command-line argument for server process: {word}")
        settings[name.replace("-", "_")] = value
    return settings


def _open(shared: Shared, startup: messages.Startup, role: str) -> Turn[None]:
    terms, asked = shared.terms, dict(startup.parameters)
    user = asked.pop("user")
    database = asked.pop("database", "") or user
    if database == user:
        # What clients ask for who were not told a database; of an alias the role's own is meant.
        database = role
    asked.pop("replication", None)
    asked.update(_switches(shared, asked.pop("options", "")))
    secret = terms.random(_LONG_SECRET if startup.minor >= _LONG_SECRETS_FROM else _SHORT_SECRET)
    own = (terms.process_id, terms.address)
    opening = Opening(
        role, database, asked, *own, may_wait=False, wake=terms.wake, terminate=terms.terminate, portals=shared.portals
    )
    try:
        shared.session = yield from call(terms.backend.open, opening)
    except SqlError as error:
        shared.out.append(encode.error_response(shared.diagnostic(error, "FATAL")))
        raise Ending from error
    terms.began(secret)
    for name, value in shared.opened.changed_settings().items():
        shared.out.append(encode.parameter_status(name, value))
    shared.out.append(encode.backend_key(terms.process_id, secret))
    shared.remarks()
    shared.ready()
