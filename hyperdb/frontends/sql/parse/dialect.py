"""PostgreSQL's grammar, by sqlglot: text in, syntax tree out.

Theory: sqlglot turns many functions into nodes of its own that mean something else elsewhere; here calls stay calls, by their
names, and the binder's tables say what they are. What it cannot read it keeps as a `Command`: refused. Invariant: this module
and `bind` are the only ones that know sqlglot.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import TokenType

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.descent import descends
from hyperdb.frontends.sql.parse import escapes
from hyperdb.frontends.sql.parse.clauses import OVERRIDING, taken_out
from hyperdb.frontends.sql.parse.lists import MOST_PARAMETERS, Lists
from hyperdb.frontends.sql.parse.rescue import rewritten
from hyperdb.frontends.sql.parse.split import pieces, words

_MOST_PARTS = 64
_LONGEST_PARAMETER = 11
_MOST_WORDS = 100_000
"""Words and signs of a statement, long lists of literals left out: the grammar takes some 60 microseconds each."""
_FIRST = "first"
"""Under which a node remembers where its first word begins."""
FRAME = "FRAME"
"""What marks a table AS OF FRAME in the tree."""
CURRENT_OF = "current of"
"""The function that stands for WHERE CURRENT OF a cursor in the tree."""
_UNITS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})

_IDENTITY_OPTIONS = (
    (("START", "WITH"), "start"),
    (("INCREMENT", "BY"), "increment"),
    (("MINVALUE",), "minvalue"),
    (("MAXVALUE",), "maxvalue"),
    (("CACHE",), "cache"),
    (("CYCLE",), "cycle"),
)
_SEQUENCE_WORDS = frozenset({"NO", *(words[0] for words, _ in _IDENTITY_OPTIONS)})


# Words that the grammar takes for types because other systems have them; here they are names as any other.
_FOREIGN_TYPES = frozenset(
    """
    BIGDECIMAL BIGNUM BIGNUMERIC BINARY BLOB BYTE CLOB DATETIME DECFLOAT DECIMAL128 DECIMAL256 DECIMAL32 DECIMAL64 DOUBLE FIXED
    GEOGRAPHY GEOMETRY HSTORE HUGEINT INT1 INT128 INT16 INT256 INT32 INT64 LIST LONG LONGBLOB LONGTEXT LONGVARCHAR MAP MEDIUMBLOB
    MEDIUMINT MEDIUMTEXT NULLABLE NUMBER NVARCHAR NVARCHAR2 OBJECT REF SHORT STR STRING STRUCT TIMESTAMPLTZ TIMESTAMPNTZ
    TIMESTAMP_LTZ TIMESTAMP_NTZ TIME_NS TINYBLOB TINYINT TINYTEXT UHUGEINT UINT UINT128 UINT256 VARBINARY VARCHAR2 VARIANT VECTOR
    """.split()
)


def interval_type(fields: str, digits: exp.Expr | None) -> exp.DataType:
    """The type of intervals with what stands behind its word."""
    sized = [] if digits is None else [exp.DataTypeParam(this=digits)]
    return exp.DataType(this=exp.DataType.Type.INTERVAL, expressions=sized, kind=exp.Var(this=fields) if fields else None)


class HyperPostgres(Postgres):
    """PostgreSQL, calls left as they are and places of arrays as they are written."""

    INDEX_OFFSET = 0

    class Tokenizer(Postgres.Tokenizer):
        """No types but PostgreSQL's are known by name."""

        KEYWORDS: ClassVar[dict[str, TokenType]] = {
            word: kind for word, kind in Postgres.Tokenizer.KEYWORDS.items() if word not in _FOREIGN_TYPES
        }

    class Parser(Postgres.Parser):  # type: ignore[misc, valid-type]
        """No function is known by name."""

        FUNCTION_PARSERS: dict[str, Any] = {  # noqa: RUF012 - sqlglot's way
            name: found
            for name, found in Postgres.Parser.FUNCTION_PARSERS.items()
            if name in ("CAST", "EXTRACT", "OVERLAY", "POSITION", "STRING_AGG", "SUBSTRING", "TRIM")
        }
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012 - sqlglot's way
        TYPE_LITERAL_PARSERS: dict[Any, Any] = {}  # noqa: RUF012 - sqlglot's way
        # Behind AS any word is a name.
        RESERVED_TOKENS = Postgres.Parser.RESERVED_TOKENS - {TokenType.SELECT}
        # RENAME a TO b is of a column, where sqlglot reads it as another name for the table.
        ALTER_RENAME_REQUIRES_COLUMN = False
        ALTER_DROP_REQUIRES_COLUMN = False

        # Wherever the grammar descends it comes by one of these.
        _parse_unary = descends(Postgres.Parser._parse_unary)
        _parse_table = descends(Postgres.Parser._parse_table)
        _parse_join = descends(Postgres.Parser._parse_join)
        _parse_select_query = descends(Postgres.Parser._parse_select_query)

        def _parse_interval(self, require_interval: bool = True, parse_function_unit: bool = True) -> Any:
            """INTERVAL 'text' as it is written, and the type with the fields behind it; sqlglot would take the text apart."""
            del require_interval, parse_function_unit
            if not self._match(TokenType.INTERVAL):
                return None
            if not self._match(TokenType.STRING):
                self._retreat(self._index - 1)
                return None
            text = exp.Literal.string(self._prev.text)
            fields = self._parse_interval_fields()
            return exp.Interval(this=text, unit=interval_type(*fields) if fields else None)

        def _parse_interval_fields(self) -> tuple[str, Any] | None:
            """YEAR TO MONTH, SECOND (3) and their like: the words, and the digits of seconds."""
            if not (self._curr and self._curr.text.upper() in _UNITS and self._curr.token_type != TokenType.STRING):
                return None
            self._advance()
            words = self._prev.text
            if self._match_text_seq("TO"):
                if not (self._curr and self._curr.text.upper() in _UNITS):
                    self.raise_error("fields of an interval")
                self._advance()
                words += f" to {self._prev.text}"
            is_wrapped = words.lower().endswith("second") and self._match(TokenType.L_PAREN, advance=False)
            return words.lower(), self._parse_wrapped(self._parse_number) if is_wrapped else None

        def _parse_type(self, parse_interval: bool = True, fallback_to_identifier: bool = False) -> Any:
            """An operand; a name right before a literal is its type, also one that sqlglot does not know.

            @ is the operator where no number of a parameter follows at once.
            """
            begin, following = self._curr, self._next
            is_sign = begin and following and begin.token_type == TokenType.PARAMETER
            if is_sign and (following.token_type != TokenType.NUMBER or following.start != begin.end + 1):
                self._advance()
                return self.expression(exp.Abs(this=self._parse_term()))
            if begin and begin.token_type == TokenType.VAR and self._next and self._next.token_type == TokenType.STRING:
                self._advance(2)
                kind = exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=exp.to_identifier(begin.text))
                literal = exp.Literal.string(self._prev.text)
                return self._parse_column_ops(self.expression(exp.Cast(this=literal, to=kind)))
            index = self._index
            if begin and begin.token_type in self.TYPE_TOKENS and begin.token_type != TokenType.INTERVAL:
                known = self._parse_types(check_func=True, allow_identifiers=False)
                if isinstance(known, exp.DataType) and self._match(TokenType.STRING):
                    # What follows is of the typed literal, as in date '2020-01-01'::text.
                    return self._parse_column_ops(self.expression(exp.Cast(this=exp.Literal.string(self._prev.text), to=known)))
                self._retreat(index)
            return super()._parse_type(parse_interval, fallback_to_identifier)

        def _parse_types(self, *words: Any, **options: Any) -> Any:
            """A type; of intervals with digits, which sqlglot reads and forgets, and with fields."""
            index = self._index
            if not self._match(TokenType.INTERVAL):
                return super()._parse_types(*words, **options)
            digits = self._parse_wrapped(self._parse_number) if self._match(TokenType.L_PAREN, advance=False) else None
            fields = ("", digits) if digits else self._parse_interval_fields()
            if fields is None:
                self._retreat(index)
                return super()._parse_types(*words, **options)
            made = interval_type(*fields)
            while self._match_pair(TokenType.L_BRACKET, TokenType.R_BRACKET):
                made = exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[made], nested=True)
            return made

        def _parse_version(self) -> Any:
            """AS OF FRAME number, behind a table's name."""
            if self._match_text_seq("AS", "OF", "FRAME"):
                return self.expression(exp.Version(this=FRAME, expression=self._parse_unary(), kind="AS OF"))
            return super()._parse_version()

        def _nulls_equal(self) -> bool:
            """NULLS NOT DISTINCT is there; NULLS DISTINCT, which is what holds anyway, may be."""
            if self._match_text_seq("NULLS", "NOT", "DISTINCT"):
                return True
            self._match_text_seq("NULLS", "DISTINCT")
            return False

        def _parse_unique(self) -> exp.UniqueColumnConstraint:
            equal = self._nulls_equal()
            made: exp.UniqueColumnConstraint = super()._parse_unique()
            made.set("nulls", equal)
            return made

        def _parse_index_params(self) -> exp.IndexParameters:
            """What stands behind an index's table, in PostgreSQL's order."""
            made = exp.IndexParameters()
            if self._match(TokenType.USING):
                made.set("using", self._parse_var(any_token=True))
            if self._match(TokenType.L_PAREN, advance=False):
                made.set("columns", self._parse_wrapped_csv(self._parse_with_operator))
            if self._match_text_seq("INCLUDE"):
                made.set("include", self._parse_wrapped_id_vars())
            made.set("nulls", self._nulls_equal())
            if self._match(TokenType.WITH):
                made.set("with_storage", self._parse_wrapped_properties())
            if self._match_text_seq("TABLESPACE"):
                made.set("tablespace", self._parse_id_var())
            made.set("where", self._parse_where())
            return made

        def _parse_generated_as_identity(self) -> Any:
            """GENERATED ... AS IDENTITY with the options of a sequence in any order; sqlglot knows one order."""
            begin = self._index
            always = True if self._match_text_seq("ALWAYS") else False if self._match_text_seq("BY", "DEFAULT") else None
            if always is None or not self._match(TokenType.ALIAS) or not self._match_text_seq("IDENTITY"):
                self._retreat(begin)
                return super()._parse_generated_as_identity()
            made = exp.GeneratedAsIdentityColumnConstraint(this=always)
            if self._match(TokenType.L_PAREN):
                while not self._match(TokenType.R_PAREN):
                    self._identity_option(made)
            return made

        def _parse_alter_table_alter(self) -> Any:
            """ALTER COLUMN; of identities, which sqlglot does not read, with `identity` and what is done with it."""
            begin = self._index
            self._match(TokenType.COLUMN)
            made = exp.AlterColumn(this=self._parse_field(any_token=True))
            if self._match_text_seq("ADD", "GENERATED"):
                made.set("identity", self._parse_generated_as_identity())
                made.set("action", "add")
            elif self._match_text_seq("DROP", "IDENTITY"):
                made.set("exists", self._parse_exists())
                made.set("action", "drop")
            elif (changed := self._parse_identity_change()) is not None:
                made.set("identity", changed)
                made.set("action", "set")
            else:
                self._retreat(begin)
                return super()._parse_alter_table_alter()
            return made

        def _parse_identity_change(self) -> Any:
            """SET GENERATED, SET with an option of a sequence and RESTART, as many as there are."""
            made = exp.GeneratedAsIdentityColumnConstraint()
            begun = False
            while True:
                begin = self._index
                if self._match_text_seq("SET", "GENERATED"):
                    always = bool(self._match_text_seq("ALWAYS"))
                    if not always and not self._match_text_seq("BY", "DEFAULT"):
                        self.raise_error("ALWAYS or BY DEFAULT is expected")
                    made.set("this", always)
                elif self._match_text_seq("RESTART"):
                    said = self._match(TokenType.WITH) or self._match_set((TokenType.NUMBER, TokenType.DASH), advance=False)
                    made.set("restart", self._parse_unary() if said else exp.Null())
                elif self._match(TokenType.SET) and self._curr and self._curr.text.upper() in _SEQUENCE_WORDS:
                    self._identity_option(made)
                else:
                    self._retreat(begin)
                    return made if begun else None
                begun = True

        def _identity_option(self, made: Any) -> None:
            absent = self._match_text_seq("NO")
            for spoken, name in _IDENTITY_OPTIONS:
                if not self._match_text_seq(spoken[0]):
                    continue
                if spoken[1:]:
                    self._match_text_seq(*spoken[1:])
                if name == "cycle":
                    made.set(name, not absent)
                elif not absent:
                    made.set(name, self._parse_unary())
                elif name in ("minvalue", "maxvalue"):
                    made.set(f"no_{name}", True)
                else:
                    break
                return
            self.raise_error("an option of a sequence is expected")

    class Generator(Postgres.Generator):  # type: ignore[misc, valid-type]
        """Writes what the parser has read."""

        sql = descends(Postgres.Generator.sql)

        def version_sql(self, expression: exp.Version) -> str:
            """AS OF FRAME number."""
            return f"AS OF FRAME {self.sql(expression, 'expression')}"


