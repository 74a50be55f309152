//! A table by token with indexes and a view, what is done to it, and what it shows.

#[path = "../catalog/shop.rs"]
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
use hyperdb_graph::wide::read::{Amount, Reach};
use hyperdb_graph::wide::show::{Ask, Shown};
use hyperdb_graph::wide::stamp::Deletion;
use hyperdb_lsm::Direction;
use proptest::prelude::*;
use shop::{column, text, Shop};
use std::sync::Arc;

pub const NOW: i64 = 1_000;
pub const P: u32 = 1;
pub const A: u32 = 2;
pub const FIXED: u32 = 3;
pub const X: u32 = 4;
pub const TAGS: u32 = 5;
pub const PAIRS: u32 = 6;

/// What each index is of, in their order.
pub const INDEXES: [(u32, CollectionPart); 7] = [
    (X, CollectionPart::Whole),
    (TAGS, CollectionPart::Values),
    (PAIRS, CollectionPart::Keys),
    (PAIRS, CollectionPart::Values),
    (PAIRS, CollectionPart::Entries),
    (FIXED, CollectionPart::Whole),
    (A, CollectionPart::Whole),
];

pub fn moment(now: i64) -> Moment {
    Moment {
        now,
        grace: 864_000,
    }
}

pub fn table(app: u32) -> Table {
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

pub fn index(app: u32, table: u64, at: usize) -> Index {
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
pub fn view(app: u32, base: u64) -> Table {
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

pub fn wire(n: i32) -> Vec<u8> {
    n.to_be_bytes().to_vec()
}

pub fn stored(n: i32) -> Vec<u8> {
    n.to_le_bytes().to_vec()
}

#[derive(Clone, Debug)]
pub enum Op {
    Write(i32, Option<i32>, u32, Vec<(u32, Change)>),
    Remove(i32, i32),
    Slice(i32, i32),
    All(i32),
}

pub fn change() -> impl Strategy<Value = (u32, Change)> {
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

pub fn ops() -> impl Strategy<Value = Op> {
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

pub struct Bench {
    pub shop: Shop,
    pub number: u64,
    pub layout: WideLayout,
}

impl Bench {
    pub fn new() -> Self {
        let shop = Shop::new();
        let number = shop.make(table(shop.app.0));
        let layout = WideLayout::of(&Arc::new(shop.image()), number).unwrap();
        Self {
            shop,
            number,
            layout,
        }
    }

    pub fn make_index(&mut self, at: usize) {
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

    pub fn make_view(&mut self) {
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
    pub fn shown(&self, layout: &WideLayout, ids: [u32; 4]) -> Vec<Vec<(Shown, Shown)>> {
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

    pub fn run(&self, timestamp: i64, op: &Op) {
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

    pub fn scan(&self, limit: usize, per_partition: Option<usize>, now: i64) -> Vec<Vec<u8>> {
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

    pub fn find(&self, lookup: &Lookup<'_>, limit: usize, now: i64) -> Vec<Vec<u8>> {
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
    pub fn values(&self, packed: &[u8], at: usize, now: i64) -> Vec<Vec<Vec<u8>>> {
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

    pub fn check_index(&self, at: usize, limit: usize, now: i64) {
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

    pub fn place(&self, at: usize) -> usize {
        let (column, part) = INDEXES[at];
        let mut indexes = self.layout.indexes.iter();
        indexes
            .position(|index| index.column == column && index.part == part)
            .unwrap()
    }
}

pub fn int(packed: &[u8], id: u32) -> Option<i32> {
    let row = Row::decode(packed).unwrap();
    let value = row.cell(id).and_then(|cell| cell.value);
    value.map(|value| i32::from_le_bytes(value.try_into().unwrap()))
}
