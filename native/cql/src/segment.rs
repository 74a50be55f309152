//! Segments: the outer frames of version 5, without compression.
//!
//! Source: CQL binary protocol v5, section 2.2.

use crate::crc::{crc24, crc32};

/// Bytes of a header with its check.
const HEADER: usize = 6;
/// Bytes of a payload's check.
const TRAILER: usize = 4;
/// Bytes of a payload at most.
const MOST: usize = (1 << 17) - 1;
const SELF_CONTAINED: u32 = 1 << 17;

/// What bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub enum Front<'d> {
    /// A segment of whole envelopes, and how many bytes it takes.
    Whole(&'d [u8], usize),
    /// A piece of an envelope, and how many bytes it takes.
    Piece(usize),
    /// Less than a segment.
    Partial,
    /// No segment.
    Broken,
}

/// Looks at the front of `data`.
pub fn front(data: &[u8]) -> Front<'_> {
    let Some(([a, b, c, rest @ ..], _)) = data.split_first_chunk::<HEADER>() else {
        return Front::Partial;
    };
    let [x, y, z] = *rest;
    if u32::from_le_bytes([x, y, z, 0]) != crc24([*a, *b, *c]) {
        return Front::Broken;
    }
    let header = u32::from_le_bytes([*a, *b, *c, 0]);
    let length = (header & (SELF_CONTAINED - 1)) as usize;
    let end = HEADER + length;
    let (Some(payload), Some(check)) = (data.get(HEADER..end), data.get(end..end + TRAILER)) else {
        return Front::Partial;
    };
    if header & SELF_CONTAINED == 0 {
        return Front::Piece(end + TRAILER);
    }
    if check != crc32(payload).to_le_bytes() {
        return Front::Broken;
    }
    Front::Whole(payload, end + TRAILER)
}

/// Appends a segment.
fn push(payload: &[u8], self_contained: bool, out: &mut Vec<u8>) {
    let flag = if self_contained { SELF_CONTAINED } else { 0 };
    let [a, b, c, _] = (payload.len() as u32 | flag).to_le_bytes();
    let [x, y, z, _] = crc24([a, b, c]).to_le_bytes();
    out.extend_from_slice(&[a, b, c, x, y, z]);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32(payload).to_le_bytes());
}

/// Envelopes as segments, as many in each as go in; one that is too long is in several of its own. `lengths` are theirs.
pub fn frame(envelopes: &[u8], lengths: &[usize]) -> Vec<u8> {
    let mut out = Vec::with_capacity(envelopes.len() + HEADER + TRAILER);
    let (mut start, mut end) = (0, 0);
    let part = |start: usize, end: usize| envelopes.get(start..end).unwrap_or_default();
    for length in lengths {
        if end > start && end + length - start > MOST {
            push(part(start, end), true, &mut out);
            start = end;
        }
        end += length;
        if *length > MOST {
            for piece in part(start, end).chunks(MOST) {
                push(piece, false, &mut out);
            }
            start = end;
        }
    }
    if end > start {
        push(part(start, end), true, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn envelopes_come_back(lengths in proptest::collection::vec(prop_oneof![1usize..500, 60_000usize..140_000], 1..6)) {
            let envelopes: Vec<u8> = (0..lengths.iter().sum::<usize>()).map(|at| (at * 31 % 251) as u8).collect();
            let framed = frame(&envelopes, &lengths);
            let mut rest = &framed[..];
            let mut whole = Vec::new();
            while !rest.is_empty() {
                match front(rest) {
                    Front::Whole(payload, used) => {
                        whole.extend_from_slice(payload);
                        rest = &rest[used..];
                    }
                    Front::Piece(used) => {
                        whole.extend_from_slice(&rest[HEADER..used - TRAILER]);
                        rest = &rest[used..];
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            prop_assert_eq!(whole, envelopes);
        }

        #[test]
        fn a_segment_that_was_changed_is_none(payload in proptest::collection::vec(any::<u8>(), 1..50), at: prop::sample::Index, bit in 0u8..8) {
            let mut framed = frame(&payload, &[payload.len()]);
            for length in 0..framed.len() {
                prop_assert_eq!(front(&framed[..length]), Front::Partial);
            }
            let at = at.index(framed.len());
            framed[at] ^= 1 << bit;
            prop_assert_eq!(front(&framed), Front::Broken);
        }
    }
}
