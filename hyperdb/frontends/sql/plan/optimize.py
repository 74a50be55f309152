"""Better plans for the same rows: conditions go to where their columns are, joins get keys and an order, scans get ranges.

Theory: inner joins are taken apart into their inputs and the conditions between them, and put together anew: the input that
is most restricted first, then always one that an equality joins to what is there (so cross products come last). Conditions on
one input are filters on it; equalities and bounds on the first columns of a key or an index become its range. Invariant:
columns come out in the order in which they were; what an outer join says is not changed by what is above it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeGuard

from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.descent import descends
from hyperdb.frontends.sql.plan.expressions import (
    Compare,
    Const,
    Expr,
    Or,
    Outer,
    Parameter,
    Slot,
    Subquery,
    conjunction,
    conjuncts,
    moved,
    rewrite,
    slots,
)
from hyperdb.frontends.sql.plan.lookup import lookup
from hyperdb.frontends.sql.plan.nodes import Aggregate, Bound, Filter, Join, Lock, Plan, Project, Scan, Shared, Virtual
from hyperdb.frontends.sql.plan.restrict import bounds, kept_count, restrict
from hyperdb.graph.catalog import records


class Optimizer:
    """One statement's plan; shared plans are done once. `by_key`: tables are read by their keys alone."""

    def __init__(self, *, by_key: bool = False) -> None:
        self._by_key = by_key
        self._shared: dict[int, Shared] = {}

    @descends
    def plan(self, plan: Plan) -> Plan:
        """The better plan."""
        if isinstance(plan, Shared):
            found = self._shared.get(id(plan))
            if found is None:
                found = self._shared[id(plan)] = replace(plan, child=self.plan(plan.child))
            return found
        if isinstance(plan, Filter):
            return self._filtered(plan.child, conjuncts(plan.condition))
        if _is_open(plan):
            return self._filtered(plan, [])
        return self._inside(plan)

    def _inside(self, plan: Plan) -> Plan:
        """The same node over better children."""
        changed: dict[str, Any] = {}
        for each in fields(plan):
            value = getattr(plan, each.name)
            after = self._part(value)
            if after is not value:
                changed[each.name] = after
        made = replace(plan, **changed) if changed else plan
        if isinstance(made, Aggregate):
            return kept_count(made)
        return self._keyed(made) if isinstance(made, Join) else made

    def _keyed(self, join: Join) -> Join:
        """With its keys, and how rows may be looked up by them."""
        made = _with_keys(join)
        return made if self._by_key else replace(made, lookup=lookup(made))

    def _part(self, value: Any) -> Any:
        if isinstance(value, Plan):
            return self.plan(value)
        if isinstance(value, Expr):
            return self.expression(value)
        if isinstance(value, tuple) and value:
            items = tuple(self._part(item) for item in value)
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        return value

    def expression(self, expr: Expr) -> Expr:
        """The same expression over better subqueries."""

        def change(part: Expr) -> Expr | None:
            if not isinstance(part, Subquery):
                return None
            argument = None if part.argument is None else self.expression(part.argument)
            captures = tuple(self.expression(each) for each in part.captures)
            return replace(part, plan=self.plan(part.plan), captures=captures, argument=argument)

        return rewrite(expr, change)

    def _filtered(self, child: Plan, conditions: list[Expr]) -> Plan:
        """A filter over anything, with the joins under it."""
        inputs: list[_Input] = []
        found = list(conditions)
        _flatten(child, 0, inputs, found)
        found = [self.expression(each) for each in _implied(found)]
        if len(inputs) == 1:
            return self._restricted(inputs[0].plan, found)
        for each in inputs:
            each.plan = self.plan(each.plan)
        return self._joined(inputs, found, child.width)

    def _restricted(self, plan: Plan, conditions: list[Expr]) -> Plan:
        """Conditions on one input: into a join's sides, into a scan's range, or above."""
        if isinstance(plan, Filter):
            return self._restricted(plan.child, conjuncts(plan.condition) + conditions)
        if isinstance(plan, Lock):
            return replace(plan, child=self._restricted(plan.child, conditions))
        if isinstance(plan, Scan) and plan.low is None and plan.high is None:
            scan = choose(plan, conditions, by_key=self._by_key)
            return _filter(scan, conditions)
        if isinstance(plan, Virtual) and plan.relation.restricted is not None and not plan.given:
            return _filter(restrict(plan, conditions), conditions)
        if isinstance(plan, Join) and plan.form == "left":
            own = [each for each in conditions if slots(each) and max(slots(each)) < plan.left.width]
            rest = [each for each in conditions if each not in own]
            if own:
                return _filter(self._inside(replace(plan, left=_filter(plan.left, own))), rest)
        return _filter(self.plan(plan) if not isinstance(plan, Scan) else plan, conditions)

    def _joined(self, inputs: list[_Input], conditions: list[Expr], width: int) -> Plan:
        """Inner joins in a good order."""
        owner = [number for number, each in enumerate(inputs) for _ in range(each.plan.width)]
        own: list[list[Expr]] = [[] for _ in inputs]
        tests = _Tests()
        for condition in conditions:
            used = {owner[slot] for slot in slots(condition)}
            if len(used) == 1:
                own[used.pop()].append(condition)
            else:
                tests.add(condition, used, owner)
        for each, alone in zip(inputs, own, strict=True):
            each.plan = self._restricted(each.plan, [_shifted(test, -each.base) for test in alone])
            each.score = _score(each.plan, alone)
        places: dict[int, int] = {}
        waiting = set(range(len(inputs)))
        plan: Plan | None = None
        while waiting:
            number = min(tests.linked & waiting or waiting, key=lambda each: (inputs[each].score, each))
            waiting.remove(number)
            following, offset = inputs[number], plan.width if plan is not None else 0
            places.update({following.base + at: offset + at for at in range(following.plan.width)})
            tests.place(number)
            if plan is None:
                plan = following.plan
                continue
            together = conjunction([moved(test, places.__getitem__) for test in tests.ready()])
            plan = self._keyed(Join(offset + following.plan.width, "inner", plan, following.plan, (), together))
        assert plan is not None, "joins have inputs"
        if all(at == place for at, place in places.items()):
            return plan
        # Columns that are only moved need no type.
        return Project(width, plan, tuple(Slot(kinds.Kind(kinds.UNKNOWN), places[at]) for at in range(width)))


