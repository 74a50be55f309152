"""Names as they are written in CQL.

Theory: what is not lower case is quoted, what Cassandra reserves (reserved_keywords.txt, 5.0), and its two constants.
Invariant: a quoted name reads as the name, in Cassandra too.
"""

from __future__ import annotations

import re

_NEVER_PLAIN = frozenset(
    """add allow alter and apply asc authorize batch begin by columnfamily create delete desc describe drop entries execute
    from full grant if in index infinity insert into is keyspace limit materialized modify nan norecursive not null of on
    or order primary rename revoke schema select set table to token true false truncate unlogged update use using view
    where with""".split()
)
_PLAIN = re.compile(r"[a-z][a-z0-9_]*")


def quoted(name: str) -> str:
    """A name, between quotes where it would not be read as itself without."""
    if _PLAIN.fullmatch(name) and name not in _NEVER_PLAIN:
        return name
    return '"' + name.replace('"', '""') + '"'
