//! Pipelines on more data than is near: what was looked up ahead must not be what is answered after a change.

use super::support::Running;
use hyperdb_graph::identity::System;
use hyperdb_graph::{Db, Options, Store};
use hyperdb_lsm::fs::SimFs;
use hyperdb_resp::server::Settings;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const KEYS: usize = 12_000;

/// A server whose keys are in tables, most of them out of its cache.
fn filled() -> Running {
    let options = Options {
        memory: 1 << 20,
        ..Options::default()
    };
    let db = Db::open_in(Arc::new(SimFs::new()), Path::new("/db"), options).unwrap();
    let store = Store::on(db, &mut System).unwrap();
    let running = Running::on(store, Settings::default(), PathBuf::from("/nowhere/at/all"));
    let mut client = running.client();
    let lines: Vec<String> = (0..KEYS)
        .map(|i| format!("set k{i} {i}:{}", "x".repeat(60)))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    client.tell_arrays(&lines);
    for _ in 0..KEYS {
        assert_eq!(client.reply(), "+OK");
    }
    running
}

#[test]
fn a_pipeline_sees_its_own_changes() {
    let running = filled();
    let mut client = running.client();
    let mut lines = Vec::new();
    let mut expected = Vec::new();
    for at in (0..KEYS).step_by(97) {
        let old = format!("{at}:{}", "x".repeat(60));
        // All of these are looked up before the first of them runs.
        lines.extend([
            format!("get k{at}"),
            format!("set k{at} new"),
            format!("get k{at}"),
            format!("del k{at}"),
            format!("get k{at}"),
            format!("get none{at}"),
            format!("set none{at} 1"),
            format!("incr none{at}"),
            format!("hget k{at} f"),
            format!("hset k{at} f v"),
            format!("get k{at}"),
            format!("del k{at}"),
        ]);
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        let replies = [
            &old, "+OK", "new", ":1", "(nil)", "(nil)", "+OK", ":2", "(nil)", ":1", wrong, ":1",
        ];
        expected.extend(replies.map(str::to_owned));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    client.tell_arrays(&lines);
    for (line, expected) in lines.iter().zip(&expected) {
        assert_eq!(&client.reply(), expected, "{line}");
    }
}

#[test]
fn clients_that_run_in_one_turn_see_each_other_s_changes() {
    let running = filled();
    let mut clients: Vec<_> = (0..20).map(|_| running.client()).collect();
    for round in 0..30 {
        let counter = format!("c{round}");
        for client in &mut clients {
            client.tell_arrays(&[
                &format!("get k{}", round * 31),
                &format!("incr {counter}"),
                &format!("get {counter}"),
            ]);
        }
        let mut counts: Vec<i64> = Vec::new();
        for client in &mut clients {
            assert!(client.reply().starts_with(&format!("{}:", round * 31)));
            let own: i64 = client.reply()[1..].parse().unwrap();
            let seen: i64 = client.reply().parse().unwrap();
            assert!(seen >= own);
            counts.push(own);
        }
        counts.sort_unstable();
        assert_eq!(counts, (1..=20).collect::<Vec<i64>>());
    }
}