@dataclass(slots=True)
class _Test:
    """A condition between inputs, by their numbers: those not in the join yet, and the two sides of an equality."""

    condition: Expr
    missing: set[int]
    sides: tuple[frozenset[int], frozenset[int]] | None

    def links(self) -> int | None:
        """The one input that the equality joins to what is there."""
        if self.sides is None:
            return None
        for there, new in (self.sides, self.sides[::-1]):
            if there and len(new) == 1 and new <= self.missing and not there & self.missing:
                return next(iter(new))
        return None


class _Tests:
    """Conditions between inputs, each looked at only when an input that it names joins: queries name up to a hundred."""

    def __init__(self) -> None:
        self._of: dict[int, list[_Test]] = {}
        self._ready: list[Expr] = []
        self.linked: set[int] = set()

    def add(self, condition: Expr, used: set[int], owner: list[int]) -> None:
        """A condition that names the inputs `used`; `owner` is the input of each slot."""
        sides = None
        if isinstance(condition, Compare) and condition.sign == "=":
            one, other = ({owner[slot] for slot in slots(side)} for side in (condition.left, condition.right))
            sides = (frozenset(one), frozenset(other))
        test = _Test(condition, set(used), sides)
        for number in used:
            self._of.setdefault(number, []).append(test)
        if not used:
            self._ready.append(condition)

    def place(self, number: int) -> None:
        """An input is part of the join now."""
        for test in self._of.get(number, ()):
            test.missing.discard(number)
            if not test.missing:
                self._ready.append(test.condition)
            elif (linked := test.links()) is not None:
                self.linked.add(linked)

    def ready(self) -> list[Expr]:
        """Conditions that can be asked now, each told once."""
        ready, self._ready = self._ready, []
        return ready


@dataclass(slots=True)
class _Input:
    """An input of inner joins; `base` is where its columns begin in the row as it was."""

    plan: Plan
    base: int
    score: int = 0


def _is_open(plan: Plan) -> TypeGuard[Join]:
    """Whether it is an inner join to be put together anew; one with keys has been, and its condition is no longer all of it."""
    return isinstance(plan, Join) and plan.form == "inner" and not plan.keys


def _flatten(plan: Plan, base: int, inputs: list[_Input], conditions: list[Expr]) -> None:
    """The inputs of inner joins from left to right, and the conditions between them."""
    if _is_open(plan):
        _flatten(plan.left, base, inputs, conditions)
        _flatten(plan.right, base + plan.left.width, inputs, conditions)
        conditions += [moved(each, lambda place: place + base) for each in conjuncts(plan.condition)]
    elif isinstance(plan, Filter) and _is_open(plan.child):
        conditions += [moved(each, lambda place: place + base) for each in conjuncts(plan.condition)]
        _flatten(plan.child, base, inputs, conditions)
    else:
        inputs.append(_Input(plan, base))


