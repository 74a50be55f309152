//! Streams: clients that wait for entries.

use super::support::Running;

#[test]
fn the_end_is_where_it_was_when_waiting_began() {
    let running = Running::new();
    let (mut one, mut other) = (running.client(), running.client());
    one.ask("xadd s 1-0 f old");
    one.tell(&["xread block 0 streams t s 0 $"]);
    running.until_blocked(1);
    other.tell(&["multi", "xadd s 2-0 f a", "xadd s 3-0 f b", "exec"]);
    for reply in ["+OK", "+QUEUED", "+QUEUED", "[2-0 3-0]"] {
        assert_eq!(other.reply(), reply);
    }
    assert_eq!(one.reply(), "[[s [[2-0 [f a]] [3-0 [f b]]]]]");
    // Those who only read all get it.
    one.tell(&["xread block 0 streams s $"]);
    let mut third = running.client();
    third.tell(&["xread block 0 streams s $"]);
    running.until_blocked(2);
    other.ask("xadd s 4-0 f c");
    assert_eq!(one.reply(), "[[s [[4-0 [f c]]]]]");
    assert_eq!(third.reply(), "[[s [[4-0 [f c]]]]]");
}

#[test]
fn a_group_s_entries_go_to_who_waited_first() {
    let running = Running::new();
    let mut other = running.client();
    other.ask("xgroup create s g $ mkstream");
    let (mut one, mut two) = (running.client(), running.client());
    one.tell(&["xreadgroup group g one block 0 count 1 streams s >"]);
    running.until_blocked(1);
    two.tell(&["xreadgroup group g two block 0 count 1 streams s >"]);
    running.until_blocked(2);
    assert_eq!(other.ask("xadd s 1-0 f a"), "1-0");
    assert_eq!(one.reply(), "[[s [[1-0 [f a]]]]]");
    running.until_blocked(1);
    assert_eq!(other.ask("xadd s 2-0 f b"), "2-0");
    assert_eq!(two.reply(), "[[s [[2-0 [f b]]]]]");
    assert_eq!(other.ask("xpending s g"), "[:2 1-0 2-0 [[one 1] [two 1]]]");
}

#[test]
fn who_waits_in_a_group_hears_that_it_is_no_more() {
    let running = Running::new();
    let mut other = running.client();
    let gone = "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
    for end in ["xgroup destroy s g", "del s", "flushall"] {
        other.ask("xgroup create s g $ mkstream");
        let mut one = running.client();
        one.tell(&["xreadgroup group g c block 0 streams s >", "ping"]);
        running.until_blocked(1);
        other.ask(end);
        assert_eq!(one.reply(), gone, "{end}");
        assert_eq!(one.reply(), "+PONG");
    }
    other.ask("xgroup create s g $ mkstream");
    let mut one = running.client();
    one.tell(&["xreadgroup group g c block 0 streams s >"]);
    running.until_blocked(1);
    other.ask("set s x");
    assert!(one.reply().starts_with("-WRONGTYPE"));
}

#[test]
fn waiting_ends_in_time_and_leaves_its_consumer() {
    let running = Running::new();
    let mut one = running.client();
    one.ask("xgroup create s g $ mkstream");
    assert_eq!(one.ask("xreadgroup group g c block 5 streams s >"), "(nil)");
    assert_eq!(one.ask("xread block 5 streams s $"), "(nil)");
    assert_eq!(one.ask("xgroup createconsumer s g c"), ":0");
    one.tell(&["multi", "xread block 0 streams s $", "exec"]);
    assert_eq!(one.reply(), "+OK");
    assert_eq!(one.reply(), "+QUEUED");
    assert_eq!(one.reply(), "[(nil)]");
}
