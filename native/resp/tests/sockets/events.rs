//! Keyspace notifications on the wire.

use super::support::{Client, Running};
use hyperdb_resp::events::Classes;
use hyperdb_resp::server::Settings;

/// A server that tells of these classes on channels of events, and a client that listens to all of them.
fn listening(classes: u64) -> (Running, Client) {
    let running = Running::with(Settings {
        events: Classes(classes),
        ..Settings::default()
    });
    let mut client = running.client();
    client.ask("psubscribe __key*");
    (running, client)
}

/// All that have events by their command.
const ALL: u64 = Classes::GENERIC
    | Classes::STRING
    | Classes::LIST
    | Classes::SET
    | Classes::HASH
    | Classes::SORTED_SET
    | Classes::EXPIRED
    | Classes::STREAM;

/// The events of some commands: `name key`, until the one of `end`.
fn events(running: &Running, hearing: &mut Client, lines: &[&str]) -> Vec<String> {
    let mut client = running.client();
    for line in lines {
        let said = client.ask(line);
        assert!(!said.starts_with('-'), "{line}: {said}");
    }
    client.ask("set end 1");
    let mut heard = Vec::new();
    loop {
        let message = hearing.reply();
        let message = message.trim_matches(['[', ']']);
        let words: Vec<&str> = message.split(' ').skip(2).collect();
        let event = words.join(" ").replace("__keyevent@0__:", "");
        if event == "set end" {
            return heard;
        }
        heard.push(event);
    }
}

#[test]
fn each_command_has_its_events() {
    let (running, mut hearing) = listening(ALL | Classes::KEYEVENT);
    for (lines, told) in [
        (&["set k v ex 100"][..], &["set k", "expire k"][..]),
        (
            &["incr n", "append n 5", "getset n 1"],
            &["incrby n", "append n", "set n"],
        ),
        (&["getdel n", "getdel n"], &["del n"]),
        (
            &["rpush l a b c", "lpop l", "rpoplpush l m"],
            &["rpush l", "lpop l", "lpush m", "rpop l"],
        ),
        (&["lmove l m left left"], &["lpush m", "lpop l", "del l"]),
        (&["lmove m m left right"], &["rpush m", "lpop m"]),
        (
            &["sadd s a b", "sadd s a", "smove s t a", "srem s b"],
            &["sadd s", "srem s", "sadd t", "srem s", "del s"],
        ),
        (
            &["hset h f 1", "hincrby h f 1", "hdel h f"],
            &["hset h", "hincrby h", "hdel h", "del h"],
        ),
        (
            &["zadd z 1 a", "zadd z incr 1 a", "zpopmin z"],
            &["zadd z", "zincr z", "zpopmin z", "del z"],
        ),
        (&["zunionstore d 1 none"], &[]),
        (
            &["mset p 1 q 2 p 3", "msetnx r 1 r 2", "del p q r"],
            &[
                "set p", "set q", "set p", "set r", "set r", "del p", "del q", "del r",
            ],
        ),
        (
            &[
                "xadd w maxlen 5 1-1 a b",
                "xadd w maxlen 1 1-2 a b",
                "xgroup create w g 0",
                "xreadgroup group g c streams w >",
                "xreadgroup group g c streams w 0",
                "xclaim w g d 0 1-2",
                "xautoclaim w g e 0 0",
                "del w",
            ],
            &[
                "xadd w",
                "xadd w",
                "xtrim w",
                "xgroup-create w",
                "xgroup-createconsumer w",
                "xgroup-createconsumer w",
                "xgroup-createconsumer w",
                "del w",
            ],
        ),
        (&["xadd x * a b"], &["xadd x"]),
        (
            &["rename x y", "copy y c", "del c"],
            &["rename_from x", "rename_to y", "copy_to c", "del c"],
        ),
        (
            &["expire y 100", "persist y", "expire y -1"],
            &["expire y", "persist y", "del y"],
        ),
        (&["del none", "get k", "set k v xx get"], &["set k"]),
        (
            &["multi", "set a 1", "set b 2", "exec"],
            &["set a", "set b"],
        ),
    ] {
        assert_eq!(events(&running, &mut hearing, lines), told, "{lines:?}");
    }
}

#[test]
fn channels_of_keys_and_of_events() {
    let (running, mut hearing) = listening(Classes::LIST | Classes::KEYEVENT | Classes::KEYSPACE);
    let mut client = running.client();
    client.ask("set k v");
    client.ask("select 3");
    client.ask("rpush l a");
    assert_eq!(hearing.reply(), "[pmessage __key* __keyspace@3__:l rpush]");
    assert_eq!(hearing.reply(), "[pmessage __key* __keyevent@3__:rpush l]");
}

