"""COMMAND and its subcommands: the command table as clients ask for it.

Formats: redis.io's pages of COMMAND, COMMAND DOCS, COMMAND GETKEYS. Invariant: nothing is said here that is not in the
table, so dispatch and documentation cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache

from hyperdb.frontends.resp import syntax, table
from hyperdb.frontends.resp.answers import Answer, Distinct, Failure, Simple
from hyperdb.frontends.resp.table import Command, KeySpec

_NO_KEYS = Failure("ERR The command has no key arguments")
_BAD_COMMAND = Failure("ERR Invalid command specified")
_BAD_NUMBER = Failure("ERR Invalid number of arguments specified for command")
_BAD_ARGUMENTS = Failure("ERR Invalid arguments specified for command")

# How many words belong to an option: what stands there is no option itself.
_SORT_SKIPS = {b"LIMIT": 2, b"GET": 1, b"BY": 1}
_BITFIELD_READS = {b"GET": 2, b"OVERFLOW": 1}


def _statuses(words: Iterable[str]) -> Distinct:
    return Distinct(tuple(Simple(word) for word in words))


def _begin(spec: KeySpec) -> Answer:
    match spec.begin:
        case None:
            return {"type": "unknown", "spec": {}}
        case int(index):
            return {"type": "index", "spec": {"index": index}}
        case (keyword, start):
            return {"type": "keyword", "spec": {"keyword": keyword, "startfrom": start}}


def _find(spec: KeySpec) -> Answer:
    match spec.find:
        case ("range", last, step, limit):
            return {"type": "range", "spec": {"lastkey": last, "keystep": step, "limit": limit}}
        case ("keynum", count, first, step):
            return {"type": "keynum", "spec": {"keynumidx": count, "firstkey": first, "keystep": step}}
        case _:
            return {"type": "unknown", "spec": {}}


# Clients ask for all of it when they connect, and it never changes: each entry is made once, and nobody changes it.
@cache
def info(command: Command) -> Answer:
    """One entry of COMMAND INFO."""
    specs: list[Answer] = [
        {"flags": _statuses(spec.flags), "begin_search": _begin(spec), "find_keys": _find(spec)} for spec in command.keys
    ]
    nested: list[Answer] = [info(child) for child in table.subcommands(command.name)]
    return [
        command.name,
        command.arity,
        _statuses(command.flags),
        command.first,
        command.last,
        command.step,
        _statuses(f"@{category}" for category in command.categories),
        [*command.tips],
        specs,
        nested,
    ]


def _argument(argument: syntax.Argument) -> Answer:
    entry: dict[str, Answer] = {"name": argument.name, "type": argument.kind}
    if not argument.parts:
        entry["display_text"] = argument.name
    if argument.kind == "key":
        entry["key_spec_index"] = 0
    if argument.token is not None:
        entry["token"] = argument.token
    flags = [word for word, on in (("optional", argument.optional), ("multiple", argument.multiple)) if on]
    if flags:
        entry["flags"] = [Simple(flag) for flag in flags]
    if argument.parts:
        entry["arguments"] = [_argument(part) for part in argument.parts]
    return entry


@cache
def docs(command: Command) -> Answer:
    """One value of COMMAND DOCS."""
    entry: dict[str, Answer] = {"summary": command.summary, "since": command.since, "group": command.group}
    if command.complexity:
        entry["complexity"] = command.complexity
    arguments = syntax.arguments(command.syntax, command.name)
    if arguments:
        entry["arguments"] = [_argument(argument) for argument in arguments]
    children = {child.name: docs(child) for child in table.subcommands(command.name)}
    if children:
        entry["subcommands"] = children
    return entry


def _named(name: bytes) -> Command | None:
    found = table.commands().get(name.decode("latin-1").lower())
    return None if found is None or found.executor is table.Executor.LATER else found


def top_level() -> list[Command]:
    """The served commands that are not subcommands."""
    return [command for command in table.served() if command.container is None]


def command_info(names: Sequence[bytes]) -> Answer:
    """COMMAND INFO [name ...]; null for an unknown name."""
    found = top_level() if not names else [_named(name) for name in names]
    return [None if command is None else info(command) for command in found]


def command_docs(names: Sequence[bytes]) -> Answer:
    """COMMAND DOCS [name ...]; unknown names are left out."""
    found = top_level() if not names else [command for command in map(_named, names) if command is not None]
    return {command.name: docs(command) for command in found}


def command_list(options: Sequence[bytes]) -> Answer:
    """COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]."""
    names = [command.name for command in table.served()]
    if not options:
        return [*names]
    if len(options) != 3 or options[0].upper() != b"FILTERBY":
        return Failure("ERR syntax error")
    what, value = options[1].upper(), options[2].decode("latin-1")
    if what == b"MODULE":
        return []
    if what == b"ACLCAT":
        wanted = value.lower()
        return [command.name for command in table.served() if wanted in command.categories]
    if what == b"PATTERN":
        return [name for name in names if fnmatchcase(name, value.lower())]
    return Failure("ERR syntax error")


def _start(spec: KeySpec, args: Sequence[bytes]) -> int | None:
    match spec.begin:
        case int(index):
            return index
        case (keyword, start):
            wanted = keyword.encode()
            order = range(start, len(args)) if start > 0 else range(len(args) + start, 0, -1)
            return next((at + 1 for at in order if args[at].upper() == wanted), None)
        case _:
            return None


def _positions(spec: KeySpec, args: Sequence[bytes]) -> range | None:
    """Where the keys of a spec stand in `args`; `None` if the arguments contradict it."""
    start = _start(spec, args)
    if start is None:
        return range(0)
    match spec.find:
        case ("range", last, step, limit):
            stop = start + last if last >= 0 else len(args) + last
            if last < 0 and limit > 1:
                stop = start + (len(args) - start) // limit - 1
            found = range(start, stop + 1, step)
        case ("keynum", count_at, first, step):
            digits = args[start + count_at] if start + count_at < len(args) else b""
            if not digits.isdigit() or int(digits) > len(args):
                return None
            found = range(start + first, start + first + int(digits) * step, step)
        case _:
            return range(0)
    return None if found and (found[-1] >= len(args) or found[0] < 1) else found


def _sort_destination(args: Sequence[bytes]) -> int | None:
    """Where the destination of SORT stands: behind the last STORE that is no argument of another option."""
    found, at = None, 2
    while at < len(args):
        word = args[at].upper()
        if word == b"STORE" and at + 1 < len(args):
            found = at + 1
        at += 1 + _SORT_SKIPS.get(word, 0)
    return found


def _set_flags(args: Sequence[bytes]) -> tuple[str, ...]:
    """What SET does to its key: with GET it reads it too."""
    return ("RW", "access", "update") if any(word.upper() == b"GET" for word in args[3:]) else ("OW", "update")


def _bitfield_flags(args: Sequence[bytes]) -> tuple[str, ...]:
    """What BITFIELD does to its key: it only reads if each of its operations is a GET."""
    at = 2
    while at < len(args):
        word, left = args[at].upper(), len(args) - at - 1
        if word not in _BITFIELD_READS or left < _BITFIELD_READS[word]:
            return ("RW", "access", "update")
        at += 1 + _BITFIELD_READS[word]
    return ("RO", "access")


_FLAGS_BY_WORDS: Mapping[str, Callable[[Sequence[bytes]], tuple[str, ...]]] = {"set": _set_flags, "bitfield": _bitfield_flags}
_DESTINATION_FLAGS = ("OW", "update")


def _found(command: Command, args: Sequence[bytes]) -> list[tuple[int, tuple[str, ...]]] | None:
    """Where the keys of a command line stand, and what is done to each; `None` if the arguments say that there are none."""
    keys: list[tuple[int, tuple[str, ...]]] = []
    for spec in command.keys:
        if "not_key" in spec.flags:
            continue
        positions = _positions(spec, args)
        if positions is None or (not positions and spec.find is not None and spec.find[0] == "keynum"):
            return None
        flags = tuple(flag for flag in spec.flags if flag != "incomplete")
        if "variable_flags" in flags:
            flags = _FLAGS_BY_WORDS[command.name](args)
        keys += [(at, flags) for at in positions]
    if command.name == "migrate":
        # An empty key stands for those behind KEYS.
        keys = [(at, flags) for at, flags in keys if args[at]]
    if command.name == "sort" and (destination := _sort_destination(args)) is not None:
        keys.append((destination, _DESTINATION_FLAGS))
    return keys


def command_getkeys(args: Sequence[bytes], *, with_flags: bool = False) -> Answer:
    """COMMAND GETKEYS and GETKEYSANDFLAGS of a whole command line."""
    command = _named(args[0])
    if command is not None and not command.keys and len(args) > 1:
        command = _named(args[0] + b"|" + args[1]) or command
    if command is None:
        return _BAD_COMMAND
    if not command.keys or all("not_key" in spec.flags for spec in command.keys):
        return _NO_KEYS
    if (command.arity > 0 and len(args) != command.arity) or len(args) < -command.arity:
        return _BAD_NUMBER
    found = _found(command, args)
    if "no_mandatory_keys" in command.flags:
        found = found or []
    elif found is None:
        return _BAD_ARGUMENTS
    elif not found:
        return _NO_KEYS
    return [[args[at], _statuses(flags)] if with_flags else args[at] for at, flags in found]
