//! Reading one app at one commit: the present, or a past that is still kept.
//!
//! **Theory.** The store's entries *are* the versioned sets: an element is (id, version), version the commit that added it.
//! At commit `c` the *adds* are the entries that are there, the *removes* the newest removes of ids that were not added
//! again. A replaced vertex is an add and no remove. A remove is sure to be known while it is newer than the
//! horizon; what is shown therefore begins there. The kind of a removed element is its remove's note.
//!
//! **Expiry.** The present hides what has expired by the reader's clock. A past commit shows what it held: there an element
//! with an expiry is present until the commit that removed it.
//!
//! **Invariant.** A walk owns its snapshot: others may write and the reader may go, and it gives what was there.

use crate::apps::AppStats;
use crate::hash::HashKey;
use crate::header::{Kind, Record};
use crate::hyperedge::{View, Walk};
use crate::keys::{self, system, AppId};
use crate::step::Step;
use crate::store::Store;
use hyperdb_lsm::{
    Commit, Direction, Entries, Error, Family, Iter, KeyRange, Op, Result, Snapshot, Value,
};
use std::sync::Arc;

/// A fixed view of one app. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    snapshot: Snapshot,
    hash_key: HashKey,
    /// `None`: the app is not there at this commit.
    app: Option<AppId>,
    now_ms: Option<i64>,
    horizon: Commit,
}

/// One of the four versioned sets of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Vertices that are there.
    VertexAdds,
    /// Vertices that went.
    VertexRemoves,
    /// Hyperedges that are there.
    HyperedgeAdds,
    /// Hyperedges that went.
    HyperedgeRemoves,
}

impl Set {
    /// The set of vertices or of hyperedges, of adds or of removes.
    pub fn of(vertices: bool, adds: bool) -> Set {
        match (vertices, adds) {
            (true, true) => Set::VertexAdds,
            (true, false) => Set::VertexRemoves,
            (false, true) => Set::HyperedgeAdds,
            (false, false) => Set::HyperedgeRemoves,
        }
    }

    pub(crate) fn takes(self, kind: Kind, op: Op) -> bool {
        let (vertex, wanted) = match self {
            Set::VertexAdds => (true, Op::Add),
            Set::VertexRemoves => (true, Op::Remove),
            Set::HyperedgeAdds => (false, Op::Add),
            Set::HyperedgeRemoves => (false, Op::Remove),
        };
        op == wanted && (kind == Kind::Vertex) == vertex
    }
}

impl Store {
    /// The app called `name` as it is at `snapshot`; with `now_ms` (Unix milliseconds) what has expired is hidden.
    /// `horizon` is what [`hyperdb_lsm::Db::horizon`] said when the snapshot was taken.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn reader(
        &self,
        snapshot: Snapshot,
        name: &[u8],
        now_ms: Option<i64>,
        horizon: Commit,
    ) -> Result<Reader> {
        let mut reader = Reader {
            snapshot,
            hash_key: self.hash_key(),
            app: None,
            now_ms,
            horizon,
        };
        let id = [&[system::APP], name].concat();
        let key = keys::element(AppId::SYSTEM, reader.hash64(&id), &id);
        if let Some(raw) = reader.snapshot.get(Family::DATA, &key)? {
            reader.app = Some(number(&raw).ok_or_else(|| malformed("directory"))?);
        }
        Ok(reader)
    }
}

impl Reader {
    /// The commit that it sees.
    pub fn commit(&self) -> Commit {
        self.snapshot.commit()
    }

    /// Removes after this commit are known.
    pub fn horizon(&self) -> Commit {
        self.horizon
    }

    /// The app's number, if the app is there.
    pub fn app(&self) -> Option<AppId> {
        self.app
    }

