//! A file system that fails at every Nth call, and a disk that fills up.
//!
//! Whatever fails: acknowledged commits survive, nothing is acknowledged after a sync of the log failed, a commit that
//! was refused leaves no trace, reads go on, and where there was only no room, writing goes on once there is.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod harness;

use harness::{assert_recovered, changes, commit, content, open, torture, Dice, History, DIR};
use hyperdb_lsm::fs::{CrashMode, Fault, FaultFs, FaultKind, FileSystem, SimFs};
use hyperdb_lsm::{Commit, Error, SyncMode};
use std::path::Path;
use std::sync::Arc;

/// What a load under faults left behind.
struct Aftermath {
    history: History,
    acknowledged: Commit,
    fired: bool,
}

/// Runs a load of `commits`, with `fault` planned once the store is open.
fn suffer(disk: &SimFs, seed: u64, sync: SyncMode, commits: u64, fault: Fault) -> Aftermath {
    let faults = FaultFs::new(Arc::new(disk.clone()));
    let fs: Arc<dyn FileSystem> = Arc::new(faults.clone());
    let mut dice = Dice::new(seed);
    let mut history = History::new();
    let mut acknowledged = 0;
    let mut poisoned = false;
    let db = open(&fs, sync).unwrap();
    faults.fail(fault);
    for number in 1..=commits {
        let batch = changes(&mut dice, number);
        match commit(&db, &batch) {
            Ok(made) => {
                assert!(
                    !poisoned,
                    "a commit was accepted after the store was poisoned"
                );
                history.push(made, &batch);
                let durable = if sync == SyncMode::EverySec && dice.roll(3) == 0 {
                    db.sync()
                } else {
                    db.wait_durable(made)
                };
                match durable {
                    Ok(()) if sync == SyncMode::Always => acknowledged = made,
                    Ok(()) => {}
                    Err(error) => {
                        assert!(matches!(error, Error::Poisoned { .. }), "{error}");
                        poisoned = true;
                    }
                }
            }
            Err(error) => {
                let expected = matches!(
                    error,
                    Error::Poisoned { .. } | Error::NoSpace | Error::Io { .. }
                );
                assert!(expected, "{error}");
                poisoned |= matches!(error, Error::Poisoned { .. });
            }
        }
        // Reads go on, at a commit that was made, whole.
        let snapshot = db.snapshot();
        let seen = content(&snapshot).unwrap();
        assert!(
            seen == history.states[&snapshot.commit()],
            "reads at commit {} see something else",
            snapshot.commit()
        );
        match dice.roll(10) {
            0 => drop(db.flush()),
            1 => drop(db.retain()),
            2 => drop(db.release(history.last())),
            _ => {}
        }
    }
    let fired = faults.fired();
    // Whether closing succeeded is said by the error; either way what was acknowledged must be there.
    if db.close().is_ok() && !poisoned {
        acknowledged = history.last();
    }
    drop(db);
    Aftermath {
        history,
        acknowledged,
        fired,
    }
}

fn every_call(
    kind: FaultKind,
    sync: SyncMode,
    seeds: std::ops::Range<u64>,
    commits: u64,
    step: u64,
) {
    for seed in seeds {
        for sticky in [false, true] {
            let mut at = 1 + seed % step;
            loop {
                let context =
                    format!("seed {seed}, {sync:?}, {kind:?} at call {at}, sticky {sticky}");
                let disk = SimFs::recording();
                let after = suffer(&disk, seed, sync, commits, Fault { at, kind, sticky });
                for mode in [
                    CrashMode::KeepUnsynced,
                    CrashMode::DropUnsynced,
                    CrashMode::Torn(seed + at),
                ] {
                    let left: Arc<dyn FileSystem> = Arc::new(disk.crash(disk.changes(), mode));
                    let db = open(&left, sync)
                        .unwrap_or_else(|error| panic!("{context}, {mode:?}: {error}"));
                    assert_recovered(
                        &db,
                        &after.history,
                        after.acknowledged,
                        &format!("{context}, {mode:?}"),
                    );
                }
                if !after.fired {
                    break;
                }
                at += step;
            }
        }
    }
}

fn sweep(kind: FaultKind, sync: SyncMode) {
    if torture() {
        every_call(kind, sync, 0..12, 40, 1);
    } else {
        every_call(kind, sync, 0..3, 24, 4);
    }
}

#[test]
fn an_input_output_error_at_any_call_loses_nothing_acknowledged() {
    sweep(FaultKind::Io, SyncMode::Always);
    sweep(FaultKind::Io, SyncMode::EverySec);
}

#[test]
fn a_short_write_at_any_call_loses_nothing_acknowledged() {
    sweep(FaultKind::ShortWrite, SyncMode::Always);
    sweep(FaultKind::ShortWrite, SyncMode::EverySec);
}

#[test]
fn a_failed_sync_is_followed_by_no_acknowledgement() {
    sweep(FaultKind::Sync, SyncMode::Always);
    sweep(FaultKind::Sync, SyncMode::EverySec);
}

#[test]
fn no_room_at_any_call_loses_nothing_acknowledged() {
    sweep(FaultKind::NoSpace, SyncMode::Always);
    sweep(FaultKind::NoSpace, SyncMode::EverySec);
}

