"""What STARTUP may ask for, and what SUPPORTED tells of it (specification, sections 4.1.1 and 4.2.4).

Invariant: whatever SUPPORTED lists, STARTUP may ask for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hyperdb.frontends.cql.protocol.compression import COMPRESSIONS, Compression
from hyperdb.frontends.cql.protocol.reader import broken
from hyperdb.frontends.cql.protocol.requests import Startup
from hyperdb.frontends.cql.protocol.responses import Supported
from hyperdb.frontends.cql.protocol.versions import NAMES, V5

CQL_VERSION = "3.4.7"
"""Of the language, as Cassandra 5.0 has it."""
_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:[.\-+~].*)?", re.DOTALL)
_OLDEST_CQL = (3, 0)


def supported(more: Mapping[str, tuple[str, ...]] | None = None) -> Supported:
    """The answer to OPTIONS; `more` are further options of the server."""
    options = {"PROTOCOL_VERSIONS": NAMES, "COMPRESSION": tuple(COMPRESSIONS), "CQL_VERSION": (CQL_VERSION,)}
    return Supported({**options, **(more or {})})


def compression(startup: Startup, version: int) -> Compression | None:
    """Checks what every STARTUP says, and gives how bodies will be packed.

    Raises:
        CqlError: protocol, for a version of CQL or a compression that there is not.
    """
    asked = startup.options.get("CQL_VERSION")
    if asked is None:
        raise broken("Missing value CQL_VERSION in STARTUP message")
    found = _VERSION.fullmatch(asked)
    if found is None:
        raise broken(f"Invalid version value: {asked}")
    if (int(found[1]), int(found[2])) < _OLDEST_CQL:
        raise broken(f"CQL version {asked} is not supported by the binary protocol (supported version are >= 3.0.0)")
    name = startup.options.get("COMPRESSION")
    if not name:
        return None
    chosen = COMPRESSIONS.get(name.lower())
    if chosen is None:
        raise broken(f"Unknown compression algorithm: {name}")
    if version >= V5 and chosen.name != "lz4":
        raise broken(f"{name} compression is not supported in protocol V5")
    return chosen
