//! One column of a batch, in Arrow's layout, and how values are put behind each other.
//!
//! **Invariant.** There is a place for every row, null or not; validity is kept from the first null on. Vectors are typed,
//! so their starts are aligned as Arrow asks. Numbers have the machine's byte order, which is little endian here as stored
//! forms are.

use super::form::Form;
use super::scan::Fault;
use crate::codec::decimal::{class, Decimal};
use crate::codec::Reader;

/// The values of a column; zero where null.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// A bit each, lowest first.
    Bits(Vec<u8>),
    /// One byte each.
    One(Vec<i8>),
    /// Two bytes each.
    Two(Vec<i16>),
    /// Four bytes each.
    Four(Vec<i32>),
    /// Eight bytes each.
    Eight(Vec<i64>),
    /// Sixteen bytes each.
    Sixteen(Vec<i128>),
    /// Where each begins, and the end; the bytes.
    Bytes(Vec<i32>, Vec<u8>),
    /// Where each begins, and the end; the items.
    Items(Vec<i32>, Box<Column>),
}

/// Values of one form.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    form: Form,
    rows: usize,
    nulls: usize,
    validity: Vec<u8>,
    data: Data,
}

/// The dimension and the items of an array.
type Array<'v> = Vec<Option<&'v [u8]>>;

impl Column {
    /// An empty one.
    pub fn new(form: Form) -> Column {
        let data = match &form {
            Form::Bool => Data::Bits(Vec::new()),
            Form::Int8 => Data::One(Vec::new()),
            Form::Int16 => Data::Two(Vec::new()),
            Form::Int32 | Form::UInt32 | Form::Float32 | Form::Date | Form::Enum(_) => {
                Data::Four(Vec::new())
            }
            Form::Int64 | Form::Float64 | Form::Time | Form::TimeNanos | Form::Timestamp(_) => {
                Data::Eight(Vec::new())
            }
            Form::Decimal(..) | Form::Uuid | Form::Interval => Data::Sixteen(Vec::new()),
            Form::Number | Form::Text | Form::Char1 | Form::Bytes => {
                Data::Bytes(vec![0], Vec::new())
            }
            Form::List(of) => Data::Items(vec![0], Box::new(Column::new((**of).clone()))),
        };
        Column {
            form,
            rows: 0,
            nulls: 0,
            validity: Vec::new(),
            data,
        }
    }

    /// What its values are.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many of them are null.
    pub fn nulls(&self) -> usize {
        self.nulls
    }

    /// A bit for each row, lowest first, set where there is a value; `None` if there is one everywhere.
    pub fn validity(&self) -> Option<&[u8]> {
        (self.nulls > 0).then_some(&self.validity[..])
    }

