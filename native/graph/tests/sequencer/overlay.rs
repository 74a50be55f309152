//! Own writes over the snapshot: reads, walks in both directions, savepoints; against a model.

use crate::bench::{conflict, get, key, put, row, scan, Bench, DATA};
use hyperdb_graph::{Conflict, Direction, Isolation, KeyRange, LockMode, Transaction, Wait};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[test]
fn multi_get_keeps_the_order_asked() {
    let bench = Bench::with(&[("a", "1"), ("b", "2"), ("c", "3")]);
    let mut transaction = bench.begin(Isolation::Serializable);
    put(&mut transaction, "b", "own").unwrap();
    transaction.remove(DATA, &key("c"), b"").unwrap();
    let keys: Vec<Vec<u8>> = ["c", "b", "missing", "a", "b"].map(key).into();
    let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let found: Vec<Option<Vec<u8>>> = transaction
        .multi_get(DATA, &keys)
        .unwrap()
        .into_iter()
        .map(|value| value.map(|value| value.to_vec()))
        .collect();
    let own = Some(b"own".to_vec());
    assert_eq!(found, [None, own.clone(), None, Some(b"1".to_vec()), own]);
}

#[test]
fn savepoints_nest_and_give_back_writes_and_locks() {
    let bench = Bench::with(&[("a", "1"), ("b", "1")]);
    let mut transaction = bench.begin(Isolation::RepeatableRead);
    put(&mut transaction, "a", "2").unwrap();
    let outer = transaction.savepoint().unwrap();
    put(&mut transaction, "a", "3").unwrap();
    let inner = transaction.savepoint().unwrap();
    put(&mut transaction, "b", "9").unwrap();
    transaction.rollback_to(inner).unwrap();
    assert_eq!(get(&transaction, "b").as_deref(), Some("1"));
    assert_eq!(get(&transaction, "a").as_deref(), Some("3"));

    let mut other = bench.begin(Isolation::RepeatableRead);
    other
        .lock(row("b"), LockMode::Update, Wait::NoWait)
        .unwrap();
    assert_eq!(
        conflict(other.lock(row("a"), LockMode::Update, Wait::NoWait)),
        Conflict::LockNotAvailable
    );

    transaction.rollback_to(outer).unwrap();
    assert_eq!(get(&transaction, "a").as_deref(), Some("2"));
    assert_eq!(
        conflict(transaction.rollback_to(inner)),
        Conflict::NoSavepoint
    );
    let again = transaction.savepoint().unwrap();
    put(&mut transaction, "a", "4").unwrap();
    transaction.release(again).unwrap();
    assert_eq!(conflict(transaction.release(again)), Conflict::NoSavepoint);
    transaction.rollback_to(outer).unwrap();
    transaction.release(outer).unwrap();
    bench.commit(transaction).unwrap();
    drop(other);
    assert_eq!(bench.value("a").as_deref(), Some("2"));
    assert_eq!(bench.value("b").as_deref(), Some("1"));
    bench.assert_no_locks();
}

#[test]
fn a_savepoint_heals_a_failed_transaction() {
    let bench = Bench::with(&[("a", "1"), ("b", "1")]);
    let mut transaction = bench.begin(Isolation::RepeatableRead);
    put(&mut transaction, "b", "2").unwrap();
    let savepoint = transaction.savepoint().unwrap();
    let mut other = bench.begin(Isolation::RepeatableRead);
    put(&mut other, "a", "2").unwrap();
    bench.commit(other).unwrap();
    assert!(matches!(
        conflict(put(&mut transaction, "a", "3")),
        Conflict::Serialization(_)
    ));
    assert_eq!(
        conflict(put(&mut transaction, "b", "3")),
        Conflict::InFailedTransaction
    );
    transaction.rollback_to(savepoint).unwrap();
    bench.commit(transaction).unwrap();
    assert_eq!(bench.value("a").as_deref(), Some("2"));
    assert_eq!(bench.value("b").as_deref(), Some("2"));
}

