"""Roles and privileges: who may do what with which object. Invariant: a superuser passes every check."""