    /// The values.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        let data = match &self.data {
            Data::Bits(values) => values.capacity(),
            Data::One(values) => values.capacity(),
            Data::Two(values) => 2 * values.capacity(),
            Data::Four(values) => 4 * values.capacity(),
            Data::Eight(values) => 8 * values.capacity(),
            Data::Sixteen(values) => 16 * values.capacity(),
            Data::Bytes(offsets, bytes) => 4 * offsets.capacity() + bytes.capacity(),
            Data::Items(offsets, items) => 4 * offsets.capacity() + items.bytes(),
        };
        data + self.validity.capacity()
    }

    /// Appends a value in its stored form; `None` is null.
    ///
    /// # Errors
    /// [`Fault::Malformed`], [`Fault::Value`] if Arrow cannot say it.
    #[inline]
    pub fn push(&mut self, value: Option<&[u8]>) -> Result<(), Fault> {
        let Some(value) = value else {
            return self.push_null();
        };
        if self.nulls > 0 {
            set_bit(&mut self.validity, self.rows, true);
        }
        self.rows += 1;
        match (&mut self.data, &self.form) {
            (Data::Eight(values), Form::Timestamp(_)) => {
                values.push(i64::from_le_bytes(fixed(value)?).max(-i64::MAX));
            }
            (Data::Eight(values), _) => values.push(i64::from_le_bytes(fixed(value)?)),
            (Data::Four(values), Form::Date) => {
                values.push(i32::from_le_bytes(fixed(value)?).max(-i32::MAX));
            }
            (Data::Four(values), Form::Enum(labels)) => {
                values.push(place(labels, u32::from_le_bytes(fixed(value)?))?);
            }
            (Data::Four(values), _) => values.push(i32::from_le_bytes(fixed(value)?)),
            (Data::Sixteen(values), Form::Decimal(digits, scale)) => {
                values.push(decimal(value, *digits, *scale)?);
            }
            (Data::Sixteen(values), Form::Interval) => values.push(interval(value)?),
            (Data::Sixteen(values), _) => values.push(i128::from_le_bytes(fixed(value)?)),
            (Data::Bytes(offsets, bytes), form) => {
                push_bytes(form, value, bytes)?;
                offsets.push(offset(bytes.len())?);
            }
            (Data::Bits(bits), _) => {
                let [bit] = fixed(value)?;
                set_bit(bits, self.rows - 1, bit == 1);
            }
            (Data::One(values), _) => values.push(i8::from_le_bytes(fixed(value)?)),
            (Data::Two(values), _) => values.push(i16::from_le_bytes(fixed(value)?)),
            (Data::Items(offsets, items), _) => {
                for item in array(value)? {
                    items.push(item)?;
                }
                offsets.push(offset(items.rows)?);
            }
        }
        Ok(())
    }

    fn push_null(&mut self) -> Result<(), Fault> {
        if self.nulls == 0 {
            self.validity = vec![0xff; self.rows.div_ceil(8)];
        }
        set_bit(&mut self.validity, self.rows, false);
        self.nulls += 1;
        self.rows += 1;
        match &mut self.data {
            Data::Bits(bits) => set_bit(bits, self.rows - 1, false),
            Data::One(values) => values.push(0),
            Data::Two(values) => values.push(0),
            Data::Four(values) => values.push(0),
            Data::Eight(values) => values.push(0),
            Data::Sixteen(values) => values.push(0),
            Data::Bytes(offsets, bytes) => offsets.push(offset(bytes.len())?),
            Data::Items(offsets, items) => offsets.push(offset(items.rows)?),
        }
        Ok(())
    }
}

/// Sets bit `at`, which is the next one or one that is there.
fn set_bit(bits: &mut Vec<u8>, at: usize, on: bool) {
    if at / 8 == bits.len() {
        bits.push(0);
    }
    let mask = 1 << (at % 8);
    if let Some(byte) = bits.get_mut(at / 8) {
        *byte = if on { *byte | mask } else { *byte & !mask };
    }
}

fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N], Fault> {
    value.try_into().map_err(|_| Fault::Malformed)
}

fn offset(at: usize) -> Result<i32, Fault> {
    i32::try_from(at).map_err(|_| Fault::Value("more than 2 GiB of values in a batch".into()))
}

fn place(labels: &[(u32, String)], number: u32) -> Result<i32, Fault> {
    let place = labels.iter().position(|(label, _)| *label == number);
    let place = place.ok_or(Fault::Malformed)?;
    i32::try_from(place).map_err(|_| Fault::Malformed)
}

fn push_bytes(form: &Form, value: &[u8], bytes: &mut Vec<u8>) -> Result<(), Fault> {
    match form {
        Form::Number => write_number(&Decimal::decode(value).ok_or(Fault::Malformed)?, bytes),
        Form::Text => {
            // Readers take utf8 columns at their word.
            std::str::from_utf8(value).map_err(|_| Fault::Malformed)?;
            bytes.extend_from_slice(value);
            Ok(())
        }
        Form::Char1 => match value {
            [0] => Ok(()),
            [byte] if byte.is_ascii() => {
                bytes.push(*byte);
                Ok(())
            }
            [_] => Err(Fault::Value("a \"char\" that is no character".into())),
            _ => Err(Fault::Malformed),
        },
        _ => {
            bytes.extend_from_slice(value);
            Ok(())
        }
    }
}

