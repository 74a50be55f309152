//! Rows by their whole key, and rows in bulk: equal to what one row after the other gives.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "catalog/shop.rs"]
mod shop;

use hyperdb_graph::catalog::words::NullOrder;
use hyperdb_graph::relation::{Bulk, Layout, Limits, Slots, Twice, Violation, Way};
use hyperdb_graph::{Conflict, Direction, LockMode, Stop, Transaction};
use proptest::prelude::*;
use shop::{index, table, Shop};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Memory that a test's load takes: a few rows, so that runs are written and merged.
const LITTLE: usize = 900;

fn bytes(text: Option<&str>) -> Option<Vec<u8>> {
    text.map(|text| text.as_bytes().to_vec())
}

fn row(id: i64, name: Option<&str>, note: Option<&str>) -> Slots {
    vec![Some(id.to_le_bytes().to_vec()), bytes(name), bytes(note)]
}

fn key(id: i64) -> Slots {
    vec![Some(id.to_le_bytes().to_vec())]
}

struct World {
    shop: Shop,
    layout: Arc<Layout>,
}

/// A table with a unique index on `name` and one on `note`.
fn world() -> World {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    for (name, column, unique) in [("names", 2, true), ("notes", 3, false)] {
        let mut record = index(shop.app, name, number, column);
        record.unique = unique;
        record.columns[0].nulls = NullOrder::Last;
        shop.make(record);
    }
    let layout = Layout::of(&Arc::new(shop.image()), number, Vec::new()).unwrap();
    World {
        shop,
        layout: Arc::new(layout),
    }
}

impl World {
    fn add(&self, rows: &[Slots]) {
        let mut tx = self.shop.begin();
        self.layout.claim(&mut tx).unwrap();
        let mut opened = self.layout.open(&tx).unwrap();
        for row in rows {
            self.layout
                .insert(&mut tx, &mut opened, row)
                .unwrap()
                .unwrap();
        }
        self.shop.commit(tx);
    }

    fn remove(&self, row: &Slots) {
        let mut tx = self.shop.begin();
        let mut opened = self.layout.open(&tx).unwrap();
        self.layout.remove(&mut tx, &mut opened, row).unwrap();
        self.shop.commit(tx);
    }

    /// All rows by the key, or by an index.
    fn rows(&self, tx: &mut Transaction, index: Option<usize>) -> Vec<Slots> {
        let way = Way {
            index,
            limits: Limits::default(),
            direction: Direction::Forward,
            settled: false,
        };
        let opened = self.layout.open(tx).unwrap();
        let page = self
            .layout
            .page(tx, &opened, &way, None, usize::MAX)
            .unwrap();
        let unpack = |packed: &Vec<u8>| {
            let values = self.layout.unpack(packed).unwrap();
            values
                .iter()
                .map(|value| value.map(<[u8]>::to_vec))
                .collect()
        };
        page.rows.iter().map(unpack).collect()
    }

    fn load(&self, rows: &[Slots], memory: usize) -> Result<Transaction, Twice> {
        let mut tx = self.shop.begin();
        let statement = tx.open_statement();
        let mut bulk = Bulk::begin(&mut tx, &self.layout, memory).unwrap().unwrap();
        rows.iter().for_each(|row| bulk.add(row).unwrap());
        assert_eq!(bulk.count(), rows.len() as u64);
        let done = bulk.finish(&mut tx).unwrap();
        tx.close_statement(statement, done.is_ok());
        done.map(|()| tx)
    }

    fn count(&self) -> u64 {
        self.layout.estimate(&self.shop.begin()).unwrap()
    }
}

type Plain = (i64, Option<String>, Option<String>);

fn plain() -> impl Strategy<Value = Vec<Plain>> {
    let word = |from: &'static str| {
        prop::option::of(prop::sample::select(
            from.split(' ').map(str::to_owned).collect::<Vec<_>>(),
        ))
    };
    let names = word("a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd ee ff gg");
    prop::collection::vec((0i64..60, names, word("x y z")), 0..14)
}

/// Adds rows to a model as a database would: what is there twice, if anything.
fn model_add(model: &mut BTreeMap<i64, Slots>, rows: &[Slots]) -> bool {
    for row in rows {
        let id = i64::from_le_bytes(row[0].clone().unwrap().try_into().unwrap());
        let named = row[1].is_some() && model.values().any(|other| other[1] == row[1]);
        if named || model.insert(id, row.clone()).is_some() {
            return false;
        }
    }
    true
}

