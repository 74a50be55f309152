//! Records of a hash's fields.
//!
//! ```text
//! number   ordered varint: the field's place in the order of addition; 0 if added to a hash of large form
//! value    the rest
//! ```
//! **Theory.** Fields lie in hash order, but clients of Redis know small hashes as lists: replies show the fields
//! in the order in which they were added. So a small hash (`head` 0 in its header) numbers its fields; `tail` is
//! the next number. A field that is overwritten keeps its number, one that is added again takes a new one.
//!
//! **Invariant.** Within a small hash no two fields have the same number, and all are below `tail`.

use crate::header::Header;
use crate::keys::{read_varint, KeyBuf};
use crate::step::{Step, Stop};
use hyperdb_lsm::{Error, Value};

/// What is added to the records of a hash that is no longer small.
const UNORDERED: u64 = 0;

/// The number of the next field to be added to a hash, taken.
#[inline]
pub fn next_number(header: &mut Header) -> u64 {
    if header.head != 0 {
        return UNORDERED;
    }
    let number = header.tail as u64;
    header.tail = header.tail.wrapping_add(1);
    number
}

/// A record.
#[inline]
pub fn encode(number: u64, value: &[u8]) -> KeyBuf {
    let mut record = KeyBuf::new();
    record.push_varint(number).push(value);
    record
}

/// A record's number and where in it the value begins.
///
/// # Errors
/// [`Error::Invalid`] if it is malformed.
#[inline]
pub fn split(record: &[u8]) -> Step<(u64, usize)> {
    read_varint(record).ok_or_else(|| {
        Stop::Failed(Error::Invalid(
            "malformed record of a hash's field".to_owned(),
        ))
    })
}

/// The value in a record as it was read.
///
/// # Errors
/// As [`split`].
#[inline]
pub fn value(record: Value<'_>) -> Step<Value<'_>> {
    let (_, at) = split(&record)?;
    Ok(record.skip(at))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::header::Kind;

    #[test]
    fn records_come_back() {
        for number in [0, 1, 247, 248, 70_000, u64::MAX] {
            for value in [&b""[..], b"v", &[7; 300]] {
                let record = encode(number, value);
                let (found, at) = split(&record).unwrap();
                assert_eq!((found, &record[at..]), (number, value));
                let shared = Value::Shared(record.to_vec().into(), 0, record.len());
                assert_eq!(&*super::value(shared).unwrap(), value);
            }
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for record in [&b""[..], &[248], &[249, 0, 1], &[255, 1, 2]] {
            assert!(split(record).is_err(), "{record:?}");
        }
    }

    #[test]
    fn numbers_end_with_the_small_form() {
        let mut header = Header::new(Kind::Hash, 2);
        assert_eq!((next_number(&mut header), next_number(&mut header)), (0, 1));
        header.head = 1;
        assert_eq!((next_number(&mut header), header.tail), (UNORDERED, 2));
    }
}
