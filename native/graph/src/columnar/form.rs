//! What a column's type is in Arrow.
//!
//! **Theory.** A form keeps each value, its equality, and for types that have one in Arrow their order. Numbers of any
//! precision, intervals beyond Arrow's nanoseconds and arrays of several dimensions are not known from the type alone: a
//! value that does not fit stops the scan ([`super::Fault::Value`]), and the query runs on rows.

use crate::catalog::{Image, Object};
use crate::codec::order::value::UserTypes;
use crate::codec::types::{Container, Named, Plain, Sized, Type};
use std::sync::Arc;

/// Digits that an Arrow decimal128 holds.
const DECIMAL_DIGITS: u16 = 38;

/// A column's type in Arrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// bool, a bit a value.
    Bool,
    /// int8.
    Int8,
    /// int16.
    Int16,
    /// int32.
    Int32,
    /// int64.
    Int64,
    /// uint32: oids.
    UInt32,
    /// float32.
    Float32,
    /// float64.
    Float64,
    /// decimal128 with these digits, this many behind the point.
    Decimal(u8, u8),
    /// utf8: numbers whose digits are not limited, each as PostgreSQL writes it.
    Number,
    /// utf8.
    Text,
    /// utf8: a "char", whose byte 0 is the empty text.
    Char1,
    /// binary.
    Bytes,
    /// date32. The infinities are at -(2^31 - 1) and 2^31 - 1, where DuckDB has them.
    Date,
    /// time64 in microseconds.
    Time,
    /// time64 in nanoseconds.
    TimeNanos,
    /// timestamp in microseconds, with UTC as its zone or without one; infinities at -(2^63 - 1) and 2^63 - 1.
    Timestamp(bool),
    /// fixed-size binary of 16 bytes, named arrow.uuid.
    Uuid,
    /// month_day_nano_interval.
    Interval,
    /// dictionary of int32 over utf8: numbers and names of the labels in their order.
    Enum(Arc<Vec<(u32, String)>>),
    /// list.
    List(Box<Form>),
}

/// A type that has no form: the query runs on rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped(pub Type);

impl std::fmt::Display for Unmapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "values of type {:?} have no columnar form", self.0)
    }
}

impl Form {
    /// The form of values of `kind`.
    ///
    /// # Errors
    /// [`Unmapped`] if there is none.
    pub fn of(image: &Image, kind: &Type) -> Result<Form, Unmapped> {
        let form = match kind {
            Type::Plain(plain) => Self::plain(*plain),
            Type::Sized(sized, _) => Self::sized(*sized),
            Type::Numeric(precision, scale) => Some(Self::numeric(*precision, *scale)),
            Type::Named(Named::Enum, id) => Self::labels(image, *id),
            Type::Named(Named::Domain, id) => match image.base(*id) {
                Some(base) => return Form::of(image, &base),
                None => None,
            },
            Type::Of(Container::Array, of) => match **of {
                Type::Of(..) => None,
                _ => Some(Form::List(Box::new(Form::of(image, of)?))),
            },
            _ => None,
        };
        form.ok_or_else(|| Unmapped(kind.clone()))
    }

    fn plain(plain: Plain) -> Option<Form> {
        Some(match plain {
            Plain::Boolean => Form::Bool,
            Plain::Int1 => Form::Int8,
            Plain::Int2 => Form::Int16,
            Plain::Int4 => Form::Int32,
            Plain::Int8 | Plain::Counter => Form::Int64,
            Plain::Oid => Form::UInt32,
            Plain::Float4 => Form::Float32,
            Plain::Float8 => Form::Float64,
            Plain::Decimal => Form::Number,
            Plain::Text | Plain::Ascii | Plain::Name | Plain::Json | Plain::Jsonb => Form::Text,
            Plain::Char1 => Form::Char1,
            Plain::Bytes => Form::Bytes,
            Plain::Date => Form::Date,
            Plain::TimeNanos => Form::TimeNanos,
            Plain::Uuid => Form::Uuid,
            // Their order in SQL is not that of anything in Arrow, or no frontend reads them.
            Plain::TimeUuid | Plain::Varint | Plain::Duration | Plain::Inet | Plain::Cidr => {
                return None
            }
            Plain::MacAddr | Plain::TsVector => return None,
        })
    }

    fn sized(sized: Sized) -> Option<Form> {
        Some(match sized {
            Sized::Varchar | Sized::Char => Form::Text,
            Sized::Time => Form::Time,
            Sized::Timestamp => Form::Timestamp(false),
            Sized::TimestampTz => Form::Timestamp(true),
            Sized::Interval => Form::Interval,
            Sized::Bit | Sized::VarBit | Sized::TimeTz => return None,
        })
    }

    fn numeric(precision: u16, scale: i16) -> Form {
        let exact = || {
            let scale = u8::try_from(scale).ok()?;
            let digits = u8::try_from(precision).ok()?;
            let fits = (1..=DECIMAL_DIGITS).contains(&precision) && scale <= digits;
            fits.then_some(Form::Decimal(digits, scale))
        };
        exact().unwrap_or(Form::Number)
    }

    fn labels(image: &Image, id: u64) -> Option<Form> {
        let Object::UserType(kind) = image.get(id)? else {
            return None;
        };
        let mut labels: Vec<_> = kind.labels.iter().collect();
        labels.sort_by(|a, b| f64::from_bits(a.position).total_cmp(&f64::from_bits(b.position)));
        let named = labels
            .iter()
            .map(|label| (label.number, label.name.clone()));
        Some(Form::Enum(Arc::new(named.collect())))
    }
}
