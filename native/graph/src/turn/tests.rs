//! Turns against a real store: what commands leave behind in counts, in the expiry order, in the directory.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::identity::Environment;
use crate::keys::{self, meta};
use crate::{AppId, Class, Header, Kind, Record, Store, Turn};
use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Db, Direction, Family, KeyRange, Options, Result, SyncMode};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

struct Fixed;

impl Environment for Fixed {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        for (byte, value) in out.iter_mut().zip(1..) {
            *byte = value;
        }
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        1_700_000_000_000
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

pub(crate) fn fresh() -> Store {
    reopen(&SimFs::new())
}

fn text(turn: &Turn<'_>, app: AppId, id: &[u8]) -> Option<Vec<u8>> {
    let element = turn.element(app, id).unwrap()?;
    match element.record().unwrap() {
        Record::Vertex { value, .. } => Some(value.to_vec()),
        Record::Edge(_) => None,
    }
}

/// The expiry order as (time, app, id).
fn order(store: &Store) -> Vec<(i64, u32, Vec<u8>)> {
    let all = KeyRange::prefix(&[meta::EXPIRY]);
    store
        .db()
        .snapshot()
        .iter(Family::META, all, Direction::Forward)
        .map(|entry| {
            let key = entry.unwrap().0;
            let (at, app, hash, id) = keys::parse_expiry(&key).unwrap();
            assert_eq!(hash, store.hash_key().hash64(id));
            (at, app.0, id.to_vec())
        })
        .collect()
}

fn count_members(turn: &Turn<'_>, app: AppId, header: &Header) -> u64 {
    let unbounded = Bound::Unbounded;
    let mut walk = turn.members(app, header.cid, unbounded, unbounded, Direction::Forward);
    let mut count = 0;
    while walk.next().unwrap().is_some() {
        count += 1;
    }
    count
}

#[test]
fn identity_is_drawn_once() {
    let fs = SimFs::new();
    let first = *reopen(&fs).identity();
    assert_eq!(first.created_ms, 1_700_000_000_000);
    assert_eq!(first.hash_key.to_bytes()[..3], [1, 2, 3]);
    assert_eq!(*reopen(&fs).identity(), first);
}

#[test]
fn collection_numbers_are_never_given_out_again() {
    let fs = SimFs::new();
    let app = AppId(9);
    let mut seen = Vec::new();
    let kinds = [
        Kind::Set,
        Kind::Table,
        Kind::Index,
        Kind::Set,
        Kind::Partition,
    ];
    for round in 0u8..3 {
        let store = reopen(&fs);
        let mut turn = store.turn(0);
        for (i, kind) in kinds.into_iter().enumerate() {
            turn.savepoint();
            let id = [round, i as u8];
            let header = turn.create_edge(app, &id, kind).unwrap();
            if i == 3 {
                turn.rollback();
            }
            let rows = matches!(kind, Kind::Table | Kind::Partition);
            assert_eq!(header.cid % 4, if rows { 2 } else { 0 });
            seen.push(header.cid);
        }
        turn.commit().unwrap();
    }
    let mut unique = seen.clone();
    unique.dedup();
    assert!(seen.is_sorted());
    assert_eq!(unique, seen);
}

#[test]
fn a_store_whose_turn_was_not_committed_may_give_its_numbers_again() {
    let fs = SimFs::new();
    let first = {
        let store = reopen(&fs);
        let mut turn = store.turn(0);
        turn.create_edge(AppId(9), b"lost", Kind::Set).unwrap().cid
    };
    let store = reopen(&fs);
    let mut turn = store.turn(0);
    assert!(turn.element(AppId(9), b"lost").unwrap().is_none());
    assert_eq!(
        turn.create_edge(AppId(9), b"kept", Kind::Set).unwrap().cid,
        first
    );
}

#[test]
fn apps_are_found_by_name_after_restart_and_rollback() {
    let fs = SimFs::new();
    let shop = {
        let store = reopen(&fs);
        let mut turn = store.turn(0);
        turn.savepoint();
        turn.app(b"gone").unwrap();
        turn.rollback();
        turn.savepoint();
        let shop = turn.app(b"shop").unwrap();
        assert_ne!(shop, AppId::SYSTEM);
        assert_eq!(turn.app(b"shop").unwrap(), shop);
        assert_ne!(turn.redis_app(0).unwrap(), shop);
        assert!(turn.app(b"").is_err());
        turn.commit().unwrap();
        assert_eq!(turn.redis_app(0).unwrap(), turn.app(b"redis/0").unwrap());
        shop
    };
    let store = reopen(&fs);
    let turn = store.turn(0);
    assert_eq!(turn.find_app(b"shop").unwrap(), Some(shop));
    assert_eq!(turn.find_app(b"shop").unwrap(), Some(shop));
    assert_eq!(turn.find_app(b"gone").unwrap(), None);
    let mut names: Vec<_> = turn
        .apps()
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    names.sort();
    assert_eq!(
        names,
        [b"redis/0".as_slice().into(), b"shop".as_slice().into()]
    );
}

#[test]
fn flush_gives_a_fresh_app_and_rollback_the_old_one() {
    let store = fresh();
    let mut turn = store.turn(0);
    let old = turn.redis_app(3).unwrap();
    assert_eq!(turn.flush_app(b"redis/3").unwrap(), old, "nothing to flush");
    turn.put_vertex(old, b"k", b"v", Some(50)).unwrap();
    turn.commit().unwrap();
    turn.savepoint();
    assert_ne!(turn.flush_app(b"redis/3").unwrap(), old);
    turn.rollback();
    assert_eq!(turn.redis_app(3).unwrap(), old);
    turn.savepoint();
    let new = turn.flush_app(b"redis/3").unwrap();
    assert_eq!(turn.redis_app(3).unwrap(), new);
    assert_eq!(text(&turn, new, b"k"), None);
    assert_eq!(turn.app_stats(new).unwrap().elements(), 0);
    turn.commit().unwrap();
    drop(turn);
    // The old app's expiry is worked off without touching anything.
    let mut turn = store.turn(100);
    turn.observe(true);
    assert_eq!(turn.expire_due(10).unwrap().removed, 0);
    assert!(turn.take_touched().is_empty());
    turn.commit().unwrap();
    drop(turn);
    assert!(order(&store).is_empty());
}

#[test]
fn swap_exchanges_names() {
    let store = fresh();
    let mut turn = store.turn(0);
    let (a, b) = (turn.redis_app(0).unwrap(), turn.redis_app(1).unwrap());
    turn.commit().unwrap();
    turn.swap_apps(b"redis/0", b"redis/1").unwrap();
    assert_eq!(turn.redis_app(0).unwrap(), b);
    turn.commit().unwrap();
    assert_eq!(
        (turn.redis_app(0).unwrap(), turn.redis_app(1).unwrap()),
        (b, a)
    );
}

#[test]
fn expiry_order_follows_every_way_to_change_an_element() {
    let store = fresh();
    let app = AppId(5);
    let mut turn = store.turn(10);
    let expect = |turn: &mut Turn<'_>, times: &[(i64, &[u8])]| {
        turn.commit().unwrap();
        let found = turn.app_stats(app).unwrap().expiring();
        let order: Vec<_> = times.iter().map(|(at, id)| (*at, 5, id.to_vec())).collect();
        (found, order)
    };
    turn.put_vertex(app, b"a", b"1", Some(30)).unwrap();
    turn.put_vertex(app, b"b", b"1", Some(20)).unwrap();
    let mut set = turn.create_edge(app, b"s", Kind::Set).unwrap();
    set.expiry = Some(40);
    set.count = 1;
    turn.put_header(app, b"s", &set).unwrap();
    let (count, wanted) = expect(&mut turn, &[(20, b"b"), (30, b"a"), (40, b"s")]);
    drop(turn);
    assert_eq!((count, order(&store)), (3, wanted));

