"""Whether indexes and views of tables made in CQL are what their tables' rows make of them, for `check`.

Theory: both are functions of stored rows, so native code reads each row once, looks up all that follows from it, and counts what
is there. Invariant: nothing is written, and a table that agrees gives no line.
"""

from __future__ import annotations

from collections.abc import Iterator

from hyperdb.errors import HyperDBError
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import Tables, Wide
from hyperdb.graph.transaction import TransactionOptions


def examine(tables: Tables) -> Iterator[str]:
    """What is wrong with the tables made in CQL, as they are committed: a line each."""
    transaction = tables.begin(TransactionOptions("repeatable read"))
    try:
        transaction.open()
        image = transaction.image()
        objects = {number: records.decode(data) for number, data in image.objects()}
        apps = {found.number: found.name for found in objects.values() if isinstance(found, records.App)}
        for number, found in objects.items():
            if not isinstance(found, records.Table) or not found.partition or found.source.base:
                continue
            name = _named(objects[number], apps)
            try:
                flaws = Wide(image, number).examine(transaction.statements)
            except HyperDBError as error:
                yield f"{name}: it cannot be read: {error}"
                continue
            for other, text in flaws:
                what = name if other == number else f"{_named(objects[other], apps)} of {name}"
                yield f"{what} {text}"
    finally:
        transaction.rollback()


def _named(found: records.Object, apps: dict[int, str]) -> str:
    """An object as people know it."""
    if isinstance(found, records.Index):
        return f"index {found.name}"
    assert isinstance(found, records.Table)
    return f"{'view' if found.source.base else 'table'} {apps.get(found.app, '')}.{found.name}"
