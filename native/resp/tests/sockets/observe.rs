//! SLOWLOG, LATENCY, MONITOR, DEBUG, and the counts that INFO tells.

use super::support::{some_roles, Client, Running};
use hyperdb_resp::server::{Debugging, Settings};

fn watching(change: impl FnOnce(&mut Settings)) -> Running {
    let mut settings = Settings {
        debug: Debugging::Local,
        ..Settings::default()
    };
    change(&mut settings);
    Running::with(settings)
}

/// What a monitor hears, without times and addresses.
fn heard(monitor: &mut Client) -> String {
    let line = monitor.reply();
    let (head, words) = line.split_once(']').expect("a line of a monitor");
    let (_, place) = head.split_once('[').expect("a line of a monitor");
    let (db, from) = place.split_once(' ').expect("a line of a monitor");
    let from = if from == "lua" { " lua" } else { "" };
    format!("{db}{from}:{words}")
}

#[test]
fn slow_commands_are_kept_without_secrets() {
    let running = watching(|settings| {
        settings.slow_micros = Some(0);
        settings.slow_most = 3;
    });
    let mut client = running.client();
    client.ask("blpop none 0.01");
    assert!(client.ask("slowlog get").starts_with("[[:0 "));
    assert!(client.ask("slowlog get").contains("[blpop none 0.01]"));
    client.ask("client setname me");
    client.ask("hello 2 auth default pw");
    client.tell(&["multi", "eval \"redis.call('set','k','v')\" 0", "exec"]);
    for _ in 0..3 {
        client.reply();
    }
    assert_eq!(client.ask("slowlog len"), ":3");
    let entries = client.ask("slowlog get");
    // Its own entry comes after what it shows; EXEC is never shown.
    assert!(entries.contains("[slowlog len]"), "{entries}");
    assert!(
        entries.contains("[eval redis.call('set','k','v') 0]"),
        "{entries}"
    );
    assert!(entries.contains("[set k v] ?:0 "), "{entries}");
    assert!(
        entries.contains(" me]") && !entries.contains("exec"),
        "{entries}"
    );
    assert_eq!(client.ask("slowlog get 0"), "[]");
    assert_eq!(client.ask("slowlog reset"), "+OK");
    let entries = client.ask("slowlog get -1");
    assert!(entries.contains("[slowlog reset]"), "{entries}");
    client.ask("auth default secret");
    let entries = client.ask("slowlog get 1");
    assert!(
        entries.contains("[auth (redacted) (redacted)]"),
        "{entries}"
    );
    for wrong in ["slowlog get -2", "slowlog get x"] {
        assert_eq!(
            client.ask(wrong),
            "-ERR count should be greater than or equal to -1"
        );
    }
}

#[test]
fn what_is_fast_enough_is_not_kept() {
    let running = watching(|settings| settings.slow_micros = None);
    let mut client = running.client();
    assert_eq!(client.ask("debug sleep 0.002"), "+OK");
    assert_eq!(client.ask("slowlog len"), ":0");
}

#[test]
fn spikes_of_latency_are_kept_by_event() {
    let running = watching(|settings| settings.latency_threshold_ms = 1);
    let mut client = running.client();
    assert_eq!(client.ask("debug sleep 0.003"), "+OK");
    let latest = client.ask("latency latest");
    assert!(latest.contains("[command :"), "{latest}");
    let history = client.ask("latency history command");
    assert!(history.starts_with("[[:"), "{history}");
    let graph = client.ask("latency graph command");
    assert!(
        graph.contains("command - high ") && graph.contains("all time high"),
        "{graph}"
    );
    assert!(client.ask("latency doctor").contains("command: "));
    assert_eq!(client.ask("latency history nothing"), "[]");
    assert_eq!(
        client.ask("latency graph nothing"),
        "-ERR No samples available for event 'nothing'"
    );
    assert_eq!(client.ask("latency reset nothing"), ":0");
    assert_ne!(client.ask("latency reset"), ":0");
    assert!(!client.ask("latency latest").contains("[command :"));
}

