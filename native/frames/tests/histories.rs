//! Random histories: after every seal the trees hold what the definition finds in the data, now and in every frame
//! that can still be read; deletes, new additions, drops, renames, swaps, expiry and flushes included.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use hyperdb_frames::{Error, Retention};
use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::SyncMode;
use proptest::prelude::*;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use support::{act, check, open, Act, World};

#[derive(Clone, Debug)]
enum Round {
    Commit(Vec<Act>),
    Seal,
    Force,
    Wait(u8),
    Flush,
    Compact,
    Reopen,
}

fn acts() -> impl Strategy<Value = Act> {
    let n = any::<u8>;
    prop_oneof![
        6 => (n(), n(), n()).prop_map(|(a, i, v)| Act::Text(a, i, v)),
        8 => (n(), n(), n(), n()).prop_map(|(a, i, f, v)| Act::Field(a, i, f, v)),
        4 => (n(), n(), n(), n()).prop_map(|(a, i, f, v)| Act::Score(a, i, f, v)),
        4 => (n(), n(), n(), n()).prop_map(|(a, i, f, v)| Act::Row(a, i, f, v)),
        4 => (n(), n()).prop_map(|(a, i)| Act::Remove(a, i)),
        2 => (n(), n(), n()).prop_map(|(a, i, j)| Act::Move(a, i, j)),
        2 => (n(), n(), n()).prop_map(|(a, i, t)| Act::Expire(a, i, t)),
        1 => n().prop_map(Act::Flush),
        1 => Just(Act::Swap),
    ]
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let round = prop_oneof![
        12 => proptest::collection::vec(acts(), 1..8).prop_map(Round::Commit),
        6 => Just(Round::Seal),
        1 => Just(Round::Force),
        2 => (0u8..9).prop_map(Round::Wait),
        1 => Just(Round::Flush),
        1 => Just(Round::Compact),
        1 => Just(Round::Reopen),
    ];
    proptest::collection::vec(round, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn trees_follow_the_data(
        rounds in rounds(),
        frames_kept in 1u64..5,
        tight in any::<bool>(),
        always in any::<bool>(),
    ) {
        let fs = Arc::new(SimFs::new());
        let world = World::default();
        let retention = Retention { frames: frames_kept, bytes: if tight { 600 } else { 1 << 20 } };
        let sync = if always { SyncMode::Always } else { SyncMode::EverySec };
        let memory = if tight { 400 } else { 4 << 20 };
        let reopen = || open(fs.clone(), sync, retention, memory, &world).unwrap();
        let mut frames = reopen();
        for round in rounds {
            match round {
                Round::Commit(changes) => {
                    let mut turn = frames.store().turn(world.0.load(Ordering::Relaxed));
                    changes.iter().for_each(|change| act(&mut turn, change));
                    turn.commit().unwrap();
                }
                Round::Seal | Round::Force => {
                    let before = frames.newest().map_or(0, |newest| newest.header.number);
                    let forced = matches!(round, Round::Force);
                    let sealed = frames.seal(forced).unwrap();
                    prop_assert!(sealed.is_some() || !forced);
                    let number = frames.newest().map_or(0, |newest| newest.header.number);
                    prop_assert_eq!(number, before + u64::from(sealed.is_some()));
                    if sealed.is_none() {
                        continue;
                    }
                    prop_assert!(frames.seal(false).unwrap().is_none(), "nothing changed since");
                    check(&frames);
                }
                Round::Wait(ms) => {
                    world.0.fetch_add(i64::from(ms), Ordering::Relaxed);
                }
                Round::Flush => frames.store().db().flush().unwrap(),
                Round::Compact => frames.store().db().compact().unwrap(),
                Round::Reopen => {
                    frames.store().db().close().unwrap();
                    drop(frames);
                    frames = reopen();
                }
            }
        }
        frames.seal(true).unwrap();
        check(&frames);
        let newest = frames.newest().unwrap().header;
        prop_assert!(newest.number - newest.horizon < frames_kept);
        if newest.horizon > 1 {
            let refused = frames.view(Some(newest.horizon - 1)).err().unwrap();
            let right = matches!(refused, Error::BehindHorizon { oldest, .. } if oldest == newest.horizon);
            prop_assert!(right);
        }
        let refused = frames.view(Some(newest.number + 1)).err().unwrap();
        let right = matches!(refused, Error::NotSealed { .. });
        prop_assert!(right);
    }
}
