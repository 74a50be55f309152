"""What reading CQL costs: a known text, a known shape with new literals, a new shape, and the table's loading.

    python bench/cql_parse.py [--seconds 0.5]

Theory: the first must be below a microsecond and the second below twenty on a machine that does nothing else, since they are
paid for each statement that is not prepared; the third is paid once for each shape. Times are of this process's processor, the
least of several rounds; the machine's load is printed, for on a busy one even those grow.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

from hyperdb.frontends.cql.lane import CqlLane
from hyperdb.frontends.cql.parse.cache import Statements
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.parse.text_definitions import render

TEXTS = {
    "SELECT by key": "SELECT a, b, c FROM ks.t WHERE k = {}",
    "INSERT of 11": "INSERT INTO ks.t (a,b,c,d,e,f,g,h,i,j,k) VALUES ({},'a',-2,'b',3,'c',4.5,true,0x12,null,'z')",
    "UPDATE": "UPDATE ks.t USING TTL 60 SET v = 'x', w = w + {{1, 2}}, m['k'] = {} WHERE k = 1 AND c = 'y' IF v = 'z'",
    "BATCH of 10": "BEGIN BATCH " + "INSERT INTO ks.t (k, v) VALUES ({}, 'x'); " * 10 + "APPLY BATCH",
}
CREATE = """CREATE TABLE ks.t (a int, b text STATIC, c frozen<map<text, list<int>>>, PRIMARY KEY ((a, b), c))
    WITH CLUSTERING ORDER BY (c DESC) AND comment = 'x' AND compaction = {'class': 'X'}"""


def least(call: Callable[[int], object], seconds: float, texts: int = 1 << 60) -> float:
    """Microseconds of a call, the least mean of rounds of 100, of at most so many `texts`."""
    best, number = float("inf"), 0
    end = time.perf_counter() + seconds
    while number == 0 or (time.perf_counter() < end and number + 100 < texts):
        start = time.process_time()
        for _ in range(100):
            number += 1
            call(number)
        best = min(best, (time.process_time() - start) * 1e4)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.5)
    seconds = parser.parse_args().seconds
    start = time.process_time()
    grammar = Grammar()
    _ = grammar.machine
    print(f"table loaded   {(time.process_time() - start) * 1e3:8.0f} ms")
    print(f"{'us':14} {'known text':>12} {'known shape':>12} {'new shape':>12} {'written':>12}    load {os.getloadavg()[0]:.1f}")
    for name, text in {**TEXTS, "CREATE TABLE": CREATE}.items():
        statements = Statements(grammar, CqlLane.lift)
        fixed = text if text is CREATE else text.format(*[7] * 10)
        tree = grammar.parse(fixed)
        shaped = [text if text is CREATE else text.format(*[number] * 10) for number in range(100_000)]
        columns = [
            least(lambda _number, known=statements, same=fixed: known.parse(same), seconds),
            float("nan")
            if text is CREATE
            else least(lambda number, known=statements, all=shaped: known.parse(all[number]), seconds, len(shaped)),
            least(lambda _number, same=fixed: grammar.parse(same), seconds),
            least(lambda _number, same=tree: render(same), seconds),
        ]
        print(f"{name:14} " + " ".join(f"{column:12.2f}" for column in columns))


if __name__ == "__main__":
    main()
