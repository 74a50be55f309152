"""Whether two servers said and did the same, and what is known to differ, with its reason.

Errors are compared in full. Values are compared as the peer's own tips allow: what is random by its shape, what has no order
without one. `reasons.tsv` lists, a line each: command (a glob), ours, theirs (regular expressions of the replies' text), reason.
"""

from __future__ import annotations

import collections
import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

from compare import as_in_7_2, shape, timeless
from wire import Reply

from bad.sentences import Spec, Words

#: Groups whose answers tell of the server itself: only kinds and errors are compared.
_OF_THE_SERVER = {"server", "connection"}
#: Cases shown of each kind of difference.
_SHOWN = 2
#: What no server may ever do.
_FATAL = {"closed", "silent"}


@dataclass(frozen=True)
class _Reason:
    command: str
    ours: re.Pattern[str]
    theirs: re.Pattern[str]


def _reasons() -> list[_Reason]:
    lines = (Path(__file__).parent / "reasons.tsv").read_text().splitlines()[1:]
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [_Reason(row[0], re.compile(row[1]), re.compile(row[2])) for row in rows]


def _flat(reply: Reply) -> Reply:
    """A reply whose arrays have no order."""
    if isinstance(reply.payload, list):
        return Reply(reply.kind, sorted(map(_flat, reply.payload), key=str))
    return reply


def _of_exec(replies: list[Reply]) -> list[Reply]:
    """The replies that EXEC held, when it was the last."""
    if len(replies) == 3 and replies[1].payload == b"QUEUED" and isinstance(replies[2].payload, list):
        return replies[:2] + replies[2].payload
    return replies


def _shown(replies: list[Reply]) -> str:
    return " ".join(map(str, replies))


#: Refusals by ACL, which 7.2 words otherwise than 7.0: what is refused must be the same.
_REFUSALS = (
    (rb"EXECABORT .*: NOPERM (this user|User \w+) has no permissions.*", b"NOPERM exec"),
    (rb"NOPERM (this user|User \w+) has no permissions to run the '[^']*' command( or its subcommand)?", b"NOPERM command"),
    (rb"NOPERM .* (access one of the keys used as arguments|to access a key)", b"NOPERM key"),
    (rb"NOPERM .* (access one of the channels used as arguments|to access a channel)", b"NOPERM channel"),
    (rb"(NOPERM|ERR) ACL failure in script: User \w+ has no permissions.*", b"NOPERM command in script"),
    (rb"ERR The user executing the script can't run this command or subcommand.*", b"NOPERM command in script"),
    (rb"(NOPERM|ERR) ACL failure in script: No permissions to access a key", b"NOPERM key in script"),
    (rb"ERR The user executing the script can't access at least one of the keys.*", b"NOPERM key in script"),
    (rb"(NOPERM|ERR) ACL failure in script: No permissions to access a channel", b"NOPERM channel in script"),
    (
        rb"ERR The user executing the script (can't access .* channels|can't publish to the channel).*",
        b"NOPERM channel in script",
    ),
)


def _refused(reply: Reply) -> Reply:
    """A refusal by ACL without its words."""
    if reply.kind == "-" and isinstance(reply.payload, bytes):
        for pattern, meaning in reversed(_REFUSALS):
            if re.fullmatch(pattern, reply.payload, re.DOTALL):
                return Reply("-", meaning)
    return reply


def _kind(text: str) -> str:
    """A reply without numbers and quoted words, so that like differences are told once."""
    return re.sub(r"\d+", "N", re.sub(r"'(?!ERR|WRONG)[^' ]{0,400}'", "Q", text))[:120]


class Judge:
    """Collects what differs."""

    def __init__(self) -> None:
        self.way = ""
        self._reasons = _reasons()
        self._found: dict[tuple[str, str, str], list[str]] = collections.defaultdict(list)
        self._explained = 0

    def replies(self, spec: Spec, words: Words, ours: list[Reply], theirs: list[Reply]) -> bool:
        """Compares what a case was answered; whether it was the same."""
        ours, theirs = _of_exec(ours), _of_exec(theirs)
        sent = [word.encode("latin-1") for word in words]
        ours, theirs = ([as_in_7_2(reply, sent) for reply in replies] for replies in (ours, theirs))
        if len(ours) == len(theirs) and all(self._same(spec, *pair) for pair in zip(ours, theirs, strict=True)):
            return True
        self._note(spec, words, _shown(ours), _shown(theirs))
        return False

    def states(self, spec: Spec, words: Words, ours: list[Reply], theirs: list[Reply]) -> None:
        """Compares what the keys held after a case."""
        if "nondeterministic_output" in spec.tips or (len(ours) == len(theirs) and all(map(timeless, ours, theirs))):
            return
        ours, theirs = (list(map(as_in_7_2, replies)) for replies in (ours, theirs))
        if all(map(timeless, ours, theirs)):
            return
        pairs = [(str(a), str(b)) for a, b in zip(ours, theirs, strict=False) if not timeless(a, b)]
        self._note(spec, words, "keys: " + " ".join(a for a, _ in pairs), "keys: " + " ".join(b for _, b in pairs))

    def _same(self, spec: Spec, ours: Reply, theirs: Reply) -> bool:
        if spec.group == "cluster":
            # The peer is no cluster, and refuses all of it.
            return ours.kind not in _FATAL
        ours, theirs = _refused(ours), _refused(theirs)
        if ours == theirs:
            return True
        if "-" in (ours.kind, theirs.kind):
            return False
        if spec.group in _OF_THE_SERVER or spec.name.endswith("|help"):
            return ours.kind == theirs.kind
        if "nondeterministic_output" in spec.tips or spec.name == "pexpiretime":
            return shape(ours, theirs)
        if "nondeterministic_output_order" in spec.tips:
            return _flat(ours) == _flat(theirs)
        return timeless(ours, theirs)

    def _note(self, spec: Spec, words: Words, ours: str, theirs: str) -> None:
        for reason in self._reasons:
            if fnmatch.fnmatch(spec.name, reason.command) and reason.ours.search(ours) and reason.theirs.search(theirs):
                self._explained += 1
                return
        kind = (spec.name, _kind(ours), _kind(theirs))
        self._found[kind].append(
            f"{self.way}: {' '.join(map(repr, words))[:400]}\n    hyperdb {ours[:400]}\n    redis   {theirs[:400]}"
        )

    def report(self) -> int:
        """Prints the kinds of differences, some cases of each; 1 if there are any."""
        for (name, _, _), found in sorted(self._found.items()):
            print(f"{name}: {len(found)} cases")
            for text in found[:_SHOWN]:
                print(f"  {text}")
        total = sum(map(len, self._found.values()))
        print(f"{self._explained} cases differ with a reason, {total} without, of {len(self._found)} kinds")
        return 1 if total else 0
