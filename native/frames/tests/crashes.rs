//! A crash at any file operation around seals: what comes up has a newest frame whose trees match the data at its
//! commit, goes on from there, and can be audited.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use hyperdb_frames::{Frames, Retention};
use hyperdb_lsm::fs::{CrashMode, Fault, FaultFs, FaultKind, FileSystem, SimFs};
use hyperdb_lsm::SyncMode;
use std::sync::Arc;
use support::{act, check, open, Act, World};

const RETENTION: Retention = Retention {
    frames: 3,
    bytes: 1 << 20,
};

fn on(fs: impl FileSystem + Clone + 'static) -> Frames {
    let world = World::default();
    open(Arc::new(fs), SyncMode::Always, RETENTION, 4 << 20, &world).unwrap()
}

/// A short history with every kind of change, `seals` frames, and a flush in the middle.
fn load(frames: &Frames, seals: u8, sealed: &mut dyn FnMut(u64)) {
    for round in 0..seals {
        let acts = [
            Act::Text(1, round, round),
            Act::Field(1, 3, round, 1),
            Act::Field(1, 3, round + 1, 3),
            Act::Score(1, 4, round, 2),
            Act::Row(2, 6, round, 4),
            Act::Remove(1, round.wrapping_sub(1)),
        ];
        let mut turn = frames.store().turn(0);
        acts.iter().for_each(|change| act(&mut turn, change));
        turn.commit().unwrap();
        drop(turn);
        if let Some(signed) = frames.seal(false).unwrap() {
            sealed(signed.header.number);
        }
        if round == 1 {
            frames.store().db().flush().unwrap();
        }
    }
}

#[test]
fn the_newest_frame_matches_its_data_wherever_a_crash_comes() {
    let disk = SimFs::recording();
    let frames = on(disk.clone());
    let mut acknowledged = vec![(disk.changes(), 0)];
    load(&frames, 4, &mut |number| {
        acknowledged.push((disk.changes(), number))
    });
    drop(frames);
    let end = disk.changes();
    assert!(end > 40, "the load is too small to mean anything");
    for upto in acknowledged[0].0..=end {
        for mode in [
            CrashMode::DropUnsynced,
            CrashMode::KeepUnsynced,
            CrashMode::Torn(upto as u64),
        ] {
            let frames = on(disk.crash(upto, mode));
            let promised = acknowledged
                .iter()
                .filter(|(at, _)| *at <= upto)
                .map(|(_, number)| *number)
                .max();
            let before = frames.newest().map_or(0, |newest| newest.header.number);
            assert!(
                Some(before) >= promised,
                "a frame was lost by a crash at {upto}"
            );
            check(&frames);
            load(&frames, 1, &mut |_| {});
            frames.seal(true).unwrap();
            check(&frames);
            assert!(frames.newest().unwrap().header.number > before);
        }
    }
}

#[test]
fn a_file_operation_that_fails_leaves_the_newest_frame_true() {
    let kinds = [FaultKind::Io, FaultKind::Sync, FaultKind::NoSpace];
    for kind in kinds {
        for at in 1.. {
            let disk = SimFs::new();
            let fs = FaultFs::new(Arc::new(disk.clone()));
            let frames = on(fs.clone());
            load(&frames, 2, &mut |_| {});
            let mut turn = frames.store().turn(0);
            act(&mut turn, &Act::Text(1, 9, 9));
            act(&mut turn, &Act::Remove(1, 1));
            let commit = turn.commit().unwrap();
            drop(turn);
            frames.store().db().wait_durable(commit).unwrap();
            let before = frames.newest().unwrap().header.number;
            fs.fail(Fault {
                at,
                kind,
                sticky: false,
            });
            let failed = frames.seal(false).is_err();
            let fired = fs.fired();
            fs.heal();
            if !failed {
                assert_eq!(frames.newest().unwrap().header.number, before + 1);
            }
            // A store that refuses writes from now on still reads what is sealed.
            let again = frames.seal(true);
            check(&frames);
            assert!(again.is_ok() || frames.store().db().health().is_err());
            drop(frames);
            let frames = on(disk);
            check(&frames);
            assert!(frames.newest().unwrap().header.number >= before);
            frames.seal(true).unwrap();
            check(&frames);
            if !fired {
                break;
            }
        }
    }
}
