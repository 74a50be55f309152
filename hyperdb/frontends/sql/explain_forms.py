"""EXPLAIN's tree of properties as JSON, XML or YAML.

Theory: PostgreSQL's explain.c (ExplainProperty and its kin): JSON and YAML hold a list of one tree, XML an element `explain`
with a `Query` in it, names of properties with hyphens for blanks; a list of plans has elements `Plan`, any other list `Item`.
Invariant: a reader of the form gets the tree back: texts are quoted in YAML, whatever is in them, and escaped in XML.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

_NAMESPACE = "http://www.postgresql.org/2009/explain"
_NOT_IN_XML = {control: "\ufffd" for control in range(32) if chr(control) not in "\t\n\r"}


def as_json(tree: Mapping[str, Any]) -> str:
    """The list of one tree."""
    return json.dumps([tree], indent=2, ensure_ascii=False)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def as_xml(tree: Mapping[str, Any]) -> str:
    """A document."""
    return "\n".join([f'<explain xmlns="{_NAMESPACE}">', *_element("Query", tree, 1), "</explain>"])


def _element(name: str, value: Any, depth: int) -> Iterator[str]:
    mark, margin = name.replace(" ", "-"), "  " * depth
    if isinstance(value, Mapping):
        below = [line for each, held in value.items() for line in _element(each, held, depth + 1)]
    elif isinstance(value, list):
        item = "Plan" if name == "Plans" else "Item"
        below = [line for held in value for line in _element(item, held, depth + 1)]
    else:
        text = value if isinstance(value, str) else _scalar(value)
        yield f"{margin}<{mark}>{escape(text.translate(_NOT_IN_XML))}</{mark}>"
        return
    yield from [f"{margin}<{mark}>", *below, f"{margin}</{mark}>"]


def as_yaml(tree: Mapping[str, Any]) -> str:
    """The list of one tree. Strings are JSON's, which are YAML's too."""
    return "\n".join(_sequence([tree], 0))


def _mapping(found: Mapping[str, Any], depth: int) -> Iterator[str]:
    margin = "  " * depth
    for name, value in found.items():
        if value and isinstance(value, Mapping):
            yield f"{margin}{name}:"
            yield from _mapping(value, depth + 1)
        elif value and isinstance(value, list):
            yield f"{margin}{name}:"
            yield from _sequence(value, depth + 1)
        else:
            yield f"{margin}{name}: {_scalar(value)}"


def _sequence(found: list[Any], depth: int) -> Iterator[str]:
    margin = "  " * depth
    for value in found:
        if isinstance(value, Mapping):
            first, *rest = _mapping(value, depth + 1)
            yield f"{margin}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{margin}- {_scalar(value)}"


STRUCTURED: dict[str, Callable[[Mapping[str, Any]], str]] = {"json": as_json, "xml": as_xml, "yaml": as_yaml}
"""The forms that have the whole tree in one row."""
