//! Each anomaly at each level: the expected outcome of that level, by fixed interleavings of two or three
//! transactions. Names after Berenson et al., "A critique of ANSI SQL isolation levels" (1995).

use crate::bench::{conflict, get, key, number, put, row, scan, Bench, DATA};
use hyperdb_graph::{
    Access, Conflict, Isolation, LockMode, Locked, Transaction, TransactionOptions, Wait,
};

const ALL: [Isolation; 3] = [
    Isolation::ReadCommitted,
    Isolation::RepeatableRead,
    Isolation::Serializable,
];

#[test]
fn dirty_reads_happen_at_no_level() {
    for isolation in ALL {
        let bench = Bench::with(&[("x", "1")]);
        let mut writer = bench.begin(isolation);
        put(&mut writer, "x", "2").unwrap();
        let mut reader = bench.begin(isolation);
        reader.begin_statement();
        assert_eq!(get(&reader, "x").as_deref(), Some("1"));
        writer.rollback();
        assert_eq!(bench.value("x").as_deref(), Some("1"));
        bench.assert_no_locks();
    }
}

#[test]
fn a_read_is_repeatable_from_repeatable_read_on() {
    for (isolation, second) in [
        (Isolation::ReadCommitted, "2"),
        (Isolation::RepeatableRead, "1"),
        (Isolation::Serializable, "1"),
    ] {
        let bench = Bench::with(&[("x", "1")]);
        let mut reader = bench.begin(isolation);
        assert_eq!(get(&reader, "x").as_deref(), Some("1"));
        let mut writer = bench.begin(isolation);
        put(&mut writer, "x", "2").unwrap();
        bench.commit(writer).unwrap();
        assert_eq!(
            get(&reader, "x").as_deref(),
            Some("1"),
            "the same statement"
        );
        reader.begin_statement();
        assert_eq!(get(&reader, "x").as_deref(), Some(second), "{isolation:?}");
    }
}

/// P4: both read x = 10 and add to it.
#[test]
fn an_update_is_lost_at_no_level() {
    for isolation in ALL {
        let bench = Bench::with(&[("x", "10")]);
        let mut first = bench.begin(isolation);
        let mut second = bench.begin(isolation);
        let (seen_by_first, seen_by_second) = (number(&first, "x"), number(&second, "x"));
        put(&mut first, "x", &(seen_by_first + 1).to_string()).unwrap();
        bench.commit(first).unwrap();
        let lost = conflict(put(&mut second, "x", &(seen_by_second + 5).to_string()));
        if isolation == Isolation::ReadCommitted {
            assert_eq!(lost, Conflict::RowChanged);
            second.begin_statement();
            let newest = number(&second, "x");
            put(&mut second, "x", &(newest + 5).to_string()).unwrap();
            bench.commit(second).unwrap();
            assert_eq!(bench.value("x").as_deref(), Some("16"));
        } else {
            assert_eq!(lost.sqlstate(), "40001");
            assert_eq!(conflict(second.commit()), Conflict::InFailedTransaction);
            assert_eq!(bench.value("x").as_deref(), Some("11"));
        }
        bench.assert_no_locks();
    }
}

/// READ COMMITTED by hand, as an UPDATE does it: lock, look again, decide again.
#[test]
fn read_committed_rechecks_the_newest_row() {
    let bench = Bench::with(&[("x", "10")]);
    let mut updater = bench.begin(Isolation::ReadCommitted);
    assert_eq!(number(&updater, "x"), 10);
    let mut other = bench.begin(Isolation::ReadCommitted);
    put(&mut other, "x", "20").unwrap();
    bench.commit(other).unwrap();
    assert_eq!(number(&updater, "x"), 10);
    let locked = updater.lock(row("x"), LockMode::NoKeyUpdate, Wait::Block);
    assert_eq!(locked.unwrap(), Locked::Changed);
    assert_eq!(
        number(&updater, "x"),
        20,
        "the locked row reads as it is now"
    );
    assert_eq!(scan(&updater, "x"), [("x".into(), "20".into())]);
    put(&mut updater, "x", "21").unwrap();
    bench.commit(updater).unwrap();
    assert_eq!(bench.value("x").as_deref(), Some("21"));
}

