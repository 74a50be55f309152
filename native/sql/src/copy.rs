//! COPY's formats: bytes to rows.
//!
//! **Theory.** PostgreSQL's documentation of COPY, File Formats. Nearly all that is copied in is of the common kind: fields of types
//! that are read here, lines that end with a line feed. Such records become rows without any other form between. The first one
//! that is not so ends the work: whoever called goes on from its first byte in the ordinary way. Invariant: a row is given whole or
//! not at all, in the order of records.

mod fields;

use crate::expression::{Expression, Moment, Stored};
use crate::Kind;
use fields::{Cut, Fields};
use hyperdb_graph::relation::Slots;

/// How bytes are cut into fields.
#[derive(Clone, Debug)]
pub enum Format {
    /// One line a row; a backslash takes away or gives a meaning.
    Text {
        /// What is between two fields.
        delimiter: u8,
        /// What a field is that stands for null.
        null: Vec<u8>,
    },
    /// Fields in quotes may hold anything.
    Csv {
        /// What is between two fields.
        delimiter: u8,
        /// What a field is, outside of quotes, that stands for null.
        null: Vec<u8>,
        /// What begins and ends a quoted field.
        quote: u8,
        /// What goes before a quote that is meant.
        escape: u8,
    },
    /// Lengths before fields; behind its header.
    Binary,
}

/// What becomes of the fields of a record.
#[derive(Clone, Debug)]
pub struct Form {
    /// How many slots a row has.
    pub width: usize,
    /// Slot and type of each field.
    pub fields: Vec<(usize, Kind)>,
    /// What is in the slots that no field is for.
    pub others: Vec<(usize, Expression)>,
    /// Slots that take no null.
    pub required: Vec<usize>,
    /// How fields are cut.
    pub format: Format,
}

/// Where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Before a record that is not whole yet, or at the end.
    Short,
    /// Before one that is left to the ordinary way.
    Left,
    /// There were as many rows as were asked for.
    More,
}

impl Form {
    /// The row of a record's fields; `None` if it is left to the ordinary way.
    fn row(&self, fields: &Fields, moment: &dyn Moment) -> Option<Slots> {
        if fields.len() != self.fields.len() {
            return None;
        }
        let is_binary = matches!(self.format, Format::Binary);
        let mut row: Slots = vec![None; self.width];
        for (at, (slot, kind)) in self.fields.iter().enumerate() {
            if let Some(field) = fields.get(at)? {
                *row.get_mut(*slot)? = Some(kind.read(field, is_binary)?);
            }
        }
        for (slot, value) in &self.others {
            let value: Stored = value.value(&[], &[], moment).ok()?;
            *row.get_mut(*slot)? = value;
        }
        let is_null = |slot: &usize| row.get(*slot).is_none_or(Option::is_none);
        (!self.required.iter().any(is_null)).then_some(row)
    }

