//! The element that a command looked at last: its key, and what was found there.
//!
//! **Theory.** A command looks an element up, decides, and writes it. The turn is exclusive, so what the look-up
//! found still holds at the write: its key, whether something is to be replaced, its expiry, its size. Keeping
//! it spares the write a second hashing and a second search.
//!
//! **Invariant.** `found`, where known, is what the writer would find now: every write of an element goes
//! through the memo, and taking a command back forgets it.

use crate::apps::Found;
use crate::hash::HashKey;
use crate::header::Record;
use crate::keys::{self, AppId, KeyBuf};

#[derive(Default)]
pub(super) struct Memo {
    app: AppId,
    key: KeyBuf,
    /// Where the id begins in `key`; 0 before first use.
    id_at: usize,
    /// What is there, expired or not, if that is known.
    pub(super) found: Option<Option<Found>>,
}

impl Memo {
    /// Whether it is at element `id`.
    #[inline]
    pub(super) fn is_at(&self, app: AppId, id: &[u8]) -> bool {
        self.app == app && self.id_at != 0 && &self.key[self.id_at..] == id
    }

    /// Turns to element `id`; keeps what is known if it is the same as before.
    #[inline]
    pub(super) fn aim(&mut self, hash: HashKey, app: AppId, id: &[u8]) {
        if self.is_at(app, id) {
            return;
        }
        self.key = keys::element(app, hash.hash64(id), id);
        self.app = app;
        self.id_at = self.key.len() - id.len();
        self.found = None;
    }

    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The hash and the id, as the expiry order has them.
    pub(super) fn place(&self) -> (u64, &[u8]) {
        let (hash, id) = self.key.split_at(self.id_at);
        let hash = hash.last_chunk::<8>().copied().unwrap_or_default();
        (u64::from_be_bytes(hash), id)
    }
}

impl From<&Record<'_>> for Found {
    #[inline]
    fn from(record: &Record<'_>) -> Self {
        match record {
            Record::Vertex { expiry, value } => Found::Vertex {
                expiry: *expiry,
                len: value.len() as u64,
            },
            Record::Edge(header) => Found::Edge(*header),
        }
    }
}
