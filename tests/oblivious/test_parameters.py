"""docs/pir-parameters.md is what its command prints, and the table of errors is the distribution that it names."""

from __future__ import annotations

import math
import re
import runpy
from decimal import Decimal, getcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "native" / "pir" / "src"


def _constant(name: str) -> str:
    found = re.search(rf"pub const {name}: \w+ = ([^;]+);", (SOURCE / "parameters.rs").read_text())
    assert found
    return found[1]


def test_the_row_of_our_dimension_is_what_the_command_prints() -> None:
    lattice = runpy.run_path(str(ROOT / "bench" / "lattice.py"))
    dimension = int(_constant("DIMENSION"))
    problem = lattice["Problem"](f"n = {dimension}", dimension, 2.0**32, float(_constant("DEVIATION")), 1 << 20)
    row = lattice["row"](problem)
    assert row in (ROOT / "docs" / "pir-parameters.md").read_text().replace("**", "")
    classical = [float(cell) for place, cell in enumerate(row.strip("| ").split(" | ")) if place in (2, 3, 5, 6, 7)]
    assert min(classical) >= 128


def test_core_svp_agrees_with_published_blocks() -> None:
    lattice = runpy.run_path(str(ROOT / "bench" / "lattice.py"))
    kyber = lattice["KNOWN"][0]
    unique = lattice["primal_usvp"](kyber)
    assert (unique.beta, unique.d) == (406, 998)
    assert round(lattice["gates"](unique.beta, unique.d), 1) == 143.8


def test_errors_are_drawn_by_the_exact_table() -> None:
    getcontext().prec = 60
    deviation = Decimal(_constant("DEVIATION"))
    weights = [(-Decimal(size * size) / (2 * deviation * deviation)).exp() * (2 if size else 1) for size in range(200)]
    total, below, expected = sum(weights), Decimal(0), []
    for weight in weights:
        below += weight
        bound = int((below / total * (1 << 63)).to_integral_value())
        if bound >= 1 << 63:
            break
        expected.append(bound)
    table = re.search(r"const SIZES: \[u64; \d+\] = \[([^\]]+)\]", (SOURCE / "gaussian.rs").read_text())
    assert table
    assert [int(entry, 16) for entry in re.findall(r"0x[0-9a-f]+", table[1])] == expected


def test_failures_are_as_rare_as_the_page_says() -> None:
    page = (ROOT / "docs" / "pir-parameters.md").read_text()
    for columns, bits in ((65_536, 755), (262_144, 188), (1 << 20, 46)):
        variance = 6.4**2 + float(_constant("ROUNDING_VARIANCE"))
        exponent = 2.0**46 / (2 * columns * 128**2 * variance) * math.log2(math.e) - 1
        assert math.floor(exponent) == bits
        assert f"2^{bits}" in page
