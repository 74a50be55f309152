//! Indexes and views of tables by token against scans, and reads of many slices against filtered scans.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "catalog/shop.rs"]
#[allow(dead_code)]
mod shop;

use hyperdb_graph::catalog::objects::{Index, KeyColumn, Setting, Source, Table};
use hyperdb_graph::catalog::words::{CollectionPart, RowOrder};
use hyperdb_graph::codec::row::Row;
use hyperdb_graph::codec::types::{Container, Plain, Type};
use hyperdb_graph::wide::cells::{Change, Write};
use hyperdb_graph::wide::index::Lookup;
use hyperdb_graph::wide::layout::{Slice, WideLayout};
use hyperdb_graph::wide::partition::Moment;
use hyperdb_graph::wide::read::{Amount, Reach, Wanted};
use hyperdb_graph::wide::show::{Ask, Shown};
use hyperdb_graph::wide::stamp::Deletion;
use hyperdb_lsm::Direction;
use proptest::prelude::*;
use shop::{column, text, Shop};
use std::collections::BTreeSet;
use std::sync::Arc;

const NOW: i64 = 1_000;
const P: u32 = 1;
const A: u32 = 2;
const FIXED: u32 = 3;
const X: u32 = 4;
const TAGS: u32 = 5;
const PAIRS: u32 = 6;

/// What each index is of, in their order.
const INDEXES: [(u32, CollectionPart); 7] = [
    (X, CollectionPart::Whole),
    (TAGS, CollectionPart::Values),
    (PAIRS, CollectionPart::Keys),
    (PAIRS, CollectionPart::Values),
    (PAIRS, CollectionPart::Entries),
    (FIXED, CollectionPart::Whole),
    (A, CollectionPart::Whole),
];

fn moment(now: i64) -> Moment {
    Moment {
        now,
        grace: 864_000,
    }
}

fn table(app: u32) -> Table {
    let int = || Type::Plain(Plain::Int4);
    let mut fixed = column(FIXED, "s", text());
    fixed.is_static = true;
    let key = KeyColumn {
        column: A,
        ..KeyColumn::default()
    };
    Table {
        app,
        name: "events".into(),
        order: RowOrder::Token,
        columns: vec![
            column(P, "p", int()),
            column(A, "a", int()),
            fixed,
            column(X, "x", int()),
            column(TAGS, "tags", Type::Of(Container::Set, Box::new(int()))),
            column(
                PAIRS,
                "pairs",
                Type::Map(Box::new(int()), Box::new(int()), false),
            ),
        ],
        next_column: 7,
        partition: vec![P],
        key: vec![key],
        ..Table::default()
    }
}

fn index(app: u32, table: u64, at: usize) -> Index {
    let (column, part) = INDEXES[at];
    Index {
        app,
        name: format!("events_{at}"),
        table,
        columns: vec![KeyColumn {
            column,
            part,
            ..KeyColumn::default()
        }],
        ..Index::default()
    }
}

/// By `x`, then `a` and `p`; of rows whose `a` is 1 at least and no 3.
fn view(app: u32, base: u64) -> Table {
    let int = || Type::Plain(Plain::Int4);
    let key = |column| KeyColumn {
        column,
        ..KeyColumn::default()
    };
    let condition = |value: &str| Setting {
        name: "condition".into(),
        value: value.into(),
        ..Setting::default()
    };
    Table {
        app,
        name: "by_x".into(),
        order: RowOrder::Token,
        columns: vec![
            column(1, "x", int()),
            column(2, "p", int()),
            column(3, "a", int()),
            column(4, "tags", Type::Of(Container::Set, Box::new(int()))),
        ],
        next_column: 5,
        partition: vec![1],
        key: vec![key(3), key(2)],
        options: vec![
            condition("2 >= 00000001"),
            condition("2 IN 00000000,00000001,00000002"),
        ],
        source: Source {
            base,
            ..Source::default()
        },
        ..Table::default()
    }
}

fn wire(n: i32) -> Vec<u8> {
    n.to_be_bytes().to_vec()
}

fn stored(n: i32) -> Vec<u8> {
    n.to_le_bytes().to_vec()
}

#[derive(Clone, Debug)]
enum Op {
    Write(i32, Option<i32>, u32, Vec<(u32, Change)>),
    Remove(i32, i32),
    Slice(i32, i32),
    All(i32),
}

