"""Character sets that clients may speak: PostgreSQL's names and numbers for them, and Python's codecs behind them.

Theory: texts are kept as Unicode; a client's bytes become text when they come and text becomes its bytes when they go, messages,
names and errors too (PostgreSQL's documentation, "Character Set Support"). Invariant: what has no equivalent is an error, never
another character, but for the words of an error itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from hyperdb.errors import SqlError

# In the order of PostgreSQL's numbers (pg_wchar.h), each with its codec. Those without one are not spoken.
_KNOWN = (
    ("SQL_ASCII", "utf-8"), ("EUC_JP", "euc_jp"), ("EUC_CN", "gb2312"), ("EUC_KR", "euc_kr"), ("EUC_TW", ""),
    ("EUC_JIS_2004", "euc_jis_2004"), ("UTF8", "utf-8"), ("MULE_INTERNAL", ""), ("LATIN1", "iso8859-1"), ("LATIN2", "iso8859-2"),
    ("LATIN3", "iso8859-3"), ("LATIN4", "iso8859-4"), ("LATIN5", "iso8859-9"), ("LATIN6", "iso8859-10"), ("LATIN7", "iso8859-13"),
    ("LATIN8", "iso8859-14"), ("LATIN9", "iso8859-15"), ("LATIN10", "iso8859-16"), ("WIN1256", "cp1256"), ("WIN1258", "cp1258"),
    ("WIN866", "cp866"), ("WIN874", "cp874"), ("KOI8R", "koi8-r"), ("WIN1251", "cp1251"), ("WIN1252", "cp1252"),
    ("ISO_8859_5", "iso8859-5"), ("ISO_8859_6", "iso8859-6"), ("ISO_8859_7", "iso8859-7"), ("ISO_8859_8", "iso8859-8"),
    ("WIN1250", "cp1250"), ("WIN1253", "cp1253"), ("WIN1254", "cp1254"), ("WIN1255", "cp1255"), ("WIN1257", "cp1257"),
    ("KOI8U", "koi8-u"), ("SJIS", "cp932"), ("BIG5", "cp950"), ("GBK", "gbk"), ("UHC", "cp949"), ("GB18030", "gb18030"),
    ("JOHAB", "johab"), ("SHIFT_JIS_2004", "shift_jis_2004"),
)  # fmt: skip
_OTHER_NAMES = {
    "unicode": "UTF8", "abc": "WIN1258", "tcvn": "WIN1258", "tcvn5712": "WIN1258", "vscii": "WIN1258", "alt": "WIN866",
    "win": "WIN1251", "koi8": "KOI8R", "iso88591": "LATIN1", "iso88592": "LATIN2", "iso88593": "LATIN3", "iso88594": "LATIN4",
    "iso88599": "LATIN5", "iso885910": "LATIN6", "iso885913": "LATIN7", "iso885914": "LATIN8", "iso885915": "LATIN9",
    "iso885916": "LATIN10", "mskanji": "SJIS", "shiftjis": "SJIS", "win932": "SJIS", "windows932": "SJIS", "win936": "GBK",
    "windows936": "GBK", "win949": "UHC", "windows949": "UHC", "win950": "BIG5", "windows950": "BIG5",
    **{f"windows{page}": f"WIN{page}" for page in (866, 874, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258)},
}  # fmt: skip
_MOST_BYTES = 4
"""Of a bad sequence that are shown."""


def _shown(raw: bytes) -> str:
    return " ".join(f"0x{byte:02x}" for byte in raw[:_MOST_BYTES])


@dataclass(frozen=True, slots=True)
class Charset:
    """One of them. `number` is PostgreSQL's."""

    name: str
    number: int
    codec: str

    @property
    def is_unicode(self) -> bool:
        """Whether its bytes are those that texts are kept in."""
        return self.codec == "utf-8"

    def decoded(self, raw: bytes) -> str:
        """The text of a client's bytes.

        Raises:
            SqlError: 22021 for bytes that are none of its characters or a NUL, 22P05 for one that Unicode lacks.
        """
        try:
            text = raw.decode(self.codec)
        except UnicodeDecodeError as error:
            raise SqlError(*self.fault(error)) from None
        if "\0" in text:
            raise SqlError("22021", f'invalid byte sequence for encoding "{self.name}": 0x00')
        return text

    def fault(self, error: UnicodeDecodeError) -> tuple[str, str]:
        """SQLSTATE and message for bytes that could not be read."""
        bad = _shown(error.object[error.start : max(error.end, error.start + 1)])
        if self.number in _OF_ONE_BYTE:
            return "22P05", f'character with byte sequence {bad} in encoding "{self.name}" has no equivalent in encoding "UTF8"'
        return "22021", f'invalid byte sequence for encoding "{self.name}": {bad}'

    def encoded(self, text: str) -> bytes:
        """The client's bytes of a text.

        Raises:
            SqlError: 22P05 for a character that it lacks.
        """
        try:
            return text.encode(self.codec)
        except UnicodeEncodeError as error:
            bad = _shown(text[error.start].encode("utf-8", "surrogatepass"))
            shown = f'character with byte sequence {bad} in encoding "UTF8" has no equivalent in encoding "{self.name}"'
            raise SqlError("22P05", shown) from None

    def told(self, text: str) -> bytes:
        """As `encoded`, with a question mark for what it lacks: for what must be said in any case."""
        return text.encode(self.codec, "replace")


_ALL = {name: Charset(name, number, codec) for number, (name, codec) in enumerate(_KNOWN)}
_OF_ONE_BYTE = frozenset(
    charset.number for charset in _ALL.values() if charset.name.startswith(("LATIN", "WIN", "KOI8", "ISO_8859"))
)
UTF8 = _ALL["UTF8"]
_BY_NAME = {"".join(filter(str.isalnum, name)).lower(): name for name in _ALL} | _OTHER_NAMES


def find(name: str) -> Charset | None:
    """The character set of a name, whatever its case and signs between its letters; None: there is none."""
    known = _BY_NAME.get("".join(filter(str.isalnum, name)).lower())
    return None if known is None else _ALL[known]


def numbered(number: int) -> Charset | None:
    """The character set of a number of PostgreSQL's."""
    return _ALL[_KNOWN[number][0]] if 0 <= number < len(_KNOWN) else None
