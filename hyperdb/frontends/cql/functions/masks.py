"""Functions that hide what a column holds.

Theory: a mask's result has its argument's type (a hash: blob), so that a masked column keeps its type. Invariant:
`mask_default` and `mask_null` give the same whatever their argument is, null included.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from hyperdb.frontends.cql.functions.model import Environment, Function, Run, Signature, Types, Value
from hyperdb.frontends.cql.types import codec
from hyperdb.frontends.cql.types.durations import Duration
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import ASCII, BLOB, INT, TEXT, Native, Tuple, Type, Udt, Vector

_HIDDEN = "****"
_DEFAULTS: dict[str, Value] = {
    "ascii": _HIDDEN,
    "text": _HIDDEN,
    "blob": b"",
    "boolean": False,
    "decimal": Decimal(0),
    "double": 0.0,
    "float": 0.0,
    "duration": Duration(0, 0, 0),
    "inet": ipaddress.IPv4Address(0),
    "uuid": UUID(int=0),
    "timeuuid": UUID("13814000-1dd2-11b2-8080-808080808080"),
}
# What Java's security provider calls them.
_DIGESTS = {
    "MD5": "md5",
    "SHA": "sha1",
    "SHA-1": "sha1",
    "SHA-224": "sha224",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
    "SHA-512/224": "sha512_224",
    "SHA-512/256": "sha512_256",
    "SHA3-224": "sha3_224",
    "SHA3-256": "sha3_256",
    "SHA3-384": "sha3_384",
    "SHA3-512": "sha3_512",
}


def default(kind: Type) -> Value:
    """What `mask_default` shows of a type: stars, zero, nothing."""
    match kind:
        case Native(name):
            return _DEFAULTS.get(name, 0)
        case Vector(element, dimension):
            return (default(element),) * dimension
        case Tuple(elements):
            return tuple(default(element) for element in elements)
        case Udt(fields=fields):
            return tuple(default(field.type) for field in fields)
        case _:
            return ()


def _hidden(value: str, begin: int | None, end: int | None, padding: str, *, inner: bool) -> str:
    """The text with its inner or its outer characters replaced."""
    first, last = max(begin or 0, 0), len(value) - max(end or 0, 0)
    return "".join(padding if (first <= place < last) == inner else letter for place, letter in enumerate(value))


def _partial(*, inner: bool) -> Run:
    def run(_environment: Environment, values: Value) -> Value:
        value, begin, end, *rest = values
        if value is None:
            return None
        padding = rest[0] if rest and rest[0] is not None else "*"
        if len(padding) != 1:
            raise invalid("The padding argument for function mask should be single-character")
        return _hidden(value, begin, end, padding, inner=inner)

    return run


def _hash(kind: Type) -> Run:
    def run(_environment: Environment, values: Value) -> Value:
        if values[0] is None:
            return None
        name = values[1] if len(values) > 1 and values[1] is not None else "SHA-256"
        digest = _DIGESTS.get(name.upper())
        if digest is None:
            raise invalid(f"Hash algorithm not found: {name}")
        return hashlib.new(digest, codec.codec(kind).encode(values[0])).digest()

    return run


def _fits(types: Types, wanted: tuple[Type, ...]) -> bool:
    return all(given is None or given == kind for given, kind in zip(types, wanted, strict=True))


def _signature(name: str, shown: str, of: Callable[[Type, Types], tuple[tuple[Type, ...], Type, Run] | None]) -> Signature:
    def make(types: Types) -> Function | None:
        first: Any = types[0] if types else None
        found = None if first is None else of(first, types)
        if found is None or len(found[0]) != len(types) or not _fits(types, found[0]):
            return None
        return Function(name, found[0], found[1], found[2], nulls=True)

    return Signature(f"{name} : {shown}", make)


def _part(*, inner: bool) -> Callable[[Type, Types], tuple[tuple[Type, ...], Type, Run] | None]:
    def of(kind: Type, types: Types) -> tuple[tuple[Type, ...], Type, Run] | None:
        if kind not in (ASCII, TEXT):
            return None
        return (kind, INT, INT, TEXT)[: max(len(types), 3)], kind, _partial(inner=inner)

    return of


SIGNATURES = {
    "mask_null": [
        _signature("mask_null", "(any) -> any", lambda kind, _types: ((kind,), kind, lambda _environment, _values: None))
    ],
    "mask_default": [
        _signature(
            "mask_default", "(any) -> any", lambda kind, _types: ((kind,), kind, lambda _environment, _values: default(kind))
        )
    ],
    "mask_replace": [
        _signature(
            "mask_replace",
            "(any, same) -> any",
            lambda kind, _types: ((kind, kind), kind, lambda _environment, values: values[1]),
        )
    ],
    "mask_inner": [_signature("mask_inner", "(text, int, int, [text]) -> text", _part(inner=True))],
    "mask_outer": [_signature("mask_outer", "(text, int, int, [text]) -> text", _part(inner=False))],
    "mask_hash": [
        _signature(
            "mask_hash", "(any, [text]) -> blob", lambda kind, types: ((kind, TEXT)[: max(len(types), 1)], BLOB, _hash(kind))
        )
    ],
}