/// Fills the disk to every fullness: refused is refused, and with room writing goes on in the same store.
#[test]
fn a_full_disk_refuses_writes_and_recovers_when_there_is_room() {
    let step = if torture() { 4_000 } else { 150_000 };
    for sync in [SyncMode::Always, SyncMode::EverySec] {
        for room in (300_000..1_500_000u64).step_by(step) {
            let context = format!("room for {room} bytes, {sync:?}");
            let disk = SimFs::new();
            let fs: Arc<dyn FileSystem> = Arc::new(disk.clone());
            let db = open(&fs, sync).unwrap();
            disk.set_room(Some(room));
            let (mut dice, mut noise, mut history) =
                (Dice::new(room), Dice::new(room + 1), History::new());
            let mut refused = 0;
            for number in 1..400u64 {
                let mut batch = changes(&mut dice, number);
                batch.push((
                    hyperdb_lsm::Family::DATA,
                    format!("bulk {number}").into_bytes(),
                    Some((0..8000).map(|_| noise.roll(256) as u8).collect()),
                ));
                match commit(&db, &batch) {
                    Ok(made) => history.push(made, &batch),
                    Err(Error::NoSpace) => refused += 1,
                    Err(error) => panic!("{context}: {error}"),
                }
                if refused > 20 {
                    break;
                }
            }
            assert!(refused > 0, "{context}: the disk never was full");
            let snapshot = db.snapshot();
            let seen = content(&snapshot).unwrap();
            assert!(
                seen == history.states[&snapshot.commit()],
                "{context}: reads see something else"
            );
            drop(snapshot);
            disk.set_room(None);
            let batch = changes(&mut dice, 1_000);
            // Work that failed is tried again after a moment; until then writes may still be refused.
            let made = (0..200)
                .find_map(|_| match commit(&db, &batch) {
                    Ok(made) => Some(made),
                    Err(Error::NoSpace) => {
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        None
                    }
                    Err(error) => panic!("{context}: {error}"),
                })
                .unwrap_or_else(|| panic!("{context}: writes are refused though there is room"));
            history.push(made, &batch);
            db.wait_durable(made).unwrap();
            // What was begun before there was room may still tell of it.
            let patiently = |work: &dyn Fn() -> hyperdb_lsm::Result<()>| {
                let done = (0..200).any(|_| match work() {
                    Ok(()) => true,
                    Err(Error::NoSpace) => {
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        false
                    }
                    Err(error) => panic!("{context}: {error}"),
                });
                assert!(done, "{context}: no work is done though there is room");
            };
            patiently(&|| db.flush());
            patiently(&|| db.compact());
            assert_recovered(&db, &history, made, &context);
            db.close().unwrap();
            drop(db);
            let db = open(&fs, sync).unwrap();
            assert_recovered(&db, &history, made, &context);
            db.close().unwrap();
            let places = fs
                .list(Path::new(DIR))
                .unwrap()
                .into_iter()
                .filter(|name| name.ends_with(".sst"))
                .count();
            let tables = db
                .stats()
                .rows
                .iter()
                .find(|(name, _)| *name == "tables")
                .map(|(_, n)| *n as usize);
            assert!(
                tables.is_none_or(|tables| tables == places),
                "{context}: {places} table files, {tables:?} tables"
            );
        }
    }
}

/// A flush or compaction that fails over and over must not fill the disk with what it began.
#[test]
fn work_that_keeps_failing_leaves_no_files_behind() {
    let disk = SimFs::new();
    let fs: Arc<dyn FileSystem> = Arc::new(disk.clone());
    let db = open(&fs, SyncMode::Always).unwrap();
    let mut dice = Dice::new(4);
    let dir = Path::new(DIR);
    let used = || -> u64 {
        let names = disk.list(dir).unwrap();
        let open = names
            .iter()
            .filter_map(|name| disk.open_read(&dir.join(name)).ok());
        open.map(|file| file.len().unwrap()).sum()
    };
    // With a little more room each time, so that it ends at another place of the work.
    for round in 1..40u64 {
        for number in 0..10 {
            let made = commit(&db, &changes(&mut dice, round * 10 + number)).unwrap();
            db.wait_durable(made).unwrap();
        }
        disk.set_room(Some(used() + round * 250));
        for _ in 0..3 {
            let _ = db.flush();
        }
        disk.set_room(None);
        db.flush().unwrap();
        db.compact().unwrap();
        let names = disk.list(dir).unwrap();
        let files = names.iter().filter(|name| name.ends_with(".sst")).count();
        let stats = db.stats().rows;
        let tables = stats.iter().find(|(name, _)| *name == "tables");
        assert_eq!(
            Some(files as u64),
            tables.map(|(_, n)| *n),
            "files and tables in round {round}"
        );
    }
}

/// Whoever waits for a compaction is told that it cannot be done.
#[test]
fn a_compaction_that_fails_is_reported_to_who_asked_for_it() {
    let disk = SimFs::new();
    let fs: Arc<dyn FileSystem> = Arc::new(disk.clone());
    let db = open(&fs, SyncMode::Always).unwrap();
    let mut dice = Dice::new(6);
    for number in 1..40 {
        commit(&db, &changes(&mut dice, number)).unwrap();
        db.flush().unwrap();
    }
    db.compact().unwrap();
    // A damaged input: the name of the file comes back, again and again, and reads of other blocks go on.
    let dir = Path::new(DIR);
    for name in disk
        .list(dir)
        .unwrap()
        .iter()
        .filter(|name| name.ends_with(".sst"))
    {
        disk.flip_bit(&dir.join(name), 99);
    }
    let failure = (40..120).find_map(|number| {
        commit(&db, &changes(&mut dice, number)).unwrap();
        db.compact().err()
    });
    assert!(
        matches!(failure, Some(Error::Corrupt { offset: 0, .. })),
        "{failure:?}"
    );
    let findings = db.check(&mut |_, _| {}).unwrap();
    assert!(findings
        .iter()
        .any(|finding| matches!(finding, Error::Corrupt { .. })));
}
