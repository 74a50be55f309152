//! MULTI, EXEC, DISCARD, WATCH.

use super::support::Running;

#[test]
fn queued_commands_run_together() {
    let running = Running::new();
    let mut client = running.client();
    assert_eq!(client.ask("multi"), "+OK");
    assert_eq!(client.ask("multi"), "-ERR MULTI calls can not be nested");
    assert_eq!(client.ask("set a 1"), "+QUEUED");
    assert_eq!(client.ask("incr a"), "+QUEUED");
    assert_eq!(running.client().ask("get a"), "(nil)");
    assert_eq!(client.ask("exec"), "[+OK :2]");
    assert_eq!(client.ask("exec"), "-ERR EXEC without MULTI");
    assert_eq!(client.ask("discard"), "-ERR DISCARD without MULTI");
}

#[test]
fn an_error_while_queueing_discards_all() {
    let running = Running::new();
    let mut client = running.client();
    client.ask("multi");
    client.ask("set a 1");
    assert!(client.ask("nope").starts_with("-ERR unknown command"));
    assert_eq!(
        client.ask("exec"),
        "-EXECABORT Transaction discarded because of previous errors."
    );
    assert_eq!(client.ask("get a"), "(nil)");
}

#[test]
fn an_error_while_running_spares_the_others() {
    let running = Running::new();
    let mut client = running.client();
    client.ask("set s text");
    client.ask("multi");
    for line in [
        "set a 1",
        "incr s",
        "lpush s x",
        "incr a",
        "select 2",
        "set a two",
        "incr s",
    ] {
        assert_eq!(client.ask(line), "+QUEUED");
    }
    assert_eq!(
        client.ask("exec"),
        "[+OK -ERR value is not an integer or out of range \
         -WRONGTYPE Operation against a key holding the wrong kind of value :2 +OK +OK :1]"
    );
    assert_eq!(client.ask("get a"), "two");
    client.ask("select 0");
    assert_eq!(client.ask("get a"), "2");
}

#[test]
fn watch_sees_others_and_itself() {
    let running = Running::new();
    let mut client = running.client();
    let mut other = running.client();
    client.ask("set k 1");

    client.ask("watch k");
    other.ask("set k 2");
    client.tell(&["multi", "set k 3", "exec"]);
    assert_eq!(
        [client.reply(), client.reply(), client.reply()],
        ["+OK", "+QUEUED", "(nil)"]
    );
    assert_eq!(client.ask("get k"), "2");

    client.ask("watch k");
    client.ask("set k 4");
    client.tell(&["multi", "exec"]);
    assert_eq!([client.reply(), client.reply()], ["+OK", "(nil)"]);

    // Over: the next transaction is free.
    client.tell(&["multi", "get k", "exec"]);
    assert_eq!(
        [client.reply(), client.reply(), client.reply()],
        ["+OK", "+QUEUED", "[4]"]
    );

    client.ask("watch k");
    other.ask("set k 5");
    client.ask("unwatch");
    client.tell(&["multi", "get k", "exec"]);
    assert_eq!(
        [client.reply(), client.reply(), client.reply()],
        ["+OK", "+QUEUED", "[5]"]
    );
}

#[test]
fn watch_of_an_absent_key_and_of_members() {
    let running = Running::new();
    let mut client = running.client();
    let mut other = running.client();
    client.ask("watch new");
    other.ask("rpush new x");
    client.tell(&["multi", "exec"]);
    assert_eq!([client.reply(), client.reply()], ["+OK", "(nil)"]);

    client.ask("watch new");
    other.ask("rpush new y");
    client.tell(&["multi", "exec"]);
    assert_eq!([client.reply(), client.reply()], ["+OK", "(nil)"]);

    client.ask("watch new");
    other.ask("del new");
    client.tell(&["multi", "exec"]);
    assert_eq!([client.reply(), client.reply()], ["+OK", "(nil)"]);
    assert_eq!(client.ask("multi"), "+OK");
    assert_eq!(
        client.ask("watch k"),
        "-ERR WATCH inside MULTI is not allowed"
    );
    assert_eq!(client.ask("discard"), "+OK");
}

