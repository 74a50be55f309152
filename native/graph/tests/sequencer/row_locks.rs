//! Row and table locks through transactions: waiting, not waiting, skipping, deadlocks, foreign keys.

use crate::bench::{conflict, get, key, number, put, row, scan, Bench, DATA};
use hyperdb_graph::{
    Conflict, Isolation, LockMode, Locked, Target, Transaction, TransactionOptions, Wait,
};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

/// Waits until `n` owners wait for locks.
pub fn until_waiting(bench: &Bench, n: u64) {
    while bench.store.lock_gauges()[1].1 != n {
        thread::yield_now();
    }
}

fn update(transaction: &mut Transaction, name: &str, wait: Wait) -> hyperdb_graph::Step<Locked> {
    transaction.lock(row(name), LockMode::Update, wait)
}

/// The waiter at READ COMMITTED goes on with what the holder left; at REPEATABLE READ it fails; a holder that
/// rolled back disturbs neither.
#[test]
fn what_a_waiter_finds_depends_on_its_level_and_on_the_holder() {
    for (isolation, commits) in [
        (Isolation::ReadCommitted, true),
        (Isolation::ReadCommitted, false),
        (Isolation::RepeatableRead, true),
        (Isolation::RepeatableRead, false),
    ] {
        let bench = Bench::with(&[("x", "1")]);
        let mut holder = bench.begin(isolation);
        put(&mut holder, "x", "2").unwrap();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let mut waiter = bench.begin(isolation);
                assert_eq!(number(&waiter, "x"), 1);
                let locked = update(&mut waiter, "x", Wait::Block);
                (locked.map(|locked| (locked, number(&waiter, "x"))), waiter)
            });
            until_waiting(&bench, 1);
            if commits {
                bench.commit(holder).unwrap();
            } else {
                holder.rollback();
            }
            let (outcome, _waiter) = waiter.join().unwrap();
            match (isolation, commits) {
                (_, false) => assert_eq!(outcome.unwrap(), (Locked::Unchanged, 1)),
                (Isolation::ReadCommitted, true) => {
                    assert_eq!(outcome.unwrap(), (Locked::Changed, 2));
                }
                _ => assert!(matches!(conflict(outcome), Conflict::Serialization(_))),
            }
        });
        bench.assert_no_locks();
    }
}

#[test]
fn nowait_and_timeout_leave_the_transaction_usable() {
    let bench = Bench::with(&[("x", "1"), ("y", "1")]);
    let mut holder = bench.begin(Isolation::RepeatableRead);
    update(&mut holder, "x", Wait::Block).unwrap();
    let mut other = bench.store.begin(TransactionOptions {
        isolation: Isolation::RepeatableRead,
        lock_timeout: Some(Duration::from_millis(1)),
        ..TransactionOptions::default()
    });
    assert_eq!(
        conflict(update(&mut other, "x", Wait::NoWait)),
        Conflict::LockNotAvailable
    );
    assert_eq!(conflict(put(&mut other, "x", "2")), Conflict::LockTimeout);
    put(&mut other, "y", "2").unwrap();
    bench.commit(other).unwrap();
    assert_eq!(bench.value("y").as_deref(), Some("2"));
}