#[derive(Clone, Debug)]
enum Act {
    Put(u8, u8),
    Remove(u8),
    Savepoint,
    RollbackTo(usize),
    Release(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0u8..12, any::<u8>()).prop_map(|(k, v)| Act::Put(k, v)),
        2 => (0u8..12).prop_map(Act::Remove),
        1 => Just(Act::Savepoint),
        1 => (0usize..4).prop_map(Act::RollbackTo),
        1 => (0usize..4).prop_map(Act::Release),
    ]
}

fn walk(
    transaction: &Transaction,
    range: KeyRange,
    direction: Direction,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let mut walk = transaction.scan(DATA, range, direction).unwrap();
    while let Some((key, value)) = walk.next().unwrap() {
        rows.push((key.to_vec(), value.to_vec()));
    }
    rows
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is written, taken back and kept, the transaction reads like a map, and its commit makes it so.
    #[test]
    fn a_transaction_is_a_map(
        before in proptest::collection::vec((0u8..12, any::<u8>()), 0..8),
        acts in proptest::collection::vec(act(), 0..40),
        bounds in (0u8..13, 0u8..13),
    ) {
        let name = |k: u8| key(&format!("m/{k:02}"));
        let bench = Bench::new();
        let mut model = Model::new();
        let mut setup = bench.begin(Isolation::ReadCommitted);
        for (k, v) in before {
            setup.put(DATA, &name(k), &[v]).unwrap();
            model.insert(name(k), vec![v]);
        }
        bench.commit(setup).unwrap();
        let mut transaction = bench.begin(Isolation::Serializable);
        let mut savepoints: Vec<(hyperdb_graph::sequencer::Savepoint, Model)> = Vec::new();
        for act in acts {
            match act {
                Act::Put(k, v) => {
                    let is_new = transaction.get(DATA, &name(k)).unwrap().is_none();
                    if is_new {
                        transaction.insert(DATA, &name(k), &[v]).unwrap();
                    } else {
                        transaction.put(DATA, &name(k), &[v]).unwrap();
                    }
                    model.insert(name(k), vec![v]);
                }
                Act::Remove(k) => {
                    transaction.remove(DATA, &name(k), b"").unwrap();
                    model.remove(&name(k));
                }
                Act::Savepoint => {
                    savepoints.push((transaction.savepoint().unwrap(), model.clone()));
                }
                Act::RollbackTo(at) => {
                    if let Some((savepoint, then)) = savepoints.get(at).cloned() {
                        transaction.rollback_to(savepoint).unwrap();
                        model = then;
                        savepoints.truncate(at + 1);
                    }
                }
                Act::Release(at) => {
                    if let Some((savepoint, _)) = savepoints.get(at) {
                        transaction.release(*savepoint).unwrap();
                        savepoints.truncate(at);
                    }
                }
            }
        }
        let range = KeyRange::between(&name(bounds.0), &name(bounds.1));
        let mut expected: Vec<(Vec<u8>, Vec<u8>)> = if bounds.0 < bounds.1 {
            model.range(name(bounds.0)..name(bounds.1)).map(|(k, v)| (k.clone(), v.clone())).collect()
        } else {
            Vec::new()
        };
        prop_assert_eq!(&walk(&transaction, range.clone(), Direction::Forward), &expected);
        expected.reverse();
        prop_assert_eq!(&walk(&transaction, range, Direction::Reverse), &expected);
        bench.commit(transaction).unwrap();
        let after = bench.begin(Isolation::RepeatableRead);
        let all = walk(&after, KeyRange::prefix(&key("m/")), Direction::Forward);
        prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        bench.assert_no_locks();
    }
}

#[test]
fn an_insert_that_was_removed_again_is_not_there() {
    let bench = Bench::new();
    let mut transaction = bench.begin(Isolation::Serializable);
    transaction.insert(DATA, &key("a"), b"1").unwrap();
    transaction.remove(DATA, &key("a"), b"").unwrap();
    put(&mut transaction, "b", "1").unwrap();
    assert_eq!(scan(&transaction, "").len(), 1);
    bench.commit(transaction).unwrap();
    assert_eq!(bench.value("a"), None);
}
