//! Where leaves lie: tree keys, computed from logical keys.
//!
//! **Theory.** A tree key is a string of 6-bit steps. Escaping (00 becomes 00 FF, the end is 00 01) makes the strings prefix-free and
//! keeps the order of store keys; two bits of space tag before the 64 bits of a hash fill eleven steps, so that the root is not
//! wasted on a tag. Keys of more than 128 escaped bytes end in their SHA-256, which bounds depth (threat: prefix grinding).
//!
//! **Invariant.** Whoever has the key computes its place; no place is ever believed.

use super::wire;
use sha2::{Digest, Sha256};

/// No tree key has more steps.
pub const MAX_STEPS: usize = 225;

/// Bytes of an escaped key that are steps themselves; behind them stands the key's hash.
pub const LONGEST: usize = 128;

/// Collection numbers are below this, so that no place is deeper than [`MAX_STEPS`].
pub const CIDS: u64 = 1 << 56;

const HASH: usize = 32;
const ELEMENT: u8 = 2;
const MEMBER: u8 = 3;
const INCIDENCE: u8 = 4;

/// The place of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeKey(pub(crate) Box<[u8]>);

/// What a place tells of the logical key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logical {
    /// All of it.
    Whole(Vec<u8>),
    /// How it begins: it is one of the long ones.
    Beginning(Vec<u8>),
}

impl TreeKey {
    /// The place of the entry `logical` (space tag and the rest of its store key); `None` if it is no logical key.
    pub fn of(logical: &[u8]) -> Option<TreeKey> {
        let (head, rest) = head(logical)?;
        let mut bytes = escape(rest);
        bytes.extend_from_slice(&[0, 1]);
        if bytes.len() > LONGEST {
            bytes.truncate(LONGEST);
            bytes.extend_from_slice(&Sha256::digest(logical));
        }
        let mut out = Vec::with_capacity(head.len() + (bytes.len() * 8).div_ceil(6));
        out.extend_from_slice(&head);
        push_steps(&mut out, &bytes);
        Some(TreeKey(out.into()))
    }

    /// The place of an app in the tree of apps and the global trees.
    pub fn of_address(address: &[u8; 32]) -> TreeKey {
        let mut out = Vec::with_capacity(43);
        push_steps(&mut out, address);
        TreeKey(out.into())
    }

    /// From steps that came out of a tree.
    pub fn from_steps(steps: Vec<u8>) -> TreeKey {
        TreeKey(steps.into())
    }

    /// One byte a step.
    pub fn steps(&self) -> &[u8] {
        &self.0
    }

    /// The logical key that lies here, or its beginning; `None` if none does.
    pub fn logical(&self) -> Option<Logical> {
        let steps = &self.0;
        let space = ELEMENT + (steps.first()? >> 4);
        let mut out = vec![space];
        let rest = match space {
            ELEMENT | INCIDENCE => {
                let bits = steps
                    .get(..11)?
                    .iter()
                    .fold(0u128, |bits, step| bits << 6 | u128::from(*step));
                out.extend_from_slice(&(bits as u64).to_be_bytes());
                &steps[11..]
            }
            MEMBER => {
                // The number's first byte, behind two bits of tag, tells its length.
                let first = (steps.first()? & 15) << 4 | steps.get(1)? >> 2;
                let size = 1 + usize::from(first.saturating_sub(247));
                let used = (2 + 8 * size).div_ceil(6);
                let bits = steps
                    .get(..used)?
                    .iter()
                    .fold(0u128, |bits, step| bits << 6 | u128::from(*step));
                let bits = bits >> (used * 6 - 2 - 8 * size);
                out.extend_from_slice(&bits.to_be_bytes()[16 - size..]);
                &steps[used..]
            }
            _ => return None,
        };
        let bytes = joined(rest);
        let (escaped, whole) = if bytes.len() == LONGEST + HASH {
            (&bytes[..LONGEST], false)
        } else {
            (bytes.strip_suffix(&[0, 1])?, true)
        };
        let mut from = escaped.iter();
        while let Some(byte) = from.next() {
            if *byte == 0 {
                match from.next() {
                    Some(0xff) => {}
                    // Cut within an escape, or within the end: the byte is not known to be part of the key.
                    None | Some(1) if !whole => break,
                    _ => return None,
                }
            }
            out.push(*byte);
        }
        Some(if whole {
            Logical::Whole(out)
        } else {
            Logical::Beginning(out)
        })
    }
}

/// The steps before the escaped part, and that part.
fn head(logical: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (space, rest) = logical.split_first()?;
    match *space {
        ELEMENT | INCIDENCE => {
            let (hash, rest) = rest.split_first_chunk::<8>()?;
            Some((hash_steps(*space, *hash), rest))
        }
        MEMBER => {
            let (cid, used) = wire::varint(rest)?;
            Some((collection_prefix(cid)?, &rest[used..]))
        }
        _ => None,
    }
}

/// The steps that all members of a collection share; `None` for a number that no collection has.
pub fn collection_prefix(cid: u64) -> Option<Vec<u8>> {
    if cid >= CIDS {
        return None;
    }
    let mut number = Vec::with_capacity(8);
    wire::put_varint(&mut number, cid);
    let bits = number
        .iter()
        .fold(u128::from(MEMBER - ELEMENT), |bits, byte| {
            bits << 8 | u128::from(*byte)
        });
    let width = 2 + 8 * number.len();
    Some(steps_of(
        bits << (width.div_ceil(6) * 6 - width),
        width.div_ceil(6),
    ))
}

/// The steps of a hash in a space.
pub(crate) fn hash_steps(space: u8, hash: [u8; 8]) -> Vec<u8> {
    let tag = u128::from(space - ELEMENT) << 64;
    steps_of(tag | u128::from(u64::from_be_bytes(hash)), 11)
}

fn steps_of(bits: u128, count: usize) -> Vec<u8> {
    (0..count)
        .rev()
        .map(|at| (bits >> (6 * at)) as u8 & 63)
        .collect()
}

/// 00 becomes 00 FF.
pub(crate) fn escape(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out
}

/// Cuts bytes into steps, the last filled with zero bits.
pub(crate) fn push_steps(out: &mut Vec<u8>, bytes: &[u8]) {
    for three in bytes.chunks(3) {
        let mut word = [0u8; 4];
        word[1..=three.len()].copy_from_slice(three);
        let word = u32::from_be_bytes(word);
        let count = (three.len() * 8).div_ceil(6);
        out.extend((0..count).map(|at| (word >> (18 - 6 * at)) as u8 & 63));
    }
}

/// The whole bytes of steps.
fn joined(steps: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(steps.len() * 6 / 8);
    for four in steps.chunks(4) {
        let mut word = 0u32;
        for at in 0..4 {
            word = word << 6 | u32::from(four.get(at).copied().unwrap_or(0));
        }
        out.extend_from_slice(&word.to_be_bytes()[1..=four.len() * 6 / 8]);
    }
    out
}
