//! A store: the LSM with the hypergraph's identity on it.

use crate::catalog::{Image, Newest};
use crate::columnar::{Place, Ranges};
use crate::directory::Directory;
use crate::dropped::Dropped;
use crate::hash::HashKey;
use crate::heard::Heard;
use crate::identity::{Environment, Identity, System};
use crate::keys::{self, meta, AppId};
use crate::nodes;
use crate::numbers::Numbers;
use crate::prefixes::Prefixes;
use crate::ranks::Ranks;
use crate::sequencer::{Sequencer, Shared};
use crate::step::{Step, Stop};
use crate::turn::Turn;
use hyperdb_lsm::{Db, Direction, Family, KeyRange, Options, Result, Snapshot};
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// An open database. One per directory; shared by every frontend.
pub struct Store {
    pub(crate) db: Db,
    pub(crate) sequencer: Sequencer,
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) directory: Directory,
    pub(crate) dropped: Arc<Dropped>,
    pub(crate) ranks: Arc<Ranks>,
    ranges: Arc<Ranges>,
    heard: Arc<Heard>,
    prefixes: Prefixes,
    pub(crate) images: Newest,
    /// Whether there may be notes of dropped generic hyperedges.
    pub(crate) unswept: Arc<AtomicBool>,
    /// Whether elements whose time has come are removed without being asked for.
    pub(crate) expires: AtomicBool,
    identity: Identity,
}

impl Store {
    /// Opens (or creates) the database in `dir`, with the machine's clock and entropy.
    ///
    /// # Errors
    /// As [`Db::open`] and [`Store::on`].
    pub fn open(dir: &Path, options: Options) -> Result<Store> {
        Self::on(Db::open(dir, options)?, &mut System)
    }

    /// The store on an open LSM; an empty one gets its identity from `environment`.
    ///
    /// # Errors
    /// [`hyperdb_lsm::Error::Invalid`] if its format is not one that this build reads.
    pub fn on(db: Db, environment: &mut dyn Environment) -> Result<Store> {
        let snapshot = db.snapshot();
        let identity = match snapshot.get(Family::META, &Identity::KEY)? {
            Some(record) => Identity::decode(&record)?,
            None => create(&db, environment)?,
        };
        let mark = snapshot.get(Family::META, &meta::NEXT_CID)?;
        let dropped = Arc::new(Dropped::default());
        let notes = snapshot.iter(
            Family::META,
            KeyRange::prefix(&[meta::DROPPED]),
            Direction::Forward,
        );
        for note in notes {
            // It was made at this commit or before; a later commit only makes compaction wait.
            dropped.add(snapshot.commit(), keys::parse_dropped(&note?.0));
        }
        db.set_compaction_filter(dropped.clone());
        let shared = Shared {
            hash_key: identity.hash_key,
            numbers: Arc::new(Numbers::resume(mark.as_deref())?),
            dropped,
            ranks: Arc::new(Ranks::new(db.aside())),
            ranges: Arc::default(),
            heard: Arc::default(),
            unswept: Arc::new(AtomicBool::new(true)),
        };
        let store = Store {
            sequencer: Sequencer::new(db.clone(), shared.clone()),
            db,
            numbers: shared.numbers,
            directory: Directory::default(),
            dropped: shared.dropped,
            ranks: shared.ranks,
            ranges: shared.ranges,
            heard: shared.heard,
            prefixes: Prefixes::default(),
            images: Newest::default(),
            unswept: shared.unswept,
            expires: AtomicBool::new(true),
            identity,
        };
        store.refresh_prefixes()?;
        Ok(store)
    }

    /// The LSM below, for snapshots, durability and statistics.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Whether elements whose time has come are removed without being asked for.
    pub fn expires_actively(&self) -> bool {
        self.expires.load(Ordering::Relaxed)
    }

    /// What the store is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Bytes that copies of orders in memory hold, of those that the store's memory leaves aside for them.
    pub fn order_cache_bytes(&self) -> usize {
        self.ranks.bytes()
    }

    /// What others than the RESP loop change.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    /// The order of this store's unordered spaces.
    pub fn hash_key(&self) -> HashKey {
        self.identity.hash_key
    }

