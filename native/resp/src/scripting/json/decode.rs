//! Reading JSON, with the words for what is wrong that scripts may look for.
//!
//! **Theory.** The text is cut into tokens. A token that is none carries its own name, so that every error is "expected this but found
//! that at character so".
//!
//! **Invariant.** Depth is bounded by the setting, and by [`DEEPEST`] whatever it says: the reader calls itself.

use super::{null, Settings};
use crate::scripting::native::Raise;
use mlua::{Lua, Value};

/// Deepest that is read.
const DEEPEST: i64 = 8_000;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(text) => text,
        }
    }
}

/// The value that `text` says.
pub(super) fn decode(lua: &Lua, text: &[u8], settings: &Settings) -> Result<Value, Raise> {
    // The first two characters of any text are ASCII: a zero tells of wider ones.
    if let [0, _, ..] | [_, 0, ..] = text {
        return Err(Raise::text("JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut reader = Reader {
        lua,
        settings,
        text,
        at: 0,
        start: 0,
        taken: Vec::new(),
        depth: 0,
    };
    let first = reader.next();
    let value = reader.value(first)?;
    match reader.next() {
        Token::End => Ok(value),
        other => Err(reader.expected("the end", &other)),
    }
}

struct Reader<'t> {
    lua: &'t Lua,
    settings: &'t Settings,
    text: &'t [u8],
    at: usize,
    /// Where the last token began, or what is wrong in it.
    start: usize,
    /// What the last text token says.
    taken: Vec<u8>,
    depth: i64,
}

impl Reader<'_> {
    fn expected(&self, what: &str, found: &Token) -> Raise {
        Raise::text(format!(
            "Expected {what} but found {} at character {}",
            found.name(),
            self.start + 1
        ))
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn value(&mut self, token: Token) -> Result<Value, Raise> {
        match token {
            Token::Text => Ok(Value::String(self.lua.create_string(&self.taken)?)),
            Token::Number(number) => Ok(Value::Number(number)),
            Token::Boolean(truth) => Ok(Value::Boolean(truth)),
            Token::ObjectBegin => self.object(),
            Token::ArrayBegin => self.array(),
            Token::Null => Ok(null()),
            other => Err(self.expected("value", &other)),
        }
    }

    fn descend(&mut self) -> Result<(), Raise> {
        self.depth += 1;
        if self.depth > self.settings.decode_depth.min(DEEPEST) {
            return Err(Raise::text(format!(
                "Found too many nested data structures ({}) at character {}",
                self.depth, self.at
            )));
        }
        Ok(())
    }

    fn object(&mut self) -> Result<Value, Raise> {
        self.descend()?;
        let table = self.lua.create_table()?;
        let mut token = self.next();
        if token == Token::ObjectEnd {
            self.depth -= 1;
            return Ok(Value::Table(table));
        }
        loop {
            if token != Token::Text {
                return Err(self.expected("object key string", &token));
            }
            let key = self.lua.create_string(&self.taken)?;
            let colon = self.next();
            if colon != Token::Colon {
                return Err(self.expected("colon", &colon));
            }
            let first = self.next();
            table.raw_set(key, self.value(first)?)?;
            match self.next() {
                Token::ObjectEnd => break,
                Token::Comma => token = self.next(),
                other => return Err(self.expected("comma or object end", &other)),
            }
        }
        self.depth -= 1;
        Ok(Value::Table(table))
    }

    fn array(&mut self) -> Result<Value, Raise> {
        self.descend()?;
        let table = self.lua.create_table()?;
        let mut token = self.next();
        if token == Token::ArrayEnd {
            self.depth -= 1;
            return Ok(Value::Table(table));
        }
        for index in 1.. {
            table.raw_set(index, self.value(token)?)?;
            match self.next() {
                Token::ArrayEnd => break,
                Token::Comma => token = self.next(),
                other => return Err(self.expected("comma or array end", &other)),
            }
        }
        self.depth -= 1;
        Ok(Value::Table(table))
    }

    fn next(&mut self) -> Token {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.start = self.at;
        let Some(byte) = self.text.get(self.at) else {
            return Token::End;
        };
        let single = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            // A zero ends the text for a library that reads C strings.
            0 => return Token::End,
            b'"' => return self.quoted(),
            b'-' | b'0'..=b'9' => {
                if !self.settings.decode_invalid && self.is_invalid_number() {
                    return Token::Error("invalid number");
                }
                return self.number();
            }
            _ => return self.word(),
        };
        self.at += 1;
        single
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        for (word, token) in [
            ("true", Token::Boolean(true)),
            ("false", Token::Boolean(false)),
            ("null", Token::Null),
        ] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return token;
            }
        }
        if self.settings.decode_invalid && self.is_invalid_number() {
            return self.number();
        }
        Token::Error("invalid token")
    }

    /// Whether what comes is a number for C and none for JSON.
    fn is_invalid_number(&self) -> bool {
        let rest = &self.text[self.at..];
        let rest = match rest {
            [b'+', ..] => return true,
            [b'-', rest @ ..] => rest,
            _ => rest,
        };
        match rest {
            [b'0', second, ..] => matches!(second, b'x' | b'X' | b'0'..=b'9'),
            [b'0'] => false,
            [b'1'..=b'9', ..] => false,
            _ => {
                let begins = |word: &[u8]| {
                    let len = word.len();
                    rest.get(..len)
                        .is_some_and(|start| start.eq_ignore_ascii_case(word))
                };
                begins(b"inf") || begins(b"nan")
            }
        }
    }

    fn number(&mut self) -> Token {
        match longest_number(&self.text[self.at..]) {
            Some((number, len)) => {
                self.at += len;
                Token::Number(number)
            }
            None => Token::Error("invalid number"),
        }
    }

    fn quoted(&mut self) -> Token {
        self.taken.clear();
        self.at += 1;
        loop {
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Token::Text;
                }
                0 => {
                    self.start = self.at;
                    return Token::Error("unexpected end of string");
                }
                b'\\' => {
                    if let Some(error) = self.escape() {
                        return error;
                    }
                }
                byte => {
                    self.taken.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self) -> Option<Token> {
        let escaped = self.text.get(self.at + 1).copied().unwrap_or(0);
        let byte = match escaped {
            b'"' | b'\\' | b'/' => escaped,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let Some((character, len)) = unicode(&self.text[self.at..]) else {
                    self.start = self.at;
                    return Some(Token::Error("invalid unicode escape code"));
                };
                let mut room = [0; 4];
                self.taken
                    .extend_from_slice(character.encode_utf8(&mut room).as_bytes());
                self.at += len;
                return None;
            }
            _ => {
                self.start = self.at;
                return Some(Token::Error("invalid escape code"));
            }
        };
        self.taken.push(byte);
        self.at += 2;
        None
    }
}

