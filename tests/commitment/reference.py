"""A second, slow implementation of trees and openings, written from docs/commitment.md, for tests only.

Theory: it keeps whole trees as Python objects, commits in coefficient form over the ceremony's powers, and divides polynomials
the long way: nothing is shared with the native tree. Group operations are py_ecc's or, where many are needed, the verifier's
(which a test holds against py_ecc).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hyperdb.commitment.verify.curve import P, Point, decompress, weighted_sum

R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
W = pow(7, (R - 1) // 64, R)
DOMAIN = [pow(W, i, R) for i in range(64)]
SETUP = Path(__file__).resolve().parent.parent.parent / "native/verkle/data/kzg-setup-64.bin"
POWERS = [decompress(SETUP.read_bytes()[at : at + 48], infinity=False) for at in range(0, 64 * 48, 48)]


def framed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def h(tag: str, *parts: bytes) -> bytes:
    return hashlib.sha512(framed(tag.encode(), *parts)).digest()


def s(tag: str, *parts: bytes) -> int:
    return int.from_bytes(h(tag, *parts), "big") % R or 1


def d(tag: str, *parts: bytes) -> bytes:
    return h(tag, *parts)[:32]


def n8(number: int) -> bytes:
    return number.to_bytes(8, "little")


def b32(value: int) -> bytes:
    return value.to_bytes(32, "big")


def compress(point: Point) -> bytes:
    if point is None:
        return b"\xc0" + bytes(47)
    x, y = point
    return (x | 1 << 383 | (1 << 381 if y > P // 2 else 0)).to_bytes(48, "big")


def varint(number: int) -> bytes:
    if number <= 247:
        return bytes([number])
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([247 + len(body)]) + body


def number(value: int) -> bytes:
    """LEB128."""
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def blob(data: bytes) -> bytes:
    return varint(len(data)) + data


# Places, as strings of bits.


def bits(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


def cut(text: str) -> bytes:
    text += "0" * (-len(text) % 6)
    return bytes(int(text[at : at + 6], 2) for at in range(0, len(text), 6))


def tree_key(key: bytes) -> bytes:
    space, rest = key[0], key[1:]
    if space == 3:
        size = 1 + max(0, rest[0] - 247)
        head, rest = "01" + bits(rest[:size]), rest[size:]
    else:
        head, rest = {2: "00", 4: "10"}[space] + bits(rest[:8]), rest[8:]
    escaped = b"".join(b"\x00\xff" if byte == 0 else bytes([byte]) for byte in rest) + b"\x00\x01"
    if len(escaped) > 128:
        escaped = escaped[:128] + hashlib.sha256(key).digest()
    return cut(head) + cut(bits(escaped))


# Trees.


@dataclass
class Leaf:
    key: bytes
    value_digest: bytes
    version: int
    size: int

    @property
    def scalar(self) -> int:
        return s("hyperdb/leaf", self.key, self.value_digest, n8(self.version), n8(self.size))

    @property
    def hashed(self) -> bytes:
        return b32(self.scalar)

    count = 1


@dataclass
class Branch:
    path: bytes
    slots: dict[int, Branch | Leaf]

    @cached_property
    def coefficients(self) -> list[int]:
        values = [self.slots[slot].scalar if slot in self.slots else 0 for slot in range(64)]
        return interpolate(values)

    @cached_property
    def c(self) -> bytes:
        return compress(commit(self.coefficients))

    @cached_property
    def count(self) -> int:
        return sum(child.count for child in self.slots.values())

    @cached_property
    def size(self) -> int:
        return sum(child.size for child in self.slots.values())

    @cached_property
    def scalar(self) -> int:
        return s("hyperdb/branch", self.path, self.c, n8(self.count), n8(self.size))

    @cached_property
    def hashed(self) -> bytes:
        level: list[bytes | None] = [self.slots[slot].hashed if slot in self.slots else None for slot in range(64)]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [d("hyperdb/hash-node", a, b) if a is not None and b is not None else a if b is None else b for a, b in pairs]
        return d("hyperdb/hash-branch", self.path, level[0] or b"", n8(self.count), n8(self.size))


def build(leaves: dict[bytes, Leaf], path: bytes = b"") -> Branch | None:
    """The tree over leaves by their step strings."""
    if not leaves:
        return None
    slots: dict[int, Branch | Leaf] = {}
    for slot in sorted({place[len(path)] for place in leaves}):
        below = {place: leaf for place, leaf in leaves.items() if place[len(path)] == slot}
        if len(below) == 1:
            slots[slot] = next(iter(below.values()))
            continue
        first, last = min(below), max(below)
        common = next(at for at in range(len(first)) if first[at] != last[at])
        child = build(below, first[:common])
        assert child is not None
        slots[slot] = child
    return Branch(path, slots)


def root_digest(root: Branch | None) -> bytes:
    return b32(s("hyperdb/empty-tree")) if root is None else b32(root.scalar)


def hash_digest(root: Branch | None) -> bytes:
    return d("hyperdb/empty-tree") if root is None else root.hashed


# Polynomials.


def interpolate(values: list[int]) -> list[int]:
    inverse = pow(64, -1, R)
    return [sum(v * DOMAIN[-i * k % 64] for i, v in enumerate(values) if v) * inverse % R for k in range(64)]


def commit(coefficients: list[int]) -> Point:
    return weighted_sum(POWERS[: len(coefficients)], coefficients)


def divide(coefficients: list[int], at: int) -> tuple[list[int], int]:
    """Quotient by X - at, and the remainder."""
    quotient = [0] * len(coefficients)
    rest = 0
    for k in reversed(range(len(coefficients))):
        quotient[k] = rest
        rest = (coefficients[k] + rest * at) % R
    return [*quotient[:-1], 0], rest


def open_slots(context: bytes, openings: list[tuple[Branch, int, int]]) -> bytes:
    """D and pi for (branch, slot, value)."""
    parts = [context, n8(len(openings))]
    for branch, slot, value in openings:
        parts += [branch.c, bytes([slot]), b32(value)]
    r = s("hyperdb/opening", *parts)
    g = [0] * 64
    for power, (branch, slot, _) in enumerate(openings):
        quotient, _ = divide(branch.coefficients, DOMAIN[slot])
        weight = pow(r, power, R)
        g = [(a + weight * b) % R for a, b in zip(g, quotient, strict=True)]
    big_d = compress(commit(g))
    t = s("hyperdb/opening-point", b32(r), big_d)
    difference = [-a % R for a in g]
    for power, (branch, slot, _) in enumerate(openings):
        weight = pow(r, power, R) * pow(t - DOMAIN[slot], -1, R) % R
        difference = [(a + weight * b) % R for a, b in zip(difference, branch.coefficients, strict=True)]
    return big_d + compress(commit(divide(difference, t)[0]))


# Pruned trees.


@dataclass
class Shown:
    """What a proof shows of one tree: the slots of branches, by path."""

    slots: dict[bytes, set[int]] = field(default_factory=dict)

    def add(self, path: bytes, slot: int) -> None:
        self.slots.setdefault(path, set()).add(slot)

    def get(self, root: Branch | None, place: bytes) -> None:
        here: Branch | Leaf | None = root
        while isinstance(here, Branch) and place.startswith(here.path):
            slot = place[len(here.path)]
            self.add(here.path, slot)
            here = here.slots.get(slot)

    def all_within(self, here: Branch | None, side: object) -> None:
        """Every slot whose keys may lie within; `side` is a zone's."""
        for slot in range(64) if here is not None else ():
            if side(here.path + bytes([slot])) >= 0:
                self.add(here.path, slot)
                child = here.slots.get(slot)
                if isinstance(child, Branch) and side(child.path) >= 0:
                    self.all_within(child, side)

    def borders(self, here: Branch | None, side: object, either: bool = False) -> None:
        """What counting needs: along the borders the slots within or, if fewer of them are occupied, those without."""
        if here is None or side(here.path):
            return
        sides = [side(here.path + bytes([slot])) for slot in range(64)]
        fewer = sum(sides[slot] for slot in here.slots) > 0
        unwanted = 1 if either and fewer else -1
        for slot in range(64):
            if sides[slot] == unwanted:
                continue
            self.add(here.path, slot)
            child = here.slots.get(slot)
            if isinstance(child, Branch):
                self.borders(child, side, either)


