//! Channels.

use super::support::Running;

#[test]
fn channels_and_patterns() {
    let running = Running::new();
    let mut listener = running.client();
    assert_eq!(listener.ask("subscribe a b"), "[subscribe a :1]");
    assert_eq!(listener.reply(), "[subscribe b :2]");
    assert_eq!(listener.ask("psubscribe a*"), "[psubscribe a* :3]");
    let mut other = running.client();
    assert_eq!(other.ask("publish a hi"), ":2");
    assert_eq!(listener.reply(), "[message a hi]");
    assert_eq!(listener.reply(), "[pmessage a* a hi]");
    assert_eq!(other.ask("publish nobody hi"), ":0");
    assert_eq!(other.ask("pubsub numsub a b c"), "[a :1 b :1 c :0]");
    assert_eq!(other.ask("pubsub numpat"), ":1");
    assert_eq!(other.ask("pubsub channels b*"), "[b]");
    assert_eq!(
        listener.ask("get k"),
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
         allowed in this context"
    );
    assert_eq!(listener.ask("ping"), "[pong ]");
    assert_eq!(listener.ask("unsubscribe a"), "[unsubscribe a :2]");
    assert_eq!(listener.ask("punsubscribe"), "[punsubscribe a* :1]");
    assert_eq!(listener.ask("unsubscribe"), "[unsubscribe b :0]");
    assert_eq!(listener.ask("unsubscribe"), "[unsubscribe (nil) :0]");
    assert_eq!(listener.ask("get k"), "(nil)");
}

#[test]
fn resp3_pushes_beside_replies() {
    let running = Running::new();
    let mut listener = running.client();
    assert!(listener.ask("hello 3").contains("proto :3"));
    assert_eq!(listener.ask("subscribe a"), ">[subscribe a :1]");
    assert_eq!(listener.ask("set k v"), "+OK");
    running.client().ask("publish a hi");
    assert_eq!(listener.reply(), ">[message a hi]");
    assert_eq!(listener.ask("get k"), "v");
}

#[test]
fn shard_channels_are_apart() {
    let running = Running::new();
    let mut listener = running.client();
    assert_eq!(listener.ask("ssubscribe a"), "[ssubscribe a :1]");
    let mut other = running.client();
    assert_eq!(other.ask("publish a x"), ":0");
    assert_eq!(other.ask("spublish a y"), ":1");
    assert_eq!(listener.reply(), "[smessage a y]");
    assert_eq!(other.ask("pubsub shardnumsub a"), "[a :1]");
    assert_eq!(listener.ask("sunsubscribe"), "[sunsubscribe a :0]");
}

#[test]
fn who_leaves_is_forgotten() {
    let running = Running::new();
    let mut listener = running.client();
    listener.ask("subscribe a");
    assert_eq!(listener.ask("reset"), "+RESET");
    assert_eq!(running.client().ask("publish a x"), ":0");
    listener.ask("subscribe a");
    listener.tell(&["quit"]);
    assert_eq!(listener.reply(), "+OK");
    assert!(listener.is_closed());
    assert_eq!(running.client().ask("publish a x"), ":0");
}

#[test]
fn shards_are_not_subscribed_to_in_a_transaction() {
    let running = Running::new();
    let mut client = running.client();
    for line in ["multi", "ssubscribe ch"] {
        client.ask(line);
    }
    assert_eq!(
        client.ask("exec"),
        "[-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client]"
    );
}
