//! Sorted sets: each command's edges. Replies as Redis 7.2.6 gave them.

#![allow(clippy::unwrap_used)]

use crate::commands::testing::Client;

#[test]
fn scores_are_added_and_changed() {
    Client::new().script(
        "zadd z 1 a 2 b 3 c => :3
         zadd z 1 a 5 b => :0
         zadd z ch 1 a 6 b 9 d => :2
         zscore z b => $1 6
         zscore z q => $-1
         zscore none a => $-1
         zmscore z a q d => *3 $1 1 $-1 $1 9
         zmscore none a => *1 $-1
         zcard z => :4
         zcard none => :0
         zadd z nx 100 a 4 e => :1
         zscore z a => $1 1
         zadd z xx 100 a 4 f => :0
         zscore z a => $3 100
         zscore z f => $-1
         zadd z gt ch 50 a 60 e => :1
         zadd z lt ch 50 a 70 e => :1
         zadd z gt 1 new => :1
         zadd none xx 1 a => :0
         zadd none xx incr 1 a => $-1
         zrange z 0 -1 withscores => *12 $3 new $1 1 $1 c $1 3 $1 b $1 6 $1 d $1 9 $1 a $2 50 $1 e $2 60
         zincrby z 2.5 a => $4 52.5
         zincrby z 0.1 new => $3 1.1
         zincrby fresh 3 a => $1 3
         zadd z incr 5 a => $4 57.5
         zadd z incr 0 a => $4 57.5
         zadd z nx incr 5 a => $-1
         zadd z xx incr 5 unknown => $-1
         zadd z gt incr -5 a => $-1
         zrem z a q b => :2
         zrem z c d e new => :4
         zcard z => :0
         zrem none a => :0",
    );
}

#[test]
fn options_of_zadd_that_do_not_fit() {
    Client::new().script(
        "zcard z => :0
         zadd z 1 a 2 => -ERR syntax error
         zadd z nx xx 1 a => -ERR XX and NX options at the same time are not compatible
         zadd z nx gt 1 a => -ERR GT, LT, and/or NX options at the same time are not compatible
         zadd z gt lt 1 a => -ERR GT, LT, and/or NX options at the same time are not compatible
         zadd z incr 1 a 2 b => -ERR INCR option supports a single increment-element pair
         zadd z x a => -ERR value is not a valid float
         zadd z nan a => -ERR value is not a valid float
         zadd z 1 a x b => -ERR value is not a valid float
         zcard z => :0
         zincrby z x a => -ERR value is not a valid float
         zincrby z nan a => -ERR value is not a valid float",
    );
}

