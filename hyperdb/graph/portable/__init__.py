"""The hypergraph over any storage engine, in Python: what `hyperdb.open(..., engine="memory" | "lmdb")` serves.

Theory: written from the documented meaning and not from the native code, so the two check each other (tests/model). It is small
before it is fast: counts and sizes are taken by walking, a dropped hyperedge's members go with it, and transactions are
optimistic and serializable. Not there: typed views, RESP commands, servers, expiry, row locks; each says so (NotBuiltError).
"""
