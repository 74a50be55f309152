"""Plans run: rows read and filtered, grouped, paged; rows written, conditions decided.

Theory: rows are tuples of the protocol's bytes in the order that the plan asks for, from the store or from a system table alike.
Invariant: a request is one transaction, whole or not at all.
"""