_quiet = logging.getLogger("sqlglot")
_quiet.setLevel(logging.ERROR)
_ESCAPES = re.compile(r"\x1b\[\d+m")


def parse(text: str, offset: int = 0) -> exp.Expr:
    """The syntax tree of one statement; `offset` is where it begins in what the client sent.

    Raises:
        SqlError: 42601 where it cannot be read, 54001 where it nests too deep.
    """
    if escapes.are_in(text):
        text = escapes.plain(_joined(text), offset)
    lists = Lists(text, _type)
    text = lists.text
    if "\n" in text and "'" in text:
        text = _joined(text)
    other = rewritten(text)
    plain, said = taken_out(text if other is None else other)
    try:
        found = sqlglot.parse(_marked(plain, offset), dialect=HyperPostgres)
    except TokenError as error:
        raise SqlError("42601", _ESCAPES.sub("", str(error)).split("\n")[0]) from None
    except ParseError as error:
        raise _refused(error, text, offset) from None
    except RecursionError:
        raise SqlError("54001", "stack depth limit exceeded") from None
    except (SqlglotError, ValueError, AttributeError, IndexError, TypeError, KeyError) as error:
        # The grammar's own code stumbles over some malformed input.
        raise SqlError("42601", f"syntax error: {type(error).__name__}") from None
    statements = [each for each in found if each is not None]
    if len(statements) != 1:
        raise SqlError("42601", "cannot insert multiple commands into a prepared statement")
    statement = statements[0]
    lists.put_back(statement)
    if isinstance(statement, exp.Command):
        words = text.split(None, 2)
        raise SqlError("0A000", f"this form of {' '.join(words[:2]).upper()} is not supported", position=offset + 1)
    for name, value in said.items():
        if name == OVERRIDING and not isinstance(statement, exp.Insert):
            raise SqlError("0A000", "OVERRIDING is not supported inside of other statements")
        statement.set(name, value)
    return statement


