"""The interpreter as users have it: py_ecc raises the recursion limit, and nesting that is too deep would not be refused."""

from __future__ import annotations

import sys

_LIMIT = sys.getrecursionlimit()

import py_ecc  # noqa: E402, F401 - loaded first, so that no test's import of it changes the limit again

sys.setrecursionlimit(_LIMIT)
