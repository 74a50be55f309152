"""Calls of functions, casts and arithmetic: expressions that compute.

Invariant: a function sees decoded values of exactly its arguments' types; null gives null unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.bind import operators
from hyperdb.frontends.cql.bind.frame import Frame, Row, Value
from hyperdb.frontends.cql.bind.markers import Receiver
from hyperdb.frontends.cql.bind.terms import Expression, NeedsTextError, Terms, kind_of, type_of
from hyperdb.frontends.cql.functions import casts, registry
from hyperdb.frontends.cql.functions.arithmetic import NUMBERS
from hyperdb.frontends.cql.functions.model import Function, Signature
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse import text
from hyperdb.frontends.cql.protocol.reader import Unset
from hyperdb.frontends.cql.types import codec, constants, json_text
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import TEXT, Native, Type
from hyperdb.frontends.cql.types.names import show

_TO_JSON = frozenset({"tojson", "to_json"})
_FROM_JSON = frozenset({"fromjson", "from_json"})
_FROM_BLOB = ("blobas", "blob_as_")
_SYSTEM = "system"


class Expressions(Terms):
    """Binds values and what computes them."""

    def compute(self, term: tm.Term, receiver: Receiver | None) -> Expression:
        """See `Terms`."""
        match term:
            case tm.Call():
                return call(self, term, receiver)
            case tm.CastAs(value, written):
                return _cast(self, value, type_of(written, self.find))
            case tm.Arithmetic(sign, left, right):
                return _arithmetic(self, sign, left, right, receiver)
            case tm.Negated(value):
                return _negated(self, value, receiver)
            case tm.CountRows():
                raise invalid("aggregate functions are not supported here")
            case _:
                return super().compute(term, receiver)


def call(terms: Terms, term: tm.Call, receiver: Receiver | None) -> Expression:
    """A call of a scalar function."""
    if term.keyspace not in (None, _SYSTEM):
        raise invalid(f"Unknown function '{term.keyspace}.{term.name}'")
    if term.name in _FROM_JSON:
        return _from_json(terms, term, receiver)
    if term.name in registry.AGGREGATES:
        raise invalid(f"aggregate functions are not supported here: {text.term(term)}")
    arguments = [terms.infer(part) for part in term.arguments]
    if term.name in _TO_JSON:
        return _to_json(term, arguments)
    kinds = [None if argument is None else argument.type for argument in arguments]
    function = _resolved(term, kinds)
    bound = []
    for number, (part, argument, wanted) in enumerate(zip(term.arguments, arguments, function.arguments, strict=True)):
        is_given = argument is not None and argument.type == wanted
        named = Receiver(f"arg{number}({_SYSTEM}.{term.name})", wanted)
        bound.append(argument if is_given and argument is not None else terms.bind(part, named))
    if term.name.startswith(_FROM_BLOB):
        return _from_blob(function, bound[0])
    return applied(function, bound)


def _resolved(term: tm.Call, kinds: Sequence[Type | None]) -> Function:
    """The function; constants whose likeliest type does not fit may be of another, lists of a vector's numbers a vector."""
    try:
        return registry.resolve(term.name, kinds)
    except CqlError as refused:
        signatures = registry.SIGNATURES.get(term.name)
        error = refused if signatures is None else _mismatch(term, kinds, signatures)
        found = [each for each in (_loosely(term, kinds, signature) for signature in signatures or ()) if each is not None]
        if not found:
            raise error from None
        if len(found) > 1:
            names = (f"{_SYSTEM}.{signature.shown}" for signature in signatures or () if _loosely(term, kinds, signature))
            raise casts.ambiguous(term.name, ", ".join(names)) from None
        return found[0]


def _loosely(term: tm.Call, kinds: Sequence[Type | None], signature: Signature) -> Function | None:
    """The function of a signature, if constants are whatever it takes them for."""
    wanted: Sequence[Type | None] = signature.arguments or [None] * len(kinds)
    if len(wanted) != len(kinds):
        return None
    types: list[Type | None] = []
    for part, kind, need in zip(term.arguments, kinds, wanted, strict=True):
        is_open = isinstance(part, tm.ListTerm) or (
            isinstance(part, tm.Literal) and (need is None or constants.takes(need, kind_of(part)))
        )
        types.append(need if is_open else kind)
    return signature.make(types) if types != list(kinds) else None


