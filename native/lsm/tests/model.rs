//! The store against sorted maps: every operation, every kind of reader, across reopens, kills and flushes.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use hyperdb_lsm::fs::{CrashMode, SimFs};
use hyperdb_lsm::{Db, Direction, Family, KeyRange, Options, Snapshot, Stop, SyncMode};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Action {
    Put(u8, u16, usize),
    Remove(u8, u16),
    Savepoint,
    Rollback,
    Commit,
    Abandon,
    Scan(u8, u16, u16, bool),
    Snapshot,
    DropSnapshot,
    Retain,
    Release,
    Flush,
    Compact,
    Reopen,
    Kill,
}

fn action() -> impl Strategy<Value = Action> {
    let family = 0u8..3;
    prop_oneof![
        12 => (family.clone(), 0u16..300, 0usize..200).prop_map(|(f, k, v)| Action::Put(f, k, v)),
        1 => (family.clone(), 0u16..300, 2000usize..300_000).prop_map(|(f, k, v)| Action::Put(f, k, v)),
        6 => (family.clone(), 0u16..300).prop_map(|(f, k)| Action::Remove(f, k)),
        3 => Just(Action::Savepoint),
        2 => Just(Action::Rollback),
        6 => Just(Action::Commit),
        1 => Just(Action::Abandon),
        4 => (family, 0u16..300, 0u16..300, any::<bool>()).prop_map(|(f, a, b, r)| Action::Scan(f, a, b, r)),
        2 => Just(Action::Snapshot),
        1 => Just(Action::DropSnapshot),
        1 => Just(Action::Retain),
        1 => Just(Action::Release),
        1 => Just(Action::Flush),
        1 => Just(Action::Compact),
        1 => Just(Action::Reopen),
        1 => Just(Action::Kill),
    ]
}

/// Half of the keys share 16 bytes, so that order by prefix alone would be wrong.
fn key(n: u16) -> Vec<u8> {
    match n % 3 {
        0 => format!("k{n:05}").into_bytes(),
        1 => format!("a long common prefix {:05}", n / 2).into_bytes(),
        _ => vec![0; usize::from(n) % 40],
    }
}

fn value(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 31 + n) as u8).collect()
}

fn step<T>(step: Result<T, Stop>) -> T {
    match step {
        Ok(value) => value,
        Err(stop) => panic!("{stop:?}"),
    }
}

fn range(a: u16, b: u16) -> KeyRange {
    let (a, b) = (key(a), key(b));
    KeyRange {
        start: Bound::Included(a.clone().min(b.clone())),
        end: Bound::Excluded(a.max(b)),
    }
}

