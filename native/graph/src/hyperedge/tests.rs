//! The operations on a real store: against a map, over restarts, beside the short cuts of other frontends.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::identity::Environment;
use crate::keys::{self, meta};
use crate::{AppId, Class, Kind, Record, Set, Store, Turn};
use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Commit, Db, Direction, Family, KeyRange, Options, SyncMode};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

struct Fixed;

impl Environment for Fixed {
    fn random(&mut self, out: &mut [u8]) -> hyperdb_lsm::Result<()> {
        out.fill(7);
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        0
    }
}

fn reopen(fs: &SimFs) -> Store {
    let options = Options {
        sync: SyncMode::EverySec,
        memory: 8 << 20,
        create: true,
    };
    let db = Db::open_in(Arc::new(fs.clone()), Path::new("/db"), options).unwrap();
    Store::on(db, &mut Fixed).unwrap()
}

fn act<T>(store: &Store, body: impl FnMut(&mut Turn<'_>) -> Act<T>) -> Result<T, Refusal> {
    match run(store, 0, body) {
        Ok((value, _)) => Ok(value),
        Err(Halt::Refused(refusal)) => Err(refusal),
        Err(Halt::Stop(stop)) => panic!("{stop}"),
    }
}

const APP: AppId = AppId(5);

fn vertex(id: &[u8]) -> Member {
    Member::Vertex(id.to_vec())
}

fn edge(id: &[u8]) -> Member {
    Member::Hyperedge(id.to_vec())
}

fn put(store: &Store, id: &[u8], members: &[(&[u8], Member)]) -> Result<bool, Refusal> {
    let members: Vec<_> = members
        .iter()
        .map(|(key, member)| (key.to_vec(), member.clone()))
        .collect();
    act(store, |turn| add_hyperedge(turn, APP, id, &members))
}

fn edges_of(store: &Store, id: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let found = act(store, |turn| Ok(incident(turn, APP, id, None, 1000)?)).unwrap();
    let pair = |found: Incidence| (found.edge, found.order_key);
    found.into_iter().map(pair).collect()
}

/// Every record of a space or of a tag of META, as stored.
fn stored(store: &Store, family: Family, prefix: &[u8]) -> usize {
    let snapshot = store.db().snapshot();
    snapshot
        .iter(family, KeyRange::prefix(prefix), Direction::Forward)
        .count()
}

#[test]
fn what_is_there_is_not_added_again() {
    let store = reopen(&SimFs::new());
    assert!(act(&store, |turn| add_vertex(turn, APP, b"v", b"1")).unwrap());
    assert!(put(&store, b"e", &[(b"k", vertex(b"v"))]).unwrap());
    let before = store.db().latest();
    assert!(!act(&store, |turn| add_vertex(turn, APP, b"v", b"1")).unwrap());
    assert!(!put(&store, b"e", &[(b"k", vertex(b"v"))]).unwrap());
    assert!(!put(&store, b"e", &[]).unwrap());
    assert!(!act(&store, |turn| remove_vertex(turn, APP, b"none", true)).unwrap());
    assert!(!act(&store, |turn| remove_hyperedge(turn, APP, b"none", false)).unwrap());
    let none = [b"none".to_vec()];
    assert_eq!(
        act(&store, |turn| remove_members(turn, APP, b"e", &none)).unwrap(),
        0
    );
    assert_eq!(store.db().latest(), before);
}

#[test]
fn references_are_taken_only_to_what_is_there() {
    let store = reopen(&SimFs::new());
    act(&store, |turn| add_vertex(turn, APP, b"v", b"")).unwrap();
    put(&store, b"e", &[]).unwrap();
    let before = store.db().latest();
    let not_found = |id: &[u8]| Err(Refusal::NotFound { id: id.to_vec() });
    let wrong = |id: &[u8], found| {
        let id = id.to_vec();
        Err(Refusal::WrongKind { id, found })
    };
    // The first member is taken back with the second.
    let members = [(&b"a"[..], vertex(b"v")), (b"b", vertex(b"none"))];
    assert_eq!(put(&store, b"e", &members), not_found(b"none"));
    assert_eq!(put(&store, b"new", &members), not_found(b"none"));
    assert_eq!(
        put(&store, b"e", &[(b"a", vertex(b"e"))]),
        wrong(b"e", Kind::Edge)
    );
    assert_eq!(
        put(&store, b"e", &[(b"a", edge(b"v"))]),
        wrong(b"v", Kind::Vertex)
    );
    assert_eq!(put(&store, b"v", &[]), wrong(b"v", Kind::Vertex));
    let members = [(b"a".to_vec(), Member::Value(b"x".to_vec()))];
    assert_eq!(
        act(&store, |turn| add_members(turn, APP, b"none", &members)).map(|_| true),
        not_found(b"none")
    );
    assert_eq!(store.db().latest(), before);
    assert!(edges_of(&store, b"v").is_empty());
}

#[test]
fn a_cycle_is_refused_however_long() {
    let store = reopen(&SimFs::new());
    for id in [b"a", b"b", b"c"] {
        put(&store, id, &[]).unwrap();
    }
    put(&store, b"a", &[(b"k", edge(b"b"))]).unwrap();
    put(&store, b"b", &[(b"k", edge(b"c"))]).unwrap();
    let cycle = |inner: &[u8], outer: &[u8]| {
        let (inner, outer) = (inner.to_vec(), outer.to_vec());
        Err(Refusal::Cycle { inner, outer })
    };
    assert_eq!(put(&store, b"c", &[(b"k", edge(b"a"))]), cycle(b"a", b"c"));
    assert_eq!(put(&store, b"a", &[(b"l", edge(b"a"))]), cycle(b"a", b"a"));
    act(&store, |turn| add_vertex(turn, APP, b"v", b"")).unwrap();
    put(&store, b"c", &[(b"v", vertex(b"v"))]).unwrap();
    for (inner, outer, is_within) in [
        (b"c", b"a", true),
        (b"v", b"a", true),
        (b"a", b"c", false),
        (b"a", b"a", false),
        (b"x", b"a", false),
    ] {
        let found = act(&store, |turn| within(turn, APP, inner, outer)).unwrap();
        assert_eq!(found, is_within);
    }
    // Without `b`, `a` and `c` have nothing to do with each other: the other way round is allowed, and then, with `b`
    // back under its old name, `a` refers to it again and the cycle is seen.
    act(&store, |turn| Ok(turn.remove_element(APP, b"b")?)).unwrap();
    put(&store, b"c", &[(b"k", edge(b"a"))]).unwrap();
    put(&store, b"b", &[]).unwrap();
    assert_eq!(put(&store, b"b", &[(b"k", edge(b"c"))]), cycle(b"c", b"b"));
}

#[test]
fn what_is_referred_to_is_removed_only_with_its_memberships() {
    let store = reopen(&SimFs::new());
    act(&store, |turn| add_vertex(turn, APP, b"v", b"")).unwrap();
    for id in [b"a", b"b"] {
        put(&store, id, &[(b"k", vertex(b"v")), (b"l", vertex(b"v"))]).unwrap();
    }
    let refused = act(&store, |turn| remove_vertex(turn, APP, b"v", false));
    let by = vec![b"a".to_vec(), b"b".to_vec()];
    let id = b"v".to_vec();
    assert_eq!(refused, Err(Refusal::Referenced { id, by }));
    assert!(act(&store, |turn| remove_vertex(turn, APP, b"v", true)).unwrap());
    assert_eq!(stored(&store, Family::DATA, &incidence_space()), 0);
    let header = act(&store, |turn| header(turn, APP, b"a"))
        .unwrap()
        .unwrap();
    assert_eq!((header.count, header.bytes), (0, 0));
}

fn incidence_space() -> Vec<u8> {
    let mut prefix = keys::app_prefix(APP).to_vec();
    prefix.push(keys::space::INCIDENCE);
    prefix
}

#[test]
fn the_short_cuts_of_others_leave_memberships_that_dangle_and_come_back() {
    let fs = SimFs::new();
    let store = reopen(&fs);
    act(&store, |turn| add_vertex(turn, APP, b"v", b"")).unwrap();
    put(&store, b"e", &[(b"k", vertex(b"v"))]).unwrap();
    put(&store, b"outer", &[(b"k", edge(b"e"))]).unwrap();
    let there = vec![(b"e".to_vec(), b"k".to_vec())];
    // DEL of the vertex, and SET again.
    act(&store, |turn| Ok(turn.remove_element(APP, b"v")?)).unwrap();
    assert_eq!(edges_of(&store, b"v"), there);
    assert!(!act(&store, |turn| within(turn, APP, b"v", b"outer")).unwrap());
    act(&store, |turn| Ok(turn.put_vertex(APP, b"v", b"2", None)?)).unwrap();
    assert!(act(&store, |turn| within(turn, APP, b"v", b"outer")).unwrap());
    // DEL of the hyperedge: its incidence is void at once. Added again, it starts from nothing.
    act(&store, |turn| Ok(turn.remove_element(APP, b"e")?)).unwrap();
    assert!(edges_of(&store, b"v").is_empty());
    put(&store, b"e", &[(b"l", vertex(b"v"))]).unwrap();
    assert_eq!(edges_of(&store, b"v"), vec![(b"e".to_vec(), b"l".to_vec())]);
    assert_eq!(
        edges_of(&store, b"e"),
        vec![(b"outer".to_vec(), b"k".to_vec())]
    );
    // Overwritten by SET, it is no hyperedge, and nothing lies in it.
    act(&store, |turn| Ok(turn.put_vertex(APP, b"e", b"", None)?)).unwrap();
    assert!(edges_of(&store, b"v").is_empty());
    // Expired: gone for who asks after that.
    put(&store, b"late", &[(b"k", vertex(b"v"))]).unwrap();
    act(&store, |turn| {
        Ok(turn.set_expiry(APP, b"late", Some(50))?)
    })
    .unwrap();
    assert_eq!(edges_of(&store, b"v").len(), 1);
    let after = run(&store, 60, |turn| Ok(incident(turn, APP, b"v", None, 9)?));
    assert!(after.unwrap().0.is_empty());
}

#[test]
fn dropped_hyperedges_are_swept_in_batches_and_after_a_restart() {
    let fs = SimFs::new();
    let store = reopen(&fs);
    act(&store, |turn| add_vertex(turn, APP, b"v", b"")).unwrap();
    let members: Vec<_> = (0u8..100).map(|n| (vec![n], vertex(b"v"))).collect();
    act(&store, |turn| add_hyperedge(turn, APP, b"e", &members)).unwrap();
    let remove = |turn: &mut Turn<'_>| Ok(turn.remove_element(APP, b"e")?);
    let mut turn = store.turn(0);
    remove(&mut turn).unwrap_or_else(|_: Halt| panic!());
    turn.commit().unwrap();
    drop(turn);
    // One of the same name and place as a dropped one must stay.
    put(&store, b"e", &[(b"\x07", vertex(b"v"))]).unwrap();
    drop(store);
    let store = reopen(&fs);
    assert!(stored(&store, Family::DATA, &incidence_space()) > 1);
    assert_eq!(stored(&store, Family::META, &[meta::DROPPED_EDGE]), 1);
    for round in 0.. {
        assert!(round < 20, "it comes to an end");
        let mut turn = store.turn(0);
        let more = turn.expire_due(10).unwrap().more;
        turn.commit().unwrap();
        if !more {
            break;
        }
    }
    assert_eq!(stored(&store, Family::META, &[meta::DROPPED_EDGE]), 0);
    assert_eq!(stored(&store, Family::DATA, &incidence_space()), 1);
    assert_eq!(edges_of(&store, b"v"), vec![(b"e".to_vec(), vec![7])]);
    let all_members = keys::app_prefix(APP).to_vec();
    let prefix = [&all_members[..], &[keys::space::MEMBER]].concat();
    assert_eq!(stored(&store, Family::DATA, &prefix), 1);
}

mod model;
