//! Commands that Python runs, passwords, and CLIENT.

use super::support::{role, some_roles, Running};
use hyperdb_graph::roles::attribute;
use hyperdb_resp::server::{Roles, Settings};

fn locked() -> Running {
    Running::locked()
}

#[test]
fn strangers_must_say_who_they_are() {
    let running = locked();
    let mut client = running.client();
    assert_eq!(client.ask("get k"), "-NOAUTH Authentication required.");
    assert!(client
        .ask("hello 3")
        .starts_with("-NOAUTH HELLO must be called"));
    assert_eq!(
        client.ask("auth wrong"),
        "-WRONGPASS invalid username-password pair or user is disabled."
    );
    client.tell(&["auth secret", "get k"]);
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.reply(), "(nil)");
    assert_eq!(client.ask("auth ann pw"), "+OK");
    assert_eq!(client.ask("info"), "db=0 role=ann");
    assert_eq!(client.ask("reset"), "+RESET");
    assert_eq!(client.ask("ping"), "-NOAUTH Authentication required.");
    assert!(client
        .ask("hello 3 auth ann pw setname me")
        .contains("proto :3"));
    assert_eq!(client.ask("client getname"), "me");
}

/// Commands that a role without rights is refused, one of each sort.
const REFUSED: [&str; 8] = [
    "info",
    "config get *",
    "publish c m",
    "subscribe c",
    "multi",
    "watch k",
    "client list",
    "client kill type normal",
];

#[test]
fn a_role_that_is_no_superuser_has_its_connection_alone() {
    let running = locked();
    let mut client = running.client();
    assert_eq!(client.ask("auth bob pw"), "+OK");
    for command in [
        "ping",
        "client id",
        "select 1",
        "client setname b",
        "echo x",
    ] {
        assert!(!client.ask(command).starts_with('-'), "{command}");
    }
    for command in ["get k", "set k v", "dbsize", "flushall", "scan 0", "keys *"] {
        assert_eq!(
            client.ask(command),
            "-NOPERM No permissions to access a key",
            "{command}"
        );
    }
    for command in REFUSED {
        let said = client.ask(command);
        assert!(said.starts_with("-NOPERM User bob"), "{command}: {said}");
    }
    assert_eq!(
        client.ask("client list"),
        "-NOPERM User bob has no permissions to run the 'client|list' command"
    );
    assert_eq!(client.ask("auth ann pw"), "+OK");
    assert_eq!(client.ask("get k"), "(nil)");
    assert_eq!(client.ask("auth bob pw"), "+OK");
    assert_eq!(client.ask("reset"), "+RESET");
    assert_eq!(client.ask("auth secret"), "+OK");
    assert_eq!(client.ask("get k"), "(nil)");
}

#[test]
fn a_change_of_roles_ends_connections_with_rights_from_before() {
    let running = locked();
    let (mut ann, mut bob, mut other) = (running.client(), running.client(), running.client());
    assert_eq!(ann.ask("auth ann pw"), "+OK");
    assert_eq!(bob.ask("auth bob pw"), "+OK");
    assert_eq!(other.ask("auth secret"), "+OK");
    let mut roles = some_roles();
    roles.insert("ann".to_owned(), role(attribute::LOGIN));
    running.server.handle().set_roles(roles);
    assert!(ann.is_closed(), "ann was a superuser");
    assert_eq!(bob.ask("ping"), "+PONG");
    assert_eq!(other.ask("get k"), "(nil)");
    let mut again = running.client();
    assert_eq!(again.ask("auth ann pw"), "+OK");
    assert_eq!(again.ask("get k"), "-NOPERM No permissions to access a key");
    let default = [(
        "default".to_owned(),
        role(attribute::SUPERUSER | attribute::LOGIN),
    )];
    running.server.handle().set_roles(Roles::from(default));
    assert!(bob.is_closed(), "bob is no role any more");
    assert!(again.is_closed());
    assert_eq!(
        running.client().ask("auth bob pw"),
        "-WRONGPASS invalid username-password pair or user is disabled."
    );
}