#[test]
fn extreme_scores() {
    Client::new().script(
        "zadd z inf a -inf b +inf c 1e308 d -0 e => :5
         zrange z 0 -1 withscores => *10 $1 b $4 -inf $1 e $1 0 $1 d $6 1e+308 $1 a $3 inf $1 c $3 inf
         zincrby z -inf a => -ERR resulting score is not a number (NaN)
         zincrby z inf b => -ERR resulting score is not a number (NaN)
         zincrby z 1e308 d => $3 inf
         zscore z e => $1 0
         zscore z d => $3 inf
         zadd z 3.1 f 0.1 g 1e21 h 123456789012345678 i 1e-10 j 1.5 k => :6
         zrange z 0 -1 withscores => *22 $1 b $4 -inf $1 e $1 0 $1 j $5 1e-10 $1 g $3 0.1 $1 k $3 1.5 $1 f $3 3.1 $1 i $18 123456789012345680 $1 h $5 1e+21 $1 a $3 inf $1 c $3 inf $1 d $3 inf
         zrangebyscore z (0 +inf => *9 $1 j $1 g $1 k $1 f $1 i $1 h $1 a $1 c $1 d
         zrangebyscore z -inf (0 => *1 $1 b
         zcount z -inf +inf => :11
         zcount z (inf inf => :0",
    );
}

#[test]
fn ranges_by_rank() {
    Client::new().script(
        "zadd z 1 a 2 b 3 c 4 d => :4
         zrange z 0 -1 => *4 $1 a $1 b $1 c $1 d
         zrange z 1 2 withscores => *4 $1 b $1 2 $1 c $1 3
         zrange z -2 -1 => *2 $1 c $1 d
         zrange z 3 1 => *0
         zrange z 9 10 => *0
         zrange z -100 100 => *4 $1 a $1 b $1 c $1 d
         zrange z 0 1 rev => *2 $1 d $1 c
         zrevrange z 0 1 withscores => *4 $1 d $1 4 $1 c $1 3
         zrevrange z 1 -2 => *2 $1 c $1 b
         zrange z 0 1 limit 0 1 => -ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
         zrange z 0 1 limit 0 -1 => *2 $1 a $1 b
         zrange z x 1 => -ERR value is not an integer or out of range
         zrange z 0 1 bogus => -ERR syntax error
         zrange none 0 -1 => *0
         zrange z 0 1 limit 0 => -ERR syntax error
         zremrangebyrank z 1 2 => :2
         zrange z 0 -1 => *2 $1 a $1 d
         zremrangebyrank z 5 9 => :0
         zremrangebyrank z 0 -1 => :2
         zcard z => :0
         zremrangebyrank none 0 1 => :0",
    );
}

#[test]
fn ranges_by_score() {
    Client::new().script(
        "zadd z 1 a 2 b 2 bb 3 c 4 d => :5
         zrangebyscore z 2 3 => *3 $1 b $2 bb $1 c
         zrangebyscore z (2 3 withscores => *2 $1 c $1 3
         zrangebyscore z 2 (3 => *2 $1 b $2 bb
         zrangebyscore z (2 (3 => *0
         zrangebyscore z 3 2 => *0
         zrangebyscore z -inf +inf limit 1 2 => *2 $1 b $2 bb
         zrangebyscore z -inf +inf limit 1 -1 => *4 $1 b $2 bb $1 c $1 d
         zrangebyscore z -inf +inf limit -1 2 => *0
         zrangebyscore z -inf +inf limit 9 2 => *0
         zrangebyscore z -inf +inf limit 0 0 => *0
         zrevrangebyscore z 3 2 => *3 $1 c $2 bb $1 b
         zrevrangebyscore z +inf (2 withscores limit 1 1 => *2 $1 c $1 3
         zrange z 2 3 byscore => *3 $1 b $2 bb $1 c
         zrange z 3 2 byscore rev => *3 $1 c $2 bb $1 b
         zrange z (1 inf byscore limit 1 2 withscores => *4 $2 bb $1 2 $1 c $1 3
         zrangebyscore z x 1 => -ERR min or max is not a float
         zrangebyscore z 1 nan => -ERR min or max is not a float
         zrangebyscore z ( 1 => *1 $1 a
         zrangebyscore z 1e400 inf => *0
         zrangebyscore z 0 5 byscore => -ERR syntax error
         zrangebyscore z 0 5 rev => -ERR syntax error
         zcount z 2 3 => :3
         zcount z (2 +inf => :2
         zcount none 0 1 => :0
         zcount z 3 2 => :0
         zremrangebyscore z (1 2 => :2
         zrange z 0 -1 => *3 $1 a $1 c $1 d
         zremrangebyscore z -inf inf => :3
         zcard z => :0",
    );
}

#[test]
fn ranges_by_name() {
    Client::new().script(
        "zadd z 0 a 0 b 0 c 0 d 0 e => :5
         zrangebylex z - + => *5 $1 a $1 b $1 c $1 d $1 e
         zrangebylex z [b (d => *2 $1 b $1 c
         zrangebylex z (b [d => *2 $1 c $1 d
         zrangebylex z [bb + => *3 $1 c $1 d $1 e
         zrangebylex z + - => *0
         zrangebylex z - + limit 1 2 => *2 $1 b $1 c
         zrevrangebylex z + - => *5 $1 e $1 d $1 c $1 b $1 a
         zrevrangebylex z [d (b => *2 $1 d $1 c
         zrevrangebylex z (d [b limit 1 5 => *1 $1 b
         zrange z [b [c bylex => *2 $1 b $1 c
         zrange z [c [b bylex rev => *2 $1 c $1 b
         zrange z - + bylex limit 3 9 => *2 $1 d $1 e
         zrange z - + bylex withscores => -ERR syntax error, WITHSCORES not supported in combination with BYLEX
         zrangebylex z a b => -ERR min or max not valid string range item
         zrangebylex z -x + => -ERR min or max not valid string range item
         zlexcount z - + => :5
         zlexcount z [b [d => :3
         zlexcount z [d [b => :0
         zlexcount none - + => :0
         zremrangebylex z [b (d => :2
         zrange z 0 -1 => *3 $1 a $1 d $1 e
         zremrangebylex z - + => :3
         zcard z => :0
         zadd m 1 c 2 a 3 b 4 e => :4
         zrangebylex m - + => *4 $1 c $1 a $1 b $1 e
         zrangebylex m [b + => *4 $1 c $1 a $1 b $1 e
         zrangebylex m - [c => *3 $1 c $1 a $1 b
         zrangebylex m [a [b => *0
         zrevrangebylex m [c [a => *3 $1 b $1 a $1 c",
    );
}

#[test]
fn ranges_stored() {
    Client::new().script(
        "zadd z 1 a 2 b 3 c 4 d => :4
         zrangestore y z 1 2 => :2
         zrange y 0 -1 withscores => *4 $1 b $1 2 $1 c $1 3
         zrangestore y z 2 +inf byscore limit 1 9 => :2
         zrange y 0 -1 withscores => *4 $1 c $1 3 $1 d $1 4
         zrangestore y z 0 1 rev => :2
         zrange y 0 -1 => *2 $1 c $1 d
         zrangestore z z 0 0 => :1
         zrange z 0 -1 => *1 $1 a
         zrangestore y none 0 -1 => :0
         zcard y => :0
         zrangestore y z 9 10 => :0
         zrangestore y z 0 1 withscores => -ERR syntax error
         zrangestore y z x 1 => -ERR value is not an integer or out of range",
    );
}

#[test]
fn ranks() {
    Client::new().script(
        "zadd z 1 a 2 b 2 bb 3 c 4 d => :5
         zrank z a => :0
         zrank z bb => :2
         zrank z d => :4
         zrevrank z a => :4
         zrevrank z c => :1
         zrank z q => $-1
         zrank none a => $-1",
    );
}

#[test]
fn pops() {
    Client::new().script(
        "zadd z 1 a 2 b 3 c 4 d 5 e => :5
         zpopmin z => *2 $1 a $1 1
         zpopmax z => *2 $1 e $1 5
         zpopmin z 2 => *4 $1 b $1 2 $1 c $1 3
         zpopmax z 0 => *0
         zpopmin z 9 => *2 $1 d $1 4
         zcard z => :0
         zpopmin z => *0
         zpopmin z 1 => *0
         zpopmin z -1 => -ERR value is out of range, must be positive
         zpopmin z x => -ERR value is out of range, must be positive
         zpopmin z 1 2 => -ERR syntax error
         zmpop 1 z min => *-1
         zadd z 1 a 2 b 3 c => :3
         zmpop 2 none z max => *2 $1 z *1 *2 $1 c $1 3
         zmpop 2 none z min count 9 => *2 $1 z *2 *2 $1 a $1 1 *2 $1 b $1 2
         zmpop 0 z min => -ERR numkeys should be greater than 0
         zmpop 2 z min => -ERR syntax error
         zmpop 1 z up => -ERR syntax error
         zmpop 1 z min count 0 => -ERR count should be greater than 0
         zadd z 1.5 a => :1
         bzpopmin none z 0 => *3 $1 z $1 a $3 1.5
         zadd z 1 a 2 b => :2
         bzpopmax z 0 => *3 $1 z $1 b $1 2
         bzmpop 0 1 z min => *2 $1 z *1 *2 $1 a $1 1
         bzpopmin z x => -ERR timeout is not a float or out of range
         bzpopmin z -1 => -ERR timeout is negative",
    );
}

#[test]
fn replies_of_resp3() {
    let mut client = Client::new();
    client.resp3 = true;
    client.script(
        "zadd z 1 a 2.5 b => :2
         zscore z b => ,2.5
         zmscore z a q => *2 ,1 _
         zadd z incr 1 b => ,3.5
         zadd z nx incr 1 b => _
         zrange z 0 -1 => *2 $1 a $1 b
         zrange z 0 -1 withscores => *2 *2 $1 a ,1 *2 $1 b ,3.5
         zrangebyscore z -inf inf withscores => *2 *2 $1 a ,1 *2 $1 b ,3.5
         zunion 1 z withscores => *2 *2 $1 a ,1 *2 $1 b ,3.5
         zdiff 1 z withscores => *2 *2 $1 a ,1 *2 $1 b ,3.5
         zrandmember z -1 => *1 $1 a
         zrandmember none => _
         zincrby z inf b => ,inf
         zscan z 0 => *2 $1 0 *4 $1 a $1 1 $1 b $3 inf
         zpopmin z => *2 $1 a ,1
         zpopmin z 1 => *1 *2 $1 b ,inf
         zpopmin z => *0
         zpopmin z 1 => *0
         zadd z 1 a => :1
         bzpopmin z 0 => *3 $1 z $1 a ,1
         zadd z 1 a => :1
         zmpop 1 z min => *2 $1 z *1 *2 $1 a ,1
         zmpop 1 z min => _
         zrank z a => _",
    );
}

#[test]
fn unions_intersections_differences() {
    Client::new().script(
        "zadd a 1 x 2 y 3 z => :3
         zadd b 10 y 20 z 30 w => :3
         sadd s x y plain => :3
         zunion 2 a b => *4 $1 x $1 y $1 z $1 w
         zunion 2 a b withscores => *8 $1 x $1 1 $1 y $2 12 $1 z $2 23 $1 w $2 30
         zinter 2 a b withscores => *4 $1 y $2 12 $1 z $2 23
         zdiff 2 a b withscores => *2 $1 x $1 1
         zunion 3 a b s withscores => *10 $5 plain $1 1 $1 x $1 2 $1 y $2 13 $1 z $2 23 $1 w $2 30
         zinter 2 a s withscores => *4 $1 x $1 2 $1 y $1 3
         zdiff 2 b s withscores => *4 $1 z $2 20 $1 w $2 30
         zdiff 2 s a withscores => *2 $5 plain $1 1
         zunion 2 a none withscores => *6 $1 x $1 1 $1 y $1 2 $1 z $1 3
         zinter 2 a none withscores => *0
         zunion 2 a b weights 2 3 withscores => *8 $1 x $1 2 $1 y $2 34 $1 z $2 66 $1 w $2 90
         zunion 2 a b weights 2 3 aggregate max withscores => *8 $1 x $1 2 $1 y $2 30 $1 z $2 60 $1 w $2 90
         zinter 2 a b aggregate min withscores => *4 $1 y $1 2 $1 z $1 3
         zinter 2 a b aggregate avg => -ERR syntax error
         zunion 2 a b weights 1 => -ERR syntax error
         zunion 2 a b weights 1 x => -ERR weight value is not a float
         zunion 0 a => -ERR at least 1 input key is needed for 'zunion' command
         zunion x a => -ERR value is not an integer or out of range
         zunion 3 a b => -ERR syntax error
         zdiff 2 a b weights 1 2 => -ERR syntax error
         zunionstore d 2 a b => :4
         zrange d 0 -1 withscores => *8 $1 x $1 1 $1 y $2 12 $1 z $2 23 $1 w $2 30
         zunionstore d 2 a b withscores => -ERR syntax error
         zinterstore d 2 a b weights 1 -1 => :2
         zrange d 0 -1 withscores => *4 $1 z $3 -17 $1 y $2 -8
         zdiffstore d 2 a b => :1
         zrange d 0 -1 withscores => *2 $1 x $1 1
         zinterstore d 2 a none => :0
         zcard d => :0
         zunionstore a 2 a b aggregate min => :4
         zrange a 0 -1 withscores => *8 $1 x $1 1 $1 y $1 2 $1 z $1 3 $1 w $2 30
         zunionstore d 0 a => -ERR at least 1 input key is needed for 'zunionstore' command
         zinterstore d 0 a => -ERR at least 1 input key is needed for 'zinterstore' command
         zdiffstore d 0 a => -ERR at least 1 input key is needed for 'zdiffstore' command
         zinter 0 a => -ERR at least 1 input key is needed for 'zinter' command
         zdiff 0 a => -ERR at least 1 input key is needed for 'zdiff' command
         zintercard 0 a => -ERR at least 1 input key is needed for 'zintercard' command
         zintercard 2 a b => :3
         zintercard 2 a b limit 1 => :1
         zintercard 2 a b limit -1 => -ERR LIMIT can't be negative
         zintercard 2 a none => :0
         zintercard 2 a b limit => -ERR syntax error
         zintercard 3 a b => -ERR syntax error
         zadd p inf m => :1
         zadd n -inf m => :1
         zunion 2 p n withscores => *2 $1 m $1 0
         zinter 2 p n withscores => *2 $1 m $1 0
         zunion 1 p weights 0 withscores => *2 $1 m $1 0",
    );
}

#[test]
fn random_members() {
    Client::new().script(
        "zrandmember none => $-1
         zrandmember none 3 => *0
         zadd z 1 a => :1
         zrandmember z => $1 a
         zrandmember z 1 => *1 $1 a
         zrandmember z -3 => *3 $1 a $1 a $1 a
         zrandmember z -2 withscores => *4 $1 a $1 1 $1 a $1 1
         zrandmember z 1 withscores => *2 $1 a $1 1
         zrandmember z 0 => *0
         zrandmember z x => -ERR value is not an integer or out of range
         zrandmember z 1 bogus => -ERR syntax error
         zrandmember z 1 withscores 2 => -ERR syntax error
         zrandmember z 9223372036854775807 withscores => -ERR value is out of range
         zrandmember z -9223372036854775808 => -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
}

#[test]
fn scans() {
    Client::new().script(
        "zadd z 1 a 2.5 b => :2
         zscan z 0 => *2 $1 0 *4 $1 a $1 1 $1 b $3 2.5
         zscan z 0 match a => *2 $1 0 *2 $1 a $1 1
         zscan z 0 count 1 match b => *2 $1 0 *2 $1 b $3 2.5
         zadd z -1 last => :1
         zscan z 0 => *2 $1 0 *6 $4 last $2 -1 $1 a $1 1 $1 b $3 2.5
         zscan none 0 => *2 $1 0 *0
         zscan z x => -ERR invalid cursor
         zscan z 0 count 0 => -ERR syntax error
         zscan z 0 bogus 1 => -ERR syntax error",
    );
}

#[test]
fn other_kinds_are_refused() {
    Client::new().script(
        "rpush l a => :1
         zadd z 1 a => :1
         zadd l 1 a => -WRONGTYPE Operation against a key holding the wrong kind of value
         zadd l xx 1 a => -WRONGTYPE Operation against a key holding the wrong kind of value
         zincrby l 1 a => -WRONGTYPE Operation against a key holding the wrong kind of value
         zrem l a => -WRONGTYPE Operation against a key holding the wrong kind of value
         zscore l a => -WRONGTYPE Operation against a key holding the wrong kind of value
         zmscore l a => -WRONGTYPE Operation against a key holding the wrong kind of value
         zcard l => -WRONGTYPE Operation against a key holding the wrong kind of value
         zcount l 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
         zlexcount l - + => -WRONGTYPE Operation against a key holding the wrong kind of value
         zrank l a => -WRONGTYPE Operation against a key holding the wrong kind of value
         zrevrank l a => -WRONGTYPE Operation against a key holding the wrong kind of value
         zrange l 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
         zrangebyscore l 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
         zrangestore d l 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
         zremrangebyrank l 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
         zpopmin l => -WRONGTYPE Operation against a key holding the wrong kind of value
         zpopmin l 0 => -WRONGTYPE Operation against a key holding the wrong kind of value
         zpopmin l 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
         bzpopmin l 0 => -WRONGTYPE Operation against a key holding the wrong kind of value
         zmpop 1 l min => -WRONGTYPE Operation against a key holding the wrong kind of value
         zrandmember l => -WRONGTYPE Operation against a key holding the wrong kind of value
         zrandmember l 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
         zunion 2 z l => -WRONGTYPE Operation against a key holding the wrong kind of value
         zunionstore d 2 z l => -WRONGTYPE Operation against a key holding the wrong kind of value
         zdiff 1 l => -WRONGTYPE Operation against a key holding the wrong kind of value
         zintercard 1 l => -WRONGTYPE Operation against a key holding the wrong kind of value
         zscan l 0 => -WRONGTYPE Operation against a key holding the wrong kind of value
         zunionstore l 1 z => :1
         zrange l 0 -1 => *1 $1 a",
    );
}

/// The members in order, as (score, name).
type Model = std::collections::BTreeSet<(i64, String)>;

fn compare_ranks(client: &mut Client, model: &Model, random: &mut dyn FnMut(usize) -> usize) {
    let all: Vec<&(i64, String)> = model.iter().collect();
    let len = all.len();
    let at = random(len);
    let name = &all[at].1;
    assert_eq!(client.line(&format!("zrank z {name}")), format!(":{at}"));
    let from_end = len - 1 - at;
    assert_eq!(
        client.line(&format!("zrevrank z {name}")),
        format!(":{from_end}")
    );
    for (command, at) in [("zrange", at), ("zrevrange", from_end)] {
        assert_eq!(
            client.line(&format!("{command} z {at} {at}")),
            format!("*1 ${} {name}", name.len())
        );
    }
    let (low, high) = (random(500) as i64, random(500) as i64);
    let within = model
        .iter()
        .filter(|(score, _)| *score > low && *score <= high)
        .count();
    assert_eq!(
        client.line(&format!("zcount z ({low} {high}")),
        format!(":{within}")
    );
}

#[test]
fn ranks_of_a_big_set_under_changes() {
    let mut client = Client::new();
    let mut model = Model::new();
    let mut state = 7u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        ((state >> 33) as usize) % below
    };
    for i in 0..3000 {
        let score = random(500) as i64;
        client.run(&["zadd", "z", &score.to_string(), &format!("m{i}")]);
        model.insert((score, format!("m{i}")));
    }
    for step in 0..400 {
        let (score, name) = model.iter().nth(random(model.len())).unwrap().clone();
        match random(6) {
            0 => {
                client.line(&format!("zrem z {name}"));
                model.remove(&(score, name));
            }
            1 => {
                client.line(&format!("zadd z {} new{step}", step % 500));
                model.insert((step % 500, format!("new{step}")));
            }
            2 => {
                client.line(&format!("zincrby z 7 {name}"));
                model.remove(&(score, name.clone()));
                model.insert((score + 7, name));
            }
            3 => {
                // Taken back: the second pair is no number for what it would become.
                client.line(&format!("zadd z 1 {name} x y"));
                client.line("zpopmin z");
                model.pop_first();
            }
            4 => {
                let first = random(model.len() - 20);
                let last = first + random(20);
                client.line(&format!("zremrangebyrank z {first} {last}"));
                let gone: Vec<_> = model
                    .iter()
                    .skip(first)
                    .take(last - first + 1)
                    .cloned()
                    .collect();
                gone.iter().for_each(|entry| {
                    model.remove(entry);
                });
            }
            _ => {}
        }
        compare_ranks(&mut client, &model, &mut random);
    }
    assert_eq!(client.line("zcard z"), format!(":{}", model.len()));
}

#[test]
fn names_of_a_big_set_are_counted() {
    let mut client = Client::new();
    for i in 0..2000 {
        client.run(&["zadd", "z", "0", &format!("{i:04}")]);
    }
    client.script(
        "zlexcount z - + => :2000
         zlexcount z [0500 [0999 => :500
         zlexcount z (0500 (0999 => :498
         zlexcount z - (1500 => :1500
         zlexcount z [1999 + => :1
         zlexcount z (1999 + => :0
         zlexcount z + - => :0
         zlexcount z [1000 [0500 => :0
         zrangebylex z (1997 + => *2 $4 1998 $4 1999
         zrevrangebylex z (0002 - => *2 $4 0001 $4 0000
         zrevrangebylex z [0002 [0001 => *2 $4 0002 $4 0001
         zcount z -inf +inf => :2000
         zcount z 0 0 => :2000
         zcount z (0 1 => :0",
    );
}
