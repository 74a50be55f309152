//! Turns (RESP) beside transactions: they never fail, and stop only where a transaction holds a row.

use crate::bench::{conflict, Bench, DATA};
use crate::row_locks::until_waiting;
use hyperdb_graph::{
    keys, AppId, Conflict, Isolation, Kind, LockMode, Record, Stop, Store, Target, Transaction,
    Turn, Wait,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const APP: AppId = AppId(40);

fn row(store: &Store, id: &[u8]) -> Target {
    Target::row(DATA, &keys::element(APP, store.hash_key().hash64(id), id))
}

fn read(turn: &Turn<'_>, id: &[u8]) -> i64 {
    let Some(element) = turn.element(APP, id).unwrap() else {
        return 0;
    };
    let Record::Vertex { value, .. } = element.record().unwrap() else {
        panic!("not a vertex");
    };
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

/// INCR, as a handler does it.
fn increment(turn: &mut Turn<'_>, id: &[u8]) -> hyperdb_graph::Step<i64> {
    let next = read(turn, id) + 1;
    turn.put_vertex(APP, id, next.to_string().as_bytes(), None)?;
    Ok(next)
}

fn lock(bench: &Bench, id: &[u8]) -> Transaction {
    let mut holder = bench.begin(Isolation::ReadCommitted);
    holder
        .lock(row(&bench.store, id), LockMode::Update, Wait::Block)
        .unwrap();
    holder
}

#[test]
fn a_command_stops_at_a_locked_row_only_and_runs_again_when_it_is_free() {
    let bench = Bench::new();
    bench
        .store
        .run(0, None, |turn| increment(turn, b"x"))
        .unwrap();
    let holder = lock(&bench, b"x");
    let woken = Arc::new(AtomicBool::new(false));
    let place = {
        let mut turn = bench.store.turn(0);
        turn.savepoint();
        assert_eq!(increment(&mut turn, b"other").unwrap(), 1);
        turn.savepoint();
        assert_eq!(read(&turn, b"x"), 1, "reads pass");
        let Err(Stop::Locked(place)) = increment(&mut turn, b"x") else {
            panic!("a locked row was written");
        };
        turn.rollback();
        turn.commit().unwrap();
        place
    };
    let flag = woken.clone();
    place.on_free(Arc::new(move || flag.store(true, Ordering::SeqCst)));
    assert!(!woken.load(Ordering::SeqCst));
    drop(holder);
    assert!(woken.load(Ordering::SeqCst));
    assert_eq!(
        bench
            .store
            .run(0, None, |turn| increment(turn, b"x"))
            .unwrap()
            .0,
        2
    );
    assert_eq!(
        bench
            .store
            .run(0, None, |turn| increment(turn, b"other"))
            .unwrap()
            .0,
        2
    );
    drop(place);
    bench.assert_no_locks();
}

#[test]
fn a_sleeping_caller_waits_for_the_row_or_gives_up() {
    let bench = Bench::new();
    let holder = lock(&bench, b"x");
    let late = bench.store.run(0, Some(Duration::from_millis(1)), |turn| {
        increment(turn, b"x")
    });
    assert_eq!(conflict(late), Conflict::LockTimeout);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            bench
                .store
                .run(0, None, |turn| increment(turn, b"x"))
                .unwrap()
                .0
        });
        until_waiting(&bench, 1);
        drop(holder);
        assert_eq!(waiter.join().unwrap(), 1);
    });
    bench.assert_no_locks();
}

