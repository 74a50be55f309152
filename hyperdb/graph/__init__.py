"""The hypergraph for Python: apps, and the typed collections in them."""
