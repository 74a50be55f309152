//! Streams: each command's edges. Replies as Redis 7.0.15 gives them, save what 7.2 added to XINFO.

use crate::commands::testing::Client;

#[test]
fn ids_grow() {
    let mut client = Client::new();
    client.script(
        "xadd s 5-1 f v => $3 5-1
         xadd s 5-1 f v => -ERR The ID specified in XADD is equal or smaller than the target stream top item
         xadd s 5-* f v => $3 5-2
         xadd s 6 f v => $3 6-0
         xadd s * f v => $15 1700000000000-0
         xadd s * f v => $15 1700000000000-1
         xadd s 0-0 f v => -ERR The ID specified in XADD must be greater than 0-0
         xadd t 0-* f v => $3 0-1
         xadd s x f v => -ERR Invalid stream ID specified as stream command argument
         xadd s * f => -ERR wrong number of arguments for 'xadd' command
         xadd s nomkstream * f => -ERR wrong number of arguments for 'xadd' command
         xadd none nomkstream * f v => $-1
         exists none => :0
         xadd s 18446744073709551615-18446744073709551615 f v => $41 18446744073709551615-18446744073709551615
         xadd s * f v => -ERR The stream has exhausted the last possible ID, unable to add more items
         xlen s => :6
         type s => +stream
         object encoding s => $6 stream",
    );
    client.now_ms -= 5;
    client.script(
        "xadd u 1700000000000-7 f v => $15 1700000000000-7
         xadd u * f v => $15 1700000000000-8",
    );
}

