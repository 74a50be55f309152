"""Statements as text and back: whatever tree there is, its text reads as the same tree."""

from __future__ import annotations

import cql_trees
from hypothesis import given, settings

from hyperdb.frontends.cql.parse.parser import Grammar, Statement
from hyperdb.frontends.cql.parse.text_definitions import render


def check(cql: Grammar, tree: Statement) -> None:
    text = render(tree)
    found = cql.parse(text)
    assert found == tree, text
    assert render(found) == text


@settings(max_examples=40, deadline=None)
@given(tree=cql_trees.data)
def test_statements_on_rows(cql: Grammar, tree: Statement) -> None:
    check(cql, tree)


@settings(max_examples=40, deadline=None)
@given(tree=cql_trees.definitions)
def test_definitions(cql: Grammar, tree: Statement) -> None:
    check(cql, tree)


@settings(max_examples=40, deadline=None)
@given(tree=cql_trees.access)
def test_roles_permissions_describe(cql: Grammar, tree: Statement) -> None:
    check(cql, tree)
