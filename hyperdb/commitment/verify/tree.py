"""Pruned trees: what is shown of a tree, as the bytes say it, and walks over it.

Theory: a slot's scalar is rebuilt from its content, so whatever passes the opening check is what the tree holds; every question
is then a walk over verified slots. Invariant: a walk that needs a slot that is not shown fails, and every slot shown is needed
by some walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .errors import VerificationError
from .hashing import scalar, scalar_bytes, u64
from .places import Zone
from .wire import MAX_STEPS, Reader

EMPTY_TREE = scalar_bytes(scalar("hyperdb/empty-tree"))


@dataclass(frozen=True)
class Leaf:
    """An entry, shown at its place. `row` is what was claimed of it, if anything was."""

    key: bytes
    value_digest: bytes
    version: int
    size: int
    row: int | None = None

    @property
    def slot_value(self) -> int:
        return scalar("hyperdb/leaf", self.key, self.value_digest, u64(self.version), u64(self.size))


@dataclass
class Branch:
    """A branch and what is shown of its slots; None is an empty slot."""

    path: bytes
    commitment: bytes
    count: int
    size: int
    slots: dict[int, Branch | Leaf | None] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    @property
    def slot_value(self) -> int:
        return scalar("hyperdb/branch", self.path, self.commitment, u64(self.count), u64(self.size))

    def show(self, slot: int) -> Branch | Leaf | None:
        """What lies in a slot; fails if the proof does not show it."""
        if slot not in self.slots:
            raise VerificationError("claim", f"slot {slot} at depth {len(self.path)} is needed and not shown")
        self.seen.add(slot)
        return self.slots[slot]


@dataclass(frozen=True)
class Opening:
    """One slot shown of one commitment; `value` is the scalar that its content makes."""

    commitment: bytes
    slot: int
    value: int


def read_root(reader: Reader) -> Branch:
    """Commitment, count and bytes of a tree's root."""
    return Branch(b"", reader.point(), reader.varint(), reader.varint())


def root_digest(root: Branch | None) -> bytes:
    """What stands for the tree in what commits to it."""
    return EMPTY_TREE if root is None else scalar_bytes(root.slot_value)


def read_shown(
    reader: Reader, root: Branch, place: Callable[[bytes], bytes], claimed: Callable[[], Leaf], openings: list[Opening]
) -> None:
    """Reads a pruned tree under `root`, appending its openings in the order of the bytes.

    Args:
        place: the tree key of a leaf's key.
        claimed: the next claimed leaf.
    """
    shown = reader.u8()
    pending = [(root, shown, -1)]  # a branch, its slots yet to be read, the last one read
    if not 1 <= shown <= 64:
        raise VerificationError("format", f"{shown} slots shown of a root")
    while pending:
        branch, left, last = pending.pop()
        if left == 0:
            continue
        kind, slot = divmod(reader.u8(), 64)
        if slot <= last:
            raise VerificationError("format", "slots do not ascend")
        pending.append((branch, left - 1, slot))
        reader.spend("slots")
        content: Branch | Leaf | None = None
        if kind in (1, 2):
            leaf = claimed() if kind == 1 else Leaf(reader.blob(), reader.take(32), reader.varint(), reader.varint())
            if not place(leaf.key).startswith(branch.path + bytes([slot])):
                raise VerificationError("place", f"the leaf of {leaf.key[:32].hex()} does not lie where its key says")
            content = leaf
        elif kind == 3:
            child, below = _read_branch(reader, branch.path + bytes([slot]))
            pending.append((child, below, -1))
            content = child
        branch.slots[slot] = content
        openings.append(Opening(branch.commitment, slot, content.slot_value if content else 0))