def _shifted(expr: Expr, by: int) -> Expr:
    """The same over a row whose columns begin elsewhere."""
    return moved(expr, lambda place: place + by)


def _implied(conditions: list[Expr]) -> list[Expr]:
    """With what every branch of an OR says taken out of it."""
    found: list[Expr] = []
    for each in conditions:
        if isinstance(each, Or):
            branches = [conjuncts(branch) for branch in each.arguments]
            common = [test for test in branches[0] if all(test in other for other in branches[1:])]
            found += [test for test in common if test not in found]
        found.append(each)
    return found


def _filter(plan: Plan, conditions: list[Expr]) -> Plan:
    condition = conjunction(conditions)
    return plan if condition is None else Filter(plan.width, plan, condition)


def _score(plan: Plan, conditions: list[Expr]) -> int:
    """Smaller: fewer rows are to be expected."""
    inner = plan.child if isinstance(plan, Filter) else plan
    if isinstance(inner, Scan) and inner.low is not None:
        return 1 if inner.high is not None and inner.low.values == inner.high.values else 20
    equal = sum(isinstance(test, Compare) and test.sign == "=" for test in conditions)
    return 100 - 20 * min(equal, 3) - 5 * min(len(conditions), 4)


def _with_keys(join: Join) -> Join:
    """Equalities between both sides as the join's keys."""
    width = join.left.width
    keys, rest = list(join.keys), []
    for test in conjuncts(join.condition):
        pair = _pair(test, width)
        if pair is None:
            rest.append(test)
        else:
            keys.append(pair)
    return replace(join, keys=tuple(keys), condition=conjunction(rest))


def _pair(test: Expr, width: int) -> tuple[Expr, Expr] | None:
    if not isinstance(test, Compare) or test.sign != "=":
        return None
    for one, other in ((test.left, test.right), (test.right, test.left)):
        left, right = slots(one), slots(other)
        if left and right and max(left) < width and min(right) >= width:
            kind = kinds.Kind(test.by)
            pair = (one, moved(other, lambda place: place - width))
            return tuple(_typed(each, kind) for each in pair)  # type: ignore[return-value]
    return None


def _typed(expr: Expr, kind: kinds.Kind) -> Expr:
    """Hashed by the type in which both sides are compared."""
    return replace(expr, kind=kind) if isinstance(expr, Slot | Const | Parameter | Outer) else expr


def choose(scan: Scan, conditions: list[Expr], *, by_key: bool = False) -> Scan:
    """The range of the key or of the index that the conditions restrict most. They are all asked again above."""
    relation = scan.relation
    by_slot: dict[int, list[tuple[str, Expr]]] = {}
    for test in conditions:
        for slot, sign, value in bounds(test):
            by_slot.setdefault(slot, []).append((sign, value))
    if not by_slot:
        return scan
    best, score = scan, 0
    candidates: list[tuple[int | None, tuple[records.KeyColumn, ...], bool]] = [(None, relation.table.key, True)]
    for number, index in relation.indexes:
        if not index.building and not index.predicate and not by_key:
            candidates.append((number, index.columns, index.unique))
    for chosen, columns, unique in candidates:
        found, worth = _range(scan, chosen, columns, by_slot, relation.slot_of, unique)
        if worth > score:
            best, score = found, worth
    return best


def _range(
    scan: Scan,
    number: int | None,
    columns: tuple[records.KeyColumn, ...],
    by_slot: dict[int, list[tuple[str, Expr]]],
    slot_of: dict[int, int],
    unique: bool,
) -> tuple[Scan, int]:
    """The range of one index, and how much it restricts."""
    values: list[Expr] = []
    for part in columns:
        known = by_slot.get(slot_of.get(part.column, -1), []) if part.column else []
        equal = [value for sign, value in known if sign == "="]
        if not equal:
            break
        values.append(equal[0])
    low: Bound | None = Bound(tuple(values), True) if values else None
    high = low
    worth = 10 * len(values) + (100 if unique and len(values) == len(columns) else 0)
    if len(values) < len(columns):
        part = columns[len(values)]
        known = by_slot.get(slot_of.get(part.column, -1), []) if part.column else []
        for sign, value in known:
            bound = Bound((*values, value), sign in ("<=", ">="))
            if (sign in (">", ">=")) is not part.descending:
                low = bound
                worth += 3
            else:
                high = bound
                worth += 3
    if worth == 0:
        return scan, 0
    return replace(scan, index=number, low=low, high=high), worth