#[test]
fn a_long_save_holds_up_no_one_else() {
    let running = locked();
    let (mut saving, mut other) = (running.client(), running.client());
    assert_eq!(saving.ask("auth secret"), "+OK");
    saving.send(b"save\r\n");
    assert_eq!(other.ask("auth secret"), "+OK");
    assert_eq!(other.ask("info"), "db=0 role=default");
    assert_eq!(saving.reply(), "+OK");
}

#[test]
fn hello_says_what_it_cannot() {
    let running = Running::new();
    let mut client = running.client();
    assert_eq!(
        client.ask("hello 4"),
        "-NOPROTO unsupported protocol version"
    );
    assert_eq!(
        client.ask("hello x"),
        "-ERR Protocol version is not an integer or out of range"
    );
    assert_eq!(
        client.ask("hello 2 foo"),
        "-ERR Syntax error in HELLO option 'foo'"
    );
    assert!(client.ask("hello").contains("proto :2"));
}

#[test]
fn answers_fit_the_protocol() {
    let running = Running::new();
    let mut client = running.client();
    client.tell(&["config get x", "ping"]);
    assert_eq!(client.reply(), "[+asked [config get x]]");
    assert_eq!(client.reply(), "+PONG");
    client.ask("hello 3");
    assert_eq!(client.ask("config get x"), "{+asked [config get x]}");
    assert_eq!(client.ask("info"), "txt:db=0 role=default");
}

#[test]
fn clients_are_listed_and_killed() {
    let running = Running::new();
    let (mut client, mut other) = (running.client(), running.client());
    assert_eq!(client.ask("client setname worker"), "+OK");
    assert_eq!(
        client.ask("client setname 'two words'"),
        "-ERR Client names cannot contain spaces, newlines or special characters."
    );
    assert_eq!(
        client.ask("client setinfo bogus \u{7}"),
        "-ERR Unrecognized option 'bogus'"
    );
    assert_eq!(client.ask("client setinfo lib-name mine"), "+OK");
    let list = other.ask("client list");
    assert_eq!(list.lines().count(), 2);
    assert!(list.contains(" name=worker ") && list.contains(" lib-name=mine "));
    let id = client.ask("client id").trim_start_matches(':').to_owned();
    assert_eq!(other.ask(&format!("client kill id {id}")), ":1");
    assert!(client.is_closed());
    assert_eq!(other.ask("client list").lines().count(), 1);
    assert_eq!(other.ask("client kill 1.2.3.4:5"), "-ERR No such client");
    assert_eq!(other.ask("client kill type normal skipme no"), ":1");
    assert!(other.is_closed());
}

#[test]
fn replies_can_be_turned_off() {
    let running = Running::new();
    let mut client = running.client();
    client.tell(&["client reply off", "set k 1", "client reply on", "get k"]);
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.reply(), "1");
    client.tell(&["client reply skip", "set k 2", "get k"]);
    assert_eq!(client.reply(), "2");
}

#[test]
fn counters_count() {
    let running = Running::new();
    let mut client = running.client();
    client.ask("set k 1");
    client.ask("nope");
    client.ask("info");
    let stats = running.server.stats();
    let row = |name: &str| stats.rows.iter().find(|row| row.0 == name).unwrap().1;
    assert_eq!(row("connected_clients"), 1);
    assert_eq!(row("total_commands_processed"), 3);
    assert_eq!(row("total_error_replies"), 1);
    assert!(stats
        .usage
        .iter()
        .any(|usage| usage.name == "set" && usage.calls == 1));
}

#[test]
fn settings_change_while_running() {
    let running = Running::new();
    let mut client = running.client();
    client.ask("ping");
    running.server.configure(Settings {
        max_clients: 1,
        ..Settings::default()
    });
    client.ask("info");
    let mut refused = running.client();
    assert_eq!(refused.reply(), "-ERR max number of clients reached");
    assert!(refused.is_closed());
}

#[test]
fn stopping_closes_connections() {
    let running = Running::new();
    let mut client = running.client();
    client.ask("ping");
    drop(running);
    assert!(client.is_closed());
}
