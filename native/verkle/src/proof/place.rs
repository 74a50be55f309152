//! Where a logical key must lie: tree keys of 6-bit steps, computed from the key and never taken from a proof.
//!
//! **Theory.** Tree keys are prefix-free and in the order of store keys, so a range of keys is an interval of step strings. Steps are
//! bytes of 0..=63, which compare in the right order. `docs/commitment.md`, Tree key.

use super::error::{fail, Check, VerificationError};
use super::wire::put_varint;
use sha2::{Digest, Sha256};

/// Space tags of logical keys.
pub const ELEMENT: u8 = 2;
/// Members by collection.
pub const MEMBER: u8 = 3;
/// Hyperedges by member.
pub const INCIDENCE: u8 = 4;

/// Trees of an app, by number.
pub const VERTEX_ADDS: usize = 0;
/// What was removed of vertices.
pub const VERTEX_REMOVES: usize = 1;
/// Headers of hyperedges, members, incidence.
pub const HYPEREDGE_ADDS: usize = 2;
/// What was removed of these.
pub const HYPEREDGE_REMOVES: usize = 3;

/// Bytes of an escaped key that are steps themselves; behind them stands the key's hash.
const LONGEST: usize = 128;

/// The key of a store's hash order: SipHash-1-3, 64 bits (Aumasson and Bernstein, 2012).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    key: [u8; 16],
}

impl Places {
    /// Under the hash key that a frame's header shows.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// The place of an id, a field or a member in an unordered space, BE.
    pub fn of(&self, data: &[u8]) -> [u8; 8] {
        siphash13(&self.key, data).to_be_bytes()
    }

    /// The logical key of an element.
    pub fn element(&self, id: &[u8]) -> Vec<u8> {
        [&[ELEMENT][..], &self.of(id), id].concat()
    }
}

/// The logical key of a member.
pub fn member(cid: u64, key: &[u8]) -> Vec<u8> {
    let mut out = vec![MEMBER];
    put_varint(&mut out, cid);
    out.extend_from_slice(key);
    out
}

/// The adds tree of a collection's members: rows of tables and partitions are vertices.
pub fn collection_tree(cid: u64) -> usize {
    if cid % 4 >= 2 {
        VERTEX_ADDS
    } else {
        HYPEREDGE_ADDS
    }
}

/// A logical key taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// Its space tag.
    pub space: u8,
    /// The collection, of members.
    pub cid: Option<u64>,
    /// Behind the hash64 or the cid.
    pub rest: &'a [u8],
}

/// Takes a logical key apart; refuses what no store writes.
pub fn parse(key: &[u8]) -> Result<Parsed<'_>, VerificationError> {
    let malformed = || VerificationError::new(Check::Place, "no logical key");
    let (space, rest) = key.split_first().ok_or_else(malformed)?;
    match *space {
        ELEMENT | INCIDENCE => Ok(Parsed {
            space: *space,
            cid: None,
            rest: rest.get(8..).ok_or_else(malformed)?,
        }),
        MEMBER => {
            let mut reader = super::wire::Reader::new(rest, super::wire::LIMITS);
            let cid = reader.varint().map_err(|_| malformed())?;
            Ok(Parsed {
                space: *space,
                cid: Some(cid),
                rest: reader.rest(),
            })
        }
        _ => Err(malformed()),
    }
}

/// The steps under which the leaf of a logical key lies.
pub fn tree_key(key: &[u8]) -> Result<Vec<u8>, VerificationError> {
    let parsed = parse(key)?;
    let mut escaped = escape(parsed.rest);
    escaped.extend([0, 1]);
    let number = &key[1..key.len() - parsed.rest.len()];
    let behind = escaped.len().min(LONGEST + 32);
    let mut steps = head(parsed.space, number, behind);
    if escaped.len() > LONGEST {
        escaped.truncate(LONGEST);
        escaped.extend(Sha256::digest(key));
    }
    push_steps(&mut steps, &escaped);
    Ok(steps)
}

/// The steps of an app's address in the app tree and the global trees.
pub fn address_key(address: &[u8]) -> Result<Vec<u8>, VerificationError> {
    if address.len() != 32 {
        return fail(Check::Place, "a leaf of the app tree that is no app");
    }
    let mut steps = Vec::with_capacity(43);
    push_steps(&mut steps, address);
    Ok(steps)
}

