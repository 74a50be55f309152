//! Elements written by transactions: counts, the order of expiry and dropped members as turns would leave them.

use crate::bench::{conflict, Bench};
use hyperdb_graph::hyperedge::{self, Member, MemberRange};
use hyperdb_graph::{
    keys, Access, AppId, AppStats, Class, Conflict, Direction, Family, Isolation, KeyRange, Kind,
    LockMode, Record, Step, Stop, Transaction, TransactionOptions, Turn, Wait,
};
use std::sync::Arc;
use std::thread;

fn open(bench: &Bench, transaction: &mut Transaction) -> AppId {
    let opened = transaction.app(&bench.store, b"shop").unwrap();
    opened.unwrap()
}

/// A turn of its own, durable, so that later snapshots see it.
fn run<T>(bench: &Bench, body: impl FnMut(&mut Turn<'_>) -> Step<T>) -> T {
    let (value, commit) = bench.store.run(0, None, body).unwrap();
    bench.store.db().wait_durable(commit).unwrap();
    value
}

fn stats(bench: &Bench, app: AppId) -> AppStats {
    bench.store.turn(0).app_stats(app).unwrap()
}

fn value(transaction: &Transaction, app: AppId, id: &[u8]) -> Option<Vec<u8>> {
    let read = |record: &Record<'_>| match record {
        Record::Vertex { value, .. } => value.to_vec(),
        Record::Edge(_) => panic!("not a vertex"),
    };
    transaction.element(app, id, read).unwrap()
}

#[test]
fn concurrent_adds_to_one_app_do_not_conflict_and_are_all_counted() {
    for isolation in [Isolation::RepeatableRead, Isolation::Serializable] {
        let bench = Arc::new(Bench::new());
        let app = open(&bench, &mut bench.begin(isolation));
        let adders: Vec<_> = (0..4)
            .map(|thread| {
                let bench = bench.clone();
                thread::spawn(move || {
                    for i in 0..25 {
                        let mut adder = bench.begin(isolation);
                        let app = open(&bench, &mut adder);
                        let id = format!("{thread}-{i}");
                        adder
                            .put_vertex(app, id.as_bytes(), b"12345", None)
                            .unwrap();
                        adder.commit().unwrap();
                    }
                })
            })
            .collect();
        for i in 0..50 {
            let id = format!("turn-{i}");
            bench
                .store
                .run(0, None, |turn| {
                    let app = turn.app(b"shop")?;
                    turn.put_vertex(app, id.as_bytes(), b"12345", None)
                })
                .unwrap();
        }
        adders.into_iter().for_each(|adder| adder.join().unwrap());
        let counted = stats(&bench, app);
        assert_eq!(counted.elements(), 150);
        let ids: u64 = (0..4 * 25).map(|i: u64| 3 + u64::from(i % 25 >= 10)).sum();
        let turn_ids: u64 = (0..50).map(|i: u64| 6 + u64::from(i >= 10)).sum();
        assert_eq!(counted.bytes(Class::Vertex), 150 * 5 + ids + turn_ids);
        bench.assert_no_locks();
    }
}

#[test]
fn own_changes_are_seen_and_go_with_the_rollback() {
    let bench = Bench::new();
    let mut writer = bench.begin(Isolation::Serializable);
    let app = open(&bench, &mut writer);
    writer.put_vertex(app, b"a", b"1", None).unwrap();
    let savepoint = writer.savepoint().unwrap();
    writer.put_vertex(app, b"b", b"2", Some(500)).unwrap();
    assert!(writer.remove_element(app, b"a").unwrap());
    assert!(!writer.remove_element(app, b"a").unwrap());
    let places = writer.elements(app, None, 10).unwrap();
    assert_eq!(places.len(), 1);
    assert_eq!(&places[0].0[8..], b"b");
    assert_eq!(writer.app_stats(app).unwrap().elements(), 1);
    writer.rollback_to(savepoint).unwrap();
    assert_eq!(value(&writer, app, b"a").as_deref(), Some(&b"1"[..]));
    assert_eq!(value(&writer, app, b"b"), None);
    writer.rollback();
    assert_eq!(stats(&bench, app).elements(), 0);
}

#[test]
fn expiry_is_in_its_order_and_what_has_expired_is_absent() {
    let bench = Bench::new();
    let mut writer = bench.begin(Isolation::RepeatableRead);
    let app = open(&bench, &mut writer);
    writer.put_vertex(app, b"soon", b"1", Some(100)).unwrap();
    writer.put_vertex(app, b"late", b"1", Some(900)).unwrap();
    bench.commit(writer).unwrap();
    assert_eq!(stats(&bench, app).expiring(), 2);
    assert_eq!(bench.store.turn(0).next_expiry().unwrap(), Some(100));
    let mut later = bench.store.begin(TransactionOptions {
        now_ms: 200,
        ..TransactionOptions::default()
    });
    assert_eq!(value(&later, app, b"soon"), None);
    assert!(value(&later, app, b"late").is_some());
    later.put_vertex(app, b"soon", b"2", None).unwrap();
    later.put_vertex(app, b"late", b"2", Some(1000)).unwrap();
    bench.commit(later).unwrap();
    let mut turn = bench.store.turn(950);
    assert_eq!(turn.next_expiry().unwrap(), Some(1000));
    assert_eq!(turn.expire_due(10).unwrap().removed, 0);
    assert_eq!(turn.app_stats(app).unwrap().expiring(), 1);
    assert_eq!(turn.app_stats(app).unwrap().elements(), 2);
}

