//! Sets: each command's edges. Replies as Redis 7.0.15 gives them, but for the order of members.

use crate::commands::testing::Client;

/// The members of an array or set reply, sorted.
fn members(reply: &str) -> Vec<String> {
    let mut found: Vec<String> = reply
        .split(' ')
        .skip(1)
        .filter(|word| !word.starts_with('$'))
        .map(str::to_owned)
        .collect();
    found.sort();
    found
}

fn add_range(client: &mut Client, key: &str, range: std::ops::Range<u32>) {
    let values: Vec<String> = range.map(|i| i.to_string()).collect();
    let mut words = vec!["sadd", key];
    words.extend(values.iter().map(String::as_str));
    assert_eq!(client.run(&words), format!(":{}", values.len()));
}

#[test]
fn members_one_by_one() {
    let mut client = Client::new();
    client.script(
        "sadd s a b c a => :3
         sadd s a => :0
         scard s => :3
         sismember s a => :1
         sismember s q => :0
         sismember none q => :0
         smismember s a q b => *3 :1 :0 :1
         smismember none a => *1 :0
         srem s a q => :1
         srem none a => :0
         scard none => :0
         smembers none => *0",
    );
    assert_eq!(members(&client.line("smembers s")), ["b", "c"]);
    client.script("srem s b c => :2\n scard s => :0\n smembers s => *0");
}

#[test]
fn move_between_sets() {
    Client::new().script(
        "sadd s a b => :2
         smove s t a => :1
         smembers t => *1 $1 a
         smove s t q => :0
         smove none t a => :0
         smove s s b => :1
         smove s s q => :0
         smove s t b => :1
         scard s => :0
         scard t => :2",
    );
}

#[test]
fn algebra() {
    let mut client = Client::new();
    client.script(
        "sadd a 1 2 3 4 => :4
         sadd b 3 4 5 => :3
         sadd c 4 9 => :2
         sinter a b c => *1 $1 4
         sinter a none => *0
         sintercard 2 a b => :2
         sintercard 2 a b limit 1 => :1
         sintercard 2 a b limit 0 => :2
         sintercard 2 a none => :0
         sintercard 0 a => -ERR numkeys should be greater than 0
         sintercard 3 a b => -ERR Number of keys can't be greater than number of args
         sintercard 1 a limit -1 => -ERR LIMIT can't be negative
         sintercard 1 a b => -ERR syntax error
         sinterstore d a b => :2
         sdiffstore d a b c => :2
         sunionstore d a b c none => :6
         scard d => :6
         sinterstore d a none => :0
         scard d => :0
         sunionstore a a b => :5
         sdiff none a => *0",
    );
    assert_eq!(
        members(&client.line("sunion b c none")),
        ["3", "4", "5", "9"]
    );
    assert_eq!(members(&client.line("sdiff a b c")), ["1", "2"]);
}

#[test]
fn kinds_of_replies_in_resp3() {
    let mut client = Client::new();
    client.resp3 = true;
    client.script(
        "sadd s a => :1
         smembers s => ~1 $1 a
         sinter s => ~1 $1 a
         srandmember s 1 => *1 $1 a
         srandmember none => _
         spop none => _
         spop none 1 => ~0
         spop s 1 => ~1 $1 a",
    );
}

