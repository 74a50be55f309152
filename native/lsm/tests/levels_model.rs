//! Tables, levels and compaction against a map of all versions: whatever is flushed, merged, moved and forgotten,
//! every retained commit reads the same.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use hyperdb_lsm::compaction::{pick, run, Choice, CompactionFilter, Job, Limits};
use hyperdb_lsm::fs::{FileSystem, SimFs};
use hyperdb_lsm::hash::key_hash;
use hyperdb_lsm::merge::Merge;
use hyperdb_lsm::table::{blocking, table_file_name, Builder, Found, ReadMode, Table};
use hyperdb_lsm::verify::verify_tables;
use hyperdb_lsm::version::{Version, VersionEdit};
use hyperdb_lsm::{BlockCache, Commit, Direction, Family, KeyRange, Op};
use proptest::prelude::*;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

const DIR: &str = "/db";

type Key = Vec<u8>;

/// All versions ever written, and a store of tables alone: what is written goes straight to a level 0 table.
struct Rig {
    sim: SimFs,
    fs: Arc<dyn FileSystem>,
    cache: Arc<BlockCache>,
    version: Version,
    next_id: AtomicU64,
    latest: Commit,
    retained: BTreeSet<Commit>,
    model: BTreeMap<(Key, Reverse<Commit>), Option<Vec<u8>>>,
    limits: Limits,
}

impl Rig {
    fn new() -> Self {
        let sim = SimFs::new();
        sim.create_dir(Path::new(DIR)).unwrap();
        Self {
            fs: Arc::new(sim.clone()),
            sim,
            cache: BlockCache::new(1 << 20),
            version: Version::empty(),
            next_id: AtomicU64::new(1),
            latest: 0,
            retained: BTreeSet::new(),
            model: BTreeMap::new(),
            limits: Limits {
                table_bytes: 6_000,
                l0_tables: 2,
                l0_most: 4,
                base_bytes: 20_000,
                level_ratio: 3,
                garbage_ratio: 3,
            },
        }
    }

