"""`int_as_blob`, `blob_as_int` and their like: the bytes of a value, and back.

Invariant: bytes that are no value of the type are refused, so that nothing stored is.
"""

from __future__ import annotations

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.functions.model import Environment, Run, Signature, Value, exact
from hyperdb.frontends.cql.types import codec
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BLOB, COUNTER, NATIVE, Native


def _to(kind: Native) -> Run:
    def run(_environment: Environment, values: Value) -> Value:
        return codec.encode(kind, values[0])

    return run


def _from(name: str, kind: Native) -> Run:
    def run(_environment: Environment, values: Value) -> Value:
        try:
            return codec.decode(kind, values[0])
        except CqlError:
            shown = "0x" + values[0].hex()
            raise invalid(
                f"In call to function system.{name}, value {shown} is not a valid binary representation for type {kind.name}"
            ) from None

    return run


SIGNATURES: dict[str, list[Signature]] = {}
for _kind in NATIVE.values():
    # Varchar is text under its other name.
    for _name in (_kind.name, "varchar") if _kind.name == "text" else (_kind.name,):
        if _kind not in (BLOB, COUNTER):
            for _to_name, _from_name in ((f"{_name}asblob", f"blobas{_name}"), (f"{_name}_as_blob", f"blob_as_{_name}")):
                SIGNATURES[_to_name] = [exact(_to_name, (_kind,), BLOB, _to(_kind))]
                SIGNATURES[_from_name] = [exact(_from_name, (BLOB,), _kind, _from(_from_name, _kind))]
