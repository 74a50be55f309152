//! A frame's header, and how one frame contains an earlier one.
//!
//! **Theory.** The digest of the header's bytes is the *root* that people pin: it binds number, time, hash key and every root. The
//! history is a Merkle mountain range over the headers before it. `docs/commitment.md`, Frame header.

use super::error::{fail, Check, VerificationError};
use super::wire::Reader;
use crate::hash::{to_digest, Digest};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 206;
/// KZG of width 64 over BLS12-381, SHA-512.
pub const SCHEME: u8 = 1;
const MAGIC: &[u8] = b"HDBH\x01\x01";

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The header's digest: what to pin, to keep and to compare.
    pub root: Digest,
    /// The store.
    pub store: [u8; 16],
    /// The key of its hash order.
    pub hash_key: [u8; 16],
    /// From 1.
    pub number: u64,
    /// When it was sealed, Unix milliseconds, by the store's clock.
    pub time_ms: u64,
    /// The commit whose data it is about.
    pub commit: u64,
    /// The oldest frame that could be read then.
    pub horizon: u64,
    /// Removes newer than this commit are in the removes trees.
    pub removes_from: u64,
    /// Root digest of the app tree.
    pub app_tree: Digest,
    /// Digest of the 256 global trees.
    pub globals: Digest,
    /// Root of the range of earlier headers.
    pub history: Digest,
    /// Hash digest of the app tree.
    pub hash_root: Digest,
}

impl Frame {
    /// Its bytes.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.store);
        out.extend_from_slice(&self.hash_key);
        let numbers = [
            self.number,
            self.time_ms,
            self.commit,
            self.horizon,
            self.removes_from,
        ];
        numbers.iter().for_each(|n| out.extend(n.to_le_bytes()));
        for digest in [
            &self.app_tree,
            &self.globals,
            &self.history,
            &self.hash_root,
        ] {
            out.extend_from_slice(digest);
        }
        let mut bytes = [0; HEADER_BYTES];
        bytes.copy_from_slice(&out);
        bytes
    }

    /// From a header's bytes.
    ///
    /// # Errors
    /// [`Check::Format`].
    pub fn decode(header: &[u8; HEADER_BYTES]) -> Result<Frame, VerificationError> {
        let mut reader = Reader::new(header, super::wire::LIMITS);
        if reader.take(MAGIC.len())? != MAGIC {
            return fail(
                Check::Format,
                "no header of a frame, or of a format or scheme not known here",
            );
        }
        let (store, hash_key) = (reader.array()?, reader.array()?);
        let mut number = || reader.array().map(u64::from_le_bytes);
        let [number, time_ms, commit, horizon, removes_from] =
            [number()?, number()?, number()?, number()?, number()?];
        if number == 0 {
            return fail(Check::Format, "frames are numbered from 1");
        }
        Ok(Frame {
            root: to_digest("hyperdb/header", &[header]),
            store,
            hash_key,
            number,
            time_ms,
            commit,
            horizon,
            removes_from,
            app_tree: reader.array()?,
            globals: reader.array()?,
            history: reader.array()?,
            hash_root: reader.array()?,
        })
    }
}

/// The mountains of `leaves` headers: the height of each, largest first.
fn mountains(leaves: u64) -> impl Iterator<Item = u32> {
    (0..64)
        .rev()
        .filter(move |height| leaves >> height & 1 == 1)
}

pub(crate) fn check_history(
    reader: &mut Reader<'_>,
    later: &Frame,
) -> Result<Frame, VerificationError> {
    let header: [u8; HEADER_BYTES] = reader.array()?;
    let earlier = Frame::decode(&header)?;
    if earlier.store != later.store || earlier.number >= later.number {
        return fail(
            Check::History,
            format!(
                "frame {} is no earlier frame of the store of frame {}",
                earlier.number, later.number
            ),
        );
    }
    let (place, leaves) = (earlier.number - 1, later.number - 1);
    let mut start = 0;
    let mut mine = None;
    for (at, height) in mountains(leaves).enumerate() {
        if place >= start && place - start < 1 << height {
            mine = Some((at, height));
        }
        start += 1 << height;
    }
    let Some((mine, height)) = mine else {
        return fail(Check::History, "no place in the history");
    };
    let mut node = earlier.root;
    for level in 0..height {
        let sibling: Digest = reader.array()?;
        let pair = if place >> level & 1 == 1 {
            [sibling, node]
        } else {
            [node, sibling]
        };
        node = to_digest("hyperdb/history", &[&pair[0], &pair[1]]);
    }
    let mut parts: Vec<Vec<u8>> = vec![leaves.to_le_bytes().to_vec()];
    for at in 0..mountains(leaves).count() {
        parts.push(if at == mine {
            node.to_vec()
        } else {
            reader.take(32)?.to_vec()
        });
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    if to_digest("hyperdb/peaks", &parts) != later.history {
        return fail(
            Check::History,
            format!(
                "the history of frame {} does not hold this frame {}",
                later.number, earlier.number
            ),
        );
    }
    Ok(earlier)
}
