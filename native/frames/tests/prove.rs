//! Proofs from real stores: whatever is asked of any readable frame, the bundle verifies and says what the data say.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use hyperdb_frames::settlement::settle;
use hyperdb_frames::verkle::VerkleForest;
use hyperdb_frames::{verify, Error, Frames, Names, Request, Retention, Tree};
use hyperdb_graph::Record;
use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::SyncMode;
use hyperdb_verkle::proof::{Answer, Bounds, Query, Show, Trusted, Verified, ELEMENT, MEMBER};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::{act, open_with, Act, World};

const APPS: [&[u8]; 4] = [b"redis/0", b"redis/1", b"schema", b"nobody's"];

fn frames(world: &World) -> Frames {
    let retention = Retention {
        frames: 3,
        bytes: 1 << 20,
    };
    let forest = Box::new(VerkleForest::new(1 << 20, 1));
    let fs = Arc::new(SimFs::new());
    open_with(fs, SyncMode::Always, retention, 1 << 20, world, forest).unwrap()
}

/// Version and value by tree and logical key, by the definition.
type Settled = BTreeMap<(Tree, Vec<u8>), (u64, Vec<u8>)>;

fn settled(frames: &Frames, frame: u64, name: &[u8]) -> Settled {
    let view = frames.view(Some(frame)).unwrap();
    let names = Names::read(&view.data).unwrap();
    let mut all = Settled::new();
    let Some(app) = names.app(name) else {
        return all;
    };
    let from = view.signed.header.removes_from;
    settle(&view.data, from, &names, Some(app), &mut |entry| {
        let key = (entry.tree, entry.logical.to_vec());
        all.insert(key, (entry.version, entry.value.to_vec()));
        Ok(())
    })
    .unwrap();
    all
}

fn ask(frames: &Frames, frame: u64, name: &[u8], queries: &[Query]) -> Verified {
    let request = Request {
        frame: Some(frame),
        contains: (frame > 1).then(|| frame - 1),
        about: Some((name, queries, &Show::Whole)),
    };
    let bundle = frames.prove(&request).unwrap();
    let trusted = Trusted::StoreKey(frames.key().public());
    let verified = verify(&bundle, &trusted, Some(name), None).unwrap();
    assert_eq!(verified.frame.number, frame);
    let earlier = verified.contains.as_ref().map(|earlier| earlier.number);
    assert_eq!(earlier, request.contains);
    let root = Trusted::Root(frames.header(frame).unwrap().header.digest());
    verify(&bundle, &root, Some(name), None).unwrap();
    verified
}

fn row(verified: &Verified, number: usize) -> (Vec<u8>, u64) {
    let row = &verified.rows[number];
    (row.key.clone(), row.version)
}

fn rows(verified: &Verified, answer: &Answer) -> Vec<(Vec<u8>, u64)> {
    let Answer::Complete { rows, .. } = answer else {
        panic!("{answer:?}");
    };
    let mut all: Vec<_> = rows.iter().map(|at| row(verified, *at)).collect();
    all.sort();
    all
}

