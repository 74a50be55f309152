r"""Scripts written for psql, read as psql reads them: statements, data of COPY, variables, backslash commands.

Theory: PostgreSQL's psqlscan.l. A statement ends at a semicolon outside of quotes, comments and parentheses; a backslash outside
of quotes begins a command that goes to the end of its line. Invariant: what is handed out as a statement is what psql would send.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
      (?P<remark>--[^\n]*)
    | (?P<comment>/\*)
    | (?P<escaped>\b[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<quoted>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*")
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff]\w*)?\$)
    | (?P<variable>(?<!:):(?P<quote>['"]?)(?P<called>[A-Za-z_]\w*)(?P=quote))
    | (?P<backslash>\\)
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")
_COPY = re.compile(r"\s*copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A statement, with the data of its COPY; or a command (its word and what follows), with what was read before it."""

    text: str
    line: int
    data: str | None = None
    command: str = ""
    rest: str = ""


@dataclass
class Script:
    """A script that is being read. Variables may change between steps."""

    text: str
    variables: dict[str, str] = field(default_factory=dict)

    def steps(self) -> Iterator[Step]:
        """The steps, in order."""
        text, at, begin, depth, out = self.text, 0, 1, 0, []
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found is not None
            kind, piece, end = found.lastgroup, found.group(), found.end()
            kind = "variable" if found.group("variable") else kind
            if kind == "comment":
                end = self._after_comment(end)
                piece = " "
            elif kind == "remark":
                piece = ""
            elif kind == "dollar":
                close = text.find(piece, end)
                end = len(text) if close < 0 else close + len(piece)
                piece = text[at:end]
            elif kind == "variable":
                piece = self._value(found)
            elif kind == "backslash":
                if text.startswith("\\;", at):
                    out.append(";")
                    at += 2
                    continue
                stop = text.find("\n", at)
                stop = len(text) if stop < 0 else stop
                word, _, rest = text[at + 1 : stop].partition(" ")
                pending = "".join(out).strip()
                yield Step(pending, begin, None, word.strip(), rest.strip())
                if word.strip().rstrip("+x") in ("g", "gset", "gexec", "gx", "gdesc", "r", "crosstabview"):
                    out = []
                if word.strip() == "copy" and re.search(r"\bfrom\s+stdin\b", rest, re.IGNORECASE):
                    stop = text.find("\n\\.", stop)
                    stop = len(text) if stop < 0 else stop + 3
                at = stop
                continue
            elif piece in ("(", ")"):
                depth = max(0, depth + (1 if piece == "(" else -1))
            elif piece == ";" and depth == 0:
                statement = "".join(out).strip()
                data = None
                if _COPY.match(statement):
                    start = text.find("\n", end) + 1
                    close = re.compile(r"^\\\.[ \t]*$", re.MULTILINE).search(text, start)
                    stop = len(text) if close is None else close.start()
                    data, end = text[start:stop], len(text) if close is None else close.end()
                if statement:
                    yield Step(statement, begin, data)
                out = []
                at = end
                continue
            if not out and piece.strip():
                begin = text.count("\n", 0, at) + 1
            if out or piece.strip():
                out.append(piece)
            at = end

    def _after_comment(self, at: int) -> int:
        depth = 1
        for mark in _COMMENT.finditer(self.text, at):
            depth += 1 if mark.group() == "/*" else -1
            if not depth:
                return mark.end()
        return len(self.text)

    def _value(self, found: re.Match[str]) -> str:
        value = self.variables.get(found.group("called"))
        if value is None:
            return found.group()
        quote = found.group("quote")
        return quote + value.replace(quote, quote * 2) + quote if quote else value
