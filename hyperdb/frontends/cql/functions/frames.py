"""`hyperdb_root()`: the root of the newest frame, or of one by its number, as a blob; null where there is none.

Invariant: what it gives is the `root` of the frame's row in `hyperdb.frames`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyperdb.frontends.cql.functions.model import Environment, Signature, Value, exact
from hyperdb.frontends.cql.types.model import BIGINT, BLOB

_NAME = "hyperdb_root"


def _newest(environment: Environment, _values: Sequence[Value]) -> bytes | None:
    return environment.root(None)


def _of(environment: Environment, values: Sequence[Value]) -> bytes | None:
    return environment.root(values[0])


SIGNATURES: dict[str, list[Signature]] = {
    _NAME: [exact(_NAME, (), BLOB, _newest, pure=False), exact(_NAME, (BIGINT,), BLOB, _of, pure=False)],
}
