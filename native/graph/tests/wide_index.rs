//! Indexes and views of tables by token against scans, and reads of many slices against filtered scans.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "wide_index/bench.rs"]
mod bench;

use bench::{int, ops, stored, wire, Bench, Op, A, INDEXES, NOW, P, TAGS, X};
use hyperdb_graph::codec::row::Row;
use hyperdb_graph::wide::cells::Change;
use hyperdb_graph::wide::layout::Slice;
use hyperdb_graph::wide::read::{Amount, Reach, Wanted};
use hyperdb_graph::wide::show::{Ask, Shown};
use hyperdb_lsm::Direction;
use proptest::prelude::*;
use std::collections::BTreeSet;

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
            let transaction = bench.shop.begin();
            let opened = bench.layout.open(&transaction).unwrap();
            prop_assert_eq!(bench.layout.examine(&transaction, &opened).unwrap(), []);
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

#[test]
fn a_views_row_goes_at_once_with_the_value_in_its_key() {
    let mut bench = Bench::new();
    bench.make_view();
    let tag = |n| (TAGS, Change::Put(vec![(stored(n), Some(Vec::new()))]));
    // The row stays, and so do its tags; its value, by which the view is ordered, ends.
    bench.run(1, &Op::Write(1, Some(1), 0, vec![tag(7)]));
    bench.run(
        2,
        &Op::Write(1, Some(1), 50, vec![(X, Change::Set(Some(stored(1))))]),
    );
    // Its marker and tags end, the value does not.
    bench.run(3, &Op::Write(1, Some(2), 50, vec![tag(8)]));
    bench.run(
        4,
        &Op::Write(1, Some(2), 0, vec![(X, Change::Set(Some(stored(2))))]),
    );
    let view = &bench.layout.views[0].layout;
    let keys = |now: i64| {
        let transaction = bench.shop.begin();
        let opened = view.open(&transaction).unwrap();
        let amount = Amount {
            limit: 9,
            per_partition: None,
            now,
        };
        let all = Reach::Tokens(None, None);
        let page = view.read(
            &transaction,
            &opened,
            &all,
            Direction::Forward,
            None,
            amount,
        );
        let rows = page.unwrap().unwrap().rows;
        let first = |packed: &Vec<u8>| view.show(&Row::decode(packed).unwrap(), 1, Ask::Value, now);
        rows.iter().filter_map(first).collect::<Vec<_>>()
    };
    assert_eq!(keys(NOW + 49).len(), 2);
    assert_eq!(keys(NOW + 50), [Shown::Wire(wire(2))]);
    assert_eq!(bench.shop.store.end_cells(NOW + 50, 10).unwrap(), 2);
    assert_eq!(keys(NOW + 50), [Shown::Wire(wire(2))]);
}

#[test]
fn what_is_written_past_an_index_or_a_view_is_told() {
    let mut bench = Bench::new();
    let blind = bench.layout.clone();
    bench.make_index(0);
    bench.make_view();
    let x = |n| vec![(X, Change::Set(Some(stored(n))))];
    let flaws = |bench: &Bench| {
        let transaction = bench.shop.begin();
        let opened = bench.layout.open(&transaction).unwrap();
        let found = bench.layout.examine(&transaction, &opened).unwrap();
        found.into_iter().map(|flaw| flaw.text).collect::<Vec<_>>()
    };
    bench.run(1, &Op::Write(1, Some(1), 0, x(1)));
    bench.run(2, &Op::Write(1, Some(2), 0, x(2)));
    assert_eq!(flaws(&bench), [""; 0]);
    let sees = std::mem::replace(&mut bench.layout, blind);
    bench.run(3, &Op::Write(1, Some(1), 0, x(3)));
    bench.run(4, &Op::Remove(1, 2));
    bench.layout = sees;
    assert_eq!(
        flaws(&bench),
        [
            "lacks 1 of 1 entries",
            "has 2 entries of rows that are not there",
            "lacks 1 of 1 entries",
            "has 2 entries of rows that are not there",
        ]
    );
}