#[test]
fn histograms_count_the_calls_of_each_command() {
    let running = watching(|_| {});
    let mut client = running.client();
    for _ in 0..5 {
        client.ask("set k v");
    }
    client.ask("config get x");
    let shown = client.ask("latency histogram set nothing");
    assert!(
        shown.starts_with("[set [calls :5 histogram_usec ["),
        "{shown}"
    );
    assert!(shown.ends_with(" :5]]]"), "{shown}");
    let shown = client.ask("latency histogram config");
    assert!(shown.starts_with("[config|get [calls :1 "), "{shown}");
    let untracked = watching(|settings| settings.latency_tracking = false);
    let mut client = untracked.client();
    client.ask("set k v");
    assert_eq!(client.ask("latency histogram"), "[]");
}

#[test]
fn a_monitor_hears_every_command_once_and_in_order() {
    let running = watching(|_| {});
    let (mut monitor, mut client) = (running.client(), running.client());
    assert_eq!(monitor.ask("monitor"), "+OK");
    client.tell(&[
        "set k v",
        "eval \"redis.call('get','k') return redis.pcall('lpush','k','x')\" 0",
        "multi",
        "incr n",
        "eval \"return redis.call('incr','n')\" 0",
        "exec",
        "select 2",
        "config get x",
        "get",
        "nosuch",
        "blpop none 0.01",
        "hello 3 auth default pw",
    ]);
    for wanted in [
        "0: \"set\" \"k\" \"v\"",
        "0: \"eval\" \"redis.call('get','k') return redis.pcall('lpush','k','x')\" \"0\"",
        "0 lua: \"get\" \"k\"",
        "0 lua: \"lpush\" \"k\" \"x\"",
        "0: \"multi\"",
        "0: \"incr\" \"n\"",
        "0: \"eval\" \"return redis.call('incr','n')\" \"0\"",
        "0 lua: \"incr\" \"n\"",
        "0: \"exec\"",
        "2: \"select\" \"2\"",
        "2: \"blpop\" \"none\" \"0.01\"",
        "2: \"hello\" \"3\" \"auth\" \"(redacted)\" \"(redacted)\"",
    ] {
        assert_eq!(heard(&mut monitor), wanted);
    }
}

#[test]
fn a_monitor_stays_away_from_keys_until_it_resets() {
    let running = watching(|_| {});
    let mut monitor = running.client();
    monitor.tell(&["multi", "monitor", "exec"]);
    assert_eq!(
        (monitor.reply(), monitor.reply()),
        ("+OK".into(), "+QUEUED".into())
    );
    assert_eq!(
        monitor.reply(),
        "[-ERR MONITOR isn't allowed for DENY BLOCKING client]"
    );
    assert_eq!(monitor.ask("monitor"), "+OK");
    assert_eq!(
        monitor.ask("get k"),
        "-ERR Replica can't interact with the keyspace"
    );
    assert_eq!(
        monitor.ask("eval \"return 1\" 0"),
        "-ERR Replica can't interact with the keyspace"
    );
    assert!(monitor.ask("client info").contains("flags=O "));
    assert_eq!(heard(&mut monitor), "0: \"client\" \"info\"");
    assert_eq!(monitor.ask("reset"), "+RESET");
    assert_eq!(monitor.ask("get k"), "(nil)");
    let mut client = running.client();
    assert_eq!(client.ask("set k v"), "+OK");
    assert_eq!(monitor.ask("get k"), "v");
}

#[test]
fn monitors_need_the_right_to_and_a_gone_one_is_forgotten() {
    let running = Running::with_roles(some_roles());
    let mut client = running.client();
    client.ask("auth bob pw");
    assert!(client.ask("monitor").starts_with("-NOPERM User bob"));
    let mut monitor = running.client();
    monitor.ask("auth secret");
    assert_eq!(monitor.ask("monitor"), "+OK");
    drop(monitor);
    client.ask("auth secret");
    assert_eq!(client.ask("set k v"), "+OK");
    assert_eq!(client.ask("get k"), "v");
}