def written(node: exp.Expr) -> str:
    """A part of a statement as text that `parse` reads again; functions in small letters, as PostgreSQL shows them."""
    return node.sql(dialect=HyperPostgres, comments=False, normalize_functions="lower")


def _type(name: str) -> exp.Expr:
    """What a type's name is in the tree of a cast."""
    (found,) = parse(f"SELECT NULL::{name}").expressions
    if not isinstance(found, exp.Cast):
        raise SqlError("42601", f'syntax error at or near "{name.split()[-1]}"')
    return found.to


_OBJECT_TYPES = frozenset({"oid", "regclass", "regtype", "regproc", "regnamespace", "regrole", "regprocedure"})


_ORDERS = {"<": "ASC", ">": "DESC"}
_TYPES_OF_WORDS: dict[tuple[str, ...], str] = {
    ("bit", "varying"): "varbit",
    ("nchar", "varying"): "varchar",
    ("national", "char"): "char",
    ("national", "char", "varying"): "varchar",
    ("national", "character"): "char",
    ("national", "character", "varying"): "varchar",
    ("double", "precision"): "float8",
    ("time", "with", "time", "zone"): "timetz",
    ("time", "without", "time", "zone"): "time",
    ("timestamp", "with", "time", "zone"): "timestamptz",
    ("timestamp", "without", "time", "zone"): "timestamp",
}
_FIRST_WORDS = frozenset(words[0] for words in _TYPES_OF_WORDS)
_LITERALS = frozenset({"quoted", "escaped", "dollar"})
_DIGITS = {"b": ("binary", "01"), "x": ("hexadecimal", "0123456789abcdefABCDEF")}
_CONTINUED = re.compile(r"(?:[ \t\f\r]|--[^\n]*)*\n(?:\s|--[^\n]*\n)*")


