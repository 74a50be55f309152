"""Hypothesis strategies of CQL trees: every kind of node, put together as the parser would.

Invariant: a tree that comes out is one that some text reads as. What the grammar folds (a minus before a number) is not made
here.
"""

from __future__ import annotations

from hypothesis import strategies as s

from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.parse import permissions as pm
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse.terms import Kind

WORDS = """
a b c k v ks t select from json distinct key list map set tuple frozen vector exists compact clustering all
role function ttl timestamp writetime values keys as default group token type count contains like per
partition int text using aggregate only unset between ann mbean unmask storage static masked language tables
internals cast true null nan order p1y e1 x0 infinity
""".split()

names = s.sampled_from(WORDS) | s.text(s.sampled_from("aB_ \"9é'-$/*\n"), min_size=1, max_size=6)
strings = s.text(max_size=8) | s.sampled_from(["'", "''", "$$", "--", "/*", "?", "1", "a:b", "\\"])
digits = s.from_regex(r"[0-9]{1,20}", fullmatch=True)


def maybe(strategy: s.SearchStrategy) -> s.SearchStrategy:
    return s.none() | strategy


def tuples(strategy: s.SearchStrategy, least: int = 1, most: int = 3) -> s.SearchStrategy:
    return s.lists(strategy, min_size=least, max_size=most).map(tuple)


qualified = s.builds(tm.Name, names, maybe(names))
signed = s.tuples(s.sampled_from(["", "-"]), digits).map("".join)
integers = s.builds(tm.Literal, s.just(Kind.INTEGER), signed)
string_literals = s.builds(tm.Literal, s.just(Kind.STRING), strings)
literals = s.one_of(
    integers,
    string_literals,
    s.builds(
        tm.Literal,
        s.just(Kind.FLOAT),
        s.from_regex(r"-?[0-9]{1,4}(\.[0-9]{0,3}|\.[0-9]*[eE][+-]?[0-9]{1,2}|[eE]-?[0-9])", fullmatch=True),
    ),
    s.builds(tm.Literal, s.just(Kind.BOOLEAN), s.sampled_from(["true", "false"])),
    s.builds(tm.Literal, s.just(Kind.UUID), s.uuids().map(str) | s.uuids().map(lambda uuid: str(uuid).upper())),
    s.builds(tm.Literal, s.just(Kind.HEX), s.from_regex(r"0[xX][0-9a-fA-F]{0,8}", fullmatch=True)),
    s.builds(
        tm.Literal,
        s.just(Kind.DURATION),
        s.sampled_from("1y 12mo3d 5h2m 1ns -3w 4us 7µs P1Y2M3D PT5H6S -P3W P1DT2H P0001-02-03T04:05:06".split()),
    ),
    s.builds(tm.Literal, s.just(Kind.NULL), s.just("null")),
    s.builds(tm.Literal, s.just(Kind.NAN), s.just("NaN")),
    s.builds(tm.Literal, s.just(Kind.INFINITY), s.sampled_from(["Infinity", "-Infinity"])),
)
markers = s.builds(tm.Marker, maybe(names))
amounts = integers | markers

simple_types = s.builds(
    tm.TypeName,
    s.sampled_from("int text bigint uuid list frozen address Mixed counter".split()) | names,
    s.just(()),
    maybe(names),
)
types = s.recursive(
    simple_types | s.builds(tm.TypeName, strings, s.just(()), s.none(), s.just(True)),
    lambda inner: s.one_of(
        s.builds(tm.TypeName, s.sampled_from(["list", "set", "frozen"]), s.tuples(inner)),
        s.builds(tm.TypeName, s.just("map"), s.tuples(inner, inner)),
        s.builds(tm.TypeName, s.just("tuple"), tuples(inner)),
        s.builds(tm.TypeName, s.just("vector"), s.tuples(inner, s.integers(1, 2000))),
    ),
    max_leaves=4,
)


def _operands(inner: s.SearchStrategy) -> s.SearchStrategy:
    """What stands to the right of a sign without parentheses."""
    return inner.filter(lambda term: not isinstance(term, tm.Arithmetic))


def _dotted(term: object) -> bool:
    """What a dot, a bracket or a cast may stand at."""
    return isinstance(term, tm.Column | tm.Field | tm.Element | tm.Slice)


