"""The formats of COPY as codecs: bytes cut anywhere to rows of fields, and rows of fields to lines.

Theory: a field is what the format says, before its column's type is asked: text for `text` and `csv`, bytes for `binary`, None
for NULL. Readers keep what was cut; writers keep nothing. The source is PostgreSQL's documentation of COPY, File Formats.
Invariant: input that breaks the format is an `SqlError` 22P04 (22021 for what is not UTF-8), and a reader never holds more than
one record and one piece of input.
"""

from collections.abc import Sequence

from hyperdb.frontends.sql.contract import CopyOptions
from hyperdb.frontends.sql.copy.binary import BinaryReader
from hyperdb.frontends.sql.copy.csv import CsvReader, CsvWriter
from hyperdb.frontends.sql.copy.record import Reader, Writer
from hyperdb.frontends.sql.copy.text import TextReader, TextWriter

__all__ = ["BinaryReader", "CsvReader", "CsvWriter", "Reader", "TextReader", "TextWriter", "Writer", "reader", "writer"]


def reader(options: CopyOptions, names: Sequence[str]) -> Reader:
    """The reader of `text` or `csv` for columns of these names."""
    return CsvReader(options, names) if options.format == "csv" else TextReader(options, names)


def writer(options: CopyOptions) -> Writer:
    """The writer of `text` or `csv`."""
    return CsvWriter(options) if options.format == "csv" else TextWriter(options)
