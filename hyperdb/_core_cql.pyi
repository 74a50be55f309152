# The classes of `_core` that CQL is run by; there is no module of this name when the program runs.
from collections.abc import Callable, Sequence
from typing import TypeAlias, final

from hyperdb._core import CatalogImage, SqlTransaction, Store

_Wire: TypeAlias = Sequence[bytes]
_Slice: TypeAlias = tuple[Sequence[bytes], bool] | None
_Asked: TypeAlias = Sequence[tuple[int, int]]
_WideRow: TypeAlias = tuple[bytes | int | list[int | None] | None, ...]
_WidePage: TypeAlias = tuple[list[_WideRow], bytes | None]

@final
class WideTable:
    def __new__(cls, image: CatalogImage, number: int) -> WideTable: ...
    def token(self, partition: _Wire) -> int: ...
    def examine(self, transaction: SqlTransaction) -> list[tuple[int, str]]: ...
    def claim(self, transaction: SqlTransaction) -> None: ...
    def write(
        self,
        transaction: SqlTransaction,
        partition: _Wire,
        clustering: _Wire,
        write: tuple[int, int, bool],
        moment: tuple[int, int],
        changes: Sequence[tuple[int, str, object]],
    ) -> None: ...
    def remove(
        self, transaction: SqlTransaction, partition: _Wire, clustering: _Wire, timestamp: int, moment: tuple[int, int]
    ) -> None: ...
    def remove_slice(
        self,
        transaction: SqlTransaction,
        partition: _Wire,
        low: _Slice,
        high: _Slice,
        whole: bool,
        timestamp: int,
        moment: tuple[int, int],
    ) -> None: ...
    def fixed(self, transaction: SqlTransaction, partition: _Wire, now: int, columns: _Asked) -> list[_WideRow]: ...
    def rows(
        self,
        transaction: SqlTransaction,
        partition: _Wire,
        low: _Slice,
        high: _Slice,
        reverse: bool,
        after: bytes | None,
        limit: int,
        now: int,
        columns: _Asked,
    ) -> _WidePage: ...
    def scan(
        self,
        transaction: SqlTransaction,
        low: int | None,
        high: int | None,
        after: bytes | None,
        limit: int,
        now: int,
        columns: _Asked,
        per_partition: int | None = None,
    ) -> _WidePage: ...
    def select(
        self,
        transaction: SqlTransaction,
        wanted: Sequence[tuple[_Wire, Sequence[tuple[_Slice, _Slice]], bool]],
        reverse: bool,
        after: tuple[int, int, bytes] | None,
        limit: int,
        per_partition: int | None,
        now: int,
        columns: _Asked,
    ) -> tuple[list[_WideRow], tuple[int, int, bytes] | None]: ...
    def find(
        self,
        transaction: SqlTransaction,
        number: int,
        low: _Slice,
        high: _Slice,
        partition: _Wire | None,
        after: bytes | None,
        limit: int,
        now: int,
        columns: _Asked,
    ) -> _WidePage: ...
    def fill(self, transaction: SqlTransaction, number: int) -> None: ...
    def fill_view(self, transaction: SqlTransaction, number: int) -> None: ...

_Source: TypeAlias = int | bytes | None
_SourceEnd: TypeAlias = tuple[Sequence[_Source], bool] | None

@final
class CqlPlan: ...

@final
class CqlLanes:
    def __new__(cls, store: Store, clock: Callable[[], int] | None) -> CqlLanes: ...
    def select(
        self,
        table: WideTable,
        version: int,
        markers: int,
        partition: Sequence[_Source],
        low: _SourceEnd,
        high: _SourceEnd,
        reverse: bool,
        limit: _Source,
        columns: Sequence[tuple[int, int]],
        metadata: bytes,
        metadata_id: bytes,
    ) -> CqlPlan: ...
    def write(
        self,
        table: WideTable,
        version: int,
        markers: int,
        partition: Sequence[_Source],
        clustering: Sequence[_Source],
        inserts: bool,
        removes: bool,
        changes: Sequence[tuple[int, str, _Source]],
        ttl: _Source,
        timestamp: _Source,
        default_ttl: int,
        grace: int,
        weight: int = 0,
    ) -> CqlPlan: ...
    def recall(self) -> None: ...

@final
class CqlLane:
    def __new__(cls, shared: CqlLanes, version: int, valid: float | None = None) -> CqlLane: ...
    def learn(self, id: bytes, plan: CqlPlan) -> None: ...
    @staticmethod
    def lift(text: str) -> tuple[str, list[tuple[str, str, int]]] | None: ...
    def learn_text(self, keyspace: str, text: str, slots: Sequence[tuple[str, bool]], plan: CqlPlan) -> bool: ...
    def use_keyspace(self, keyspace: str) -> None: ...
    def answer(self, data: bytes) -> tuple[bytes, bytes, bool]: ...
    def notify(self, callback: Callable[[], object]) -> None: ...
    def resume(self) -> tuple[bytes, bytes, bool]: ...
