"""Tier 3's side of the planner: plans as queries of the analytic engine, and when they run there.

    plan  ->  tier (how many rows?)  ->  relational, scalars, calls: text  ->  columnar.Engine

Theory: the row operators say what a plan means. A plan goes to the engine if all of it is on the list in `calls`, `scalars` and
`relational`: types, operators and functions for which the engine gives the same values, scales of numerics included. A plan with
one part that is not on it stays on rows as a whole. Errors are the row operators' too: what fails in the engine is run
again on rows. Invariant: which tier runs a query changes how long it takes, and in what order rows come that no ORDER BY tells
apart, nothing else.
"""
