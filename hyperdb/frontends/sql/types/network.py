"""inet, cidr and macaddr as text: addresses with a prefix length, which is left out where it is the whole.

Theory: PostgreSQL's documentation, "Network Address Types". Values are their own text in normal form. Abbreviated IPv4 networks
(`10/8`) are read for cidr. Invariant: a cidr has no bit set behind its prefix.
"""

from __future__ import annotations

import ipaddress
import re

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types.faults import bad_binary, bad_text
from hyperdb.frontends.sql.types.model import Style

# As PostgreSQL numbers families: AF_INET is 2, and the next one is IPv6 on every machine.
_FAMILIES = {4: 2, 6: 3}
_VERSIONS = {2: 4, 3: 6}
_MAC_FORMS = (
    r"([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2})",
    r"([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})",
    r"([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})[:\-]?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})",
    r"([0-9a-f]{2})([0-9a-f]{2})[.\-]([0-9a-f]{2})([0-9a-f]{2})[.\-]([0-9a-f]{2})([0-9a-f]{2})",
)
_MACS = [re.compile(form + r"\Z", re.IGNORECASE) for form in _MAC_FORMS]

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def _interface(kind: str, text: str, shown: str) -> Interface:
    if "%" in shown or not shown.isascii() or re.search(r"/.*[^0-9]|/\Z", shown):
        raise bad_text(kind, text)
    try:
        return ipaddress.ip_interface(shown)
    except ValueError:
        raise bad_text(kind, text) from None


def _classful(octets: list[str]) -> int:
    """The prefix length of an IPv4 network that was given without one."""
    first = int(octets[0])
    by_class = 8 if first < 128 else 16 if first < 192 else 24 if first < 224 else 32 if first >= 240 else 8
    return max(by_class, 8 * len(octets))


def _address(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """The address; an IPv6 one that stands for an IPv4 one ends in its form."""
    if isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped is not None or 0xFFFF < int(ip) < 1 << 32):
        return f"::{'ffff:' if ip.ipv4_mapped else ''}{ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)}"
    return str(ip)


def shown_address(interface: Interface, *, always: bool) -> str:
    """An address with the length of its network's prefix; without it where it is the whole, but for `always`."""
    length = interface.network.prefixlen
    address = _address(interface.ip)
    return address if length == interface.ip.max_prefixlen and not always else f"{address}/{length}"


def read_inet(text: str, _style: Style) -> str:
    """An address, and how much of it is the network."""
    return shown_address(_interface("inet", text, text.strip()), always=False)


def read_cidr(text: str, _style: Style) -> str:
    """A network."""
    shown = text.strip()
    address, slash, length = shown.partition("/")
    if ":" not in address:
        octets = address.split(".")
        if not all(re.fullmatch("[0-9]{1,3}", octet) for octet in octets) or len(octets) > 4:
            raise bad_text("cidr", text)
        length = length if slash else str(_classful(octets))
        shown = ".".join(octets + ["0"] * (4 - len(octets))) + f"/{length}"
    interface = _interface("cidr", text, shown)
    if interface.ip != interface.network.network_address:
        raise SqlError("22P02", f'invalid cidr value: "{text}"', detail="Value has bits set to right of mask.")
    return shown_address(interface, always=True)


def write_address(value: str, _style: Style) -> str:
    """As it is."""
    return value


def _send(value: str, is_cidr: bool) -> bytes:
    interface = ipaddress.ip_interface(value)
    packed = interface.ip.packed
    return bytes([_FAMILIES[interface.version], interface.network.prefixlen, is_cidr, len(packed)]) + packed


def send_inet(value: str) -> bytes:
    """Family, prefix length, whether it is a network, length, address."""
    return _send(value, False)


def send_cidr(value: str) -> bytes:
    """As for inet."""
    return _send(value, True)


def _receive(kind: str, data: bytes) -> Interface:
    version = _VERSIONS.get(data[0]) if len(data) > 4 else None
    if version is None or len(data) != 4 + data[3] or data[3] != (4 if version == 4 else 16) or data[1] > 8 * data[3]:
        raise bad_binary(kind)
    return ipaddress.ip_interface((data[4:], data[1]))


def receive_inet(data: bytes) -> str:
    """The reverse."""
    return shown_address(_receive("inet", data), always=False)


def receive_cidr(data: bytes) -> str:
    """The reverse."""
    interface = _receive("cidr", data)
    if interface.ip != interface.network.network_address:
        raise SqlError("22P03", 'invalid external "cidr" value', detail="Value has bits set to right of mask.")
    return shown_address(interface, always=True)


def read_mac(text: str, _style: Style) -> str:
    """Six bytes in any of the forms that hardware shows them in."""
    for form in _MACS:
        found = form.match(text.strip())
        if found is not None:
            return ":".join(f"{int(part, 16):02x}" for part in found.groups())
    raise bad_text("macaddr", text)


def send_mac(value: str) -> bytes:
    """Six bytes."""
    return bytes.fromhex(value.replace(":", ""))


def receive_mac(data: bytes) -> str:
    """The reverse."""
    if len(data) != 6:
        raise bad_binary("macaddr")
    return data.hex(":")