fn change() -> impl Strategy<Value = (u32, Change)> {
    let small = || 0i32..3;
    let element = |n: i32, value: Option<Vec<u8>>| vec![(stored(n), value)];
    prop_oneof![
        proptest::option::of(small()).prop_map(|n| (X, Change::Set(n.map(stored)))),
        (small(), any::<bool>())
            .prop_map(move |(n, there)| (TAGS, Change::Put(element(n, there.then(Vec::new))))),
        Just((TAGS, Change::Set(None))),
        (small(), proptest::option::of(small()))
            .prop_map(move |(n, value)| (PAIRS, Change::Put(element(n, value.map(stored))))),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let p = || 0i32..3;
    let a = || 0i32..4;
    let ttl = prop_oneof![3 => Just(0u32), 1 => Just(50)];
    prop_oneof![
        6 => (p(), a(), ttl, proptest::collection::vec(change(), 0..3))
            .prop_map(|(p, a, ttl, changes)| Op::Write(p, Some(a), ttl, changes)),
        1 => (p(), proptest::option::of(0i32..3)).prop_map(|(p, n)| {
            let value = n.map(|n| n.to_string().into_bytes());
            Op::Write(p, None, 0, vec![(FIXED, Change::Set(value))])
        }),
        1 => (p(), a()).prop_map(|(p, a)| Op::Remove(p, a)),
        1 => (p(), a()).prop_map(|(p, a)| Op::Slice(p, a)),
        1 => p().prop_map(Op::All),
    ]
}

struct Bench {
    shop: Shop,
    number: u64,
    layout: WideLayout,
}

impl Bench {
    fn new() -> Self {
        let shop = Shop::new();
        let number = shop.make(table(shop.app.0));
        let layout = WideLayout::of(&Arc::new(shop.image()), number).unwrap();
        Self {
            shop,
            number,
            layout,
        }
    }

    fn make_index(&mut self, at: usize) {
        let index = index(self.shop.app.0, self.number, at);
        let mut making = self.shop.begin();
        let made = self.shop.catalog(&mut making).create(index).unwrap();
        self.shop.commit(making);
        self.layout = WideLayout::of(&Arc::new(self.shop.image()), self.number).unwrap();
        let mut filling = self.shop.begin();
        let mut opened = self.layout.open(&filling).unwrap();
        let place = self
            .layout
            .indexes
            .iter()
            .position(|index| index.number == made);
        self.layout
            .fill(&mut filling, &mut opened, place.unwrap())
            .unwrap();
        self.shop.commit(filling);
    }

    fn make_view(&mut self) {
        let made = self.shop.make(view(self.shop.app.0, self.number));
        self.layout = WideLayout::of(&Arc::new(self.shop.image()), self.number).unwrap();
        assert_eq!(self.layout.views.len(), 1);
        assert_eq!(self.layout.views[0].layout.number, made);
        let mut filling = self.shop.begin();
        let mut opened = self.layout.open(&filling).unwrap();
        self.layout.fill_view(&mut filling, &mut opened, 0).unwrap();
        self.shop.commit(filling);
    }

    /// Rows of a table with the times of what they hold, as they lie.
    fn shown(&self, layout: &WideLayout, ids: [u32; 4]) -> Vec<Vec<(Shown, Shown)>> {
        let transaction = self.shop.begin();
        let opened = layout.open(&transaction).unwrap();
        let amount = Amount {
            limit: 100,
            per_partition: None,
            now: NOW,
        };
        let all = Reach::Tokens(None, None);
        let page = layout.read(
            &transaction,
            &opened,
            &all,
            Direction::Forward,
            None,
            amount,
        );
        let rows = page.unwrap().unwrap().rows;
        assert!(layout.number == self.number || opened.rows.count == rows.len() as u64);
        let show = |packed: &Vec<u8>| {
            let row = Row::decode(packed).unwrap();
            let of = |id: u32, ask| layout.show(&row, id, ask, NOW).unwrap();
            ids.map(|id| (of(id, Ask::Value), of(id, Ask::WriteTime)))
                .to_vec()
        };
        rows.iter().map(show).collect()
    }

    fn run(&self, timestamp: i64, op: &Op) {
        let layout = &self.layout;
        let mut transaction = self.shop.begin();
        let transaction_ref = &mut transaction;
        let mut opened = layout.open(transaction_ref).unwrap();
        let opened = &mut opened;
        let partition = |p: i32| layout.find_partition(&[&wire(p)]).unwrap();
        let deletion = Deletion {
            timestamp,
            local: NOW,
        };
        let moment = moment(NOW);
        let done = match op {
            Op::Write(p, a, ttl, changes) => {
                let mut changes = changes.clone();
                changes.sort_by_key(|(id, _)| *id);
                changes.dedup_by_key(|(id, _)| *id);
                let write = Write {
                    timestamp,
                    ttl: *ttl,
                    now: NOW,
                    inserts: a.is_some() && *ttl == 0,
                    changes,
                };
                let key: Vec<Vec<u8>> = a.iter().map(|a| wire(*a)).collect();
                layout.write(
                    transaction_ref,
                    opened,
                    &partition(*p),
                    &key,
                    &write,
                    moment,
                )
            }
            Op::Remove(p, a) => layout.remove(
                transaction_ref,
                opened,
                &partition(*p),
                &[wire(*a)],
                deletion,
                moment,
            ),
            Op::Slice(p, a) => {
                let slice = Slice {
                    low: Some((vec![wire(*a)], true)),
                    high: None,
                };
                layout.remove_slice(
                    transaction_ref,
                    opened,
                    &partition(*p),
                    Some(&slice),
                    deletion,
                    moment,
                )
            }
            Op::All(p) => layout.remove_slice(
                transaction_ref,
                opened,
                &partition(*p),
                None,
                deletion,
                moment,
            ),
        };
        done.unwrap().unwrap();
        self.shop.commit(transaction);
    }

    fn scan(&self, limit: usize, per_partition: Option<usize>, now: i64) -> Vec<Vec<u8>> {
        let transaction = self.shop.begin();
        let opened = self.layout.open(&transaction).unwrap();
        let amount = Amount {
            limit,
            per_partition,
            now,
        };
        let mut rows = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let reach = Reach::Tokens(None, None);
            let page = self.layout.read(
                &transaction,
                &opened,
                &reach,
                Direction::Forward,
                after.as_deref(),
                amount,
            );
            let page = page.unwrap().unwrap();
            assert!(page.rows.len() <= limit);
            rows.extend(page.rows);
            after = page.after;
            if after.is_none() {
                return rows;
            }
        }
    }

    fn find(&self, lookup: &Lookup<'_>, limit: usize, now: i64) -> Vec<Vec<u8>> {
        let transaction = self.shop.begin();
        let opened = self.layout.open(&transaction).unwrap();
        let mut rows = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page =
                self.layout
                    .find(&transaction, &opened, lookup, after.as_deref(), limit, now);
            let page = page.unwrap().unwrap();
            assert!(page.rows.len() <= limit);
            rows.extend(page.rows);
            after = page.after;
            if after.is_none() {
                return rows;
            }
        }
    }

    /// The values that a row shows in an index: wires of one, or of two behind each other.
    fn values(&self, packed: &[u8], at: usize, now: i64) -> Vec<Vec<Vec<u8>>> {
        let row = Row::decode(packed).unwrap();
        let (id, part) = INDEXES[at];
        let wire = match self.layout.show(&row, id, Ask::Value, now).unwrap() {
            Shown::Wire(wire) => wire,
            _ => return Vec::new(),
        };
        if !matches!(id, TAGS | PAIRS) {
            return vec![vec![wire]];
        }
        // Each element is a length of 4 and an int.
        let items: Vec<Vec<u8>> = wire[4..].chunks(8).map(|item| item[4..].to_vec()).collect();
        match part {
            CollectionPart::Keys => items.chunks(2).map(|pair| vec![pair[0].clone()]).collect(),
            CollectionPart::Entries => items.chunks(2).map(<[Vec<u8>]>::to_vec).collect(),
            _ if id == PAIRS => items.chunks(2).map(|pair| vec![pair[1].clone()]).collect(),
            _ => items.into_iter().map(|item| vec![item]).collect(),
        }
    }

    fn check_index(&self, at: usize, limit: usize, now: i64) {
        let all = self.scan(100, None, now);
        let values = |value: i32| match INDEXES[at] {
            (FIXED, _) => vec![value.to_string().into_bytes()],
            (_, CollectionPart::Entries) => vec![wire(value), wire(1)],
            _ => vec![wire(value)],
        };
        for low in 0..3 {
            for high in low..3 {
                for partition in [None, Some(self.layout.find_partition(&[&wire(1)]).unwrap())] {
                    let place = self.place(at);
                    let lookup = Lookup {
                        index: place,
                        low: Some((values(low), true)),
                        high: Some((values(high), low == high)),
                        partition: partition.as_ref(),
                    };
                    let holds = |value: &Vec<Vec<u8>>| {
                        *value >= values(low)
                            && (*value < values(high) || low == high && *value == values(high))
                    };
                    let within =
                        |packed: &&Vec<u8>| partition.is_none() || int(packed, P) == Some(1);
                    let matches =
                        |packed: &&Vec<u8>| self.values(packed, at, now).iter().any(holds);
                    let expected: Vec<Vec<u8>> =
                        all.iter().filter(within).filter(matches).cloned().collect();
                    assert_eq!(
                        self.find(&lookup, limit, now),
                        expected,
                        "{at} {low} {high}"
                    );
                }
            }
        }
    }

    fn place(&self, at: usize) -> usize {
        let (column, part) = INDEXES[at];
        let mut indexes = self.layout.indexes.iter();
        indexes
            .position(|index| index.column == column && index.part == part)
            .unwrap()
    }
}

