"""Oblivious retrieval: a store answers without learning the question.

`pir` is private retrieval from one server on columns of bytes; parameters and what they rest on: docs/pir-parameters.md.
"""
