//! CLIENT TRACKING: who hears of which change.

use super::support::{set_user, some_roles, Client, Running};
use hyperdb_resp::server::Settings;

fn tracking(running: &Running, options: &str) -> Client {
    let mut client = running.client();
    client.ask("hello 3");
    assert_eq!(client.ask(&format!("client tracking on {options}")), "+OK");
    client
}

#[test]
fn who_has_read_a_key_hears_of_its_next_change() {
    let running = Running::new();
    let (mut client, mut other) = (tracking(&running, ""), running.client());
    other.ask("mset a 1 b 2");
    assert_eq!(client.ask("mget a none"), "[1 (nil)]");
    assert_eq!(other.ask("set a 2"), "+OK");
    assert_eq!(client.reply(), ">[invalidate [a]]");
    // Told once; b was not read.
    other.tell(&["set a 3", "set b 3", "set none 1"]);
    assert_eq!(client.reply(), ">[invalidate [none]]");
    assert_eq!(client.ask("get a"), "3");
    // What it changes itself it hears of after the reply.
    assert_eq!(client.ask("set a 4"), "+OK");
    assert_eq!(client.reply(), ">[invalidate [a]]");
    assert_eq!(client.ask("client tracking off"), "+OK");
    assert_eq!(client.ask("get b"), "3");
    assert_eq!(other.ask("set b 4"), "+OK");
    assert_eq!(client.ask("ping"), "+PONG");
}

#[test]
fn what_a_transaction_changed_before_it_read_is_no_news() {
    let running = Running::new();
    let (mut client, mut other) = (tracking(&running, ""), running.client());
    for line in ["multi", "set a 1", "get a", "get b", "set b 1"] {
        client.ask(line);
    }
    assert_eq!(client.ask("exec"), "[+OK 1 (nil) +OK]");
    assert_eq!(client.reply(), ">[invalidate [b]]");
    assert_eq!(other.ask("set a 2"), "+OK");
    assert_eq!(client.reply(), ">[invalidate [a]]");
}

#[test]
fn a_command_that_fails_has_read() {
    let running = Running::new();
    let (mut client, mut other) = (tracking(&running, ""), running.client());
    assert!(client.ask("bitpos a 2").starts_with("-ERR"));
    assert_eq!(other.ask("set a 2"), "+OK");
    assert_eq!(client.reply(), ">[invalidate [a]]");
}

#[test]
fn all_is_forgotten_when_a_database_is_emptied() {
    let running = Running::new();
    let (mut client, mut other) = (tracking(&running, "noloop"), running.client());
    other.ask("set a 1");
    assert_eq!(client.ask("get a"), "1");
    assert_eq!(other.ask("flushall"), "+OK");
    assert_eq!(client.reply(), ">[invalidate (nil)]");
    client.ask("get a");
    assert_eq!(client.ask("set a 1"), "+OK");
    assert_eq!(
        client.ask("ping"),
        "+PONG",
        "it does not want to hear of itself"
    );
}

#[test]
fn keys_whose_time_is_over_are_changed() {
    let running = Running::new();
    let (mut client, mut other) = (tracking(&running, ""), running.client());
    other.ask("set a 1 px 20");
    client.ask("get a");
    assert_eq!(client.reply(), ">[invalidate [a]]");
}

#[test]
fn broadcasts_by_prefix_come_together() {
    let running = Running::new();
    let mut client = tracking(&running, "bcast prefix u: prefix v:");
    let mut other = running.client();
    assert_eq!(other.ask("mset u:1 1 w:1 1 v:1 1 u:2 2"), "+OK");
    assert_eq!(client.reply(), ">[invalidate [u:1 u:2]]");
    assert_eq!(client.reply(), ">[invalidate [v:1]]");
    assert_eq!(
        client.ask("client trackinginfo"),
        "{flags ~[on bcast] redirect :0 prefixes [u: v:]}"
    );
    assert_eq!(
        client.ask("client tracking on bcast prefix u:1"),
        "-ERR Prefix 'u:1' overlaps with an existing prefix 'u:'. Prefixes for a single client must not overlap."
    );
    assert_eq!(
        client.ask("client tracking on bcast prefix a prefix ab"),
        "-ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not overlap."
    );
    assert!(client
        .ask("client tracking on")
        .starts_with("-ERR You can't switch BCAST mode"));
}

