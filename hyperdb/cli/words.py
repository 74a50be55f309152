"""What a verified bundle shows: in plain words, and as JSON.

Theory: people must see the difference between what trees prove and what a signer merely attests; each answer says which it is.
Invariant: nothing is said that is not in the `Verified` handed in.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from hyperdb import reports
from hyperdb.commitment.verify import (
    Absent,
    Answer,
    Attested,
    Bounds,
    Complete,
    Count,
    Element,
    ElementCount,
    Elements,
    Found,
    Incidence,
    IncidenceCount,
    Member,
    Query,
    Removed,
    RemovedElement,
    RemovedMember,
    Row,
    Rows,
    Verified,
)

Json = dict[str, Any]
_MOST_SHOWN = 64
"""Bytes of an id or a value in a line for people; JSON has them whole."""
_INTEGER_BYTES = 8
_QUERIES: dict[type[Any], str] = {
    Element: "element",
    RemovedElement: "removed element",
    Member: "member",
    RemovedMember: "removed member",
    Rows: "rows",
    Count: "count",
    Elements: "elements",
    ElementCount: "element count",
    Incidence: "incidence",
    IncidenceCount: "incidence count",
}
_PINS = {
    "root": "the root that you gave: this one frame, whoever signed it",
    "store key": "the store's key: what the store says, which it cannot take back",
    "owner key": "the owner's key: what the owner recomputed from an own copy of the data",
}


def shown(data: bytes | None) -> str:
    """Bytes for people: in quotes if most of them are text, with escapes for what is not, else hex; long ones are cut."""
    if data is None:
        return "(not shown)"
    cut = data[:_MOST_SHOWN].decode(errors="backslashreplace")
    more = f"... ({len(data)} bytes)" if len(data) > _MOST_SHOWN else ""
    printable = sum(map(str.isprintable, cut))
    if 4 * (len(cut) - printable) > len(cut) or "\\x" in cut:
        return f"0x{data[:_MOST_SHOWN].hex()}{more}"
    return f"'{''.join(letter if letter.isprintable() else _escaped(letter) for letter in cut)}'{more}"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def value(data: bytes | None) -> str | Json | None:
    """Bytes in JSON: a string if they are UTF-8, else `{"base64": ...}`."""
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _name(query: Query) -> str:
    match query:
        case Element(id=name) | RemovedElement(id=name):
            return shown(name)
        case Incidence(id=name) | IncidenceCount(id=name):
            return f"memberships of {shown(name)}"
        case Member(collection=collection, name=name) | RemovedMember(collection=collection, name=name):
            return f"{_member(name)} of {shown(collection)}"
        case Rows(collection=collection, bounds=bounds) | Count(collection=collection, bounds=bounds):
            return f"members of {shown(collection)}" + _within(bounds)
        case Elements(bounds=bounds) | ElementCount(bounds=bounds):
            return f"elements{_within(bounds)}"


def _member(name: bytes) -> str:
    """A member's name; of a list it is an index, which the query alone does not tell."""
    text = shown(name)
    if len(name) != _INTEGER_BYTES or not text.startswith("0x"):
        return text
    return f"{text} (in a list: index {int.from_bytes(name, 'little', signed=True)})"


def _within(bounds: Bounds) -> str:
    return " within bounds" if bounds.low or bounds.below else ""


def content(row: Row) -> str:
    """What an entry holds."""
    if row.columns is not None:
        return ", ".join(f"column {at} = {shown(column.value)}" for at, column in row.columns.items() if at)
    if row.collection is not None:
        kind = "hyperedge" if row.kind == "edge" else row.kind
        return f"the record of a {kind}, which counts {row.collection.count} members"
    if row.refers is not None:
        return f"the {row.refers} {shown(row.value)}"
    return f"{'a vertex, ' if row.kind == 'vertex' else ''}{shown(row.value)}"


