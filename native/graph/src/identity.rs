//! What a store is: the record written once, when it is created.
//!
//! **Invariant.** It never changes: places in hash order, addresses and proofs depend on the hash key.
//!
//! ```text
//! META 0x00  ->  format u16 LE | hash key [16] | store id [16] | created i64 LE, Unix milliseconds
//! ```

use crate::hash::HashKey;
use crate::keys::meta;
use hyperdb_lsm::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of everything `docs/file-format.md` describes above the sorted tables.
pub const FORMAT: u16 = 1;

const LEN: usize = 2 + 16 + 16 + 8;

/// What the store needs of the world outside: passed in, so that tests repeat.
pub trait Environment {
    /// Fills `out` with bytes that nobody can guess.
    ///
    /// # Errors
    /// [`Error::Io`] if the system gives none.
    fn random(&mut self, out: &mut [u8]) -> Result<()>;

    /// The time, Unix milliseconds.
    fn now_ms(&self) -> i64;
}

/// The machine's own clock and entropy.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Environment for System {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        const SOURCE: &str = "/dev/urandom";
        File::open(SOURCE)
            .and_then(|mut source| source.read_exact(out))
            .map_err(|error| Error::Io {
                action: "read entropy from",
                path: Path::new(SOURCE).to_owned(),
                kind: error.kind(),
                message: error.to_string(),
            })
    }

    fn now_ms(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            })
    }
}

/// The identity record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The order of the store's unordered spaces.
    pub hash_key: HashKey,
    /// Tells this store from every other; goes into backups and frames.
    pub store_id: [u8; 16],
    /// When it was created, Unix milliseconds.
    pub created_ms: i64,
}

impl Identity {
    /// Where it lies in the META family.
    pub const KEY: [u8; 1] = [meta::IDENTITY];

    /// A new one.
    ///
    /// # Errors
    /// As [`Environment::random`].
    pub fn draw(environment: &mut dyn Environment) -> Result<Identity> {
        let (mut hash_key, mut store_id) = ([0; 16], [0; 16]);
        environment.random(&mut hash_key)?;
        environment.random(&mut store_id)?;
        Ok(Identity {
            hash_key: HashKey::from_bytes(&hash_key),
            store_id,
            created_ms: environment.now_ms(),
        })
    }

    /// The record's bytes.
    pub fn encode(&self) -> [u8; LEN] {
        let mut out = [0; LEN];
        out[..2].copy_from_slice(&FORMAT.to_le_bytes());
        out[2..18].copy_from_slice(&self.hash_key.to_bytes());
        out[18..34].copy_from_slice(&self.store_id);
        out[34..].copy_from_slice(&self.created_ms.to_le_bytes());
        out
    }

    /// Back from [`Identity::encode`].
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is malformed or of a format that this build does not read.
    pub fn decode(bytes: &[u8]) -> Result<Identity> {
        let malformed = || Error::Invalid("the store's identity record is malformed".into());
        let (format, rest) = bytes.split_first_chunk::<2>().ok_or_else(malformed)?;
        let format = u16::from_le_bytes(*format);
        if format != FORMAT {
            return Err(Error::Invalid(format!(
                "the store has format {format}; this build reads format {FORMAT}"
            )));
        }
        let (hash_key, rest) = rest.split_first_chunk::<16>().ok_or_else(malformed)?;
        let (store_id, rest) = rest.split_first_chunk::<16>().ok_or_else(malformed)?;
        Ok(Identity {
            hash_key: HashKey::from_bytes(hash_key),
            store_id: *store_id,
            created_ms: i64::from_le_bytes(rest.try_into().map_err(|_| malformed())?),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn comes_back_and_refuses_what_it_cannot_read() {
        let drawn = Identity::draw(&mut System).unwrap();
        let bytes = drawn.encode();
        assert_eq!(Identity::decode(&bytes).unwrap(), drawn);
        for len in 0..bytes.len() {
            assert!(Identity::decode(&bytes[..len]).is_err(), "length {len}");
        }
        let mut later = bytes;
        later[0] = 9;
        assert!(Identity::decode(&later)
            .unwrap_err()
            .to_string()
            .contains("format 9"));
    }
}
