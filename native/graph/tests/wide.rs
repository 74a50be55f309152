//! Partitions of a table made in CQL against a model that keeps every write and merges when it is asked, as Cassandra does.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "catalog/shop.rs"]
#[allow(dead_code)]
mod shop;

use hyperdb_graph::catalog::objects::{KeyColumn, Table};
use hyperdb_graph::catalog::words::RowOrder;
use hyperdb_graph::codec::row::Row;
use hyperdb_graph::codec::types::{Plain, Type};
use hyperdb_graph::wide::cells::{Cells, Change, Column, Write};
use hyperdb_graph::wide::layout::{Partition, Slice, WideLayout};
use hyperdb_graph::wide::partition::Moment;
use hyperdb_graph::wide::read::{Amount, Reach};
use hyperdb_graph::wide::show::{Ask, Shown};
use hyperdb_graph::wide::stamp::Deletion;
use hyperdb_lsm::Direction;
use proptest::prelude::*;
use shop::{column, text, Shop};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NOW: i64 = 1_000;
const MOMENT: Moment = Moment {
    now: NOW,
    grace: 864_000,
};

/// Partition `p` int; clustering `a` int, `b` int descending; static `s` text; values `x` int, `y` text.
fn table(app: u32) -> Table {
    let int = || Type::Plain(Plain::Int4);
    let key = |column, descending| KeyColumn {
        column,
        descending,
        ..KeyColumn::default()
    };
    let mut fixed = column(4, "s", text());
    fixed.is_static = true;
    Table {
        app,
        name: "events".into(),
        order: RowOrder::Token,
        columns: vec![
            column(1, "p", int()),
            column(2, "a", int()),
            column(3, "b", int()),
            fixed,
            column(5, "x", int()),
            column(6, "y", text()),
        ],
        next_column: 7,
        partition: vec![1],
        key: vec![key(2, false), key(3, true)],
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
    Write {
        row: Option<(i32, i32)>,
        timestamp: i64,
        inserts: bool,
        x: Option<Option<i32>>,
    },
    Remove {
        row: (i32, i32),
        timestamp: i64,
    },
    /// Rows with `low <= a < high`.
    Slice {
        low: i32,
        high: i32,
        timestamp: i64,
    },
    All {
        timestamp: i64,
    },
}

fn ops() -> impl Strategy<Value = Op> {
    let row = || (0i32..3, 0i32..2);
    let time = || 1i64..6;
    prop_oneof![
        6 => (proptest::option::weighted(0.9, row()), time(), any::<bool>(), proptest::option::of(proptest::option::of(0i32..4)))
            .prop_map(|(row, timestamp, inserts, x)| Op::Write { row, timestamp, inserts, x }),
        1 => (row(), time()).prop_map(|(row, timestamp)| Op::Remove { row, timestamp }),
        1 => (0i32..3, 1i32..4, time()).prop_map(|(low, high, timestamp)| Op::Slice { low, high, timestamp }),
        1 => time().prop_map(|timestamp| Op::All { timestamp }),
    ]
}

type Model = BTreeMap<(i32, i32), Option<i32>>;

/// What a reader sees who has every write before it: rows with their `x`, and the static value.
fn model(ops: &[Op]) -> (Model, Option<i32>) {
    let covers = |op: &Op, row: Option<(i32, i32)>| match (op, row) {
        (
            Op::Remove {
                row: removed,
                timestamp,
            },
            Some(row),
        ) if *removed == row => Some(*timestamp),
        (
            Op::Slice {
                low,
                high,
                timestamp,
            },
            Some(row),
        ) if (*low..*high).contains(&row.0) => Some(*timestamp),
        (Op::All { timestamp }, _) => Some(*timestamp),
        _ => None,
    };
    let mut rows = BTreeSet::new();
    for op in ops {
        if let Op::Write { row: Some(row), .. } = op {
            rows.insert(*row);
        }
    }
    let merged = |row: Option<(i32, i32)>| {
        let shadow = ops
            .iter()
            .filter_map(|op| covers(op, row))
            .max()
            .unwrap_or(i64::MIN);
        let mut marker = false;
        let mut best: Option<(i64, bool, Vec<u8>)> = None;
        for op in ops {
            let Op::Write {
                row: at,
                timestamp,
                inserts,
                x,
            } = op
            else {
                continue;
            };
            if *at != row || *timestamp <= shadow {
                continue;
            }
            marker |= *inserts;
            if let Some(x) = x {
                let cell = (
                    *timestamp,
                    x.is_none(),
                    x.map(|x| x.to_be_bytes().to_vec()).unwrap_or_default(),
                );
                best = best.max(Some(cell));
            }
        }
        let value = best.filter(|(_, gone, _)| !gone);
        let value = value.map(|(_, _, wire)| i32::from_be_bytes(wire.try_into().unwrap()));
        (marker || value.is_some()).then_some(value)
    };
    let live = rows
        .into_iter()
        .filter_map(|row| Some((row, merged(Some(row))?)))
        .collect();
    (live, merged(None).flatten())
}

fn amount(limit: usize, now: i64) -> Amount {
    Amount {
        limit,
        per_partition: None,
        now,
    }
}

struct Bench {
    shop: Shop,
    layout: WideLayout,
}

impl Bench {
    fn new() -> Self {
        let shop = Shop::new();
        let number = shop.make(table(shop.app.0));
        let layout = WideLayout::of(&Arc::new(shop.image()), number).unwrap();
        Self { shop, layout }
    }

    fn partition(&self, p: i32) -> Partition {
        self.layout.find_partition(&[&wire(p)]).unwrap()
    }

    fn run(&self, partition: &Partition, op: &Op) {
        let layout = &self.layout;
        let mut transaction = self.shop.begin();
        let mut rows = layout.open(&transaction).unwrap();
        let key = |row: (i32, i32)| vec![wire(row.0), wire(row.1)];
        let deletion = |timestamp: i64| Deletion {
            timestamp,
            local: NOW,
        };
        let done = match op {
            Op::Write {
                row,
                timestamp,
                inserts,
                x,
            } => {
                let x = x.map(|x| match row {
                    Some(_) => (5, Change::Set(x.map(stored))),
                    None => (4, Change::Set(x.map(|x| x.to_string().into_bytes()))),
                });
                let write = Write {
                    timestamp: *timestamp,
                    ttl: 0,
                    now: NOW,
                    inserts: *inserts && row.is_some(),
                    changes: x.into_iter().collect(),
                };
                let key = row.map(key).unwrap_or_default();
                layout.write(&mut transaction, &mut rows, partition, &key, &write, MOMENT)
            }
            Op::Remove { row, timestamp } => layout.remove(
                &mut transaction,
                &mut rows,
                partition,
                &key(*row),
                deletion(*timestamp),
                MOMENT,
            ),
            Op::Slice {
                low,
                high,
                timestamp,
            } => {
                let slice = Slice {
                    low: Some((vec![wire(*low)], true)),
                    high: Some((vec![wire(*high)], false)),
                };
                layout.remove_slice(
                    &mut transaction,
                    &mut rows,
                    partition,
                    Some(&slice),
                    deletion(*timestamp),
                    MOMENT,
                )
            }
            Op::All { timestamp } => layout.remove_slice(
                &mut transaction,
                &mut rows,
                partition,
                None,
                deletion(*timestamp),
                MOMENT,
            ),
        };
        done.unwrap().unwrap();
        self.shop.commit(transaction);
    }

    fn packed(&self, reach: &Reach<'_>, direction: Direction, limit: usize) -> Vec<Vec<u8>> {
        let transaction = self.shop.begin();
        let rows = self.layout.open(&transaction).unwrap();
        let mut all = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self
                .layout
                .read(
                    &transaction,
                    &rows,
                    reach,
                    direction,
                    after.as_deref(),
                    amount(limit, NOW),
                )
                .unwrap()
                .unwrap();
            all.extend(page.rows.iter().cloned());
            after = page.after;
            if page.rows.len() < limit {
                return all;
            }
        }
    }

    fn rows(
        &self,
        partition: &Partition,
        slice: &Slice,
        direction: Direction,
        limit: usize,
    ) -> Vec<((i32, i32), Option<i32>)> {
        let packed = self.packed(&Reach::Slice(partition, slice), direction, limit);
        packed
            .iter()
            .map(|packed| {
                (
                    (int(packed, 2).unwrap(), int(packed, 3).unwrap()),
                    int(packed, 5),
                )
            })
            .collect()
    }

    fn count(&self) -> u64 {
        let transaction = self.shop.begin();
        self.layout.open(&transaction).unwrap().rows.count
    }
}