    let mut turn = store.turn(10);
    turn.put_vertex(app, b"a", b"2", None).unwrap();
    assert!(turn.set_expiry(app, b"b", Some(60)).unwrap());
    assert!(!turn.set_expiry(app, b"none", Some(60)).unwrap());
    assert!(turn.move_element(app, b"s", b"t").unwrap());
    let (count, wanted) = expect(&mut turn, &[(40, b"t"), (60, b"b")]);
    drop(turn);
    assert_eq!((count, order(&store)), (2, wanted));

    let mut turn = store.turn(50);
    turn.observe(true);
    assert!(
        turn.element(app, b"t").unwrap().is_none(),
        "expired, not yet removed"
    );
    assert_eq!(turn.next_expiry().unwrap(), Some(40));
    assert_eq!(turn.app_stats(app).unwrap().elements(), 3);
    let done = turn.expire_due(10).unwrap();
    assert_eq!((done.removed, done.more), (1, false));
    assert_eq!(turn.take_touched(), [(app, b"t".as_slice().into())]);
    assert_eq!(turn.app_stats(app).unwrap().elements(), 2);
    assert!(turn.remove_element(app, b"b").unwrap());
    turn.commit().unwrap();
    drop(turn);
    assert!(order(&store).is_empty());
}

#[test]
fn expire_due_keeps_to_its_limit() {
    let store = fresh();
    let mut turn = store.turn(0);
    for i in 0u8..5 {
        turn.put_vertex(AppId(5), &[i], b"", Some(1)).unwrap();
    }
    turn.commit().unwrap();
    drop(turn);
    let mut turn = store.turn(1);
    for (removed, more) in [(2, true), (2, true), (1, false), (0, false)] {
        let done = turn.expire_due(2).unwrap();
        assert_eq!((done.removed, done.more), (removed, more));
    }
}

