//! That the state follows from the set of writes, whatever their order; ties, lists, and what is stored.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::codec::row::Width;
use crate::codec::types::{Container, Named, Plain};
use crate::wide::fields::field_key;
use proptest::prelude::*;

struct Table(Vec<(u32, Type)>);

impl Columns for Table {
    fn kind(&self, id: u32) -> Option<&Type> {
        self.0
            .iter()
            .find(|(column, _)| *column == id)
            .map(|(_, kind)| kind)
    }

    fn types(&self) -> &dyn UserTypes {
        self
    }
}

/// A user type of an int and a text.
impl UserTypes for Table {
    fn position(&self, _id: u64, _label: u32) -> Option<f64> {
        None
    }

    fn base(&self, _id: u64) -> Option<Type> {
        None
    }

    fn fields(&self, _id: u64) -> Option<Vec<(u32, Type)>> {
        Some(vec![
            (1, Type::Plain(Plain::Int4)),
            (2, Type::Plain(Plain::Text)),
        ])
    }
}

const NUMBER: u32 = 1;
const TEXT: u32 = 3;
const SET: u32 = 4;
const MAP: u32 = 6;
const LIST: u32 = 7;
const USER: u32 = 8;
const HITS: u32 = 9;

fn table() -> Table {
    let int = || Box::new(Type::Plain(Plain::Int4));
    Table(vec![
        (NUMBER, Type::Plain(Plain::Int4)),
        (TEXT, Type::Plain(Plain::Text)),
        (SET, Type::Of(Container::Set, int())),
        (
            MAP,
            Type::Map(int(), Box::new(Type::Plain(Plain::Text)), false),
        ),
        (LIST, Type::Of(Container::List, int())),
        (USER, Type::Named(Named::Composite, 300)),
        (HITS, Type::Plain(Plain::Counter)),
    ])
}

fn int(n: i32) -> Vec<u8> {
    n.to_le_bytes().to_vec()
}

/// A stored collection.
fn items(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![u8::try_from(items.len()).unwrap()];
    for item in items {
        out.push(u8::try_from(item.len() + 1).unwrap());
        out.extend_from_slice(item);
    }
    out
}

/// A stored value of the user type.
fn user(number: Option<i32>, text: Option<&str>) -> Vec<u8> {
    let number = number.map(int);
    let cell = |id, width, value| Cell {
        id,
        width,
        value,
        stamp: None,
    };
    let cells = vec![
        cell(1, Width::Four, number.as_deref()),
        cell(2, Width::Variable, text.map(str::as_bytes)),
    ];
    Row { stamp: None, cells }.encode().unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Write(Write),
    Delete(Deletion),
}