def packed_steps(steps: bytes) -> bytes:
    text = "".join(f"{step:06b}" for step in steps)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def told_root(root: Branch) -> bytes:
    """A root by its own commitment."""
    return root.c + number(root.count) + number(root.size)


def lone(root: Branch) -> Branch | Leaf | None:
    """What lies in the one slot of a root that has only one."""
    return next(iter(root.slots.values())) if len(root.slots) == 1 else None


def lone_root(root: Branch) -> bytes:
    """A root over one slot, by what lies there."""
    ((slot, below),) = root.slots.items()
    if isinstance(below, Leaf):
        return bytes([0, slot]) + b32(below.scalar) + number(below.size)
    return bytes([len(below.path)]) + packed_steps(below.path) + told_root(below)


def other_leaf(leaf: Leaf) -> bytes:
    return blob(leaf.key) + leaf.value_digest + number(leaf.version) + number(leaf.size)


Row = Callable[[Leaf], bytes | None]
"""The bytes of a leaf's row, if it is claimed."""


def encode_shown(root: Branch, shown: Shown, row: Row, openings: list[tuple[Branch, int, int]]) -> bytes:
    """The bytes of a pruned tree below a root that is told by its commitment; appends openings in their order."""

    def slots_of(branch: Branch) -> bytes:
        out = b""
        for slot in sorted(shown.slots.get(branch.path, ())):
            content = branch.slots.get(slot)
            openings.append((branch, slot, content.scalar if content else 0))
            if content is None:
                out += bytes([slot])
            elif isinstance(content, Leaf):
                claimed = row(content)
                out += bytes([192 + slot, 0]) + other_leaf(content) if claimed is None else bytes([64 + slot]) + claimed
            else:
                skipped = content.path[len(branch.path) + 1 :]
                below = len(shown.slots.get(content.path, ()))
                out += (
                    bytes([128 + slot])
                    if not skipped and below == 1
                    else bytes([192 + slot]) + number(len(skipped) * 65 + below + 1)
                )
                out += packed_steps(skipped) + told_root(content) + slots_of(content)
        return out

    return bytes([len(shown.slots.get(root.path, ()))]) + slots_of(root)