def _hinted(term: object) -> bool:
    """What a cast binds to."""
    if isinstance(term, tm.Literal):
        return not term.text.startswith("-") or term.kind is Kind.STRING
    if isinstance(term, tm.Marker):
        return term.name is None  # after a colon within braces its name would be a value
    return isinstance(term, tm.Call | tm.ListTerm | tm.SetTerm | tm.MapTerm | tm.UdtTerm) and getattr(term, "name", "") != "token"


# Types in parentheses are read as columns, so they are names.
hints = s.builds(tm.TypeName, s.sampled_from(["int", "text", "Mixed", "blob"]), s.just(()), maybe(s.sampled_from(["ks", "Ks"])))
generic = types.filter(lambda found: found.arguments)


def _collections(inner: s.SearchStrategy) -> s.SearchStrategy:
    plain = inner.filter(lambda term: type(term) is not tm.Column)
    # Right before the colon of an entry a marker's name could not be told from its value's; nothing else ends with a name there.
    return s.one_of(
        s.builds(tm.TupleTerm, tuples(inner)),
        s.builds(tm.ListTerm, tuples(inner, 0)),
        s.builds(tm.SetTerm, tuples(inner, 0)),
        s.builds(tm.MapTerm, tuples(s.tuples(plain, inner))),
        s.builds(tm.UdtTerm, tuples(s.tuples(names, inner))),
    )


def _calls(inner: s.SearchStrategy) -> s.SearchStrategy:
    functions = names.filter(lambda name: name not in ("count", "token"))
    return s.one_of(
        s.builds(tm.Call, functions, tuples(inner, 0), maybe(names)),
        s.builds(tm.Call, s.just("token"), tuples(inner)),
        s.builds(tm.TypeHint, hints | generic, inner.filter(_hinted)),
        s.builds(tm.CastAs, inner, types),
    )


def _arithmetic(inner: s.SearchStrategy) -> s.SearchStrategy:
    products = s.sampled_from([tm.Sign.TIMES, tm.Sign.OVER, tm.Sign.MODULO])
    sums = s.sampled_from([tm.Sign.PLUS, tm.Sign.MINUS])
    negative = s.builds(
        tm.Negated, _operands(inner).filter(lambda term: not isinstance(term, tm.Literal) or term.text.startswith("-"))
    )
    return s.one_of(
        s.builds(tm.Arithmetic, products, _operands(inner), _operands(inner)),
        s.builds(tm.Arithmetic, sums, inner, _operands(inner)),
        negative.filter(lambda term: not isinstance(term.value, tm.Literal) or term.value.kind not in (Kind.STRING,)),
    ).filter(_reads_as_arithmetic)


def _reads_as_arithmetic(term: object) -> bool:
    """`(int) - 1` is a cast."""
    left = getattr(term, "left", None)
    return not (isinstance(left, tm.TupleTerm) and len(left.items) == 1 and isinstance(left.items[0], tm.Column))


values = s.recursive(literals | markers, lambda inner: _collections(inner) | _calls(inner) | _arithmetic(inner), max_leaves=6)
columns = s.builds(tm.Column, names)
selected = s.recursive(
    columns | literals | s.just(tm.CountRows()),
    lambda inner: s.one_of(
        _collections(inner),
        _calls(inner),
        _arithmetic(inner),
        s.builds(tm.Field, inner.filter(_dotted), names),
        s.builds(tm.Element, inner.filter(_dotted), values),
        s.builds(tm.Slice, inner.filter(_dotted), maybe(values), maybe(values)),
    ),
    max_leaves=6,
)
parts = s.one_of(columns, s.builds(tm.Element, columns, values), s.builds(tm.Field, columns, names))
subjects = s.one_of(parts, s.builds(tm.TupleTerm, tuples(columns)), s.builds(tm.Call, s.just("token"), tuples(columns)))

_SIMPLE = [
    comparison
    for comparison in st.Comparison
    if comparison not in (st.Comparison.IN, st.Comparison.NOT_NULL, st.Comparison.BETWEEN)
]
relations = s.one_of(
    s.builds(st.Relation, subjects, s.sampled_from(_SIMPLE), values),
    s.builds(st.Relation, subjects, s.just(st.Comparison.IN), markers | s.builds(tm.TupleTerm, tuples(values, 0))),
    s.builds(st.Relation, subjects, s.just(st.Comparison.NOT_NULL), s.none()),
    s.builds(st.Relation, subjects, s.just(st.Comparison.BETWEEN), s.builds(tm.TupleTerm, s.tuples(values, values))),
)
orderings = s.builds(st.Ordering, names, s.sampled_from([st.Direction.ASCENDING, st.Direction.DESCENDING]))
nearest = s.builds(st.Ordering, names, s.just(st.Direction.NEAREST), values)
selectors = maybe(tuples(s.builds(st.Selector, selected, maybe(names))))
stamps = s.builds(st.Using, s.none(), maybe(amounts))
using = s.builds(st.Using, maybe(amounts), maybe(amounts))
conditions = s.one_of(
    s.just(st.UNCONDITIONAL), s.just(st.Conditions(exists=True)), s.builds(st.Conditions, s.just(False), tuples(relations))
)

