"""How little a store may learn of a SELECT: the level in a request's payload, or else in the table's options.

Theory: `hyperdb.privacy` stands in the custom payload of a request, or for clients without payloads (cqlsh) among the table's
`extensions`; what the request says counts. Changes are not reads, so a table's level says nothing of them. Invariant: a level
that cannot be kept is refused, and never taken for a lower one.
"""

from __future__ import annotations

from hyperdb.errors import CqlError, InvalidError
from hyperdb.frontends.cql.contract import Context
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.schema.options import PRIVACY
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.oblivious.levels import Level, Plain, parse_level


def level_of(said: bytes) -> Level:
    """A level as it was said.

    Raises:
        CqlError: invalid: it is none.
    """
    try:
        return parse_level(said.decode(errors="replace"))
    except InvalidError as error:
        raise invalid(f"{PRIVACY}: {error}") from None


def _refusal(level: Level, by: str) -> CqlError:
    return invalid(
        f"{PRIVACY}: level '{level}'{by} cannot be kept here: this port is the store's own, and learns what it is asked; "
        "run `hyperdb serve --remote URL --privacy LEVEL` on your own machine, and ask that"
    )


def check_payload(context: Context) -> None:
    """Refuses a request whose payload asks for what is not kept.

    Raises:
        CqlError: invalid.
    """
    said = context.payload.get(PRIVACY)
    level = Plain() if said is None else level_of(said)
    if not isinstance(level, Plain):
        raise _refusal(level, "")


def check_table(context: Context, served: Served) -> None:
    """Refuses a SELECT from a table whose own level is not kept, unless its payload says another.

    Raises:
        CqlError: invalid.
    """
    said = served.privacy
    if said is not None and PRIVACY not in context.payload:
        level = level_of(said)
        if not isinstance(level, Plain):
            raise _refusal(level, f", which {served.keyspace}.{served.name} asks for,")