def encode_tree(root: Branch, shown: Shown, row: Row, openings: list[tuple[Branch, int, int]]) -> bytes:
    """As encode_shown, of any root."""
    below = lone(root)
    if isinstance(below, Branch):
        return encode_shown(below, shown, row, openings)
    if below is None:
        return encode_shown(root, shown, row, openings)
    if not set(root.slots) & shown.slots.get(b"", set()):
        return b"\x00"
    claimed = row(below)
    return b"\x02" + other_leaf(below) if claimed is None else b"\x01" + claimed


# Values.


def row_salt(app_salt: bytes, key: bytes, version: int) -> bytes:
    return hmac.digest(app_salt, framed(key) + n8(version), "sha512")[:16]


def value_digest(salt: bytes, value: bytes) -> bytes:
    return d("hyperdb/value", salt, value)


def column_leaf(salt: bytes, column: int, content: bytes) -> bytes:
    number = column.to_bytes(4, "little")
    return d("hyperdb/column", number, hmac.digest(salt, number, "sha512")[:16], content)


def fields_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return d("hyperdb/fields", fields_root(leaves[:left]), fields_root(leaves[left:]))


def row_digest(salt: bytes, contents: dict[int, bytes]) -> bytes:
    leaves = [column_leaf(salt, column, content) for column, content in sorted(contents.items())]
    return d("hyperdb/row", len(leaves).to_bytes(4, "little"), fields_root(leaves))


def hidden(leaves: list[bytes], shown: set[int], first: int = 0) -> list[bytes]:
    """Digests of the subtrees without anything shown, depth first."""
    if not shown & set(range(first, first + len(leaves))):
        return [fields_root(leaves)]
    if len(leaves) == 1:
        return []
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return hidden(leaves[:left], shown, first) + hidden(leaves[left:], shown, first + left)
