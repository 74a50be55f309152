"""json and jsonb: operators and functions.

Theory: PostgreSQL's documentation, 9.16. A json value is its text, so parts of it are parts of that text, with their blanks; a
jsonb value is in normal form (`types.json_text`), and so is what is made of it. Invariant: jsonb that comes out of here is in
normal form, numbers keep their digits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.catalog.kinds import BOOL, INT4, JSON, JSONB, RECORD, TEXT, array_of
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.types.arrays import lengths
from hyperdb.frontends.sql.types.json_text import check_escapes, normal, parsed, quoted

_TEXTS = array_of(TEXT) or 0
_BLANK = " \t\n\r"
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal)
_MISSING: Any = object()
_NAMES = {bool: "boolean", dict: "object", list: "array", str: "string", type(None): "null"}


class Parts:
    """A json text taken apart one level: `items` are pairs of key (None in an array) and the text of the value."""

    def __init__(self, text: str) -> None:
        self.text = text.strip(_BLANK)
        check_escapes(self.text)
        self.form = {"{": "object", "[": "array"}.get(self.text[:1], "scalar")
        self.items: list[tuple[str | None, str]] = []
        if self.form != "scalar":
            self._take_apart()

    def _skip(self, at: int) -> int:
        while self.text[at] in _BLANK:
            at += 1
        return at

    def _take_apart(self) -> None:
        at = self._skip(1)
        while self.text[at] not in "]}":
            key = None
            if self.form == "object":
                key, at = _DECODER.raw_decode(self.text, at)
                at = self._skip(self._skip(at) + 1)
            _, end = _DECODER.raw_decode(self.text, at)
            self.items.append((key, self.text[at:end]))
            at = self._skip(end)
            if self.text[at] == ",":
                at = self._skip(at + 1)

    def get(self, key: Any) -> Any:
        """The value of a key or place; `_MISSING` where there is none."""
        if self.form == "object" and isinstance(key, str):
            return next((value for name, value in reversed(self.items) if name == key), _MISSING)
        if self.form == "array":
            place = key if isinstance(key, int) else _place(key)
            if place is not None and -len(self.items) <= place < len(self.items):
                return self.items[place][1]
        return _MISSING


def _place(key: str) -> int | None:
    text = key.strip()
    return int(text) if text.lstrip("+-").isdigit() else None


def _bare(text: Any) -> str | None:
    """A value as text: strings without quotes, null as nothing."""
    if text is _MISSING or text == "null":
        return None
    if not text.startswith('"'):
        return str(text)
    check_escapes(text)
    return str(json.loads(text))


def _found(text: Any) -> str | None:
    return None if text is _MISSING else text


def _path(text: str, keys: Sequence[Any]) -> Any:
    found: Any = text
    for key in keys:
        if key is None:
            return _MISSING
        parts = Parts(found)
        found = parts.get(key)
        if found is _MISSING:
            break
    return found


def _typeof(text: str) -> str:
    return _NAMES.get(type(parsed(text)), "number")


def _array(text: str, what: str) -> Parts:
    parts = Parts(text)
    if parts.form != "array":
        raise SqlError("22023", f"cannot {what} {'an object' if parts.form == 'object' else 'a scalar'}")
    return parts


def _length(text: str) -> int:
    parts = Parts(text)
    if parts.form != "array":
        raise SqlError("22023", f"cannot get array length of a {'non-array' if parts.form == 'object' else 'scalar'}")
    return len(parts.items)


def _elements(name: str) -> Callable[[str], list[str]]:
    def run(text: str) -> list[str]:
        parts = Parts(text)
        if parts.form == "array":
            return [value for _, value in parts.items]
        if name.startswith("jsonb"):
            what = "an object" if parts.form == "object" else "a scalar"
            raise SqlError("22023", f"cannot extract elements from {what}")
        raise SqlError("22023", f"cannot call {name} on a {'non-array' if parts.form == 'object' else 'scalar'}")

    return run


def _object(text: str, name: str) -> list[tuple[str, str]]:
    parts = Parts(text)
    if parts.form != "object":
        kind = "an array" if parts.form == "array" else "a scalar"
        if name.endswith("object_keys"):
            raise SqlError("22023", f"cannot call {name} on {kind}")
        message = f"cannot call {name} on a non-object" if name.startswith("jsonb") else f"cannot deconstruct {kind}"
        if not name.startswith("jsonb") and parts.form == "array":
            message = "cannot deconstruct an array as an object"
        raise SqlError("22023", message)
    return [(str(key), value) for key, value in parts.items]


def _keys(name: str) -> Callable[[str], list[str]]:
    return lambda text: [key for key, _ in _object(text, name)]


def _each(name: str, kind: int, as_text: bool) -> Callable[[str], list[Any]]:
    fields = (types.BUILT_IN[TEXT], types.BUILT_IN[TEXT if as_text else kind])

    def run(text: str) -> list[Any]:
        return [types.Record((key, _bare(value) if as_text else value), fields) for key, value in _object(text, name)]

    return run


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _compact(value: Any) -> str:
    """As json_strip_nulls writes: without blanks."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{quoted(key)}:{_compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_compact(item) for item in value) + "]"
    return normal(value)


