"""SQL in the host process: PEP 249's connections and cursors, and whole results for `db.sql`, over sessions without a wire.

Invariant: what a statement means is the session's business alone; here Python's values become the engine's and back.
"""
