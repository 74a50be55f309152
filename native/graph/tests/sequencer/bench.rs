//! A store in a directory of its own, with the shorthand that these tests share.

use hyperdb_graph::{
    Commit, Conflict, Family, Isolation, Options, Step, Stop, Store, Target, Transaction,
    TransactionOptions,
};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

pub const DATA: Family = Family::DATA;

/// An app number far from those that the store hands out: its keys are nobody else's.
const PREFIX: &[u8] = &[200, 3];

pub struct Bench {
    pub store: Store,
    dir: PathBuf,
}

impl Bench {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("hyperdb-sequencer-{}-{number}", std::process::id()));
        let store = Store::open(&dir, Options::default()).unwrap();
        Self { store, dir }
    }

    /// With these rows committed and durable.
    pub fn with(rows: &[(&str, &str)]) -> Self {
        let bench = Self::new();
        let mut setup = bench.begin(Isolation::ReadCommitted);
        for (name, value) in rows {
            setup.put(DATA, &key(name), value.as_bytes()).unwrap();
        }
        bench.commit(setup).unwrap();
        bench
    }

    pub fn begin(&self, isolation: Isolation) -> Transaction {
        self.store.begin(TransactionOptions {
            isolation,
            ..TransactionOptions::default()
        })
    }

    /// Commits, and waits until others can see it.
    pub fn commit(&self, transaction: Transaction) -> Step<Commit> {
        let commit = transaction.commit()?;
        self.store.db().wait_durable(commit)?;
        Ok(commit)
    }

    pub fn value(&self, name: &str) -> Option<String> {
        get(&self.begin(Isolation::RepeatableRead), name)
    }

    pub fn assert_no_locks(&self) {
        for (gauge, value) in self.store.lock_gauges() {
            assert_eq!(value, 0, "{gauge}");
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // The directory may never have been made; that is as good as gone.
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

pub fn key(name: &str) -> Vec<u8> {
    [PREFIX, name.as_bytes()].concat()
}

pub fn row(name: &str) -> Target {
    Target::row(DATA, &key(name))
}

pub fn get(transaction: &Transaction, name: &str) -> Option<String> {
    let value = transaction.get(DATA, &key(name)).unwrap()?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}

pub fn put(transaction: &mut Transaction, name: &str, value: &str) -> Step<()> {
    transaction.put(DATA, &key(name), value.as_bytes())
}

/// The names and values under `prefix`, in order.
pub fn scan(transaction: &Transaction, prefix: &str) -> Vec<(String, String)> {
    let range = hyperdb_graph::KeyRange::prefix(&key(prefix));
    let mut walk = transaction
        .scan(DATA, range, hyperdb_graph::Direction::Forward)
        .unwrap();
    let mut rows = Vec::new();
    while let Some((key, value)) = walk.next().unwrap() {
        let name = String::from_utf8(key[PREFIX.len()..].to_vec()).unwrap();
        rows.push((name, String::from_utf8(value.to_vec()).unwrap()));
    }
    rows
}

/// The conflict that a step ended with.
pub fn conflict<T: std::fmt::Debug>(step: Step<T>) -> Conflict {
    match step {
        Err(Stop::Conflict(conflict)) => conflict,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

pub fn number(transaction: &Transaction, name: &str) -> i64 {
    get(transaction, name).map_or(0, |text| text.parse().unwrap())
}
