//! Columns of Arrow as messages.
//!
//! **Theory.** Most values of Arrow have the bytes of the stored form. The others are moved there, number by number: integers
//! of another width, decimals, the infinities of days and moments, which lie one off the ends of the width where DuckDB has them.
//! A numeric may have its scale in a column beside, and a quotient its divisor (`hyperdb/frontends/sql/analytic/results.py`).

use super::{quotient, Form, Shown, Writer, Written};
use crate::kind::number::{push_digits, push_groups};
use crate::kind::Kind;
use hyperdb_graph::columnar::import::{Batch, View};

/// An exact number: `value * 10^-scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exact {
    pub(super) value: i128,
    pub(super) scale: u32,
}

/// Where an exact number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    column: usize,
    width: Width,
    scale: u32,
    /// The column that says how many digits behind the point it has.
    digits: Option<(usize, Width)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Signed(usize),
    Unsigned(usize),
}

impl Width {
    /// Of integers in a column of that format; one of 16 bytes is DuckDB's hugeint.
    fn of(format: &str) -> Option<Width> {
        Some(match format {
            "c" => Width::Signed(1),
            "s" => Width::Signed(2),
            "i" => Width::Signed(4),
            "l" => Width::Signed(8),
            "w:16" => Width::Signed(16),
            "C" => Width::Unsigned(1),
            "S" => Width::Unsigned(2),
            "I" => Width::Unsigned(4),
            "L" => Width::Unsigned(8),
            _ => return None,
        })
    }

    fn read(self, raw: &[u8]) -> Option<i128> {
        let (width, signed) = match self {
            Width::Signed(width) => (width, true),
            Width::Unsigned(width) => (width, false),
        };
        let is_below = signed && raw.last().is_some_and(|last| last & 0x80 != 0);
        let mut bytes = [if is_below { 0xff } else { 0 }; 16];
        bytes.get_mut(..width)?.copy_from_slice(raw.get(..width)?);
        Some(i128::from_le_bytes(bytes))
    }
}

/// Where a column of the answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Bytes of the stored form.
    Stored(usize, Shown),
    /// Days or moments, with their infinities one off.
    Time(usize, Shown),
    /// Integers of another width than the column of the answer.
    Integer(usize, Shown),
    /// numeric
    Number(Number),
    /// numeric: one divided by the other.
    Quotient(Number, Number),
}

/// A column of the answer, as it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// PostgreSQL's oid of its type.
    pub oid: u32,
    /// And its modifier.
    pub modifier: i32,
    /// The column beside that says its digits behind the point.
    pub digits: Option<usize>,
    /// The column that it is to be divided by, and the one that says the digits of that.
    pub divisor: Option<(usize, Option<usize>)>,
}

const NUMERIC: u32 = 1700;

impl Number {
    fn of(batch: &Batch, column: usize, digits: Option<usize>) -> Option<Number> {
        let format = batch.format(column)?;
        let (width, scale) = match format.strip_prefix("d:") {
            None => (Width::of(format)?, 0),
            Some(limits) => (Width::Signed(16), limits.split_once(',')?.1.parse().ok()?),
        };
        let digits = match digits {
            None => None,
            Some(at) => Some((at, Width::of(batch.format(at)?)?)),
        };
        Some(Number {
            column,
            width,
            scale,
            digits,
        })
    }