def pretty(text: str) -> str:
    """jsonb_pretty: an item a line, four blanks a level."""

    def shown(value: Any, depth: int) -> str:
        inner, outer = "\n" + " " * 4 * (depth + 1), "\n" + " " * 4 * depth
        if isinstance(value, dict):
            items = [f"{quoted(key)}: {shown(item, depth + 1)}" for key, item in value.items()]
            return "{" + inner + ("," + inner).join(items) + outer + "}" if items else "{" + outer + "}"
        if isinstance(value, list):
            items = [shown(item, depth + 1) for item in value]
            return "[" + inner + ("," + inner).join(items) + outer + "]" if items else "[" + outer + "]"
        return normal(value)

    return shown(parsed(text), 0)


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and _contains(whole[name], item) for name, item in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(_contains(each, item) for each in whole) for item in part)
    return bool(whole == part) and isinstance(whole, bool) == isinstance(part, bool)


def _contained(whole: str, part: str) -> bool:
    one, other = parsed(whole), parsed(part)
    if isinstance(one, list) and not isinstance(other, list | dict):
        return any(_contains(each, other) for each in one)
    return _contains(one, other)


def _has(text: str, key: str) -> bool:
    value = parsed(text)
    return key in value if isinstance(value, dict | list) else bool(value == key)


def _joined(left: str, right: str) -> str:
    one, other = parsed(left), parsed(right)
    if isinstance(one, dict) and isinstance(other, dict):
        return normal({**one, **other})
    return normal((one if isinstance(one, list) else [one]) + (other if isinstance(other, list) else [other]))


def _without(text: str, key: Any) -> str:
    value = parsed(text)
    if not isinstance(value, dict | list):
        raise SqlError("22023", "cannot delete from scalar")
    if isinstance(key, int):
        if isinstance(value, dict):
            raise SqlError("22023", "cannot delete from object using integer index")
        if -len(value) <= key < len(value):
            del value[key]
        return normal(value)
    gone = key if isinstance(key, list) else [key]
    if isinstance(value, dict):
        return normal({name: item for name, item in value.items() if name not in gone})
    return normal([item for item in value if item not in gone])


def _without_path(text: str, keys: list[Any]) -> str:
    value = parsed(text)
    if not isinstance(value, dict | list):
        raise SqlError("22023", "cannot delete path in scalar")
    if not value:
        return text
    holder = _holder(value, keys[:-1])
    if keys and isinstance(holder, dict):
        holder.pop(keys[-1], None)
    elif keys and isinstance(holder, list):
        place = _index(keys[-1], len(keys))
        if -len(holder) <= place < len(holder):
            del holder[place]
    return normal(value)


