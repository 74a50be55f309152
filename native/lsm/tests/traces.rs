//! What leaves no trace: values that nobody could see, and older values of a hot key.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Batch, Db, Direction, Family, KeyRange, Options, SyncMode, Writer};
use std::path::Path;
use std::sync::Arc;

const DATA: Family = Family::DATA;

fn open(fs: &SimFs, sync: SyncMode) -> Db {
    let options = Options {
        sync,
        memory: 8 << 20,
        create: true,
    };
    Db::open_in(Arc::new(fs.clone()), Path::new("/db"), options).unwrap()
}

fn put(db: &Db, value: &[u8]) {
    db.write(Batch::new().put(DATA, b"hot", value)).unwrap();
}

fn stat(db: &Db, name: &str) -> u64 {
    let rows = db.stats().rows;
    rows.iter().find(|row| row.0 == name).unwrap().1
}

#[test]
fn what_came_and_went_unseen_leaves_no_trace() {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::EverySec);
    for n in 0..500u32 {
        db.write(Batch::new().insert(DATA, &n.to_be_bytes(), b"value"))
            .unwrap();
        db.write(Batch::new().remove(DATA, &n.to_be_bytes(), &[]))
            .unwrap();
    }
    assert_eq!(stat(&db, "memtable_keys"), 0);
    // A snapshot between the two sees the first, so the second must stay.
    db.write(Batch::new().insert(DATA, b"seen", b"value"))
        .unwrap();
    let between = db.snapshot();
    db.write(Batch::new().remove(DATA, b"seen", &[])).unwrap();
    assert_eq!(between.get(DATA, b"seen").unwrap().unwrap(), b"value");
    assert_eq!(db.snapshot().get(DATA, b"seen").unwrap(), None);
    drop(between);
    // The log knows both, so a kill changes nothing.
    let killed = open(&fs.copy(), SyncMode::EverySec);
    let all = KeyRange::all();
    let left = killed.snapshot().iter(DATA, all, Direction::Forward);
    assert_eq!(left.count(), 0);
    db.flush().unwrap();
    assert_eq!(stat(&db, "tables"), 0, "nothing of it reached a table");
}

#[test]
fn a_hot_key_takes_one_slot_however_often_it_is_written() {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::EverySec);
    put(&db, &[1; 60]);
    let bytes = stat(&db, "memtable_bytes");
    for n in 0..2000u32 {
        put(&db, &[n as u8; 60]);
    }
    assert_eq!(stat(&db, "memtable_bytes"), bytes);
}

#[test]
fn a_remove_that_a_kept_commit_has_seen_is_found_again_after_a_flush() {
    let db = Db::open_in(Arc::new(SimFs::new()), Path::new("/db"), Options::default()).unwrap();
    let commit = |change: &dyn Fn(&mut Writer<'_>)| {
        let mut writer = db.writer();
        change(&mut writer);
        let commit = writer.commit().unwrap();
        drop(writer);
        db.wait_durable(commit).unwrap();
        commit
    };
    commit(&|writer| writer.insert(Family::DATA, b"key", b"value").unwrap());
    let pinned = db.snapshot();
    let removed = commit(&|writer| writer.remove(Family::DATA, b"key", b"note").unwrap());
    let kept = db.retain().unwrap();
    drop(pinned);
    let version = || {
        db.snapshot_at(kept)
            .unwrap()
            .version(Family::DATA, b"key")
            .unwrap()
    };
    assert_eq!(version(), Some(removed));
    db.flush().unwrap();
    commit(&|writer| writer.put(Family::DATA, b"other", b"").unwrap());
    db.flush().unwrap();
    assert_eq!(version(), Some(removed));
}

#[test]
fn what_left_no_trace_leaves_none_after_a_restart() {
    let fs = SimFs::new();
    let version = {
        let db = open(&fs, SyncMode::EverySec);
        put(&db, b"old");
        db.retain().unwrap();
        let mut writer = db.writer();
        writer.insert(DATA, b"brief", b"value").unwrap();
        writer.commit().unwrap();
        writer.remove(DATA, b"brief", b"note").unwrap();
        writer.commit().unwrap();
        drop(writer);
        put(&db, b"new");
        // A point above the remove, which was not there when the remove was made.
        db.retain().unwrap();
        let version = db.snapshot().version(DATA, b"brief").unwrap();
        db.close().unwrap();
        version
    };
    assert_eq!(version, None);
    let db = open(&fs, SyncMode::EverySec);
    assert_eq!(db.snapshot().version(DATA, b"brief").unwrap(), version);
}
