//! Users and their rights on the wire.

use super::support::{set_user, some_roles, Client, Running};
use hyperdb_resp::events::Classes;
use hyperdb_resp::server::Settings;

const NO_KEY: &str = "-NOPERM No permissions to access a key";

/// A server with a user `u` of these rules, and a client that is logged in as it.
fn user(rules: &str) -> (Running, Client) {
    let mut roles = some_roles();
    set_user(&mut roles, "u", &format!("on nopass {rules}"));
    let running = Running::with_roles(roles);
    let mut client = running.client();
    assert_eq!(client.ask("auth u any"), "+OK");
    (running, client)
}

fn change(running: &Running, rules: &str) {
    let mut roles = some_roles();
    set_user(&mut roles, "u", &format!("on nopass {rules}"));
    running.server.handle().set_roles(roles);
}

#[test]
fn what_is_not_allowed_is_refused_before_it_is_looked_at() {
    let (running, mut client) = user("+@all -debug -flushall ~a* %R~r &ch*");
    let mut owner = running.client();
    assert_eq!(owner.ask("auth secret"), "+OK");
    assert_eq!(owner.ask("mset b 1 r 2 a1 3"), "+OK");
    assert_eq!(owner.ask("rpush bl x"), ":1");
    assert_eq!(client.ask("acl whoami"), "u");
    assert_eq!(client.ask("get a1"), "3");
    assert_eq!(client.ask("get r"), "2");
    // There or not, of the wrong kind or not: all the same.
    for refused in [
        "get b",
        "get bl",
        "get none",
        "set r 1",
        "mget a1 b",
        "copy a1 b",
        "blpop b 1",
    ] {
        assert_eq!(client.ask(refused), NO_KEY, "{refused}");
    }
    assert_eq!(
        client.ask("flushall"),
        "-NOPERM User u has no permissions to run the 'flushall' command"
    );
    assert_eq!(
        client.ask("publish x m"),
        "-NOPERM No permissions to access a channel"
    );
    assert_eq!(client.ask("publish ch1 m"), ":0");
    assert_eq!(owner.ask("get b"), "1");
}

#[test]
fn names_of_keys_are_shown_only_if_something_may_be_done_with_them() {
    let (running, mut client) = user("+@all ~a* %W~w");
    let mut owner = running.client();
    owner.ask("auth secret");
    assert_eq!(owner.ask("mset a 1 b 1 w 1 c 1 d 1"), "+OK");
    assert_eq!(owner.ask("keys *").len(), "[a b c d w]".len());
    let sorted = |reply: String| {
        let mut names: Vec<char> = reply.chars().filter(|c| c.is_alphabetic()).collect();
        names.sort_unstable();
        names.into_iter().collect::<String>()
    };
    assert_eq!(sorted(client.ask("keys *")), "aw");
    assert_eq!(sorted(client.ask("scan 0 count 100")), "aw");
    for _ in 0..20 {
        assert!(["a", "w"].contains(&client.ask("randomkey").as_str()));
    }
}

#[test]
fn sort_may_not_read_through_patterns() {
    let (running, mut client) = user("+@all ~l");
    let mut owner = running.client();
    owner.ask("auth secret");
    owner.ask("rpush l 1 2");
    assert_eq!(client.ask("sort l desc"), "[2 1]");
    assert_eq!(
        client.ask("sort l by w_*"),
        "-ERR BY option of SORT denied due to insufficient ACL permissions."
    );
    assert_eq!(
        client.ask("sort l get x_*"),
        "-ERR GET option of SORT denied due to insufficient ACL permissions."
    );
    assert_eq!(
        client.ask("eval \"return redis.pcall('sort', 'l', 'by', 'w_*')\" 0"),
        "-ERR BY option of SORT denied due to insufficient ACL permissions."
    );
    assert_eq!(owner.ask("sort l by w_* get #"), "[1 2]");
}

#[test]
fn rights_are_those_of_now_also_in_transactions_and_for_who_waits() {
    let (running, mut client) = user("+@all ~*");
    let mut owner = running.client();
    owner.ask("auth secret");
    assert_eq!(client.ask("multi"), "+OK");
    assert_eq!(client.ask("set a 1"), "+QUEUED");
    assert_eq!(client.ask("set b 1"), "+QUEUED");
    change(&running, "+@all ~a");
    let said = client.ask("exec");
    assert!(
        said.starts_with("[+OK -NOPERM ACLs rules changed"),
        "{said}"
    );
    assert!(said.ends_with("no permission to touch the specified keys]"));
    assert_eq!(client.ask("multi"), "+OK");
    assert_eq!(client.ask("set b 1"), NO_KEY);
    assert!(client.ask("exec").starts_with("-EXECABORT"));
    let log = owner.ask("acl log");
    assert_eq!(log.matches("context multi").count(), 1, "{log}");
    assert!(
        log.starts_with("[[count :2 reason key context multi object b username u"),
        "{log}"
    );

    assert_eq!(owner.ask("del a"), ":1");
    client.send(b"blpop a 0\r\n");
    running.until_blocked_by(&mut owner, 1);
    change(&running, "+@all ~x");
    owner.ask("rpush a 1");
    assert_eq!(client.reply(), NO_KEY);
    assert_eq!(owner.ask("llen a"), ":1");
}

#[test]
fn who_may_no_longer_listen_is_closed() {
    let (running, mut client) = user("+@all &ch* &o");
    assert_eq!(client.ask("subscribe ch1"), "[subscribe ch1 :1]");
    let mut other = running.client();
    assert_eq!(other.ask("auth u x"), "+OK");
    assert_eq!(other.ask("psubscribe o"), "[psubscribe o :1]");
    change(&running, "+@all &ch1");
    assert!(other.is_closed());
    change(&running, "-@all &ch1");
    let mut owner = running.client();
    owner.ask("auth secret");
    assert_eq!(owner.ask("publish ch1 m"), ":1");
    assert_eq!(client.reply(), "[message ch1 m]");
    change(&running, "-@all resetchannels");
    assert!(client.is_closed());
}

