//! Reading bytes that a stranger sent, and writing the same.
//!
//! **Invariant.** Lengths are checked against what is left before anything is taken, every number has one encoding, and what costs
//! work is counted against [`Limits`] while reading, before any curve arithmetic.

use super::error::{fail, Check, VerificationError};

/// Steps of the longest path.
pub const MAX_STEPS: usize = 225;
/// Bytes of the largest bundle.
pub const MAX_BUNDLE: usize = 4 << 20;

/// How much a bundle may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes.
    pub size: usize,
    /// Curve points.
    pub points: usize,
    /// Slots shown.
    pub slots: usize,
    /// Slots that all queries together look at.
    pub visits: usize,
    /// Queries.
    pub queries: usize,
    /// Claimed rows.
    pub rows: usize,
    /// Columns hashed.
    pub columns: usize,
}

/// What the format allows.
pub const LIMITS: Limits = Limits {
    size: MAX_BUNDLE,
    points: 1 << 13,
    slots: 1 << 18,
    visits: 1 << 19,
    queries: 1 << 12,
    rows: 1 << 16,
    columns: 1 << 17,
};

/// Takes something off a budget, or refuses.
pub(crate) fn spend(
    left: &mut usize,
    amount: usize,
    what: &'static str,
) -> Result<(), VerificationError> {
    match left.checked_sub(amount) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => fail(Check::Size, format!("too many {what}")),
    }
}

/// Takes a bundle apart from its start.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    pub(crate) left: Limits,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], limits: Limits) -> Self {
        Self {
            rest: bytes,
            left: limits,
        }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], VerificationError> {
        let Some((part, rest)) = self.rest.split_at_checked(count) else {
            return fail(Check::Format, "it ends too early");
        };
        self.rest = rest;
        Ok(part)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], VerificationError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, VerificationError> {
        Ok(self.array::<1>()?[0])
    }

    /// The ordered varint of the file format: 0..=247, or 247 + n and n bytes BE without leading zeros.
    pub(crate) fn varint(&mut self) -> Result<u64, VerificationError> {
        let first = self.u8()?;
        if first <= 247 {
            return Ok(u64::from(first));
        }
        let body = self.take(usize::from(first - 247))?;
        let value = body.iter().fold(0, |acc, byte| acc << 8 | u64::from(*byte));
        if value <= 247 || body[0] == 0 {
            return fail(Check::Format, "a number that is not in its shortest form");
        }
        Ok(value)
    }

    /// A number in groups of 7 bits, the lowest first, 128 added to all but the last, which is not zero unless it is alone (LEB128).
    pub(crate) fn number(&mut self) -> Result<u64, VerificationError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 127);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                break;
            }
            value |= bits << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        fail(
            Check::Format,
            "a number that is not in its shortest form, or too large",
        )
    }

    /// A varint that counts something in memory.
    pub(crate) fn count(&mut self) -> Result<usize, VerificationError> {
        let value = self.varint()?;
        usize::try_from(value).or_else(|_| fail(Check::Format, "a number that is too large"))
    }

    pub(crate) fn blob(&mut self) -> Result<&'a [u8], VerificationError> {
        let len = self.count()?;
        self.take(len)
    }

    pub(crate) fn point(&mut self) -> Result<[u8; 48], VerificationError> {
        spend(&mut self.left.points, 1, "points")?;
        self.array()
    }

    pub(crate) fn end(&self) -> Result<(), VerificationError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        fail(
            Check::Format,
            format!("{} bytes behind the end", self.rest.len()),
        )
    }
}

/// Appends a varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    if value <= 247 {
        return out.push(value as u8);
    }
    let bytes = value.to_be_bytes();
    let skip = (value.leading_zeros() / 8) as usize;
    out.push(247 + (8 - skip) as u8);
    out.extend_from_slice(&bytes[skip..]);
}

/// Appends a number in groups of 7 bits.
pub(crate) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a blob.
pub(crate) fn put_blob(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
