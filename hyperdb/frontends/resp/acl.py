"""ACL commands that change users, and passwords drawn by chance.

Theory: users are the roles of the store, so they are there after a restart, and ACL SAVE and LOAD have nothing to add: they wait
until all is durable, and read it again. What shows users, and every check, is native (`native/resp/src/acl`).
Invariant: when a command that changed users is answered, the change is in force.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence

from hyperdb.errors import InvalidError
from hyperdb.frontends.resp.answers import OK, Answer, Failure
from hyperdb.frontends.resp.control import Client, Control
from hyperdb.frontends.resp.numbers import integer

_MOST_BITS = 4096
_BITS_A_DIGIT = 4
_DEFAULT_BITS = 256
_NOT_TEXT = Failure("ERR Usernames can't contain bytes that are no UTF-8")

Run = Callable[[Control, Client, Sequence[bytes]], Answer]


def _setuser(control: Control, _: Client, args: Sequence[bytes]) -> Answer:
    try:
        control.set_rules(args[2].decode(), args[3:])
    except UnicodeDecodeError:
        return _NOT_TEXT
    except InvalidError as error:
        return Failure(f"ERR {error}")
    return OK


def _deluser(control: Control, _: Client, args: Sequence[bytes]) -> Answer:
    try:
        return control.remove_users([name.decode("utf-8", "replace") for name in args[2:]])
    except InvalidError as error:
        return Failure(f"ERR {error}")


def _save(control: Control, _: Client, __: Sequence[bytes]) -> Answer:
    control.sync()
    return OK


def _load(control: Control, _: Client, __: Sequence[bytes]) -> Answer:
    control.reload_users()
    return OK


def _genpass(_: Control, __: Client, args: Sequence[bytes]) -> Answer:
    if len(args) > 3:
        return Failure("ERR unknown subcommand or wrong number of arguments for 'genpass'. Try ACL HELP.")
    bits = _DEFAULT_BITS
    if len(args) == 3:
        given = integer(args[2])
        if given is None:
            return Failure("ERR value is not an integer or out of range")
        bits = given
        if not 0 < bits <= _MOST_BITS:
            return Failure(
                "ERR ACL GENPASS argument must be the number of bits for the output password, "
                f"a positive number up to {_MOST_BITS}"
            )
    digits = -(-bits // _BITS_A_DIGIT)
    return secrets.token_hex(digits // 2 + 1)[:digits]


COMMANDS: Mapping[str, Run] = {
    "acl|deluser": _deluser,
    "acl|genpass": _genpass,
    "acl|load": _load,
    "acl|save": _save,
    "acl|setuser": _setuser,
}
