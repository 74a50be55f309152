"""What breaking a query of private retrieval costs: learning with errors against known lattice attacks.

Prints the tables of docs/pir-parameters.md. `python bench/lattice.py`; standard library alone, some seconds.

Theory: whoever finds the secret of a query finds a short vector in a lattice, by block reduction (BKZ) whose work grows with the
size beta of its blocks. Three attacks say how large beta must be, four models what it then costs. The shape of a reduced basis is
the geometric series assumption; root Hermite factors are Chen's (2013). The secret is uniform, which is no easier than one drawn
like the errors (Applebaum, Cash, Peikert, Sahai 2009): that form is estimated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import e, lgamma, log, log2, pi, sqrt

LARGEST_BLOCK = 1200


@dataclass(frozen=True)
class Problem:
    """n numbers of a secret, modulus q, deviation of secret and errors, samples that an attacker has."""

    name: str
    n: int
    q: float
    sigma: float
    samples: int


@dataclass(frozen=True)
class Attack:
    """Blocks of `beta` in a lattice of dimension `d`; `final` is the dimension of a last search, if there is one."""

    beta: int
    d: int
    final: int | None = None


def log_delta(beta: int) -> float:
    """Logarithm of the root Hermite factor that blocks of beta reach."""
    return log((pi * beta) ** (1 / beta) * beta / (2 * pi * e)) / (2 * (beta - 1))


def log_ball(dimension: int) -> float:
    """Logarithm of the volume of the unit ball."""
    return dimension / 2 * log(pi) - lgamma(dimension / 2 + 1)


def best_dimension(problem: Problem, beta: int) -> int:
    """The dimension in which blocks of beta are worth most, among those that the samples allow."""
    best = round(sqrt(problem.n * log(problem.q) / log_delta(beta)))
    return min(max(best, problem.n + 2, beta + 1), problem.samples + problem.n + 1)


def log_profile(problem: Problem, beta: int, d: int, place: int) -> float:
    """Logarithm of the length of basis vector `place` (from 0), orthogonal to those before, when blocks of beta are reduced."""
    log_volume = (d - problem.n - 1) * log(problem.q) + log(problem.sigma)
    return log_delta(beta) * (d - 1 - 2 * place) + log_volume / d


def primal_usvp(problem: Problem) -> Attack:
    """The secret as a unique shortest vector (Alkim, Ducas, Poeppelmann, Schwabe 2016; Albrecht and others 2017)."""
    for beta in range(60, LARGEST_BLOCK):
        best = best_dimension(problem, beta)
        if _is_found(problem, beta, best):
            least = range(max(beta + 1, problem.n + 2), best)
            return Attack(beta, next((d for d in least if _is_found(problem, beta, d)), best))
    raise ValueError("no block is large enough")


def _is_found(problem: Problem, beta: int, d: int) -> bool:
    return log(problem.sigma * sqrt(beta)) <= log_profile(problem, beta, d, d - beta)


def primal_bdd(problem: Problem, model: Callable[[int, int], float]) -> Attack:
    """Reduction with smaller blocks, then one search in a larger projected lattice (Albrecht and others' estimator, 2015 on)."""
    unique = primal_usvp(problem)
    best, least = unique, model(unique.beta, unique.d)
    for beta in range(unique.beta - 1, max(60, unique.beta - 40), -1):
        d = best_dimension(problem, beta)
        final = next(dimension for dimension in range(beta, d) if _search_finds(problem, beta, d, dimension))
        cost = sum_bits(model(beta, d), model(final, final + 1))
        if cost < least:
            best, least = Attack(beta, d, final), cost
    return best


def _search_finds(problem: Problem, beta: int, d: int, dimension: int) -> bool:
    mean = sum(log_profile(problem, beta, d, place) for place in (d - dimension, d - 1)) / 2
    return log(problem.sigma * sqrt(dimension)) <= mean - log_ball(dimension) / dimension


def dual(problem: Problem) -> tuple[Attack, float]:
    """Short vectors of the dual lattice as distinguishers, as many as one sieve gives; the second number is log2 of how often it
    must be repeated (Alkim, Ducas, Poeppelmann, Schwabe 2016, section 6.4)."""
    best, least, repeats = Attack(0, 0), float("inf"), 0.0
    for beta in range(60, LARGEST_BLOCK):
        d = min(round(sqrt(problem.n * log(problem.q) / log_delta(beta))), problem.samples + problem.n)
        length = log_delta(beta) * (d - 1) + problem.n / d * log(problem.q)
        log_tau = length + log(problem.sigma) - log(problem.q)
        if log_tau > 3:
            continue
        log_advantage = -2 * pi * pi * e ** (2 * log_tau) / log(2)
        times = max(0.0, -2 * log_advantage - 0.2075 * beta)
        if 0.292 * beta + times < least:
            best, least, repeats = Attack(beta, d), 0.292 * beta + times, times
    return best, repeats


def sum_bits(first: float, second: float) -> float:
    """log2 of the sum of two powers of two."""
    return max(first, second) + log2(1 + 2 ** -abs(first - second))


def core_svp(beta: int, _d: int) -> float:
    """One sieve in a block, nothing else: a lower bound (Becker, Ducas, Gama, Laarhoven 2016)."""
    return 0.292 * beta


def core_svp_quantum(beta: int, _d: int) -> float:
    """The same on a quantum computer with unlimited quantum memory (Chailloux, Loyer 2021)."""
    return 0.257 * beta


def sieve_8d(beta: int, d: int) -> float:
    """Sieving with its constant, eight tours of d blocks: the model of the homomorphic encryption standard (2018)."""
    return 0.292 * beta + 16.4 + log2(8 * d)


def gates(beta: int, d: int) -> float:
    """Gates of progressive BKZ with dimensions for free, list decoding as improved by MATZOV (2022); the fit of its table is that
    of the lattice estimator. Breaking AES-128 takes 2^143 of them (NIST's category 1)."""
    slope, start = 0.29613500308205365, 20.387885985467914
    progressive = 1 / (1 - 2**-slope)
    free = max(beta * log(4 / 3) / log(beta / (2 * pi * e)), 0.0)
    return log2(progressive**2 * max(d - beta, 1)) + slope * (beta - free) + start


KNOWN = (
    Problem("Kyber512", 512, 3329, sqrt(1.5), 512),
    Problem("BCNS", 1024, 2.0**32 - 1, 3.192, 1 << 20),
    Problem("NewHope1024", 1024, 12289, sqrt(8), 1 << 20),
    Problem("JarJar", 512, 12289, sqrt(12), 1 << 20),
)
OURS = tuple(Problem(f"n = {n}", n, 2.0**32, 6.4, 1 << 20) for n in (1024, 1088, 1152, 1216, 1280, 1344, 1408))


def row(problem: Problem) -> str:
    """A line of the table."""
    unique = primal_usvp(problem)
    bdd = primal_bdd(problem, gates)
    bdd_bits = sum_bits(gates(bdd.beta, bdd.d), gates(bdd.final, bdd.final + 1)) if bdd.final else gates(bdd.beta, bdd.d)
    double, repeats = dual(problem)
    bits = [
        core_svp(unique.beta, unique.d),
        core_svp(double.beta, double.d) + repeats,
        core_svp_quantum(unique.beta, unique.d),
        sieve_8d(unique.beta, unique.d),
        gates(unique.beta, unique.d),
        bdd_bits,
    ]
    cells = [problem.name, f"{unique.beta}, {unique.d}", *(f"{value:.1f}" for value in bits)]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    print("| | beta, d | core-SVP, primal | core-SVP, dual | quantum core-SVP | sieve, 8d | gates, uSVP | gates, BDD |")
    print("|---|---|---|---|---|---|---|---|")
    for problem in (*KNOWN, *OURS):
        print(row(problem), flush=True)


if __name__ == "__main__":
    main()
