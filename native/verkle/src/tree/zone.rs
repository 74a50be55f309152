//! Intervals of logical keys as intervals of places.
//!
//! **Theory.** Places are in the order of logical keys, so a range of keys is an interval of step strings, which a walk compares with
//! the paths it meets. Keys whose first 128 escaped bytes are those of a bound may lie on both sides of it: leaves are compared
//! by their keys, and only an exact zone may be counted without looking at its leaves.

use super::place::{collection_prefix, escape, hash_steps, push_steps, LONGEST};
use super::{wire, Path};

const ELEMENT: u8 = 2;
const MEMBER: u8 = 3;
const INCIDENCE: u8 = 4;

/// How what lies below a path lies to a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// None of it within.
    Outside,
    /// Perhaps some of it within.
    Border,
    /// All of it within.
    Inside,
}

/// An interval of logical keys, and the interval of step strings in which their leaves lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    low: Path,
    /// Empty: open.
    high: Path,
    first: Vec<u8>,
    below: Option<Vec<u8>>,
    prefix: Vec<u8>,
    exact: bool,
}

impl Zone {
    /// Members of a collection with low <= member key < below; empty bounds are open. `None` for a number that no collection has.
    pub fn collection(cid: u64, low: &[u8], below: &[u8]) -> Option<Zone> {
        let mut prefix = vec![MEMBER];
        wire::put_varint(&mut prefix, cid);
        Some(Self::within(&prefix, &collection_prefix(cid)?, low, below))
    }

    /// Elements whose hash64 lies in the bounds, of at most 8 bytes each; empty bounds are open.
    pub fn elements(low: &[u8], below: &[u8]) -> Option<Zone> {
        let padded = |bound: &[u8]| {
            let mut hash = [0; 8];
            hash.get_mut(..bound.len())?.copy_from_slice(bound);
            Some(trimmed(hash_steps(ELEMENT, hash)))
        };
        Some(Zone {
            low: padded(low)?,
            high: if below.is_empty() {
                vec![16]
            } else {
                padded(below)?
            },
            first: [&[ELEMENT], low].concat(),
            below: (!below.is_empty()).then(|| [&[ELEMENT], below].concat()),
            prefix: vec![ELEMENT],
            exact: true,
        })
    }

    /// The memberships of the element `id`, whose hash64 is `hash` (BE).
    pub fn incidence(hash: [u8; 8], id: &[u8]) -> Zone {
        let prefix = [&[INCIDENCE][..], &hash].concat();
        let mut low = escape(id);
        low.extend_from_slice(&[0, 1]);
        let mut below = low.clone();
        if let Some(last) = below.last_mut() {
            *last = 2;
        }
        Self::within(&prefix, &hash_steps(INCIDENCE, hash), &low, &below)
    }

    /// Keys `prefix || k` with low <= k < below, `head` being the prefix's steps.
    fn within(prefix: &[u8], head: &[u8], low: &[u8], below: &[u8]) -> Zone {
        let (first, mut last) = (escape(low), escape(below));
        let exact = first.len().max(last.len()) <= LONGEST;
        if last.len() > LONGEST {
            last.truncate(LONGEST);
            last = past(last, 0xff);
        }
        let steps = |bytes: &[u8]| {
            let mut out = head.to_vec();
            push_steps(&mut out, bytes);
            out
        };
        Zone {
            low: trimmed(steps(&first[..first.len().min(LONGEST)])),
            high: if last.is_empty() {
                past(head.to_vec(), 63)
            } else {
                trimmed(steps(&last))
            },
            first: [prefix, low].concat(),
            below: (!below.is_empty()).then(|| [prefix, below].concat()),
            prefix: prefix.to_vec(),
            exact,
        }
    }

    /// Whether a logical key lies within.
    pub fn holds(&self, logical: &[u8]) -> bool {
        logical.starts_with(&self.prefix)
            && self.first.as_slice() <= logical
            && self.below.as_deref().is_none_or(|below| logical < below)
    }

    /// Whether every leaf in the interval of steps lies within, so that branches may be counted whole.
    pub fn exact(&self) -> bool {
        self.exact
    }

    /// Of everything below a path.
    pub fn side(&self, path: &[u8]) -> Side {
        let beyond = !self.high.is_empty() && path >= self.high.as_slice();
        if beyond || (path < self.low.as_slice() && !self.low.starts_with(path)) {
            return Side::Outside;
        }
        let below = self.high.is_empty() || !self.high.starts_with(path);
        if below && path >= self.low.as_slice() {
            return Side::Inside;
        }
        Side::Border
    }
}

/// A bound in its shortest form: missing steps count as zeros, so trailing zeros say nothing.
fn trimmed(mut steps: Path) -> Path {
    while steps.last() == Some(&0) {
        steps.pop();
    }
    steps
}

/// The least string that is greater than all that begin with this one; empty if there is none.
fn past(mut bytes: Vec<u8>, highest: u8) -> Vec<u8> {
    while bytes.last() == Some(&highest) {
        bytes.pop();
    }
    if let Some(last) = bytes.last_mut() {
        *last += 1;
    }
    bytes
}