def _read_branch(reader: Reader, path: bytes) -> tuple[Branch, int]:
    skipped, shown = divmod(reader.varint(), 65)
    if len(path) + skipped >= MAX_STEPS:
        raise VerificationError("size", f"a path of more than {MAX_STEPS} steps")
    packed = reader.take(-(-6 * skipped // 8))
    bits, spare = int.from_bytes(packed, "big"), -6 * skipped % 8
    if bits & (1 << spare) - 1:
        raise VerificationError("format", "bits behind the skipped steps")
    path += bytes(bits >> spare + 6 * at & 63 for at in reversed(range(skipped)))
    branch = Branch(path, reader.point(), reader.varint(), reader.varint())
    if branch.count < 2:
        raise VerificationError("format", f"a branch of {branch.count} leaves")
    return branch, shown


def unseen(branch: Branch) -> Iterator[Branch]:
    """Branches of which more is shown than any walk needed."""
    stack = [branch]
    while stack:
        here = stack.pop()
        if len(here.seen) < len(here.slots):
            yield here
        stack.extend(child for child in here.slots.values() if isinstance(child, Branch))


class Walk:
    """Questions to one pruned tree; `root` None is the empty tree."""

    def __init__(self, root: Branch | None, reader: Reader, place: Callable[[bytes], bytes]) -> None:
        self._root = root
        self._reader = reader
        self._place = place

    def get(self, key: bytes) -> Leaf | None:
        """The leaf of a key; None if the tree does not hold it."""
        steps, here = self._place(key), self._root
        while here is not None:
            self._reader.spend("visits")
            if len(here.path) >= len(steps):
                raise VerificationError("claim", "a branch lies below a whole key")
            found = here.show(steps[len(here.path)])
            if not isinstance(found, Branch):
                return found if found is not None and found.key == key else None
            here = found if steps.startswith(found.path) else None
        return None

    def rows(self, zone: Zone) -> list[Leaf]:
        """All leaves of a zone, in the order of their places."""
        leaves: list[Leaf] = []
        stack = [(self._root, 0)] if self._root is not None and zone.side(b"") >= 0 else []
        while stack:
            here, slot = stack.pop()
            while slot < 64:
                self._reader.spend("visits")
                path = here.path + bytes([slot])
                slot += 1
                if zone.side(path) < 0:
                    continue
                found = here.show(path[-1])
                if isinstance(found, Leaf) and zone.holds(found.key):
                    leaves.append(found)
                elif isinstance(found, Branch) and zone.side(found.path) >= 0:
                    stack += [(here, slot), (found, 0)]
                    break
        return leaves

    def count(self, zone: Zone) -> tuple[int, int]:
        """Leaves of a zone and their bytes, as the branches say (attested by whoever signed)."""
        if not zone.exact:
            raise VerificationError("claim", "the bounds are too long to count between")
        return (0, 0) if self._root is None else self._count(self._root, zone)

    def _count(self, branch: Branch, zone: Zone) -> tuple[int, int]:
        side = zone.side(branch.path)
        if side:
            return (branch.count, branch.size) if side > 0 else (0, 0)
        sides = [zone.side(branch.path + bytes([slot])) for slot in range(64)]
        self._reader.spend("visits", 64)
        inside = all(slot in branch.slots for slot in range(64) if sides[slot] > 0)
        wanted = 1 if inside else -1
        count, size = (0, 0) if inside else (branch.count, branch.size)
        for slot, side in enumerate(sides):
            if side not in (0, wanted):
                continue
            found = branch.show(slot)
            part = self._weigh(found, zone, wanted)
            count, size = count + wanted * part[0], size + wanted * part[1]
        if count < 0 or size < 0:
            raise VerificationError("claim", "a branch counts less than lies below it")
        return count, size

    def _weigh(self, found: Branch | Leaf | None, zone: Zone, wanted: int) -> tuple[int, int]:
        """Of what is below a slot: the part within (wanted 1) or without (-1)."""
        if found is None:
            return 0, 0
        if isinstance(found, Leaf):
            return (1, found.size) if zone.holds(found.key) == (wanted > 0) else (0, 0)
        count, size = self._count(found, zone)
        return (count, size) if wanted > 0 else (found.count - count, found.size - size)