fn int(packed: &[u8], id: u32) -> Option<i32> {
    let row = Row::decode(packed).unwrap();
    let value = row.cell(id).and_then(|cell| cell.value);
    value.map(|value| i32::from_le_bytes(value.try_into().unwrap()))
}

/// The order that rows lie in: `a` ascending, `b` descending.
fn ordered(model: &Model) -> Vec<((i32, i32), Option<i32>)> {
    let mut rows: Vec<_> = model.iter().map(|(row, x)| (*row, *x)).collect();
    rows.sort_by_key(|((a, b), _)| (*a, -*b));
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_partition_is_what_merging_all_its_writes_gives(ops in proptest::collection::vec(ops(), 1..14)) {
        let bench = Bench::new();
        let (own, other) = (bench.partition(1), bench.partition(2));
        bench.run(&other, &Op::Write { row: Some((0, 0)), timestamp: 1, inserts: true, x: None });
        for (done, op) in ops.iter().enumerate() {
            bench.run(&own, op);
            let (rows, fixed) = model(&ops[..=done]);
            let expected = ordered(&rows);
            let all = Slice::default();
            prop_assert_eq!(&bench.rows(&own, &all, Direction::Forward, 2), &expected);
            let mut backwards = bench.rows(&own, &all, Direction::Reverse, 3);
            backwards.reverse();
            prop_assert_eq!(&backwards, &expected);
            let fixed_rows = bench.packed(&Reach::Static(&own), Direction::Forward, 10);
            let found = fixed_rows.first().map(|packed| {
                let row = Row::decode(packed).unwrap();
                String::from_utf8(row.cell(4).unwrap().value.unwrap().to_vec()).unwrap()
            });
            prop_assert_eq!(&found, &fixed.map(|n| n.to_string()));
            prop_assert_eq!(bench.count(), 1 + expected.len() as u64 + u64::from(found.is_some()));
        }
        prop_assert_eq!(bench.rows(&other, &Slice::default(), Direction::Forward, 9), vec![((0, 0), None)]);
    }
}

