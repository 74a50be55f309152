"""SQL over sealed frames: AS OF FRAME, proofs that a query's inputs are complete, and whoever checks them.

Theory: a query's answer follows from its text, the definitions of what it names and the rows of the ranges that it reads. The
last two lie in a frame, so bundles prove them complete (docs/proof-format.md); a verifier runs the query again on just that.
Invariant: server and verifier share the binder, the planner and the executor, and differ only in where rows and definitions
come from.
"""
