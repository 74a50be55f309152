"""HYPER.*: frames, proofs and levels of privacy for Redis clients.

Theory: what a client is shown is what `hyperdb.verify` takes: roots as 32 bytes in hex, bundles as bulk strings. Proofs are of
the newest frame, so a write is provable once a frame was sealed after it (HYPER.SEAL). Invariant: nothing here reads the live
keyspace.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from hyperdb.commitment.asked import Asked
from hyperdb.commitment.verify import Frame
from hyperdb.errors import BehindHorizonError, HyperDBError, InvalidError, NotProvableError, NotSealedError
from hyperdb.frontends.resp.answers import Answer, Failure, Simple
from hyperdb.frontends.resp.control import Client, Control
from hyperdb.oblivious.levels import Plain, parse_level

_LONGEST_NUMBER = 19
"""Digits; the largest are still below 2^64."""
_CLASSES: dict[type[HyperDBError], str] = {
    NotSealedError: "NOFRAME",
    BehindHorizonError: "HORIZON",
    NotProvableError: "NOPROOF",
}


def _refused(error: HyperDBError) -> Failure:
    return Failure(f"{_CLASSES.get(type(error), 'ERR')} {error}")


def described(frame: Frame, store_key: bytes) -> dict[str, Answer]:
    """A frame as a map: what to pin, and what it is about."""
    return {
        "frame": frame.number,
        "root": frame.root.hex(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(frame.time_ms / 1000)),
        "commit": frame.commit,
        "horizon": frame.horizon,
        "store-key": store_key.hex(),
    }


def root(control: Control, _: Client, __: Sequence[bytes]) -> Answer:
    """HYPER.ROOT: the newest frame, or null if none was sealed yet."""
    newest = control.frames().newest()
    return None if newest is None else described(newest, control.frames().public_key)


def seal(control: Control, _: Client, __: Sequence[bytes]) -> Answer:
    """HYPER.SEAL: seals everything that is durable now."""
    try:
        return described(control.frames().seal(), control.frames().public_key)
    except HyperDBError as error:
        return _refused(error)


def frame(control: Control, _: Client, args: Sequence[bytes]) -> Answer:
    """HYPER.FRAME number: a frame's header, public key and signature, as `docs/commitment.md` has them."""
    number = _number(args[1])
    if number is None:
        return Failure("ERR value is not an integer or out of range")
    try:
        header, public, signature = control.frames().signed(number)
    except HyperDBError as error:
        return _refused(error)
    return {"header": header, "public-key": public, "signature": signature}


def prove(control: Control, client: Client, args: Sequence[bytes]) -> Answer:
    """HYPER.PROVE key [field]: a bundle that shows an element or its absence, or one member (of a list by its index)."""
    return _one(control, client, args, "element", "member")


def prove_many(control: Control, client: Client, args: Sequence[bytes]) -> Answer:
    """HYPER.MPROVE key [key ...]: one bundle that shows several elements, each there or absent."""
    return _bundle(control, client, Asked("element", args[1:]))


def prove_rows(control: Control, client: Client, args: Sequence[bytes]) -> Answer:
    """HYPER.PROVEROWS key [FROM bound] [BELOW bound]: a bundle that shows all members, or those of a range, and no others."""
    return _ranged(control, client, args, "rows")


def prove_count(control: Control, client: Client, args: Sequence[bytes]) -> Answer:
    """HYPER.PROVECOUNT key [FROM bound] [BELOW bound]: a bundle that shows how many members there are, attested by the signer."""
    return _ranged(control, client, args, "count")


def prove_removed(control: Control, client: Client, args: Sequence[bytes]) -> Answer:
    """HYPER.PROVEREMOVED key [field]: a bundle that shows that an element, or a member, was removed, and when."""
    return _one(control, client, args, "removed", "removed member")


def privacy(_: Control, __: Client, args: Sequence[bytes]) -> Answer:
    """HYPER.PRIVACY [level]: the store itself learns what it is asked, and says so."""
    if len(args) > 2:
        return Failure("ERR wrong number of arguments for 'hyper.privacy' command")
    if len(args) == 1:
        return "none"
    try:
        level = parse_level(args[1].decode("utf-8", "replace"))
    except InvalidError as error:
        return Failure(f"ERR {error}")
    if isinstance(level, Plain):
        return Simple("OK")
    return Failure(
        f"PRIVACY this port is the store's own, so it learns every question as it comes in, and '{level}' cannot be kept here. "
        "Run `hyperdb serve --remote URL --privacy LEVEL` on your own machine, and ask that."
    )


def _one(control: Control, client: Client, args: Sequence[bytes], element: str, member: str) -> Answer:
    """A proof about a key, or about one member of it."""
    if len(args) > 3:
        return Failure(f"ERR wrong number of arguments for '{args[0].decode(errors='replace').lower()}' command")
    key, *field = args[1:]
    return _bundle(control, client, Asked(member, (key,), field[0]) if field else Asked(element, (key,)))


def _ranged(control: Control, client: Client, args: Sequence[bytes], form: str) -> Answer:
    """A proof about the members of a key, all or a range of them."""
    bounds: dict[bytes, bytes] = {}
    for word, bound in zip(args[2::2], args[3::2], strict=False):
        bounds.setdefault(word.upper(), bound)
    if len(args) != 2 + 2 * len(bounds) or not bounds.keys() <= {b"FROM", b"BELOW"}:
        return Failure("ERR syntax error")
    return _bundle(control, client, Asked(form, (args[1],), None, bounds.get(b"FROM"), bounds.get(b"BELOW")))


def _bundle(control: Control, client: Client, asked: Asked) -> Answer:
    try:
        return control.prove(client.db, asked)
    except HyperDBError as error:
        return _refused(error)


def _number(text: bytes) -> int | None:
    """A frame's number as clients write it."""
    return int(text) if text.isdigit() and len(text) <= _LONGEST_NUMBER else None