#[test]
fn pop_takes_each_member_once() {
    let mut client = Client::new();
    add_range(&mut client, "s", 0..1000);
    let mut seen: Vec<String> = (0..100).map(|_| client.line("spop s")).collect();
    seen.extend(members(&client.line("spop s 100")));
    seen.extend(members(&client.line("spop s 700")));
    client.line("scard s");
    assert_eq!(client.line("scard s"), ":100");
    seen.extend(members(&client.line("spop s 1000")));
    let mut numbers: Vec<u32> = seen
        .iter()
        .filter_map(|text| text.rsplit(' ').next()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    client.script(
        "scard s => :0
         spop s => $-1
         spop s 1 => *0
         spop s -1 => -ERR value is out of range, must be positive
         spop s 1 2 => -ERR syntax error",
    );
}

#[test]
fn random_members() {
    let mut client = Client::new();
    add_range(&mut client, "s", 0..600);
    for count in [5, 150, 400, 599] {
        let mut picked = members(&client.line(&format!("srandmember s {count}")));
        assert_eq!(picked.len(), count);
        picked.dedup();
        assert_eq!(picked.len(), count, "different ones");
    }
    assert_eq!(members(&client.line("srandmember s 1000")).len(), 600);
    assert_eq!(members(&client.line("srandmember s -5")).len(), 5);
    assert_eq!(members(&client.line("srandmember s -1000")).len(), 1000);
    client.script(
        "srandmember s 0 => *0
         srandmember none => $-1
         srandmember none 3 => *0
         srandmember s x => -ERR value is not an integer or out of range
         srandmember s 1 2 => -ERR syntax error",
    );
}

/// Chi-squared of picks over the members, against the bound for a chance of about one in a million.
fn is_uniform(client: &mut Client, members: u32, draws: u32) -> bool {
    let mut counts = vec![0u32; members as usize];
    for _ in 0..draws {
        let reply = client.line("srandmember s");
        let number = reply
            .rsplit(' ')
            .next()
            .and_then(|t| t.parse::<usize>().ok());
        counts[number.unwrap_or(usize::MAX)] += 1;
    }
    let expected = f64::from(draws) / f64::from(members);
    let chi: f64 = counts
        .iter()
        .map(|count| (f64::from(*count) - expected).powi(2) / expected)
        .sum();
    let freedom = f64::from(members - 1);
    chi < freedom + 5.0 * (2.0 * freedom).sqrt()
}

#[test]
fn picks_are_uniform() {
    // The seeds are fixed, so this either always passes or never.
    let mut client = Client::new();
    add_range(&mut client, "s", 0..50);
    assert!(is_uniform(&mut client, 50, 2_000));
    let mut client = Client::new();
    add_range(&mut client, "s", 0..300);
    assert!(is_uniform(&mut client, 300, 9_000));
}

#[test]
fn scans_meet_every_member_once() {
    let mut client = Client::new();
    add_range(&mut client, "s", 0..600);
    let mut cursor = "0".to_owned();
    let mut seen = Vec::new();
    loop {
        let reply = client.line(&format!("sscan s {cursor} count 7"));
        let words: Vec<&str> = reply.split(' ').collect();
        cursor = words[2].to_owned();
        seen.extend(members(&words[3..].join(" ")));
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 600);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 600);
    client.script(
        "sadd small 1 2 3 => :3
         sscan small 0 match 2 => *2 $1 0 *1 $1 2
         sadd small 10 9 => :2
         sscan small 0 => *2 $1 0 *5 $1 1 $1 2 $1 3 $1 9 $2 10
         smembers small => *5 $1 1 $1 2 $1 3 $1 9 $2 10
         sscan none 0 bad => *2 $1 0 *0
         sscan s x => -ERR invalid cursor
         sscan s 0 count 0 => -ERR syntax error
         sscan s 0 count x => -ERR value is not an integer or out of range
         sscan s 0 match => -ERR syntax error",
    );
}

#[test]
fn other_kinds_are_refused() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let mut client = Client::new();
    client.line("sadd s a");
    client.line("rpush l a");
    for command in [
        "sadd l a",
        "srem l a",
        "smembers l",
        "sismember l a",
        "smismember l a",
        "scard l",
        "spop l",
        "srandmember l",
        "smove l s a",
        "smove s l a",
        "smove s l q",
        "sinter none l",
        "sunion s l",
        "sdiff s l",
        "sunionstore d s l",
        "sintercard 2 none l",
        "sscan l 0",
    ] {
        assert_eq!(client.line(command), wrong, "{command}");
    }
    assert_eq!(client.line("sunionstore l s"), ":1");
    assert_eq!(client.line("smembers l"), "*1 $1 a");
}
