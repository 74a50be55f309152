//! Tests of the lock table: grants, queues, deadlocks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use std::sync::atomic::AtomicU64;
use std::thread;

fn row(name: &str) -> Target {
    Target::row(Family::DATA, name.as_bytes())
}

fn tx(number: u64) -> Owner {
    Owner::Transaction(number)
}

fn lock(table: &LockTable, owner: Owner, name: &str, mode: LockMode) -> Result<Grant, Conflict> {
    table.acquire(owner, &row(name), mode, Wait::Block, None, None)
}

/// Waits until `n` owners wait in the table.
fn until_waiting(table: &LockTable, n: usize) {
    while table.waiting() != n {
        thread::yield_now();
    }
}

#[test]
fn skip_and_nowait_do_not_wait() {
    let table = LockTable::default();
    let update = LockMode::Update;
    assert_eq!(lock(&table, tx(1), "a", update), Ok(Grant::Immediate));
    assert_eq!(
        lock(&table, tx(1), "a", LockMode::Share),
        Ok(Grant::Already)
    );
    assert_eq!(
        table.acquire(tx(2), &row("a"), update, Wait::SkipLocked, None, None),
        Ok(Grant::Busy)
    );
    assert_eq!(
        table.acquire(tx(2), &row("a"), update, Wait::NoWait, None, None),
        Err(Conflict::LockNotAvailable)
    );
    assert_eq!(
        table.acquire(
            tx(2),
            &row("a"),
            update,
            Wait::Block,
            Some(Duration::ZERO),
            None
        ),
        Err(Conflict::LockTimeout)
    );
    table.release(tx(1), &[(row("a"), update)]);
    assert_eq!(lock(&table, tx(2), "a", update), Ok(Grant::Immediate));
    assert_eq!(table.held(), 1);
    table.release(tx(2), &[(row("a"), update)]);
    assert!(!table.any_held());
    assert!(table.state.lock().queues.is_empty());
}

#[test]
fn waiters_are_served_in_order_and_a_late_reader_does_not_pass_a_writer() {
    let table = Arc::new(LockTable::default());
    lock(&table, tx(1), "a", LockMode::Share).unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut threads = Vec::new();
    for (number, mode) in [
        (2, LockMode::Update),
        (3, LockMode::Share),
        (4, LockMode::Update),
    ] {
        let (shared, seen) = (table.clone(), order.clone());
        threads.push(thread::spawn(move || {
            lock(&shared, tx(number), "a", mode).unwrap();
            seen.lock().push(number);
            shared.release(tx(number), &[(row("a"), mode)]);
        }));
        until_waiting(&table, number as usize - 1);
    }
    table.release(tx(1), &[(row("a"), LockMode::Share)]);
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(*order.lock(), [2, 3, 4]);
}

#[test]
fn an_upgrade_goes_before_newcomers() {
    let table = Arc::new(LockTable::default());
    lock(&table, tx(1), "a", LockMode::KeyShare).unwrap();
    lock(&table, tx(2), "a", LockMode::KeyShare).unwrap();
    let newcomer = thread::spawn({
        let table = table.clone();
        move || lock(&table, tx(3), "a", LockMode::Update)
    });
    until_waiting(&table, 1);
    let upgrade = thread::spawn({
        let table = table.clone();
        move || lock(&table, tx(1), "a", LockMode::Update)
    });
    until_waiting(&table, 2);
    table.release(tx(2), &[(row("a"), LockMode::KeyShare)]);
    assert_eq!(upgrade.join().unwrap(), Ok(Grant::Waited));
    assert_eq!(table.waiting(), 1);
    table.release(tx(1), &[(row("a"), LockMode::Update)]);
    assert_eq!(table.waiting(), 1, "the weaker lock is still held");
    table.release(tx(1), &[(row("a"), LockMode::KeyShare)]);
    assert_eq!(newcomer.join().unwrap(), Ok(Grant::Waited));
}

#[test]
fn two_upgrades_of_one_row_are_a_deadlock() {
    let table = Arc::new(LockTable::default());
    lock(&table, tx(1), "a", LockMode::Share).unwrap();
    lock(&table, tx(2), "a", LockMode::Share).unwrap();
    let first = thread::spawn({
        let table = table.clone();
        move || lock(&table, tx(1), "a", LockMode::Update)
    });
    until_waiting(&table, 1);
    let second = lock(&table, tx(2), "a", LockMode::Update);
    assert!(matches!(second, Err(Conflict::Deadlock(_))), "{second:?}");
    table.release(tx(2), &[(row("a"), LockMode::Share)]);
    assert_eq!(first.join().unwrap(), Ok(Grant::Waited));
}

