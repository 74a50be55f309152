"""The verbs around frames: `root`, `frames`, `seal`, `prove`, `verify`, `shards`.

Theory: what is asked is a report of `hyperdb.reports`, so a running server and a closed directory say the same; `verify` needs no
database at all. Invariant: a bundle that does not verify is one line that names the failed check, and exit status 1.
"""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import hyperdb
from hyperdb.cli.files import Dir, read_bounded, write
from hyperdb.cli.keys import public_key
from hyperdb.cli.output import AsJson, print_facts, print_json, print_table
from hyperdb.cli.picture import picture
from hyperdb.cli.pruned import read as read_pruned
from hyperdb.cli.target import target
from hyperdb.cli.words import caveats, content, facts, shown, told, verified_json
from hyperdb.commitment.verify import Complete, Limits, OwnerKey, Root, Seen, StoreKey, Trusted, VerificationError, Verified
from hyperdb.errors import InvalidError
from hyperdb.values import parse_bytes

_ROOT_BYTES = 32
_STANDARD = "-"
FrameNumber = Annotated[int | None, typer.Option(min=1, help="Which frame; default the newest.")]


def root(
    directory: Dir,
    app: Annotated[str | None, typer.Option(help="Also the roots of this app.")] = None,
    frame: FrameNumber = None,
    as_json: AsJson = False,
) -> None:
    """Show a frame's root, which is what to pin, and the key that signs the store's frames."""
    with target(directory) as database:
        report = database.report("root", app=app, frame=frame)
    if as_json:
        print_json(report)
        return
    rows = _header_rows(report)
    about = report.get("app")
    if about is not None:
        names = (("app", "app"), ("app root", "root"), ("app hash root", "hash_root"), ("leaves", "leaves"), ("bytes", "bytes"))
        rows += [(label, about[name]) for label, name in names]
    print_facts(rows)


def _header_rows(report: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (name.replace("_", " "), report[name]) for name in ("root", "store_key", "frame", "time", "commit", "horizon", "store")
    ]


def frames(
    directory: Dir,
    first: Annotated[int | None, typer.Option(min=1, help="From this frame on; default the last 20.")] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Up to this frame; default the newest.")] = None,
    as_json: AsJson = False,
) -> None:
    """List frames, and what sealing each took."""
    with target(directory) as database:
        rows = database.report("frames", first=first, last=last)
    if as_json:
        print_json(rows)
        return
    names = ("frame", "time", "commit", "changed", "seconds", "readable", "root")
    print_table(names, [[row[name] for name in names] for row in rows])


def seal(directory: Dir, as_json: AsJson = False) -> None:
    """Seal a frame of everything that is durable now."""
    with target(directory) as database:
        report = database.report("seal")
    if as_json:
        print_json(report)
    else:
        print_facts(_header_rows(report))