def _index(key: Any, place: int) -> int:
    found = _place(key)
    if found is None:
        raise SqlError("22P02", f'path element at position {place} is not an integer: "{key}"')
    return found


def _holder(value: Any, keys: Sequence[Any]) -> Any:
    """What a path leads to; None: to nothing."""
    for number, key in enumerate(keys, 1):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list):
            place = _index(key, number)
            value = value[place] if -len(value) <= place < len(value) else None
        else:
            return None
    return value


def _set(text: str, keys: list[Any], new: str, create: bool = True) -> str:
    value = parsed(text)
    if not isinstance(value, dict | list):
        raise SqlError("22023", "cannot set path in scalar")
    if None in keys:
        raise SqlError("22004", f"path element at position {keys.index(None) + 1} is null")
    if not keys:
        return text
    holder, last = _holder(value, keys[:-1]), keys[-1]
    if isinstance(holder, dict) and (create or last in holder):
        holder[last] = parsed(new)
    elif isinstance(holder, list):
        place = _index(last, len(keys))
        if -len(holder) <= place < len(holder):
            holder[place] = parsed(new)
        elif create:
            holder.insert(0 if place < 0 else len(holder), parsed(new))
    return normal(value)


def _insert(text: str, keys: list[Any], new: str, after: bool = False) -> str:
    value = parsed(text)
    if not isinstance(value, dict | list):
        raise SqlError("22023", "cannot set path in scalar")
    if not keys:
        return text
    holder, last = _holder(value, keys[:-1]), keys[-1]
    if isinstance(holder, dict):
        if last in holder:
            raise SqlError("22023", "cannot replace existing key", hint="Try using the function jsonb_set to replace key value.")
        holder[last] = parsed(new)
    elif isinstance(holder, list):
        place = _index(last, len(keys))
        size = len(holder)
        at = place + size if place < 0 else place
        holder.insert(max(at + after, 0) if -size <= place < size else 0 if place < 0 else size, parsed(new))
    return normal(value)


def _of_texts(keys: list[Any], values: list[Any] | None = None) -> str:
    """json_object of one array of pairs, or of two arrays."""
    both = (keys,) if values is None else (keys, values)
    deepest = max((len(lengths(each)) for each in both), default=0)
    if deepest > (2 if values is None else 1):
        raise SqlError("2202E", "wrong number of array subscripts")
    if values is None:
        flat = [item for pair in keys for item in pair] if keys and isinstance(keys[0], list) else keys
        if keys and isinstance(keys[0], list) and any(len(pair) != 2 for pair in keys):
            raise SqlError("2202E", "array must have two columns")
        if len(flat) % 2:
            raise SqlError("2202E", "array must have even number of elements")
        keys, values = flat[::2], flat[1::2]
    if len(keys) != len(values):
        raise SqlError("2202E", "mismatched array dimensions")
    if None in keys:
        raise SqlError("22004", "null value not allowed for object key")
    shown = [f"{quoted(key)} : {'null' if value is None else quoted(value)}" for key, value in zip(keys, values, strict=True)]
    return "{" + ", ".join(shown) + "}"


def array_of_json(*items: str) -> str:
    """json_build_array over values that are json already."""
    return "[" + ", ".join(items) + "]"


def object_of_json(*items: str) -> str:
    """json_build_object: keys and values that are json already, one after the other."""
    if len(items) % 2:
        raise SqlError("22023", "argument list must have even number of elements")
    shown = [f"{as_key(key)} : {value}" for key, value in zip(items[::2], items[1::2], strict=True)]
    return "{" + ", ".join(shown) + "}"


def as_key(text: str) -> str:
    """A json value as the key of an object."""
    if text == "null":
        raise SqlError("22023", "key must not be null")
    if text[:1] in "{[":
        raise SqlError("22023", "key value must be scalar, not array, composite, or json")
    return text if text.startswith('"') else quoted(text)


