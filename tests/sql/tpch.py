"""TPC-H for tests and the benchmark: the schema, the queries, and a generator of small data.

Theory: the generator follows the specification's columns and ranges but not its random numbers or texts, and draws the values
that queries ask for more often, so that few rows give answers to all of them. It depends on the seed alone. `bench/tpch.py` takes
the specification's own data at real scales.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.catalog.kinds import BPCHAR, Kind
from hyperdb.frontends.sql.session import SqlSession

Row: TypeAlias = tuple[object, ...]

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "sql" / "tpch"
SCHEMA = "\n".join(line for line in (FOLDER / "schema.sql").read_text().splitlines() if not line.startswith("--"))
TABLES = ("region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem")
_REGIONS = ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST")
_NATIONS = (
    "ALGERIA0 ARGENTINA1 BRAZIL1 CANADA1 EGYPT4 ETHIOPIA0 FRANCE3 GERMANY3 INDIA2 INDONESIA2 IRAN4 IRAQ4 JAPAN2 JORDAN4 KENYA0 "
    "MOROCCO0 MOZAMBIQUE0 PERU1 CHINA2 ROMANIA3 SAUDI_ARABIA4 VIETNAM2 RUSSIA3 UNITED_KINGDOM3 UNITED_STATES1"
).split()
_FREQUENT_NATIONS = (2, 3, 6, 7, 8, 12, 20, 24)
_COLOURS = ("green", "forest", "azure", "ivory", "plum")
_TYPES = (("PROMO", "ECONOMY", "MEDIUM"), ("ANODIZED", "POLISHED"), ("STEEL", "BRASS"))
_BRANDS = ("Brand#12", "Brand#23", "Brand#34", "Brand#45", "Brand#51")
_BOXES = ("SM CASE", "SM BOX", "MED BOX", "MED BAG", "LG CASE", "LG PKG")
_SEGMENTS = ("AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY")
_PRIORITIES = ("1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW")
_MODES = ("REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB")
_INSTRUCTIONS = ("DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN")
_WORDS = ("special", "requests", "furious", "deposits", "Customer", "Complaints", "quick", "ideas")
_EPOCH = date(1970, 1, 1)
_FIRST, _TODAY, _DAYS = date(1992, 1, 1), date(1995, 6, 17), 2405


def queries() -> dict[str, str]:
    """The 22 queries by name."""
    found: dict[str, str] = {}
    name = ""
    for line in (FOLDER / "queries.sql").read_text().splitlines():
        if line.startswith("--"):
            name = line[3:] if line.startswith("-- Q") else ""
        elif name:
            found[name] = found.get(name, "") + line + "\n"
    return {name: text.strip().rstrip(";") for name, text in found.items()}


def _money(source: random.Random, low: int, high: int) -> Decimal:
    return Decimal(source.randint(low, high)).scaleb(-2)


def _words(source: random.Random) -> str:
    return " ".join(source.choices(_WORDS, k=4))


def _phone(source: random.Random, nation: int) -> str:
    return f"{10 + nation}-{source.randint(100, 999)}-{source.randint(100, 999)}-{source.randint(1000, 9999)}"


def generate(orders: int, seed: int) -> dict[str, list[Row]]:
    """The rows of all tables, for so many orders."""
    source = random.Random(seed)
    customers, suppliers, parts = max(orders // 5, 10), max(orders // 40, 8), max(orders // 6, 20)
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    tables["region"] = [(at, name, _words(source)) for at, name in enumerate(_REGIONS)]
    tables["nation"] = [(at, name[:-1].replace("_", " "), int(name[-1]), _words(source)) for at, name in enumerate(_NATIONS)]
    for key in range(1, suppliers + 1):
        nation = _FREQUENT_NATIONS[key % len(_FREQUENT_NATIONS)]
        head = (key, f"Supplier#{key:09}", f"address {key}", nation, _phone(source, nation))
        tables["supplier"].append((*head, _money(source, -99999, 999999), _words(source)))
    for key in range(1, parts + 1):
        name = " ".join(source.sample(_COLOURS, 3))
        kind = " ".join(source.choice(words) for words in _TYPES)
        size = source.choice((1, 3, 5, 9, 14, 15, 15, 49))
        made = (f"Manufacturer#{key % 5 + 1}", source.choice(_BRANDS), kind, size, source.choice(_BOXES))
        tables["part"].append((key, name, *made, _money(source, 90000, 200000), "part"))
        for place in range(4):
            stock = (source.randint(1, 99), _money(source, 100, 100000), _words(source))
            tables["partsupp"].append((key, (key + place * (suppliers // 4)) % suppliers + 1, *stock))
    for key in range(1, customers + 1):
        nation = source.choice(_FREQUENT_NATIONS)
        head = (key, f"Customer#{key:09}", f"address {key}", nation, _phone(source, nation))
        tables["customer"].append((*head, _money(source, -99999, 999999), source.choice(_SEGMENTS), _words(source)))
    for key in range(1, orders + 1):
        _order(source, tables, key, customers, suppliers, parts)
    return tables


def _order(source: random.Random, tables: dict[str, list[Row]], key: int, customers: int, suppliers: int, parts: int) -> None:
    """One order with its lines. A third of the customers order nothing."""
    ordered = _FIRST + timedelta(days=source.randrange(_DAYS))
    total, states = Decimal(0), set()
    # A few orders are large, for Q18.
    large = key % 50 == 0
    for line in range(1, (8 if large else source.randint(1, 7)) + 1):
        part = source.randint(1, parts)
        supplier = (part + source.randrange(4) * (suppliers // 4)) % suppliers + 1
        quantity = Decimal(source.randint(45, 50) if large else source.choice((1, 2, 11, 20, 23, 30, 50)))
        price = (quantity * (90000 + part % 200 * 100)).scaleb(-2)
        shipped = ordered + timedelta(days=source.randint(1, 121))
        promised, received = ordered + timedelta(days=source.randint(30, 90)), shipped + timedelta(days=source.randint(1, 30))
        flag = source.choice("AR") if received <= _TODAY else "N"
        state = "F" if shipped <= _TODAY else "O"
        states.add(state)
        discount, tax = _money(source, 0, 10), _money(source, 0, 8)
        total += price
        figures = (quantity.quantize(Decimal("0.01")), price.quantize(Decimal("0.01")), discount, tax, flag, state)
        days = (shipped, promised, received)
        texts = (source.choice(_INSTRUCTIONS), source.choice(_MODES), _words(source)[:40])
        tables["lineitem"].append((key, part, supplier, line, *figures, *days, *texts))
    customer = source.randint(1, customers)
    customer -= customer % 3 == 0 and customer > 1
    status = states.pop() if len(states) == 1 else "P"
    head = (key, customer, status, total.quantize(Decimal("0.01")), ordered, source.choice(_PRIORITIES))
    tables["orders"].append((*head, f"Clerk#{key % 10:09}", 0, _words(source)))


def inserts(tables: dict[str, list[Row]], rows: int = 200) -> Iterator[str]:
    """INSERT statements, for whoever takes no rows otherwise."""
    for name, found in tables.items():
        for at in range(0, len(found), rows):
            values = ", ".join("(" + ", ".join(map(_literal, row)) + ")" for row in found[at : at + rows])
            yield f"insert into {name} values {values}"


def _literal(value: object) -> str:
    if isinstance(value, date):
        return f"date '{value}'"
    return f"'{value}'" if isinstance(value, str) else str(value)


def fill(session: SqlSession, name: str, rows: Iterable[Row], commit_every: int = 10_000) -> None:
    """Puts rows into a table without a statement for each: their values as Python has them, in the order of its columns."""
    found = session.look(lambda catalog: catalog.relation(catalog.find(name, "public", ()) or 0))
    kinds = [column.kind for column in sorted(found.columns, key=lambda column: column.slot)]
    ready = (tuple(map(_stored, row, kinds)) for row in rows)
    while batch := list(islice(ready, commit_every)):
        session.whole_statement(lambda env, batch=batch: env.transaction.insert(env.session.layout(found, env), batch))
        session.sync(False)


def _stored(value: object, kind: Kind) -> object:
    if isinstance(value, date):
        return (value - _EPOCH).days
    return types.coerce(kind.oid, value, kind.modifier) if kind.oid == BPCHAR else value
