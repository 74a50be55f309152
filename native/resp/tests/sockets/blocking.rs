//! Commands that wait for keys.

use super::support::Running;

#[test]
fn first_come_first_served() {
    let running = Running::new();
    let mut clients = Vec::new();
    for i in 1..=3 {
        let mut client = running.client();
        client.tell(&["blpop q 0"]);
        running.until_blocked(i);
        clients.push(client);
    }
    assert_eq!(running.client().ask("rpush q a b"), ":2");
    assert_eq!(clients[0].reply(), "[q a]");
    assert_eq!(clients[1].reply(), "[q b]");
    running.until_blocked(1);
    assert_eq!(running.client().ask("rpush q c"), ":1");
    assert_eq!(clients[2].reply(), "[q c]");
    assert_eq!(running.client().ask("exists q"), ":0");
}

#[test]
fn a_blocked_client_keeps_its_place_when_nothing_is_left_for_it() {
    let running = Running::new();
    let (mut first, mut second) = (running.client(), running.client());
    first.tell(&["blpop q 0"]);
    running.until_blocked(1);
    second.tell(&["blpop q 0"]);
    running.until_blocked(2);
    // Pushed and popped in one transaction: nobody is served, nobody moves.
    let mut other = running.client();
    other.tell(&["multi", "rpush q x", "lpop q", "exec"]);
    for reply in ["+OK", "+QUEUED", "+QUEUED", "[:1 x]"] {
        assert_eq!(other.reply(), reply);
    }
    running.until_blocked(2);
    other.ask("rpush q y");
    assert_eq!(first.reply(), "[q y]");
    running.until_blocked(1);
    other.ask("rpush q z");
    assert_eq!(second.reply(), "[q z]");
}

#[test]
fn what_was_sent_behind_waits_too() {
    let running = Running::new();
    let mut client = running.client();
    client.tell(&["blpop q 0", "ping", "get k"]);
    running.until_blocked(1);
    let mut other = running.client();
    other.ask("set k v");
    other.ask("rpush q x");
    assert_eq!(client.reply(), "[q x]");
    assert_eq!(client.reply(), "+PONG");
    assert_eq!(client.reply(), "v");
}

#[test]
fn a_chain_of_moves_is_followed() {
    let running = Running::new();
    let (mut first, mut second) = (running.client(), running.client());
    first.tell(&["blmove a b left right 0"]);
    second.tell(&["blpop b 0"]);
    running.until_blocked(2);
    running.client().ask("rpush a x");
    assert_eq!(first.reply(), "x");
    assert_eq!(second.reply(), "[b x]");
}

#[test]
fn another_type_does_not_wake() {
    let running = Running::new();
    let mut client = running.client();
    client.tell(&["blpop q 0"]);
    running.until_blocked(1);
    let mut other = running.client();
    other.ask("set q text");
    running.until_blocked(1);
    other.ask("del q");
    other.ask("rpush q x");
    assert_eq!(client.reply(), "[q x]");
}

#[test]
fn time_is_over() {
    let running = Running::new();
    let mut client = running.client();
    assert_eq!(client.ask("blpop q 0.01"), "(nil)");
    assert_eq!(client.ask("blmove a b left left 0.01"), "(nil)");
    assert_eq!(client.ask("ping"), "+PONG");
}

#[test]
fn unblocked_by_command() {
    let running = Running::new();
    let mut client = running.client();
    let id = client.ask("client id").trim_start_matches(':').to_owned();
    let mut other = running.client();
    assert_eq!(other.ask(&format!("client unblock {id}")), ":0");
    client.tell(&["blpop q 0"]);
    running.until_blocked(1);
    assert_eq!(other.ask(&format!("client unblock {id}")), ":1");
    assert_eq!(client.reply(), "(nil)");
    client.tell(&["blpop q 0"]);
    running.until_blocked(1);
    assert_eq!(other.ask(&format!("client unblock {id} error")), ":1");
    assert_eq!(
        client.reply(),
        "-UNBLOCKED client unblocked via CLIENT UNBLOCK"
    );
}

#[test]
fn a_client_that_leaves_takes_nothing() {
    let running = Running::new();
    let mut client = running.client();
    client.tell(&["blpop q 0"]);
    running.until_blocked(1);
    drop(client);
    running.until_blocked(0);
    let mut other = running.client();
    assert_eq!(other.ask("rpush q x"), ":1");
    assert_eq!(other.ask("lrange q 0 -1"), "[x]");
}

#[test]
fn a_transaction_does_not_block() {
    let running = Running::new();
    let mut client = running.client();
    client.tell(&["multi", "blpop q 0", "exec"]);
    for reply in ["+OK", "+QUEUED", "[(nil)]"] {
        assert_eq!(client.reply(), reply);
    }
}

#[test]
fn paused_clients_wait() {
    let running = Running::new();
    let (mut client, mut other) = (running.client(), running.client());
    assert_eq!(other.ask("client pause 100000 write"), "+OK");
    assert_eq!(client.ask("get k"), "(nil)");
    client.tell(&["set k v", "get k"]);
    assert_eq!(other.ask("get k"), "(nil)");
    assert_eq!(other.ask("client unpause"), "+OK");
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.reply(), "v");
}

#[test]
fn sorted_sets_wake_their_own_kind() {
    let running = Running::new();
    let (mut client, mut other) = (running.client(), running.client());
    client.tell(&["bzpopmin z 0"]);
    running.until_blocked(1);
    other.ask("zadd z 2 b 1 a");
    assert_eq!(client.reply(), "[z a 1]");
}