fn slots(rows: &[Plain]) -> Vec<Slots> {
    rows.iter()
        .map(|(id, name, note)| row(*id, name.as_deref(), note.as_deref()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_load_is_the_same_rows_or_the_same_refusal(
        before in plain(), gone in prop::collection::vec(0i64..60, 0..10), loads in prop::collection::vec(plain(), 1..4),
        memory in prop::sample::select(vec![1, LITTLE, 1 << 20]), flushes in any::<bool>(),
    ) {
        let world = world();
        let mut model = BTreeMap::new();
        for row in slots(&before) {
            let mut next = model.clone();
            if model_add(&mut next, std::slice::from_ref(&row)) {
                world.add(&[row]);
                model = next;
            }
        }
        for id in gone {
            if let Some(row) = model.remove(&id) {
                world.remove(&row);
            }
        }
        if flushes {
            world.shop.store.db().flush().unwrap();
        }
        for rows in loads {
            let rows = slots(&rows);
            let mut next = model.clone();
            let fits = model_add(&mut next, &rows);
            let loaded = world.load(&rows, memory);
            prop_assert_eq!(loaded.is_ok(), fits);
            match loaded {
                Ok(tx) => {
                    let mut others = world.shop.begin();
                    prop_assert_eq!(world.rows(&mut others, None), model.into_values().collect::<Vec<_>>());
                    world.shop.commit(tx);
                    model = next;
                }
                Err(twice) if twice.index == 0 => {
                    let id = i64::from_le_bytes(twice.values[0].clone().unwrap().try_into().unwrap());
                    let times = rows.iter().filter(|row| row[0] == twice.values[0]).count();
                    prop_assert!(times + usize::from(model.contains_key(&id)) > 1);
                }
                Err(twice) => {
                    let times = rows.iter().chain(model.values()).filter(|row| row[1] == twice.values[0]).count();
                    prop_assert!(times > 1 && twice.values[0].is_some());
                }
            }
            let mut tx = world.shop.begin();
            let expected: Vec<Slots> = model.values().cloned().collect();
            prop_assert_eq!(world.rows(&mut tx, None), expected.clone());
            prop_assert_eq!(world.count(), model.len() as u64);
            for index in 0..2 {
                let mut by_index = expected.clone();
                let place = |row: &Slots| (row[index + 1].is_none(), row[index + 1].clone());
                by_index.sort_by_key(place);
                prop_assert_eq!(world.rows(&mut tx, Some(index)), by_index);
            }
        }
        let wrong = world.shop.store.db().check(&mut |_, _| {}).unwrap();
        prop_assert!(wrong.is_empty());
    }
}

#[test]
fn what_follows_a_load_in_its_transaction_sees_it() {
    let world = world();
    let rows = [row(2, Some("b"), None), row(1, Some("a"), Some("x"))];
    let mut tx = world.load(&rows, LITTLE).unwrap();
    assert!(tx.has_loaded());
    let point = tx.savepoint().unwrap();
    assert!(!tx.has_loaded(), "a savepoint may be gone back to");
    assert_eq!(world.rows(&mut tx, None).len(), 2);
    tx.rollback_to(point).unwrap();
    assert_eq!(world.rows(&mut tx, Some(0)).len(), 2);
    world.shop.commit(tx);
    assert_eq!(
        (
            world.rows(&mut world.shop.begin(), Some(1)).len(),
            world.count()
        ),
        (2, 2)
    );
}

#[test]
fn a_load_that_is_taken_back_leaves_nothing() {
    let world = world();
    let mut tx = world.shop.begin();
    let statement = tx.open_statement();
    let mut bulk = Bulk::begin(&mut tx, &world.layout, LITTLE)
        .unwrap()
        .unwrap();
    (0..50).for_each(|id| bulk.add(&row(id, None, None)).unwrap());
    bulk.finish(&mut tx).unwrap().unwrap();
    tx.close_statement(statement, false);
    assert!(!tx.has_loaded());
    world.shop.commit(tx);
    let mut tx = world.load(&[row(1, None, None)], LITTLE).unwrap();
    tx.pour().unwrap();
    drop(tx);
    drop(world.load(&[row(1, None, None)], LITTLE).unwrap());
    assert_eq!(
        (
            world.rows(&mut world.shop.begin(), None).len(),
            world.count()
        ),
        (0, 0)
    );
}

#[test]
fn a_table_that_somebody_writes_is_not_loaded_into_and_waits_for_who_loads() {
    let world = world();
    let mut writing = world.shop.begin();
    world.layout.claim(&mut writing).unwrap();
    let mut tx = world.shop.begin();
    assert!(Bulk::begin(&mut tx, &world.layout, LITTLE)
        .unwrap()
        .is_none());
    drop((writing, tx));
    let loading = world.load(&[row(1, None, None)], LITTLE).unwrap();
    let mut writing = world.shop.begin();
    let bell = Bell::default();
    writing.set_bell(bell.clone().ring());
    assert!(waits(&world.layout.claim(&mut writing)));
    world.shop.commit(loading);
    assert_eq!(bell.rung(), 1);
    writing.begin_statement();
    world.layout.claim(&mut writing).unwrap();
    let mut opened = world.layout.open(&writing).unwrap();
    let again = world
        .layout
        .insert(&mut writing, &mut opened, &row(1, None, None));
    assert_eq!(again.unwrap(), Err(Violation { index: 0 }));
}

// One row by its whole key.

#[test]
fn a_row_is_found_by_its_key_and_by_a_unique_index_or_not_at_all() {
    let world = world();
    world.add(&[row(1, Some("a"), None), row(2, None, None)]);
    let layout = &world.layout;
    let mut tx = world.shop.begin();
    let opened = layout.open(&tx).unwrap();
    let mut find = |index, values: Slots| {
        let found = layout
            .find(&mut tx, &opened, index, &values, None)
            .unwrap()?;
        layout.unpack(&found).unwrap()[0].map(<[u8]>::to_vec)
    };
    assert_eq!(find(None, key(1)), key(1)[0]);
    assert_eq!(find(None, key(3)), None);
    assert_eq!(find(Some(0), vec![bytes(Some("a"))]), key(1)[0]);
    assert_eq!(find(Some(0), vec![bytes(Some("b"))]), None);
    let short = layout.find(&mut tx, &opened, None, &[], None);
    assert!(matches!(short, Err(Stop::Failed(_))), "not the whole key");
    let header = layout.header_key(world.shop.store.hash_key());
    let peeked = world.shop.store.db().glance(|glance| {
        [1, 3].map(|id| {
            layout
                .peek(glance, &header, &key(id), |row| row.is_some())
                .unwrap()
        })
    });
    assert_eq!(peeked.unwrap(), [Some(true), Some(false)]);
}

#[test]
fn a_locked_row_is_the_newest_and_one_that_left_its_index_begins_again() {
    let world = world();
    let layout = &world.layout;
    world.add(&[row(1, Some("a"), None)]);
    let mut tx = world.shop.begin();
    let opened = layout.open(&tx).unwrap();
    let replace = |old: &Slots, new: &Slots| {
        let mut other = world.shop.begin();
        let mut opened = layout.open(&other).unwrap();
        layout
            .replace(&mut other, &mut opened, old, new)
            .unwrap()
            .unwrap();
        world.shop.commit(other);
    };
    replace(&row(1, Some("a"), None), &row(1, Some("a"), Some("new")));
    let seen = layout
        .find(&mut tx, &opened, None, &key(1), None)
        .unwrap()
        .unwrap();
    assert_eq!(
        layout.unpack(&seen).unwrap()[2],
        None,
        "what the statement sees"
    );
    let mode = Some(LockMode::NoKeyUpdate);
    let locked = layout.find(&mut tx, &opened, Some(0), &[bytes(Some("a"))], mode);
    assert_eq!(
        layout.unpack(&locked.unwrap().unwrap()).unwrap()[2],
        Some(&b"new"[..])
    );
    drop(tx);
    let mut tx = world.shop.begin();
    replace(&row(1, Some("a"), Some("new")), &row(1, Some("b"), None));
    let left = layout.find(&mut tx, &opened, Some(0), &[bytes(Some("a"))], mode);
    assert!(matches!(left, Err(Stop::Conflict(Conflict::RowChanged))));
    tx.begin_statement();
    assert_eq!(
        layout
            .find(&mut tx, &opened, Some(0), &[bytes(Some("a"))], mode)
            .unwrap(),
        None
    );
}

// Locks that are parked.

#[derive(Clone, Default)]
struct Bell(Arc<std::sync::atomic::AtomicUsize>);

impl Bell {
    fn ring(self) -> Arc<dyn Fn() + Send + Sync> {
        Arc::new(move || {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        })
    }

    fn rung(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

fn waits<T>(step: &Result<T, Stop>) -> bool {
    matches!(step, Err(Stop::Conflict(Conflict::WouldWait(_))))
}

/// Adds to the note of row 1 in an open statement.
fn append(world: &World, tx: &mut Transaction, text: &str) -> Result<(), Stop> {
    let opened = world.layout.open(tx)?;
    let mode = Some(LockMode::NoKeyUpdate);
    let found = world
        .layout
        .find(tx, &opened, None, &key(1), mode)?
        .unwrap();
    let values = world.layout.unpack(&found).unwrap();
    let old: Slots = values
        .iter()
        .map(|value| value.map(<[u8]>::to_vec))
        .collect();
    let mut new = old.clone();
    new[2] = Some([old[2].clone().unwrap_or_default(), text.as_bytes().to_vec()].concat());
    let mut opened = opened;
    world.layout.replace(tx, &mut opened, &old, &new)?.unwrap();
    Ok(())
}

fn note(world: &World) -> Vec<u8> {
    world.rows(&mut world.shop.begin(), None)[0][2]
        .clone()
        .unwrap_or_default()
}

#[test]
fn who_parks_is_told_once_and_decides_on_the_newest_version() {
    let world = world();
    world.add(&[row(1, None, None)]);
    let bell = Bell::default();
    let mut first = world.shop.begin();
    append(&world, &mut first, "a").unwrap();
    let mut parked = world.shop.begin();
    parked.set_bell(bell.clone().ring());
    let statement = parked.open_statement();
    assert!(waits(&append(&world, &mut parked, "b")));
    parked.close_statement(statement, false);
    let statement = parked.open_statement();
    assert!(
        waits(&append(&world, &mut parked, "b")),
        "its place is kept, and still not its turn"
    );
    parked.close_statement(statement, false);
    assert_eq!(bell.rung(), 0);
    world.shop.commit(first);
    assert_eq!(bell.rung(), 1);
    // What it holds now was superseded while it stood in line.
    let statement = parked.open_statement();
    append(&world, &mut parked, "b").unwrap();
    parked.close_statement(statement, true);
    world.shop.commit(parked);
    assert_eq!(note(&world), b"ab");
}

#[test]
fn a_place_in_line_is_left_when_something_else_is_asked_for_or_the_transaction_ends() {
    let world = world();
    world.add(&[row(1, None, None), row(2, None, None)]);
    let mut first = world.shop.begin();
    append(&world, &mut first, "a").unwrap();
    let bells = [Bell::default(), Bell::default()];
    let mut parked = bells.clone().map(|bell| {
        let mut tx = world.shop.begin();
        tx.set_bell(bell.ring());
        assert!(waits(&append(&world, &mut tx, "x")));
        tx
    });
    assert_eq!(world.shop.store.lock_gauges()[1].1, 2, "two wait");
    let opened = world.layout.open(&parked[0]).unwrap();
    let mode = Some(LockMode::Update);
    world
        .layout
        .find(&mut parked[0], &opened, None, &key(2), mode)
        .unwrap()
        .unwrap();
    assert_eq!(
        world.shop.store.lock_gauges()[1].1,
        1,
        "one has left for another row"
    );
    parked[1].canceller().cancel();
    assert_eq!(bells[1].rung(), 1, "a cancel wakes, too");
    let cancelled = append(&world, &mut parked[1], "x");
    assert!(matches!(
        cancelled,
        Err(Stop::Conflict(Conflict::Cancelled))
    ));
    drop(parked);
    assert_eq!(world.shop.store.lock_gauges()[1].1, 0);
    world.shop.commit(first);
    assert_eq!((note(&world), bells[0].rung()), (b"a".to_vec(), 0));
}

#[test]
fn a_parked_transaction_that_closes_a_cycle_fails() {
    let world = world();
    world.add(&[row(1, None, None), row(2, None, None)]);
    let lock = |tx: &mut Transaction, id| {
        let opened = world.layout.open(tx)?;
        world
            .layout
            .find(tx, &opened, None, &key(id), Some(LockMode::Update))
            .map(|_| ())
    };
    let mut pair = [world.shop.begin(), world.shop.begin()];
    for (tx, id) in pair.iter_mut().zip([1, 2]) {
        tx.set_bell(Bell::default().ring());
        lock(tx, id).unwrap();
    }
    let [one, other] = &mut pair;
    assert!(waits(&lock(one, 2)));
    assert!(matches!(
        lock(other, 1),
        Err(Stop::Conflict(Conflict::Deadlock(_)))
    ));
    lock(one, 2).unwrap();
}
