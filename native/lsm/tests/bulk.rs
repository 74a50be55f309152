//! Tables that are loaded beside the log: seen with their commit and not before, whole or not at all, whatever is flushed, merged,
//! copied or crashes around them.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use hyperdb_lsm::fs::{CrashMode, FileSystem, SimFs};
use hyperdb_lsm::{Batch, Commit, Db, Direction, Error, Family, KeyRange, Options, SyncMode};
use std::path::Path;
use std::sync::Arc;

const DATA: Family = Family::DATA;
const DIR: &str = "/db";

fn open(fs: &SimFs, sync: SyncMode) -> Db {
    let options = Options {
        sync,
        memory: 4 << 20,
        create: true,
    };
    Db::open_in(Arc::new(fs.clone()), Path::new(DIR), options).unwrap()
}

fn key(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

fn put(db: &Db, number: u32, value: &[u8]) -> Commit {
    db.write_durable(Batch::new().put(DATA, &key(number), value))
        .unwrap()
}

fn remove(db: &Db, number: u32) {
    db.write_durable(Batch::new().remove(DATA, &key(number), b""))
        .unwrap();
}

/// Loads keys as one commit, which also writes `count`.
fn load(db: &Db, numbers: impl Iterator<Item = u32>, value: &[u8]) -> Commit {
    let mut loader = db.loader(DATA);
    let mut count = 0u32;
    for number in numbers {
        loader.add(&key(number), value).unwrap();
        count += 1;
    }
    let adoption = db.adoption(vec![loader.finish().unwrap()]).unwrap();
    let mut writer = db.writer();
    assert!(writer.put(Family::META, b"count", &key(count)).is_ok());
    let commit = writer.commit_adopting(&adoption).unwrap();
    drop(writer);
    adoption.finish().unwrap();
    commit
}

fn keys(db: &Db) -> Vec<u32> {
    let snapshot = db.snapshot();
    let mut found = Vec::new();
    let mut walk = snapshot.iter(DATA, KeyRange::all(), Direction::Forward);
    while let Some((key, ..)) = walk.step().unwrap() {
        found.push(u32::from_be_bytes(key.try_into().unwrap()));
    }
    found
}

fn files(fs: &SimFs) -> usize {
    let names = fs.list(Path::new(DIR)).unwrap();
    names.iter().filter(|name| name.ends_with(".sst")).count()
}

#[test]
fn a_load_is_seen_with_its_commit_and_stays() {
    for sync in [SyncMode::Always, SyncMode::EverySec] {
        let fs = SimFs::new();
        let db = open(&fs, sync);
        put(&db, 5, b"old");
        let before = db.snapshot();
        let commit = load(&db, (10..3_000).step_by(3), b"loaded");
        assert_eq!(before.get(DATA, &key(10)).unwrap(), None);
        assert_eq!(before.commit() + 1, commit);
        let expected: Vec<u32> = [5].into_iter().chain((10..3_000).step_by(3)).collect();
        let check = |db: &Db| {
            assert_eq!(keys(db), expected);
            let snapshot = db.snapshot();
            assert_eq!(snapshot.get(DATA, &key(10)).unwrap().unwrap(), b"loaded");
            assert_eq!(snapshot.version(DATA, &key(10)).unwrap(), Some(commit));
            assert_eq!(snapshot.get(DATA, &key(11)).unwrap(), None);
            let found = snapshot.multi_get(DATA, &[&key(13), &key(14)]).unwrap();
            assert_eq!(
                found.iter().map(Option::is_some).collect::<Vec<_>>(),
                [true, false]
            );
            assert!(db.check(&mut |_, _| {}).unwrap().is_empty());
        };
        check(&db);
        drop(db);
        let db = open(&fs, sync);
        check(&db);
        db.compact().unwrap();
        check(&db);
        drop(db);
        check(&open(&fs, sync));
    }
}

#[test]
fn what_is_dropped_leaves_no_file_and_order_is_kept() {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::Always);
    let mut loader = db.loader(DATA);
    loader.add(&key(3), b"").unwrap();
    assert!(matches!(loader.add(&key(2), b""), Err(Error::Invalid(_))));
    drop(loader);
    let mut loader = db.loader(DATA);
    loader.add(&key(3), b"").unwrap();
    drop(loader.finish().unwrap());
    assert_eq!(files(&fs), 0);
    assert_eq!(keys(&db), []);
}