/// A job queue: many workers, SKIP LOCKED; every job is done once and nobody waits.
#[test]
fn skip_locked_makes_a_queue() {
    let jobs: Vec<String> = (0..40).map(|i| format!("job/{i:02}")).collect();
    let rows: Vec<(&str, &str)> = jobs.iter().map(|name| (name.as_str(), "todo")).collect();
    let bench = Bench::with(&rows);
    let start = Barrier::new(4);
    let mut done: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let mut done = Vec::new();
                    loop {
                        let mut worker = bench.begin(Isolation::ReadCommitted);
                        let open = scan(&worker, "job/");
                        if open.is_empty() {
                            return done;
                        }
                        let mine = open.into_iter().find(|(name, _)| {
                            update(&mut worker, name, Wait::SkipLocked).unwrap() != Locked::Skipped
                                && get(&worker, name).is_some()
                        });
                        if let Some((name, _)) = mine {
                            worker.remove(DATA, &key(&name), b"").unwrap();
                            bench.commit(worker).unwrap();
                            done.push(name);
                        }
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    done.sort();
    assert_eq!(done, jobs);
    bench.assert_no_locks();
}

/// n transactions take one row each and then the next one's: at least one gives way, all others get through.
#[test]
fn deadlocks_of_two_and_more_end_with_one_victim() {
    for n in [2usize, 5] {
        let names: Vec<String> = (0..n).map(|i| format!("r{i}")).collect();
        let rows: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "0")).collect();
        let bench = Bench::with(&rows);
        let locked_first = Barrier::new(n);
        let outcomes: Vec<Result<(), Conflict>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..n)
                .map(|i| {
                    let (bench, names, locked_first) = (&bench, &names, &locked_first);
                    scope.spawn(move || {
                        let mut transaction = bench.begin(Isolation::RepeatableRead);
                        put(&mut transaction, &names[i], "1").unwrap();
                        locked_first.wait();
                        match update(&mut transaction, &names[(i + 1) % n], Wait::Block) {
                            Err(stop) => Err(conflict::<()>(Err(stop))),
                            // Rolled back, or each would fail the next one as first committer.
                            Ok(_) => {
                                transaction.rollback();
                                Ok(())
                            }
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let victims: Vec<&Conflict> = outcomes.iter().filter_map(|o| o.as_ref().err()).collect();
        let [Conflict::Deadlock(cycle)] = victims[..] else {
            panic!("one victim of a deadlock expected, not {victims:?}");
        };
        assert_eq!(cycle.len(), n);
        assert!(victims[0].to_string().contains("row"), "{}", victims[0]);
        bench.assert_no_locks();
    }
}

/// The victim's locks go at once: the other side does not wait for the victim's caller to react.
#[test]
fn a_victim_lets_go_at_once() {
    let bench = Bench::with(&[("a", "1"), ("b", "1")]);
    let mut first = bench.begin(Isolation::ReadCommitted);
    let mut victim = bench.begin(Isolation::ReadCommitted);
    update(&mut first, "a", Wait::Block).unwrap();
    update(&mut victim, "b", Wait::Block).unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(move || update(&mut first, "b", Wait::Block).unwrap());
        until_waiting(&bench, 1);
        assert_eq!(
            conflict(update(&mut victim, "a", Wait::Block)).sqlstate(),
            "40P01"
        );
        assert_eq!(first.join().unwrap(), Locked::Unchanged);
    });
    assert_eq!(conflict(put(&mut victim, "c", "1")).sqlstate(), "25P02");
}

#[test]
fn a_cancelled_wait_ends_with_57014() {
    let bench = Bench::with(&[("a", "1")]);
    let mut holder = bench.begin(Isolation::ReadCommitted);
    update(&mut holder, "a", Wait::Block).unwrap();
    let mut waiter = bench.begin(Isolation::ReadCommitted);
    let canceller = waiter.canceller();
    thread::scope(|scope| {
        let waiter = scope.spawn(move || conflict(update(&mut waiter, "a", Wait::Block)));
        until_waiting(&bench, 1);
        canceller.cancel();
        assert_eq!(waiter.join().unwrap().sqlstate(), "57014");
    });
    canceller.cancel();
}

/// A cancel that met no wait is for what ran then, not for the next wait.
#[test]
fn a_cancel_that_came_too_late_is_forgotten() {
    let bench = Bench::with(&[("a", "1")]);
    let mut late = bench.begin(Isolation::ReadCommitted);
    late.canceller().cancel();
    late.forget_cancel();
    assert_eq!(
        update(&mut late, "a", Wait::Block).unwrap(),
        Locked::Unchanged
    );
}

/// How long a transaction waits may be said while it is open.
#[test]
fn the_time_to_wait_for_a_lock_can_be_changed() {
    let bench = Bench::with(&[("a", "1")]);
    let mut holder = bench.begin(Isolation::ReadCommitted);
    update(&mut holder, "a", Wait::Block).unwrap();
    let mut waiter = bench.begin(Isolation::ReadCommitted);
    waiter.set_lock_timeout(Some(Duration::from_millis(1)));
    let outcome = conflict(update(&mut waiter, "a", Wait::Block));
    assert!(matches!(outcome, Conflict::LockTimeout));
}

/// FOR KEY SHARE on the parent: children go together with each other and with changes of the parent, not with
/// its removal.
#[test]
fn a_foreign_key_keeps_its_parent_there() {
    let bench = Bench::with(&[("parent", "p")]);
    let parent = key("parent");
    let mut child = bench.begin(Isolation::ReadCommitted);
    assert!(child.lock_parent(DATA, &parent).unwrap());
    let mut sibling = bench.begin(Isolation::Serializable);
    assert!(sibling.lock_parent(DATA, &parent).unwrap());
    let mut renamer = bench.begin(Isolation::ReadCommitted);
    put(&mut renamer, "parent", "renamed").unwrap();
    bench.commit(renamer).unwrap();
    let mut remover = bench.begin(Isolation::ReadCommitted);
    assert_eq!(
        conflict(update(&mut remover, "parent", Wait::NoWait)),
        Conflict::LockNotAvailable
    );
    put(&mut child, "child", "of parent").unwrap();
    bench.commit(child).unwrap();
    put(&mut sibling, "sibling", "of parent").unwrap();
    bench.commit(sibling).unwrap();
    remover.begin_statement();
    remover.remove(DATA, &parent, b"").unwrap();
    bench.commit(remover).unwrap();
    let mut late = bench.begin(Isolation::ReadCommitted);
    assert!(!late.lock_parent(DATA, &parent).unwrap());
}

#[test]
fn table_locks_separate_writers_index_builds_and_ddl() {
    let bench = Bench::new();
    let table = || Target::table(DATA, &key("table"));
    let begin = || bench.begin(Isolation::ReadCommitted);
    let (mut reader, mut writer, mut builder, mut ddl) = (begin(), begin(), begin(), begin());
    reader
        .lock(table(), LockMode::AccessShare, Wait::NoWait)
        .unwrap();
    writer
        .lock(table(), LockMode::RowExclusive, Wait::NoWait)
        .unwrap();
    let build = |t: &mut Transaction| t.lock(table(), LockMode::TableShare, Wait::NoWait);
    assert_eq!(conflict(build(&mut builder)), Conflict::LockNotAvailable);
    drop(writer);
    build(&mut builder).unwrap();
    let drop_table = |t: &mut Transaction| t.lock(table(), LockMode::AccessExclusive, Wait::NoWait);
    assert_eq!(conflict(drop_table(&mut ddl)), Conflict::LockNotAvailable);
    drop(builder);
    assert_eq!(conflict(drop_table(&mut ddl)), Conflict::LockNotAvailable);
    drop(reader);
    drop_table(&mut ddl).unwrap();
}