    /// The number of a row with the digits that it shows; `Some(None)`: null.
    fn read(&self, views: &[View<'_>], row: usize) -> Option<Option<Exact>> {
        let Some(raw) = views.get(self.column)?.value(row)? else {
            return Some(None);
        };
        let value = self.width.read(raw)?;
        let Some((beside, width)) = self.digits else {
            return Some(Some(Exact {
                value,
                scale: self.scale,
            }));
        };
        let shown = width.read(views.get(beside)?.value(row)??)?;
        let shown = u32::try_from(shown).ok()?;
        let value = match shown.checked_sub(self.scale) {
            Some(more) => value.checked_mul(10i128.checked_pow(more)?)?,
            None => {
                let unit = 10i128.checked_pow(self.scale - shown)?;
                (value % unit == 0).then_some(value / unit)?
            }
        };
        Some(Some(Exact {
            value,
            scale: shown,
        }))
    }
}

impl Source {
    /// Where the column of the answer that is the `at`-th of the batch comes from; `None`: it is not written here.
    pub fn of(batch: &Batch, at: usize, column: Column) -> Option<Source> {
        if let Some((divisor, digits)) = column.divisor {
            let dividend = Number::of(batch, at, column.digits)?;
            return Some(Source::Quotient(
                dividend,
                Number::of(batch, divisor, digits)?,
            ));
        }
        if column.oid == NUMERIC {
            return Number::of(batch, at, column.digits).map(Source::Number);
        }
        let shown = Shown::of(column.oid, column.modifier)?;
        let format = batch.format(at)?;
        let stored = match shown {
            // DuckDB has its own form of a byte a value.
            Shown::Kind(Kind::Bool) => matches!(format, "b" | "c"),
            Shown::Kind(Kind::Int2) => format == "s",
            Shown::Kind(Kind::Int4) => format == "i",
            Shown::Kind(Kind::Int8) => format == "l",
            Shown::Oid => format == "I",
            Shown::Float4 => format == "f",
            Shown::Kind(Kind::Float8) => format == "g",
            Shown::Kind(Kind::Text | Kind::Char(_)) | Shown::Jsonb => matches!(format, "u" | "U"),
            Shown::Kind(Kind::Bytes) => matches!(format, "z" | "Z"),
            Shown::Kind(Kind::Uuid) => format == "w:16",
            Shown::Time => format == "ttu",
            _ => false,
        };
        let is_time = match shown {
            Shown::Kind(Kind::Date) => format == "tdD",
            Shown::Kind(Kind::Timestamp | Kind::TimestampTz) => format.starts_with("tsu:"),
            _ => false,
        };
        let is_whole = matches!(shown, Shown::Kind(kind) if kind.is_integer());
        match () {
            () if stored => Some(Source::Stored(at, shown)),
            () if is_time => Some(Source::Time(at, shown)),
            () if is_whole && Width::of(format).is_some() => Some(Source::Integer(at, shown)),
            () => None,
        }
    }

