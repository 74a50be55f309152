"""An app on a portable engine: what `hyperdb.App` does natively by commands, by the graph's own calls.

Invariant: what is not there says which engine has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import translate
from itertools import chain
from re import compile as pattern_of
from typing import TYPE_CHECKING, NoReturn

from hyperdb.errors import NotBuiltError
from hyperdb.graph.app import App, Id
from hyperdb.graph.members import encoded

if TYPE_CHECKING:
    from hyperdb.database import Database
    from hyperdb.graph.portable.store import PortableApp


class PortableAppView(App):
    """An app without typed views and commands."""

    def __init__(self, database: Database, name: str, graph: PortableApp) -> None:
        super().__init__(database, name, graph)
        self._portable = graph

    def put(self, id: Id, value: bytes | str) -> None:  # noqa: A002
        """Adds vertex `id`, replacing whatever the id named."""
        self._portable.put_vertex(encoded(id), encoded(value))

    def remove(self, id: Id) -> bool:  # noqa: A002
        """Removes the element with all its members; whether it was there. Memberships of it stay and dangle."""
        return self._portable.remove_element(encoded(id))

    def __contains__(self, id: Id) -> bool:  # noqa: A002
        return self.kind(id) is not None

    def __len__(self) -> int:
        return self.count()

    def ids(self, pattern: Id = b"*") -> Iterator[bytes]:
        """Ids that match a glob pattern, of one moment; lazily."""
        matches = pattern_of(translate(encoded(pattern).decode("latin-1"))).match
        found = chain(self.vertices(), self.hyperedges())
        return (id for id in found if matches(id.decode("latin-1")))  # noqa: A001

    def hash(self, id: Id) -> NoReturn:  # noqa: A002
        """Refused, as the other typed views are.

        Raises:
            NotBuiltError: typed views are Redis's commands, which the native engine runs.
        """
        raise NotBuiltError(f"{id!r}: typed views (hash, set, list, sorted set) need the native engine")

    set = list = sorted_set = hash  # noqa: A003
