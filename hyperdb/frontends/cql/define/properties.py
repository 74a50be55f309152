"""What follows WITH, as names with texts or maps of texts, and values of a kind in them.

Theory: Cassandra keeps every option as text until its owner reads it, so `2`, `'2'` and `2.0` may mean the same; how a text is
refused depends on the option. Invariant: every option that was said is asked for, or refused by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.parse.definitions import Property
from hyperdb.frontends.cql.parse.terms import Literal, MapTerm, Term

Value = str | Mapping[str, str]
_TRUE, _FALSE = frozenset(["true", "1", "yes"]), frozenset(["false", "0", "no"])


def syntax(message: str) -> CqlError:
    """An option that cannot be read."""
    return CqlError(ErrorCode.SYNTAX, message)


def _text(term: Term, name: str) -> str:
    if not isinstance(term, Literal):
        raise syntax(f"Invalid value for property '{name}'")
    return term.text


def _value(found: Property) -> Value:
    if isinstance(found.value, Literal):
        return found.value.text
    if isinstance(found.value, MapTerm):
        return {_text(key, found.name): _text(value, found.name) for key, value in found.value.entries}
    if not found.value.items:
        return {}
    raise syntax(f"Invalid value for property '{found.name}'. It should be a map.")


class Properties:
    """Options by name; those that were asked for are not left at the end."""

    def __init__(self, found: Iterable[Property]) -> None:
        """Raises:
        CqlError: syntax: an option that is said twice, or no value.
        """
        self._values: dict[str, Value] = {}
        for each in found:
            if each.name in self._values:
                raise syntax(f"Multiple definitions for property '{each.name}'")
            self._values[each.name] = _value(each)
        self._left = dict(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        """A text, if it was said."""
        self._left.pop(name, None)
        found = self._values.get(name)
        if isinstance(found, Mapping):
            raise syntax(f"Invalid value for property '{name}'. It should be a string")
        return found

    def map(self, name: str) -> Mapping[str, str] | None:
        """A map of texts, if it was said."""
        self._left.pop(name, None)
        found = self._values.get(name)
        if isinstance(found, str):
            raise syntax(f"Invalid value for property '{name}'. It should be a map.")
        return found

    def flag(self, name: str) -> bool | None:
        """A boolean, if it was said."""
        found = self.text(name)
        return None if found is None else flag(name, found)

    def integer(self, name: str) -> int | None:
        """An integer, if it was said."""
        found = self.text(name)
        return None if found is None else integer(name, found)

    def number(self, name: str) -> float | None:
        """A floating-point number, if it was said."""
        found = self.text(name)
        if found is None:
            return None
        try:
            return float(found)
        except ValueError:
            raise syntax(f"Invalid double value {found} for '{name}'") from None

    def end(self) -> None:
        """Refuses what nobody has asked for.

        Raises:
            CqlError: syntax.
        """
        for name in self._left:
            raise syntax(f"Unknown property '{name}'")


def flag(name: str, text: str) -> bool:
    """A boolean of an option."""
    if text.lower() not in _TRUE | _FALSE:
        allowed = "Boolean options can either be one of true, 1, yes, or one of false, 0, no"
        raise syntax(f"Invalid boolean value {text} for '{name}'. {allowed}")
    return text.lower() in _TRUE


def integer(name: str, text: str) -> int:
    """An integer of 32 bits of an option."""
    try:
        found = int(text)
    except ValueError:
        raise syntax(f"Invalid integer value {text} for '{name}'") from None
    if not -(1 << 31) <= found < 1 << 31:
        raise syntax(f"Invalid integer value {text} for '{name}'")
    return found