#[test]
fn slices_take_the_columns_as_they_lie() {
    let bench = Bench::new();
    let own = bench.partition(7);
    for (a, b) in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)] {
        bench.run(
            &own,
            &Op::Write {
                row: Some((a, b)),
                timestamp: 1,
                inserts: true,
                x: None,
            },
        );
    }
    let found = |low: Option<(&[i32], bool)>, high: Option<(&[i32], bool)>| {
        let end = |end: Option<(&[i32], bool)>| {
            end.map(|(values, included)| (values.iter().map(|n| wire(*n)).collect(), included))
        };
        let slice = Slice {
            low: end(low),
            high: end(high),
        };
        let rows = bench.rows(&own, &slice, Direction::Forward, 100);
        rows.into_iter().map(|(row, _)| row).collect::<Vec<_>>()
    };
    assert_eq!(found(None, None), [(1, 2), (1, 1), (2, 2), (2, 1), (3, 1)]);
    assert_eq!(
        found(Some((&[2], true)), Some((&[2], true))),
        [(2, 2), (2, 1)]
    );
    assert_eq!(found(Some((&[1], false)), None), [(2, 2), (2, 1), (3, 1)]);
    assert_eq!(found(None, Some((&[2], false))), [(1, 2), (1, 1)]);
    assert_eq!(
        found(Some((&[1, 2], false)), Some((&[2, 2], true))),
        [(1, 1), (2, 2)]
    );
    assert_eq!(found(Some((&[3], true)), Some((&[1], true))), []);
}

