"""Pruned trees: what is shown of a tree, as the bytes say it, and walks over it.

Theory: a slot's scalar is rebuilt from its content, so whatever passes the opening check is what the tree holds; every question
is then a walk over verified slots. A root with one occupied slot is not opened: its commitment is the slot's scalar times a
known point, so it is computed from what lies below, and the root digest binds that. Invariant: a walk that needs a slot that is
not shown fails, and every slot shown is needed by some walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .curve import commit_one
from .errors import VerificationError
from .hashing import R, scalar, scalar_bytes, u64
from .places import Zone
from .wire import MAX_STEPS, Reader

EMPTY_TREE = scalar_bytes(scalar("hyperdb/empty-tree"))
_EMPTY, _CLAIMED, _BRANCH, _MORE = range(4)
"""What a slot shows, by the two high bits of its first byte; behind the last one a number tells more."""
_OTHER = 2
"""Of a root over one leaf: a leaf that is not claimed."""
_ONE_SHOWN = 2
"""The number of a branch without skipped steps, of which one slot is shown."""


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
    only: int | None = None
    """The one slot that is occupied, if that is known."""
    told: set[int] = field(default_factory=set)
    """Slots of which the bytes tell."""
    seen: set[int] = field(default_factory=set)
    """Slots that a walk needed."""

    @property
    def slot_value(self) -> int:
        return scalar("hyperdb/branch", self.path, self.commitment, u64(self.count), u64(self.size))

    def knows(self, slot: int) -> bool:
        """If what lies in a slot is shown, or follows."""
        return slot in self.slots or self.only not in (None, slot)

    def show(self, slot: int) -> Branch | Leaf | None:
        """What lies in a slot; fails if the proof does not show it."""
        if not self.knows(slot):
            raise VerificationError("claim", f"slot {slot} at depth {len(self.path)} is needed and not shown")
        self.seen.add(slot)
        return self.slots.get(slot)


@dataclass(frozen=True)
class Opening:
    """One slot shown of one commitment; `value` is the scalar that its content makes."""

    commitment: bytes
    slot: int
    value: int


def read_root(reader: Reader) -> Branch:
    """A root by its own commitment, count and bytes."""
    return Branch(b"", reader.point(), reader.number(), reader.number())


@dataclass
class LoneRoot:
    """A root over one slot: a branch below it, or a leaf of which the scalar is told."""

    root: Branch
    below: Branch | None
    scalar: int


def read_lone_root(reader: Reader) -> LoneRoot:
    """A root over one slot, from what lies there: the path of a branch and the branch, or a leaf's slot, scalar and bytes."""
    steps = reader.u8()
    if steps >= MAX_STEPS:
        raise VerificationError("size", f"a path of more than {MAX_STEPS} steps")
    if steps:
        path = _read_steps(reader, steps)
        slot, below = path[0], _counted(Branch(path, reader.point(), reader.number(), reader.number()))
        root = Branch(b"", commit_one(slot, below.slot_value), below.count, below.size, {slot: below}, slot)
        return LoneRoot(root, below, 0)
    slot, value = reader.u8(), int.from_bytes(reader.take(32), "big")
    if slot > 63 or not 0 < value < R:
        raise VerificationError("format", "a root over one leaf that is none")
    return LoneRoot(Branch(b"", commit_one(slot, value), 1, reader.number(), only=slot), None, value)


def root_digest(root: Branch | None) -> bytes:
    """What stands for the tree in what commits to it."""
    return EMPTY_TREE if root is None else scalar_bytes(root.slot_value)


@dataclass(frozen=True)
class Shape:
    """How leaves are read: where a key's leaf lies, and what is claimed of the next leaf."""

    place: Callable[[bytes], bytes]
    claimed: Callable[[], Leaf]


def read_below(reader: Reader, lone: LoneRoot, shape: Shape, openings: list[Opening]) -> None:
    """Reads what is shown below a root over one slot."""
    if lone.below is not None:
        return read_shown(reader, lone.below, shape, openings)
    kind, root = reader.u8(), lone.root
    if kind == 0:
        return None
    if kind not in (_CLAIMED, _OTHER):
        raise VerificationError("format", f"{kind} slots shown of one leaf")
    reader.spend("slots")
    slot = root.only or 0
    leaf = _read_leaf(reader, kind == _CLAIMED, bytes([slot]), shape)
    if leaf.slot_value != lone.scalar:
        raise VerificationError("opening", "a leaf that is not the one below its root")
    root.slots[slot] = leaf
    root.told.add(slot)
    return None


def read_shown(reader: Reader, root: Branch, shape: Shape, openings: list[Opening]) -> None:
    """Reads what is shown of a branch and below it, appending its openings in the order of the bytes."""
    shown = reader.u8()
    pending = [(root, shown, -1)]  # a branch, its slots yet to be read, the last one read
    if shown > 64:
        raise VerificationError("format", f"{shown} slots shown of a branch")
    while pending:
        branch, left, last = pending.pop()
        if left == 0:
            continue
        kind, slot = divmod(reader.u8(), 64)
        if slot <= last:
            raise VerificationError("format", "slots do not ascend")
        pending.append((branch, left - 1, slot))
        reader.spend("slots")
        path = branch.path + bytes([slot])
        content: Branch | Leaf | None = None
        more = reader.number() if kind == _MORE else _ONE_SHOWN
        if kind == _CLAIMED or more == 0:
            content = _read_leaf(reader, kind == _CLAIMED, path, shape)
        elif kind == _MORE and more == _ONE_SHOWN:
            raise VerificationError("format", "a branch in a longer form")
        elif kind != _EMPTY:
            skipped, below = divmod(more - 1, 65)
            content = _read_branch(reader, path, skipped)
            pending.append((content, below, -1))
        branch.slots[slot] = content
        branch.told.add(slot)
        openings.append(Opening(branch.commitment, slot, content.slot_value if content else 0))


def _read_leaf(reader: Reader, claimed: bool, path: bytes, shape: Shape) -> Leaf:
    leaf = shape.claimed() if claimed else Leaf(reader.blob(), reader.take(32), reader.number(), reader.number())
    if not shape.place(leaf.key).startswith(path):
        raise VerificationError("place", f"the leaf of {leaf.key[:32].hex()} does not lie where its key says")
    return leaf


def _read_branch(reader: Reader, path: bytes, skipped: int) -> Branch:
    if len(path) + skipped >= MAX_STEPS:
        raise VerificationError("size", f"a path of more than {MAX_STEPS} steps")
    path += _read_steps(reader, skipped)
    return _counted(Branch(path, reader.point(), reader.number(), reader.number()))


def _counted(branch: Branch) -> Branch:
    """A branch has two slots, and so two leaves, at least."""
    if branch.count < 2:
        raise VerificationError("format", f"a branch of {branch.count} leaves")
    return branch


def _read_steps(reader: Reader, count: int) -> bytes:
    bits, spare = int.from_bytes(reader.take(-(-6 * count // 8)), "big"), -6 * count % 8
    if bits & (1 << spare) - 1:
        raise VerificationError("format", "bits behind the steps")
    return bytes(bits >> spare + 6 * at & 63 for at in reversed(range(count)))


def unseen(branch: Branch) -> Iterator[Branch]:
    """Branches of which more is shown than any walk needed."""
    stack = [branch]
    while stack:
        here = stack.pop()
        if here.told - here.seen:
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
        inside = all(branch.knows(slot) for slot in range(64) if sides[slot] > 0)
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
