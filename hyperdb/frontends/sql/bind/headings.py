"""What columns of a result are called that were given no name.

Theory: parse_target.c, FigureColnameInternal: a column's or function's name is stronger than that of a cast around it. Invariant:
every expression has a name, at last `?column?`.
"""

from __future__ import annotations

from sqlglot import exp

from hyperdb.frontends.sql.bind.names import fold


def heading(node: exp.Expr) -> str:
    """What a column is called that was given no name."""
    return _named(node)[0]


def _named(node: exp.Expr) -> tuple[str, bool]:
    """The name, and whether it is stronger than that of a cast around it (parse_target.c, FigureColnameInternal)."""
    if isinstance(node, exp.Column):
        return fold(node.this), True
    if isinstance(node, exp.Cast):
        inner = _named(node.this)
        return inner if inner[1] else (_type_name(node.args["to"]), False)
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower(), True
    if isinstance(node, exp.Window | exp.Filter | exp.WithinGroup | exp.Paren | exp.Bracket | exp.Collate):
        return _named(node.this)
    if isinstance(node, exp.Dot):
        return _named(node.expression) if not isinstance(node.expression, exp.Identifier) else (fold(node.expression), True)
    if isinstance(node, exp.Subquery):
        query = node.this
        return (
            (shown_heading(query.expressions[0]), True)
            if isinstance(query, exp.Select) and query.expressions
            else ("?column?", False)
        )
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        found = ("case", False) if default is None else _named(default)
        return found if found[1] else ("case", False)
    if isinstance(node, exp.Trim):
        return _TRIMS.get(str(node.args.get("position") or "").upper(), "btrim"), True
    name = _NAMES.get(type(node))
    return ("?column?", False) if name is None else (name, not isinstance(node, exp.Boolean | exp.Interval))


def _type_name(node: exp.Expr) -> str:
    if isinstance(node.this, exp.DataType.Type) and node.this.name == "ARRAY":
        return _type_name(node.expressions[0])
    kind = node.this.name.lower() if isinstance(node.this, exp.DataType.Type) else str(node.this).lower()
    if kind == "double" and node.expressions and int(node.expressions[0].name) <= _BITS_OF_SINGLE:
        return "float4"
    return _CAST_NAMES.get(kind, kind) if kind != "userdefined" else str(node.args["kind"].name).lower()


def shown_heading(node: exp.Expr) -> str:
    """What an item of a select list is called."""
    return fold(node.args["alias"]) if isinstance(node, exp.Alias) else heading(node)


_TRIMS = {"LEADING": "ltrim", "TRAILING": "rtrim"}
_BITS_OF_SINGLE = 24
_CAST_NAMES = {
    "int": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "boolean": "bool",
    "decimal": "numeric",
    "double": "float8",
    "float": "float4",
    "char": "bpchar",
    "nchar": "bpchar",
    "varbinary": "bytea",
}
_NAMES: dict[type[exp.Expr], str] = {
    exp.Exists: "exists",
    exp.Array: "array",
    exp.Tuple: "row",
    exp.Extract: "extract",
    exp.Substring: "substring",
    exp.StrPosition: "position",
    exp.Overlay: "overlay",
    exp.Overlaps: "overlaps",
    exp.AtTimeZone: "timezone",
    exp.CurrentDate: "current_date",
    exp.CurrentTimestamp: "current_timestamp",
    exp.CurrentTime: "current_time",
    exp.Localtime: "localtime",
    exp.Localtimestamp: "localtimestamp",
    exp.CurrentUser: "current_user",
    exp.SessionUser: "session_user",
    exp.CurrentSchema: "current_schema",
    exp.CurrentCatalog: "current_catalog",
    exp.GroupConcat: "string_agg",
    exp.Boolean: "bool",
    exp.Interval: "interval",
}