/// A turn changes members while transactions count; it cannot drop the collection under them.
#[test]
fn a_header_can_be_changed_but_not_dropped_under_an_adder() {
    let bench = Bench::new();
    let (header, _) = bench
        .store
        .run(0, None, |turn| turn.create_edge(APP, b"set", Kind::Set))
        .unwrap();
    let mut adder = bench.begin(Isolation::Serializable);
    let target = row(&bench.store, b"set");
    let delta = hyperdb_graph::Delta::Members {
        cid: header.cid,
        count: 1,
        bytes: 5,
    };
    adder.add_delta(DATA, target.key(), delta).unwrap();
    let change = |turn: &mut Turn<'_>| {
        let mut header = turn.edge(APP, b"set", Kind::Set)?.unwrap().unwrap();
        header.count += 10;
        turn.put_header(APP, b"set", &header)
    };
    bench.store.run(0, None, change).unwrap();
    for drop_it in [
        (|turn: &mut Turn<'_>| turn.remove_element(APP, b"set").map(|_| ()))
            as fn(&mut Turn<'_>) -> hyperdb_graph::Step<()>,
        |turn| turn.put_vertex(APP, b"set", b"now a string", None),
    ] {
        let dropped = bench.store.run(0, Some(Duration::ZERO), drop_it);
        assert_eq!(conflict(dropped), Conflict::LockTimeout);
    }
    bench.commit(adder).unwrap();
    let turn = bench.store.turn(0);
    let header = turn.edge(APP, b"set", Kind::Set).unwrap().unwrap().unwrap();
    assert_eq!((header.count, header.bytes), (11, 5));
}

/// A delta for a collection that was dropped before it got the lock fails; it does not count into another one.
#[test]
fn a_delta_does_not_outlive_its_collection() {
    let bench = Bench::new();
    let create = |turn: &mut Turn<'_>| turn.create_edge(APP, b"set", Kind::Set);
    let (old, _) = bench.store.run(0, None, create).unwrap();
    let mut adder = bench.begin(Isolation::ReadCommitted);
    bench.store.run(0, None, create).unwrap();
    let delta = hyperdb_graph::Delta::Members {
        cid: old.cid,
        count: 1,
        bytes: 1,
    };
    adder
        .add_delta(DATA, row(&bench.store, b"set").key(), delta)
        .unwrap();
    assert!(matches!(
        conflict(bench.commit(adder)),
        Conflict::Serialization(_)
    ));
}

/// Turns and transactions add to one row from many threads; nothing is lost and no turn ever fails.
#[test]
fn a_storm_of_turns_and_transactions_loses_nothing() {
    let bench = Bench::new();
    let (threads, rounds) = (4, 50);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..rounds {
                    bench
                        .store
                        .run(0, None, |turn| increment(turn, b"x"))
                        .unwrap();
                }
            });
            scope.spawn(|| {
                let target = row(&bench.store, b"x");
                for _ in 0..rounds {
                    let mut transaction = bench.begin(Isolation::ReadCommitted);
                    transaction
                        .statement(|t| {
                            let mut record = Vec::new();
                            let next = match t.get(DATA, target.key())? {
                                None => 1,
                                Some(raw) => match Record::decode(&raw).unwrap() {
                                    Record::Vertex { value, .. } => {
                                        std::str::from_utf8(value).unwrap().parse::<i64>().unwrap()
                                            + 1
                                    }
                                    Record::Edge(_) => panic!("not a vertex"),
                                },
                            };
                            hyperdb_graph::header::encode_vertex(
                                next.to_string().as_bytes(),
                                None,
                                &mut record,
                            );
                            t.put(DATA, target.key(), &record)
                        })
                        .unwrap();
                    bench.commit(transaction).unwrap();
                }
            });
        }
    });
    assert_eq!(read(&bench.store.turn(0), b"x"), 2 * threads * rounds);
    bench.assert_no_locks();
}

/// A turn that commits between a snapshot and a lock is seen by the lock.
#[test]
fn a_turn_wins_as_first_committer() {
    let bench = Bench::new();
    let mut transaction = bench.begin(Isolation::RepeatableRead);
    bench
        .store
        .run(0, None, |turn| increment(turn, b"x"))
        .unwrap();
    let locked = transaction.lock(row(&bench.store, b"x"), LockMode::Update, Wait::Block);
    assert!(matches!(conflict(locked), Conflict::Serialization(_)));
}
