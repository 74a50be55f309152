//! Many threads on one row: progress for all, no update lost.

use crate::bench::{number, put, Bench};
use hyperdb_graph::{Conflict, Isolation, Stop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const THREADS: u64 = 64;
const ROUNDS: u64 = 5;

/// Adds one to "x", again after every transient conflict; how often it failed.
fn add_one(bench: &Bench, isolation: Isolation) -> u64 {
    let mut failed = 0;
    loop {
        let mut transaction = bench.begin(isolation);
        let outcome = transaction
            .statement(|transaction| {
                let seen = number(transaction, "x");
                put(transaction, "x", &(seen + 1).to_string())
            })
            .and_then(|()| bench.commit(transaction));
        match outcome {
            Ok(_) => return failed,
            Err(Stop::Conflict(Conflict::Serialization(_))) => failed += 1,
            Err(stop) => panic!("{stop}"),
        }
    }
}

fn storm(isolation: Isolation) -> u64 {
    let bench = Bench::with(&[("x", "0")]);
    let failed = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    failed.fetch_add(add_one(&bench, isolation), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(bench.value("x"), Some((THREADS * ROUNDS).to_string()));
    bench.assert_no_locks();
    failed.into_inner()
}

#[test]
fn read_committed_waits_and_never_fails() {
    assert_eq!(storm(Isolation::ReadCommitted), 0);
}

#[test]
fn repeatable_read_tries_again_and_gets_there() {
    storm(Isolation::RepeatableRead);
}

#[test]
fn serializable_tries_again_and_gets_there() {
    storm(Isolation::Serializable);
}
