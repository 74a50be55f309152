//! The frame header: 206 bytes that name everything, and the signature over them.
//!
//! ```text
//! "HDBH" | format u8 = 1 | scheme u8 = 1 | store id 16 | hash key 16
//! u64 LE: number, time (Unix ms), commit, horizon, removes-from
//! 32 each: app tree's root digest, global digest, history root, hash digest of the app tree
//! signed: header | public key 57 | signature 114
//! ```
//! **Invariant.** One sequence of bytes for each header: what does not decode to the same bytes is refused.

use crate::sign::{self, Purpose, SecretKey, PUBLIC_KEY, SIGNATURE};
use hyperdb_lsm::{Commit, Result};
use hyperdb_verkle::hash::{head, to_digest as digest, Digest};

/// Bytes of a header.
pub const HEADER: usize = 4 + 1 + 1 + 16 + 16 + 5 * 8 + 4 * 32;
/// Bytes of a signed header.
pub const SIGNED: usize = HEADER + PUBLIC_KEY + SIGNATURE;

const MAGIC: [u8; 4] = *b"HDBH";
const FORMAT: u8 = 1;
/// KZG of width 64 on BLS12-381 with SHA-512.
const SCHEME: u8 = 1;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which store.
    pub store_id: [u8; 16],
    /// The key of its hash order, so that a verifier finds the place of a key itself.
    pub hash_key: [u8; 16],
    /// From 1.
    pub number: u64,
    /// Unix milliseconds; nothing that expired by then is in it.
    pub time_ms: u64,
    /// The commit whose data it commits to.
    pub commit: Commit,
    /// The oldest frame that can be read.
    pub horizon: u64,
    /// Removes newer than this commit are in the removes trees.
    pub removes_from: Commit,
    /// Root digest of the tree of apps.
    pub apps: Digest,
    /// Digest of the 256 global trees.
    pub globals: Digest,
    /// Root of the range of earlier headers.
    pub history: Digest,
    /// Hash digest of the tree of apps.
    pub hash_root: Digest,
}

impl Header {
    /// Its bytes.
    pub fn encode(&self) -> [u8; HEADER] {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[FORMAT, SCHEME]);
        out.extend_from_slice(&self.store_id);
        out.extend_from_slice(&self.hash_key);
        for number in [
            self.number,
            self.time_ms,
            self.commit,
            self.horizon,
            self.removes_from,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for digest in [&self.apps, &self.globals, &self.history, &self.hash_root] {
            out.extend_from_slice(digest);
        }
        head(&out)
    }

    /// Back from [`Header::encode`]; `None` if malformed or of another format or scheme.
    pub fn decode(bytes: &[u8]) -> Option<Header> {
        let mut rest = bytes;
        let (magic, format): ([u8; 4], [u8; 2]) = (take(&mut rest)?, take(&mut rest)?);
        if magic != MAGIC || format != [FORMAT, SCHEME] {
            return None;
        }
        let (store_id, hash_key) = (take(&mut rest)?, take(&mut rest)?);
        let mut number = || take(&mut rest).map(u64::from_le_bytes);
        let header = Header {
            store_id,
            hash_key,
            number: number()?,
            time_ms: number()?,
            commit: number()?,
            horizon: number()?,
            removes_from: number()?,
            apps: take(&mut rest)?,
            globals: take(&mut rest)?,
            history: take(&mut rest)?,
            hash_root: take(&mut rest)?,
        };
        let sound = header.number > 0 && (1..=header.number).contains(&header.horizon);
        (rest.is_empty() && sound).then_some(header)
    }

    /// Its leaf in the history of later frames.
    pub fn digest(&self) -> Digest {
        digest("hyperdb/header", &[&self.encode()])
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*first)
}

/// A header, who signed it, and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeader {
    /// What was signed.
    pub header: Header,
    /// By whom.
    pub public: [u8; PUBLIC_KEY],
    /// The signature over the header's bytes.
    pub signature: [u8; SIGNATURE],
}

impl SignedHeader {
    /// Signs a header.
    ///
    /// # Errors
    /// As [`SecretKey::sign`].
    pub fn sign(header: Header, key: &SecretKey) -> Result<SignedHeader> {
        Ok(SignedHeader {
            signature: key.sign(Purpose::Frame, &header.encode())?,
            public: key.public(),
            header,
        })
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; SIGNED] {
        let parts = [&self.header.encode()[..], &self.public, &self.signature];
        head(&parts.concat())
    }

    /// Back from [`SignedHeader::encode`]; `None` if malformed. The signature is not looked at.
    pub fn decode(bytes: &[u8]) -> Option<SignedHeader> {
        let (header, rest) = bytes.split_at_checked(HEADER)?;
        let mut rest = rest;
        let signed = SignedHeader {
            header: Header::decode(header)?,
            public: take(&mut rest)?,
            signature: take(&mut rest)?,
        };
        rest.is_empty().then_some(signed)
    }

    /// Whether the key that it names signed it.
    pub fn is_signed(&self) -> bool {
        let message = self.header.encode();
        sign::verify(Purpose::Frame, &self.public, &message, &self.signature)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    pub(crate) fn header(number: u64) -> Header {
        Header {
            store_id: [1; 16],
            hash_key: [2; 16],
            number,
            time_ms: 1_700_000_000_000 + number,
            commit: 10 * number,
            horizon: 1,
            removes_from: 10,
            apps: [3; 32],
            globals: [4; 32],
            history: [5; 32],
            hash_root: [6; 32],
        }
    }

    #[test]
    fn comes_back_and_refuses_what_is_not_one() {
        let key = SecretKey::from_seed(&[9; sign::SEED]);
        let signed = SignedHeader::sign(header(7), &key).unwrap();
        let bytes = signed.encode();
        assert_eq!(bytes.len(), 206 + 57 + 114);
        assert_eq!(SignedHeader::decode(&bytes), Some(signed.clone()));
        assert!(signed.is_signed());
        for len in 0..SIGNED {
            assert_eq!(SignedHeader::decode(&bytes[..len]), None, "{len} bytes");
        }
        assert_eq!(SignedHeader::decode(&[&bytes[..], &[0]].concat()), None);
        for at in (0..SIGNED).step_by(13) {
            let mut bad = bytes;
            bad[at] ^= 1;
            let passes = SignedHeader::decode(&bad).is_some_and(|bad| bad.is_signed());
            assert!(!passes, "byte {at}");
        }
        let mut future = header(7);
        future.horizon = 8;
        assert_eq!(Header::decode(&future.encode()), None);
    }
}