def _joined(text: str) -> str:
    """Literals that go on in another line as one, in the same place."""
    tokens = pieces(text)
    out, last = [], 0
    behind = (-1, "")
    moved = 0
    for kind, at, end in tokens:
        if kind == "space":
            continue
        if kind == "quoted" and behind[1] in ("quoted", "escaped") and _CONTINUED.fullmatch(text, behind[0], at):
            out.append(text[last : behind[0] - 1])
            moved += at + 2 - behind[0]
            last = at + 1
        elif moved:
            # What follows stands where it stood.
            out += [text[last : behind[0]], " " * moved]
            last, moved = behind[0], 0
        behind = (end, kind)
    return "".join([*out, text[last:]])


def _marked(text: str, offset: int) -> str:
    """The text as sqlglot reads it rightly, as long as it was but for WHERE CURRENT OF.

    @1 stands for $1, which sqlglot would take for the begin of a dollar quote where another $ follows; _oid for oid[].
    """
    tokens = words(text)
    if len(tokens) > _MOST_WORDS:
        raise SqlError(
            "54000", "statement is too long", hint=f"At most {_MOST_WORDS} words beside long lists of literals are read."
        )
    out, last = [], 0
    for place, (kind, word, at) in enumerate(tokens):
        behind = [each[1] for each in tokens[place + 1 : place + 3]]
        if kind in _LITERALS and place and tokens[place - 1][0] in _LITERALS:
            # Those that go on in another line are one by now.
            raise SqlError("42601", f'syntax error at or near "{word}"', position=offset + at + 1)
        if kind == "quoted" and place and (wrong := _wrong_bits(tokens[place - 1], word, at)) is not None:
            raise SqlError("22P02", f'"{wrong[0]}" is not a valid {wrong[1]} digit', position=offset + at)
        if kind == "word" and word.startswith("$"):
            if len(word) > _LONGEST_PARAMETER or int(word[1:]) > MOST_PARAMETERS:
                raise SqlError("42P02", f"there is no parameter {word}", position=offset + at + 1)
            out += [text[last:at], "@"]
            last = at + 1
        elif word == "@" and behind and (behind[0][:1].isdigit() or behind[0][0] == "$") and tokens[place + 1][2] == at + 1:
            # With a space it is the operator.
            out += [text[last:at], "@ "]
            last = at + 1
        elif word.lower() == "where" and [each.lower() for each in behind] == ["current", "of"] and len(tokens) > place + 3:
            kind, name, begin = tokens[place + 3]
            shown = name[1:-1].replace('""', '"') if kind == "name" else name.lower()
            quoted = shown.replace("'", "''")
            out += [text[last:at], f"WHERE \"{CURRENT_OF}\"('{quoted}')"]
            last = begin + len(name)
        elif kind == "word" and word.lower() == "using" and behind and behind[0] in _ORDERS:
            # ORDER BY ... USING an operator, in words of the same length or shorter.
            end = tokens[place + 1][2] + 1
            out += [text[last:at], _ORDERS[behind[0]].ljust(end - at)]
            last = end
        elif word.lower() in _FIRST_WORDS and (found := _type_of_words(tokens, place)) is not None:
            shorter, end = found
            out += [text[last:at], shorter.ljust(end - at)]
            last = end
        elif word.lower() in _OBJECT_TYPES and behind == ["[", "]"] and text.startswith("[]", at + len(word)):
            out += [text[last:at], " _", word]
            last = at + len(word) + 2
    return "".join([*out, text[last:]])


