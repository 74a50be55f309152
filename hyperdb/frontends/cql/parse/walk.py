"""Every node below a node, and trees with some nodes replaced.

Theory: nodes are frozen dataclasses of nodes, tuples of nodes and plain values, so one walk does for all of them. Invariant: a
tree in which nothing is replaced is given back itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

Node = TypeVar("Node")


_NAMES: dict[type, tuple[str, ...]] = {}


def _names(node: Any) -> tuple[str, ...]:
    """Names of a node's parts; none for what is no node."""
    kind = type(node)
    found = _NAMES.get(kind)
    if found is None:
        found = _NAMES[kind] = tuple(part.name for part in fields(kind)) if is_dataclass(kind) else ()
    return found


def walk(node: object) -> Iterator[object]:
    """The node and all below it, in the order of the text as far as fields are."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if type(here) is tuple:
            waiting.extend(reversed(here))
            continue
        names = _names(here)
        if names:
            yield here
            waiting.extend(getattr(here, name) for name in reversed(names))


def rewrite(node: Node, change: Callable[[object], object]) -> Node:
    """The tree with each node below replaced by what `change` makes of it; a node that was replaced is not walked into."""
    found: Any = _rewritten(node, change)
    return found  # type: ignore[no-any-return]


def _rewritten(node: Any, change: Callable[[object], object]) -> Any:
    if isinstance(node, tuple):
        items = [_rewritten(item, change) for item in node]
        return tuple(items) if any(new is not old for new, old in zip(items, node, strict=True)) else node
    names = _names(node)
    if not names:
        return node
    changed: Any = change(node)
    if changed is not node:
        return changed
    old: Any = node
    parts = {name: getattr(old, name) for name in names}
    new = {name: _rewritten(part, change) for name, part in parts.items()}
    different = {name: part for name, part in new.items() if part is not parts[name]}
    return replace(old, **different) if different else old