#[test]
fn keys_that_expire_are_missing_or_new() {
    let (running, mut hearing) =
        listening(Classes::EXPIRED | Classes::NEW | Classes::MISS | Classes::KEYEVENT);
    let mut client = running.client();
    client.ask("set k v px 20");
    assert_eq!(hearing.reply(), "[pmessage __key* __keyevent@0__:new k]");
    assert_eq!(
        hearing.reply(),
        "[pmessage __key* __keyevent@0__:expired k]"
    );
    client.ask("get k");
    assert_eq!(
        hearing.reply(),
        "[pmessage __key* __keyevent@0__:keymiss k]"
    );
    client.ask("set k v");
    client.ask("set k v");
    client.ask("rename k j");
    assert_eq!(hearing.reply(), "[pmessage __key* __keyevent@0__:new k]");
    assert_eq!(hearing.reply(), "[pmessage __key* __keyevent@0__:new j]");
}

#[test]
fn what_is_over_is_told_before_what_takes_its_place() {
    let (running, mut hearing) = listening(ALL | Classes::NEW | Classes::KEYEVENT);
    let mut client = running.client();
    for (command, told) in [
        ("set k w", &["new k", "set k"][..]),
        ("del k", &[]),
        ("rpush k a", &["new k", "rpush k"]),
        ("mset k 1", &["new k", "set k"]),
    ] {
        client.ask("del k");
        client.ask("set k v px 3");
        std::thread::sleep(std::time::Duration::from_millis(8));
        client.ask(command);
        client.ask("set end 1");
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != "set end") {
            let message = hearing.reply();
            let event = message.trim_matches(['[', ']']).split("@0__:").last();
            heard.push(event.unwrap_or_default().to_owned());
        }
        let expired = heard.iter().position(|event| event == "expired k");
        let since = heard.split_off(expired.unwrap_or(0) + 1);
        let since = since.iter().filter(|event| !event.ends_with("end"));
        assert_eq!(since.collect::<Vec<_>>(), told, "{command}");
    }
}

#[test]
fn a_key_in_the_place_of_another_is_new() {
    let (running, mut hearing) = listening(Classes::NEW | Classes::KEYEVENT);
    let mut client = running.client();
    for line in ["mset a 1 b 2", "rename a b", "copy b c", "copy b c replace"] {
        client.ask(line);
    }
    for key in ["a", "b", "b", "c", "c"] {
        assert_eq!(
            hearing.reply(),
            format!("[pmessage __key* __keyevent@0__:new {key}]")
        );
    }
}

#[test]
fn who_writes_may_miss_what_it_reads() {
    let (running, mut hearing) = listening(Classes::MISS | Classes::KEYEVENT);
    let mut client = running.client();
    for line in [
        "getdel a",
        "sunionstore d b",
        "xinfo stream c",
        "set d v",
        "object encoding e",
        "getdel d",
        "get f",
    ] {
        client.ask(line);
    }
    for key in ["a", "b", "c", "f"] {
        assert_eq!(
            hearing.reply(),
            format!("[pmessage __key* __keyevent@0__:keymiss {key}]")
        );
    }
}

#[test]
fn a_transaction_that_is_taken_back_told_nothing() {
    let (running, mut hearing) = listening(Classes::STRING | Classes::KEYEVENT);
    let mut client = running.client();
    client.ask("multi");
    client.ask("incr k");
    client.ask("lpush k x");
    client.ask("incr k");
    assert!(client.ask("exec").starts_with("[:1 -WRONGTYPE"));
    assert_eq!(hearing.reply(), "[pmessage __key* __keyevent@0__:incrby k]");
    assert_eq!(hearing.reply(), "[pmessage __key* __keyevent@0__:incrby k]");
}

#[test]
fn others_than_clients_are_heard_of() {
    let (running, mut hearing) = listening(ALL | Classes::KEYEVENT);
    running.client().ask("set mine 1");
    assert_eq!(hearing.reply(), "[pmessage __key* __keyevent@0__:set mine]");
    running.write_outside("k", "v");
    assert_eq!(hearing.reply(), "[pmessage __key* __keyevent@0__:set k]");
    running.remove_outside("k");
    assert_eq!(hearing.reply(), "[pmessage __key* __keyevent@0__:del k]");
}

#[test]
fn a_moved_key_is_told_of_in_both_databases() {
    let (running, mut hearing) = listening(ALL | Classes::NEW | Classes::KEYEVENT);
    let mut client = running.client();
    client.ask("set k v");
    assert_eq!(client.ask("move k 5"), ":1");
    for told in [
        "__keyevent@0__:new k",
        "__keyevent@0__:set k",
        "__keyevent@5__:new k",
        "__keyevent@0__:move_from k",
        "__keyevent@5__:move_to k",
    ] {
        assert_eq!(hearing.reply(), format!("[pmessage __key* {told}]"));
    }
}