/// The digits of a stored decimal as an integer, if it has up to 18 of them, of which `scale` lie behind the point: nearly
/// every one that is stored.
fn short_decimal(value: &[u8], digits: u8, scale: u8) -> Option<i64> {
    let (class, rest) = value.split_first()?;
    let (own, pairs) = rest.split_first_chunk::<4>()?;
    let negative = match *class {
        class::NEGATIVE => true,
        class::POSITIVE => false,
        _ => return None,
    };
    let (last, whole) = pairs.split_last()?;
    let fits = pairs.len() <= 9 && pairs.len() * 2 <= usize::from(digits) && pairs[0] > 0xf;
    if !fits || i32::from_le_bytes(*own) != i32::from(scale) {
        return None;
    }
    let mut sum = 0i64;
    for pair in whole {
        let (high, low) = (pair >> 4, pair & 0xf);
        if high > 9 || low > 9 {
            return None;
        }
        sum = sum * 100 + i64::from(high * 10 + low);
    }
    let (high, low) = (last >> 4, last & 0xf);
    let sum = match (high, low) {
        (0..=9, 0..=9) => sum * 100 + i64::from(high * 10 + low),
        (0..=9, 0xf) => sum * 10 + i64::from(high),
        _ => return None,
    };
    Some(if negative { -sum } else { sum })
}

/// The digits of a stored decimal as an integer at `scale` digits behind the point.
fn decimal(value: &[u8], digits: u8, scale: u8) -> Result<i128, Fault> {
    if let Some(short) = short_decimal(value, digits, scale) {
        return Ok(i128::from(short));
    }
    let found = Decimal::decode(value).ok_or(Fault::Malformed)?;
    let Decimal::Finite {
        negative,
        scale: own,
        digits: found,
    } = found
    else {
        return Err(Fault::Value("a numeric that is no number".into()));
    };
    let unfit = || Fault::Value("a numeric of more digits than its column has".into());
    let mut left = i64::from(scale) - i64::from(own);
    let mut sum: i128 = 0;
    let kept = match usize::try_from(-left) {
        Ok(fewer) if fewer > 0 => {
            let kept = found.len().saturating_sub(fewer);
            if found[kept..].iter().any(|digit| *digit != 0) {
                return Err(unfit());
            }
            left = 0;
            &found[..kept]
        }
        _ => &found[..],
    };
    if kept.is_empty() {
        return Ok(0);
    }
    let all = i64::try_from(kept.len())
        .unwrap_or(i64::MAX)
        .saturating_add(left);
    if all > i64::from(digits) {
        return Err(unfit());
    }
    for digit in kept {
        sum = sum * 10 + i128::from(*digit);
    }
    for _ in 0..left {
        sum *= 10;
    }
    Ok(if negative { -sum } else { sum })
}

/// Zeros that are written out before the point, or behind it before the first digit, as PostgreSQL's limits allow.
const ZEROS: i64 = 1 << 17;

/// A number as PostgreSQL writes it.
fn write_number(number: &Decimal, out: &mut Vec<u8>) -> Result<(), Fault> {
    let Decimal::Finite {
        negative,
        scale,
        digits,
    } = number
    else {
        out.extend_from_slice(match number {
            Decimal::MinusInfinity => &b"-Infinity"[..],
            Decimal::Infinity => b"Infinity",
            _ => b"NaN",
        });
        return Ok(());
    };
    let scale = i64::from(*scale);
    if scale.abs() > ZEROS {
        return Err(Fault::Value("a numeric of too many digits".into()));
    }
    if *negative {
        out.push(b'-');
    }
    // Digits before the point; none or fewer: zeros behind it first.
    let whole = i64::try_from(digits.len()).unwrap_or(i64::MAX) - scale;
    let digit = |at: i64| {
        let found = usize::try_from(at).ok().and_then(|at| digits.get(at));
        b'0' + found.copied().unwrap_or(0)
    };
    if whole <= 0 || digits.is_empty() {
        out.push(b'0');
    } else {
        out.extend((0..whole).map(digit));
    }
    if scale > 0 {
        out.push(b'.');
        let first = if digits.is_empty() { -scale } else { whole };
        out.extend((first..first + scale).map(digit));
    }
    Ok(())
}

/// Months, days and nanoseconds, as they lie in memory.
fn interval(value: &[u8]) -> Result<i128, Fault> {
    let bytes: [u8; 16] = fixed(value)?;
    let mut micros = Reader(&bytes[8..]);
    let micros = i64::from_le_bytes(micros.array().ok_or(Fault::Malformed)?);
    let nanos = micros
        .checked_mul(1000)
        .ok_or_else(|| Fault::Value("an interval of more than 292 years of seconds".into()))?;
    let mut out = bytes;
    out[8..].copy_from_slice(&nanos.to_le_bytes());
    Ok(i128::from_le_bytes(out))
}