def _wrong_bits(before: tuple[str, str, int], literal: str, at: int) -> tuple[str, str] | None:
    """What is no digit in B'...' or X'...', and of which kind."""
    name = before[1].lower()
    if name not in _DIGITS or before[2] + 1 != at:
        return None
    what, digits = _DIGITS[name]
    wrong = literal[1:-1].strip(digits)
    return (wrong[0], what) if wrong else None


def _type_of_words(tokens: list[tuple[str, str, int]], place: int) -> tuple[str, int] | None:
    """One word for the type that begins at a word, if it has several, and where the last one ends."""
    for length in (4, 3, 2):
        said = tokens[place : place + length]
        shorter = _TYPES_OF_WORDS.get(tuple(word.lower() for _, word, _ in said))
        if shorter is not None:
            return shorter, said[-1][2] + len(said[-1][1])
    return None


def _refused(error: ParseError, text: str, offset: int) -> SqlError:
    first = error.errors[0] if error.errors else {}
    word = str(first.get("highlight") or "")
    line, column = int(first.get("line") or 1), int(first.get("col") or 1)
    begin = sum(len(each) + 1 for each in text.split("\n")[: line - 1])
    at = max(begin + column - len(word), 0)
    near = f' at or near "{word}"' if word.strip() else " at end of input"
    return SqlError("42601", f"syntax error{near}", position=offset + at + 1)


def position(node: exp.Expr | None, offset: int) -> int | None:
    """Where a node stands in what the client sent, from 1; None where that is not known or not in it (`offset` below 0)."""
    if node is None:
        return None
    if _FIRST not in node.meta:
        # A list may have a great many parts, each of which asks where the list is; the first ones are enough.
        starts = [each.meta["start"] for each in islice(_parts(node), _MOST_PARTS) if "start" in each.meta]
        node.meta[_FIRST] = min(starts, default=None)
    start = node.meta[_FIRST]
    if start is None or start + 1 + offset <= 0:
        return None
    return int(start) + 1 + offset


def _parts(node: exp.Expr) -> Iterator[exp.Expr]:
    """A node and those under it, no more of them than are asked for."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += each.iter_expressions(reverse=True)