#[test]
fn members_of_dropped_collections_go_at_compaction_and_then_their_notes() {
    let store = fresh();
    let mut turn = store.turn(0);
    let app = turn.app(b"a").unwrap();
    let fill = |turn: &mut Turn<'_>, app: AppId, id: &[u8]| {
        let mut header = turn.create_edge(app, id, Kind::Hash).unwrap();
        for i in 0u16..100 {
            turn.set_member(app, &mut header, &i.to_be_bytes(), b"value")
                .unwrap();
        }
        turn.put_header(app, id, &header).unwrap();
        header
    };
    let dropped = fill(&mut turn, app, b"dropped");
    let kept = fill(&mut turn, app, b"kept");
    let flushed = turn.app(b"flushed").unwrap();
    fill(&mut turn, flushed, b"h");
    turn.commit().unwrap();
    drop(turn);
    store.db().flush().unwrap();

    let mut turn = store.turn(0);
    turn.put_vertex(app, b"dropped", b"now a vertex", None)
        .unwrap();
    turn.flush_app(b"flushed").unwrap();
    turn.commit().unwrap();
    assert_eq!(count_members(&turn, app, &dropped), 100, "until compaction");
    drop(turn);
    assert_eq!(store.tend(None, 10).unwrap(), None);
    let notes = |store: &Store| {
        let all = KeyRange::prefix(&[meta::DROPPED]);
        let notes = store.db().snapshot();
        notes.iter(Family::META, all, Direction::Forward).count()
    };
    assert_eq!(notes(&store), 2);

    store.db().compact().unwrap();
    // A range is rewritten only when something is merged into it, and when that is the strategy decides: overlapping
    // tables are added until it must.
    for round in 0u8..200 {
        store.tend(None, 10).unwrap();
        if notes(&store) < 2 {
            break;
        }
        let mut turn = store.turn(0);
        let overlapping = fill(&mut turn, app, b"round");
        turn.put_vertex(flushed, &[round], b"", None).unwrap();
        turn.remove_element(flushed, &[round]).unwrap();
        turn.put_member(app, dropped.cid, b"probe", b"").unwrap();
        turn.remove_member(app, dropped.cid, b"probe").unwrap();
        assert_eq!(overlapping.count, 100);
        turn.commit().unwrap();
        drop(turn);
        store.db().compact().unwrap();
    }
    let turn = store.turn(0);
    assert_eq!(count_members(&turn, app, &kept), 100);
    let left = count_members(&turn, app, &dropped);
    drop(turn);
    assert_eq!((left, notes(&store) < 2), (0, true));
}