#[test]
fn calls_refusals_and_failures_are_counted_apart() {
    let running = watching(|_| {});
    let mut client = running.client();
    client.tell(&[
        "set k v",
        "lpush k x",
        "set",
        "nosuch",
        "eval \"return redis.call('lpush','k','y')\" 0",
    ]);
    client.tell(&["multi", "lpush k z", "exec", "blpop none 0.01", "info"]);
    for _ in 0..10 {
        client.reply();
    }
    let stats = running.server.stats();
    let of = |name: &str| {
        let found = stats.usage.iter().find(|usage| usage.name == name);
        found.map(|usage| (usage.calls, usage.rejected, usage.failed))
    };
    assert_eq!(of("set"), Some((1, 1, 0)));
    assert_eq!(of("lpush"), Some((3, 0, 3)));
    assert_eq!(of("eval"), Some((1, 0, 1)));
    assert_eq!(of("blpop"), Some((1, 0, 0)));
    assert_eq!(of("exec"), Some((1, 0, 0)));
    let errors: Vec<_> = stats
        .errors
        .iter()
        .map(|(class, count)| (class.as_str(), *count))
        .collect();
    assert_eq!(errors, [("ERR", 2), ("WRONGTYPE", 3)]);
    let found = running.server.handle().latencies(vec![0.0, 100.0]);
    let set = found
        .iter()
        .find(|(name, _)| *name == "set")
        .expect("SET was called");
    assert!(set.1.len() == 2 && set.1[0] > 0 && set.1[0] <= set.1[1]);
    running.server.handle().reset_stats();
    client.ask("info");
    client.ask("info");
    let stats = running.server.stats();
    assert!(stats.errors.is_empty() && stats.usage.iter().all(|usage| usage.name == "info"));
}

#[test]
fn debug_is_for_those_whom_the_start_allowed_it() {
    let running = Running::new();
    assert!(running
        .client()
        .ask("debug sleep 0")
        .starts_with("-ERR DEBUG command not allowed."));
    let running = watching(|_| {});
    let mut client = running.client();
    assert_eq!(client.ask("debug error \"CODE text\""), "-CODE text");
    assert_eq!(client.ask("set k 12"), "+OK");
    assert_eq!(
        client.ask("debug object k"),
        "+Value at:0x0 refcount:1 encoding:int serializedlength:2 lru:0 lru_seconds_idle:0"
    );
    assert_eq!(client.ask("debug object none"), "-ERR no such key");
    for line in ["debug jmap", "debug object", "debug set-active-expire"] {
        let said = client.ask(line);
        assert!(
            said.starts_with("-ERR unknown subcommand or wrong number"),
            "{said}"
        );
    }
    assert_eq!(client.ask("debug set-active-expire 0"), "+OK");
    assert_eq!(client.ask("psetex gone 1 v"), "+OK");
    std::thread::sleep(std::time::Duration::from_millis(250));
    assert_eq!(client.ask("dbsize"), ":2");
    assert_eq!(client.ask("get gone"), "(nil)");
    assert_eq!(client.ask("debug set-active-expire 1"), "+OK");
    client.ask("hello 3");
    assert_eq!(client.ask("debug protocol map"), "{:0 #f :1 #t :2 #f}");
    assert_eq!(client.ask("debug protocol double"), ",3.141");
    assert!(client
        .ask("debug protocol nothing")
        .starts_with("-ERR Wrong protocol type name."));
}

#[test]
fn beyond_maxmemory_what_may_grow_is_refused() {
    let running = watching(|_| {});
    let mut client = running.client();
    assert_eq!(client.ask("set k v"), "+OK");
    running.server.configure(Settings {
        max_memory: 1,
        ..Settings::default()
    });
    client.ask("info");
    let refused = "-OOM command not allowed when used memory > 'maxmemory'.";
    assert_eq!(client.ask("set k w"), refused);
    assert_eq!(client.ask("get k"), "v");
    assert!(client
        .ask("eval \"return redis.call('set','k','w')\" 0")
        .starts_with("-OOM "));
    assert_eq!(client.ask("multi"), "+OK");
    assert_eq!(client.ask("set k w"), refused);
    assert!(client.ask("exec").starts_with("-EXECABORT"));
    assert_eq!(client.ask("del k"), ":1");
    running.server.configure(Settings::default());
    client.ask("info");
    assert_eq!(client.ask("set k v"), "+OK");
}