    /// Whether it depends on the session's time zone.
    pub fn has_zone(&self) -> bool {
        matches!(self, Source::Time(_, shown) if shown.has_zone())
    }
}

/// A batch on its way.
pub struct Columns {
    batch: Batch,
    sources: Vec<Source>,
}

impl Columns {
    /// The batch with where each column of the answer comes from; `None`: one is not written here.
    pub fn new(batch: Batch, columns: &[Column]) -> Option<Columns> {
        let sources = columns.iter().enumerate();
        let sources = sources.map(|(at, column)| Source::of(&batch, at, *column));
        Some(Columns {
            sources: sources.collect::<Option<_>>()?,
            batch,
        })
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// Whether a column depends on the session's time zone.
    pub fn has_zone(&self) -> bool {
        self.sources.iter().any(Source::has_zone)
    }

    /// Writes at most `most` rows from `first` on, and none behind `size` bytes.
    pub fn write(
        &self,
        first: usize,
        most: usize,
        size: usize,
        form: &Form,
        out: &mut Vec<u8>,
    ) -> Written {
        let views: Vec<View<'_>> = (0..self.batch.width())
            .filter_map(|at| self.batch.view(at))
            .collect();
        let mut writer = Writer::new(form, self.sources.len(), out);
        let end = self.rows().min(first.saturating_add(most));
        for row in first..end {
            if writer.size() >= size {
                return Written {
                    rows: row - first,
                    refused: false,
                };
            }
            writer.begin();
            let written = self.sources.iter().try_for_each(|source| {
                field(source, &views, self.batch_format(source), row, &mut writer)
            });
            if written.is_none() {
                writer.undo();
                return Written {
                    rows: row - first,
                    refused: true,
                };
            }
            writer.end();
        }
        Written {
            rows: end.saturating_sub(first),
            refused: false,
        }
    }

    fn batch_format(&self, source: &Source) -> Option<Width> {
        match source {
            Source::Integer(at, _) => Width::of(self.batch.format(*at)?),
            _ => None,
        }
    }
}

fn field(
    source: &Source,
    views: &[View<'_>],
    width: Option<Width>,
    row: usize,
    writer: &mut Writer<'_>,
) -> Option<()> {
    match source {
        Source::Stored(at, shown) => match views.get(*at)?.value(row)? {
            None => writer.null(),
            Some(raw) => writer.value(|is_binary, out| shown.write(raw, is_binary, out))?,
        },
        Source::Time(at, shown) => match views.get(*at)?.value(row)? {
            None => writer.null(),
            Some(raw) => match from_arrow(raw) {
                None => writer.value(|is_binary, out| shown.write(raw, is_binary, out))?,
                Some((least, length)) => writer
                    .value(|is_binary, out| shown.write(least.get(..length)?, is_binary, out))?,
            },
        },
        Source::Integer(at, shown) => match views.get(*at)?.value(row)? {
            None => writer.null(),
            Some(raw) => {
                let value = i64::try_from(width?.read(raw)?).ok()?;
                let Shown::Kind(kind) = shown else {
                    return None;
                };
                let stored = kind.store_integer(value)?;
                writer.value(|is_binary, out| shown.write(&stored, is_binary, out))?;
            }
        },
        Source::Number(number) => match number.read(views, row)? {
            None => writer.null(),
            Some(exact) => writer.value(|is_binary, out| write_exact(exact, is_binary, out))?,
        },
        Source::Quotient(above, below) => {
            match (above.read(views, row)?, below.read(views, row)?) {
                (Some(left), Some(right)) => {
                    let (digits, scale) = quotient::divide(left, right)?;
                    let is_below = (left.value < 0) != (right.value < 0);
                    writer.value(|is_binary, out| {
                        write_digits(is_below, &digits, scale, is_binary, out)
                    })?;
                }
                _ => writer.null(),
            }
        }
    }
    Some(())
}

/// Where Arrow has minus infinity, which is stored as the least number of the width: that, and its bytes.
fn from_arrow(raw: &[u8]) -> Option<([u8; 8], usize)> {
    let mut least = [0; 8];
    match raw.len() {
        4 if raw == (-i32::MAX).to_le_bytes() => {
            least[..4].copy_from_slice(&i32::MIN.to_le_bytes())
        }
        8 if raw == (-i64::MAX).to_le_bytes() => least = i64::MIN.to_le_bytes(),
        _ => return None,
    }
    Some((least, raw.len()))
}

fn write_exact(exact: Exact, is_binary: bool, out: &mut Vec<u8>) -> Option<()> {
    let mut digits = [0u8; 40];
    let mut at = digits.len();
    let mut rest = exact.value.unsigned_abs();
    // By the short division as long as it suffices: the long one costs ten times as much.
    while rest > u128::from(u64::MAX) {
        at -= 1;
        digits[at] = (rest % 10) as u8;
        rest /= 10;
    }
    let mut rest = u64::try_from(rest).ok()?;
    while rest > 0 {
        at -= 1;
        digits[at] = (rest % 10) as u8;
        rest /= 10;
    }
    let scale = usize::try_from(exact.scale).ok()?;
    write_digits(exact.value < 0, &digits[at..], scale, is_binary, out)
}

fn write_digits(
    negative: bool,
    digits: &[u8],
    scale: usize,
    is_binary: bool,
    out: &mut Vec<u8>,
) -> Option<()> {
    let first = digits.iter().position(|digit| *digit != 0);
    let digits = first.map_or(&[][..], |first| &digits[first..]);
    let negative = negative && !digits.is_empty();
    match is_binary {
        true => push_groups(negative, digits, scale, out)?,
        false => push_digits(negative, digits, scale, out),
    }
    Some(())
}
