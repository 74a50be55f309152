//! Scripts and functions, seen by several clients.

use crate::support::{Client, Running};
use hyperdb_graph::{Options, Store, SyncMode};
use hyperdb_resp::server::Settings;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A server on which a script is long after a moment.
fn impatient() -> Running {
    Running::with(Settings {
        busy_reply_ms: 20,
        ..Settings::default()
    })
}

/// Asks until other clients are told that a script runs.
fn until_busy(client: &mut Client) -> String {
    loop {
        let reply = client.ask("get x");
        if reply.starts_with("-BUSY") {
            return reply;
        }
    }
}

#[test]
fn a_script_calls_commands_and_returns_values() {
    let running = Running::new();
    let mut client = running.client();
    for (line, reply) in [
        (r#"eval "return redis.call('set', KEYS[1], ARGV[1])" 1 k v"#, "+OK"),
        (r#"eval "return redis.call('get', KEYS[1])" 1 k"#, "v"),
        (r#"eval "return {1, 2.9, 'x', true, false, {}, nil, 8}" 0"#, "[:1 :2 x :1 (nil) []]"),
        (r#"eval "return redis.call('incr', 'k')" 0"#, "-ERR value is not an integer or out of range script: 35d36ae70bd77c6f26ba7ef90bcf0a8fa0ee9fc0, on @user_script:1."),
        (r#"eval "return redis.pcall('incr', 'k').err" 0"#, "ERR value is not an integer or out of range"),
        (r#"eval "redis.call('select', 3) return redis.call('set', 'there', 1)" 0"#, "+OK"),
        ("get there", "(nil)"),
        ("evalsha e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "-NOSCRIPT No matching script. Please use EVAL."),
        (r#"script load "return 1""#, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"),
        ("evalsha E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0", ":1"),
        (r#"eval_ro "return redis.call('get', 'k')" 0"#, "v"),
        (r#"eval "return redis.call('blpop', 'none', 0)" 0"#, "(nil)"),
        ("script kill", "-NOTBUSY No scripts in execution right now."),
    ] {
        let got = client.ask(line);
        let same = got == reply || (got.contains(" script: ") && reply.split(" script: ").next() == got.split(" script: ").next());
        assert!(same, "{line}: {got}");
    }
}

#[test]
fn what_a_script_wrote_before_its_error_stays_and_a_failed_command_leaves_nothing() {
    let running = Running::new();
    let mut client = running.client();
    let reply = client.ask(r#"eval "redis.call('set', 'a', 1) redis.call('lpush', 'a', 2)" 0"#);
    assert!(reply.starts_with("-WRONGTYPE"), "{reply}");
    assert_eq!(client.ask("get a"), "1");
}

#[test]
fn a_script_is_one_step_for_blocked_and_watching_clients() {
    let running = Running::new();
    let (mut client, mut blocked, mut watching) =
        (running.client(), running.client(), running.client());
    blocked.send(b"blpop l 0\r\n");
    running.until_blocked(1);
    watching.ask("watch l");
    client.ask(r#"eval "redis.call('rpush', 'l', 'a') redis.call('lpush', 'l', 'b')" 0"#);
    assert_eq!(blocked.reply(), "[l b]");
    watching.tell(&["multi", "exec"]);
    assert_eq!([watching.reply(), watching.reply()], ["+OK", "(nil)"]);
}

#[test]
fn a_script_inside_a_transaction() {
    let running = Running::new();
    let mut client = running.client();
    client.ask("hello 3");
    client.ask("subscribe c");
    client.ask("multi");
    client.ask("set a 1");
    client.ask(r#"eval "redis.call('publish', 'c', 'm') return redis.call('incr', 'a')" 0"#);
    client.ask(r#"eval "redis.call('nosuch')" 0"#);
    client.ask("get a");
    let reply = client.ask("exec");
    assert!(
        reply.starts_with("[+OK :2 -ERR Unknown Redis command called from script"),
        "{reply}"
    );
    assert!(reply.ends_with(" 2]"), "{reply}");
    assert_eq!(client.reply(), ">[message c m]");
}

#[test]
fn a_script_that_does_not_end_is_killed_whatever_it_catches() {
    let running = impatient();
    let mut other = running.client();
    // The first request of all makes its database: what that turn tells waits for its commit.
    assert_eq!(other.ask("get x"), "(nil)");
    for script in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local c = coroutine.wrap(function() while true do pcall(function() while true do end end) end end) while true do pcall(c) end",
        "while true do redis.call('get', 'x') end",
        "while true do redis.pcall('nosuch') end",
        "return string.find(string.rep('a', 60), string.rep('a?', 60) .. string.rep('a', 60))",
        "while true do pcall(string.match, string.rep('a', 9999), '(.-)(.-)(.-)(.-)(.-)b') end",
        "return string.gsub(string.rep('a', 9999), '.-.-.-.-.-.-b', 'x')",
        "return string.gsub(string.rep('a', 9999), '.-.-.-.-.-.-b', {})",
        "for word in string.gmatch(string.rep('a', 9999), '.-.-.-.-.-.-b') do return word end",
        "return string.find(string.rep('a', 2e6), string.rep('a', 1e6) .. 'b', 1, true)",
    ] {
        let mut client = running.client();
        client.send(format!("eval \"{script}\" 0\r\n").as_bytes());
        let busy = until_busy(&mut other);
        assert_eq!(busy, "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
        assert_eq!(other.ask("function kill"), busy, "{script}");
        // A connection that is made now is served as well.
        let mut third = running.client();
        assert_eq!(third.ask("multi"), "+OK");
        assert_eq!(third.ask("get x"), busy);
        assert!(third.ask("exec").starts_with("-EXECABORT"), "{script}");
        assert_eq!(other.ask("script kill"), "+OK", "{script}");
        let reply = client.reply();
        assert!(reply.starts_with("-ERR Script killed by user with SCRIPT KILL... script: "), "{reply}");
        assert_eq!(client.ask("eval \"return 1\" 0"), ":1");
        assert_eq!(other.ask("get x"), "(nil)");
    }
}

/// What was read in the turn in which a script begins is answered as well as what comes later.
#[test]
fn requests_read_with_an_endless_script_are_answered() {
    let running = impatient();
    let mut others: Vec<Client> = (0..20).map(|_| running.client()).collect();
    assert_eq!(others[0].ask("get x"), "(nil)");
    let (mut first, mut endless) = (running.client(), running.client());
    // While this one runs, below the threshold, all of them arrive.
    first.send(b"eval \"for i = 1, 1000 do redis.sha1hex('x') end\" 0\r\n");
    endless.send(b"eval \"while true do end\" 0\r\n");
    for other in &mut others {
        other.send(b"ping\r\n");
    }
    for other in &mut others {
        let reply = other.reply();
        assert!(reply == "+PONG" || reply.starts_with("-BUSY"), "{reply}");
    }
    until_busy(&mut others[0]);
    assert_eq!(others[0].ask("script kill"), "+OK");
    let reply = endless.reply();
    assert!(reply.starts_with("-ERR Script killed by user"), "{reply}");
}

#[test]
fn a_script_that_has_written_cannot_be_killed_but_ends_with_the_server() {
    let running = impatient();
    let (mut client, mut other) = (running.client(), running.client());
    assert_eq!(other.ask("get x"), "(nil)");
    client.send(b"eval \"redis.call('set', 'x', 1) while true do end\" 0\r\n");
    until_busy(&mut other);
    assert!(other.ask("script kill").starts_with("-UNKILLABLE"));
    let store = running.store.clone();
    drop(running);
    let mut turn = store.turn(0);
    let app = turn.redis_app(0).unwrap();
    assert!(turn.element(app, b"x").unwrap().is_none());
}

#[test]
fn memory_is_bounded() {
    let running = Running::new();
    let mut client = running.client();
    for script in [
        "local t = {} while true do t[#t + 1] = string.rep('x', 100000) .. #t end",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t = {t, t} end",
        "return string.rep('x', 1e10)",
    ] {
        let reply = client.ask(&format!("eval \"{script}\" 0"));
        assert!(reply.starts_with("-ERR "), "{script}: {reply}");
        assert_eq!(client.ask("eval \"return 1\" 0"), ":1");
    }
}

#[test]
fn what_nests_too_deep_is_an_error() {
    let running = Running::new();
    let mut client = running.client();
    for script in [
        "local function f(s) return (string.gsub(s, '.', f)) end return f('x')",
        "local function f() return pcall(f) end f() return error('end')",
        "local function f() return 1 + f() end return f()",
        "return string.find(string.rep('a', 3000000), string.rep('a?', 3000000))",
        "return string.gsub(string.rep('a', 3000000), string.rep('(a', 3000000), {})",
        "local t = {} t[1] = t return cjson.encode(t)",
        "return cjson.decode(string.rep('[', 100000))",
        "return cmsgpack.unpack(string.rep('\\145', 100000))",
        "return loadstring(string.rep('(', 100000))()",
    ] {
        let reply = client.ask(&format!("eval \"{script}\" 0"));
        assert!(reply.starts_with('-'), "{script}: {reply}");
    }
    let reply = client.ask("eval \"local t = {} t[1] = t return t\" 0");
    assert!(reply.contains("reached lua stack limit"));
    assert_eq!(client.ask("ping"), "+PONG");
}

#[test]
fn nothing_of_one_script_is_seen_by_the_next() {
    let running = Running::new();
    let mut client = running.client();
    for script in [
        "x = 1",
        "rawset(_G, 'x', 1)",
        "string.x = 1",
        "getmetatable('').__index = nil",
        "getmetatable('').__index.x = 1",
        "getmetatable(_G).__index = nil",
        "setmetatable(_G, {})",
        "table.insert(redis, 1)",
        "redis.call = 1",
        "for k, v in pairs(redis) do redis[k] = 1 end",
        "math.random = 1",
        "_G.string = 1",
    ] {
        let reply = client.ask(&format!("eval \"{script}\" 0"));
        assert!(
            reply.contains("Attempt to modify a readonly table"),
            "{script}: {reply}"
        );
    }
    let whole = "return {tostring(rawget(_G, 'x')), tostring(string.x), ('x'):rep(2), redis.call('ping').ok}";
    assert_eq!(
        client.ask(&format!("eval \"{whole}\" 0")),
        "[nil nil xx PONG]"
    );
}

static NEXT: AtomicU32 = AtomicU32::new(0);

fn open(directory: &Path) -> Running {
    let options = Options {
        sync: SyncMode::EverySec,
        memory: 16 << 20,
        ..Options::default()
    };
    let store = Store::open(directory, options).unwrap();
    Running::on(store, Settings::default(), PathBuf::new())
}

#[test]
fn functions_are_kept_over_a_restart_and_taken_back_with_their_transaction() {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("hyperdb-functions-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let library = r##"function load "#!lua name=lib\nredis.register_function('f', function(keys, args) return {keys[1], args[1]} end)""##;
    {
        let running = open(&directory);
        let mut client = running.client();
        assert_eq!(client.ask(library), "lib");
        assert_eq!(client.ask(library), "-ERR Library 'lib' already exists");
        assert_eq!(client.ask("fcall f 1 k a"), "[k a]");
        assert_eq!(client.ask("flushall"), "+OK");
        assert_eq!(client.ask("fcall F 1 k a"), "[k a]");
    }
    let running = open(&directory);
    let mut client = running.client();
    assert_eq!(client.ask("fcall f 1 k a"), "[k a]");
    assert_eq!(
        client.ask("function list"),
        "[[library_name lib engine LUA functions [[name f description (nil) flags []]]]]"
    );
    client.ask("multi");
    client.ask("function flush");
    client.ask("fcall f 1 k a");
    assert_eq!(client.ask("exec"), "[+OK -ERR Function not found]");
    assert_eq!(
        client.ask("function stats"),
        "[running_script (nil) engines [LUA [libraries_count :0 functions_count :0]]]"
    );
    drop(running);
    std::fs::remove_dir_all(&directory).ok();
}

#[test]
fn a_function_that_does_not_end_is_killed_as_a_function() {
    let running = impatient();
    let (mut client, mut other) = (running.client(), running.client());
    client.ask(r##"function load "#!lua name=lib\nredis.register_function('loop', function() while true do end end)""##);
    client.send(b"fcall loop 0\r\n");
    let busy = until_busy(&mut other);
    assert_eq!(other.ask("script kill"), busy);
    let stats = other.ask("function stats");
    assert!(
        stats.starts_with("[running_script [name loop command [fcall loop 0] duration_ms :"),
        "{stats}"
    );
    assert_eq!(other.ask("function kill"), "+OK");
    assert_eq!(
        client.reply(),
        "-ERR Script killed by user with SCRIPT KILL... script: loop, on @user_function:2."
    );
    let late = client.ask(r##"function load "#!lua name=late\nwhile true do end""##);
    assert_eq!(
        late,
        "-ERR Error registering functions: ERR FUNCTION LOAD timeout"
    );
}

#[test]
fn a_script_that_misses_blocks_is_run_again_whole() {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("hyperdb-scripts-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    {
        let running = open(&directory);
        let mut client = running.client();
        for at in 0..400 {
            client.ask(&format!("set k{at} {}", "v".repeat(400)));
        }
        client.ask("set n 0");
    }
    let running = open(&directory);
    let mut client = running.client();
    let script = "redis.call('incr', 'n') local all = 0 for i = 0, 399 do all = all + redis.call('strlen', 'k' .. i) end redis.call('publish', 'c', all) return {all, redis.call('incr', 'n')}";
    let mut listener = running.client();
    listener.ask("subscribe c");
    assert_eq!(client.ask(&format!("eval \"{script}\" 0")), "[:160000 :2]");
    assert_eq!(client.ask("get n"), "2");
    assert_eq!(listener.reply(), "[message c 160000]");
    client.ask("ping");
    client.ask("publish c last");
    assert_eq!(listener.reply(), "[message c last]");
    drop(running);
    std::fs::remove_dir_all(&directory).ok();
}