#[test]
fn broadcasts_name_no_keys_that_the_user_may_not_use() {
    let mut roles = some_roles();
    set_user(&mut roles, "u", "on nopass +@all ~mine:*");
    let running = Running::with_roles(roles);
    let (mut client, mut other) = (running.client(), running.client());
    client.ask("hello 3 auth u x");
    assert_eq!(client.ask("client tracking on bcast"), "+OK");
    other.ask("auth secret");
    assert_eq!(other.ask("mset secret:1 1 mine:1 1"), "+OK");
    assert_eq!(client.reply(), ">[invalidate [mine:1]]");
}

#[test]
fn caching_is_said_for_one_command() {
    let running = Running::new();
    let mut other = running.client();
    let mut client = tracking(&running, "optin");
    client.ask("get a");
    assert_eq!(client.ask("client caching yes"), "+OK");
    client.ask("get b");
    client.ask("get c");
    other.tell(&["set a 1", "set c 1", "set b 1"]);
    assert_eq!(client.reply(), ">[invalidate [b]]");
    client.ask("client caching yes");
    client.ask("multi");
    client.ask("get a");
    client.ask("exec");
    client.ask("get c");
    other.tell(&["set c 2", "set a 2"]);
    assert_eq!(client.reply(), ">[invalidate [a]]");
    assert_eq!(
        client.ask("client caching no"),
        "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
    );
    let mut client = tracking(&running, "optout");
    client.ask("client caching no");
    client.ask("get a");
    client.ask("get b");
    other.tell(&["set a 3", "set b 3"]);
    assert_eq!(client.reply(), ">[invalidate [b]]");
}

#[test]
fn another_connection_may_hear_of_it_also_in_resp2() {
    let running = Running::new();
    let (mut hearing, mut other) = (running.client(), running.client());
    let id = hearing.ask("client id");
    let id = id.trim_start_matches(':');
    assert_eq!(
        hearing.ask("subscribe __redis__:invalidate"),
        "[subscribe __redis__:invalidate :1]"
    );
    let mut client = running.client();
    assert_eq!(
        client.ask("client tracking on redirect 999999"),
        "-ERR The client ID you want redirect to does not exist"
    );
    assert_eq!(
        client.ask(&format!("client tracking on redirect {id}")),
        "+OK"
    );
    assert_eq!(client.ask("client getredir"), format!(":{id}"));
    client.ask("get a");
    other.ask("set a 1");
    assert_eq!(hearing.reply(), "[message __redis__:invalidate [a]]");
    assert_eq!(other.ask(&format!("client kill id {id}")), ":1");
    client.ask("hello 3");
    client.ask("get a");
    other.ask("set a 2");
    assert_eq!(client.reply(), format!(">[tracking-redir-broken :{id}]"));
    assert!(client
        .ask("client trackinginfo")
        .contains("broken_redirect"));
}

#[test]
fn beyond_the_limit_keys_are_forgotten_aloud() {
    let running = Running::with(Settings {
        tracked_keys: 2,
        ..Settings::default()
    });
    let mut client = tracking(&running, "");
    assert_eq!(client.ask("mget a b"), "[(nil) (nil)]");
    client.send(b"get c\r\n");
    let (first, second) = (client.reply(), client.reply());
    let told = [first, second].join(" ");
    assert!(told.contains(">[invalidate ["), "{told}");
}

#[test]
fn what_others_than_clients_change_is_told_too() {
    let running = Running::new();
    let mut client = tracking(&running, "");
    client.ask("set a 1");
    assert_eq!(client.ask("get a"), "1");
    running.write_outside("a", "2");
    assert_eq!(client.reply(), ">[invalidate [a]]");
    assert_eq!(client.ask("get a"), "2");
}
