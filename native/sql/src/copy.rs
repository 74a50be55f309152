//! COPY's text format: lines to rows.
//!
//! **Theory.** Nearly all that is copied in is of one kind: lines without a backslash but for nulls, fields of types that are
//! read here. Such lines become rows without any other form between. The first line that is not so ends the work: whoever
//! called goes on from its first byte in the ordinary way. Invariant: a row is added whole or not at all, in the order of lines.

use crate::expression::{Expression, Moment, Stored};
use crate::Kind;
use hyperdb_graph::relation::Slots;

/// What becomes of the fields of a line.
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
    /// What is between two fields.
    pub delimiter: u8,
    /// What a field is that stands for null.
    pub null: Vec<u8>,
}

impl Form {
    /// The row of a line; `None` if the line is left to the ordinary way.
    pub fn row(&self, line: &[u8], moment: &dyn Moment) -> Option<Slots> {
        let mut row: Slots = vec![None; self.width];
        let mut fields = line.split(|byte| *byte == self.delimiter);
        for (slot, kind) in &self.fields {
            let field = fields.next()?;
            if field == self.null {
                continue;
            }
            if field.contains(&b'\\') || field.contains(&b'\r') {
                return None;
            }
            *row.get_mut(*slot)? = Some(kind.read(field, false)?);
        }
        if fields.next().is_some() {
            return None;
        }
        for (slot, value) in &self.others {
            let value: Stored = value.value(&[], &[], moment).ok()?;
            *row.get_mut(*slot)? = value;
        }
        let is_null = |slot: &usize| row.get(*slot).is_none_or(Option::is_none);
        (!self.required.iter().any(is_null)).then_some(row)
    }

    /// Rows of whole lines from the front of `data`, at most `most`: they, and how many bytes they were. Fewer rows where a line
    /// is left to the ordinary way, or not whole.
    pub fn rows(&self, data: &[u8], most: usize, moment: &dyn Moment) -> (Vec<Slots>, usize) {
        let mut rows = Vec::new();
        let mut at = 0;
        while rows.len() < most {
            let Some(rest) = data.get(at..) else { break };
            let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
                break;
            };
            let Some(row) = self.row(&rest[..length], moment) else {
                break;
            };
            rows.push(row);
            at += length + 1;
        }
        (rows, at)
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

    fn form() -> Form {
        Form {
            width: 3,
            fields: vec![(2, Kind::Text), (0, Kind::Int4)],
            others: vec![(1, Expression::Now)],
            required: vec![0],
            delimiter: b'\t',
            null: b"\\N".to_vec(),
        }
    }

    #[test]
    fn lines_become_rows_up_to_the_first_that_is_not_plain() {
        let data = b"a\t1\n\\N\t2\nb\\tc\t3\nd\t4\n";
        let (rows, taken) = form().rows(data, 10, &Still);
        let int = |value: i32| Some(value.to_le_bytes().to_vec());
        let now = Some(5i64.to_le_bytes().to_vec());
        assert_eq!(
            rows,
            [
                vec![int(1), now.clone(), Some(b"a".to_vec())],
                vec![int(2), now, None]
            ]
        );
        assert_eq!(taken, 9);
        assert_eq!(
            form().rows(data, 1, &Still).1,
            4,
            "no more than were asked for"
        );
    }

    #[test]
    fn what_is_missing_too_much_or_null_is_left() {
        for line in [
            &b"a"[..],
            b"a\t1\t2",
            b"a\tx",
            b"a\t\\N",
            b"a\t1\r",
            b"\\.",
            b"",
        ] {
            assert_eq!(form().row(line, &Still), None, "{line:?}");
        }
        assert_eq!(form().rows(b"a\t1", 5, &Still).1, 0, "no end of line");
    }
}
