//! Reading one moment: point reads, multi-get and lazy iteration at a fixed commit.
//!
//! **Theory.** A snapshot holds on to the layers and tables of its moment. The memtables that were active then go on
//! changing; they are read under the store's lock, a chunk at a time, until they are frozen, and as a layer
//! afterwards. The commit is a retained point while the snapshot lives, so what it sees stays.

use crate::db::Shared;
use crate::error::Result;
use crate::gather::Gather;
use crate::hash::key_hash;
use crate::memtable::{self, Access, CopiedSource, Memtable};
use crate::merge::{BoxSource, Merge};
use crate::state::{Layer, State};
use crate::table::{blocking, ReadMode};
use crate::types::{Commit, Direction, Family, KeyRange, Op, Value};
use crate::version::Version;
use std::sync::{Arc, OnceLock};

/// A fixed view of the store. Cheap to clone; what it sees is kept until the last clone is dropped.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    shared: Arc<Shared>,
    pub(crate) commit: Commit,
    active: Arc<OnceLock<Arc<Layer>>>,
    /// All that the active memtables hold is newer than this commit.
    pub(crate) active_after: Commit,
    /// See [`State::adopted`].
    pub(crate) adopted: Commit,
    pub(crate) layers: Vec<Arc<Layer>>,
    pub(crate) version: Arc<Version>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.points.unpin(self.commit);
    }
}

impl Inner {
    /// Reads the memtables that were active at the snapshot's moment.
    pub(crate) fn with_active<T>(&self, family: Family, read: impl FnOnce(&Memtable) -> T) -> T {
        let f = usize::from(family.0);
        if let Some(layer) = self.active.get() {
            return read(&layer.memtables[f]);
        }
        let state = self.shared.state.read();
        // They may have been frozen while this waited for the lock.
        match self.active.get() {
            Some(layer) => read(&layer.memtables[f]),
            None => read(&state.active[f]),
        }
    }
}

/// How an iterator reaches a memtable.
enum Reach {
    Active(Arc<Inner>),
    Frozen(Arc<Layer>),
}

impl Access for Reach {
    fn with(&self, family: Family, read: &mut dyn FnMut(&Memtable)) {
        match self {
            Reach::Active(inner) => inner.with_active(family, |memtable| read(memtable)),
            Reach::Frozen(layer) => read(&layer.memtables[usize::from(family.0)]),
        }
    }
}

fn copy_visible(
    memtable: &Memtable,
    hash: u64,
    key: &[u8],
    at: Commit,
) -> Option<(Commit, Op, Vec<u8>)> {
    let found = memtable.visible(memtable.find(hash, key)?, at)?;
    Some((found.version, found.op, found.value.to_vec()))
}

/// What a multi-get has found in memory: places in one buffer.
struct Copied {
    bytes: Vec<u8>,
    places: Vec<(usize, usize, usize)>,
    wanted: Vec<bool>,
    left: usize,
}

impl Copied {
    fn new(keys: usize) -> Self {
        Self {
            bytes: Vec::new(),
            places: Vec::new(),
            wanted: vec![true; keys],
            left: keys,
        }
    }

    fn keep(&mut self, i: usize, found: &memtable::Found<'_>) {
        self.wanted[i] = false;
        self.left -= 1;
        if found.op == Op::Add {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(found.value);
            self.places.push((i, start, self.bytes.len()));
        }
    }

    fn give(self, values: &mut [Option<Value<'static>>]) {
        if self.places.is_empty() {
            return;
        }
        let bytes: Arc<[u8]> = self.bytes.into();
        for (i, start, end) in self.places {
            values[i] = Some(Value::Shared(bytes.clone(), start, end));
        }
    }
}

impl Snapshot {
    /// A snapshot at `commit`, which the caller has pinned while it holds `state`.
    pub(crate) fn new(shared: Arc<Shared>, state: &State, commit: Commit) -> Snapshot {
        Snapshot {
            inner: Arc::new(Inner {
                shared,
                commit,
                active: state.successor.clone(),
                active_after: state.active_after,
                adopted: state.adopted,
                layers: state.layers.clone(),
                version: state.version.clone(),
            }),
        }
    }

    /// The commit this snapshot sees.
    pub fn commit(&self) -> Commit {
        self.inner.commit
    }

    /// Entries of this commit and older ones are in no memtable.
    pub fn remembered(&self) -> Commit {
        let layers = self.inner.layers.iter().map(|layer| layer.after);
        layers.fold(self.inner.active_after, Commit::min)
    }

    /// Keeps what this snapshot sees readable for frames, beyond its life and a restart. In the same change of the manifest all
    /// commits that were kept for frames are let go, but for those among `others`.
    ///
    /// # Errors
    /// As [`crate::Db::wait_durable`], and what the file system fails with.
    pub fn keep_for_frames(&self, others: &[Commit]) -> Result<()> {
        let shared = &self.inner.shared;
        shared.log_is_synced(self.inner.commit)?;
        shared.edit_kept(|kept| {
            kept.frames.retain(|commit| others.contains(commit));
            kept.frames.insert(self.inner.commit);
        })?;
        shared.work.wake();
        Ok(())
    }

    /// The value of `key` at this commit.
    pub fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(match self.newest(family, key)? {
            Some((_, Op::Add, value)) => Some(value),
            _ => None,
        })
    }

    /// The version of `key` at this commit: which commit added or removed it.
    pub fn version(&self, family: Family, key: &[u8]) -> Result<Option<Commit>> {
        Ok(self.newest(family, key)?.map(|(version, ..)| version))
    }