def prove(
    directory: Dir,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="KEY...", help="Keys, vertices or hyperedges: all in one proof.")
    ] = None,
    app: Annotated[str, typer.Option(help="The app; redis/N is what Redis clients see as database N.")] = "redis/0",
    field: Annotated[str | None, typer.Option(help="One member of it: a field, a member, an order key, a list's index.")] = None,
    rows: Annotated[bool, typer.Option("--rows", help="All members of it, and that there are no others.")] = False,
    elements: Annotated[bool, typer.Option("--elements", help="All keys of the app; with --count how many.")] = False,
    count: Annotated[bool, typer.Option("--count", help="How many members it has (attested, not proved).")] = False,
    low: Annotated[
        str | None, typer.Option("--from", help="Of members from this score, index, name or hash on; of keys by their hash.")
    ] = None,
    below: Annotated[str | None, typer.Option(help="Up to, but without, this score, index, name or hash.")] = None,
    incidence: Annotated[bool, typer.Option("--incidence", help="All that refer to it; with --count how many.")] = False,
    removed: Annotated[bool, typer.Option("--removed", help="That it (or its --field) was removed, and when.")] = False,
    frame: FrameNumber = None,
    contains: Annotated[int | None, typer.Option(min=1, help="Also that this earlier frame belongs to the history.")] = None,
    seal: Annotated[bool, typer.Option("--seal", help="Seal a frame first, so that the newest writes are in it.")] = False,
    out: Annotated[Path | None, typer.Option(help="Writes the bundle to this file; - is standard output.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Draws the path through the trees, from the bundle alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a proof: what lies under a key (or that nothing does) in a sealed frame, for whoever has the root or a public key."""
    if sum((rows, count or incidence or elements, removed or field is not None)) > 1:
        raise InvalidError("one of --field, --rows, --incidence and --count at a time; --removed goes with --field or alone")
    if elements and incidence:
        raise InvalidError("--elements and --incidence are two proofs")
    if seal and frame is not None:
        raise InvalidError("--seal proves under the frame that it seals: leave --frame out")
    if out is None and svg is None and not as_json:
        raise InvalidError("where does the proof go? --out FILE, --svg FILE or --json")
    form = "rows" if rows else "count" if count else "element" if field is None else "member"
    if elements:
        form = "element count" if count else "elements"
    if incidence:
        form = "incidence count" if count else "incidence"
    if removed:
        form = "removed" if field is None else "removed member"
    asked = {
        "app": app,
        "form": form,
        "keys": [_base64(key) for key in keys or ()],
        "field": None if field is None else _base64(field),
        "low": None if low is None else _base64(low),
        "below": None if below is None else _base64(below),
        "frame": frame,
        "contains": contains,
        "seal": seal,
    }
    with target(directory) as database:
        report = database.report("prove", **asked)
    bundle = base64.b64decode(report["bundle"])
    if svg is not None:
        write(svg, picture(bundle).encode())
    if str(out) == _STANDARD:
        sys.stdout.buffer.write(bundle)
        return
    if out is not None:
        write(out, bundle)
    if as_json:
        print_json(report | {"parts": read_pruned(bundle).parts})
        return
    print_facts(
        [
            ("proof", f"{len(bundle)} bytes{f' in {out}' if out is not None else ', not kept'}"),
            ("picture", svg),
            ("frame", report["frame"]),
            ("root", report["root"]),
            ("store key", report["store_key"]),
            ("check it", f"hyperdb verify {out} --root {report['root']}" if out is not None else None),
        ]
    )


def _base64(text: str) -> str:
    return base64.b64encode(os.fsencode(text)).decode()


def verify(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle that `hyperdb prove` wrote; - is standard input.")],
    root: Annotated[str | None, typer.Option(metavar="HEX", help="Trust this one root.")] = None,
    store_key: Annotated[str | None, typer.Option(metavar="HEX|FILE", help="Trust the store's key.")] = None,
    owner_key: Annotated[str | None, typer.Option(metavar="HEX|FILE", help="Trust the owner's public key.")] = None,
    app: Annotated[str | None, typer.Option(help="Refuse a proof about another app.")] = None,
    seen: Annotated[
        str | None, typer.Option(metavar="FRAME:ROOT", help="Refuse a frame that does not continue this one.")
    ] = None,
    pure: Annotated[bool, typer.Option("--pure", help="By the verifier in pure Python.")] = False,
    large: Annotated[bool, typer.Option("--large", help="With --pure: up to the format's limits, which takes seconds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a proof against what you trust, without any database; say what it shows, and what is only attested."""
    trusted = _trusted(root, store_key, owner_key)
    known = None if seen is None else _seen(seen)
    if large and not pure:
        raise InvalidError("--large goes with --pure: the native verifier always takes all that the format allows")
    most = Limits.FORMAT.size
    bundle = sys.stdin.buffer.read(most + 1) if str(path) == _STANDARD else read_bounded(path, most, "proof")
    try:
        verified = _verified(bundle, trusted, app, known, pure, Limits.FORMAT if large else Limits.DEFAULT)
    except VerificationError as error:
        if as_json:
            print_json({"verified": False, "check": error.check, "detail": error.detail})
        print(f"hyperdb: not verified: the check '{error.check}' failed: {error.detail}", file=sys.stderr)
        raise typer.Exit(1) from error
    if as_json:
        print_json(verified_json(verified))
        return
    _print_verified(verified)


def _verified(bundle: bytes, trusted: Trusted, app: str | None, seen: Seen | None, pure: bool, limits: Limits) -> Verified:
    if not pure:
        return hyperdb.verify(bundle, trusted=trusted, app=app, seen=seen)
    from hyperdb.commitment import verify as in_python

    return in_python.verify(bundle, trusted=trusted, app=app, seen=seen, limits=limits)


def _seen(text: str) -> Seen:
    """The newest frame that was seen, as `hyperdb root` tells it: number, colon, root."""
    number, _, root = text.partition(":")
    if not number.isdecimal() or not 0 < int(number) < 1 << 64:
        raise InvalidError("--seen is a frame's number, a colon and its root in hex")
    return Seen(int(number), _root(root))


def _trusted(root: str | None, store_key: str | None, owner_key: str | None) -> Trusted:
    if sum(pin is not None for pin in (root, store_key, owner_key)) != 1:
        raise InvalidError("say what you trust: one of --root HEX, --store-key HEX|FILE, --owner-key HEX|FILE")
    if store_key is not None:
        return StoreKey(public_key(store_key, "store's key"))
    if owner_key is not None:
        return OwnerKey(public_key(owner_key, "owner's public key"))
    return Root(_root(str(root)))


def _root(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError as error:
        raise InvalidError("a root is 64 hexadecimal digits") from error
    if len(digest) != _ROOT_BYTES:
        raise InvalidError(f"a root has {_ROOT_BYTES} bytes, not {len(digest)}")
    return digest


def _print_verified(verified: Verified) -> None:
    print_facts(facts(verified))
    for answer in verified.answers:
        sentence, standing = told(answer)
        print(f"{standing + ':':10}{sentence}")
        if isinstance(answer, Complete) and answer.rows:
            print_table(("name", "content", "commit"), [(shown(row.name), content(row), row.version) for row in answer.rows])
    for note in caveats(verified):
        print(note)


def shards(
    directory: Dir,
    app: Annotated[str, typer.Option(help="Which app.")] = "redis/0",
    limit: Annotated[str, typer.Option(help="A shard's most bytes, such as 64m or 1g.")] = "1g",
    frame: FrameNumber = None,
    as_json: AsJson = False,
) -> None:
    """Show an app's shards: the largest branches of its trees with at most so many bytes."""
    with target(directory) as database:
        report = database.report("shards", app=app, limit=parse_bytes(limit), frame=frame)
    if as_json:
        print_json(report)
        return
    names = ("tree", "path", "leaves", "bytes", "digest")
    shown = [[*(row[name] for name in names)] for row in report["shards"]]
    for row in shown:
        row[1] = ".".join(map(str, row[1])) or "(root)"
    print_table(names, shown)
