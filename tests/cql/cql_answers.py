"""Statements with the answers that Cassandra gave them, as text: written by compat-tests/cql/differential, checked without it.

A file is a list of entries, an empty line between:

    # what it is about
    > SELECT a, b FROM t WHERE k = ?
    | values 00000001, '', null, unset
    | timestamp 3, now 2000000000, page_size 2, prepared
    = rows t.a int, t.b text
      1, "x"
    ~ error 2200 "what is answered here, where it is not the same"

Values of integers and texts are told as such, all others in hexadecimal. Invariant: `read(write(entries)) == entries` as far as a
client can see an answer; ids that a server makes are masked.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

from cql_peer import UNSET, Answer, Peer, Settings, Value

_WIDTHS = {"int": 4, "bigint": 8, "smallint": 2, "tinyint": 1, "counter": 8}
_OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
_FLOATS = {"float": ">f", "double": ">d"}
_PRESENT = range(1_700_000_000_000_000, 4_000_000_000_000_000)
"""Times that no test gives: a server's own, in microseconds."""
_SETTINGS = frozenset({"page_size", "consistency", "serial", "timestamp", "now"})


@dataclass(frozen=True)
class Step:
    """A statement with the values of its markers, and how it is sent."""

    text: str
    values: tuple[Value, ...] = ()
    settings: Settings = Settings()  # noqa: RUF009 (frozen)
    prepares: bool = False
    """PREPARE and EXECUTE instead of QUERY."""

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """As in a file."""
        first, *rest = self.text.split("\n")
        yield f"> {first}"
        yield from (f"  {line}" for line in rest)
        if self.values:
            yield f"| values {', '.join(map(_value, self.values))}"
        given = [
            f"{f.name} {getattr(self.settings, f.name)}" for f in fields(Settings) if f.name in _SETTINGS and self._has(f.name)
        ]
        if self.prepares:
            given.append("prepared")
        if given:
            yield f"| {', '.join(given)}"

    def _has(self, name: str) -> bool:
        return bool(getattr(self.settings, name) != getattr(Settings(), name))


@dataclass(frozen=True)
class Entry:
    """A step, what a server answered (as lines), and what is said about it."""

    step: Step
    answer: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    """What this server answers, where that is known to differ."""


def run(peer: Peer, step: Step) -> Answer:
    """What a server answers; pages as one."""
    if step.prepares:
        made = peer.prepare(step.text, step.settings.keyspace)
        if made.kind == "error":
            return made
        pages = [peer.execute(made.prepared, *step.values, settings=step.settings)]
        while pages[-1].state is not None and len(pages) < 300:
            settings = replace(step.settings, paging_state=pages[-1].state)
            pages.append(peer.execute(made.prepared, *step.values, settings=settings))
    else:
        pages = peer.all_pages(step.text, *step.values, settings=step.settings)
    last = pages[-1]
    if last.kind == "error" or len(pages) == 1:
        return replace(last, state=None, more=False)
    rows = tuple(row for page in pages for row in page.rows)
    told = tuple(dict.fromkeys(text for page in pages for text in page.warnings))
    return replace(pages[0], rows=rows, warnings=told, state=None, more=False)


def shown(answer: Answer) -> tuple[str, ...]:
    """An answer as lines."""
    lines = [f"! {masked(text)}" for text in answer.warnings]
    match answer.kind:
        case "error":
            return (*lines, f"= error {answer.code:04x} {json.dumps(masked(answer.message), ensure_ascii=False)}")
        case "rows":
            columns = ", ".join(f"{table}.{name} {kind}" for _, table, name, kind in answer.columns)
            kinds = [column[3] for column in answer.columns]
            rows = (", ".join(_cell(kind, value) for kind, value in zip(kinds, row, strict=True)) for row in answer.rows)
            return (*lines, f"= rows {columns}", *(f"  {row}" for row in rows))
        case "void":
            return (*lines, "= void")
        case kind:
            return (*lines, f"= {kind} {answer.message}")


def masked(text: str) -> str:
    """A text without the ids that a server makes."""
    # The order of these is the order of Java's hashes.
    return _OWN.sub("ID", re.sub(r"known type signatures: .*\)", "known type signatures)", text))


def _cell(kind: str, value: bytes | None) -> str:
    if value is None:
        return "null"
    if kind == "list<bigint>":
        count = int.from_bytes(value[:4], "big")
        return f"[{', '.join(_cell('bigint', value[12 * at + 8 : 12 * at + 16]) for at in range(count))}]"
    if _WIDTHS.get(kind) == len(value):
        number = int.from_bytes(value, "big", signed=True)
        return "NOW" if kind == "bigint" and number in _PRESENT else str(number)
    if kind in _FLOATS and math.isnan(struct.unpack(_FLOATS[kind], value)[0]):
        # Of a NaN's bits nothing is promised.
        return "NaN"
    if kind in ("varchar", "ascii"):
        return json.dumps(masked(value.decode()), ensure_ascii=False)
    return value.hex() or "''"


def _value(value: Value) -> str:
    if value is None:
        return "null"
    return (value.hex() or "''") if isinstance(value, bytes) else "unset"


def write(entries: Iterable[Entry]) -> str:
    """Entries as a file's text."""
    blocks = (
        ["# " + each for each in entry.remarks] + [*entry.step.lines(), *entry.answer, *("~ " + line for line in entry.here)]
        for entry in entries
    )
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def read(text: str) -> list[Entry]:
    """The entries of a file; answers may be missing."""
    return [_entry(block.split("\n")) for block in re.split(r"\n\n+", text.strip("\n"))]


def _entry(lines: list[str]) -> Entry:
    remarks = [line[2:] for line in lines if line.startswith("# ")]
    here = [line[2:] for line in lines if line.startswith("~ ")]
    lines = [line for line in lines if not line.startswith(("# ", "~ "))]
    answered = next((at for at, line in enumerate(lines) if line[:2] in ("= ", "! ")), len(lines))
    statement = [line[2:] for line in lines[:answered] if not line.startswith("| ")]
    step = Step("\n".join(statement))
    for line in lines[:answered]:
        if line.startswith("| values "):
            step = replace(step, values=tuple(_read_value(word) for word in line.removeprefix("| values ").split(", ")))
        elif line.startswith("| "):
            step = _given(step, line[2:])
    return Entry(step, tuple(lines[answered:]), tuple(remarks), tuple(here))


def _given(step: Step, line: str) -> Step:
    for word in line.split(", "):
        if word == "prepared":
            step = replace(step, prepares=True)
        else:
            name, number = word.split(" ")
            step = replace(step, settings=replace(step.settings, **{name: int(number)}))
    return step


def _read_value(word: str) -> Value:
    match word:
        case "null":
            return None
        case "unset":
            return UNSET
        case "''":
            return b""
        case _ if word.startswith("int:"):
            return struct.pack(">i", int(word[4:]))
        case _ if word.startswith("text:"):
            return word[5:].encode()
        case _:
            return bytes.fromhex(word)


ANSWERS = Path(__file__).resolve().parents[1] / "golden" / "cql" / "answers"
KEYSPACE = "golden"


def begin(peer: Peer) -> None:
    """An empty keyspace for a file."""
    peer.query(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
    peer.query(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    peer.query(f"USE {KEYSPACE}")