#[test]
fn watch_and_write_in_one_turn_are_told_apart() {
    let running = Running::new();
    let mut client = running.client();
    // All in one write, so most likely one turn and one version: only the touch tells.
    client.tell(&[
        "set k 1", "watch k", "set k 2", "multi", "set k 3", "exec", "get k",
    ]);
    let replies: Vec<String> = (0..7).map(|_| client.reply()).collect();
    assert_eq!(
        replies,
        ["+OK", "+OK", "+OK", "+OK", "+QUEUED", "(nil)", "2"]
    );
}

#[test]
fn racing_increments_lose_nothing() {
    let running = Running::new();
    running.client().ask("set n 0");
    let wins: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = running.client();
                    let mut wins = 0;
                    while wins < 25 {
                        client.ask("watch n");
                        let next = client.ask("get n").parse::<u64>().unwrap() + 1;
                        client.ask("multi");
                        client.ask(&format!("set n {next}"));
                        wins += usize::from(client.ask("exec") == "[+OK]");
                    }
                    wins
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    assert_eq!(running.client().ask("get n"), wins.to_string());
}

#[test]
fn administration_answers_inside_a_transaction() {
    let running = Running::new();
    let mut client = running.client();
    client.ask("multi");
    client.ask("set a 1");
    client.ask("config get x");
    client.ask("get a");
    assert_eq!(client.ask("exec"), "[+OK [+asked [config get x]] 1]");
}

#[test]
fn messages_of_a_transaction_come_after_it() {
    let running = Running::new();
    let mut client = running.client();
    client.ask("hello 3");
    client.ask("subscribe c");
    client.ask("multi");
    client.ask("publish c one");
    client.ask("ping");
    assert_eq!(client.ask("exec"), "[:1 +PONG]");
    assert_eq!(client.reply(), ">[message c one]");
}

#[test]
fn watch_sees_databases_flushed_and_keys_expired() {
    let running = Running::new();
    let (mut client, mut other) = (running.client(), running.client());
    client.ask("set k 1");
    client.ask("watch k");
    other.ask("flushdb");
    client.tell(&["multi", "exec"]);
    assert_eq!([client.reply(), client.reply()], ["+OK", "(nil)"]);
    // Absent before and after: nothing changed.
    client.ask("watch k");
    other.ask("flushdb");
    client.tell(&["multi", "exec"]);
    assert_eq!([client.reply(), client.reply()], ["+OK", "[]"]);

    client.ask("set k 1 px 30");
    client.ask("watch k");
    while other.ask("exists k") == ":1" {}
    client.tell(&["multi", "exec"]);
    assert_eq!([client.reply(), client.reply()], ["+OK", "(nil)"]);
}

#[test]
fn expired_keys_are_removed_though_nobody_asks() {
    let running = Running::new();
    let mut client = running.client();
    for i in 0..50 {
        client.ask(&format!("set k{i} v px 5"));
    }
    client.ask("set stays v");
    while client.ask("dbsize") != ":1" {}
}

/// Each of many watched keys is found without a look at the others: in the square of their number this would take minutes.
#[test]
fn very_many_keys_are_watched() {
    let running = Running::new();
    let (mut client, mut other) = (running.client(), running.client());
    let keys: Vec<String> = (0..100_000).map(|number| format!("k{number}")).collect();
    let line = format!("watch {}", keys.join(" "));
    // As arrays: a line may not be that long.
    client.tell_arrays(&[&line, &line]);
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.reply(), "+OK");
    other.ask("set k77777 v");
    assert_eq!(client.ask("multi"), "+OK");
    assert_eq!(client.ask("get k1"), "+QUEUED");
    assert_eq!(client.ask("exec"), "(nil)");
}