fn changes() -> impl Strategy<Value = (u32, Change)> {
    let keys = || proptest::collection::btree_set(0i32..3, 0..3);
    let map = |keys: std::collections::BTreeSet<i32>| {
        let pairs: Vec<_> = keys
            .iter()
            .flat_map(|key| [int(*key), vec![b'a'; *key as usize]])
            .collect();
        items(&pairs)
    };
    prop_oneof![
        proptest::option::of(0i32..3).prop_map(|n| (NUMBER, Change::Set(n.map(int)))),
        proptest::option::of("[ab]{0,2}")
            .prop_map(|t| (TEXT, Change::Set(t.map(String::into_bytes)))),
        keys().prop_map(|keys| (
            SET,
            Change::Set(Some(items(&keys.into_iter().map(int).collect::<Vec<_>>())))
        )),
        Just((SET, Change::Set(None))),
        Just((SET, Change::Clear)),
        (keys(), any::<bool>()).prop_map(|(keys, there)| {
            let put = |key| (int(key), there.then(Vec::new));
            (SET, Change::Put(keys.into_iter().map(put).collect()))
        }),
        keys().prop_map(move |keys| (MAP, Change::Set(Some(map(keys))))),
        (0i32..3, proptest::option::of("[ab]{0,1}")).prop_map(|(key, value)| (
            MAP,
            Change::Put(vec![(int(key), value.map(String::into_bytes))])
        )),
        (
            proptest::option::of(0i32..3),
            proptest::option::of("[ab]{0,1}")
        )
            .prop_map(|(n, text)| (USER, Change::Set(Some(user(n, text.as_deref()))))),
        Just((USER, Change::Set(None))),
        Just((USER, Change::Clear)),
        proptest::option::of(0i32..3)
            .prop_map(|n| (USER, Change::Put(vec![(field_key(1), n.map(int))]))),
        proptest::option::of("[ab]{0,1}").prop_map(|text| (
            USER,
            Change::Put(vec![(field_key(2), text.map(String::into_bytes))])
        )),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let times = 1i64..5;
    let write = (
        times.clone(),
        0u32..3,
        any::<bool>(),
        proptest::collection::btree_map(0u8..9, changes(), 0..4),
    );
    prop_oneof![
        6 => write.prop_map(|(timestamp, ttl, inserts, changes)| {
            let mut changes: Vec<_> = changes.into_values().collect();
            changes.dedup_by_key(|(id, _)| *id);
            Step::Write(Write { timestamp, ttl: ttl * 100, now: 1000, inserts, changes })
        }),
        1 => times.prop_map(|timestamp| Step::Delete(Deletion { timestamp, local: 1000 })),
    ]
}

/// The state after steps, where every deletion is remembered and applied to whatever comes later, as the partition does.
fn state(table: &Table, steps: &[Step]) -> Cells {
    let mut cells = Cells::default();
    let mut deletion: Option<Deletion> = None;
    for step in steps {
        match step {
            Step::Write(write) => {
                cells.write(table, write).unwrap();
            }
            Step::Delete(more) => deletion = deletion.max(Some(*more)),
        }
        if let Some(deletion) = deletion {
            cells.shade(deletion);
        }
        let packed = cells.encode(table).unwrap();
        assert_eq!(
            Cells::decode(table, &packed).unwrap(),
            without_nothing(&cells)
        );
    }
    without_nothing(&cells)
}

/// Columns of many cells that say nothing are not stored.
fn without_nothing(cells: &Cells) -> Cells {
    let mut cells = cells.clone();
    cells
        .columns
        .retain(|(_, column)| *column != Column::Many(Many::default()));
    cells
}

proptest! {
    #[test]
    fn the_order_of_writes_does_not_matter(
        steps in proptest::collection::vec(steps(), 1..6).prop_flat_map(|steps| (Just(steps.clone()), Just(steps).prop_shuffle())),
    ) {
        let table = table();
        prop_assert_eq!(state(&table, &steps.0), state(&table, &steps.1));
    }

    #[test]
    fn a_write_that_comes_twice_changes_nothing(steps in proptest::collection::vec(steps(), 1..5), again: prop::sample::Index) {
        let table = table();
        let twice = [&steps[..], &[again.get(&steps).clone()]].concat();
        prop_assert_eq!(state(&table, &steps), state(&table, &twice));
    }

    #[test]
    fn what_has_ended_is_not_live_and_still_counts(steps in proptest::collection::vec(steps(), 1..5)) {
        let table = table();
        let mut cells = state(&table, &steps);
        for now in [1000, 1100, 1200, 5000] {
            let was = cells.is_live(now);
            cells.settle(&table, now, 1_000_000);
            prop_assert_eq!(cells.is_live(now), was);
        }
    }
}

fn write(timestamp: i64, changes: Vec<(u32, Change)>) -> Write {
    Write {
        timestamp,
        now: 1000,
        changes,
        ..Write::default()
    }
}

fn number(cells: &Cells) -> Option<Vec<u8>> {
    cells.columns.iter().find_map(|(id, column)| match column {
        Column::One(value, _) if *id == NUMBER => value.clone(),
        _ => None,
    })
}

#[test]
fn equal_times_are_decided_by_the_greater_value_on_the_wire() {
    let table = table();
    let set = |n| write(5, vec![(NUMBER, Change::Set(Some(int(n))))]);
    let mut cells = Cells::default();
    cells.write(&table, &set(-1)).unwrap();
    // As unsigned bytes -1 is above every positive number.
    cells.write(&table, &set(7)).unwrap();
    assert_eq!(number(&cells), Some(int(-1)));
    cells
        .write(&table, &write(5, vec![(NUMBER, Change::Set(None))]))
        .unwrap();
    assert_eq!(number(&cells), None);
    cells.write(&table, &set(9)).unwrap();
    assert_eq!(number(&cells), None);
    assert!(!cells.is_live(1000));
}

#[test]
fn an_update_leaves_no_row_when_its_values_are_gone_and_an_insert_does() {
    let table = table();
    let set = |inserts| Write {
        inserts,
        ..write(5, vec![(NUMBER, Change::Set(Some(int(1))))])
    };
    let gone = write(6, vec![(NUMBER, Change::Set(None))]);
    for inserts in [false, true] {
        let mut cells = Cells::default();
        cells.write(&table, &set(inserts)).unwrap();
        cells.write(&table, &gone).unwrap();
        assert_eq!(cells.is_live(1000), inserts);
    }
}

#[test]
fn a_list_keeps_its_places() {
    let table = table();
    let mut cells = Cells::default();
    let mut list = |timestamp, change| cells.write(&table, &write(timestamp, vec![(LIST, change)]));
    list(5, Change::Set(Some(items(&[int(1), int(2)])))).unwrap();
    list(6, Change::Append(vec![int(3), int(1)])).unwrap();
    list(7, Change::Prepend(vec![int(0)])).unwrap();
    list(8, Change::SetAt(1, Some(int(9)))).unwrap();
    assert_eq!(
        list(8, Change::SetAt(5, None)),
        Err(Refused::NoElement(5, 5))
    );
    list(9, Change::RemoveValues(vec![int(1)])).unwrap();
    list(10, Change::SetAt(0, None)).unwrap();
    // Older than the elements: it says nothing about them.
    list(4, Change::Set(Some(items(&[int(8)])))).unwrap();
    let Some((_, Column::Many(many))) = cells.columns.first() else {
        unreachable!()
    };
    let values: Vec<_> = many.live(1000).map(|e| e.value.clone().unwrap()).collect();
    assert_eq!(values, [int(9), int(2), int(3)]);
}

#[test]
fn a_collection_that_becomes_null_keeps_what_was_written_at_that_time() {
    let table = table();
    let mut cells = Cells::default();
    let mut set = |change| {
        cells.write(&table, &write(5, vec![(SET, change)])).unwrap();
        cells.is_live(1000)
    };
    assert!(set(Change::Set(Some(items(&[int(1)])))));
    assert!(set(Change::Set(None)));
    assert!(!set(Change::Clear));
    assert!(!set(Change::Set(Some(items(&[int(1)])))));
}

#[test]
fn a_collection_that_was_written_whole_is_stored_without_stamps_of_its_own() {
    let table = table();
    let mut cells = Cells::default();
    cells
        .write(
            &table,
            &write(5, vec![(SET, Change::Set(Some(items(&[int(1)]))))]),
        )
        .unwrap();
    let packed = cells.encode(&table).unwrap();
    let row = Row::decode(&packed).unwrap();
    assert_eq!(row.cell(SET).unwrap().value, Some(&items(&[int(1)])[..]));
    assert_eq!(row.cell(SET).unwrap().stamp.unwrap().timestamp, 5);
}

#[test]
fn a_counter_is_the_sum_of_what_was_added_since_it_was_removed() {
    let table = table();
    let mut cells = Cells::default();
    let mut run = |timestamp, change| cells.write(&table, &write(timestamp, vec![(HITS, change)]));
    assert_eq!(
        run(1, Change::Set(Some(vec![0; 8]))),
        Err(Refused::Malformed(HITS))
    );
    run(5, Change::Add(7)).unwrap();
    run(3, Change::Add(-9)).unwrap();
    run(6, Change::Set(None)).unwrap();
    run(6, Change::Add(100)).unwrap();
    run(8, Change::Add(1)).unwrap();
    run(7, Change::Add(1)).unwrap();
    assert_eq!(
        run(9, Change::Append(Vec::new())),
        Err(Refused::Malformed(HITS))
    );
    let stamp = Stamp {
        timestamp: 8,
        ttl: None,
    };
    let sum = Some(2i64.to_le_bytes().to_vec());
    assert_eq!(cells.columns, [(HITS, Column::One(sum, stamp))]);
    assert_eq!(
        cells.write(&table, &write(9, vec![(NUMBER, Change::Add(1))])),
        Err(Refused::Malformed(NUMBER))
    );
}

#[test]
fn fields_of_a_user_type_have_times_of_their_own() {
    let table = table();
    let mut cells = Cells::default();
    let mut run = |timestamp, change| cells.write(&table, &write(timestamp, vec![(USER, change)]));
    run(5, Change::Set(Some(user(Some(1), Some("a"))))).unwrap();
    run(7, Change::Put(vec![(field_key(2), None)])).unwrap();
    run(6, Change::Put(vec![(field_key(2), Some(b"late".to_vec()))])).unwrap();
    run(8, Change::Put(vec![(field_key(1), Some(int(3)))])).unwrap();
    assert_eq!(
        run(9, Change::Put(vec![(field_key(5), None)])),
        Err(Refused::Malformed(USER))
    );
    let packed = cells.encode(&table).unwrap();
    let row = Row::decode(&packed).unwrap();
    let value = Row::decode(row.cell(USER).unwrap().value.unwrap()).unwrap();
    // As whoever knows no stamps reads it.
    assert_eq!(value.cell(1).unwrap().value, Some(&int(3)[..]));
    assert_eq!(value.cell(2).unwrap().value, None);
    assert_eq!(value.cell(1).unwrap().stamp.unwrap().timestamp, 8);
    assert_eq!(value.cell(2).unwrap().stamp.unwrap().timestamp, 7);
    assert_eq!(value.stamp.and_then(Deletion::of).unwrap().timestamp, 4);
    assert_eq!(Cells::decode(&table, &packed).unwrap(), cells);
}
