"""CREATE, ALTER and DROP KEYSPACE.

Theory: there is one node, so what is said of replication is checked as Cassandra checks it, kept, and shown. A keyspace is an app
of the store, which SQL knows as a schema. Invariant: replication is kept in the form that Cassandra shows it in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hyperdb.frontends.cql.define.context import Context, change, is_name, translated
from hyperdb.frontends.cql.define.properties import Properties
from hyperdb.frontends.cql.describe.create import types_in_order
from hyperdb.frontends.cql.parse.definitions import AlterKeyspace, CreateKeyspace, DropKeyspace
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.schema import options
from hyperdb.frontends.cql.schema.faults import config, keyspace_exists
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import TableTransaction

DATA_CENTER = "datacenter1"
_PACKAGE = "org.apache.cassandra.locator."
_SIMPLE, _TOPOLOGY, _LOCAL = "SimpleStrategy", "NetworkTopologyStrategy", "LocalStrategy"
_FACTOR = "replication_factor"
_DEFAULT_FACTOR = "1"
_RANKS: dict[type[records.Object], int] = {records.View: 0, records.Table: 1, records.Sequence: 2, records.UserType: 3}


def create(context: Context, statement: CreateKeyspace) -> SchemaChange | None:
    """CREATE KEYSPACE."""
    properties = Properties(statement.properties)
    if not is_name(statement.name):
        what = "must not be empty, more than 48 characters long, or contain non-alphanumeric-underscore characters"
        raise invalid(f'Keyspace name {what} (got "{statement.name}")')
    context.changeable(statement.name)
    said = properties.map("replication")
    durable_writes = properties.flag("durable_writes")
    properties.end()
    if said is None:
        raise config("Missing mandatory option 'replication'")
    kept = replication(said, statement.name, context.warnings)
    if context.schema.has_keyspace(statement.name):
        if statement.if_not_exists:
            return None
        raise keyspace_exists(statement.name)
    make(context, statement.name, kept, durable_writes=durable_writes is not False)
    return change("CREATED", "KEYSPACE", statement.name)


def make(context: Context, name: str, kept: Mapping[str, str], *, durable_writes: bool) -> None:
    """A keyspace that is checked."""
    with translated(name):
        number = context.transaction.app(name.encode())
    assert number is not None
    context.create(records.App(number=number, name=name, options=options.write_keyspace(kept, durable_writes)))


def alter(context: Context, statement: AlterKeyspace) -> SchemaChange | None:
    """ALTER KEYSPACE."""
    properties = Properties(statement.properties)
    context.changeable(statement.name)
    said = properties.map("replication")
    durable_writes = properties.flag("durable_writes")
    properties.end()
    number = context.schema.numbers.get(statement.name)
    if number is None:
        if statement.if_exists:
            return None
        raise invalid(f"Keyspace '{statement.name}' doesn't exist")
    found = _locked_app(context, number)
    before = options.read_keyspace(found.options)
    kept = before[0] if said is None else replication(said, statement.name, context.warnings)
    durable = before[1] if durable_writes is None else durable_writes
    context.alter(number, replace(found, options=options.write_keyspace(kept, durable)))
    return change("UPDATED", "KEYSPACE", statement.name)


def _locked_app(context: Context, number: int) -> records.App:
    found = context.locked(number)
    assert isinstance(found, records.App)
    return found


def drop(context: Context, statement: DropKeyspace) -> SchemaChange | None:
    """DROP KEYSPACE, with all that lies in it."""
    context.changeable(statement.name)
    number = context.schema.numbers.get(statement.name)
    if number is None:
        if statement.if_exists:
            return None
        raise invalid(f"Keyspace '{statement.name}' doesn't exist")
    _empty(context, statement.name)
    context.drop(number)
    return change("DROPPED", "KEYSPACE", statement.name)


def _empty(context: Context, name: str) -> None:
    """Drops what lies in a keyspace: those that refer to others before these."""
    app = context.schema.apps[name]
    left = {
        number: found
        for number, data in context.transaction.image().objects()
        if not isinstance(found := records.decode(data), records.App | records.Index) and found.app == app
    }
    kinds = types_in_order(kind for (keyspace, _), kind in context.schema.types.items() if keyspace == name)
    made = {context.schema.type_numbers[name, kind.name]: place for place, kind in enumerate(kinds)}

    def order(number: int) -> tuple[int, bool, int, int]:
        found = left[number]
        is_base = isinstance(found, records.Table) and not found.source.base
        return _RANKS[type(found)], is_base, -made.get(number, 0), -number

    for number in sorted(left, key=order):
        # A sequence may have gone with its table.
        if not isinstance(left[number], records.Sequence) or _is_there(context.transaction, number):
            context.drop(number)


def _is_there(transaction: TableTransaction, number: int) -> bool:
    return any(number == each for each, _ in transaction.image().objects())


def replication(said: Mapping[str, str], keyspace: str, warnings: list[str]) -> Mapping[str, str]:
    """Replication as it is kept: the class in full, a factor for each data center.

    Raises:
        CqlError: configuration, invalid.
    """
    if "class" not in said:
        raise config("Missing replication strategy class")
    given = said["class"]
    name = given.removeprefix(_PACKAGE)
    rest = {key: value for key, value in said.items() if key != "class"}
    if name == _LOCAL:
        raise config("Unable to use given strategy class: LocalStrategy is reserved for internal use.")
    if name == _SIMPLE:
        factors = {_FACTOR: rest.pop(_FACTOR, _DEFAULT_FACTOR)}
    elif name == _TOPOLOGY:
        everywhere = rest.pop(_FACTOR, None if rest else _DEFAULT_FACTOR)
        factors = {} if everywhere is None else {DATA_CENTER: everywhere}
        factors |= {key: rest.pop(key) for key in list(rest) if key == DATA_CENTER}
    else:
        shown = given if "." in given else _PACKAGE + given
        raise config(f"Unable to find replication strategy class '{shown}'")
    if rest:
        raise config(f"Unrecognized strategy option {{{', '.join(rest)}}} passed to {name} for keyspace {keyspace}")
    for where, factor in factors.items():
        _check_factor(factor, where, keyspace, warnings)
    return {"class": _PACKAGE + name, **factors}


def _check_factor(factor: str, where: str, keyspace: str, warnings: list[str]) -> None:
    full, _, transient = factor.partition("/")
    try:
        count = int(full)
    except ValueError:
        raise config(f'For input string: "{full}"') from None
    if transient:
        raise config("Transient replication is not enabled on this node")
    if count < 0:
        raise config(f"Replication factor must be non-negative; found {count}")
    if count > 1:
        place = "" if where == _FACTOR else f" in datacenter {where}"
        warnings.append(f"Your replication factor {count} for keyspace {keyspace} is higher than the number of nodes 1{place}")
