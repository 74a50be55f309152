//! A crash at any file operation around seals: what comes up has a newest frame whose trees match the data at its
//! commit, goes on from there, and can be audited.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use hyperdb_frames::{Frames, Retention};
use hyperdb_lsm::fs::{CrashMode, Fault, FaultFs, FaultKind, FileSystem, SimFs};
use hyperdb_lsm::{Family, SyncMode};
use std::sync::Arc;
use support::{act, check, open, Act, World};

const RETENTION: Retention = Retention {
    frames: 3,
    bytes: 1 << 20,
};

/// Room for whole frames, and so little that every few edits are written.
const AMPLE: usize = 4 << 20;
const TIGHT: usize = 400;

fn on(fs: impl FileSystem + Clone + 'static, memory: usize) -> Frames {
    let world = World::default();
    open(Arc::new(fs), SyncMode::Always, RETENTION, memory, &world).unwrap()
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
    let frames = on(disk.clone(), AMPLE);
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
            let frames = on(disk.crash(upto, mode), AMPLE);
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

fn commit(frames: &Frames, acts: &[Act]) {
    let mut turn = frames.store().turn(0);
    acts.iter().for_each(|change| act(&mut turn, change));
    let commit = turn.commit().unwrap();
    drop(turn);
    frames.store().db().wait_durable(commit).unwrap();
}

/// Whether the store holds records of a frame that did not come to its end.
fn is_half_made(frames: &Frames) -> bool {
    let db = frames.store().db();
    let sealed = frames.newest().map_or(0, |newest| newest.header.commit);
    let Some(kept) = db.kept_for_frames().into_iter().find(|at| *at > sealed) else {
        return false;
    };
    let mut found = false;
    let now = db.snapshot();
    now.changes_since(kept, Family::NODE, &mut |_| found = true)
        .unwrap();
    found
}

#[test]
fn a_frame_in_pieces_is_whole_or_not_there() {
    let texts = |range: std::ops::Range<u8>, v| range.map(move |n| Act::Text(1, n, v));
    let fields = |v| (0..6).map(move |f| Act::Field(1, 9, f, v));
    let scores = |v| (0..6).map(move |f| Act::Score(1, 10, f, v));
    let rows = |v| (0..6).map(move |f| Act::Row(2, 6, f, v));
    let first: Vec<Act> = texts(0..8, 1).chain(fields(1)).chain(rows(1)).collect();
    let second: Vec<Act> = texts(2..9, 2).chain(fields(2)).chain(scores(1)).collect();
    let disk = SimFs::recording();
    let frames = on(disk.clone(), TIGHT);
    let begin = disk.changes();
    let mut acknowledged = vec![(begin, 0)];
    for acts in [&first, &second] {
        commit(&frames, acts);
        let number = frames.seal(false).unwrap().unwrap().header.number;
        acknowledged.push((disk.changes(), number));
    }
    check(&frames);
    drop(frames);
    // What takes back all that the frame in the making had put into its trees.
    let back: [Vec<Act>; 3] = [
        (0..12).map(|n| Act::Remove(1, n)).collect(),
        vec![Act::Flush(1)],
        fields(0).chain(texts(3..4, 1)).collect(),
    ];
    let mut half_made = 0;
    for upto in begin..=disk.changes() {
        let modes = [CrashMode::DropUnsynced, CrashMode::KeepUnsynced];
        let crashed = disk.crash(upto, modes[upto % 2]);
        let frames = on(crashed.clone(), TIGHT);
        let before = frames.newest().map_or(0, |newest| newest.header.number);
        let promised = acknowledged.iter().filter(|(at, _)| *at <= upto);
        assert!(Some(before) >= promised.map(|(_, number)| *number).max());
        half_made += usize::from(is_half_made(&frames));
        // What makes a frame comes in one commit.
        assert!(before == 0 || frames.cost(before).unwrap().changed > 0);
        check(&frames);
        commit(&frames, &back[upto % back.len()]);
        check(&frames);
        frames.seal(true).unwrap();
        assert!(!is_half_made(&frames));
        check(&frames);
        drop(frames);
        let frames = on(crashed, TIGHT);
        assert_eq!(frames.newest().unwrap().header.number, before + 1);
        check(&frames);
    }
    assert!(
        half_made > 20,
        "only {half_made} crashes came between pieces"
    );
}

#[test]
fn putting_back_what_a_crash_left_may_crash_too() {
    let disk = SimFs::recording();
    let frames = on(disk.clone(), TIGHT);
    commit(&frames, &[Act::Text(1, 1, 1), Act::Field(1, 9, 1, 1)]);
    frames.seal(true).unwrap();
    let many: Vec<Act> = (0..12).map(|n| Act::Text(1, n, 2)).collect();
    commit(&frames, &many);
    let begin = disk.changes();
    frames.seal(true).unwrap();
    drop(frames);
    // The last crash that leaves half a frame.
    let crash = |upto| disk.crash(upto, CrashMode::DropUnsynced);
    let half = (begin..disk.changes())
        .rev()
        .find(|upto| is_half_made(&on(crash(*upto), TIGHT)));
    let disk = crash(half.unwrap());
    let frames = on(disk.clone(), TIGHT);
    commit(&frames, &[Act::Remove(1, 3), Act::Remove(1, 4)]);
    let begin = disk.changes();
    frames.seal(true).unwrap();
    check(&frames);
    drop(frames);
    for upto in begin..=disk.changes() {
        let frames = on(disk.crash(upto, CrashMode::DropUnsynced), TIGHT);
        check(&frames);
        frames.seal(true).unwrap();
        check(&frames);
    }
}

#[test]
fn a_file_operation_that_fails_leaves_the_newest_frame_true() {
    let kinds = [FaultKind::Io, FaultKind::Sync, FaultKind::NoSpace];
    for (kind, memory) in kinds
        .into_iter()
        .flat_map(|kind| [(kind, AMPLE), (kind, TIGHT)])
    {
        // Frames in pieces are many operations of the same kind.
        for at in (1..).step_by(if memory == TIGHT { 4 } else { 1 }) {
            let disk = SimFs::new();
            let fs = FaultFs::new(Arc::new(disk.clone()));
            let frames = on(fs.clone(), memory);
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
            let frames = on(disk, memory);
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