def _mismatch(term: tm.Call, kinds: Sequence[Type | None], known: Sequence[Signature]) -> CqlError:
    """What is told of a call that no function takes."""
    name = f"{_SYSTEM}.{term.name}"
    wanted = known[0].arguments
    if len(known) > 1 or (wanted is None and known[0].takes is None):
        shown = ", ".join(f"{_SYSTEM}.{each.shown}" for each in known)
        return invalid(
            f"Invalid call to function {term.name}, none of its type signatures match (known type signatures: {shown})"
        )
    if wanted is None:
        pairs = list(zip(term.arguments, kinds, strict=True))
        part, kind = next(((part, kind) for part, kind in pairs if kind is not None), (None, None))
        if part is None or kind is None:
            return invalid(f"Invalid number of arguments for function {name}({known[0].takes})")
        what = f"found argument {text.term(part)} of type {show(kind)}"
        return invalid(f"Function {name} requires a {known[0].takes} argument, but {what}")
    if len(wanted) != len(kinds):
        return invalid(
            f"Invalid number of arguments in call to function {name}: {len(wanted)} required but {len(kinds)} provided"
        )
    for at, (part, kind, need) in enumerate(zip(term.arguments, kinds, wanted, strict=True)):
        if kind is not None and kind != need:
            return invalid(
                f"Type error: {text.term(part)} cannot be passed as argument {at} of function {name} of type {show(need)}"
            )
    return invalid(f"Invalid call to function {term.name}")


def _from_blob(function: Function, argument: Expression) -> Expression:
    """A blob taken for a value of another type: the same bytes, an empty value too, if they are one."""

    def run(frame: Frame, row: Row) -> Value:
        value = argument.run(frame, row)
        if isinstance(value, bytes):
            function(frame, [value])
        return value

    return Expression(function.returns, run, argument.is_constant)


def applied(function: Function, arguments: Sequence[Expression]) -> Expression:
    """A function of bound arguments."""
    runs = [each.run for each in arguments]
    decoders = [codec.codec(each.type).decode for each in arguments]
    encode = codec.codec(function.returns).encode

    def run(frame: Frame, row: Row) -> Value:
        values: list[Any] = []
        for each, decode in zip(runs, decoders, strict=True):
            value = each(frame, row)
            if isinstance(value, Unset):
                raise invalid(f"Invalid unset value for argument in call to function {function.name}")
            values.append(None if value is None else decode(value))
        found = function(frame, values)
        return None if found is None else encode(found)

    return Expression(function.returns, run, all(each.is_constant for each in arguments))


def _to_json(term: tm.Call, arguments: Sequence[Expression | None]) -> Expression:
    if len(arguments) != 1 or arguments[0] is None:
        raise invalid(f"Invalid number of arguments for function {_SYSTEM}.{term.name}(any)")
    argument = arguments[0]

    def run(frame: Frame, row: Row) -> Value:
        value = argument.run(frame, row)
        assert not isinstance(value, Unset)
        return json_text.write(argument.type, value).encode()

    return Expression(TEXT, run, argument.is_constant)


def _from_json(terms: Terms, term: tm.Call, receiver: Receiver | None) -> Expression:
    if receiver is None:
        raise invalid(f"{term.name}() cannot be used in the selection clause of a SELECT statement")
    if len(term.arguments) != 1:
        raise invalid(f"{term.name}() accepts one argument only")
    argument = terms.bind(term.arguments[0], Receiver(f"arg0({_SYSTEM}.{term.name})", TEXT))
    kind = receiver.type

    def run(frame: Frame, row: Row) -> Value:
        value = argument.run(frame, row)
        if value is None or isinstance(value, Unset):
            return value
        found = json_text.parse(value.decode())
        return None if found is None else json_text.read(kind, found)

    return Expression(kind, run)


def _cast(terms: Terms, value: tm.Term, target: Type) -> Expression:
    argument = terms.infer(value)
    if argument is None:
        raise invalid(f"Cannot infer type for term {text.term(value)} in selection clause (try using a cast to force a type)")
    if argument.type == target:
        return argument
    try:
        convert = casts.cast(argument.type, target)
    except CqlError as error:
        if error.message.startswith("Ambiguous"):
            raise
        if not casts.is_target(target):
            raise invalid(f"{text.term(value)} cannot be cast to {show(target)}") from None
        known = f"none of its type signatures match (known type signatures: {casts.signatures(target)})"
        raise invalid(f"Invalid call to function {_SYSTEM}.cast_as_{show(target)}, {known}") from None
    decode, encode = codec.codec(argument.type).decode, codec.codec(target).encode

    def run(frame: Frame, row: Row) -> Value:
        given = argument.run(frame, row)
        if given is None or isinstance(given, Unset):
            return given
        found = decode(given)
        return None if found is None else encode(convert(found))

    return Expression(target, run, argument.is_constant)


