"""What commands have to have at hand before they can run on the overlay.

Theory: a command's name and the number of its keys and members decide what is fetched, never what was found: then commands of
one shape look alike on the wire. Invariant: a command that reads the keyspace is in the table, or is refused.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hyperdb.frontends.resp import table


class Need(enum.Enum):
    """How much of a key is read."""

    ELEMENT = "the key's value, or a collection's header"
    MEMBERS = "its header and the members that are named"
    WHOLE = "its header and all members"
    APP = "all keys"


_READS: Mapping[Need, str] = {
    Need.ELEMENT: "bitcount bitfield_ro bitpos exists expiretime get getbit getrange hlen lcs llen mget "
    "object|encoding pfcount xlen "
    "object|freq object|idletime object|refcount pexpiretime pttl scard strlen substr touch ttl type zcard",
    Need.MEMBERS: "hexists hget hmget hstrlen sismember smismember zmscore zscore",
    Need.WHOLE: "dump geodist geohash geopos georadius_ro georadiusbymember_ro geosearch xrange xrevrange "
    "hgetall hkeys hrandfield hscan hvals lindex lpos lrange sdiff sinter sintercard smembers srandmember sscan "
    "sunion zcount zdiff zinter zintercard zlexcount zrandmember zrange zrangebylex zrangebyscore zrank zrevrange zrevrangebylex "
    "zrevrangebyscore zrevrank zscan zunion",
    Need.APP: "dbsize keys memory|usage randomkey scan sort_ro xinfo|consumers xinfo|groups xinfo|stream xpending xread",
}
NEEDS: Mapping[str, Need] = {name: need for need, names in _READS.items() for name in names.split()}
_FIRST_MEMBER = 2
_COUNTED = frozenset("sintercard zdiff zinter zintercard zunion".split())
"""Commands whose first argument says how many keys follow."""
REFUSED = frozenset(
    "subscribe psubscribe ssubscribe publish spublish monitor sync psync replicaof slaveof shutdown client|reply config|set save "
    "bgsave hyper.prove hyper.mprove hyper.proverows hyper.provecount hyper.proveremoved hyper.root hyper.frame "
    "hyper.seal eval eval_ro evalsha evalsha_ro fcall fcall_ro".split()
)


@dataclass(frozen=True)
class Reading:
    """What a command reads."""

    need: Need
    keys: tuple[bytes, ...]
    members: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why a command is not run: the error's class and a sentence."""

    text: str


def reading(words: Sequence[bytes]) -> Reading | Refusal | None:
    """What a command reads of the keyspace; None if nothing, or if it is no command that could run."""
    command = _known(words)
    if command is None or command.executor is table.Executor.LATER:
        return None
    if "write" in command.flags:
        return Refusal("READONLY A remote store is read here, and nothing is written to it.")
    if "blocking" in command.flags:
        return Refusal(f"PRIVACY '{command.name}' waits for writes, and an epoch has none.")
    need = NEEDS.get(command.name)
    if need is None:
        if command.name in REFUSED or command.first > 0 or command.keys:
            return Refusal(f"PRIVACY '{command.name}' is not run on a remote store.")
        return None
    count = len(words)
    if (count < -command.arity) if command.arity < 0 else (count != command.arity):
        # It says itself what is wrong with it.
        return None
    keys = _keys(command, words)
    members = tuple(words[_FIRST_MEMBER:]) if need is Need.MEMBERS else ()
    return Reading(need, keys, members)


def _known(words: Sequence[bytes]) -> table.Command | None:
    names = [word.decode("latin-1").lower() for word in words[:2]]
    found = table.commands().get("|".join(names))
    return found if found is not None else table.commands().get(names[0]) if names else None


def _keys(command: table.Command, words: Sequence[bytes]) -> tuple[bytes, ...]:
    if command.name in _COUNTED:
        number = words[1]
        return tuple(words[2 : 2 + int(number)]) if number.isdigit() and len(number) < 8 else ()
    if command.first == 0:
        return ()
    last = command.last if command.last >= 0 else len(words) + command.last
    return tuple(words[command.first : last + 1 : command.step])