/// Transaction i holds row i and wants row i + 1: whoever closes the ring gives way, the others get through.
#[test]
fn a_ring_of_any_length_is_found_and_named() {
    for n in [2u64, 3, 7, 40] {
        let table = Arc::new(LockTable::default());
        for i in 0..n {
            lock(&table, tx(i), &i.to_string(), LockMode::Update).unwrap();
        }
        let mut threads = Vec::new();
        for i in 0..n - 1 {
            let table = table.clone();
            threads.push(thread::spawn(move || {
                let next = (i + 1).to_string();
                lock(&table, tx(i), &next, LockMode::Update).unwrap();
                table.release(
                    tx(i),
                    &[
                        (row(&next), LockMode::Update),
                        (row(&i.to_string()), LockMode::Update),
                    ],
                );
            }));
        }
        until_waiting(&table, n as usize - 1);
        let last = n - 1;
        let Err(Conflict::Deadlock(cycle)) = lock(&table, tx(last), "0", LockMode::Update) else {
            panic!("no deadlock found in a ring of {n}");
        };
        assert_eq!(cycle.len(), n as usize);
        for (at, edge) in cycle.iter().enumerate() {
            assert_eq!(edge.waiter, (last + at as u64) % n);
            assert_eq!(edge.holder, (edge.waiter + 1) % n);
            assert_eq!(edge.target, row(&edge.holder.to_string()));
        }
        table.release(tx(last), &[(row(&last.to_string()), LockMode::Update)]);
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!((table.held(), table.waiting()), (0, 0));
    }
}

/// A chain that waits for a running transaction is no deadlock.
#[test]
fn a_chain_is_not_a_deadlock() {
    let table = Arc::new(LockTable::default());
    lock(&table, tx(0), "0", LockMode::Update).unwrap();
    let mut threads = Vec::new();
    for i in 1..10u64 {
        lock(&table, tx(i), &i.to_string(), LockMode::Update).unwrap();
        let shared = table.clone();
        threads.push(thread::spawn(move || {
            let before = (i - 1).to_string();
            lock(&shared, tx(i), &before, LockMode::Update).unwrap();
            shared.release(
                tx(i),
                &[
                    (row(&before), LockMode::Update),
                    (row(&i.to_string()), LockMode::Update),
                ],
            );
        }));
        until_waiting(&table, i as usize);
    }
    table.release(tx(0), &[(row("0"), LockMode::Update)]);
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert!(!table.any_held());
}

#[test]
fn a_cancelled_wait_ends() {
    let table = Arc::new(LockTable::default());
    lock(&table, tx(1), "a", LockMode::Update).unwrap();
    let waiter = thread::spawn({
        let table = table.clone();
        move || lock(&table, tx(2), "a", LockMode::Update)
    });
    until_waiting(&table, 1);
    table.cancel(tx(2));
    assert_eq!(waiter.join().unwrap(), Err(Conflict::Cancelled));
    assert_eq!(table.waiting(), 0);
}

#[test]
fn a_parked_command_keeps_its_place_before_later_transactions() {
    let table = Arc::new(LockTable::default());
    let admit = |mode| table.admit(Scope::Row, Family::DATA, b"a", mode);
    assert!(admit(LockMode::Update).is_ok());
    lock(&table, tx(1), "a", LockMode::Update).unwrap();
    let place = admit(LockMode::Increment).unwrap_err();
    let later = thread::spawn({
        let table = table.clone();
        move || lock(&table, tx(2), "a", LockMode::Update)
    });
    until_waiting(&table, 2);
    let calls = Arc::new(AtomicU64::new(0));
    let count = calls.clone();
    place.on_free(Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    table.release(tx(1), &[(row("a"), LockMode::Update)]);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!(table.waiting(), 1, "the transaction waits for the place");
    assert!(
        admit(LockMode::Update).is_ok(),
        "turns do not exclude turns"
    );
    drop(place);
    assert_eq!(later.join().unwrap(), Ok(Grant::Waited));
    let place = admit(LockMode::Increment).unwrap_err();
    table.release(tx(2), &[(row("a"), LockMode::Update)]);
    assert!(place.block(None), "a wait that is over ends at once");
    drop(place);
    assert!(table.state.lock().queues.is_empty());
}

/// A place that was given up unused frees whoever came after it.
#[test]
fn an_abandoned_place_blocks_nobody() {
    let table = Arc::new(LockTable::default());
    lock(&table, tx(1), "a", LockMode::KeyShare).unwrap();
    let place = table
        .admit(Scope::Row, Family::DATA, b"a", LockMode::Update)
        .unwrap_err();
    let later = thread::spawn({
        let table = table.clone();
        move || lock(&table, tx(2), "a", LockMode::KeyShare)
    });
    until_waiting(&table, 2);
    drop(place);
    assert_eq!(later.join().unwrap(), Ok(Grant::Waited));
}

/// Modes are granted as the table says, whatever the interleaving: two owners never exclude each other.
#[test]
fn a_storm_never_grants_excluding_modes_together() {
    let table = Arc::new(LockTable::default());
    let writers = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..8u64)
        .map(|number| {
            let (table, writers) = (table.clone(), writers.clone());
            thread::spawn(move || {
                let owner = tx(number);
                for round in 0..200 {
                    let mode = if (round + number) % 3 == 0 {
                        LockMode::Update
                    } else {
                        LockMode::Share
                    };
                    lock(&table, owner, "a", mode).unwrap();
                    if mode == LockMode::Update {
                        assert_eq!(writers.fetch_add(1, Ordering::SeqCst), 0);
                        writers.fetch_sub(1, Ordering::SeqCst);
                    } else {
                        assert_eq!(writers.load(Ordering::SeqCst), 0);
                    }
                    table.release(owner, &[(row("a"), mode)]);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert!(!table.any_held());
}