#[test]
fn users_are_shown() {
    let (running, mut client) = user("+acl +get ~a (+set ~b)");
    assert_eq!(
        client.ask("acl list"),
        "[user ann on sanitize-payload ~* &* +@all \
         user bob on sanitize-payload resetchannels -@all +@connection -@admin \
         user default on sanitize-payload ~* &* +@all \
         user u on nopass sanitize-payload ~a resetchannels -@all +acl +get (~b resetchannels -@all +set)]"
    );
    assert_eq!(client.ask("acl users"), "[ann bob default u]");
    assert_eq!(
        client.ask("acl getuser u"),
        "[flags [on nopass sanitize-payload] passwords [] commands -@all +acl +get keys ~a channels  \
         selectors [[commands -@all +set keys ~b channels ]]]"
    );
    assert_eq!(client.ask("acl getuser nobody"), "(nil)");
    assert_eq!(client.ask("acl dryrun u get a"), "+OK");
    assert_eq!(
        client.ask("acl dryrun u get b"),
        "User u has no permissions to access the 'b' key"
    );
    assert_eq!(
        client.ask("acl dryrun nobody get b"),
        "-ERR User 'nobody' not found"
    );
    assert_eq!(
        client.ask("acl dryrun u nothing"),
        "-ERR Command 'nothing' not found"
    );
    assert_eq!(
        client.ask("acl dryrun u get"),
        "-ERR wrong number of arguments for 'get' command"
    );
    assert!(client
        .ask("acl cat")
        .starts_with("[keyspace read write set"));
    assert!(client.ask("acl cat hyperloglog").contains("pfadd"));
    assert_eq!(client.ask("acl cat foo"), "-ERR Unknown category 'foo'");
    drop(running);
}

#[test]
fn logins_that_fail_are_noted_and_wait_for_their_turn() {
    let running = Running::locked();
    let mut client = running.client();
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
    assert_eq!(client.ask("auth wrong"), wrong);
    assert_eq!(client.ask("auth u wait"), wrong, "after its turn came");
    assert_eq!(
        client.ask("auth u crowd"),
        "-ERR too many failed logins, try again later"
    );
    assert_eq!(client.ask("auth nobody pw"), wrong, "no such role");
    assert_eq!(client.ask("auth secret"), "+OK");
    let log = client.ask("acl log");
    assert!(
        log.contains("reason auth context toplevel object auth username default"),
        "{log}"
    );
    assert_eq!(log.matches("reason auth").count(), 3);
    assert_eq!(client.ask("acl log 1").matches("reason").count(), 1);
    assert_eq!(client.ask("acl log reset"), "+OK");
    assert_eq!(client.ask("acl log"), "[]");
}

#[test]
fn the_default_user_opens_and_shuts_the_door() {
    let running = Running::new();
    let mut client = running.client();
    assert_eq!(client.ask("acl whoami"), "default");
    assert!(client
        .ask("auth x")
        .starts_with("-ERR AUTH <password> called without any password"));
    assert_eq!(client.ask("auth default x"), "+OK");
    running.server.handle().set_roles(some_roles());
    let mut stranger = running.client();
    assert_eq!(stranger.ask("ping"), "-NOAUTH Authentication required.");
    assert_eq!(client.ask("ping"), "+PONG", "who is in stays");
    let mut roles = some_roles();
    set_user(&mut roles, "default", "nopass");
    running.server.handle().set_roles(roles);
    assert_eq!(stranger.ask("ping"), "+PONG");
}

#[test]
fn channels_and_events_of_keys_are_told_to_who_may_use_them() {
    let mut roles = some_roles();
    set_user(
        &mut roles,
        "u",
        "on nopass +@all ~mine:* resetchannels &mine &__key*",
    );
    let running = Running::with(Settings {
        events: Classes(Classes::KEYSPACE | Classes::KEYEVENT | Classes::STRING),
        ..Settings::default()
    });
    running.server.handle().set_roles(roles);
    let (mut client, mut owner, mut listener) =
        (running.client(), running.client(), running.client());
    for each in [&mut owner, &mut listener] {
        assert_eq!(each.ask("auth secret"), "+OK");
    }
    assert_eq!(client.ask("auth u any"), "+OK");
    listener.send(b"subscribe mine secret\r\nssubscribe hidden\r\n");
    (0..3).for_each(|_| drop(listener.reply()));
    assert_eq!(client.ask("pubsub channels"), "[mine]");
    assert_eq!(client.ask("pubsub channels s*"), "[]");
    assert_eq!(client.ask("pubsub shardchannels"), "[]");
    assert_eq!(
        client.ask("pubsub numsub mine secret"),
        "[mine :1 secret :0]"
    );
    assert_eq!(client.ask("pubsub shardnumsub hidden"), "[hidden :0]");
    assert_eq!(owner.ask("pubsub numsub secret"), "[secret :1]");

    client.send(b"psubscribe __key*\r\n");
    client.reply();
    assert_eq!(owner.ask("mset secret:1 x mine:1 x"), "+OK");
    for (channel, message) in [
        ("__keyspace@0__:mine:1", "set"),
        ("__keyevent@0__:set", "mine:1"),
    ] {
        assert_eq!(
            client.reply(),
            format!("[pmessage __key* {channel} {message}]")
        );
    }
}
