//! Order, cuts, and the end of a connection.

use super::support::Running;
use hyperdb_graph::SyncMode;
use hyperdb_resp::server::Settings;

#[test]
fn replies_come_in_order_of_requests() {
    let running = Running::new();
    let mut client = running.client();
    let lines: Vec<String> = (0..5000)
        .flat_map(|i| [format!("set k{i} {i}"), format!("get k{i}")])
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    client.tell(&lines);
    for i in 0..5000 {
        assert_eq!(client.reply(), "+OK");
        assert_eq!(client.reply(), i.to_string());
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let running = Running::new();
    let mut client = running.client();
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n" {
        client.send(&[*byte]);
    }
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.ask("get k"), "a\r\nb");
}

#[test]
fn a_half_closed_client_gets_its_replies() {
    let running = Running::new();
    let mut client = running.client();
    client.tell(&["set k v", "get k", "info"]);
    client.half_close();
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.reply(), "v");
    assert_eq!(client.reply(), "db=0 role=default");
    assert!(client.is_closed());
}

#[test]
fn quit_closes_after_its_reply_and_runs_nothing_more() {
    let running = Running::new();
    let mut client = running.client();
    client.tell(&["set k 1", "quit", "set k 2"]);
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.reply(), "+OK");
    assert!(client.is_closed());
    assert_eq!(running.client().ask("get k"), "1");
}

#[test]
fn large_values_pass() {
    let running = Running::new();
    let mut client = running.client();
    let value = "x".repeat(5 << 20);
    client.send(
        format!(
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n",
            value.len()
        )
        .as_bytes(),
    );
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.ask("strlen k"), format!(":{}", value.len()));
    assert_eq!(client.ask("get k"), value);
}

#[test]
fn always_acknowledges_what_is_durable() {
    let running = Running::with_sync(Settings::default(), SyncMode::Always);
    let mut client = running.client();
    for i in 0..50 {
        assert_eq!(
            client.ask(&format!("incr n{}", i % 3)),
            format!(":{}", i / 3 + 1)
        );
        assert!(running.store.db().durable() > 0);
    }
    client.tell(&["set a 1", "get a", "ping", "incr a", "get a"]);
    for reply in ["+OK", "1", "+PONG", ":2", "2"] {
        assert_eq!(client.reply(), reply);
    }
}

#[test]
fn names_in_any_case_and_errors_in_redis_words() {
    let running = Running::new();
    let mut client = running.client();
    assert_eq!(client.ask("PiNg"), "+PONG");
    assert_eq!(
        client.ask("nope a 'b c'"),
        "-ERR unknown command 'nope', with args beginning with: 'a' 'b c' "
    );
    assert_eq!(
        client.ask("get"),
        "-ERR wrong number of arguments for 'get' command"
    );
    assert_eq!(
        client.ask("client id x"),
        "-ERR wrong number of arguments for 'client|id' command"
    );
    assert_eq!(
        client.ask("client nope"),
        "-ERR unknown subcommand 'nope'. Try CLIENT HELP."
    );
    assert_eq!(client.ask("select 16"), "-ERR DB index is out of range");
    assert_eq!(client.ask("select 3"), "+OK");
    assert_eq!(
        client.ask("nosuchcommand key").split(',').next(),
        Some("-ERR unknown command 'nosuchcommand'")
    );
}

#[test]
fn databases_are_apart() {
    let running = Running::new();
    let mut client = running.client();
    assert_eq!(client.ask("set k zero"), "+OK");
    assert_eq!(client.ask("select 1"), "+OK");
    assert_eq!(client.ask("get k"), "(nil)");
    assert_eq!(client.ask("set k one"), "+OK");
    assert_eq!(client.ask("select 0"), "+OK");
    assert_eq!(client.ask("get k"), "zero");
}
