//! Lists: each command's edges. Replies as Redis 7.0.15 gives them.

use crate::commands::testing::Client;

#[test]
fn both_ends() {
    let mut client = Client::new();
    client.script(
        "lpush l a b c => :3
         rpush l d => :4
         lrange l 0 -1 => *4 $1 c $1 b $1 a $1 d
         llen l => :4
         lpop l => $1 c
         rpop l => $1 d
         lpop l 5 => *2 $1 b $1 a",
    );
}

#[test]
fn push_only_where_a_list_is() {
    Client::new().script(
        "lpushx l a => :0
         rpushx l a => :0
         rpush l a => :1
         lpushx l b c => :3
         rpushx l d => :4
         lrange l 0 -1 => *4 $1 c $1 b $1 a $1 d",
    );
}

#[test]
fn pop_with_counts() {
    Client::new().script(
        "lpop l => $-1
         lpop l 1 => *-1
         lpop l x => -ERR value is out of range, must be positive
         lpop l -1 => -ERR value is out of range, must be positive
         lpop l 1 2 => -ERR wrong number of arguments for 'lpop' command
         rpush l a b c => :3
         lpop l 0 => *0
         rpop l 2 => *2 $1 c $1 b
         llen l => :1
         lpop l 9 => *1 $1 a
         llen l => :0",
    );
}

#[test]
fn indexes_and_ranges() {
    Client::new().script(
        "rpush l a b c => :3
         lindex l 0 => $1 a
         lindex l -1 => $1 c
         lindex l 3 => $-1
         lindex l -4 => $-1
         lindex none x => $-1
         lindex l x => -ERR value is not an integer or out of range
         lrange l 1 1 => *1 $1 b
         lrange l -100 100 => *3 $1 a $1 b $1 c
         lrange l 2 1 => *0
         lrange l 5 9 => *0
         lrange none 0 -1 => *0
         lrange l -9223372036854775808 9223372036854775807 => *3 $1 a $1 b $1 c
         lset l 1 B => +OK
         lset l 3 x => -ERR index out of range
         lset none 0 x => -ERR no such key
         lrange l 0 -1 => *3 $1 a $1 B $1 c",
    );
}

#[test]
fn long_ranges_walk() {
    let mut client = Client::new();
    let values: Vec<String> = (0..100).map(|i| i.to_string()).collect();
    let mut words = vec!["rpush", "l"];
    words.extend(values.iter().map(String::as_str));
    assert_eq!(client.run(&words), ":100");
    assert!(client.line("lrange l 10 89").starts_with("*80 $2 10 $2 11"));
    client.script(
        "lpos l 77 => :77
         lpos l 77 rank -1 => :77
         lpos l 77 maxlen 77 => $-1
         lpos l 77 rank -1 maxlen 23 => :77
         lpos l 77 rank -1 maxlen 22 => $-1",
    );
}

#[test]
fn trim() {
    Client::new().script(
        "rpush l a b c d e => :5
         ltrim l 1 -2 => +OK
         lrange l 0 -1 => *3 $1 b $1 c $1 d
         ltrim l 5 9 => +OK
         llen l => :0
         ltrim none 0 1 => +OK
         ltrim l x 1 => -ERR value is not an integer or out of range",
    );
}

#[test]
fn trim_to_a_small_remainder() {
    let mut client = Client::new();
    let values: Vec<String> = (0..200).map(|i| i.to_string()).collect();
    let mut words = vec!["rpush", "l"];
    words.extend(values.iter().map(String::as_str));
    client.run(&words);
    client.script(
        "pexpire l 5000 => :1
         ltrim l 100 103 => +OK
         pttl l => :5000
         llen l => :4
         lrange l 0 -1 => *4 $3 100 $3 101 $3 102 $3 103
         lpush l a => :5
         rpush l b => :6
         lpos l b => :5
         lrange l 0 -1 => *6 $1 a $3 100 $3 101 $3 102 $3 103 $1 b
         ltrim l -1 -1 => +OK
         lrange l 0 -1 => *1 $1 b
         lpop l => $1 b
         exists l => :0",
    );
}

#[test]
fn insert_moves_the_shorter_side() {
    Client::new().script(
        "rpush l a b c d e => :5
         linsert l before b X => :6
         linsert l after d Y => :7
         lrange l 0 -1 => *7 $1 a $1 X $1 b $1 c $1 d $1 Y $1 e
         linsert l after e Z => :8
         linsert l before a W => :9
         lrange l 0 -1 => *9 $1 W $1 a $1 X $1 b $1 c $1 d $1 Y $1 e $1 Z
         linsert l before q r => :-1
         linsert none before q r => :0
         linsert l beside q r => -ERR syntax error",
    );
}