    /// Flushes one table holding some commits.
    fn flush(&mut self, commits: &[Vec<(u16, Option<u8>)>]) {
        let mut entries = BTreeMap::new();
        for commit in commits {
            self.latest += 1;
            for (key, value) in commit {
                let key = format!("k{:04}", key).into_bytes();
                let value = value.map(|byte| vec![byte; 40 + usize::from(byte)]);
                entries.insert((key.clone(), Reverse(self.latest)), value.clone());
                self.model.insert((key, Reverse(self.latest)), value);
            }
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let file = self
            .fs
            .create(&Path::new(DIR).join(table_file_name(id)))
            .unwrap();
        let mut builder = Builder::new(file, id, Family::DATA);
        for ((key, version), value) in &entries {
            let op = if value.is_some() { Op::Add } else { Op::Remove };
            builder
                .add(key, version.0, op, value.as_deref().unwrap_or_default())
                .unwrap();
        }
        if let Some(at) = builder.finish().unwrap() {
            let table = Table::open(&self.fs, Path::new(DIR), at, &self.cache).unwrap();
            let edit = VersionEdit {
                add: vec![at],
                remove: vec![],
            };
            self.version = self.version.apply(&edit, &[table]).unwrap();
        }
    }

    fn retained(&self) -> Vec<Commit> {
        self.retained
            .iter()
            .copied()
            .chain([self.latest])
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// One compaction, if there is one to do.
    fn compact(&mut self, filter: Option<&dyn CompactionFilter>) -> Option<Choice> {
        let retained = self.retained();
        let choice = pick(&self.version, &self.limits, retained[0], filter)?;
        let paced = AtomicU64::new(0);
        let job = Job {
            fs: &self.fs,
            dir: Path::new(DIR),
            cache: &self.cache,
            retained: &retained,
            filter,
            table_bytes: self.limits.table_bytes,
            next_id: &|| self.next_id.fetch_add(1, Ordering::Relaxed),
            cancel: &AtomicBool::new(false),
            pace: &|bytes| {
                paced.fetch_add(bytes, Ordering::Relaxed);
            },
        };
        let outcome = run(&choice, &self.version, &job).unwrap().unwrap();
        let next = self.version.apply(&outcome.edit, &outcome.opened).unwrap();
        let kept: BTreeSet<_> = next.tables().map(|table| table.id()).collect();
        for table in self
            .version
            .tables()
            .filter(|table| !kept.contains(&table.id()))
        {
            table.doom();
        }
        self.version = next;
        Some(choice)
    }

    fn settle(&mut self) {
        for _ in 0..1000 {
            if self.compact(None).is_none() {
                return;
            }
        }
        panic!("compaction does not come to rest");
    }

    fn visible(&self, at: Commit) -> Vec<(Key, Vec<u8>)> {
        let mut out = Vec::new();
        let mut last: Option<&Key> = None;
        for ((key, version), value) in &self.model {
            if version.0 <= at && last != Some(key) {
                last = Some(key);
                out.extend(value.as_ref().map(|value| (key.clone(), value.clone())));
            }
        }
        out
    }

    fn check(&self, at: Commit) {
        let expected = self.visible(at);
        for direction in [Direction::Forward, Direction::Reverse] {
            let sources = self.version.sources(
                Family::DATA,
                &KeyRange::all(),
                at,
                direction,
                ReadMode::Blocking,
            );
            let mut merge = Merge::new(sources, direction);
            let mut got = Vec::new();
            while merge.advance().unwrap() {
                got.push((merge.key().to_vec(), merge.value().to_vec()));
            }
            if direction == Direction::Reverse {
                got.reverse();
            }
            assert_eq!(
                got.len(),
                expected.len(),
                "entries seen at commit {at}, {direction:?}"
            );
            assert_eq!(got, expected);
        }
        let expected: BTreeMap<_, _> = expected.into_iter().collect();
        let keys: Vec<Vec<u8>> = (0..200u16)
            .map(|n| format!("k{n:04}").into_bytes())
            .collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        let hashes: Vec<u64> = keys.iter().map(|key| key_hash(key)).collect();
        let mut many: Vec<Option<Found>> = vec![None; keys.len()];
        self.version
            .multi_get(
                Family::DATA,
                &keys,
                &hashes,
                at,
                ReadMode::Blocking,
                &mut many,
                &vec![true; keys.len()],
            )
            .unwrap();
        let live = |found: Option<Found>| {
            found
                .filter(|found| found.op == Op::Add)
                .map(|found| found.value.to_vec())
        };
        for (key, found) in keys.iter().zip(many) {
            let one =
                blocking(self.version.get(Family::DATA, key, at, ReadMode::Blocking)).unwrap();
            assert_eq!(live(one), expected.get(*key).cloned());
            assert_eq!(live(found), expected.get(*key).cloned());
        }
    }

    fn check_all(&self) {
        for at in self.retained() {
            self.check(at);
        }
        let findings = verify_tables(&self.version, &mut |_, _| {});
        assert!(findings.is_empty(), "{findings:?}");
    }

    /// As after a restart: the same tables from their places.
    fn reopen(&mut self) {
        self.version = Version::open(
            &self.fs,
            Path::new(DIR),
            &self.version.places(),
            &self.cache,
        )
        .unwrap();
    }
}

#[derive(Clone, Debug)]
enum Action {
    Flush(Vec<Vec<(u16, Option<u8>)>>),
    Retain,
    Release(usize),
    Compact,
    Reopen,
}

fn action() -> impl Strategy<Value = Action> {
    let change = (0u16..200, proptest::option::weighted(0.7, any::<u8>()));
    let commit = proptest::collection::vec(change, 1..30);
    prop_oneof![
        6 => proptest::collection::vec(commit, 1..6).prop_map(Action::Flush),
        2 => Just(Action::Retain),
        1 => (0usize..4).prop_map(Action::Release),
        6 => Just(Action::Compact),
        1 => Just(Action::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("TORTURE").map_or(40, |_| 4000)))]

    #[test]
    fn every_retained_commit_reads_the_same_right_through(actions in proptest::collection::vec(action(), 1..40)) {
        let mut rig = Rig::new();
        for action in actions {
            match action {
                Action::Flush(commits) => rig.flush(&commits),
                Action::Retain => { rig.retained.insert(rig.latest); }
                Action::Release(n) => {
                    let gone: Vec<Commit> = rig.retained.iter().copied().take(n).collect();
                    gone.iter().for_each(|commit| { rig.retained.remove(commit); });
                }
                Action::Compact => { rig.compact(None); }
                Action::Reopen => rig.reopen(),
            }
            rig.check(rig.latest);
        }
        rig.check_all();
        rig.settle();
        rig.check_all();
    }
}

#[test]
fn removed_keys_leave_nothing_once_nobody_can_see_them() {
    let mut rig = Rig::new();
    for round in 0..6u8 {
        rig.flush(&[(0..200u16).map(|key| (key, Some(round))).collect()]);
    }
    rig.flush(&[(0..200u16).map(|key| (key, None)).collect()]);
    rig.limits.l0_tables = 1;
    rig.limits.l0_most = 1;
    rig.settle();
    assert!(rig.visible(rig.latest).is_empty());
    let left: u64 = rig.version.tables().map(|table| table.entries()).sum();
    assert_eq!(left, 0, "removes and what they hid are still stored");
    assert!(
        rig.sim
            .list(Path::new(DIR))
            .unwrap()
            .iter()
            .all(|name| !name.ends_with(".sst")),
        "files were left behind"
    );
}

#[test]
fn a_remove_that_a_frame_predates_is_forgotten_when_the_frame_is_released() {
    let mut rig = Rig::new();
    rig.flush(&[(0..100u16).map(|key| (key, Some(1))).collect()]);
    rig.retained.insert(rig.latest);
    rig.flush(&[(0..100u16).map(|key| (key, None)).collect()]);
    rig.limits.l0_tables = 1;
    rig.limits.l0_most = 1;
    rig.settle();
    rig.check_all();
    assert_eq!(
        rig.version
            .tables()
            .map(|table| table.entries())
            .sum::<u64>(),
        200
    );
    rig.retained.clear();
    rig.settle();
    assert_eq!(
        rig.version
            .tables()
            .map(|table| table.entries())
            .sum::<u64>(),
        0
    );
}

#[test]
fn tables_in_key_order_are_moved_and_never_rewritten() {
    let mut rig = Rig::new();
    let mut merges = 0;
    for batch in 0..60u16 {
        rig.flush(&[(batch * 40..(batch + 1) * 40)
            .map(|key| (key, Some(9)))
            .collect()]);
        while let Some(choice) = rig.compact(None) {
            merges += u32::from(matches!(choice, Choice::Merge { .. }));
        }
    }
    assert_eq!(merges, 0);
    assert!(rig
        .version
        .level_stats()
        .iter()
        .any(|(_, level, ..)| *level >= 2));
    rig.check(rig.latest);
}

#[test]
fn a_filter_drops_what_the_store_would_keep() {
    struct Below(u64);
    impl CompactionFilter for Below {
        fn discard(&self, _: Family, key: &[u8], version: Commit, _: Commit) -> bool {
            key < &b"k0100"[..] && version <= self.0
        }
    }
    let mut rig = Rig::new();
    rig.limits.l0_tables = 1;
    rig.limits.l0_most = 1;
    rig.flush(&[(0..200u16).map(|key| (key, Some(1))).collect()]);
    while rig.compact(None).is_some() {}
    rig.flush(&[(50..60u16).map(|key| (key, Some(2))).collect()]);
    while rig.compact(Some(&Below(1))).is_some() {}
    rig.model
        .retain(|(key, version), _| !(key < &b"k0100".to_vec() && version.0 <= 1));
    rig.check(rig.latest);
}

#[test]
fn a_cancelled_or_failed_compaction_leaves_no_file_and_no_change() {
    let mut rig = Rig::new();
    for round in 0..5u8 {
        rig.flush(&[(0..2000u16).map(|key| (key, Some(round))).collect()]);
    }
    assert!(matches!(rig.compact(None), Some(Choice::Move { .. })));
    let choice = pick(&rig.version, &rig.limits, rig.latest, None).unwrap();
    let before = rig.sim.list(Path::new(DIR)).unwrap().len();
    let retained = [rig.latest];
    let cancel = AtomicBool::new(true);
    let mut job = Job {
        fs: &rig.fs,
        dir: Path::new(DIR),
        cache: &rig.cache,
        retained: &retained,
        filter: None,
        table_bytes: 6_000,
        next_id: &|| rig.next_id.fetch_add(1, Ordering::Relaxed),
        cancel: &cancel,
        pace: &|_| {},
    };
    assert!(run(&choice, &rig.version, &job).unwrap().is_none());
    assert_eq!(rig.sim.list(Path::new(DIR)).unwrap().len(), before);
    let proceed = AtomicBool::new(false);
    job.cancel = &proceed;
    rig.sim.set_room(Some(30_000));
    assert!(run(&choice, &rig.version, &job).is_err());
    assert_eq!(rig.sim.list(Path::new(DIR)).unwrap().len(), before);
    rig.sim.set_room(None);
    rig.check(rig.latest);
}

#[test]
fn a_cached_only_read_names_the_block_and_finds_it_after_loading() {
    let mut rig = Rig::new();
    rig.flush(&[(0..200u16).map(|key| (key, Some(3))).collect()]);
    rig.reopen();
    let misses = Cell::new(0);
    let found = loop {
        match rig
            .version
            .get(Family::DATA, b"k0150", rig.latest, ReadMode::CachedOnly)
        {
            Ok(found) => break found,
            Err(hyperdb_lsm::Stop::Miss(miss)) => {
                misses.set(misses.get() + 1);
                rig.version.load(&miss).unwrap();
            }
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(misses.get(), 1);
    assert_eq!(found.unwrap().op, Op::Add);
}
