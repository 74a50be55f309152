//! Counts that are added at commit.

use crate::bench::{conflict, key, put, row, Bench, DATA};
use hyperdb_graph::{Conflict, Delta, Isolation, LockMode, Transaction, Wait};
use std::thread;

fn count(transaction: &Transaction) -> i64 {
    let value = transaction.get_untracked(DATA, &key("count")).unwrap();
    value.map_or(0, |bytes| i64::from_le_bytes(bytes[..].try_into().unwrap()))
}

fn add(transaction: &mut Transaction, n: i64) -> hyperdb_graph::Step<()> {
    transaction.add_delta(DATA, &key("count"), Delta::Count(n))
}

/// Two that insert and count, interleaved, at the strictest level: neither waits, neither fails.
#[test]
fn adders_do_not_conflict() {
    let bench = Bench::new();
    let mut first = bench.begin(Isolation::Serializable);
    let mut second = bench.begin(Isolation::Serializable);
    add(&mut first, 2).unwrap();
    add(&mut second, 3).unwrap();
    assert_eq!((count(&first), count(&second)), (2, 3), "each sees its own");
    put(&mut first, "a", "1").unwrap();
    put(&mut second, "b", "1").unwrap();
    bench.commit(first).unwrap();
    bench.commit(second).unwrap();
    assert_eq!(count(&bench.begin(Isolation::ReadCommitted)), 5);
}

/// Who decides on the sum excludes adders, and the other way round.
#[test]
fn who_reads_the_sum_for_a_decision_locks_it() {
    let bench = Bench::new();
    let mut adder = bench.begin(Isolation::ReadCommitted);
    add(&mut adder, 1).unwrap();
    let mut decider = bench.begin(Isolation::ReadCommitted);
    let locked = decider.lock(row("count"), LockMode::Share, Wait::NoWait);
    assert_eq!(conflict(locked), Conflict::LockNotAvailable);
    bench.commit(adder).unwrap();
    decider
        .lock(row("count"), LockMode::Share, Wait::NoWait)
        .unwrap();
    assert_eq!(count(&decider), 1);
    let mut late = bench.begin(Isolation::ReadCommitted);
    let locked = late.lock(row("count"), LockMode::Increment, Wait::NoWait);
    assert_eq!(conflict(locked), Conflict::LockNotAvailable);
}

/// A tracked read of the sum does conflict at SERIALIZABLE: then it is a read like any other.
#[test]
fn a_tracked_read_of_the_sum_is_validated() {
    let bench = Bench::new();
    let mut reader = bench.begin(Isolation::Serializable);
    assert!(reader.get(DATA, &key("count")).unwrap().is_none());
    put(&mut reader, "seen", "0").unwrap();
    let mut adder = bench.begin(Isolation::Serializable);
    add(&mut adder, 1).unwrap();
    bench.commit(adder).unwrap();
    assert!(matches!(
        conflict(bench.commit(reader)),
        Conflict::Serialization(_)
    ));
}

#[test]
fn a_savepoint_takes_deltas_back() {
    let bench = Bench::new();
    let mut transaction = bench.begin(Isolation::ReadCommitted);
    add(&mut transaction, 1).unwrap();
    let savepoint = transaction.savepoint().unwrap();
    add(&mut transaction, 10).unwrap();
    assert_eq!(count(&transaction), 11);
    transaction.rollback_to(savepoint).unwrap();
    bench.commit(transaction).unwrap();
    assert_eq!(count(&bench.begin(Isolation::ReadCommitted)), 1);
}

#[test]
fn a_storm_of_adders_adds_up_without_a_conflict() {
    let bench = Bench::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut adder = bench.begin(Isolation::Serializable);
                    add(&mut adder, 1).unwrap();
                    bench.commit(adder).unwrap();
                }
            });
        }
    });
    assert_eq!(count(&bench.begin(Isolation::ReadCommitted)), 400);
    bench.assert_no_locks();
}