#[derive(Clone, Debug)]
enum Act {
    Put(u8, u8, Option<i64>),
    Set(u8, u8, u8),
    Unset(u8, u8),
    Remove(u8),
    Expire(u8, Option<i64>),
    Move(u8, u8),
    Tick(i64),
    Reopen,
}

fn acts() -> impl Strategy<Value = Vec<(Act, bool)>> {
    let expiry = prop_oneof![Just(None), (0i64..40).prop_map(Some)];
    let act = prop_oneof![
        4 => (0u8..5, any::<u8>(), expiry.clone()).prop_map(|(id, v, at)| Act::Put(id, v, at)),
        6 => (0u8..5, 0u8..4, any::<u8>()).prop_map(|(id, m, v)| Act::Set(id, m, v)),
        4 => (0u8..5, 0u8..4).prop_map(|(id, m)| Act::Unset(id, m)),
        2 => (0u8..5).prop_map(Act::Remove),
        2 => (0u8..5, expiry).prop_map(|(id, at)| Act::Expire(id, at)),
        2 => (0u8..5, 0u8..5).prop_map(|(from, to)| Act::Move(from, to)),
        2 => (1i64..10).prop_map(Act::Tick),
        1 => Just(Act::Reopen),
    ];
    // One command in four is taken back.
    proptest::collection::vec((act, prop::bool::weighted(0.25)), 1..60)
}

#[derive(Clone, Debug, PartialEq)]
enum Thing {
    Text(u8),
    Fields(BTreeMap<u8, u8>),
}

type Model = BTreeMap<u8, (Thing, Option<i64>)>;

fn apply(model: &mut Model, act: &Act, now: i64) {
    let live = |model: &Model, id: u8| {
        model
            .get(&id)
            .is_some_and(|(_, at)| at.is_none_or(|at| at > now))
    };
    match *act {
        Act::Put(id, value, at) => {
            model.insert(id, (Thing::Text(value), at));
        }
        Act::Set(id, member, value) => {
            if !live(model, id) {
                model.insert(id, (Thing::Fields(BTreeMap::new()), None));
            }
            if let Some((Thing::Fields(fields), _)) = model.get_mut(&id) {
                fields.insert(member, value);
            }
        }
        Act::Unset(id, member) => {
            if live(model, id) {
                if let Some((Thing::Fields(fields), _)) = model.get_mut(&id) {
                    fields.remove(&member);
                    if fields.is_empty() {
                        model.remove(&id);
                    }
                }
            }
        }
        Act::Remove(id) => {
            model.remove(&id);
        }
        Act::Expire(id, at) => {
            if live(model, id) {
                if let Some(entry) = model.get_mut(&id) {
                    entry.1 = at;
                }
            }
        }
        Act::Move(from, to) => {
            if live(model, from) && from != to {
                if let Some(entry) = model.remove(&from) {
                    model.insert(to, entry);
                }
            }
        }
        Act::Tick(_) => model.retain(|_, (_, at)| at.is_none_or(|at| at > now)),
        Act::Reopen => {}
    }
}

