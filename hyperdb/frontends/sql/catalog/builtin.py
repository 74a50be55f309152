"""pg_catalog and information_schema: relations that are made from the one catalog whenever they are read.

Invariant: nothing of them is stored.
"""

from __future__ import annotations

from hyperdb.frontends.sql.catalog.relations import Catalog, Relation


def built_in_relations(catalog: Catalog) -> dict[tuple[str, str], Relation]:
    """By schema and name."""
    del catalog
    return {}