#[test]
fn members_of_a_replaced_collection_are_noted_as_dropped() {
    let bench = Bench::new();
    let make = |turn: &mut Turn<'_>| {
        let app = turn.app(b"shop")?;
        let mut header = turn.create_edge(app, b"s", Kind::Set)?;
        turn.set_member(app, &mut header, b"m", b"")?;
        turn.put_header(app, b"s", &header)?;
        Ok((app, header.cid))
    };
    let (app, cid) = run(&bench, make);
    let mut writer = bench.begin(Isolation::Serializable);
    writer.put_vertex(app, b"s", b"plain", None).unwrap();
    bench.commit(writer).unwrap();
    let note = keys::dropped(app, cid);
    let noted = bench.store.db().snapshot().get(Family::META, &note);
    assert!(noted.unwrap().is_some());
    let counted = stats(&bench, app);
    assert_eq!(
        (counted.count(Class::Set), counted.count(Class::Vertex)),
        (0, 1)
    );
}

#[test]
fn numbers_of_hyperedges_are_covered_by_the_commit() {
    let bench = Bench::new();
    let mut writer = bench.begin(Isolation::ReadCommitted);
    let app = open(&bench, &mut writer);
    let header = writer.create_edge(app, b"e", Kind::Edge).unwrap();
    bench.commit(writer).unwrap();
    let mark = bench
        .store
        .db()
        .snapshot()
        .get(Family::META, &[3, 1])
        .unwrap()
        .unwrap();
    assert!(u64::from_le_bytes(mark.try_into().unwrap()) > header.cid);
}

#[test]
fn an_app_that_is_flushed_meanwhile_fails_the_commit_and_an_open_one_waits() {
    let bench = Bench::new();
    let add = |turn: &mut Turn<'_>| {
        let app = turn.app(b"shop")?;
        turn.put_vertex(app, b"a", b"1", None)
    };
    run(&bench, add);
    let mut late = bench.begin(Isolation::RepeatableRead);
    run(&bench, |turn| turn.flush_app(b"shop"));
    let old = open(&bench, &mut late);
    late.put_vertex(old, b"b", b"1", None).unwrap();
    assert!(matches!(
        conflict(late.commit()),
        Conflict::Serialization(_)
    ));

    run(&bench, add);
    let mut holder = bench.begin(Isolation::RepeatableRead);
    open(&bench, &mut holder);
    let mut turn = bench.store.turn(0);
    turn.savepoint();
    assert!(matches!(turn.flush_app(b"shop"), Err(Stop::Locked(_))));
    turn.rollback();
    drop(turn);
    drop(holder);
    run(&bench, |turn| turn.flush_app(b"shop"));
}

#[test]
fn readers_make_no_apps_and_locks_are_on_names() {
    let bench = Bench::new();
    let mut reader = bench.store.begin(TransactionOptions {
        access: Access::ReadOnly,
        ..TransactionOptions::default()
    });
    assert_eq!(reader.app(&bench.store, b"none").unwrap(), None);
    let mut holder = bench.begin(Isolation::ReadCommitted);
    let app = open(&bench, &mut holder);
    holder
        .lock_element(app, b"x", LockMode::Update, Wait::Block)
        .unwrap();
    let mut other = bench.begin(Isolation::ReadCommitted);
    let refused = other.lock_element(app, b"x", LockMode::Share, Wait::NoWait);
    assert_eq!(conflict(refused), Conflict::LockNotAvailable);
    other.put_vertex(app, b"y", b"1", None).unwrap();
}

#[test]
fn members_added_beside_each_other_to_one_hyperedge_are_all_there_and_counted() {
    let bench = Bench::new();
    let app = run(&bench, |turn| {
        let app = turn.app(b"shop")?;
        turn.put_vertex(app, b"v", b"", None)?;
        turn.create_edge(app, b"e", Kind::Edge)?;
        Ok(app)
    });
    let mut adders = [
        bench.begin(Isolation::RepeatableRead),
        bench.begin(Isolation::RepeatableRead),
    ];
    for (number, adder) in adders.iter_mut().enumerate() {
        let member = Member::Vertex(b"v".to_vec());
        let changed =
            hyperedge::add_members(adder, app, b"e", &[(vec![number as u8], member)]).unwrap();
        assert_eq!(changed, 1);
    }
    for adder in adders {
        bench.commit(adder).unwrap();
    }
    let mut reader = bench.begin(Isolation::Serializable);
    let header = hyperedge::header(&reader, app, b"e").unwrap().unwrap();
    let members = hyperedge::members(&reader, app, header.cid, &MemberRange::all(), 10).unwrap();
    assert_eq!((header.count, members.len()), (2, 2));
    let incident = hyperedge::incident(&reader, app, b"v", None, 10).unwrap();
    assert_eq!(incident.len(), 2);
    assert!(stats(&bench, app).bytes(Class::Edge) > header.bytes);

    assert!(hyperedge::remove_hyperedge(&mut reader, app, b"e", false).unwrap());
    bench.commit(reader).unwrap();
    run(&bench, |turn| turn.sweep_edges(10));
    let after = bench.begin(Isolation::Serializable);
    assert_eq!(
        hyperedge::incident(&after, app, b"v", None, 10)
            .unwrap()
            .len(),
        0
    );
    assert_eq!(stats(&bench, app).bytes(Class::Edge), 0);
    let left = KeyRange::prefix(&keys::member_prefix(app, header.cid));
    let snapshot = bench.store.db().snapshot();
    assert_eq!(
        snapshot
            .iter(Family::DATA, left, Direction::Forward)
            .count(),
        0
    );
}
