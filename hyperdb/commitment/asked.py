"""What people ask to have proved, by the names that the command line and Redis clients use, as queries.

Theory: a form is a kind of query (docs/proof-format.md, Claim); keys, a member's name and bounds fill it. Invariant: whatever is
refused here is refused before a frame is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hyperdb.commitment.verify import (
    Bounds,
    Count,
    Element,
    ElementCount,
    Elements,
    Incidence,
    IncidenceCount,
    Member,
    Query,
    RemovedElement,
    RemovedMember,
    Rows,
)
from hyperdb.errors import InvalidError


@dataclass(frozen=True)
class Form:
    """A kind of proof."""

    queries: Callable[[bytes, bytes, Bounds], tuple[Query, ...]]
    """Of a key, a member's name and bounds; of several queries the first that holds."""
    ranges: bool = False
    of_keys: bool = True
    of_members: bool = False


_FORMS: Mapping[str, Form] = {
    "element": Form(lambda key, _, __: (Element(key),)),
    "member": Form(lambda key, name, _: (Member(key, name),), of_members=True),
    "rows": Form(lambda key, _, within: (Rows(key, within),), ranges=True),
    "count": Form(lambda key, _, within: (Count(key, within),), ranges=True),
    "elements": Form(lambda _, __, within: (Elements(within),), ranges=True, of_keys=False),
    "element count": Form(lambda _, __, within: (ElementCount(within),), ranges=True, of_keys=False),
    "incidence": Form(lambda key, _, __: (Incidence(key),)),
    "incidence count": Form(lambda key, _, __: (IncidenceCount(key),)),
    "removed": Form(lambda key, _, __: (RemovedElement(key, hyperedge=False), RemovedElement(key, hyperedge=True))),
    "removed member": Form(lambda key, name, _: (RemovedMember(key, name),), of_members=True),
}


@dataclass(frozen=True)
class Asked:
    """What is to be proved: a form, of these keys, each within these bounds."""

    form: str
    keys: Sequence[bytes] = ()
    field: bytes | None = None
    """One member of each key: a field, an order key, the index of a list."""
    low: bytes | None = None
    below: bytes | None = None
    """A range as `hyperdb.commitment.bounds` takes it."""

    @property
    def ranged(self) -> bool:
        """Whether there are bounds."""
        return self.low is not None or self.below is not None

    def checked(self) -> Form:
        """The form, to which everything else belongs.

        Raises:
            InvalidError: there is no such form, or it takes no keys, field or bounds, or needs what is missing.
        """
        form = _FORMS.get(self.form)
        if form is None:
            raise InvalidError(f"there is no proof of the form '{self.form[:64]}'")
        if form.of_keys != bool(self.keys):
            raise InvalidError(f"a proof of the form '{self.form}' {'needs a key' if form.of_keys else 'is of no key'}")
        if form.of_members != (self.field is not None):
            raise InvalidError(f"a proof of the form '{self.form}' {'needs a field' if form.of_members else 'is of no field'}")
        if self.ranged and not form.ranges:
            raise InvalidError("bounds go with all members or elements, or with how many there are")
        return form