    /// What the app holds; elements that have expired and are not yet removed count.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn stats(&self) -> Result<AppStats> {
        let Some(app) = self.app else {
            return Ok(AppStats::default());
        };
        match self.snapshot.get(Family::DATA, &keys::app_header(app))? {
            None => Ok(AppStats::default()),
            Some(raw) => AppStats::decode(&raw).ok_or_else(|| malformed("app")),
        }
    }

    /// The commit that last added or removed element `id`.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn version(&self, id: &[u8]) -> Result<Option<Commit>> {
        let Some(app) = self.app else {
            return Ok(None);
        };
        let key = keys::element(app, self.hash64(id), id);
        self.snapshot.version(Family::DATA, &key)
    }

    /// Walks the elements that are there, in hash order.
    pub fn elements(&self) -> Elements {
        let walk = self.app.map(|app| {
            let prefix = keys::element_prefix(app);
            let range = KeyRange::prefix(&prefix);
            let iter = self.snapshot.iter(Family::DATA, range, Direction::Forward);
            (iter, prefix.len() + HASH)
        });
        Elements {
            walk,
            now_ms: self.now_ms,
        }
    }

    /// Walks one of the versioned sets, in hash order. Adds show what is stored, expired or not.
    pub fn changes(&self, set: Set) -> Changes {
        let walk = self.app.map(|app| {
            let prefix = keys::element_prefix(app);
            let range = KeyRange::prefix(&prefix);
            let snapshot = &self.snapshot;
            let entries = snapshot.entries(Family::DATA, range, Direction::Forward);
            (entries, prefix.len() + HASH)
        });
        Changes {
            walk,
            set,
            horizon: self.horizon,
        }
    }
}

/// Bytes of the hash between an app's prefix and an id.
const HASH: usize = 8;

/// A lazy walk over elements.
pub struct Elements {
    walk: Option<(Iter, usize)>,
    now_ms: Option<i64>,
}

impl Iterator for Elements {
    type Item = Result<(Vec<u8>, Kind, Commit)>;

    fn next(&mut self) -> Option<Self::Item> {
        let (iter, skip) = self.walk.as_mut()?;
        loop {
            let (key, raw, version) = match iter.step() {
                Ok(Some(entry)) => entry,
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            };
            let Some(record) = Record::decode(&raw) else {
                return Some(Err(malformed("element")));
            };
            if is_live(record.expiry(), self.now_ms) {
                let id = key.get(*skip..).unwrap_or_default();
                return Some(Ok((id.to_vec(), record.kind(), version)));
            }
        }
    }
}

/// A lazy walk over one of the versioned sets: ids with versions.
pub struct Changes {
    walk: Option<(Entries, usize)>,
    set: Set,
    horizon: Commit,
}

impl Iterator for Changes {
    type Item = Result<(Vec<u8>, Commit)>;

    fn next(&mut self) -> Option<Self::Item> {
        let (entries, skip) = self.walk.as_mut()?;
        loop {
            let entry = match entries.step() {
                Ok(Some(entry)) => entry,
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            };
            // A record and a remove's note begin with the kind alike.
            let kind = entry.value.first().copied().and_then(Kind::from_code);
            let Some(kind) = kind else {
                return Some(Err(malformed("element")));
            };
            let known = entry.op == Op::Add || entry.version > self.horizon;
            if known && self.set.takes(kind, entry.op) {
                let id = entry.key.get(*skip..).unwrap_or_default();
                return Some(Ok((id.to_vec(), entry.version)));
            }
        }
    }
}

impl Walk for Iter {
    fn next(&mut self) -> Step<Option<(&[u8], Value<'_>)>> {
        Ok(self.step()?.map(|(key, value, _)| (key, value)))
    }
}

impl View for Reader {
    type Walk<'v> = Iter;

    fn hash64(&self, bytes: &[u8]) -> u64 {
        self.hash_key.hash64(bytes)
    }

    fn is_live(&self, expiry: Option<i64>) -> bool {
        is_live(expiry, self.now_ms)
    }

    fn get(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        Ok(self.snapshot.get(family, key)?.map(|value| {
            let len = value.len();
            Value::Shared(Arc::from(value), 0, len)
        }))
    }

    fn walk(&self, family: Family, range: KeyRange, direction: Direction) -> Step<Iter> {
        Ok(self.snapshot.iter(family, range, direction))
    }
}

fn is_live(expiry: Option<i64>, now_ms: Option<i64>) -> bool {
    match (expiry, now_ms) {
        (Some(at), Some(now)) => at > now,
        _ => true,
    }
}

fn number(raw: &[u8]) -> Option<AppId> {
    match Record::decode(raw)? {
        Record::Vertex { value, .. } => Some(AppId(u32::from_le_bytes(value.try_into().ok()?))),
        Record::Edge(_) => None,
    }
}

fn malformed(what: &str) -> Error {
    Error::Invalid(format!("malformed {what} record"))
}