/// Everything that can be asked of one app at one frame.
fn check(frames: &Frames, frame: u64, name: &[u8]) {
    let all = settled(frames, frame, name);
    let hash_key = frames.store().hash_key();
    let live = |key: &[u8]| {
        [Tree::VertexAdds, Tree::EdgeAdds]
            .iter()
            .find_map(|tree| all.get(&(*tree, key.to_vec())))
    };
    let elements: Vec<(Vec<u8>, u64)> = {
        let mut found: Vec<_> = all
            .iter()
            .filter(|((tree, key), _)| tree.is_adds() && key[0] == ELEMENT)
            .map(|((_, key), (version, _))| (key.clone(), *version))
            .collect();
        found.sort();
        found
    };
    let everything = [
        Query::Elements {
            bounds: Bounds::default(),
        },
        Query::ElementCount {
            bounds: Bounds::default(),
        },
    ];
    let verified = ask(frames, frame, name, &everything);
    assert_eq!(rows(&verified, &verified.answers[0]), elements);
    let Answer::Attested { count, .. } = verified.answers[1] else {
        panic!("{:?}", verified.answers[1]);
    };
    assert_eq!(count, elements.len() as u64);

    for n in 0..12u8 {
        let id = support::id(n);
        let key = [&[ELEMENT][..], &hash_key.hash64(&id).to_be_bytes(), &id].concat();
        let element = Query::Element { id: id.clone() };
        let members = Query::Rows {
            collection: id.clone(),
            bounds: Bounds::default(),
        };
        let counted = Query::Count {
            collection: id.clone(),
            bounds: Bounds::default(),
        };
        let verified = ask(frames, frame, name, &[element, members, counted]);
        match (live(&key), &verified.answers[0]) {
            (None, Answer::Absent { collection: None }) => {}
            (Some((version, _)), Answer::Found { row: at }) => {
                assert_eq!(row(&verified, *at), (key.clone(), *version));
            }
            (said, shown) => panic!("{said:?} and {shown:?}"),
        }
        let cid = live(&key).and_then(|(_, value)| match Record::decode(value) {
            Some(Record::Edge(header)) => Some(header.cid),
            _ => None,
        });
        let expected: Vec<(Vec<u8>, u64)> = cid.map_or_else(Vec::new, |cid| {
            let prefix = hyperdb_frames::tree::member_prefix(cid);
            assert_eq!(prefix[0], MEMBER);
            let own = all
                .iter()
                .filter(|((tree, key), _)| tree.is_adds() && key.starts_with(&prefix));
            own.map(|((_, key), (version, _))| (key.clone(), *version))
                .collect()
        });
        assert_eq!(rows(&verified, &verified.answers[1]), expected);
        let Answer::Attested { count, .. } = verified.answers[2] else {
            panic!("{:?}", verified.answers[2]);
        };
        assert_eq!(count, expected.len() as u64);
        for hyperedge in [false, true] {
            let tree = [Tree::VertexRemoves, Tree::EdgeRemoves][usize::from(hyperedge)];
            let removed = all.get(&(tree, key.clone()));
            let queries = [Query::RemovedElement {
                id: id.clone(),
                hyperedge,
            }];
            let request = Request {
                frame: Some(frame),
                contains: None,
                about: Some((name, &queries, &Show::Whole)),
            };
            match (removed, live(&key), frames.prove(&request)) {
                (Some((version, _)), None, Ok(bundle)) => {
                    let trusted = Trusted::StoreKey(frames.key().public());
                    let verified = verify(&bundle, &trusted, None, None).unwrap();
                    let shown = Answer::Removed { version: *version };
                    assert_eq!(verified.answers, [shown]);
                }
                (None, _, Err(Error::NotProvable(_)))
                | (_, Some(_), Err(Error::NotProvable(_))) => {}
                (removed, live, proved) => panic!("{removed:?}, {live:?}: {proved:?}"),
            }
        }
    }
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
        1 => n().prop_map(Act::Flush),
        1 => Just(Act::Swap),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_proved_and_is_what_the_data_say(
        rounds in proptest::collection::vec(proptest::collection::vec(acts(), 1..12), 2..5),
    ) {
        let world = World::default();
        let frames = frames(&world);
        for round in &rounds {
            let mut turn = frames.store().turn(0);
            round.iter().for_each(|change| act(&mut turn, change));
            turn.commit().unwrap();
            drop(turn);
            frames.seal(true).unwrap();
        }
        let newest = frames.newest().unwrap().header;
        let frame = newest.horizon + (newest.number - newest.horizon) / 2;
        for name in APPS {
            check(&frames, frame, name);
        }
        check(&frames, newest.number, APPS[0]);
    }
}

