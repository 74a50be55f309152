"""TABLESAMPLE: which rows are in the sample.

Theory: each row is in it with the probability asked for, on its own (BERNOULLI). REPEATABLE makes a row's lot a hash of the
seed and the row's key, so it falls the same way while the row is there. Invariant: the same seed and the same row, the same lot.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import BOOL, FLOAT8
from hyperdb.frontends.sql.functions.model import Function

_LOTS = 1 << 64
_LOT_BYTES = 8


def _sampled(percent: float | None, seeded: bool, seed: float | None, *key: Any) -> bool:
    if percent is None:
        raise SqlError("2202H", "TABLESAMPLE parameter cannot be null")
    if not 0 <= percent <= 100:
        raise SqlError("2202H", "sample percentage must be between 0 and 100")
    if not seeded:
        lot = secrets.randbelow(_LOTS)
    elif seed is None:
        raise SqlError("2202G", "TABLESAMPLE REPEATABLE parameter cannot be null")
    else:
        lot = int.from_bytes(hashlib.blake2b(repr((seed, key)).encode(), digest_size=_LOT_BYTES).digest(), "big")
    return lot < percent / 100 * _LOTS


SAMPLED = Function("tablesample", (FLOAT8, BOOL, FLOAT8), BOOL, _sampled, strict=False, volatile=True)