/// The items of an array of at most one dimension that counts from 1.
fn array(value: &[u8]) -> Result<Array<'_>, Fault> {
    let mut reader = Reader(value);
    let read = |reader: &mut Reader<'_>| reader.varint().ok_or(Fault::Malformed);
    let dimensions = read(&mut reader)?;
    for at in 0..dimensions {
        read(&mut reader)?;
        let lower = i32::from_le_bytes(reader.array().ok_or(Fault::Malformed)?);
        if at > 0 || lower != 1 {
            let text = "an array of several dimensions, or that does not count from 1";
            return Err(Fault::Value(text.into()));
        }
    }
    let count = reader.count().ok_or(Fault::Malformed)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(match read(&mut reader)? {
            0 => None,
            more => {
                let len = usize::try_from(more - 1).map_err(|_| Fault::Malformed)?;
                Some(reader.bytes(len).ok_or(Fault::Malformed)?)
            }
        });
    }
    reader.end(items).ok_or(Fault::Malformed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    fn stored(negative: bool, scale: i32, digits: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let number = Decimal::new(negative, scale, digits).unwrap();
        number.encode(&mut bytes);
        bytes
    }

    fn text(value: &[u8]) -> String {
        let mut column = Column::new(Form::Number);
        column.push(Some(value)).unwrap();
        match column.data() {
            Data::Bytes(_, bytes) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn decimals_are_the_integer_of_their_digits(
            number in -99_999_999_999_999_999_999_999_999_999_999_999_999i128..=99_999_999_999_999_999_999_999_999_999_999_999_999,
            shift in 0u32..38,
            scale in 0u8..=10,
        ) {
            let number = number / 10i128.pow(shift);
            let digits: Vec<u8> = number.unsigned_abs().to_string().bytes().map(|b| b - b'0').collect();
            let value = stored(number < 0, i32::from(scale), &digits);
            prop_assert_eq!(decimal(&value, 38, scale).unwrap(), number);
            // One digit less behind the point: as many more before it.
            if number.unsigned_abs() < 10u128.pow(37) {
                prop_assert_eq!(decimal(&value, 38, scale + 1).unwrap(), number * 10);
            }
            let most = u8::try_from(digits.len()).unwrap();
            prop_assert_eq!(decimal(&value, most, scale).unwrap(), number);
            prop_assert!(number == 0 || decimal(&value, most - 1, scale).is_err());
        }

        #[test]
        fn noise_is_refused_by_both_ways_to_read_a_decimal_or_read_alike(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0x40), Just(0), Just(0x12), Just(0x1f)], 0..14),
        ) {
            if let Some(short) = short_decimal(&bytes, 18, 0) {
                let digits: Vec<u8> = short.unsigned_abs().to_string().bytes().map(|b| b - b'0').collect();
                prop_assert_eq!(stored(short < 0, 0, &digits), bytes);
            }
        }
    }

    #[test]
    fn numbers_are_written_as_postgresql_does() {
        let cases: [(bool, i32, &[u8], &str); 7] = [
            (false, 2, &[1, 5, 0], "1.50"),
            (true, 3, &[1], "-0.001"),
            (false, 0, &[4, 2], "42"),
            (false, 2, &[], "0.00"),
            (false, -3, &[7], "7000"),
            (true, 1, &[1, 2, 3], "-12.3"),
            (false, -2, &[], "0"),
        ];
        for (negative, scale, digits, expected) in cases {
            assert_eq!(text(&stored(negative, scale, digits)), expected);
        }
        let mut column = Column::new(Form::Number);
        let far = stored(false, i32::MAX, &[1]);
        assert!(matches!(column.push(Some(&far)), Err(Fault::Value(_))));
    }

    #[test]
    fn validity_begins_with_the_first_null() {
        let mut column = Column::new(Form::Int16);
        for at in 0..20i16 {
            column.push(Some(&at.to_le_bytes())).unwrap();
        }
        assert_eq!(column.validity(), None);
        column.push(None).unwrap();
        column.push(Some(&[7, 0])).unwrap();
        assert_eq!((column.rows(), column.nulls()), (22, 1));
        assert_eq!(column.validity().unwrap()[..2], [0xff, 0xff]);
        assert_eq!(column.validity().unwrap()[2] & 0x3f, 0b10_1111);
        assert!(matches!(column.push(Some(&[1])), Err(Fault::Malformed)));
    }
}
