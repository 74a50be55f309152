"""Role records in a transaction: read all of them, change one. One set for all languages (docs/file-format.md, Role record).

Invariant: a record is changed under its lock, so of two who change it each sees what the other has done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hyperdb.graph.catalog.tables import Tables, TableTransaction
from hyperdb.graph.store import TransactionOptions
from hyperdb.roles import RECORD_TAG, RoleRecord

_SYSTEM = 0
_HASH_BYTES = 8
_PAGE = 1000


def read_roles(transaction: TableTransaction) -> dict[str, RoleRecord]:
    """The records as a transaction sees them, by name."""
    found: dict[str, RoleRecord] = {}
    after: bytes | None = None
    while True:
        page: list[Any] = list(transaction.elements(_SYSTEM, after, _PAGE))
        for place, _ in page:
            element = place[_HASH_BYTES:]
            if element.startswith(RECORD_TAG):
                record = RoleRecord.decode(transaction.get_vertex(_SYSTEM, element) or b"")
                if record is not None:
                    found[element[len(RECORD_TAG) :].decode()] = record
        if len(page) < _PAGE:
            return found
        after = page[-1][0]


def committed_roles(tables: Tables) -> dict[str, RoleRecord]:
    """The records as they were committed, by name."""
    transaction = tables.begin(TransactionOptions("read committed", True))
    try:
        return read_roles(transaction)
    finally:
        transaction.rollback()


def change_role(transaction: TableTransaction, name: str, change: Callable[[RoleRecord | None], RoleRecord | None]) -> None:
    """Changes a role's record, which is None where there is no such role."""
    element = RECORD_TAG + name.encode()
    transaction.lock_element(_SYSTEM, element, "update", "block")
    data = transaction.get_vertex(_SYSTEM, element)
    before = None if data is None else RoleRecord.decode(data)
    after = change(before)
    if after is None:
        transaction.remove_element(_SYSTEM, element)
    elif after != before:
        transaction.put_vertex(_SYSTEM, element, after.encode())