def _operands(terms: Terms, left: tm.Term, right: tm.Term, receiver: Receiver | None) -> tuple[Expression, Expression]:
    """Both operands; a constant or marker is of the other's type, or the receiver's."""
    first, second = terms.infer(left), terms.infer(right)
    if first is not None and second is not None and {first.type, second.type} <= set(NUMBERS):
        # A number that is written has its own type.
        return first, second
    if first is not None and _fits(right, first.type):
        return first, terms.bind(right, Receiver(text.term(right), first.type))
    if second is not None and _fits(left, second.type):
        return terms.bind(left, Receiver(text.term(left), second.type)), second
    if first is None and second is None and receiver is not None:
        return terms.bind(left, receiver), terms.bind(right, receiver)
    if first is None or second is None:
        raise invalid(f"Cannot infer type for term {text.term(left if first is None else right)}")
    return first, second


def _fits(term: tm.Term, kind: Type) -> bool:
    if isinstance(term, tm.Marker):
        return not isinstance(kind, Native) or kind.name not in ("date", "timestamp")
    return isinstance(term, tm.Literal) and (term.kind is tm.Kind.NULL or constants.takes(kind, kind_of(term)))


def _arithmetic(terms: Terms, sign: tm.Sign, left: tm.Term, right: tm.Term, receiver: Receiver | None) -> Expression:
    if isinstance(left, tm.Literal) and isinstance(right, tm.Literal) and receiver is not None and _fits(left, receiver.type):
        first = terms.bind(left, receiver)
        second = terms.bind(right, receiver) if _fits(right, receiver.type) else terms.infer(right)
        if second is None:
            raise NeedsTextError
    else:
        first, second = _operands(terms, left, right, receiver)
    found = operators.operator(sign, first.type, second.type)
    if found is None:
        raise invalid(f"the '{sign.value}' operation is not supported between {text.term(left)} and {text.term(right)}")
    kind, operate = found
    decode_left, decode_right = codec.codec(first.type).decode, codec.codec(second.type).decode
    encode = codec.codec(kind).encode

    def run(frame: Frame, row: Row) -> Value:
        a, b = first.run(frame, row), second.run(frame, row)
        if isinstance(a, Unset) or isinstance(b, Unset):
            raise invalid(f"Invalid unset value in the operation '{text.term(left)} {sign.value} {text.term(right)}'")
        if a is None or b is None:
            return None
        x, y = decode_left(a), decode_right(b)
        if x is None or y is None:
            return None
        try:
            return encode(operate(x, y))
        except ArithmeticError as error:
            raise operators.failed(sign, first.type, second.type, str(error)) from None

    return Expression(kind, run, first.is_constant and second.is_constant)


def _negated(terms: Terms, value: tm.Term, receiver: Receiver | None) -> Expression:
    argument = terms.infer(value)
    if argument is None:
        if receiver is None:
            raise invalid(f"Cannot infer type for term -{text.term(value)}")
        argument = terms.bind(value, receiver)
    if operators.operator(tm.Sign.MINUS, argument.type, argument.type) is None:
        known = ", ".join(f'{_SYSTEM}."_negate" : ({show(kind)}) -> {show(kind)}' for kind in sorted(NUMBERS, key=show))
        raise invalid(
            f"Invalid call to function {_SYSTEM}._negate, none of its type signatures match (known type signatures: {known})"
        )
    of = argument
    decode, encode = codec.codec(of.type).decode, codec.codec(of.type).encode
    found = operators.operator(tm.Sign.TIMES, of.type, of.type)
    assert found is not None
    operate = found[1]

    def run(frame: Frame, row: Row) -> Value:
        given = of.run(frame, row)
        if given is None or isinstance(given, Unset):
            return given
        number = decode(given)
        return None if number is None else encode(operate(number, -1))

    return Expression(of.type, run, of.is_constant)
