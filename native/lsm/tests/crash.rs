//! Crash enumeration: a load runs on a disk that records every change; then the power is cut after each of
//! them, unsynced writes are lost, kept or torn, and the store is opened on what is left.
//!
//! Every acknowledged commit must be there, every other whole or not at all, and every retained commit must
//! read as it did. Source of the method: crash enumeration as in ALICE (Pillai et al., OSDI 2014).
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod harness;

use harness::{assert_recovered, changes, commit, content, open, torture, Dice, History};
use hyperdb_lsm::fs::{CrashMode, FileSystem, SimFs};
use hyperdb_lsm::{Commit, SyncMode};
use std::sync::Arc;

/// What was promised once the disk had recorded so many changes.
#[derive(Clone, Debug)]
enum Promise {
    Durable(Commit),
    Retained(Commit),
    Released(Commit),
}

struct Recording {
    disk: SimFs,
    history: History,
    promises: Vec<(usize, Promise)>,
    /// A release takes effect somewhere between its call and its return.
    releasing: Vec<(usize, Commit)>,
}

fn record(seed: u64, sync: SyncMode, commits: u64) -> Recording {
    let disk = SimFs::recording();
    let fs: Arc<dyn FileSystem> = Arc::new(disk.clone());
    let mut dice = Dice::new(seed);
    let mut history = History::new();
    let (mut promises, mut releasing) = (Vec::new(), Vec::new());
    let mut db = open(&fs, sync).unwrap();
    for number in 1..=commits {
        let batch = changes(&mut dice, number);
        let made = commit(&db, &batch).unwrap();
        history.push(made, &batch);
        if sync == SyncMode::EverySec {
            if dice.roll(4) == 0 {
                db.sync().unwrap();
                promises.push((disk.changes(), Promise::Durable(made)));
            }
        } else if dice.roll(3) > 0 {
            db.wait_durable(made).unwrap();
            promises.push((disk.changes(), Promise::Durable(made)));
        }
        match dice.roll(14) {
            0 => db.flush().unwrap(),
            1 => db.compact().unwrap(),
            2 => {
                let kept = db.retain().unwrap();
                promises.push((disk.changes(), Promise::Retained(kept)));
            }
            3 => {
                releasing.push((disk.changes(), made));
                db.release(made).unwrap();
                promises.push((disk.changes(), Promise::Released(made)));
            }
            4 => {
                db.close().unwrap();
                drop(db);
                promises.push((disk.changes(), Promise::Durable(made)));
                db = open(&fs, sync).unwrap();
            }
            _ => {}
        }
    }
    drop(db);
    promises.push((disk.changes(), Promise::Durable(history.last())));
    Recording {
        disk,
        history,
        promises,
        releasing,
    }
}

impl Recording {
    /// The newest commit that was acknowledged, and the commits that must be retained, after `upto` changes.
    fn promised(&self, upto: usize) -> (Commit, Vec<Commit>) {
        let (mut durable, mut retained) = (0, Vec::new());
        for (_, promise) in self.promises.iter().filter(|(at, _)| *at <= upto) {
            match promise {
                Promise::Durable(commit) => durable = durable.max(*commit),
                Promise::Retained(commit) => {
                    durable = durable.max(*commit);
                    retained.push(*commit);
                }
                Promise::Released(below) => retained.retain(|commit| commit >= below),
            }
        }
        for (_, below) in self.releasing.iter().filter(|(at, _)| *at <= upto) {
            retained.retain(|commit| commit >= below);
        }
        (durable, retained)
    }

    fn crash_and_check(
        &self,
        upto: usize,
        mode: CrashMode,
        sync: SyncMode,
        context: &str,
    ) -> SimFs {
        let context = format!(
            "{context}, crash after {upto} of {} changes, {mode:?}",
            self.disk.changes()
        );
        let crashed = self.disk.crash(upto, mode);
        let fs: Arc<dyn FileSystem> = Arc::new(crashed.clone());
        let (durable, retained) = self.promised(upto);
        let db = open(&fs, sync).unwrap_or_else(|error| panic!("{context}: {error}"));
        let latest = assert_recovered(&db, &self.history, durable, &context);
        for commit in retained {
            let snapshot = db
                .snapshot_at(commit)
                .unwrap_or_else(|error| panic!("{context}: {error}"));
            let got = content(&snapshot).unwrap();
            assert!(
                got == self.history.states[&commit],
                "{context}: retained commit {commit} reads otherwise now"
            );
        }
        // And life goes on: what is written now survives another stop.
        let mut history = self.history.clone();
        history.truncate(latest);
        let batch = changes(&mut Dice::new(upto as u64), 1_000_000);
        let made = commit(&db, &batch).unwrap_or_else(|error| panic!("{context}: {error}"));
        history.push(made, &batch);
        db.wait_durable(made).unwrap();
        db.sync().unwrap();
        let again = crashed.crash(crashed.changes(), CrashMode::DropUnsynced);
        drop(db);
        let fs: Arc<dyn FileSystem> = Arc::new(again);
        let db = open(&fs, sync).unwrap_or_else(|error| panic!("{context}, again: {error}"));
        assert_recovered(&db, &history, made, &format!("{context}, again"));
        crashed
    }
}

