//! Who writes beside the loop: the host process and its transactions. Clients that wait hear of it at once.

use crate::support::Running;
use hyperdb_graph::TransactionOptions;
use hyperdb_resp::server::{Clock, Settings, SystemClock};
use std::sync::atomic::{AtomicU64, Ordering};

/// Housekeeping runs once, and then never again within anybody's patience: nothing but a wake is left to wait for.
#[derive(Default)]
struct Stopped {
    asked: AtomicU64,
}

impl Clock for Stopped {
    fn unix_ms(&self) -> i64 {
        SystemClock::new().unix_ms()
    }

    fn monotonic_ms(&self) -> i64 {
        // Once for the start and once for the loop's first look; from then on the first tick lies far ahead.
        match self.asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => 0,
            _ => -1_000_000_000,
        }
    }
}

/// Renames element `from`, as the host process would.
fn rename(running: &Running, from: &[u8], to: &[u8]) {
    let moved = running.store.run(0, None, |turn| {
        let app = turn.redis_app(0)?;
        turn.move_element(app, from, to)
    });
    assert!(moved.unwrap().0);
}

#[test]
fn a_blocked_client_is_served_at_once() {
    let running = Running::with_clock(Settings::default(), Box::new(Stopped::default()));
    let (mut client, mut blocked) = (running.client(), running.client());
    for round in 0..20 {
        client.ask("rpush aside x");
        blocked.tell(&["blpop q 0"]);
        running.until_blocked(1);
        rename(&running, b"aside", b"q");
        // Other traffic, before and after the loop has heard of it.
        if round % 2 == 0 {
            assert_eq!(client.ask("ping"), "+PONG");
        }
        assert_eq!(blocked.reply(), "[q x]");
    }
}

#[test]
fn what_does_not_serve_leaves_it_waiting() {
    let running = Running::with_clock(Settings::default(), Box::new(Stopped::default()));
    let (mut client, mut blocked) = (running.client(), running.client());
    client.ask("set text v");
    client.ask("rpush aside x");
    blocked.tell(&["blpop q 0"]);
    running.until_blocked(1);
    rename(&running, b"text", b"q");
    rename(&running, b"q", b"text");
    running.until_blocked(1);
    rename(&running, b"aside", b"q");
    assert_eq!(blocked.reply(), "[q x]");
}

#[test]
fn watch_and_counts_see_a_transaction() {
    let running = Running::new();
    let mut client = running.client();
    client.ask("set k 1");
    for touched in ["k", "other"] {
        client.ask("watch k");
        let mut outside = running.store.begin(TransactionOptions::default());
        let app = outside.app(&running.store, b"redis/0").unwrap().unwrap();
        let id = touched.as_bytes();
        outside.put_vertex(app, id, b"2", None).unwrap();
        let commit = outside.commit().unwrap();
        running.store.db().wait_durable(commit).unwrap();
        client.ask("multi");
        client.ask("get k");
        let replies = if touched == "k" { "(nil)" } else { "[2]" };
        assert_eq!(client.ask("exec"), replies);
    }
    assert_eq!(client.ask("dbsize"), ":2");
}