#[test]
fn remove_closes_the_gaps() {
    Client::new().script(
        "rpush l x a x b x c => :6
         lrem l 1 x => :1
         lrange l 0 -1 => *5 $1 a $1 x $1 b $1 x $1 c
         lrem l -1 x => :1
         lrange l 0 -1 => *4 $1 a $1 x $1 b $1 c
         rpush l x x => :6
         lrem l 0 x => :3
         lrange l 0 -1 => *3 $1 a $1 b $1 c
         lrem l 0 q => :0
         lrem none 0 q => :0
         rpush only x x => :2
         lrem only 0 x => :2
         llen only => :0
         rpush l d e f g => :7
         lrem l 0 b => :1
         lrem l 0 f => :1
         lrange l 0 -1 => *5 $1 a $1 c $1 d $1 e $1 g",
    );
}

#[test]
fn positions_of_a_value() {
    Client::new().script(
        "rpush l a b c 1 2 3 c c => :8
         lpos l c => :2
         lpos l c rank 2 => :6
         lpos l c rank -1 => :7
         lpos l c rank 9 => $-1
         lpos l c count 0 => *3 :2 :6 :7
         lpos l c count 2 rank -1 => *2 :7 :6
         lpos l c count 0 maxlen 3 => *1 :2
         lpos l q => $-1
         lpos l q count 1 => *0
         lpos none q count 1 => *0
         lpos l c count -1 => -ERR COUNT can't be negative
         lpos l c maxlen -1 => -ERR MAXLEN can't be negative
         lpos l c rank x => -ERR value is not an integer or out of range
         lpos l c rank => -ERR syntax error",
    );
}

#[test]
fn moves() {
    Client::new().script(
        "rpush l a b c => :3
         lmove l m right left => $1 c
         lmove l m left right => $1 a
         lrange m 0 -1 => *2 $1 c $1 a
         rpoplpush m m => $1 a
         lrange m 0 -1 => *2 $1 a $1 c
         lmove l l left right => $1 b
         rpoplpush l m => $1 b
         llen l => :0
         rpoplpush l m => $-1
         lmove l m up down => -ERR syntax error
         blmove m l left left 0 => $1 b
         brpoplpush m l 0 => $1 c",
    );
}

#[test]
fn pop_from_the_first_that_has_values() {
    Client::new().script(
        "lmpop 2 a b left => *-1
         rpush b 1 2 3 => :3
         lmpop 2 a b left count 2 => *2 $1 b *2 $1 1 $1 2
         lmpop 2 a b right count 9 => *2 $1 b *1 $1 3
         lmpop 0 a left => -ERR numkeys should be greater than 0
         lmpop 2 a left => -ERR syntax error
         lmpop 1 a left count 0 => -ERR count should be greater than 0
         lmpop 1 a left count => -ERR syntax error
         lmpop 1 a left count 1 count 1 => -ERR syntax error
         blmpop 0 1 a left => +BLOCKED
         rpush b 1 => :1
         blmpop x 0 a left => -ERR numkeys should be greater than 0
         blmpop 0 2 a b left => *2 $1 b *1 $1 1",
    );
}

#[test]
fn blocking() {
    Client::new().script(
        "blpop l 0 => +BLOCKED
         brpop l m 1.5 => +BLOCKED
         blmove l m left left 0 => +BLOCKED
         brpoplpush l m 0 => +BLOCKED
         blpop l x => -ERR timeout is not a float or out of range
         blpop l -1 => -ERR timeout is negative
         blpop l 1e400 => -ERR timeout is out of range
         blpop l 9223372036854774 => -ERR timeout is out of range
         blpop l -inf => -ERR timeout is negative
         blpop l inf => -ERR timeout is out of range
         blpop l 1e-5000 => -ERR timeout is not a float or out of range
         blpop l 1e-400 => +BLOCKED
         blpop l 1e5000 => -ERR timeout is not a float or out of range
         rpush m a b => :2
         blpop l m 0 => *2 $1 m $1 a
         brpop l m 0 => *2 $1 m $1 b
         llen m => :0",
    );
}

#[test]
fn other_kinds_are_refused() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let mut client = Client::new();
    client.line("sadd s a");
    client.line("rpush l a");
    for command in [
        "lpush s a",
        "rpush s a",
        "lpushx s a",
        "lpop s",
        "lpop s 1",
        "llen s",
        "lindex s 0",
        "lrange s 0 1",
        "lset s 0 a",
        "ltrim s 0 1",
        "linsert s before a b",
        "lrem s 0 a",
        "lpos s a",
        "lmove s l left left",
        "lmove l s left left",
        "rpoplpush s l",
        "lmpop 1 s left",
        "blpop s 0",
        "blmove l s left left 0",
    ] {
        assert_eq!(client.line(command), wrong, "{command}");
    }
    assert_eq!(client.line("lrange l 0 -1"), "*1 $1 a");
}
