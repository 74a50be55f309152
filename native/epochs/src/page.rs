//! The bytes of a page: rows from its front, their proof from its end (`docs/epoch-format.md`, Pages).
//!
//! **Invariant.** What is read by `hyperdb/oblivious/page.py`.

/// u32 LE each: bytes of the rows, of the proof, first overflow column.
pub(crate) const TRAILER: usize = 12;
/// Stands for no overflow.
const NOWHERE: u32 = u32::MAX;

/// A page, and the rows that did not fit.
pub(crate) struct Page {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rest: Vec<u8>,
}

impl Page {
    /// Of a proof that fits.
    pub(crate) fn new(rows: &[u8], proof: &[u8], size: usize) -> Page {
        let inline = rows.len().min(size.saturating_sub(TRAILER + proof.len()));
        let (front, rest) = rows.split_at(inline);
        let mut bytes = Vec::with_capacity(size);
        bytes.extend(front);
        bytes.resize(size.saturating_sub(TRAILER + proof.len()), 0);
        bytes.extend(proof);
        for number in [rows.len() as u32, proof.len() as u32, NOWHERE] {
            bytes.extend(number.to_le_bytes());
        }
        Page {
            bytes,
            rest: rest.to_vec(),
        }
    }
}
