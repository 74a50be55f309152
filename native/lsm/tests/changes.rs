//! The feed of changes against a walk over everything, whatever was flushed, merged, reopened or written meanwhile.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Commit, Db, Direction, Family, KeyRange, Op, Options, Snapshot};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// By key: version, whether it is there, value or note.
type Newest = BTreeMap<Vec<u8>, (Commit, bool, Vec<u8>)>;

fn scanned(snapshot: &Snapshot, since: Commit) -> Newest {
    let mut entries = snapshot.entries(Family::DATA, KeyRange::all(), Direction::Forward);
    let mut newest = Newest::new();
    while let Some(entry) = entries.step().unwrap() {
        if entry.version > since {
            let row = (entry.version, entry.op == Op::Add, entry.value.to_vec());
            newest.insert(entry.key.to_vec(), row);
        }
    }
    newest
}

fn fed(snapshot: &Snapshot, since: Commit) -> Newest {
    let mut newest = Newest::new();
    snapshot
        .changes_since(since, Family::DATA, &mut |change| {
            assert!(change.version > since && change.version <= snapshot.commit());
            let row = (change.version, change.op == Op::Add, change.value.to_vec());
            let known = newest.entry(change.key.to_vec()).or_insert(row.clone());
            if known.0 < row.0 {
                *known = row;
            }
        })
        .unwrap();
    newest
}

#[derive(Clone, Debug)]
enum Act {
    Write(Vec<(u8, u8)>),
    Retain,
    Look,
    Flush,
    Compact,
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => proptest::collection::vec((0u8..20, 0u8..6), 1..8).prop_map(Act::Write),
        3 => Just(Act::Retain),
        3 => Just(Act::Look),
        2 => Just(Act::Flush),
        1 => Just(Act::Compact),
        1 => Just(Act::Reopen),
    ]
}

/// Writes one commit; an insert only of what is absent, as its contract says.
fn write(db: &Db, changes: &[(u8, u8)]) {
    let mut writer = db.writer();
    for (key, what) in changes {
        let key = [*key];
        let there = writer.get(Family::DATA, &key).unwrap().is_some();
        match what {
            0 | 1 if there => writer.remove(Family::DATA, &key, b"note").unwrap(),
            2 => {
                // Taken back: a trace of it must not come out.
                let mark = writer.mark();
                writer.put(Family::DATA, &[*what, key[0]], b"gone").unwrap();
                writer.rollback_to(mark);
            }
            _ if there => writer.put(Family::DATA, &key, &[*what; 9]).unwrap(),
            _ => writer.insert(Family::DATA, &key, &[*what; 3]).unwrap(),
        }
    }
    let commit = writer.commit().unwrap();
    drop(writer);
    db.wait_durable(commit).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_feed_tells_what_a_scan_finds(acts in proptest::collection::vec(act(), 1..60)) {
        let fs = Arc::new(SimFs::new());
        let open = || Db::open_in(fs.clone(), Path::new("/db"), Options::default()).unwrap();
        let mut db = open();
        let mut looks: Vec<(Snapshot, Vec<Commit>)> = Vec::new();
        let compare = |looks: &[(Snapshot, Vec<Commit>)]| {
            for (snapshot, points) in looks {
                for since in points.iter().chain([&0]) {
                    let (scan, feed) = (scanned(snapshot, *since), fed(snapshot, *since));
                    // A remove that no point sees the like of may leave no trace in one of the two.
                    assert_eq!(&feed, &scan, "since {} at {}", since, snapshot.commit());
                }
            }
        };
        for act in acts {
            match act {
                Act::Write(changes) => write(&db, &changes),
                Act::Retain => drop(db.retain().unwrap()),
                Act::Look => {
                    let snapshot = db.snapshot();
                    let points = db.retained();
                    compare(&[(snapshot.clone(), points.clone())]);
                    looks.push((snapshot, points));
                }
                Act::Flush => db.flush().unwrap(),
                Act::Compact => db.compact().unwrap(),
                Act::Reopen => {
                    compare(&looks);
                    looks.clear();
                    db.close().unwrap();
                    db = open();
                }
            }
        }
        compare(&looks);
    }
}

#[test]
fn a_writer_at_work_hides_nothing_from_the_feed() {
    let fs = Arc::new(SimFs::new());
    let options = Options {
        memory: 4 << 20,
        ..Options::default()
    };
    let db = Db::open_in(fs, Path::new("/db"), options).unwrap();
    let fill = |round: u32| {
        let mut writer = db.writer();
        for n in (0..3000u32).filter(|n| !(n + round).is_multiple_of(3)) {
            let key = n.to_be_bytes();
            if (n + round).is_multiple_of(7) {
                writer.remove(Family::DATA, &key, b"").unwrap();
            } else {
                writer.put(Family::DATA, &key, &[round as u8; 40]).unwrap();
            }
        }
        let commit = writer.commit().unwrap();
        drop(writer);
        db.wait_durable(commit).unwrap();
    };
    fill(0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 1;
            while !stop.load(Ordering::Relaxed) {
                fill(round);
                round += 1;
            }
        });
        let mut since = db.retain().unwrap();
        for _ in 0..12 {
            let commit = db.retain().unwrap();
            let snapshot = db.snapshot_at(commit).unwrap();
            let feed = fed(&snapshot, since);
            assert_eq!(feed, scanned(&snapshot, since));
            since = commit;
        }
        stop.store(true, Ordering::Relaxed);
    });
}
