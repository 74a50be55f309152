"""Commitments: one root over everything, proofs of what is under it, and verifiers.

`hyperdb.commitment.verify` needs nothing of the rest of the package.
"""
