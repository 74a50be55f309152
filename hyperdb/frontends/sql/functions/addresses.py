"""inet and cidr: functions and operators (PostgreSQL's documentation, 9.12).

Theory: a value is an address with the length of its network's prefix; one network contains another if its prefix is the other's
begin. Invariant: what is a cidr has no bit set behind its prefix.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from itertools import takewhile

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import BOOL, CIDR, INET, INT4, TEXT
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.types.network import Interface, shown_address

_parsed = ipaddress.ip_interface


def _length(value: str) -> int:
    return _parsed(value).network.prefixlen


def _host(value: str) -> str:
    return shown_address(_parsed(value), always=False).partition("/")[0]


def _alone(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return shown_address(_parsed(address), always=False)


def _broadcast(value: str) -> str:
    network = _parsed(value).network
    return shown_address(_parsed((network.broadcast_address, network.prefixlen)), always=False)


def _network(value: str) -> str:
    return shown_address(_parsed(_parsed(value).network), always=True)


def _abbreviated(value: str) -> str:
    """A network without what lies behind its prefix: bytes, or words of IPv6, of which the longest run of zeros is `::`."""
    network = _parsed(value).network
    if network.version == 6:
        if not network.prefixlen:
            return "::/0"
        number = max(2, -(-network.prefixlen // 16))
        words = [format(int(word, 16), "x") for word in network.network_address.exploded.split(":")[:number]]
        runs = [len(list(takewhile(lambda word: word == "0", words[at:]))) for at in range(number)]
        longest = max(runs)
        at = runs.index(longest)
        parts = [words[:at], words[at + longest :]] if longest else [words]
        return f"{'::'.join(':'.join(part) for part in parts)}/{network.prefixlen}"
    shown = str(network.network_address).split(".")
    return f"{'.'.join(shown[: max(1, -(-network.prefixlen // 8))])}/{network.prefixlen}"


def _with_length(value: str, length: int) -> Interface:
    interface = _parsed(value)
    most = interface.ip.max_prefixlen
    if not -1 <= length <= most:
        raise SqlError("22023", f"invalid mask length: {length}")
    return _parsed((interface.ip, most if length < 0 else length))


def _merged(left: str, right: str) -> str:
    """The smallest network that has both."""
    one, other = _parsed(left), _parsed(right)
    if one.version != other.version:
        raise SqlError("22023", "cannot merge addresses from different families")
    same = one.ip.max_prefixlen - (int(one.ip) ^ int(other.ip)).bit_length()
    length = min(same, one.network.prefixlen, other.network.prefixlen)
    return shown_address(_parsed(_parsed((one.ip, length)).network), always=True)


def _contains(left: str, right: str, *, strictly: bool) -> bool:
    one, other = _parsed(left).network, _parsed(right).network
    if one.version != other.version or one.prefixlen > other.prefixlen or (strictly and one.prefixlen == other.prefixlen):
        return False
    return (int(one.network_address) ^ int(other.network_address)) >> (one.max_prefixlen - one.prefixlen) == 0


# The grammar knows no signs <<= and >>=.
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    ">>": lambda left, right: _contains(left, right, strictly=True),
    "<<": lambda left, right: _contains(right, left, strictly=True),
    "&&": lambda left, right: _contains(left, right, strictly=False) or _contains(right, left, strictly=False),
}


def operators() -> Iterator[Function]:
    """Those on inet; cidr becomes it."""
    for sign, run in _OPERATORS.items():
        yield Function(sign, (INET, INET), BOOL, run)


def functions() -> Iterator[Function]:
    """All of the section's but for arithmetic."""
    yield Function("abbrev", (INET,), TEXT, lambda value: shown_address(_parsed(value), always=False))
    yield Function("abbrev", (CIDR,), TEXT, _abbreviated)
    yield Function("broadcast", (INET,), INET, _broadcast)
    yield Function("family", (INET,), INT4, lambda value: _parsed(value).version)
    yield Function("host", (INET,), TEXT, _host)
    yield Function("hostmask", (INET,), INET, lambda value: _alone(_parsed(value).network.hostmask))
    yield Function("inet_merge", (INET, INET), CIDR, _merged)
    yield Function("inet_same_family", (INET, INET), BOOL, lambda one, other: _parsed(one).version == _parsed(other).version)
    yield Function("masklen", (INET,), INT4, _length)
    yield Function("netmask", (INET,), INET, lambda value: _alone(_parsed(value).network.netmask))
    yield Function("network", (INET,), CIDR, _network)
    yield Function("set_masklen", (INET, INT4), INET, lambda value, by: shown_address(_with_length(value, by), always=False))
    yield Function(
        "set_masklen", (CIDR, INT4), CIDR, lambda value, by: shown_address(_parsed(_with_length(value, by).network), always=True)
    )
    yield Function("text", (INET,), TEXT, lambda value: shown_address(_parsed(value), always=True))