fn int(packed: &[u8], id: u32) -> Option<i32> {
    let row = Row::decode(packed).unwrap();
    let value = row.cell(id).and_then(|cell| cell.value);
    value.map(|value| i32::from_le_bytes(value.try_into().unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn an_index_finds_what_a_scan_finds(
        before in proptest::collection::vec(ops(), 0..8),
        behind in proptest::collection::vec(ops(), 1..16),
        limit in 1usize..4,
    ) {
        let mut bench = Bench::new();
        let mut time = 0;
        for op in &before {
            time += 1;
            bench.run(time, op);
        }
        for at in 0..INDEXES.len() {
            bench.make_index(at);
        }
        for op in &behind {
            time += 1;
            bench.run(time, op);
        }
        for at in 0..INDEXES.len() {
            for now in [NOW, NOW + 50] {
                bench.check_index(at, limit, now);
            }
        }
    }

    #[test]
    fn a_view_is_what_its_base_makes_of_it(
        before in proptest::collection::vec(ops(), 0..8),
        behind in proptest::collection::vec(ops(), 1..16),
    ) {
        let mut bench = Bench::new();
        let mut time = 0;
        for op in &before {
            time += 1;
            bench.run(time, op);
        }
        bench.make_view();
        for op in &behind {
            time += 1;
            bench.run(time, op);
            let mut expected = bench.shown(&bench.layout, [X, A, P, TAGS]);
            expected.retain(|row| {
                let kept = |n: i32| row[1].0 == Shown::Wire(wire(n));
                row[0].0 != Shown::Nothing && (kept(1) || kept(2))
            });
            for row in &mut expected {
                // A part of the key has no time.
                row[0].1 = Shown::Nothing;
            }
            let mut found = bench.shown(&bench.layout.views[0].layout, [1, 3, 2, 4]);
            let order = |row: &Vec<(Shown, Shown)>| format!("{row:?}");
            expected.sort_by_key(order);
            found.sort_by_key(order);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn slices_of_partitions_are_what_a_filtered_scan_gives(
        ops in proptest::collection::vec(ops(), 1..16),
        wanted in proptest::collection::vec((0i32..4, proptest::collection::btree_set(0i32..4, 0..3), any::<bool>()), 1..4),
        limit in 1usize..4,
        per_partition in proptest::option::of(0usize..3),
        reverse in any::<bool>(),
    ) {
        let bench = Bench::new();
        for (time, op) in (1..).zip(&ops) {
            bench.run(time, op);
        }
        let all = bench.scan(100, None, NOW);
        let most = per_partition.unwrap_or(usize::MAX);
        let mut expected = Vec::new();
        for (p, keys, fixed) in &wanted {
            let own = |packed: &&Vec<u8>| int(packed, P) == Some(*p);
            let statics = all.iter().filter(own).filter(|row| int(row, A).is_none());
            if *fixed {
                expected.extend(statics.cloned());
            }
            let mut rows: Vec<Vec<u8>> = all
                .iter()
                .filter(own)
                .filter(|row| int(row, A).is_some_and(|a| keys.contains(&a)))
                .cloned()
                .collect();
            if reverse {
                rows.reverse();
            }
            expected.extend(rows.into_iter().take(most));
        }
        let point = |a: i32| {
            let end = || Some((vec![wire(a)], true));
            Slice { low: end(), high: end() }
        };
        let layout = &bench.layout;
        let wanted: Vec<Wanted> = wanted.iter().map(|(p, keys, fixed)| Wanted {
            partition: layout.find_partition(&[&wire(*p)]).unwrap(),
            slices: keys.iter().map(|a| point(*a)).collect(),
            fixed: *fixed,
        }).collect();
        let direction = if reverse { Direction::Reverse } else { Direction::Forward };
        let transaction = bench.shop.begin();
        let opened = layout.open(&transaction).unwrap();
        let amount = Amount { limit, per_partition, now: NOW };
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let page = layout.select(&transaction, &opened, &wanted, direction, from.as_ref(), amount);
            let (rows, cursor) = page.unwrap().unwrap();
            prop_assert!(rows.len() <= limit);
            found.extend(rows);
            from = cursor;
            if from.is_none() {
                break;
            }
        }
        prop_assert_eq!(found, expected);

        // A scan with the same limit: each partition has its static row and so many others.
        let mut short = Vec::new();
        for p in all.iter().map(|row| int(row, P)).collect::<Vec<_>>().into_iter().fold(Vec::new(), |mut seen, p| { if !seen.contains(&p) { seen.push(p); } seen }) {
            let own: Vec<&Vec<u8>> = all.iter().filter(|row| int(row, P) == p).collect();
            short.extend(own.iter().filter(|row| int(row, A).is_none()).map(|row| (*row).clone()));
            short.extend(own.iter().filter(|row| int(row, A).is_some()).take(most).map(|row| (*row).clone()));
        }
        prop_assert_eq!(bench.scan(limit, Some(most), NOW), short);
    }
}

#[test]
fn entries_are_as_many_as_the_values_that_rows_hold() {
    let mut bench = Bench::new();
    bench.make_index(1);
    let put = |n: i32| vec![(TAGS, Change::Put(vec![(stored(n), Some(Vec::new()))]))];
    for (time, a) in (1..).zip([1, 2, 1, 1]) {
        bench.run(time, &Op::Write(1, Some(a), 0, put(time as i32 % 3)));
    }
    let count = |bench: &Bench| {
        let transaction = bench.shop.begin();
        let id = hyperdb_graph::catalog::rows_id(bench.layout.indexes[0].number);
        let count = transaction.element(bench.shop.app, &id, |record| match record {
            hyperdb_graph::Record::Edge(header) => header.count,
            hyperdb_graph::Record::Vertex { .. } => 0,
        });
        count.unwrap().unwrap()
    };
    let distinct: BTreeSet<(i32, i32)> = [(1, 1), (2, 2), (1, 0), (1, 1)].into();
    assert_eq!(count(&bench), distinct.len() as u64);
    bench.run(9, &Op::All(1));
    assert_eq!(count(&bench), 0);
}

#[test]
fn what_has_ended_leaves_rows_entries_and_views_when_its_time_has_come() {
    let mut bench = Bench::new();
    bench.make_index(0);
    bench.make_view();
    let x = |n| vec![(X, Change::Set(Some(stored(n))))];
    // A row of one value that ends, and one that stays without it.
    bench.run(1, &Op::Write(1, Some(1), 50, x(1)));
    bench.run(2, &Op::Write(1, Some(2), 0, Vec::new()));
    bench.run(3, &Op::Write(1, Some(2), 50, x(2)));
    bench.run(4, &Op::Write(2, Some(1), 60, x(1)));
    bench.run(5, &Op::Write(2, Some(1), 70, x(1)));
    let counts = |bench: &Bench| {
        let transaction = bench.shop.begin();
        let count = |number: u64| {
            let id = hyperdb_graph::catalog::rows_id(number);
            let count = transaction.element(bench.shop.app, &id, |record| match record {
                hyperdb_graph::Record::Edge(header) => header.count,
                hyperdb_graph::Record::Vertex { .. } => 0,
            });
            count.unwrap().unwrap()
        };
        let view = bench.layout.views[0].layout.number;
        [
            count(bench.number),
            count(bench.layout.indexes[0].number),
            count(view),
        ]
    };
    assert_eq!(counts(&bench), [3, 3, 3]);
    assert_eq!(bench.shop.store.end_cells(NOW + 49, 10).unwrap(), 0);
    assert_eq!(bench.shop.store.end_cells(NOW + 50, 1).unwrap(), 1);
    assert_eq!(bench.shop.store.end_cells(NOW + 50, 10).unwrap(), 1);
    assert_eq!(bench.shop.store.end_cells(NOW + 60, 10).unwrap(), 0);
    assert_eq!(counts(&bench), [2, 1, 1]);
    // What has ended counts as removed when it was written.
    bench.run(1, &Op::Write(1, Some(1), 0, x(2)));
    let shown = bench.shown(&bench.layout, [P, A, X, TAGS]);
    let here = shown
        .iter()
        .find(|row| row[1].0 == Shown::Wire(wire(1)) && row[0].0 == Shown::Wire(wire(1)));
    assert_eq!(here.unwrap()[2].0, Shown::Nothing);
    assert_eq!(bench.shop.store.end_cells(NOW + 70, 10).unwrap(), 1);
    assert_eq!(counts(&bench), [2, 0, 0]);
}
