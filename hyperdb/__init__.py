"""HyperDB: an embedded hypergraph database that redis-cli and Python use together."""

from hyperdb._native import VERSION as __version__

__all__ = ["__version__"]
