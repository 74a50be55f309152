//! Reading many keys from the tables at once: on one thread while blocks are in memory, on several where the
//! disk is waited for.
//!
//! **Theory.** Whether blocks are in memory is seen from a first part of the keys: if most of them had to be loaded, so
//! will the rest, and the rest is divided among threads whose waits then overlap. Keys that are found in memory are not
//! worth a thread.
//!
//! **Invariant.** Each key's answer is found by exactly one thread, in its own place: the division changes no answer.

use crate::cache::BlockCache;
use crate::error::Result;
use crate::table::{blocking, Found, ReadMode};
use crate::types::{Commit, Family};
use crate::version::Version;
use std::thread;

/// Keys read before the rest is divided, and the fewest worth a thread.
const PART: usize = 128;
/// More threads than this do not read one answer.
const MOST_THREADS: usize = 8;

/// What to read, and where.
pub(crate) struct Gather<'g> {
    pub(crate) version: &'g Version,
    pub(crate) cache: &'g BlockCache,
    pub(crate) family: Family,
    /// The commit that is read.
    pub(crate) at: Commit,
    /// Processors of this machine.
    pub(crate) threads: usize,
}

impl Gather<'_> {
    /// Looks up those of `keys` that are `wanted`; all four slices are of one length.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] or [`crate::Error::Io`] of whatever was met first.
    pub(crate) fn read(
        &self,
        keys: &[&[u8]],
        hashes: &[u64],
        wanted: &[bool],
        found: &mut [Option<Found>],
    ) -> Result<()> {
        if keys.len() < 2 * PART || self.threads < 2 {
            return self.read_here(keys, hashes, wanted, found);
        }
        let loads = self.cache.loads();
        let (first, rest) = found.split_at_mut(PART);
        self.read_here(&keys[..PART], &hashes[..PART], &wanted[..PART], first)?;
        let (keys, hashes, wanted) = (&keys[PART..], &hashes[PART..], &wanted[PART..]);
        if self.cache.loads() - loads < PART as u64 / 2 {
            return self.read_here(keys, hashes, wanted, rest);
        }
        let threads = self.threads.min(MOST_THREADS).min(keys.len() / PART).max(1);
        let part = keys.len().div_ceil(threads);
        let mut parts = keys
            .chunks(part)
            .zip(hashes.chunks(part))
            .zip(wanted.chunks(part))
            .zip(rest.chunks_mut(part));
        let mine = parts.next();
        thread::scope(|scope| {
            let others: Vec<_> = parts
                .map(|(((keys, hashes), wanted), found)| {
                    scope.spawn(move || self.read_here(keys, hashes, wanted, found))
                })
                .collect();
            let mut result = mine.map_or(Ok(()), |(((keys, hashes), wanted), found)| {
                self.read_here(keys, hashes, wanted, found)
            });
            for other in others {
                let read = other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result = result.and(read);
            }
            result
        })
    }

    fn read_here(
        &self,
        keys: &[&[u8]],
        hashes: &[u64],
        wanted: &[bool],
        found: &mut [Option<Found>],
    ) -> Result<()> {
        let mode = ReadMode::Blocking;
        blocking(
            self.version
                .multi_get(self.family, keys, hashes, self.at, mode, found, wanted),
        )
    }
}