fn perform(turn: &mut Turn<'_>, app: AppId, act: &Act) {
    match *act {
        Act::Put(id, value, at) => turn.put_vertex(app, &[id], &[value], at).unwrap(),
        Act::Set(id, member, value) => {
            let mut header = match turn.edge(app, &[id], Kind::Hash).unwrap() {
                None => turn.create_edge(app, &[id], Kind::Hash).unwrap(),
                Some(Ok(header)) => header,
                Some(Err(_)) => return,
            };
            turn.set_member(app, &mut header, &[member], &[value])
                .unwrap();
            turn.close_edge(app, &[id], &header).unwrap();
        }
        Act::Unset(id, member) => {
            if let Some(Ok(mut header)) = turn.edge(app, &[id], Kind::Hash).unwrap() {
                turn.unset_member(app, &mut header, &[member]).unwrap();
                turn.close_edge(app, &[id], &header).unwrap();
            }
        }
        Act::Remove(id) => {
            turn.remove_element(app, &[id]).unwrap();
        }
        Act::Expire(id, at) => {
            turn.set_expiry(app, &[id], at).unwrap();
        }
        Act::Move(from, to) => {
            turn.move_element(app, &[from], &[to]).unwrap();
        }
        Act::Tick(_) => {
            turn.expire_due(100).unwrap();
        }
        Act::Reopen => {}
    }
}

fn check(turn: &mut Turn<'_>, app: AppId, model: &Model, now: i64) {
    let stats = turn.app_stats(app).unwrap();
    let (mut bytes, mut texts, mut hashes, mut expiring) = (0, 0, 0, 0);
    for id in 0..5 {
        let wanted = model.get(&id);
        let live = wanted.filter(|(_, at)| at.is_none_or(|at| at > now));
        let element = turn.element(app, &[id]).unwrap();
        assert_eq!(element.is_some(), live.is_some(), "id {id}");
        expiring += u64::from(wanted.is_some_and(|(_, at)| at.is_some()));
        match wanted {
            None => {}
            Some((Thing::Text(value), _)) => {
                texts += 1;
                bytes += 2;
                if live.is_some() {
                    assert_eq!(text(turn, app, &[id]), Some(vec![*value]));
                }
            }
            Some((Thing::Fields(fields), at)) => {
                hashes += 1;
                bytes += 1 + 2 * fields.len() as u64;
                if live.is_some() {
                    let header = turn.edge(app, &[id], Kind::Hash).unwrap().unwrap().unwrap();
                    assert_eq!((header.count, header.expiry), (fields.len() as u64, *at));
                    assert_eq!(count_members(turn, app, &header), header.count);
                    for (member, value) in fields {
                        let found = turn.member(app, header.cid, &[*member]).unwrap();
                        assert_eq!(found.as_deref(), Some(&[*value][..]));
                    }
                }
            }
        }
    }
    assert_eq!(stats.count(Class::Vertex), texts);
    assert_eq!(stats.count(Class::Hash), hashes);
    assert_eq!(stats.total_bytes(), bytes);
    assert_eq!(stats.expiring(), expiring);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Commands, taken back or not, over restarts: elements, members, counts, bytes and expiry as in a map.
    #[test]
    fn turns_agree_with_a_map(acts in acts()) {
        let fs = SimFs::new();
        let app = AppId(7);
        let (mut model, mut now) = (Model::new(), 0);
        let mut store = reopen(&fs);
        for (act, taken_back) in acts {
            if let Act::Tick(ms) = act {
                now += ms;
            }
            if let Act::Reopen = act {
                drop(store);
                store = reopen(&fs);
            }
            let mut turn = store.turn(now);
            turn.savepoint();
            perform(&mut turn, app, &act);
            if taken_back {
                turn.rollback();
            } else {
                apply(&mut model, &act, now);
            }
            check(&mut turn, app, &model, now);
            turn.commit().unwrap();
        }
        let wanted: usize = model.values().filter(|(_, at)| at.is_some()).count();
        prop_assert_eq!(order(&store).len(), wanted);
    }
}
