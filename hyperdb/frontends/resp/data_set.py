"""SYNC for those who want the data set and no more: `redis-cli --rdb` and its kin, which say `REPLCONF rdb-only 1` before.

Theory: such a client is promised a file of RDB and nothing behind it, which an export of one moment gives. Invariant: others are
refused, since a replica would take what it got for the beginning of a stream of changes, and there is none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from hyperdb.errors import HyperDBError
from hyperdb.frontends.resp.answers import OK, Answer, Failure
from hyperdb.frontends.resp.control import Client, Control

_SYNTAX = Failure("ERR syntax error")
_NO_REPLICAS = Failure(
    "ERR HyperDB does not replicate: it feeds no other server (REPLCONF rdb-only 1 asks for the data set alone)"
)
_MOST_CLIENTS = 1024
"""So many are remembered from REPLCONF to SYNC, the newest."""


class DataSets:
    """The clients of one server that said what they want."""

    def __init__(self) -> None:
        self._wanted: OrderedDict[int, None] = OrderedDict()

    def replconf(self, _: Control, client: Client, args: Sequence[bytes]) -> Answer:
        """REPLCONF option value [option value ...]: `capa` says what a client understands; `rdb-only` what it wants."""
        if len(args) % 2 == 0:
            return _SYNTAX
        for name, value in zip(args[1::2], args[2::2], strict=True):
            word = name.lower()
            if word == b"rdb-only" and value in (b"0", b"1"):
                self._wanted.pop(client.id, None)
                if value == b"1":
                    self._wanted[client.id] = None
                if len(self._wanted) > _MOST_CLIENTS:
                    self._wanted.popitem(last=False)
            elif word != b"capa":
                return _NO_REPLICAS
        return OK

    def sync(self, control: Control, client: Client, _: Sequence[bytes]) -> Answer:
        """SYNC of a client that wants the data set alone."""
        if client.id not in self._wanted:
            return _NO_REPLICAS
        self._wanted.pop(client.id, None)
        try:
            return control.data_set()
        except HyperDBError as error:
            return Failure(f"ERR {error}")

    def psync(self, _: Control, __: Client, ___: Sequence[bytes]) -> Answer:
        """PSYNC asks for changes, always."""
        return _NO_REPLICAS
