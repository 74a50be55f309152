//! Commands that wait for keys.

use super::support::Running;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

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
fn another_kind_at_another_key_is_no_error_for_who_waits() {
    let running = Running::new();
    let mut client = running.client();
    client.tell(&["blpop a b 0"]);
    running.until_blocked(1);
    let mut other = running.client();
    other.ask("set a text");
    other.ask("rpush b x");
    assert_eq!(client.reply(), "[b x]");
    client.tell(&["bzmpop 0 2 a b min"]);
    assert_eq!(client.reply(), WRONG_TYPE);
}

#[test]
fn the_key_that_was_ready_first_serves() {
    let running = Running::new();
    let mut client = running.client();
    let mut other = running.client();
    for (wait, add, reply) in [
        ("blpop a b 0", ["rpush b x", "rpush a y"], "[b x]"),
        ("blmpop 0 2 a b left", ["rpush b x", "rpush a y"], "[b [x]]"),
        ("bzpopmin a b 0", ["zadd b 1 x", "zadd a 2 y"], "[b x 1]"),
        (
            "bzmpop 0 2 a b max",
            ["zadd b 1 x", "zadd a 2 y"],
            "[b [[x 1]]]",
        ),
    ] {
        client.tell(&[wait]);
        running.until_blocked(1);
        other.tell(&["multi", add[0], add[1], "exec", "del a"]);
        for expected in ["+OK", "+QUEUED", "+QUEUED", "[:1 :1]", ":1"] {
            assert_eq!(other.reply(), expected);
        }
        assert_eq!(client.reply(), reply);
        assert_eq!(other.ask("exists a b"), ":0");
    }
}

/// Every way in which a key comes to hold a list or a sorted set.
#[test]
fn whatever_makes_the_key_wakes() {
    let running = Running::new();
    let mut client = running.client();
    let mut other = running.client();
    for (wait, before, making, reply) in [
        ("blpop k 0", "rpush src 3 1", "rename src k", "[k 3]"),
        ("blpop k 0", "rpush src 3 1", "renamenx src k", "[k 3]"),
        ("blpop k 0", "rpush src 3 1", "copy src k", "[k 3]"),
        ("blpop k 0", "rpush src 3 1", "sort src store k", "[k 1]"),
        (
            "blpop k 0",
            "rpush src 3 1",
            "lmove src k left left",
            "[k 3]",
        ),
        (
            "bzpopmin k 0",
            "zadd src 1 a 2 b",
            "zrangestore k src 0 -1",
            "[k a 1]",
        ),
        (
            "bzpopmax k 0",
            "zadd src 1 a 2 b",
            "zunionstore k 1 src",
            "[k b 2]",
        ),
        (
            "bzpopmax k 0",
            "sadd src a",
            "zinterstore k 1 src",
            "[k a 1]",
        ),
        ("bzpopmax k 0", "echo x", "zincrby k 2 m", "[k m 2]"),
        ("bzpopmax k 0", "zadd k2 3 m", "rename k2 k", "[k m 3]"),
    ] {
        client.tell(&[wait]);
        running.until_blocked(1);
        other.ask(before);
        other.ask(making);
        assert_eq!(client.reply(), reply, "{making}");
        other.ask("flushall");
    }
    client.tell(&["blpop k 0"]);
    running.until_blocked(1);
    for line in ["select 3", "rpush k x", "move k 0", "select 0"] {
        other.ask(line);
    }
    assert_eq!(client.reply(), "[k x]");
    client.tell(&["blpop k 0"]);
    running.until_blocked(1);
    for line in ["select 3", "rpush k y", "swapdb 0 3"] {
        other.ask(line);
    }
    assert_eq!(client.reply(), "[k y]");
}

#[test]
fn clients_of_two_kinds_wait_side_by_side() {
    let running = Running::new();
    let (mut list, mut sorted) = (running.client(), running.client());
    list.tell(&["blpop k 0"]);
    running.until_blocked(1);
    sorted.tell(&["bzpopmin k 0"]);
    running.until_blocked(2);
    let mut other = running.client();
    other.ask("zadd k 1 m");
    assert_eq!(sorted.reply(), "[k m 1]");
    running.until_blocked(1);
    other.ask("rpush k x");
    assert_eq!(list.reply(), "[k x]");
}

#[test]
fn a_target_of_another_kind_ends_the_wait_and_the_next_is_served() {
    let running = Running::new();
    let (mut first, mut second) = (running.client(), running.client());
    first.tell(&["blmove src text left right 0"]);
    running.until_blocked(1);
    second.tell(&["blpop src 0"]);
    running.until_blocked(2);
    let mut other = running.client();
    other.ask("set text x");
    other.ask("rpush src a");
    assert_eq!(first.reply(), WRONG_TYPE);
    assert_eq!(second.reply(), "[src a]");
}

#[test]
fn a_list_turned_onto_itself() {
    let running = Running::new();
    let mut client = running.client();
    client.tell(&["brpoplpush q q 0"]);
    running.until_blocked(1);
    let mut other = running.client();
    other.ask("rpush q 1 2");
    assert_eq!(client.reply(), "2");
    assert_eq!(other.ask("lrange q 0 -1"), "[2 1]");
}

#[test]
fn the_shorter_wait_ends_first() {
    let running = Running::new();
    let (mut long, mut short) = (running.client(), running.client());
    long.tell(&["blpop q 0"]);
    running.until_blocked(1);
    short.tell(&["blpop q 0.02"]);
    assert_eq!(short.reply(), "(nil)");
    running.until_blocked(1);
    running.client().ask("rpush q x");
    assert_eq!(long.reply(), "[q x]");
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
fn a_pause_of_no_time_is_refused_in_words() {
    let running = Running::new();
    let mut client = running.client();
    for (asked, told) in [
        ("client pause -1", "-ERR timeout is negative"),
        (
            "client pause x",
            "-ERR timeout is not an integer or out of range",
        ),
        (
            "client pause 9223372036854775807",
            "-ERR timeout is out of range",
        ),
        (
            "client pause -1 some",
            "-ERR CLIENT PAUSE mode must be WRITE or ALL",
        ),
    ] {
        assert_eq!(client.ask(asked), told);
    }
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
