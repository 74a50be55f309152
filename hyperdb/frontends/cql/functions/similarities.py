"""How similar two vectors are.

Source: the similarity functions of Cassandra 5.0, which scale all three so that the greater is the nearer. Invariant: the result
is finite unless a sum overflows; None where a vector without a length has no direction to compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import mul, sub

Similarity = Callable[[Sequence[float], Sequence[float]], float | None]


def _product(left: Sequence[float], right: Sequence[float]) -> float:
    return math.fsum(map(mul, left, right))


def cosine(left: Sequence[float], right: Sequence[float]) -> float | None:
    """By direction, 0 to 1; None for a vector of zeros."""
    lengths = math.sqrt(_product(left, left) * _product(right, right))
    return (1 + _product(left, right) / lengths) / 2 if lengths else None


def euclidean(left: Sequence[float], right: Sequence[float]) -> float:
    """By distance, 0 to 1."""
    apart = list(map(sub, left, right))
    return 1 / (1 + _product(apart, apart))


def dot_product(left: Sequence[float], right: Sequence[float]) -> float:
    """By direction, of vectors whose length is 1."""
    return (1 + _product(left, right)) / 2


SIMILARITIES: Mapping[str, Similarity] = {"COSINE": cosine, "DOT_PRODUCT": dot_product, "EUCLIDEAN": euclidean}
"""By the names that options of indexes have for them."""
