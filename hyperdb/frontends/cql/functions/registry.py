"""All scalar functions by their names, and which one a call means."""

from __future__ import annotations

from hyperdb.frontends.cql.functions import arithmetic, blobs, containers, floors, frames, masks, moments
from hyperdb.frontends.cql.functions.model import Function, Signature, Types
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.names import show

SIGNATURES: dict[str, list[Signature]] = {
    **moments.SIGNATURES,
    **floors.SIGNATURES,
    **blobs.SIGNATURES,
    **arithmetic.SIGNATURES,
    **containers.SIGNATURES,
    **masks.SIGNATURES,
    **frames.SIGNATURES,
}
AGGREGATES = frozenset(["count", "min", "max", "sum", "avg"])


def resolve(name: str, types: Types) -> Function:
    """The function that a call means.

    Raises:
        CqlError: invalid: there is none of the name, none that takes the types, or several.
    """
    signatures = SIGNATURES.get(name)
    if signatures is None:
        raise invalid(f"Unknown function '{name}'")
    found = [function for signature in signatures if (function := signature.make(types)) is not None]
    if len(found) == 1:
        return found[0]
    known = ", ".join(signature.shown for signature in signatures)
    if found:
        raise invalid(
            f"Ambiguous call to function {name} (can be matched by following signatures: {known}): use type casts to disambiguate"
        )
    given = ", ".join("?" if kind is None else show(kind) for kind in types)
    raise invalid(
        f"Invalid call to function {name}, none of its type signatures match ({given}) (known type signatures: {known})"
    )