fn expected(model: &Model, range: &KeyRange, direction: Direction) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries: Vec<_> = model
        .range::<Vec<u8>, _>((range.start.as_ref(), range.end.as_ref()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    if direction == Direction::Reverse {
        entries.reverse();
    }
    entries
}

fn check_snapshot(snapshot: &Snapshot, models: &[Model; 3]) {
    for (f, model) in models.iter().enumerate() {
        let family = Family(f as u8);
        for direction in [Direction::Forward, Direction::Reverse] {
            let got: Vec<_> = snapshot
                .iter(family, KeyRange::all(), direction)
                .map(Result::unwrap)
                .collect();
            assert_eq!(got, expected(model, &KeyRange::all(), direction));
        }
        let keys: Vec<Vec<u8>> = (0..300).step_by(7).map(key).collect();
        let refs: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let many = snapshot.multi_get(family, &refs).unwrap();
        for (key, value) in keys.iter().zip(many) {
            assert_eq!(value.as_deref(), model.get(key).map(Vec::as_slice));
            assert_eq!(snapshot.get(family, key).unwrap().as_ref(), model.get(key));
        }
    }
}

fn options(sync: SyncMode) -> Options {
    Options {
        sync,
        memory: 4 << 20,
        create: true,
    }
}

fn run(actions: Vec<Action>, sync: SyncMode) {
    let dir = Path::new("/db");
    let mut fs = SimFs::new();
    let mut db = Db::open_in(Arc::new(fs.clone()), dir, options(sync)).unwrap();
    let mut committed: [Model; 3] = Default::default();
    let mut snapshots: Vec<(Snapshot, [Model; 3])> = Vec::new();
    let mut sealed: Vec<(u64, [Model; 3])> = Vec::new();
    let mut actions = actions.into_iter().peekable();
    while actions.peek().is_some() {
        let mut now = committed.clone();
        let mut marked = committed.clone();
        let mut writer = db.writer();
        for action in actions.by_ref() {
            match action {
                Action::Put(f, k, v) => {
                    let (key, value) = (key(k), value(v));
                    let family = Family(f);
                    if step(writer.get(family, &key)).is_none() {
                        step(writer.insert(family, &key, &value));
                    } else {
                        step(writer.put(family, &key, &value));
                    }
                    now[usize::from(f)].insert(key, value);
                }
                Action::Remove(f, k) => {
                    step(writer.remove(Family(f), &key(k), b"note"));
                    now[usize::from(f)].remove(&key(k));
                }
                Action::Savepoint => {
                    writer.savepoint();
                    marked = now.clone();
                }
                Action::Rollback => {
                    writer.rollback();
                    now = marked.clone();
                }
                Action::Commit => {
                    writer.commit().unwrap();
                    committed = now.clone();
                    marked = now.clone();
                }
                Action::Scan(f, a, b, reverse) => {
                    let direction = if reverse {
                        Direction::Reverse
                    } else {
                        Direction::Forward
                    };
                    let range = range(a, b);
                    let mut got = Vec::new();
                    let mut scan = writer.scan(Family(f), &range, direction);
                    while let Some((key, value)) = step(scan.next()) {
                        got.push((key.to_vec(), value.to_vec()));
                    }
                    let model = &now[usize::from(f)];
                    assert_eq!(got, expected(model, &range, direction));
                    for (key, value) in model.range(key(a)..).take(3) {
                        assert_eq!(&*step(writer.get(Family(f), key)).unwrap(), &value[..]);
                    }
                }
                Action::Abandon => break,
                other => {
                    drop(writer);
                    outside(
                        other,
                        &mut db,
                        &mut fs,
                        sync,
                        &committed,
                        &mut snapshots,
                        &mut sealed,
                    );
                    writer = db.writer();
                    now = committed.clone();
                    marked = committed.clone();
                }
            }
        }
    }
    db.wait_durable(db.latest()).unwrap();
    check_snapshot(&db.snapshot(), &committed);
    let problems = db.check(&mut |_, _| {}).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
}

/// What is done without holding the writer.
fn outside(
    action: Action,
    db: &mut Db,
    fs: &mut SimFs,
    sync: SyncMode,
    committed: &[Model; 3],
    snapshots: &mut Vec<(Snapshot, [Model; 3])>,
    sealed: &mut Vec<(u64, [Model; 3])>,
) {
    let dir = Path::new("/db");
    db.wait_durable(db.latest()).unwrap();
    match action {
        Action::Snapshot => snapshots.push((db.snapshot(), committed.clone())),
        Action::DropSnapshot => {
            if let Some((snapshot, models)) = snapshots.pop() {
                check_snapshot(&snapshot, &models);
            }
        }
        Action::Retain => sealed.push((db.retain().unwrap(), committed.clone())),
        Action::Release => {
            if let Some(at) = sealed.iter().map(|(at, _)| *at).min() {
                db.release(at + 1).unwrap();
                sealed.retain(|(commit, _)| *commit > at);
            }
        }
        Action::Flush => db.flush().unwrap(),
        Action::Compact => db.compact().unwrap(),
        Action::Reopen => {
            snapshots.clear();
            db.close().unwrap();
            *db = Db::open_in(Arc::new(fs.clone()), dir, options(sync)).unwrap();
        }
        Action::Kill => {
            // The old process goes on running on the old disk; a crash keeps what was written there.
            snapshots.clear();
            let copy = fs.copy();
            *db = Db::open_in(Arc::new(copy.clone()), dir, options(sync)).unwrap();
            *fs = copy;
        }
        _ => {}
    }
    for (commit, models) in sealed.iter() {
        check_snapshot(&db.snapshot_at(*commit).unwrap(), models);
    }
    check_snapshot(&db.snapshot(), committed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_sorted_maps_synced_always(actions in proptest::collection::vec(action(), 1..200)) {
        run(actions, SyncMode::Always);
    }

    #[test]
    fn agrees_with_sorted_maps_synced_each_second(actions in proptest::collection::vec(action(), 1..200)) {
        run(actions, SyncMode::EverySec);
    }
}

#[test]
fn an_acknowledged_commit_survives_any_crash() {
    let dir = Path::new("/db");
    let fs = SimFs::recording();
    let db = Db::open_in(Arc::new(fs.clone()), dir, options(SyncMode::Always)).unwrap();
    let opened = fs.changes();
    let mut acknowledged = vec![(opened, 0u64)];
    for n in 1..=12u64 {
        let mut writer = db.writer();
        for k in 0..3u64 {
            let key = (k * 7 + n).to_be_bytes();
            step(writer.put(Family::DATA, &key, &n.to_be_bytes()));
        }
        step(writer.put(Family::META, b"last", &n.to_be_bytes()));
        let commit = writer.commit().unwrap();
        drop(writer);
        db.wait_durable(commit).unwrap();
        acknowledged.push((fs.changes(), n));
        if n == 5 || n == 9 {
            db.flush().unwrap();
        }
    }
    let end = fs.changes();
    for upto in opened..=end {
        let least = acknowledged
            .iter()
            .rev()
            .find(|(at, _)| *at <= upto)
            .map_or(0, |(_, n)| *n);
        let modes = [
            CrashMode::DropUnsynced,
            CrashMode::KeepUnsynced,
            CrashMode::Torn(upto as u64 * 3 + 1),
            CrashMode::Torn(upto as u64 * 3 + 2),
        ];
        for mode in modes {
            let crashed = fs.crash(upto, mode);
            let db = Db::open_in(Arc::new(crashed), dir, options(SyncMode::Always))
                .unwrap_or_else(|e| panic!("crash at {upto}, {mode:?}: {e}"));
            let snapshot = db.snapshot();
            let last = snapshot.get(Family::META, b"last").unwrap();
            let last = last.map_or(0, |v| u64::from_be_bytes(v.try_into().unwrap()));
            assert!(last >= least, "crash at {upto}, {mode:?}: {last} < {least}");
            if last > 0 {
                // The commit is there whole.
                for k in 0..3u64 {
                    let key = (k * 7 + last).to_be_bytes();
                    let value = snapshot.get(Family::DATA, &key).unwrap().unwrap();
                    assert_eq!(value, last.to_be_bytes());
                }
            }
        }
    }
}
