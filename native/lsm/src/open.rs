//! Opening: take the directory, read the manifest, open its tables, replay the log.

use crate::cache::BlockCache;
use crate::compaction::Limits;
use crate::db::{Budget, Counters, Options, Shared};
use crate::error::{Error, Result};
use crate::fs::{DirLock, FileSystem};
use crate::hash::key_hash;
use crate::log::record::Logged;
use crate::log::{record, recover, segment_number, Log, STEP};
use crate::manifest::{Manifest, MANIFEST};
use crate::memtable::UndoLog;
use crate::points::Points;
use crate::state::State;
use crate::table::{table_file_name, Table, TableAt};
use crate::types::Commit;
use crate::version::{Version, VersionEdit};
use parking_lot::{Mutex, RwLock};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::Arc;
use std::thread;

/// Opens the store in `dir`; the lock is to be held as long as it is open.
pub(crate) fn open(
    fs: Arc<dyn FileSystem>,
    dir: &Path,
    options: Options,
) -> Result<(Shared, Box<dyn DirLock>)> {
    if options.create {
        fs.create_dir(dir)?;
    }
    let lock = fs.lock(dir)?;
    let manifest = match Manifest::read(&*fs, dir)? {
        Some(manifest) => manifest,
        None => create(&*fs, dir, options.create)?,
    };
    let budget = Budget::of(options.memory);
    let cache = BlockCache::new(budget.blocks);
    let version = Version::open(&fs, dir, &manifest.tables, &cache)?;
    let points = Points::new(manifest.kept.clone());
    let mut adopted = Vec::new();
    let mut state = State::new(Arc::new(version), manifest.flushed, budget.rows);
    let recovered = recover::recover(
        &*fs,
        dir,
        manifest.flushed,
        manifest.promised,
        true,
        &mut |commit, payload, path, offset| {
            let replayed = replay(&mut state, &points, commit, payload, &mut adopted);
            replayed.ok_or_else(|| Error::Corrupt {
                path: path.to_owned(),
                offset,
                what: format!("the record of commit {commit} is malformed"),
            })
        },
    )?;
    state.latest = recovered.last;
    // What the manifest knows may have been merged and removed since.
    adopted.retain(|table| table.adopted > manifest.adopted);
    state.adopted = adopted
        .last()
        .map_or(manifest.adopted, |table| table.adopted);
    remove_orphans(&*fs, dir, &manifest, &adopted)?;
    let next_table = adopted
        .iter()
        .map(|table| table.id + 1)
        .fold(manifest.next_table, u64::max);
    let opened = adopted.iter().map(|&at| Table::open(&fs, dir, at, &cache));
    let opened = opened.collect::<Result<Vec<_>>>()?;
    let edit = VersionEdit {
        add: adopted,
        remove: Vec::new(),
    };
    state.version = Arc::new(state.version.apply(&edit, &opened)?);
    let latest = recovered.last;
    let step = STEP.min(budget.memtable as u64);
    let log = Log::new(fs.clone(), dir.to_owned(), options.sync, step, recovered);
    let limits = Limits::for_memtable(budget.memtable as u64);
    let shared = Shared {
        dir: dir.to_owned(),
        budget,
        limits,
        state: RwLock::new(state),
        latest: AtomicU64::new(latest),
        log,
        points,
        next_table: AtomicU64::new(next_table),
        manifest: Mutex::new(manifest),
        cache,
        processors: thread::available_parallelism().map_or(1, NonZero::get),
        filter: RwLock::new(None),
        work: Default::default(),
        counters: Counters::default(),
        hooks: RwLock::default(),
        closed: false.into(),
        options,
        fs,
    };
    Ok((shared, lock))
}

/// Makes the manifest of a new store.
fn create(fs: &dyn FileSystem, dir: &Path, allowed: bool) -> Result<Manifest> {
    let path = dir.join(MANIFEST);
    if !allowed {
        return Err(Error::Invalid(format!(
            "there is no database in {}",
            dir.display()
        )));
    }
    let files = fs.list(dir)?;
    if let Some(name) = files
        .iter()
        .find(|name| name.ends_with(".sst") || segment_number(name).is_some())
    {
        return Err(Error::Corrupt {
            path,
            offset: 0,
            what: format!("it is missing, but {name} is there"),
        });
    }
    let mut store_id = [0; 16];
    for (i, half) in store_id.chunks_mut(8).enumerate() {
        // The standard library's per-process random keys are the one source of randomness it offers.
        half.copy_from_slice(&RandomState::new().hash_one(i).to_le_bytes());
    }
    let manifest = Manifest {
        sequence: 1,
        store_id,
        next_table: 1,
        ..Manifest::default()
    };
    manifest.write(fs, dir)?;
    Ok(manifest)
}

/// Removes what a crash left behind: tables that neither the manifest nor the log names, half-written files.
fn remove_orphans(
    fs: &dyn FileSystem,
    dir: &Path,
    manifest: &Manifest,
    adopted: &[TableAt],
) -> Result<()> {
    let known: HashSet<String> = manifest
        .tables
        .iter()
        .chain(adopted)
        .map(|table| table_file_name(table.id))
        .collect();
    let mut removed = false;
    for name in fs.list(dir)? {
        let orphan = name.ends_with(".sst") && !known.contains(&name);
        if orphan || name == format!("{MANIFEST}.new") {
            fs.remove(&dir.join(name))?;
            removed = true;
        }
    }
    if removed {
        fs.sync_dir(dir)?;
    }
    Ok(())
}

/// Applies a logged commit to the memtables, and notes the tables that it adopted; `None` if its payload is malformed.
fn replay(
    state: &mut State,
    points: &Points,
    commit: Commit,
    payload: &[u8],
    adopted: &mut Vec<TableAt>,
) -> Option<()> {
    let mut undo = UndoLog::default();
    let mut retained = Vec::new();
    points.collect(&mut retained);
    let floor = points.newest();
    for change in record::changes(payload) {
        let change = match change? {
            Logged::Change(change) => change,
            Logged::Adopted(table) => {
                adopted.push(TableAt {
                    id: table.id,
                    family: table.family,
                    level: 0,
                    bytes: table.bytes,
                    adopted: commit,
                });
                continue;
            }
        };
        let memtable = &mut state.active[usize::from(change.family.0)];
        let (id, undone) = memtable.write(
            key_hash(change.key),
            change.key,
            change.op,
            change.value,
            change.fresh,
            commit,
            floor,
            &mut undo,
        );
        memtable.forget_undo(&undone);
        memtable.settle_replayed(id, change.fresh, &retained);
    }
    state.latest = commit;
    Some(())
}