/// `statement` does the same for code that just reads and writes.
#[test]
fn a_statement_runs_again_when_a_row_changed_under_it() {
    let bench = Bench::with(&[("x", "1"), ("y", "1")]);
    let mut updater = bench.begin(Isolation::ReadCommitted);
    let mut runs = 0;
    updater
        .statement(|transaction| {
            runs += 1;
            let (x, y) = (number(transaction, "x"), number(transaction, "y"));
            if runs <= 2 {
                // Somebody changes the row that this run is about to write: y first, then x.
                let mut other = bench.begin(Isolation::ReadCommitted);
                put(&mut other, ["y", "x"][runs - 1], "7")?;
                bench.commit(other)?;
            }
            put(transaction, "y", &(y + 1).to_string())?;
            put(transaction, "x", &(x + 1).to_string())
        })
        .unwrap();
    bench.commit(updater).unwrap();
    assert_eq!(runs, 3);
    assert_eq!(bench.value("x").as_deref(), Some("8"));
    assert_eq!(bench.value("y").as_deref(), Some("8"));
}

/// A5B: x + y >= 1 holds before; each takes one from another row after checking the sum.
#[test]
fn write_skew_is_left_to_repeatable_read_and_stopped_at_serializable() {
    for (isolation, both) in [
        (Isolation::ReadCommitted, true),
        (Isolation::RepeatableRead, true),
        (Isolation::Serializable, false),
    ] {
        let bench = Bench::with(&[("x", "1"), ("y", "1")]);
        let mut first = bench.begin(isolation);
        let mut second = bench.begin(isolation);
        assert_eq!(number(&first, "x") + number(&first, "y"), 2);
        assert_eq!(number(&second, "x") + number(&second, "y"), 2);
        put(&mut first, "x", "0").unwrap();
        put(&mut second, "y", "0").unwrap();
        bench.commit(first).unwrap();
        let outcome = bench.commit(second);
        assert_eq!(outcome.is_ok(), both, "{isolation:?}");
        if !both {
            assert_eq!(conflict(outcome).sqlstate(), "40001");
            assert_eq!(bench.value("y").as_deref(), Some("1"));
        }
    }
}

/// A3: both count the rows of a range and insert another one into it.
#[test]
fn phantoms_are_stopped_at_serializable() {
    for (isolation, both) in [
        (Isolation::RepeatableRead, true),
        (Isolation::Serializable, false),
    ] {
        let bench = Bench::with(&[("t/1", "a")]);
        let mut first = bench.begin(isolation);
        let mut second = bench.begin(isolation);
        assert_eq!(scan(&first, "t/").len(), 1);
        assert_eq!(scan(&second, "t/").len(), 1);
        first.insert(DATA, &key("t/2"), b"b").unwrap();
        second.insert(DATA, &key("t/3"), b"c").unwrap();
        assert_eq!(scan(&first, "t/").len(), 2, "own writes are seen");
        bench.commit(first).unwrap();
        assert_eq!(bench.commit(second).is_ok(), both, "{isolation:?}");
    }
}

/// A remove leaves no live row behind, yet it changed the range; so does reading a key that is not there.
#[test]
fn removes_and_absent_keys_are_part_of_what_was_read() {
    let bench = Bench::with(&[("t/1", "a"), ("t/2", "b")]);
    let mut counting = bench.begin(Isolation::Serializable);
    assert_eq!(scan(&counting, "t/").len(), 2);
    put(&mut counting, "count", "2").unwrap();
    let mut remover = bench.begin(Isolation::Serializable);
    remover.remove(DATA, &key("t/2"), b"").unwrap();
    bench.commit(remover).unwrap();
    assert!(matches!(
        conflict(bench.commit(counting)),
        Conflict::Serialization(_)
    ));

    let mut unique = bench.begin(Isolation::Serializable);
    assert_eq!(get(&unique, "name"), None);
    put(&mut unique, "answer", "free").unwrap();
    let mut taker = bench.begin(Isolation::Serializable);
    put(&mut taker, "name", "taken").unwrap();
    bench.commit(taker).unwrap();
    assert!(matches!(
        conflict(bench.commit(unique)),
        Conflict::Serialization(_)
    ));
}