def operators() -> Iterator[Function]:
    """Operators of json and jsonb."""
    for kind in (JSON, JSONB):
        for key in (TEXT, INT4):
            yield Function("->", (kind, key), kind, lambda text, at: _found(_path(text, [at])))
            yield Function("->>", (kind, key), TEXT, lambda text, at: _bare(_path(text, [at])))
        yield Function("#>", (kind, _TEXTS), kind, lambda text, keys: _found(_path(text, keys)))
        yield Function("#>>", (kind, _TEXTS), TEXT, lambda text, keys: _bare(_path(text, keys)))
    yield Function("@>", (JSONB, JSONB), BOOL, _contained)
    yield Function("<@", (JSONB, JSONB), BOOL, lambda part, whole: _contained(whole, part))
    yield Function("?", (JSONB, TEXT), BOOL, _has)
    yield Function("?|", (JSONB, _TEXTS), BOOL, lambda text, keys: any(_has(text, key) for key in keys if key is not None))
    yield Function("?&", (JSONB, _TEXTS), BOOL, lambda text, keys: all(_has(text, key) for key in keys if key is not None))
    yield Function("||", (JSONB, JSONB), JSONB, _joined)
    for key in (TEXT, INT4, _TEXTS):
        yield Function("-", (JSONB, key), JSONB, _without)
    yield Function("#-", (JSONB, _TEXTS), JSONB, _without_path)


def functions() -> Iterator[Function]:
    """Functions of json and jsonb that do not depend on the types of their arguments."""
    for kind, prefix in ((JSON, "json"), (JSONB, "jsonb")):
        yield Function(f"{prefix}_typeof", (kind,), TEXT, _typeof)
        yield Function(f"{prefix}_array_length", (kind,), INT4, _length)
        elements = _elements(f"{prefix}_array_elements")
        texts = _elements(f"{prefix}_array_elements_text")
        yield Function(f"{prefix}_array_elements", (kind,), kind, elements, rows=True, columns=(("value", kind),))
        yield Function(
            f"{prefix}_array_elements_text",
            (kind,),
            TEXT,
            lambda text, texts=texts: [_bare(item) for item in texts(text)],
            rows=True,
            columns=(("value", TEXT),),
        )
        yield Function(f"{prefix}_object_keys", (kind,), TEXT, _keys(f"{prefix}_object_keys"), rows=True)
        for suffix, as_text in (("", False), ("_text", True)):
            name = f"{prefix}_each{suffix}"
            columns = (("key", TEXT), ("value", TEXT if as_text else kind))
            yield Function(name, (kind,), RECORD, _each(name, kind, as_text), rows=True, columns=columns)
        yield Function(f"{prefix}_extract_path", (kind, TEXT), kind, lambda text, *keys: _found(_path(text, keys)), variadic=True)
        yield Function(
            f"{prefix}_extract_path_text", (kind, TEXT), TEXT, lambda text, *keys: _bare(_path(text, keys)), variadic=True
        )
        made: Callable[[str], str] = (lambda text: text) if kind == JSON else (lambda text: normal(parsed(text)))
        for arguments in ((_TEXTS,), (_TEXTS, _TEXTS)):
            yield Function(f"{prefix}_object", arguments, kind, lambda *arrays, made=made: made(_of_texts(*arrays)))
    yield Function("json_strip_nulls", (JSON,), JSON, lambda text: _compact(_without_nulls(parsed(text))))
    yield Function("jsonb_strip_nulls", (JSONB,), JSONB, lambda text: normal(_without_nulls(parsed(text))))
    yield Function("jsonb_pretty", (JSONB,), TEXT, pretty)
    yield Function("jsonb_set", (JSONB, _TEXTS, JSONB, BOOL), JSONB, _set, optional=1)
    yield Function("jsonb_insert", (JSONB, _TEXTS, JSONB, BOOL), JSONB, _insert, optional=1)
