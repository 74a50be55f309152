//! Writers, sealing, readers of old frames and callers that keep commits of their own, all at once: whatever a reader gets hold of
//! is a whole frame, and nobody lets go what another one keeps.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use hyperdb_frames::schedule::MonotonicClock;
use hyperdb_frames::verkle::VerkleForest;
use hyperdb_frames::{Error, Frames, Retention, Schedule, Sealer};
use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Family, SyncMode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;
use support::{act, open_with, Act, World};

const RETENTION: Retention = Retention {
    frames: 2,
    bytes: 1 << 20,
};

/// With so little memory that frames go in pieces.
fn frames() -> Arc<Frames> {
    let forest = Box::new(VerkleForest::new(100, 2));
    let (fs, world) = (Arc::new(SimFs::new()), World::default());
    let opened = open_with(fs, SyncMode::Always, RETENTION, 400, &world, forest);
    Arc::new(opened.unwrap())
}

fn write(frames: &Frames, n: u8) {
    let mut turn = frames.store().turn(0);
    act(&mut turn, &Act::Text(n, n, n));
    act(&mut turn, &Act::Field(1, 9, n, n / 6));
    act(&mut turn, &Act::Remove(1, n / 2));
    turn.commit().unwrap();
}

#[test]
fn readers_see_whole_frames_while_the_horizon_moves() {
    let frames = frames();
    let sealer = Sealer::start(
        frames.clone(),
        Schedule::OFF,
        Arc::new(MonotonicClock::new()),
    )
    .unwrap();
    write(&frames, 1);
    sealer.seal().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in (0..=u8::MAX).cycle() {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                write(&frames, n);
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        let readers: Vec<_> = (0..2u64)
            .map(|reader| {
                let (frames, done) = (&frames, &done);
                scope.spawn(move || {
                    let (mut whole, mut behind) = (0, 0);
                    while !done.load(Ordering::Relaxed) {
                        let newest = frames.newest().unwrap().header.number;
                        let asked = newest.saturating_sub(reader).max(1);
                        match frames.audit(Some(asked), &mut |_, _| {}) {
                            Ok(audit) => {
                                assert!(audit.is_sound(), "{:?}", audit.problems());
                                whole += 1;
                            }
                            Err(Error::BehindHorizon {
                                asked: told,
                                oldest,
                            }) => {
                                assert!(told == asked && oldest > asked);
                                behind += 1;
                            }
                            Err(error) => assert!(error.to_string().is_empty(), "{error}"),
                        }
                    }
                    (whole, behind)
                })
            })
            .collect();
        for _ in 0..20 {
            sealer.seal().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        let seen: Vec<_> = readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect();
        assert!(seen.iter().all(|(whole, _)| *whole > 0), "{seen:?}");
    });
    assert!(frames.audit(None, &mut |_, _| {}).unwrap().is_sound());
}

#[test]
fn a_view_outlives_its_frame() {
    let frames = frames();
    write(&frames, 1);
    frames.seal(true).unwrap();
    let view = frames.view(None).unwrap();
    let before: Vec<_> = all(&view.nodes);
    for n in 2..9 {
        write(&frames, n);
        frames.seal(true).unwrap();
        frames.store().db().flush().unwrap();
    }
    frames.store().db().compact().unwrap();
    assert!(matches!(
        frames.view(Some(1)),
        Err(Error::BehindHorizon { .. })
    ));
    assert_eq!(all(&view.nodes), before);
}

fn all(nodes: &hyperdb_lsm::Snapshot) -> Vec<(Vec<u8>, Vec<u8>)> {
    let range = hyperdb_lsm::KeyRange::all();
    let walk = nodes.iter(Family::NODE, range, hyperdb_lsm::Direction::Forward);
    walk.map(Result::unwrap).collect()
}

#[test]
fn what_callers_keep_and_what_frames_keep_are_two_things() {
    let frames = frames();
    let db = frames.store().db();
    let read = |at| db.snapshot_at(at).map(|_| ());
    write(&frames, 1);
    frames.seal(true).unwrap();
    write(&frames, 2);
    db.sync().unwrap();
    let kept = db.retain().unwrap();
    for n in 3..9 {
        write(&frames, n);
        frames.seal(true).unwrap();
    }
    assert!(
        read(kept).is_ok(),
        "the horizon has passed it, but somebody keeps it"
    );
    assert!(frames.newest().unwrap().header.removes_from > kept);
    assert_eq!(db.retained(), [kept]);
    // A caller lets go everything; frames are read as before.
    db.release(u64::MAX).unwrap();
    assert!(read(kept).is_err());
    let newest = frames.newest().unwrap().header;
    for number in newest.horizon..=newest.number {
        assert!(frames
            .audit(Some(number), &mut |_, _| {})
            .unwrap()
            .is_sound());
    }
    // Two frames, and one that goes with the next.
    assert_eq!(db.kept_for_frames().len(), 3);
}