    /// Rows of whole records from the front of `data`, at most `most`: they, how many bytes they were, and why not more.
    pub fn rows(&self, data: &[u8], most: usize, moment: &dyn Moment) -> (Vec<Slots>, usize, Rest) {
        let mut rows = Vec::new();
        let mut fields = Fields::default();
        let mut at = 0;
        while rows.len() < most {
            let rest = data.get(at..).unwrap_or_default();
            match fields.cut(rest, &self.format) {
                Cut::Short => return (rows, at, Rest::Short),
                Cut::Left => return (rows, at, Rest::Left),
                Cut::Record(length) => match self.row(&fields, moment) {
                    None => return (rows, at, Rest::Left),
                    Some(row) => {
                        rows.push(row);
                        at += length;
                    }
                },
            }
        }
        (rows, at, Rest::More)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    struct Still;

    impl Moment for Still {
        fn now(&self) -> i64 {
            5
        }

        fn row_key(&self) -> [u8; 16] {
            [7; 16]
        }
    }

    fn form(format: Format) -> Form {
        Form {
            width: 3,
            fields: vec![(2, Kind::Text), (0, Kind::Int4)],
            others: vec![(1, Expression::Now)],
            required: vec![0],
            format,
        }
    }

    fn text() -> Format {
        Format::Text {
            delimiter: b'\t',
            null: b"\\N".to_vec(),
        }
    }

    fn csv() -> Format {
        Format::Csv {
            delimiter: b',',
            null: Vec::new(),
            quote: b'"',
            escape: b'"',
        }
    }

    fn row(text: Option<&[u8]>, number: i32) -> Slots {
        let now = Some(5i64.to_le_bytes().to_vec());
        vec![
            Some(number.to_le_bytes().to_vec()),
            now,
            text.map(<[u8]>::to_vec),
        ]
    }

    /// Rows, bytes and the end, however the data comes cut.
    fn read(format: Format, data: &[u8]) -> (Vec<Slots>, usize, Rest) {
        let form = form(format);
        let whole = form.rows(data, 10, &Still);
        for end in 0..data.len() {
            let (rows, taken, _) = form.rows(&data[..end], 10, &Still);
            assert_eq!(rows, whole.0[..rows.len()], "cut at {end}");
            let (rest, more, _) = form.rows(&data[taken..], 10, &Still);
            assert_eq!(
                (rows.len() + rest.len(), taken + more),
                (whole.0.len(), whole.1)
            );
        }
        whole
    }

    #[test]
    fn lines_become_rows_up_to_the_first_that_is_left() {
        let data = b"a\t1\n\\N\t2\nb\\tc\\\\\\x41\\101\\q\t3\nd\tx\ne\t4\n";
        let rows = vec![row(Some(b"a"), 1), row(None, 2), row(Some(b"b\tc\\AAq"), 3)];
        let left = data.windows(3).position(|cut| cut == b"d\tx").unwrap();
        assert_eq!(read(text(), data), (rows, left, Rest::Left));
        assert_eq!(
            form(text()).rows(b"a\t1\nb\t2\n", 1, &Still).1,
            4,
            "no more than were asked for"
        );
    }

    #[test]
    fn what_is_missing_too_much_null_or_an_end_is_left() {
        for line in [
            &b"a\n"[..],
            b"a\t1\t2\n",
            b"a\tx\n",
            b"a\t\\N\n",
            b"a\t1\r\n",
            b"\\.\n",
            b"\n",
            b"a\\\nb\t1\n",
            b"a\\.\t1\n",
            b"\xff\t1\n",
            b"a\\x00\t1\n",
        ] {
            assert_eq!(read(text(), line), (vec![], 0, Rest::Left), "{line:?}");
        }
        assert_eq!(read(text(), b"a\t1"), (vec![], 0, Rest::Short));
    }

    #[test]
    fn quoted_fields_hold_anything() {
        let data = b"a,1\n,2\n\"\",3\n\"x\"\"y,\nz\",4\nb\"c\"d,\"5\"\n\\.\n";
        let rows = vec![
            row(Some(b"a"), 1),
            row(None, 2),
            row(Some(b""), 3),
            row(Some(b"x\"y,\nz"), 4),
            row(Some(b"bcd"), 5),
        ];
        assert_eq!(read(csv(), data), (rows, data.len() - 3, Rest::Left));
        let Format::Csv {
            delimiter,
            null,
            quote,
            ..
        } = csv()
        else {
            unreachable!()
        };
        let escaped = Format::Csv {
            delimiter,
            null,
            quote,
            escape: b'\\',
        };
        let rows = vec![row(Some(b"x\"y\\z\\n"), 1)];
        assert_eq!(
            read(escaped, b"\"x\\\"y\\\\z\\n\",1\n"),
            (rows, 14, Rest::Short)
        );
        assert_eq!(
            read(csv(), b"a,1\r\n").2,
            Rest::Left,
            "how lines end goes by all of them"
        );
    }

    #[test]
    fn binary_records_are_read_by_their_lengths() {
        let record = |text: Option<&[u8]>, number: i32| {
            let mut out = vec![0, 2];
            match text {
                None => out.extend_from_slice(&(-1i32).to_be_bytes()),
                Some(text) => {
                    out.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
                    out.extend_from_slice(text);
                }
            }
            out.extend_from_slice(&4u32.to_be_bytes());
            out.extend_from_slice(&number.to_be_bytes());
            out
        };
        let data = [record(Some(b"a"), 1), record(None, 2)].concat();
        let whole = [&data[..], &[0xff, 0xff]].concat();
        let rows = vec![row(Some(b"a"), 1), row(None, 2)];
        assert_eq!(read(Format::Binary, &whole), (rows, data.len(), Rest::Left));
        let short = [0, 2, 0, 0, 0, 9, b'a'];
        assert_eq!(read(Format::Binary, &short), (vec![], 0, Rest::Short));
        let negative = [0, 2, 0xff, 0xff, 0xff, 0xfe, 0, 0];
        assert_eq!(read(Format::Binary, &negative).2, Rest::Left);
    }
}