/// Only what a walk passed over was read: a LIMIT does not conflict with what lies behind it.
#[test]
fn a_walk_reads_only_as_far_as_it_went() {
    let rows: Vec<(String, &str)> = (0..10).map(|i| (format!("t/{i}"), "v")).collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(name, v)| (name.as_str(), *v)).collect();
    for (changed, direction, conflicts) in [
        ("t/8", hyperdb_graph::Direction::Forward, false),
        ("t/1", hyperdb_graph::Direction::Forward, true),
        ("t/1", hyperdb_graph::Direction::Reverse, false),
        ("t/8", hyperdb_graph::Direction::Reverse, true),
    ] {
        let bench = Bench::with(&rows);
        let mut reader = bench.begin(Isolation::Serializable);
        let range = hyperdb_graph::KeyRange::prefix(&key("t/"));
        let mut walk = reader.scan(DATA, range, direction).unwrap();
        for _ in 0..3 {
            assert!(walk.next().unwrap().is_some());
        }
        drop(walk);
        put(&mut reader, "seen", "3").unwrap();
        let mut writer = bench.begin(Isolation::Serializable);
        put(&mut writer, changed, "new").unwrap();
        bench.commit(writer).unwrap();
        assert_eq!(
            bench.commit(reader).is_err(),
            conflicts,
            "{changed} {direction:?}"
        );
    }
}

/// Fekete, O'Neil, O'Neil (2004): deposit, withdrawal with overdraft fee, and a report in between. Under snapshot
/// isolation the report makes the history unserializable though the updates alone are not.
#[test]
fn the_read_only_anomaly_is_stopped_without_failing_the_reader() {
    for (isolation, anomaly) in [
        (Isolation::RepeatableRead, true),
        (Isolation::Serializable, false),
    ] {
        let bench = Bench::with(&[("x", "0"), ("y", "0")]);
        let mut withdrawal = bench.begin(isolation);
        assert_eq!(number(&withdrawal, "x") + number(&withdrawal, "y"), 0);
        let mut deposit = bench.begin(isolation);
        assert_eq!(number(&deposit, "y"), 0);
        put(&mut deposit, "y", "20").unwrap();
        bench.commit(deposit).unwrap();
        let report = bench.store.begin(TransactionOptions {
            isolation,
            access: Access::ReadOnly,
            ..TransactionOptions::default()
        });
        assert_eq!((number(&report, "x"), number(&report, "y")), (0, 20));
        report.commit().unwrap();
        put(&mut withdrawal, "x", "-11").unwrap();
        assert_eq!(bench.commit(withdrawal).is_ok(), anomaly, "{isolation:?}");
    }
}

#[test]
fn a_read_only_transaction_neither_waits_nor_fails_nor_writes() {
    for isolation in ALL {
        let bench = Bench::with(&[("x", "1"), ("y", "1")]);
        let mut writer = bench.begin(Isolation::ReadCommitted);
        put(&mut writer, "x", "2").unwrap();
        let mut reader: Transaction = bench.store.begin(TransactionOptions {
            isolation,
            access: Access::ReadOnly,
            ..TransactionOptions::default()
        });
        assert_eq!(get(&reader, "x").as_deref(), Some("1"));
        bench.commit(writer).unwrap();
        assert_eq!(conflict(put(&mut reader, "y", "2")), Conflict::ReadOnly);
        let locked = reader.lock(row("y"), LockMode::Share, Wait::Block);
        assert_eq!(conflict(locked).sqlstate(), "25006");
        assert_eq!(get(&reader, "y").as_deref(), Some("1"));
        reader.commit().unwrap();
    }
}

/// A transaction that relies on a definition fails if the definition is newer by its commit.
#[test]
fn a_pinned_definition_must_not_change() {
    let bench = Bench::with(&[("catalog", "v1")]);
    let mut planned = bench.begin(Isolation::ReadCommitted);
    planned.pin(DATA, &key("catalog"));
    put(&mut planned, "x", "1").unwrap();
    let mut ddl = bench.begin(Isolation::ReadCommitted);
    put(&mut ddl, "catalog", "v2").unwrap();
    bench.commit(ddl).unwrap();
    assert!(matches!(
        conflict(bench.commit(planned)),
        Conflict::Serialization(_)
    ));
    assert_eq!(bench.value("x"), None);
}
