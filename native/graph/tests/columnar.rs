//! Columns equal rows: whatever is written, whichever snapshot looks, kept or read anew.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "catalog/shop.rs"]
mod shop;

use hyperdb_graph::columnar::{Data, Scan};
use hyperdb_graph::relation::{Layout, Limits, Slots, Way};
use hyperdb_graph::{Direction, Isolation, Transaction, TransactionOptions};
use proptest::prelude::*;
use shop::{table, Shop};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

type Rows = Vec<(i64, Option<String>, Option<String>)>;

fn slots(id: i64, name: Option<&str>, note: Option<&str>) -> Slots {
    let text = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
    vec![Some(id.to_le_bytes().to_vec()), text(name), text(note)]
}

fn repeatable(shop: &Shop) -> Transaction {
    shop.store.begin(TransactionOptions {
        isolation: Isolation::RepeatableRead,
        ..TransactionOptions::default()
    })
}

fn layout(shop: &Shop, number: u64) -> Layout {
    Layout::of(&Arc::new(shop.image()), number, Vec::new()).unwrap()
}

/// The rows as columns give them, cut to the limits as who asks has to.
fn columns(shop: &Shop, tx: &Transaction, layout: &Layout, ids: &[u32], limits: &Limits) -> Rows {
    let fields = layout.fields(ids).unwrap();
    let scan = Scan::new(&shop.store, tx, layout, fields, limits);
    let mut scan = scan.unwrap().unwrap();
    let mut rows = Rows::new();
    while let Some(batch) = scan.next().unwrap() {
        assert!(batch.rows > 0);
        for at in 0..batch.rows {
            let mut row = (0, None, None);
            for (id, column) in ids.iter().zip(&batch.columns) {
                assert_eq!(column.rows(), batch.rows);
                let there = column
                    .validity()
                    .is_none_or(|bits| bits[at / 8] >> (at % 8) & 1 == 1);
                match column.data() {
                    Data::Eight(values) => row.0 = values[at],
                    Data::Bytes(offsets, bytes) => {
                        let value = &bytes[offsets[at] as usize..offsets[at + 1] as usize];
                        let text = there.then(|| String::from_utf8(value.to_vec()).unwrap());
                        *(if *id == 2 { &mut row.1 } else { &mut row.2 }) = text;
                    }
                    other => panic!("{other:?}"),
                }
            }
            rows.push(row);
        }
    }
    rows
}

fn paged(tx: &mut Transaction, layout: &Layout, limits: &Limits) -> Rows {
    let way = Way {
        index: None,
        limits: limits.clone(),
        direction: Direction::Forward,
        settled: false,
    };
    let opened = layout.open(tx).unwrap();
    let page = layout.page(tx, &opened, &way, None, usize::MAX).unwrap();
    let text = |value: Option<&[u8]>| value.map(|v| String::from_utf8(v.to_vec()).unwrap());
    let row = |packed: &Vec<u8>| {
        let values = layout.unpack(packed).unwrap();
        let id = i64::from_le_bytes(values[0].unwrap().try_into().unwrap());
        (id, text(values[1]), text(values[2]))
    };
    page.rows.iter().map(row).collect()
}

fn within(rows: Rows, low: Option<i64>, high: Option<i64>) -> Rows {
    let inside = |id: i64| low.is_none_or(|low| id >= low) && high.is_none_or(|high| id < high);
    rows.into_iter().filter(|row| inside(row.0)).collect()
}

fn limits(low: Option<i64>, high: Option<i64>) -> Limits {
    let end = |id: i64| vec![Some(id.to_le_bytes().to_vec())];
    Limits {
        low: low.map(|id| (end(id), true)),
        high: high.map(|id| (end(id), false)),
    }
}

#[derive(Clone, Debug)]
enum Act {
    /// One commit: rows from here, how many, and what becomes of them.
    Write(i64, i64, Write),
    /// A snapshot that stays.
    Look,
    /// One of the snapshots (or the present) scans these columns within these limits.
    Scan(usize, Vec<u32>, Option<i64>, Option<i64>),
    /// One of the snapshots writes without committing, so that it sees what others do not.
    Own(usize, i64, Write),
    /// Everything that is kept goes.
    Forget,
}

#[derive(Clone, Copy, Debug)]
enum Write {
    Put,
    Remove,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let write = || prop_oneof![3 => Just(Write::Put), 1 => Just(Write::Remove)];
    let ids = prop::sample::select(vec![vec![1], vec![1, 2], vec![1, 2, 3], vec![3, 1]]);
    let end = || prop::option::weighted(0.3, 0i64..120);
    let act = prop_oneof![
        4 => (0i64..100, 1i64..30, write()).prop_map(|(at, n, write)| Act::Write(at, n, write)),
        1 => Just(Act::Look),
        6 => (0usize..6, ids, end(), end()).prop_map(|(who, ids, low, high)| Act::Scan(who, ids, low, high)),
        1 => (0usize..6, 0i64..100, write()).prop_map(|(who, at, write)| Act::Own(who, at, write)),
        1 => Just(Act::Forget),
    ];
    proptest::collection::vec(act, 1..40)
}