    /// Removes up to `limit` notes of drops that compaction has worked off, starting behind `after`; where to go on,
    /// or `None` when it came to the end. For a thread in the background: it reads from disk.
    pub fn tend(&self, after: Option<&[u8]>, limit: usize) -> Result<Option<Vec<u8>>> {
        let snapshot = self.db.snapshot();
        let mut range = KeyRange::prefix(&[meta::DROPPED]);
        if let Some(after) = after {
            range.start = Bound::Excluded(after.to_vec());
        }
        let mut worked_off = Vec::new();
        let (mut last, mut seen) = (None, 0);
        for note in snapshot
            .iter(Family::META, range, Direction::Forward)
            .take(limit)
        {
            let (key, _) = note?;
            if let Some((app, cid)) = keys::parse_dropped(&key) {
                match remains(&snapshot, app, cid)? {
                    None => worked_off.push((key.clone(), (app, cid))),
                    // Of an app it is worth a table. Collections are many and small: they go with what lies beside them.
                    Some((family, left)) if cid == 0 => self.db.hint(family, &left),
                    Some(_) => {}
                }
            }
            last = Some(key);
            seen += 1;
        }
        drop(snapshot);
        if !worked_off.is_empty() {
            let mut writer = self.db.writer();
            for (key, _) in &worked_off {
                let removed: Step<()> = writer.remove(Family::META, key, &[]).map_err(Stop::from);
                removed.map_err(Stop::into_error)?;
            }
            writer.commit()?;
            for (_, drop) in worked_off {
                self.dropped.forget(drop);
            }
        }
        Ok(last.filter(|_| seen == limit))
    }

    /// The keys of Redis that are rows of tables.
    pub fn prefixes(&self) -> &Prefixes {
        &self.prefixes
    }

    /// Reads anew which tables answer Redis's clients: after a change of the catalog was committed.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn refresh_prefixes(&self) -> Result<()> {
        let image = self.image(self.db.snapshot()).map_err(Stop::into_error)?;
        self.prefixes.take(&image);
        Ok(())
    }

    /// The catalog at a snapshot.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn image(&self, snapshot: Snapshot) -> Step<Arc<Image>> {
        let horizon = snapshot.commit();
        let view = self.reader(snapshot, b"", None, horizon)?;
        self.images.of(&view, false)
    }

    /// The columns that are kept of its tables.
    pub fn ranges(&self) -> &Arc<Ranges> {
        &self.ranges
    }

    /// Puts the rows of a table under watch: under the writer, so between two commits.
    pub(crate) fn watch(&self, place: Place) {
        if !self.ranges.watches(place) {
            let writer = self.db.writer();
            self.ranges.watch(place, writer.next_commit() - 1);
        }
    }

    /// Begins a turn at `now_ms` (Unix milliseconds): exclusive, latest state, never conflicts.
    pub fn turn(&self, now_ms: i64) -> Turn<'_> {
        Turn::new(self, self.db.writer(), now_ms)
    }
}

/// The key of an entry of a dropped collection or app, or of a node over them, that compaction has not come to.
fn remains(snapshot: &Snapshot, app: AppId, cid: u64) -> Result<Option<(Family, Vec<u8>)>> {
    let mut places = Vec::new();
    if cid == 0 {
        places.push((Family::DATA, keys::app_prefix(app)));
        places.push((Family::NODE, nodes::app_prefix(app)));
    } else {
        for cid in [cid, cid + 1] {
            places.push((Family::DATA, keys::member_prefix(app, cid)));
            places.extend(nodes::collection_prefixes(app, cid).map(|nodes| (Family::NODE, nodes)));
        }
    }
    for (family, prefix) in places {
        let range = KeyRange::prefix(&prefix);
        let mut below = snapshot.iter(family, range, Direction::Forward);
        if let Some((key, ..)) = below.step()? {
            return Ok(Some((family, key.to_vec())));
        }
    }
    Ok(None)
}

fn create(db: &Db, environment: &mut dyn Environment) -> Result<Identity> {
    let identity = Identity::draw(environment)?;
    let mut writer = db.writer();
    let written: Step<()> = writer
        .put(Family::META, &Identity::KEY, &identity.encode())
        .map_err(Stop::from);
    written.map_err(Stop::into_error)?;
    let commit = writer.commit()?;
    drop(writer);
    db.wait_durable(commit)?;
    Ok(identity)
}