def told(answer: Answer) -> tuple[str, str]:
    """An answer as a sentence, and its standing: `proved` or `attested`."""
    about = _name(answer.query)
    match answer:
        case Found(row=row):
            return f"{about} is there: {content(row)}, written by commit {row.version}", "proved"
        case Absent(collection=False):
            return f"{about} is not there: there is no such collection", "proved"
        case Absent():
            return f"{about} is not there", "proved"
        case Removed(version=version):
            return f"{about} is not there; it was removed by commit {version}", "proved"
        case Complete(collection=False):
            return f"{about}: none, as there is no such collection", "proved"
        case Complete(rows=rows):
            return f"{about}: exactly these {len(rows)}, and no others", "proved"
        case Attested(count=count, size=size):
            return f"{about}: {count} entries of {size} bytes", "attested"


def row_json(row: Row) -> Json:
    """A row, whole."""
    columns = None if row.columns is None else {str(at): value(column.value) for at, column in row.columns.items()}
    return {
        "name": value(row.name),
        "value": value(row.value),
        "commit": row.version,
        "kind": row.kind,
        "refers": row.refers,
        "columns": columns,
    }


def _query_json(query: Query) -> Json:
    told: Json = {"query": _QUERIES[type(query)]}
    for name in ("id", "collection", "name"):
        if hasattr(query, name):
            told[name] = value(getattr(query, name))
    if isinstance(query, Rows | Count | Elements | ElementCount) and (query.bounds.low or query.bounds.below):
        told["bounds"] = {"low": query.bounds.low.hex(), "below": query.bounds.below.hex(), "by_score": query.bounds.companion}
    return told


def answer_json(answer: Answer) -> Json:
    """An answer, its rows whole."""
    sentence, standing = told(answer)
    about = _query_json(answer.query) | {"answer": type(answer).__name__.lower(), "standing": standing, "words": sentence}
    match answer:
        case Found(row=row):
            return about | {"row": row_json(row)}
        case Complete(rows=rows):
            return about | {"rows": [row_json(row) for row in rows]}
        case Removed(version=version):
            return about | {"commit": version}
        case Attested(count=count, size=size):
            return about | {"count": count, "bytes": size}
        case Absent():
            return about


def verified_json(verified: Verified) -> Json:
    """All that a bundle shows."""
    return {
        "verified": True,
        "pinned": verified.pinned,
        **reports.frame(verified.frame),
        "app": value(verified.app),
        "signer": None if verified.signer is None else verified.signer.hex(),
        "owner": None if verified.attestation is None else verified.attestation.owner.hex(),
        "contains": None if verified.contains is None else reports.frame(verified.contains),
        "answers": [answer_json(answer) for answer in verified.answers],
    }


def facts(verified: Verified) -> list[tuple[str, str]]:
    """What a bundle shows beside its answers, for people."""
    header = verified.frame
    rows = [
        ("verified under", _PINS[verified.pinned]),
        ("frame", f"{header.number}, sealed {reports.utc(header.time_ms)} by the store's clock, commit {header.commit}"),
        ("root", header.root.hex()),
    ]
    if verified.app is not None:
        rows.append(("app", shown(verified.app)))
    if verified.contains is not None:
        rows.append(("contains", f"frame {verified.contains.number}, root {verified.contains.root.hex()}"))
    if verified.pinned != "store key" and verified.signer is not None:
        rows.append(("signed by", f"store key {verified.signer.hex()}"))
    if verified.pinned != "owner key" and verified.attestation is not None:
        rows.append(("attested by", f"owner key {verified.attestation.owner.hex()}"))
    return rows


def caveats(verified: Verified) -> Sequence[str]:
    """What is only attested, or not shown at all."""
    notes = ["Not shown: that this is the newest frame, or that others were shown the same one."]
    if any(isinstance(answer, Attested) for answer in verified.answers):
        notes.insert(0, "Attested: the signer is bound to these numbers; only who has the data can find out that they are false.")
    return notes
