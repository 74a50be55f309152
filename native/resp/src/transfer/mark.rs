//! How far an import has come: a record in the system's app, written by the very commits that write the keys.
//!
//! **Invariant.** A mark belongs to one file, by its sum and size, and to one way of importing it.

use super::{Options, Policy};
use crate::rdb::checksum;
use hyperdb_graph::{AppId, Record, Step, Turn};

const PREFIX: &[u8] = b"hyperdb/import/";

/// How far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The byte at which the next part begins.
    pub at: u64,
    /// The database of the keys there.
    pub db: u64,
    /// Keys written, those that replaced others included.
    pub written: u64,
    /// Keys that replaced others.
    pub replaced: u64,
    /// Keys that were kept as they were.
    pub kept: u64,
    /// Keys whose time was over.
    pub expired: u64,
}

impl Mark {
    fn words(&self) -> [u64; 6] {
        [
            self.at,
            self.db,
            self.written,
            self.replaced,
            self.kept,
            self.expired,
        ]
    }

    fn encode(&self) -> Vec<u8> {
        let words = self.words().map(|word| word.to_string());
        words.join(" ").into_bytes()
    }

    fn decode(raw: &[u8]) -> Option<Mark> {
        let text = std::str::from_utf8(raw).ok()?;
        let words: Vec<u64> = text
            .split(' ')
            .map(|word| word.parse().ok())
            .collect::<Option<_>>()?;
        let [at, db, written, replaced, kept, expired] = words.try_into().ok()?;
        Some(Mark {
            at,
            db,
            written,
            replaced,
            kept,
            expired,
        })
    }

    /// The mark under `id`, if there is one.
    pub(super) fn find(turn: &Turn<'_>, id: &[u8]) -> Step<Option<Mark>> {
        let Some(element) = turn.element(AppId::SYSTEM, id)? else {
            return Ok(None);
        };
        Ok(match element.record()? {
            Record::Vertex { value, .. } => Mark::decode(value),
            Record::Edge(_) => None,
        })
    }

    /// Writes it.
    pub(super) fn put(&self, turn: &mut Turn<'_>, id: &[u8]) -> Step<()> {
        turn.put_vertex(AppId::SYSTEM, id, &self.encode(), None)
    }
}

/// Removes a mark.
pub(super) fn remove(turn: &mut Turn<'_>, id: &[u8]) -> Step<()> {
    turn.remove_element(AppId::SYSTEM, id).map(drop)
}

/// Where the mark of a file lies.
pub(super) fn id(sum: u64, size: u64, options: &Options) -> Vec<u8> {
    let policy = match options.policy {
        Policy::Refuse => b'n',
        Policy::Keep => b'k',
        Policy::Replace => b'r',
    };
    let flags = [
        policy,
        u8::from(options.pattern.is_some()),
        u8::from(options.pass_modules),
        u8::from(options.pass_functions),
    ];
    let pattern = options.pattern.as_deref().unwrap_or_default();
    let parts = [&size.to_le_bytes()[..], &flags, pattern].concat();
    let text = format!("{sum:016x}{:016x}", checksum(&parts));
    [PREFIX, text.as_bytes()].concat()
}