selects = s.builds(
    st.Select,
    qualified,
    selectors,
    tuples(relations, 0),
    tuples(selected, 0),
    tuples(orderings | nearest, 0),
    maybe(amounts),
    maybe(amounts),
    s.booleans(),
    s.booleans(),
    s.booleans(),
)
inserts = s.builds(st.Insert, qualified, tuples(names), tuples(values), s.booleans(), using)
json_inserts = s.builds(st.InsertJson, qualified, string_literals | markers, s.booleans(), s.booleans(), using)
assignments = s.one_of(
    s.builds(st.Assignment, parts, s.just(st.Change.SET), values),
    s.builds(st.Assignment, columns, s.sampled_from([st.Change.ADD, st.Change.SUBTRACT, st.Change.PREPEND]), values),
)
updates = s.builds(st.Update, qualified, tuples(assignments), tuples(relations), conditions, using)
deletes = s.builds(st.Delete, qualified, tuples(parts, 0), tuples(relations), conditions, stamps)
changes = inserts | json_inserts | updates | deletes
batches = s.builds(st.Batch, tuples(changes, 0), s.sampled_from(list(st.BatchKind)), stamps)
data = s.one_of(selects, changes, batches, s.builds(st.Truncate, qualified), s.builds(st.Use, names))

constants = literals | s.builds(tm.MapTerm, tuples(s.tuples(literals, literals), 0))
properties = tuples(s.builds(df.Property, names, constants))
arguments = tuples(values.filter(lambda term: "Marker" not in repr(term)), 0)
masks = s.just(df.Mask()) | s.builds(df.Mask, qualified, arguments)
definitions_of_columns = s.builds(df.ColumnDefinition, names, types, s.booleans(), maybe(masks))
keys = s.builds(df.PrimaryKey, tuples(names), tuples(names, 0))
options = s.builds(df.TableOptions, properties | s.just(()), tuples(orderings, 0), s.booleans())
tables = s.one_of(
    s.builds(df.CreateTable, qualified, tuples(definitions_of_columns), maybe(keys), options, s.booleans()),
    s.builds(
        df.CreateTable,
        qualified,
        s.tuples(s.builds(df.ColumnDefinition, names, types, s.booleans(), maybe(masks), s.just(True)), definitions_of_columns),
        s.none(),
        options,
        s.booleans(),
    ),
)
renames = s.builds(df.Rename, tuples(s.tuples(names, names)), s.booleans())
table_changes = s.one_of(
    s.builds(df.AddColumns, tuples(definitions_of_columns), s.booleans()),
    s.builds(df.DropColumns, tuples(names), s.booleans(), maybe(integers)),
    s.just(df.DropCompactStorage()),
    renames,
    s.builds(df.AlterType, names, types, s.booleans()),
    s.builds(df.MaskColumn, names, maybe(masks), s.booleans()),
    s.builds(df.SetProperties, properties),
)
type_changes = s.one_of(s.builds(df.AddField, names, types, s.booleans()), renames, s.builds(df.AlterType, names, types))
fields = tuples(s.tuples(names, types))
targets = tuples(s.builds(df.Target, names, s.sampled_from(list(df.TargetKind))), 0)
unmarked = tuples(relations.filter(lambda found: "Marker" not in repr(found)), 0)
view_selectors = selectors.filter(lambda found: "Marker" not in repr(found))
definitions = s.one_of(
    s.builds(df.CreateKeyspace, names, properties, s.booleans()),
    s.builds(df.AlterKeyspace, names, properties, s.booleans()),
    s.builds(df.DropKeyspace, names, s.booleans()),
    tables,
    s.builds(df.AlterTable, qualified, table_changes, s.booleans()),
    s.builds(df.CreateType, qualified, fields, s.booleans()),
    s.builds(df.AlterUserType, qualified, type_changes, s.booleans()),
    s.builds(
        df.CreateIndex, maybe(qualified), qualified, targets, s.booleans(), maybe(strings), properties | s.just(()), s.booleans()
    ),
    s.builds(df.CreateView, qualified, qualified, view_selectors, unmarked, keys, options, s.booleans()),
    s.builds(df.AlterView, qualified, properties, s.booleans()),
    s.builds(df.Drop, s.sampled_from(list(df.Element)), qualified, s.booleans()),
    s.builds(df.CreateFunction, qualified, fields | s.just(()), s.booleans(), types, names, strings, s.booleans(), s.booleans()),
    s.builds(
        df.CreateAggregate, qualified, tuples(types, 0), names, types, maybe(names), maybe(literals), s.booleans(), s.booleans()
    ),
    s.builds(df.DropFunction, qualified, maybe(tuples(types, 0)), s.booleans(), s.booleans()),
    s.builds(df.CreateTrigger, names, qualified, strings, s.booleans()),
    s.builds(df.DropTrigger, names, qualified, s.booleans()),
)

