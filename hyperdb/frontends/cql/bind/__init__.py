"""Statements on rows, from trees to typed plans: names looked up, markers and constants given types, Cassandra's checks made.

Theory: a plan is made once a text and a schema; it is frozen, and what it does with a request's values are closures over a
`Frame`. Invariant: whatever does not depend on values is refused here, in the order and with the words of Cassandra 5.0; plans
know no transaction.
"""
