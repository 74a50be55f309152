//! What strangers send.

use super::support::Running;
use hyperdb_resp::server::{OutputLimit, Settings};
use std::net::TcpStream;

#[test]
fn malformed_requests_get_an_error_and_a_closed_connection() {
    let running = Running::new();
    let mut bystander = running.client();
    let gallery: &[(&[u8], &str)] = &[
        (b"*x\r\n", "-ERR Protocol error: invalid multibulk length"),
        (
            b"*2000000\r\n",
            "-ERR Protocol error: invalid multibulk length",
        ),
        (b"*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length"),
        (
            b"*1\r\n$9999999999\r\n",
            "-ERR Protocol error: invalid bulk length",
        ),
        (
            b"*1\r\n!boo\r\n",
            "-ERR Protocol error: expected '$', got '!'",
        ),
        (
            b"get \"open\r\n",
            "-ERR Protocol error: unbalanced quotes in request",
        ),
    ];
    for (bytes, error) in gallery {
        let mut client = running.client();
        client.send(b"ping\r\n");
        client.send(bytes);
        assert_eq!(client.reply(), "+PONG");
        assert_eq!(client.reply(), *error);
        assert!(client.is_closed(), "{error}");
    }
    assert_eq!(bystander.ask("ping"), "+PONG");
}

#[test]
fn a_line_without_end_is_cut() {
    let running = Running::new();
    let mut client = running.client();
    client.try_send(&vec![b'a'; 200 << 10]);
    assert_eq!(
        client.reply(),
        "-ERR Protocol error: too big inline request"
    );
}

#[test]
fn a_promise_takes_no_memory() {
    let running = Running::new();
    let mut clients: Vec<_> = (0..20).map(|_| running.client()).collect();
    for client in &mut clients {
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nonly this");
    }
    let mut watcher = running.client();
    watcher.ask("ping");
    watcher.ask("info");
    let stats = running.server.stats();
    let held = stats
        .rows
        .iter()
        .find(|row| row.0 == "clients_input_bytes")
        .unwrap()
        .1;
    assert!(held <= 21 * (64 << 10), "{held} bytes for promises");
}

#[test]
fn strangers_may_not_send_much() {
    let running = Running::locked();
    let mut client = running.client();
    client.send(b"*11\r\n");
    assert_eq!(
        client.reply(),
        "-ERR Protocol error: unauthenticated multibulk length"
    );
    assert!(client.is_closed());
    let mut client = running.client();
    client.send(b"*1\r\n$20000\r\n");
    assert_eq!(
        client.reply(),
        "-ERR Protocol error: unauthenticated bulk length"
    );
    assert!(client.is_closed());
}

#[test]
fn who_does_not_read_is_closed() {
    let limit = OutputLimit {
        hard: 4 << 20,
        soft: 0,
        soft_seconds: 0,
    };
    let running = Running::with(Settings {
        output_normal: limit,
        output_pubsub: limit,
        ..Settings::default()
    });
    let mut writer = running.client();
    writer.send(
        format!(
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n{}\r\n",
            "x".repeat(1_000_000)
        )
        .as_bytes(),
    );
    assert_eq!(writer.reply(), "+OK");

    let mut deaf = running.client();
    for _ in 0..100 {
        if !deaf.try_send(b"get k\r\n") {
            break;
        }
    }
    let mut subscriber = running.client();
    subscriber.ask("subscribe c");
    let message = "y".repeat(1_000_000);
    let publish = format!("*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$1000000\r\n{message}\r\n");
    let mut heard = 1;
    for _ in 0..100 {
        writer.send(publish.as_bytes());
        heard = usize::from(writer.reply() == ":1");
        if heard == 0 {
            break;
        }
    }
    assert_eq!(heard, 0, "the deaf subscriber is still there");
    assert!(deaf.is_closed());
    assert!(subscriber.is_closed());
    assert_eq!(writer.ask("strlen k"), ":1000000");
}