/// Rows as a transaction has them, by id.
type Model = BTreeMap<i64, Slots>;

fn write(
    tx: &mut Transaction,
    layout: &Layout,
    model: &mut Model,
    id: i64,
    how: Write,
    mark: usize,
) {
    let mut opened = layout.open(tx).unwrap();
    let name = format!("{mark}");
    let new = slots(id, Some(&name), (!mark.is_multiple_of(3)).then_some("note"));
    match (how, model.get(&id).cloned()) {
        (Write::Put, None) => assert_eq!(layout.insert(tx, &mut opened, &new).unwrap(), Ok(())),
        (Write::Put, Some(old)) => {
            assert_eq!(layout.replace(tx, &mut opened, &old, &new).unwrap(), Ok(()));
        }
        (Write::Remove, Some(old)) => layout.remove(tx, &mut opened, &old).unwrap(),
        (Write::Remove, None) => return,
    }
    match how {
        Write::Put => model.insert(id, new),
        Write::Remove => model.remove(&id),
    };
}

/// A transaction that stays open: what it sees, which rows it has written, and when it began.
struct Looker {
    tx: Transaction,
    model: Model,
    own: BTreeSet<i64>,
    since: usize,
}

fn play(acts: Vec<Act>) {
    let shop = Shop::new();
    let ranges = shop.store.ranges();
    ranges.set_batch_rows(8);
    let number = shop.make(table(shop.app, "t"));
    let layout = layout(&shop, number);
    let mut model = Model::new();
    let mut changed: BTreeMap<i64, usize> = BTreeMap::new();
    let mut lookers: Vec<Looker> = Vec::new();
    for (mark, act) in acts.into_iter().enumerate() {
        match act {
            Act::Write(at, count, how) => {
                let held = |id: &i64| lookers.iter().any(|looker| looker.own.contains(id));
                let mut tx = shop.begin();
                for id in (at..at + count).filter(|id| !held(id)) {
                    write(&mut tx, &layout, &mut model, id, how, mark);
                    changed.insert(id, mark);
                }
                shop.commit(tx);
            }
            Act::Look if lookers.len() < 5 => lookers.push(Looker {
                tx: repeatable(&shop),
                model: model.clone(),
                own: BTreeSet::new(),
                since: mark,
            }),
            Act::Look => drop(lookers.remove(0)),
            Act::Own(..) if lookers.is_empty() => {}
            Act::Own(who, id, how) => {
                let held = lookers.iter().any(|looker| looker.own.contains(&id));
                let place = who % lookers.len();
                let looker = &mut lookers[place];
                // First committer wins: a row that others have changed since is not for it to write.
                let lost = changed.get(&id).is_some_and(|mark| *mark > looker.since);
                if !held && !lost {
                    write(&mut looker.tx, &layout, &mut looker.model, id, how, mark);
                    looker.own.insert(id);
                }
            }
            Act::Scan(who, ids, low, high) => match lookers.get_mut(who) {
                Some(looker) => {
                    check(
                        &shop,
                        &mut looker.tx,
                        &layout,
                        &ids,
                        (low, high),
                        &looker.model,
                    );
                }
                None => check(&shop, &mut shop.begin(), &layout, &ids, (low, high), &model),
            },
            Act::Forget => {
                ranges.set_budget(0);
                ranges.set_budget(1 << 20);
            }
        }
    }
}

fn check(
    shop: &Shop,
    tx: &mut Transaction,
    layout: &Layout,
    ids: &[u32],
    (low, high): (Option<i64>, Option<i64>),
    model: &Model,
) {
    let all = paged(tx, layout, &Limits::default());
    assert!(all.iter().map(|row| &row.0).eq(model.keys()));
    let ends = limits(low, high);
    let shown = |id: u32, text: Option<String>| text.filter(|_| ids.contains(&id));
    let rows = paged(tx, layout, &ends).into_iter();
    let rows: Rows = rows
        .map(|row| (row.0, shown(2, row.1), shown(3, row.2)))
        .collect();
    let found = columns(shop, tx, layout, ids, &ends);
    assert_eq!(within(found, low, high), rows);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn kept_columns_are_what_a_snapshot_sees(acts in acts()) {
        play(acts);
    }
}