    /// The newest entry of `key` at this commit, added or removed: version, and value or note. As for removes, see
    /// [`Snapshot::entries`].
    pub fn newest(&self, family: Family, key: &[u8]) -> Result<Option<(Commit, Op, Vec<u8>)>> {
        let inner = &*self.inner;
        let hash = key_hash(key);
        let at = inner.commit;
        let found = inner.with_active(family, |memtable| copy_visible(memtable, hash, key, at));
        if found.is_some() {
            return Ok(found);
        }
        for layer in &inner.layers {
            let memtable = &layer.memtables[usize::from(family.0)];
            if let Some(found) = copy_visible(memtable, hash, key, at) {
                return Ok(Some(found));
            }
        }
        let found = inner
            .version
            .get_hashed(family, key, hash, at, ReadMode::Blocking);
        Ok(blocking(found)?.map(|found| (found.version, found.op, found.value.to_vec())))
    }

    /// The values of many keys, in the order asked; cheaper than asking one by one.
    ///
    /// Values from tables stay where they are, in blocks that the answer keeps alive; those from memory are copied
    /// once, together.
    pub fn multi_get(&self, family: Family, keys: &[&[u8]]) -> Result<Vec<Option<Value<'static>>>> {
        let inner = &*self.inner;
        let at = inner.commit;
        let f = usize::from(family.0);
        let mut copied = Copied::new(keys.len());
        let hashes: Vec<u64> = keys.iter().map(|key| key_hash(key)).collect();
        let mut look = |memtable: &Memtable| {
            if memtable.len() == 0 {
                return;
            }
            for (i, key) in keys.iter().enumerate() {
                if !copied.wanted[i] {
                    continue;
                }
                let id = memtable.find(hashes[i], key);
                if let Some(found) = id.and_then(|id| memtable.visible(id, at)) {
                    copied.keep(i, &found);
                }
            }
        };
        inner.with_active(family, &mut look);
        for layer in &inner.layers {
            look(&layer.memtables[f]);
        }
        let mut found = vec![None; keys.len()];
        if copied.left > 0 && !inner.version.is_empty(family) {
            let gather = Gather {
                version: &inner.version,
                cache: &inner.shared.cache,
                family,
                at,
                threads: inner.shared.processors,
            };
            gather.read(keys, &hashes, &copied.wanted, &mut found)?;
        }
        let mut values: Vec<Option<Value<'static>>> = found
            .into_iter()
            .map(|found| found.filter(|found| found.op == Op::Add))
            .map(|found| found.map(|found| found.value))
            .collect();
        copied.give(&mut values);
        Ok(values)
    }

    /// Walks live entries of `range`; owns its snapshot, so it may outlive this value.
    pub fn iter(&self, family: Family, range: KeyRange, direction: Direction) -> Iter {
        Iter {
            merge: self.merge(family, &range, direction),
            _snapshot: self.clone(),
            ended: false,
        }
    }

    /// Walks the newest entry of each key of `range` at this commit, removes included.
    ///
    /// A remove stays to be seen while it is newer than the horizon ([`crate::Db::horizon`]); whether an older one
    /// is still there depends on compaction.
    pub fn entries(&self, family: Family, range: KeyRange, direction: Direction) -> Entries {
        Entries(Iter {
            merge: self.merge(family, &range, direction).with_removes(),
            _snapshot: self.clone(),
            ended: false,
        })
    }

    fn merge(&self, family: Family, range: &KeyRange, direction: Direction) -> Merge<'static> {
        let inner = &self.inner;
        let at = inner.commit;
        let reach = std::iter::once(Reach::Active(inner.clone()))
            .chain(inner.layers.iter().cloned().map(Reach::Frozen));
        let mut sources: Vec<BoxSource<'static>> = Vec::new();
        for access in reach {
            sources.push(Box::new(CopiedSource::new(
                access, family, range, at, direction,
            )));
        }
        sources.extend(
            inner
                .version
                .sources(family, range, at, direction, ReadMode::Blocking),
        );
        Merge::new(sources, direction)
    }
}

/// One entry of [`Entries`]: borrowed until the next step.
pub struct EntryView<'e> {
    /// Its key.
    pub key: &'e [u8],
    /// The commit that made it.
    pub version: Commit,
    /// Added or removed.
    pub op: Op,
    /// The value, or the remove's note.
    pub value: crate::Value<'e>,
}

/// A lazy walk over the newest entries of a snapshot, removes included.
pub struct Entries(Iter);

impl Entries {
    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// As [`Iter::step`].
    pub fn step(&mut self) -> Result<Option<EntryView<'_>>> {
        if self.0.step()?.is_none() {
            return Ok(None);
        }
        let merge = &self.0.merge;
        Ok(Some(EntryView {
            key: merge.key(),
            version: merge.version(),
            op: merge.op(),
            value: merge.value(),
        }))
    }
}

/// A lazy walk over a snapshot.
pub struct Iter {
    merge: Merge<'static>,
    _snapshot: Snapshot,
    ended: bool,
}

impl Iter {
    /// The next key, value and version, borrowed until the next step; `None` at the end.
    ///
    /// # Errors
    /// As [`crate::Db::open`] for damage; the walk ends then.
    pub fn step(&mut self) -> Result<Option<(&[u8], Value<'_>, Commit)>> {
        if self.ended {
            return Ok(None);
        }
        match blocking(self.merge.advance()) {
            Ok(true) => Ok(Some((
                self.merge.key(),
                self.merge.value(),
                self.merge.version(),
            ))),
            Ok(false) => {
                self.ended = true;
                Ok(None)
            }
            Err(error) => {
                self.ended = true;
                Err(error)
            }
        }
    }
}

impl Iterator for Iter {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.step() {
            Ok(Some((key, value, _))) => Some(Ok((key.to_vec(), value.to_vec()))),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }
}