/// The logical key, or its first bytes, from the steps of a leaf: whole if the flag says so, else the escaped key was too long.
pub fn logical_key(steps: &[u8]) -> Option<(Vec<u8>, bool)> {
    let space = steps.first()? >> 4;
    let mut key = Vec::with_capacity(steps.len());
    key.push(space + ELEMENT);
    let head = match space + ELEMENT {
        ELEMENT | INCIDENCE => {
            let bits = steps
                .get(..11)?
                .iter()
                .fold(0u128, |acc, step| acc << 6 | u128::from(*step));
            key.extend((bits as u64).to_be_bytes());
            11
        }
        MEMBER => {
            let first = (*steps.first()? & 15) << 4 | steps.get(1)? >> 2;
            let len = 1 + usize::from(first.saturating_sub(247));
            let count = (2 + 8 * len).div_ceil(6);
            let mut bits = vec![0u8; count * 6];
            for (at, step) in steps.get(..count)?.iter().enumerate() {
                (0..6).for_each(|bit| bits[at * 6 + bit] = step >> (5 - bit) & 1);
            }
            key.extend(
                bits[2..2 + 8 * len]
                    .chunks(8)
                    .map(|byte| byte.iter().fold(0, |acc, bit| acc << 1 | bit)),
            );
            count
        }
        _ => return None,
    };
    let (mut window, mut held) = (0u32, 0);
    let mut escaped = Vec::with_capacity(steps.len());
    for step in steps.get(head..)? {
        window = window << 6 | u32::from(*step);
        held += 6;
        if held >= 8 {
            held -= 8;
            escaped.push((window >> held) as u8);
            window &= (1 << held) - 1;
        }
    }
    let whole = escaped.len() <= LONGEST;
    escaped.truncate(LONGEST);
    let mut bytes = escaped.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != 0 {
            key.push(byte);
            continue;
        }
        match bytes.next() {
            Some(0xff) => key.push(0),
            Some(1) => return Some((key, true)),
            None if !whole => break,
            _ => return None,
        }
    }
    Some((key, false))
}

/// The steps of a space and a number, with room for those of so many more bytes.
fn head(space: u8, number: &[u8], room: usize) -> Vec<u8> {
    // The two bits of the space, then the number's bits: shift them in bit by bit of whole bytes.
    let mut steps = Vec::with_capacity((number.len() + room) * 4 / 3 + 3);
    let (mut window, mut held) = (u32::from(space - ELEMENT), 2);
    for byte in number {
        window = window << 8 | u32::from(*byte);
        held += 8;
        while held >= 6 {
            held -= 6;
            steps.push((window >> held) as u8 & 63);
        }
        window &= (1 << held) - 1;
    }
    if held > 0 {
        steps.push((window << (6 - held)) as u8 & 63);
    }
    steps
}

fn escape(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out
}

fn push_steps(steps: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.chunks(3) {
        let mut window = 0u32;
        for at in 0..3 {
            window = window << 8 | u32::from(chunk.get(at).copied().unwrap_or(0));
        }
        let count = (chunk.len() * 8).div_ceil(6);
        steps.extend((0..count).map(|at| (window >> (18 - 6 * at)) as u8 & 63));
    }
}

/// Where what lies below a path stands to a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nothing of it is within.
    Without,
    /// Some of it may be.
    Border,
    /// All of it is.
    Within,
}

/// An interval of logical keys, and the interval of step strings in which their leaves lie.
///
/// Keys whose first 128 escaped bytes are those of a bound may lie on both sides of it, so leaves are compared by their keys, and
/// only an `exact` zone may be counted without looking at the leaves.
#[derive(Clone, Debug)]
pub struct Zone {
    low: Vec<u8>,
    high: Vec<u8>,
    first: Vec<u8>,
    below: Option<Vec<u8>>,
    prefix: Vec<u8>,
    /// Whether branches may be counted.
    pub exact: bool,
}