#[test]
fn what_was_removed_before_does_not_hide_what_is_loaded() {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::Always);
    let kept = db.retain().unwrap();
    put(&db, 7, b"old");
    db.flush().unwrap();
    // The loader's table gets its number before the flush of the remove.
    let mut loader = db.loader(DATA);
    loader.add(&key(7), b"new").unwrap();
    remove(&db, 7);
    db.flush().unwrap();
    let adoption = db.adoption(vec![loader.finish().unwrap()]).unwrap();
    // The flushed remove is still in memory: it is there until the next flush.
    let commit = db.writer().commit_adopting(&adoption).unwrap();
    adoption.finish().unwrap();
    put(&db, 8, b"");
    db.flush().unwrap();
    put(&db, 9, b"");
    db.flush().unwrap();
    let check = |db: &Db| {
        assert_eq!(
            db.snapshot().newest(DATA, &key(7)).unwrap().unwrap().0,
            commit
        );
        assert_eq!(keys(db), [7, 8, 9]);
    };
    check(&db);
    db.release(kept + 1).unwrap();
    db.compact().unwrap();
    check(&db);
    drop(db);
    check(&open(&fs, SyncMode::Always));
}

#[test]
fn the_feed_and_validation_know_of_it() {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::Always);
    put(&db, 1, b"");
    let before = db.snapshot();
    let since = before.commit();
    let commit = load(&db, 10..20, b"");
    put(&db, 30, b"");
    let mut changed = Vec::new();
    let mut note = |change: hyperdb_lsm::Change<'_>| {
        changed.push((
            u32::from_be_bytes(change.key.try_into().unwrap()),
            change.version,
        ));
    };
    db.snapshot().changes_since(since, DATA, &mut note).unwrap();
    changed.sort_unstable();
    changed.dedup();
    let expected: Vec<(u32, Commit)> = (10..20)
        .map(|n| (n, commit))
        .chain([(30, commit + 1)])
        .collect();
    assert_eq!(changed, expected);
    let writer = db.writer();
    let newer = |low: u32, high: u32, since| {
        let range = KeyRange::between(&key(low), &key(high));
        writer
            .range_changed_since(DATA, &range, since)
            .unwrap_or(true)
    };
    assert!(newer(10, 11, since) && newer(19, 25, since));
    assert!(!newer(2, 10, since) && !newer(20, 30, since) && !newer(10, 20, commit));
    assert!(writer.changed_since(DATA, &key(12), since).unwrap_or(false));
}

#[test]
fn a_copy_of_the_store_has_it() {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::Always);
    put(&db, 1, b"");
    load(&db, 10..20, b"");
    db.checkpoint(Path::new("/copy")).unwrap();
    let options = Options {
        memory: 4 << 20,
        ..Options::default()
    };
    let copy = Db::open_in(Arc::new(fs.clone()), Path::new("/copy"), options).unwrap();
    assert_eq!(keys(&copy), keys(&db));
}

#[test]
fn a_crash_leaves_all_of_a_load_or_nothing() {
    for sync in [SyncMode::Always, SyncMode::EverySec] {
        let fs = SimFs::recording();
        let db = open(&fs, sync);
        let opened = fs.changes();
        put(&db, 5, b"");
        load(&db, 100..140, b"first");
        let first = fs.changes();
        put(&db, 6, b"");
        db.flush().unwrap();
        load(&db, 200..260, b"second");
        let second = fs.changes();
        put(&db, 7, b"");
        db.compact().unwrap();
        put(&db, 8, b"");
        drop(db);
        for upto in opened..=fs.changes() {
            let torn = CrashMode::Torn(upto as u64 * 3 + 1);
            for mode in [CrashMode::DropUnsynced, CrashMode::KeepUnsynced, torn] {
                let crashed = fs.crash(upto, mode);
                let db = open(&crashed, sync);
                let found = keys(&db);
                let of =
                    |low: u32, high: u32| found.iter().filter(|n| (low..high).contains(n)).count();
                let (one, other) = (of(100, 140), of(200, 260));
                assert!(
                    (one == 0 && upto < first) || one == 40,
                    "{upto} {mode:?}: {one}"
                );
                assert!(
                    (other == 0 && upto < second) || other == 60,
                    "{upto} {mode:?}: {other}"
                );
                let count = db.snapshot().get(Family::META, b"count").unwrap();
                let expected = [(60, other), (40, one)].into_iter().find(|(_, n)| *n > 0);
                assert_eq!(
                    count,
                    expected.map(|(n, _)| key(n).to_vec()),
                    "{upto} {mode:?}"
                );
                assert!(
                    db.check(&mut |_, _| {}).unwrap().is_empty(),
                    "{upto} {mode:?}"
                );
                // Whatever comes next gets a number of its own, and the tables of the load are not overwritten.
                load(&db, 300..310, b"third");
                put(&db, 9, b"");
                db.compact().unwrap();
                let again = keys(&db);
                drop(db);
                assert_eq!(keys(&open(&crashed, sync)), again, "{upto} {mode:?}");
                assert_eq!(
                    again.len(),
                    found.len() + 10 + usize::from(!found.contains(&9))
                );
            }
        }
    }
}