#[test]
fn what_is_kept_is_used_and_a_write_ends_that_for_its_range_only() {
    let shop = Shop::new();
    shop.store.ranges().set_batch_rows(10);
    let number = shop.make(table(shop.app, "t"));
    let layout = layout(&shop, number);
    let mut model = Model::new();
    let mut tx = shop.begin();
    for id in 0..100 {
        write(&mut tx, &layout, &mut model, id, Write::Put, 1);
    }
    shop.commit(tx);
    let all = Limits::default();
    let counts = || {
        let gauges = shop.store.ranges().gauges();
        (gauges[2].1, gauges[3].1)
    };
    columns(&shop, &shop.begin(), &layout, &[1, 2], &all);
    assert_eq!(counts(), (0, 1), "one range, read whole and cut");
    columns(&shop, &shop.begin(), &layout, &[2], &all);
    assert_eq!(counts(), (10, 1), "a column alone is found too");
    let before = repeatable(&shop);
    let mut tx = shop.begin();
    write(&mut tx, &layout, &mut model, 55, Write::Put, 2);
    shop.commit(tx);
    let rows = columns(&shop, &shop.begin(), &layout, &[1, 2], &all);
    assert_eq!(rows[55].1.as_deref(), Some("2"));
    assert_eq!(counts(), (19, 2), "nine ranges stayed");
    let rows = columns(&shop, &before, &layout, &[1, 2], &all);
    assert_eq!(
        rows[55].1.as_deref(),
        Some("1"),
        "the past is not served by the present"
    );
    assert_eq!(counts(), (28, 3));
    columns(&shop, &shop.begin(), &layout, &[1, 2, 3], &all);
    assert_eq!(
        columns(&shop, &shop.begin(), &layout, &[3, 1], &all).len(),
        100
    );
    assert_eq!(
        counts(),
        (48, 3),
        "what a range lacks is read beside what is kept"
    );
}

#[test]
fn a_budget_is_kept_and_a_table_that_is_too_large_does_not_push_itself_out() {
    let shop = Shop::new();
    shop.store.ranges().set_batch_rows(10);
    let number = shop.make(table(shop.app, "t"));
    let layout = layout(&shop, number);
    let mut tx = shop.begin();
    for id in 0..200 {
        write(&mut tx, &layout, &mut Model::new(), id, Write::Put, 1);
    }
    shop.commit(tx);
    shop.store.ranges().set_budget(1500);
    for _ in 0..3 {
        columns(&shop, &shop.begin(), &layout, &[1], &Limits::default());
    }
    let gauges = shop.store.ranges().gauges();
    assert!((500..=1500).contains(&gauges[0].1), "{gauges:?}");
    assert!(gauges[2].1 > 6, "{gauges:?}");
    let version = || {
        let fields = layout.fields(&[1]).unwrap();
        let scan = Scan::new(
            &shop.store,
            &shop.begin(),
            &layout,
            fields,
            &Limits::default(),
        );
        scan.unwrap().unwrap().version()
    };
    let before = version();
    shop.store.ranges().set_budget(0);
    assert_eq!(
        shop.store.ranges().gauges()[..2],
        [("columnar_bytes", 0), ("columnar_tables", 1)]
    );
    assert!(before.is_some());
    assert_eq!(version(), before, "letting go of columns is no change");
    let mut tx = shop.begin();
    write(&mut tx, &layout, &mut Model::new(), 1000, Write::Put, 2);
    shop.commit(tx);
    assert_ne!(version(), before);
}

/// Writers move units between rows, so every snapshot has the same sum; scans that share columns must all see it.
#[test]
fn sums_stay_while_writers_and_scans_run_side_by_side() {
    let shop = Shop::new();
    shop.store.ranges().set_batch_rows(16);
    let number = shop.make(table(shop.app, "t"));
    let layout = layout(&shop, number);
    let account = |id: i64, units: i64| slots(id, Some(&units.to_string()), None);
    let mut tx = shop.begin();
    let mut opened = layout.open(&tx).unwrap();
    for id in 0..64 {
        assert_eq!(
            layout
                .insert(&mut tx, &mut opened, &account(id, 100))
                .unwrap(),
            Ok(())
        );
    }
    shop.commit(tx);
    let ended = AtomicBool::new(false);
    let units = |row: &(i64, Option<String>, Option<String>)| {
        row.1.as_ref().unwrap().parse::<i64>().unwrap()
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let rows = columns(&shop, &shop.begin(), &layout, &[1, 2], &Limits::default());
                    assert_eq!(rows.iter().map(units).sum::<i64>(), 6400);
                }
            });
        }
        for step in 0..400i64 {
            let (from, to) = (step * 7 % 64, (step * 13 + 5) % 64);
            if from == to {
                continue;
            }
            let mut tx = shop.begin();
            let rows = paged(&mut tx, &layout, &Limits::default());
            let mut opened = layout.open(&tx).unwrap();
            for (id, change) in [(from, -1), (to, 1)] {
                let now = units(&rows[id as usize]);
                let (old, new) = (account(id, now), account(id, now + change));
                assert_eq!(
                    layout.replace(&mut tx, &mut opened, &old, &new).unwrap(),
                    Ok(())
                );
            }
            shop.commit(tx);
        }
        ended.store(true, Ordering::Relaxed);
    });
    assert!(shop.store.ranges().gauges()[2].1 > 0);
}