#[test]
fn ranges() {
    Client::new().script(
        "xadd s 1-1 a 1 => $3 1-1
         xadd s 1-2 b 2 c 3 => $3 1-2
         xadd s 2-1 d 4 => $3 2-1
         xrange s - + => *3 *2 $3 1-1 *2 $1 a $1 1 *2 $3 1-2 *4 $1 b $1 2 $1 c $1 3 *2 $3 2-1 *2 $1 d $1 4
         xrange s 1 1 count 1 => *1 *2 $3 1-1 *2 $1 a $1 1
         xrange s (1-1 (2-1 => *1 *2 $3 1-2 *4 $1 b $1 2 $1 c $1 3
         xrevrange s + - count 1 => *1 *2 $3 2-1 *2 $1 d $1 4
         xrevrange s (2-1 (1-1 => *1 *2 $3 1-2 *4 $1 b $1 2 $1 c $1 3
         xrange s - + count 0 => *-1
         xrange s - + count -1 => *-1
         xrange s - + limit 1 => -ERR syntax error
         xrange none - + => *0
         xrange none - + count 0 => *0
         xrange s (18446744073709551615-18446744073709551615 + => -ERR invalid start ID for the interval
         xrange s - (0-0 => -ERR invalid end ID for the interval
         xrange s + - => *0",
    );
}

#[test]
fn trimming() {
    let mut client = Client::new();
    for i in 1..=250 {
        client.run(&["xadd", "s", &format!("{i}-0"), "f", "v"]);
    }
    client.script(
        "xtrim s maxlen ~ 100 => :100
         xtrim s maxlen ~ 51 => :0
         xtrim s maxlen 140 => :10
         xrange s - + count 1 => *1 *2 $5 111-0 *2 $1 f $1 v
         xtrim s minid 121 => :10
         xtrim s minid ~ 200 limit 99 => :0
         xtrim s minid ~ 222 => :80
         xlen s => :50
         xadd s maxlen 3 251-0 f v => $5 251-0
         xlen s => :3
         xdel s 250-0 251-0 1-1 => :2
         xadd s 251-0 f v => -ERR The ID specified in XADD is equal or smaller than the target stream top item
         xtrim s maxlen ~ 0 => :1
         xlen s => :0
         exists s => :1
         xadd s 252-0 f v => $5 252-0
         xrange s - + => *1 *2 $5 252-0 *2 $1 f $1 v
         xtrim s limit 5 => -ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
         xtrim s maxlen 5 limit 5 => -ERR syntax error, LIMIT cannot be used without the special ~ option
         xtrim s maxlen 5 minid 5 => -ERR syntax error, MAXLEN and MINID options at the same time are not compatible
         xtrim s maxlen -1 => -ERR The MAXLEN argument must be >= 0.
         xtrim s maxlen ~ 1 limit -1 => -ERR The LIMIT argument must be >= 0.
         xadd s limit 5 * f v => -ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
    );
}

#[test]
fn setting_the_last_id() {
    Client::new().script(
        "xsetid s 5 => -ERR no such key
         xadd s 3-0 f v => $3 3-0
         xsetid s 2-0 => -ERR The ID specified in XSETID is smaller than the target stream top item
         xsetid s 9-0 entriesadded 0 => -ERR The entries_added specified in XSETID is smaller than the target stream length
         xsetid s 9-0 entriesadded -1 => -ERR entries_added must be positive
         xsetid s 9-0 maxdeletedid 9-1 => -ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id
         xsetid s 9-0 entriesadded 7 maxdeletedid 8-0 => +OK
         xsetid s 7-0 => -ERR The ID specified in XSETID is smaller than current max_deleted_entry_id
         xadd s 8-5 f v => -ERR The ID specified in XADD is equal or smaller than the target stream top item
         xinfo stream s => *20 $6 length :1 $15 radix-tree-keys :1 $16 radix-tree-nodes :2 $17 last-generated-id $3 9-0 $20 max-deleted-entry-id $3 8-0 $13 entries-added :7 $23 recorded-first-entry-id $3 3-0 $6 groups :0 $11 first-entry *2 $3 3-0 *2 $1 f $1 v $10 last-entry *2 $3 3-0 *2 $1 f $1 v",
    );
}

#[test]
fn a_group_shares_entries() {
    let mut client = Client::new();
    client.script(
        "xgroup create s g $ => -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
         xgroup create s g $ mkstream => +OK
         xgroup create s g $ => -BUSYGROUP Consumer Group name already exists
         xlen s => :0
         xadd s 1-0 a 1 => $3 1-0
         xadd s 2-0 b 2 => $3 2-0
         xadd s 3-0 c 3 => $3 3-0
         xreadgroup group g one count 1 streams s > => *1 *2 $1 s *1 *2 $3 1-0 *2 $1 a $1 1
         xreadgroup group g two streams s > => *1 *2 $1 s *2 *2 $3 2-0 *2 $1 b $1 2 *2 $3 3-0 *2 $1 c $1 3
         xreadgroup group g two streams s > => *-1
         xpending s g => *4 :3 $3 1-0 $3 3-0 *2 *2 $3 one $1 1 *2 $3 two $1 2
         xack s g 1-0 1-0 9-9 => :1
         xack s none 1-0 => :0
         xack none g 1-0 => :0
         xreadgroup group g two streams s 0 => *1 *2 $1 s *2 *2 $3 2-0 *2 $1 b $1 2 *2 $3 3-0 *2 $1 c $1 3
         xreadgroup group g one streams s 0 => *1 *2 $1 s *0
         xdel s 3-0 => :1
         xreadgroup group g two streams s 2 => *1 *2 $1 s *1 *2 $3 3-0 *-1",
    );
    client.now_ms += 40;
    client.script(
        "xpending s g - + 9 => *2 *4 $3 2-0 $3 two :40 :2 *4 $3 3-0 $3 two :40 :2
         xpending s g idle 41 - + 9 => *0
         xpending s g idle 40 - + 1 two => *1 *4 $3 2-0 $3 two :40 :2
         xpending s g - + 9 three => *0
         xpending s g - + => -ERR syntax error
         xpending s none => -NOGROUP No such key 's' or consumer group 'none'
         xclaim s g one 41 2-0 => *0
         xclaim s g one 40 2-0 3-0 => *1 *2 $3 2-0 *2 $1 b $1 2
         xpending s g - + 9 => *1 *4 $3 2-0 $3 one :0 :3
         xclaim s g one 0 2-0 justid idle 7 retrycount 9 => *1 $3 2-0
         xpending s g - + 9 => *1 *4 $3 2-0 $3 one :7 :9
         xclaim s g one 0 1-0 => *0
         xclaim s g one 0 1-0 force justid => *1 $3 1-0
         xclaim s g one 0 1-0 what => -ERR Unrecognized XCLAIM option 'what'
         xclaim s g one x 1-0 => -ERR Invalid min-idle-time argument for XCLAIM
         xautoclaim s g two 0 - count 1 => *3 $3 2-0 *1 *2 $3 1-0 *2 $1 a $1 1 *0
         xdel s 2-0 => :1
         xautoclaim s g two 0 0 justid => *3 $3 0-0 *1 $3 1-0 *1 $3 2-0
         xautoclaim s g two 0 0 count 0 => -ERR COUNT must be > 0
         xgroup delconsumer s g two => :1
         xgroup delconsumer s g two => :0
         xpending s g => *4 :0 $-1 $-1 *-1
         xgroup createconsumer s g three => :1
         xgroup createconsumer s g three => :0
         xgroup createconsumer s no three => -NOGROUP No such consumer group 'no' for key name 's'
         xgroup setid s g 0 => +OK
         xgroup destroy s g => :1
         xgroup destroy s g => :0
         xreadgroup group g one streams s > => -NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option",
    );
}

#[test]
fn lag_is_told_only_where_it_is_known() {
    let mut client = Client::new();
    let lag = |client: &mut Client| {
        let reply = client.line("xinfo groups s");
        let (_, tail) = reply.split_once("$12 entries-read ").unwrap_or_default();
        tail.replace(" $3 lag ", " ")
    };
    client.script("xgroup create s g 0 mkstream => +OK");
    assert_eq!(lag(&mut client), "$-1 :0");
    for i in 1..=5 {
        client.run(&["xadd", "s", &format!("{i}-0"), "f", "v"]);
    }
    assert_eq!(lag(&mut client), "$-1 :5");
    client.line("xreadgroup group g c count 2 streams s >");
    assert_eq!(lag(&mut client), ":2 :3");
    client.line("xdel s 4-0");
    assert_eq!(lag(&mut client), ":2 $-1");
    client.line("xreadgroup group g c count 9 streams s >");
    assert_eq!(lag(&mut client), ":5 :0");
    client.line("xtrim s maxlen 1");
    assert_eq!(lag(&mut client), ":5 :0");
}

#[test]
fn information() {
    let mut client = Client::new();
    client.script(
        "xinfo stream s => -ERR no such key
         xadd s 1-0 a 1 => $3 1-0
         xgroup create s g 0 => +OK
         xreadgroup group g c streams s > => *1 *2 $1 s *1 *2 $3 1-0 *2 $1 a $1 1
         xgroup createconsumer s g idle => :1",
    );
    client.now_ms += 5;
    client.script(
        "xinfo groups s => *1 *12 $4 name $1 g $9 consumers :2 $7 pending :1 $17 last-delivered-id $3 1-0 $12 entries-read :1 $3 lag :0
         xinfo consumers s g => *2 *8 $4 name $1 c $7 pending :1 $4 idle :5 $8 inactive :5 *8 $4 name $4 idle $7 pending :0 $4 idle :5 $8 inactive :-1
         xinfo consumers s no => -NOGROUP No such consumer group 'no' for key name 's'
         xinfo stream s full => *18 $6 length :1 $15 radix-tree-keys :1 $16 radix-tree-nodes :2 $17 last-generated-id $3 1-0 $20 max-deleted-entry-id $3 0-0 $13 entries-added :1 $23 recorded-first-entry-id $3 1-0 $7 entries *1 *2 $3 1-0 *2 $1 a $1 1 $6 groups *1 *14 $4 name $1 g $17 last-delivered-id $3 1-0 $12 entries-read :1 $3 lag :0 $9 pel-count :1 $7 pending *1 *4 $3 1-0 $1 c :1700000000000 :1 $9 consumers *2 *10 $4 name $1 c $9 seen-time :1700000000000 $11 active-time :1700000000000 $9 pel-count :1 $7 pending *1 *3 $3 1-0 :1700000000000 :1 *10 $4 name $4 idle $9 seen-time :1700000000000 $11 active-time :-1 $9 pel-count :0 $7 pending *0
         xinfo stream s full count => -ERR unknown subcommand or wrong number of arguments for 'stream'. Try XINFO HELP.
         xinfo stream s half => -ERR unknown subcommand or wrong number of arguments for 'stream'. Try XINFO HELP.",
    );
}

#[test]
fn reading_and_waiting() {
    let mut client = Client::new();
    client.script(
        "xread streams s 0 => *-1
         xread block 0 streams s 0 => +BLOCKED
         xread block -1 streams s 0 => -ERR timeout is negative
         xread block x streams s 0 => -ERR timeout is not an integer or out of range
         xread block 9223372036854775807 streams s 0 => -ERR timeout is out of range
         xread streams s t 0 => -ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.
         xread count 1 => -ERR syntax error
         xread group g c streams s 0 => -ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.
         xread noack streams s 0 => -ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.
         xread streams s > => -ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.
         xreadgroup count 1 streams s > => -ERR Missing GROUP option for XREADGROUP
         xadd s 1-0 a 1 => $3 1-0
         xadd t 1-0 b 2 => $3 1-0
         xread count 1 streams s t 0 0 => *2 *2 $1 s *1 *2 $3 1-0 *2 $1 a $1 1 *2 $1 t *1 *2 $3 1-0 *2 $1 b $1 2
         xread streams s t $ 0 => *1 *2 $1 t *1 *2 $3 1-0 *2 $1 b $1 2
         xread block 5 streams s $ => +BLOCKED
         xgroup create s g 0 => +OK
         xreadgroup group g c streams s $ => -ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.
         xreadgroup group g c noack streams s > => *1 *2 $1 s *1 *2 $3 1-0 *2 $1 a $1 1
         xpending s g => *4 :0 $-1 $-1 *-1
         xreadgroup group g d block 0 streams s > => +BLOCKED",
    );
    // The consumer that waits is there.
    assert!(client.line("xinfo consumers s g").contains("$1 d"));
    client.resp3 = true;
    assert_eq!(
        client.line("xread streams s t 0 0"),
        "%2 $1 s *1 *2 $3 1-0 *2 $1 a $1 1 $1 t *1 *2 $3 1-0 *2 $1 b $1 2"
    );
}

#[test]
fn streams_move_and_copy_whole() {
    Client::new().script(
        "xadd s 1-0 a 1 => $3 1-0
         xadd s 2-0 a 1 => $3 2-0
         xdel s 2-0 => :1
         xgroup create s g 0 => +OK
         xreadgroup group g c streams s > => *1 *2 $1 s *1 *2 $3 1-0 *2 $1 a $1 1
         copy s t => :1
         rename s u => +OK
         xpending t g => *4 :1 $3 1-0 $3 1-0 *1 *2 $1 c $1 1
         xpending u g => *4 :1 $3 1-0 $3 1-0 *1 *2 $1 c $1 1
         xack t g 1-0 => :1
         xpending u g => *4 :1 $3 1-0 $3 1-0 *1 *2 $1 c $1 1
         xadd t 2-0 a 1 => -ERR The ID specified in XADD is equal or smaller than the target stream top item
         del u => :1
         xadd u 1-0 a 1 => $3 1-0
         xpending u g => -NOGROUP No such key 'u' or consumer group 'g'
         set s x => +OK
         xadd s * f v => -WRONGTYPE Operation against a key holding the wrong kind of value
         xread streams s 0 => -WRONGTYPE Operation against a key holding the wrong kind of value
         get t => -WRONGTYPE Operation against a key holding the wrong kind of value",
    );
}

#[test]
fn about_trims_whole_nodes_that_begin_after_every_so_many_added_entries() {
    let mut client = Client::new();
    client.limits.stream_entries = 10;
    for i in 1..=35 {
        client.run(&["xadd", "s", &format!("{i}-1"), "f", "v"]);
    }
    client.script(
        "xtrim s maxlen = 32 => :3
         xtrim s maxlen ~ 20 => :7
         xlen s => :25
         xtrim s minid ~ 22 => :10
         xlen s => :15
         xtrim s maxlen ~ 1 limit 9 => :0
         xtrim s maxlen ~ 0 => :15",
    );
    client.limits.stream_entries = 1;
    for i in 36..=240 {
        client.run(&["xadd", "s", &format!("{i}-1"), "f", "v"]);
    }
    assert_eq!(client.line("xtrim s maxlen ~ 1"), ":100");
}