passwords = s.one_of(
    s.builds(pm.Password, s.sampled_from([pm.PasswordKind.PLAIN, pm.PasswordKind.HASHED]), strings),
    s.just(pm.Password(pm.PasswordKind.GENERATED)),
)
sets = maybe(s.sets(strings, max_size=3).map(lambda found: tuple(sorted(found))))
role_options = s.builds(
    pm.RoleOptions,
    maybe(passwords),
    maybe(s.booleans()),
    maybe(s.booleans()),
    maybe(s.builds(tm.MapTerm, tuples(s.tuples(literals, literals), 0))),
    sets,
    sets,
)
user_options = s.builds(pm.RoleOptions, maybe(passwords), s.none(), maybe(s.booleans()))
permissions = maybe(tuples(s.sampled_from(list(pm.Permission))))
_NAMED = [pm.ResourceKind.KEYSPACE, pm.ResourceKind.ALL_TABLES, pm.ResourceKind.ROLE]
_ALL = [pm.ResourceKind.ALL_KEYSPACES, pm.ResourceKind.ALL_ROLES, pm.ResourceKind.ALL_MBEANS]
resources = s.one_of(
    s.builds(pm.Resource, s.sampled_from(_ALL)),
    s.builds(pm.Resource, s.sampled_from(_NAMED), names),
    s.builds(pm.Resource, s.just(pm.ResourceKind.ALL_FUNCTIONS), maybe(names)),
    s.builds(pm.Resource, s.just(pm.ResourceKind.TABLE), names, maybe(names)),
    s.builds(pm.Resource, s.just(pm.ResourceKind.FUNCTION), names, maybe(names), tuples(types, 0)),
    s.builds(pm.Resource, s.sampled_from([pm.ResourceKind.MBEAN, pm.ResourceKind.MBEANS]), strings),
)
_LISTINGS = "CLUSTER SCHEMA FULL_SCHEMA KEYSPACES KEYSPACE TABLES TYPES FUNCTIONS AGGREGATES".split()
_ELEMENTS = "TABLE INDEX VIEW TYPE FUNCTION AGGREGATE ANY".split()
described = s.one_of(
    s.builds(pm.Describe, s.sampled_from([pm.Described[name] for name in _LISTINGS]), s.none(), s.booleans()),
    s.builds(
        pm.Describe, s.sampled_from([pm.Described.KEYSPACE, pm.Described.ONLY_KEYSPACE]), s.builds(tm.Name, names), s.booleans()
    ),
    s.builds(pm.Describe, s.sampled_from([pm.Described[name] for name in _ELEMENTS]), qualified, s.booleans()),
)
access = s.one_of(
    s.builds(pm.CreateRole, names, role_options, s.booleans()),
    s.builds(pm.AlterRole, names, role_options, s.booleans()),
    s.builds(pm.CreateRole, names, user_options, s.booleans(), s.just(True)),
    s.builds(pm.AlterRole, names, user_options, s.booleans(), s.just(True)),
    s.builds(pm.DropRole, names, s.booleans(), s.booleans()),
    s.builds(pm.GrantRole, names, names, s.booleans()),
    s.builds(pm.GrantPermissions, permissions, resources, names, s.booleans()),
    s.builds(pm.ListPermissions, permissions, maybe(resources), maybe(names), s.booleans()),
    s.builds(pm.ListRoles, maybe(names), s.booleans()),
    s.builds(pm.ListUsers, s.booleans()),
    described,
)
statements = data | definitions | access