fn enumerate(seed: u64, sync: SyncMode, commits: u64, step: usize) {
    let recording = record(seed, sync, commits);
    let context = format!("seed {seed}, {sync:?}");
    let total = recording.disk.changes();
    for upto in
        (0..=total).filter(|upto| (upto + seed as usize).is_multiple_of(step) || *upto == total)
    {
        for mode in [
            CrashMode::DropUnsynced,
            CrashMode::KeepUnsynced,
            CrashMode::Torn(seed * 7919 + upto as u64),
        ] {
            recording.crash_and_check(upto, mode, sync, &context);
        }
    }
}

#[test]
fn acknowledged_commits_survive_a_crash_after_any_change_when_synced_always() {
    if torture() {
        (0..60).for_each(|seed| enumerate(seed, SyncMode::Always, 60, 1));
    } else {
        (0..4).for_each(|seed| enumerate(seed, SyncMode::Always, 40, 5));
    }
}

#[test]
fn synced_commits_survive_a_crash_after_any_change_when_synced_each_second() {
    if torture() {
        (100..160).for_each(|seed| enumerate(seed, SyncMode::EverySec, 60, 1));
    } else {
        (100..104).for_each(|seed| enumerate(seed, SyncMode::EverySec, 40, 5));
    }
}

/// A crash during the recovery from a crash.
#[test]
fn recovery_can_be_interrupted_anywhere() {
    let (seeds, step) = if torture() {
        (200..230, 5)
    } else {
        (200..203, 23)
    };
    for seed in seeds {
        let recording = record(seed, SyncMode::Always, 40);
        for upto in (0..recording.disk.changes()).step_by(step) {
            let context = format!("seed {seed}, crash after {upto}");
            let (durable, _) = recording.promised(upto);
            let crashed = recording
                .disk
                .crash(upto, CrashMode::Torn(seed + upto as u64));
            let fs: Arc<dyn FileSystem> = Arc::new(crashed.clone());
            drop(open(&fs, SyncMode::Always).unwrap_or_else(|error| panic!("{context}: {error}")));
            for second in 0..=crashed.changes() {
                for mode in [
                    CrashMode::DropUnsynced,
                    CrashMode::Torn(seed ^ second as u64),
                ] {
                    let again: Arc<dyn FileSystem> = Arc::new(crashed.crash(second, mode));
                    let context = format!("{context}, then after {second} of recovery, {mode:?}");
                    let db = open(&again, SyncMode::Always)
                        .unwrap_or_else(|error| panic!("{context}: {error}"));
                    assert_recovered(&db, &recording.history, durable, &context);
                }
            }
        }
    }
}

/// Removing a segment is not synced; the disk may forget the removal of an older one and keep that of a newer.
#[test]
fn a_segment_whose_removal_was_forgotten_does_no_harm() {
    let disk = SimFs::new();
    let fs: Arc<dyn FileSystem> = Arc::new(disk.clone());
    let dir = std::path::Path::new(harness::DIR);
    let db = open(&fs, SyncMode::Always).unwrap();
    let (mut history, mut dice) = (History::new(), Dice::new(9));
    let mut write = |db: &hyperdb_lsm::Db, history: &mut History| {
        let batch = changes(&mut dice, history.last() + 1);
        let made = commit(db, &batch).unwrap();
        db.wait_durable(made).unwrap();
        history.push(made, &batch);
    };
    for _ in 0..5 {
        write(&db, &mut history);
    }
    let name = fs
        .list(dir)
        .unwrap()
        .into_iter()
        .find(|name| name.ends_with(".wal"))
        .unwrap();
    let old = fs.read_all(&dir.join(&name)).unwrap();
    db.flush().unwrap();
    assert!(
        !fs.exists(&dir.join(&name)).unwrap(),
        "the flushed segment is still there"
    );
    write(&db, &mut history);
    db.flush().unwrap();
    write(&db, &mut history);
    drop(db);
    fs.create(&dir.join(&name)).unwrap().append(&old).unwrap();
    let db = open(&fs, SyncMode::Always).unwrap();
    assert_recovered(&db, &history, history.last(), "with an old segment");
    write(&db, &mut history);
    drop(db);
    let db = open(&fs, SyncMode::Always).unwrap();
    assert_recovered(&db, &history, history.last(), "after another stop");
}