#[test]
fn partitions_lie_by_token() {
    let bench = Bench::new();
    let mut tokens = Vec::new();
    for p in 0..20 {
        let partition = bench.partition(p);
        tokens.push((partition.token, p));
        bench.run(
            &partition,
            &Op::Write {
                row: Some((0, 0)),
                timestamp: 1,
                inserts: true,
                x: Some(Some(p)),
            },
        );
    }
    tokens.sort_unstable();
    let all = bench.packed(&Reach::Tokens(None, None), Direction::Forward, 7);
    let found: Vec<i32> = all.iter().map(|packed| int(packed, 1).unwrap()).collect();
    assert_eq!(found, tokens.iter().map(|(_, p)| *p).collect::<Vec<_>>());
    let half = bench.packed(
        &Reach::Tokens(Some(tokens[4].0), Some(tokens[9].0)),
        Direction::Forward,
        7,
    );
    let found: Vec<i32> = half.iter().map(|packed| int(packed, 1).unwrap()).collect();
    assert_eq!(
        found,
        tokens[5..10].iter().map(|(_, p)| *p).collect::<Vec<_>>()
    );
}

#[test]
fn values_end_at_their_time_and_the_row_with_the_last_of_them() {
    let bench = Bench::new();
    let own = bench.partition(1);
    let mut transaction = bench.shop.begin();
    let mut rows = bench.layout.open(&transaction).unwrap();
    let write = Write {
        timestamp: 5,
        ttl: 10,
        now: NOW,
        inserts: true,
        changes: vec![(5, Change::Set(Some(stored(1))))],
    };
    let key = [wire(0), wire(0)];
    bench
        .layout
        .write(&mut transaction, &mut rows, &own, &key, &write, MOMENT)
        .unwrap()
        .unwrap();
    bench.shop.commit(transaction);
    let transaction = bench.shop.begin();
    let rows = bench.layout.open(&transaction).unwrap();
    for (now, count) in [(NOW, 1), (NOW + 9, 1), (NOW + 10, 0)] {
        let reach = Reach::Slice(&own, &Slice::default());
        let page = bench
            .layout
            .read(
                &transaction,
                &rows,
                &reach,
                Direction::Forward,
                None,
                amount(9, now),
            )
            .unwrap()
            .unwrap();
        assert_eq!(page.rows.len(), count, "{now}");
        if let Some(packed) = page.rows.first() {
            let cells = Cells::decode(&bench.layout, packed).unwrap();
            assert!(
                matches!(&cells.columns[0], (5, Column::One(Some(_), stamp)) if stamp.ttl == Some((10, NOW + 10)))
            );
        }
    }
}

#[test]
fn a_row_keeps_the_key_that_it_was_first_written_with() {
    let shop = Shop::new();
    let mut decimals = table(shop.app.0);
    decimals.columns[1].kind = Some(Type::Plain(Plain::Decimal));
    let number = shop.make(decimals);
    let layout = WideLayout::of(&Arc::new(shop.image()), number).unwrap();
    let own = layout.find_partition(&[&wire(1)]).unwrap();
    // 1 and 1.00: scale, then digits.
    let whole = [vec![0, 0, 0, 0], vec![1]].concat();
    let cents = [vec![0, 0, 0, 2], vec![100]].concat();
    for (timestamp, first) in [(1, &whole), (2, &cents)] {
        let mut transaction = shop.begin();
        let mut rows = layout.open(&transaction).unwrap();
        let write = Write {
            timestamp,
            now: NOW,
            inserts: true,
            ..Write::default()
        };
        let key = [first.clone(), wire(0)];
        let written = layout.write(&mut transaction, &mut rows, &own, &key, &write, MOMENT);
        written.unwrap().unwrap();
        shop.commit(transaction);
    }
    let transaction = shop.begin();
    let rows = layout.open(&transaction).unwrap();
    let reach = Reach::Slice(&own, &Slice::default());
    let page = layout.read(
        &transaction,
        &rows,
        &reach,
        Direction::Forward,
        None,
        amount(9, NOW),
    );
    let found = page.unwrap().unwrap().rows;
    assert_eq!(found.len(), 1);
    let row = Row::decode(&found[0]).unwrap();
    assert_eq!(
        layout.show(&row, 2, Ask::Value, NOW),
        Some(Shown::Wire(whole))
    );
}
