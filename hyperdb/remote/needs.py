"""What commands have to have at hand before they can run on the overlay.

Theory: a command's name and the number of its keys and members decide what is fetched, never what was found: then commands of
one shape look alike on the wire. Invariant: a command is run if it is in one of the tables, one that reads the keyspace on what
was fetched for it; whatever else there is or will be is refused.
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
    "xinfo|consumers xinfo|groups xinfo|stream xpending xread "
    "hgetall hkeys hrandfield hscan hvals lindex lpos lrange sdiff sinter sintercard smembers srandmember sscan "
    "sunion zcount zdiff zinter zintercard zlexcount zrandmember zrange zrangebylex zrangebyscore zrank zrevrange zrevrangebylex "
    "zrevrangebyscore zrevrank zscan zunion",
    Need.APP: "dbsize keys memory|usage randomkey scan sort_ro",
}
NEEDS: Mapping[str, Need] = {name: need for need, names in _READS.items() for name in names.split()}
_CONTAINERS = frozenset("acl client cluster command config memory module object pubsub xgroup xinfo".split())
"""With a word behind them that is no command: they say so themselves."""
_FIRST_MEMBER = 2
_COUNTED = frozenset("sintercard zdiff zinter zintercard zunion".split())
"""Commands whose first argument says how many keys follow."""
PASSED = frozenset(
    "acl|cat acl|genpass acl|help acl|whoami auth client|getname client|getredir client|help client|id client|info "
    "client|list client|no-evict client|no-touch client|setinfo client|setname client|trackinginfo cluster|help "
    "cluster|keyslot command command|count command|docs command|getkeys command|getkeysandflags command|help command|info "
    "command|list config|help discard echo exec hello info lastsave lolwut memory|help module|help module|list multi "
    "object|help ping pubsub|help quit readonly readwrite reset role select time xgroup|help xinfo|help".split()
)
"""What reads nothing of the keyspace and changes nothing: it is run by the server of this process as it is."""
_SCRIPTS = "what a script reads is not known before it runs"
_TOLD = "nobody is told of what changes in a remote store"
_OTHERS = "it would show what others ask here"
_PROOFS = "what is shown here was verified already: proofs are made by the store"
_REASONS: Mapping[str, str] = {
    **dict.fromkeys("eval eval_ro evalsha evalsha_ro fcall fcall_ro function script".split(), _SCRIPTS),
    **dict.fromkeys(
        "subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe publish spublish pubsub client|tracking "
        "client|caching".split(),
        _TOLD,
    ),
    **dict.fromkeys("monitor slowlog latency acl|log".split(), _OTHERS),
    **dict.fromkeys(
        "hyper.prove hyper.mprove hyper.proverows hyper.provecount hyper.proveremoved hyper.root hyper.frame hyper.seal".split(),
        _PROOFS,
    ),
}


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
    if "blocking" in command.flags and (command.name != "xread" or _blocks(words)):
        return Refusal(f"PRIVACY '{command.name}' waits for writes, and an epoch has none.")
    need = NEEDS.get(command.name)
    if need is None:
        if command.name in PASSED or command.name in _CONTAINERS:
            return None
        reason = _REASONS.get(command.name) or _REASONS.get(command.name.partition("|")[0])
        return Refusal(f"PRIVACY '{command.name}' is not run on a remote store{f': {reason}' if reason else ''}.")
    count = len(words)
    if (count < -command.arity) if command.arity < 0 else (count != command.arity):
        # It says itself what is wrong with it.
        return None
    keys = _streams(words) if command.name == "xread" else _keys(command, words)
    members = tuple(words[_FIRST_MEMBER:]) if need is Need.MEMBERS else ()
    return Reading(need, keys, members)


def _blocks(words: Sequence[bytes]) -> bool:
    """Whether XREAD waits. Its options stand before the word STREAMS."""
    names = [word.lower() for word in words]
    return b"block" in names[: names.index(b"streams")] if b"streams" in names else b"block" in names


def _streams(words: Sequence[bytes]) -> tuple[bytes, ...]:
    """Keys of XREAD: the first half of what follows STREAMS."""
    names = [word.lower() for word in words]
    rest = words[names.index(b"streams") + 1 :] if b"streams" in names else ()
    return tuple(rest[: len(rest) // 2])


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