#[test]
fn who_reads_late_gets_all_and_costs_little_meanwhile() {
    let running = Running::new();
    let mut writer = running.client();
    let value = "x".repeat(1_000_000);
    writer.send(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n{value}\r\n").as_bytes());
    assert_eq!(writer.reply(), "+OK");

    // 120 MB of replies, and more requests than the socket's buffers hold.
    let mut late = running.client();
    let padding = "p".repeat(20_000);
    for _ in 0..120 {
        late.send(format!("exists {padding}\r\nget k\r\n").as_bytes());
    }
    for _ in 0..20 {
        assert_eq!(writer.ask("ping"), "+PONG");
    }
    let held = |running: &Running| {
        let rows = running.server.stats().rows;
        rows.iter()
            .find(|row| row.0 == "clients_output_bytes")
            .unwrap()
            .1
    };
    std::thread::sleep(std::time::Duration::from_millis(250));
    assert!(held(&running) < 70 << 20, "{} bytes wait", held(&running));
    for _ in 0..120 {
        assert_eq!(late.reply(), ":0");
        assert_eq!(late.reply().len(), 1_000_000);
    }
}

#[test]
fn buffers_of_all_together_are_bounded() {
    let running = Running::with(Settings {
        client_memory: 8 << 20,
        ..Settings::default()
    });
    let mut greedy: Vec<_> = (0..4).map(|_| running.client()).collect();
    for client in &mut greedy {
        client.try_send(b"*2\r\n$3\r\nGET\r\n$100000000\r\n");
        client.try_send(&vec![b'z'; 6 << 20]);
    }
    // At least one had to go; a client that behaves stays.
    let evicted = |running: &Running| {
        let stats = running.server.stats();
        stats
            .rows
            .iter()
            .find(|row| row.0 == "evicted_clients")
            .unwrap()
            .1
    };
    let mut bystander = running.client();
    while evicted(&running) == 0 {
        assert_eq!(bystander.ask("ping"), "+PONG");
    }
}

#[test]
fn many_idle_connections_harm_nobody() {
    let running = Running::new();
    let mut client = running.client();
    let idle: Vec<TcpStream> = (0..400)
        .map(|_| TcpStream::connect(running.address()).unwrap())
        .collect();
    assert_eq!(client.ask("set k v"), "+OK");
    assert_eq!(client.ask("get k"), "v");
    let mut last = running.client();
    assert_eq!(last.ask("client list type normal").lines().count(), 402);
    drop(idle);
}

#[test]
fn a_long_pipeline_lets_others_in() {
    let running = Running::new();
    let (mut hog, mut other) = (running.client(), running.client());
    let lines = vec!["incr n"; 50_000];
    hog.tell(&lines);
    // Answered while the hog's requests are still running, or after: never not at all.
    assert_eq!(other.ask("ping"), "+PONG");
    for i in 1..=50_000 {
        assert_eq!(hog.reply(), format!(":{i}"));
    }
}

#[test]
fn arguments_that_do_not_fit_are_refused_in_redis_words() {
    let running = Running::new();
    let mut client = running.client();
    let small = "-ERR value is out of range, value must between -2147483648 and 2147483647";
    let misused = |container: &str, sub: &str| {
        format!("-ERR unknown subcommand or wrong number of arguments for '{sub}'. Try {container} HELP.")
    };
    let integer = "-ERR value is not an integer or out of range";
    let gallery = [
        ("select 01", integer.to_owned()),
        ("select -0", integer.to_owned()),
        ("select 2147483648", small.to_owned()),
        ("move k 2147483648", small.to_owned()),
        ("client unblock 01", integer.to_owned()),
        (
            "client unblock 1 error 2",
            misused("CLIENT", "unblock"),
        ),
        (
            "pubsub channels a b",
            misused("PUBSUB", "channels"),
        ),
        (
            "pubsub shardchannels a b",
            misused("PUBSUB", "shardchannels"),
        ),
        ("function flush sync 1", misused("FUNCTION", "flush")),
        ("function restore a b c", misused("FUNCTION", "restore")),
        ("acl cat a b", misused("ACL", "cat")),
        ("acl log 01", integer.to_owned()),
        (
            "wait 1 01",
            "-ERR timeout is not an integer or out of range".to_owned(),
        ),
        ("wait 1 -1", "-ERR timeout is negative".to_owned()),
        (
            "wait 1 9223372036854775807",
            "-ERR timeout is out of range".to_owned(),
        ),
        ("auth a b c", "-ERR syntax error".to_owned()),
        (
            "hello +1",
            "-ERR Protocol version is not an integer or out of range".to_owned(),
        ),
        (
            "exec x",
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
                .to_owned(),
        ),
    ];
    for (line, error) in gallery {
        assert_eq!(client.ask(line), error, "{line}");
    }
}

#[test]
fn exec_that_is_refused_ends_its_transaction() {
    let running = Running::new();
    let mut client = running.client();
    assert_eq!(client.ask("multi"), "+OK");
    assert_eq!(client.ask("set k v"), "+QUEUED");
    assert_eq!(
        client.ask("exec x"),
        "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
    );
    assert_eq!(client.ask("get k"), "(nil)");
    assert_eq!(client.ask("exec"), "-ERR EXEC without MULTI");
}

#[test]
fn errors_lose_the_line_breaks_at_their_end() {
    let running = Running::new();
    let mut client = running.client();
    client.send(b"*4\r\n$6\r\nEXPIRE\r\n$1\r\nk\r\n$1\r\n1\r\n$4\r\na\nb\n\r\n");
    assert_eq!(client.reply(), "-ERR Unsupported option a b");
}