/// Four hexadecimal digits behind `\u`.
fn code_unit(text: &[u8]) -> Option<u32> {
    let digits = match text {
        [b'\\', b'u', rest @ ..] => rest.get(..4)?,
        _ => return None,
    };
    digits.iter().try_fold(0, |unit, digit| {
        Some(unit << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// The character that one escape or a pair of them says, and their length.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = code_unit(text)?;
    if first & 0xf800 != 0xd800 {
        return Some((char::from_u32(first)?, 6));
    }
    // The second half of a pair cannot come first.
    if first & 0x400 != 0 {
        return None;
    }
    let second = code_unit(text.get(6..)?)?;
    if second & 0xfc00 != 0xdc00 {
        return None;
    }
    let character = 0x1_0000 + ((first & 0x3ff) << 10 | second & 0x3ff);
    Some((char::from_u32(character)?, 12))
}

/// The longest number that `strtod` finds at the start, and its length.
fn longest_number(text: &[u8]) -> Option<(f64, usize)> {
    let signed = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let negative = text.first() == Some(&b'-');
    let rest = text.get(signed..)?;
    let begins = |word: &[u8]| {
        rest.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let sign = |value: f64| if negative { -value } else { value };
    for (word, value) in [
        (&b"infinity"[..], f64::INFINITY),
        (b"inf", f64::INFINITY),
        (b"nan", f64::NAN),
    ] {
        if begins(word) {
            return Some((sign(value), signed + word.len()));
        }
    }
    if let [b'0', b'x' | b'X', digits @ ..] = rest {
        let (value, len) = hexadecimal(digits);
        if len > 0 {
            return Some((sign(value), signed + 2 + len));
        }
    }
    let digits = |from: usize| {
        rest[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let whole = digits(0);
    let mut len = whole;
    let mut fraction = 0;
    if rest.get(len) == Some(&b'.') {
        fraction = digits(len + 1);
        len += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(rest.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(len + 1), Some(b'-' | b'+')));
        let exponent = digits((len + 1 + sign).min(rest.len()));
        if exponent > 0 {
            len += 1 + sign + exponent;
        }
    }
    let value: f64 = std::str::from_utf8(&rest[..len]).ok()?.parse().ok()?;
    Some((sign(value), signed + len))
}

/// A hexadecimal number with a fraction and a binary exponent, and its length.
fn hexadecimal(digits: &[u8]) -> (f64, usize) {
    let value_of = |byte: u8| char::from(byte).to_digit(16).map(f64::from);
    let (mut value, mut at, mut scale) = (0.0, 0, 1.0);
    let mut seen = false;
    while let Some(digit) = digits.get(at).copied().and_then(value_of) {
        value = value * 16.0 + digit;
        seen = true;
        at += 1;
    }
    if digits.get(at) == Some(&b'.') {
        let mut inside = at + 1;
        while let Some(digit) = digits.get(inside).copied().and_then(value_of) {
            scale /= 16.0;
            value += digit * scale;
            seen = true;
            inside += 1;
        }
        if seen {
            at = inside;
        }
    }
    if !seen {
        return (0.0, 0);
    }
    if matches!(digits.get(at), Some(b'p' | b'P')) {
        let sign = usize::from(matches!(digits.get(at + 1), Some(b'-' | b'+')));
        let start = at + 1 + sign;
        let len = digits
            .iter()
            .skip(start)
            .take_while(|b| b.is_ascii_digit())
            .count();
        if len > 0 {
            let text = std::str::from_utf8(&digits[start..start + len]).unwrap_or("0");
            let exponent = text.parse::<i32>().unwrap_or(i32::MAX);
            let negative = digits.get(at + 1) == Some(&b'-');
            value *= 2f64.powi(if negative { -exponent } else { exponent });
            at = start + len;
        }
    }
    (value, at)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_longest_number_is_taken() {
        assert_eq!(longest_number(b"12,"), Some((12.0, 2)));
        assert_eq!(longest_number(b"-1.5e3x"), Some((-1500.0, 6)));
        assert_eq!(longest_number(b"1e"), Some((1.0, 1)));
        assert_eq!(longest_number(b"1e+"), Some((1.0, 1)));
        assert_eq!(longest_number(b"0x1F]"), Some((31.0, 4)));
        assert_eq!(longest_number(b"0x1.8p1"), Some((3.0, 7)));
        assert_eq!(longest_number(b"0x"), Some((0.0, 1)));
        assert_eq!(longest_number(b"1."), Some((1.0, 2)));
        assert_eq!(longest_number(b"-"), None);
        assert_eq!(longest_number(b"."), None);
        assert!(longest_number(b"nan").unwrap().0.is_nan());
    }

    #[test]
    fn pairs_of_surrogates_are_one_character() {
        assert_eq!(unicode(br"\u0041"), Some(('A', 6)));
        assert_eq!(unicode(br"\ud83d\ude00"), Some(('\u{1f600}', 12)));
        assert_eq!(unicode(br"\ude00\ud83d"), None);
        assert_eq!(unicode(br"\ud83dx"), None);
        assert_eq!(unicode(br"\u00g0"), None);
    }
}