impl Zone {
    /// Members of a collection with low <= member key < below; empty bounds are open.
    pub fn collection(cid: u64, low: &[u8], below: &[u8]) -> Zone {
        let prefix = member(cid, &[]);
        let head = head(MEMBER, &prefix[1..], 0);
        Self::new(prefix, head, low, below)
    }

    /// Elements whose hash64 lies in the bounds, of at most 8 bytes each.
    pub fn elements(low: &[u8], below: &[u8]) -> Zone {
        let place = |bound: &[u8]| {
            let mut whole = [0; 8];
            whole
                .iter_mut()
                .zip(bound)
                .for_each(|(to, from)| *to = *from);
            trimmed(head(ELEMENT, &whole, 0))
        };
        Zone {
            low: place(low),
            high: if below.is_empty() {
                vec![16]
            } else {
                place(below)
            },
            first: [&[ELEMENT], low].concat(),
            below: (!below.is_empty()).then(|| [&[ELEMENT], below].concat()),
            prefix: vec![ELEMENT],
            exact: true,
        }
    }

    /// The memberships of an element: keys that begin with its place and its escaped id.
    pub fn incidence(places: &Places, id: &[u8]) -> Zone {
        let place = places.of(id);
        let mut low = escape(id);
        low.extend([0, 1]);
        let mut below = low.clone();
        if let Some(last) = below.last_mut() {
            *last = 2;
        }
        let prefix = [&[INCIDENCE][..], &place].concat();
        Self::new(prefix, head(INCIDENCE, &place, 0), &low, &below)
    }

    fn new(prefix: Vec<u8>, head: Vec<u8>, low: &[u8], below: &[u8]) -> Zone {
        let (first, last) = (escape(low), escape(below));
        let exact = first.len().max(last.len()) <= LONGEST;
        let joined = |bytes: &[u8]| {
            let mut steps = head.clone();
            push_steps(&mut steps, bytes);
            trimmed(steps)
        };
        let top = match last.get(..LONGEST) {
            Some(cut) if last.len() > LONGEST => past(cut, 0xff),
            _ => last.clone(),
        };
        Zone {
            low: joined(&first[..first.len().min(LONGEST)]),
            high: if top.is_empty() {
                past(&head, 63)
            } else {
                joined(&top)
            },
            first: [&prefix[..], low].concat(),
            below: (!below.is_empty()).then(|| [&prefix[..], below].concat()),
            prefix,
            exact,
        }
    }

    /// Whether a logical key lies within.
    pub fn holds(&self, key: &[u8]) -> bool {
        key.starts_with(&self.prefix)
            && key >= &self.first[..]
            && self.below.as_ref().is_none_or(|below| key < &below[..])
    }

    /// Of everything below a path.
    pub fn side(&self, path: &[u8]) -> Side {
        if path >= &self.high[..] || (path < &self.low[..] && !self.low.starts_with(path)) {
            return Side::Without;
        }
        if path >= &self.low[..] && !self.high.starts_with(path) {
            return Side::Within;
        }
        Side::Border
    }
}

/// A bound in its shortest form: missing steps count as zeros.
fn trimmed(mut steps: Vec<u8>) -> Vec<u8> {
    while steps.last() == Some(&0) {
        steps.pop();
    }
    steps
}

/// The least string greater than all that begin with `bytes`; empty if there is none.
fn past(bytes: &[u8], highest: u8) -> Vec<u8> {
    let mut out = bytes.to_vec();
    while out.last() == Some(&highest) {
        out.pop();
    }
    if let Some(last) = out.last_mut() {
        *last += 1;
    }
    out
}

fn siphash13(key: &[u8; 16], data: &[u8]) -> u64 {
    let whole = u128::from_le_bytes(*key);
    let (k0, k1) = (whole as u64, (whole >> 64) as u64);
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let chunks = data.chunks_exact(8);
    let tail = chunks.remainder();
    let last = (data.len() as u64) << 56 | tail_word(tail);
    for chunk in chunks {
        compress(&mut v, tail_word(chunk));
    }
    compress(&mut v, last);
    v[2] ^= 0xff;
    (0..3).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn tail_word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |acc, byte| acc << 8 | u64::from(*byte))
}

fn compress(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    v[0] ^= word;
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}