#[test]
fn what_cannot_be_asked_is_refused_by_name() {
    let world = World::default();
    let frames = frames(&world);
    let request = Request::default();
    assert!(matches!(
        frames.prove(&request),
        Err(Error::NotSealed {
            asked: 1,
            newest: 0
        })
    ));
    for n in 0..5 {
        let mut turn = frames.store().turn(0);
        act(&mut turn, &Act::Text(1, n, n));
        turn.commit().unwrap();
        drop(turn);
        frames.seal(true).unwrap();
    }
    let at = |frame, contains| {
        let request = Request {
            frame: Some(frame),
            contains,
            about: None,
        };
        frames.prove(&request)
    };
    assert!(at(5, Some(1)).is_ok());
    assert!(matches!(at(5, Some(5)), Err(Error::NotProvable(_))));
    assert!(matches!(
        at(6, None),
        Err(Error::NotSealed {
            asked: 6,
            newest: 5
        })
    ));
    assert!(matches!(
        at(1, None),
        Err(Error::BehindHorizon {
            asked: 1,
            oldest: 3
        })
    ));
    let number = frames.app_at(None, b"redis/0").unwrap().unwrap();
    assert_eq!(number.count, 5);
    assert_eq!(frames.app_at(None, b"nobody's").unwrap(), None);
}

#[test]
fn a_held_frame_is_read_wherever_the_horizon_goes() {
    let world = World::default();
    let frames = frames(&world);
    let put = |n: u8| {
        let mut turn = frames.store().turn(0);
        let app = turn.app(APPS[0]).unwrap();
        turn.put_vertex(app, b"key", &[n], None).unwrap();
        turn.put_vertex(app, &[n], b"value", None).unwrap();
        turn.commit().unwrap();
        drop(turn);
        frames.seal(true).unwrap();
    };
    put(1);
    let held = frames.hold(1).unwrap();
    let before = settled(&frames, 1, APPS[0]);
    for n in 2..9 {
        put(n);
    }
    frames.store().db().flush().unwrap();
    frames.store().db().compact().unwrap();
    assert!(matches!(
        frames.view(Some(2)),
        Err(Error::BehindHorizon { asked: 2, .. })
    ));
    assert_eq!(held.signed.header.number, 1);
    assert_eq!(settled(&frames, 1, APPS[0]), before);
    let found = ask(
        &frames,
        1,
        APPS[0],
        &[Query::Element {
            id: b"key".to_vec(),
        }],
    );
    assert!(matches!(found.answers[0], Answer::Found { .. }));
    let changed = frames
        .changed_keys(APPS[0], (1, None), 100)
        .unwrap()
        .unwrap();
    assert_eq!(changed.len(), 8);
    drop(held);
    assert!(matches!(
        frames.view(Some(1)),
        Err(Error::BehindHorizon { asked: 1, .. })
    ));
}

#[test]
fn what_no_verifier_would_take_is_not_proved() {
    let world = World::default();
    let frames = frames(&world);
    let mut turn = frames.store().turn(0);
    let app = turn.app(APPS[0]).unwrap();
    for n in 0..70u8 {
        let id = [b'k', n];
        turn.put_vertex(app, &id, &vec![n; 64 << 10], None).unwrap();
    }
    turn.commit().unwrap();
    drop(turn);
    frames.seal(true).unwrap();
    let refused = |queries: &[Query]| {
        let request = Request {
            frame: None,
            contains: None,
            about: Some((APPS[0], queries, &Show::Whole)),
        };
        matches!(frames.prove(&request), Err(Error::NotProvable(_)))
    };
    let all = Query::Elements {
        bounds: Bounds::default(),
    };
    assert!(refused(std::slice::from_ref(&all)), "bytes");
    let count = Query::ElementCount {
        bounds: Bounds::default(),
    };
    assert!(refused(&vec![count; 5_000]), "queries");
    let half = Query::Elements {
        bounds: Bounds {
            low: vec![0x80],
            ..Bounds::default()
        },
    };
    assert!(!refused(&[half]));
}
