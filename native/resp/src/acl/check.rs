//! Whether a user may run a command with these arguments.
//!
//! **Theory.** Each selector is asked for the whole command; of the refusals the one that came farthest is told: a key that is
//! refused says more than a command that is.

use super::selector::Selector;
use super::user::User;
use crate::args::Args;
use crate::key_places::{places, Access};
use crate::table::{Flags, RowId, Table};

/// What a command was refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    Command,
    Key,
    Channel,
}

/// A refusal, and the argument that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Denied {
    pub reason: Reason,
    pub at: usize,
}

impl Denied {
    /// What the client is told, without the class.
    pub(crate) fn text(self, user: &str, command: &str) -> String {
        match self.reason {
            Reason::Command => {
                format!("User {user} has no permissions to run the '{command}' command")
            }
            Reason::Key => "No permissions to access a key".into(),
            Reason::Channel => "No permissions to access a channel".into(),
        }
    }

    /// What ACL DRYRUN says, which names what was refused.
    pub(crate) fn full_text(self, user: &str, command: &str, args: Args<'_>) -> String {
        let named = String::from_utf8_lossy(args.get(self.at).unwrap_or_default());
        match self.reason {
            Reason::Command => self.text(user, command),
            Reason::Key => format!("User {user} has no permissions to access the '{named}' key"),
            Reason::Channel => {
                format!("User {user} has no permissions to access the '{named}' channel")
            }
        }
    }
}

/// How a command uses channels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Channels {
    None,
    /// The first argument.
    One,
    All,
    /// All, and they are patterns.
    Patterns,
}

fn channels_of(name: &str) -> Channels {
    match name {
        "publish" | "spublish" => Channels::One,
        "subscribe" | "ssubscribe" => Channels::All,
        "psubscribe" => Channels::Patterns,
        _ => Channels::None,
    }
}

impl User {
    /// Whether a command may run.
    pub(crate) fn check(&self, table: &Table, row: RowId, args: Args<'_>) -> Result<(), Denied> {
        if self.everything {
            return Ok(());
        }
        let facts = table.row(row);
        let keys = places(table.keys(row), facts.name, args);
        let mut worst = Denied {
            reason: Reason::Command,
            at: 0,
        };
        for selector in &self.selectors {
            let open = facts.flags.has(Flags::NO_AUTH);
            if !open && !selector.allows_command(row, args.get(1)) {
                continue;
            }
            match refused_argument(selector, facts.name, &keys, args) {
                None => return Ok(()),
                Some(denied) => worst = worst.max(denied),
            }
        }
        Err(worst)
    }

    /// Whether a key's name may be shown: something may be done with it.
    pub(crate) fn may_name(&self, key: &[u8]) -> bool {
        let mut selectors = self.selectors.iter();
        self.everything || selectors.any(|own| own.allows_key(key, Access::NONE))
    }

    /// Whether names of keys are shown without a look at each.
    pub(crate) fn names_all(&self) -> bool {
        self.everything || self.selectors.iter().any(|own| own.all_keys)
    }

    /// Whether no key's name is shown.
    pub(crate) fn names_none(&self) -> bool {
        let mut selectors = self.selectors.iter();
        !self.everything && selectors.all(Selector::has_no_key)
    }

    /// Whether a command may read whatever key it likes (SORT with BY and GET), by the same selector that lets it run.
    pub(crate) fn reads_all(&self, table: &Table, row: RowId, args: Args<'_>) -> bool {
        let name = table.row(row).name;
        let keys = places(table.keys(row), name, args);
        let mut selectors = self.selectors.iter();
        self.everything
            || selectors.any(|own| {
                own.reads_every_key()
                    && own.allows_command(row, args.get(1))
                    && refused_argument(own, name, &keys, args).is_none()
            })
    }

    /// Whether a subscription may stay.
    pub(crate) fn may_listen(&self, channel: &[u8], is_pattern: bool) -> bool {
        let mut selectors = self.selectors.iter();
        self.everything || selectors.any(|own| own.allows_channel(channel, is_pattern))
    }
}

/// The first argument that a selector refuses.
fn refused_argument(
    selector: &Selector,
    name: &str,
    keys: &[(usize, Access)],
    args: Args<'_>,
) -> Option<Denied> {
    let key = keys.iter().find(|(at, access)| {
        args.get(*at)
            .is_some_and(|key| !selector.allows_key(key, *access))
    });
    if let Some((at, _)) = key {
        return Some(Denied {
            reason: Reason::Key,
            at: *at,
        });
    }
    let channels = channels_of(name);
    let end = match channels {
        Channels::None => return None,
        Channels::One => 2,
        Channels::All | Channels::Patterns => args.len(),
    };
    let refused = (1..end).find(|at| {
        args.get(*at).is_some_and(|channel| {
            !selector.allows_channel(channel, channels == Channels::Patterns)
        })
    });
    refused.map(|at| Denied {
        reason: Reason::Channel,
        at,
    })
}

/// Why SORT may not use keys that its patterns make: an option that names them.
pub(crate) fn sort_option(args: Args<'_>) -> Option<&'static str> {
    let mut at = 2;
    while at < args.len() {
        let has_value = at + 1 < args.len();
        if args.is(at, "BY") && has_value {
            if args.at(at + 1).contains(&b'*') {
                return Some("BY");
            }
            at += 2;
        } else if args.is(at, "GET") && has_value {
            return Some("GET");
        } else if args.is(at, "STORE") && has_value {
            at += 2;
        } else if args.is(at, "LIMIT") {
            at += 3;
        } else {
            at += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::rules::change;
    use super::*;
    use crate::args::Span;

    fn with_args<R>(line: &str, ask: impl FnOnce(Args<'_>) -> R) -> R {
        let (mut buffer, mut spans) = (Vec::new(), Vec::<Span>::new());
        for word in line.split(' ') {
            spans.push((buffer.len(), buffer.len() + word.len()));
            buffer.extend_from_slice(word.as_bytes());
        }
        ask(Args::new(&buffer, &spans))
    }

    /// What a user with these rules is told of a command: nothing if it may run.
    fn told(rules: &str, line: &str) -> String {
        let table = Table::new();
        let words: Vec<Vec<u8>> = rules.split(' ').map(|word| word.into()).collect();
        let user = User::of(&table, "u", &change("u", None, &words).unwrap().role);
        with_args(line, |args| {
            let container = table.find(args.at(0)).unwrap();
            let row = args
                .get(1)
                .and_then(|sub| table.find_subcommand(container, sub))
                .unwrap_or(container);
            let name = table.row(row).name;
            match user.check(&table, row, args) {
                Ok(()) => String::new(),
                Err(denied) => denied.full_text("u", name, args),
            }
        })
    }

    #[test]
    fn commands() {
        let no = |name: &str| format!("User u has no permissions to run the '{name}' command");
        assert_eq!(told("+get ~*", "get k"), "");
        assert_eq!(told("+get ~*", "set k v"), no("set"));
        assert_eq!(told("+@all -@write ~*", "set k v"), no("set"));
        assert_eq!(told("+client|id", "client id"), "");
        assert_eq!(told("+client|id", "client list"), no("client|list"));
        assert_eq!(
            told("+client -client|list", "client list"),
            no("client|list")
        );
        assert_eq!(told("+select|0", "select 0"), "");
        assert_eq!(told("+select|0", "select 1"), no("select"));
        assert_eq!(told("on", "auth x"), "");
        assert_eq!(told("on", "ping"), no("ping"));
    }

    #[test]
    fn keys_by_what_is_done_with_them() {
        let no = |key: &str| format!("User u has no permissions to access the '{key}' key");
        assert_eq!(told("+@all ~a*", "mget a1 a2"), "");
        assert_eq!(told("+@all ~a*", "mget a1 b"), no("b"));
        assert_eq!(told("+@all %R~a", "get a"), "");
        assert_eq!(told("+@all %R~a", "set a 1"), no("a"));
        assert_eq!(told("+@all %W~a", "set a 1"), "");
        assert_eq!(told("+@all %W~a", "set a 1 get"), no("a"));
        assert_eq!(told("+@all %W~a", "append a 1"), "");
        assert_eq!(told("+@all %W~a", "getdel a"), no("a"));
        assert_eq!(told("+@all %W~a", "exists a"), "");
        assert_eq!(told("+@all %R~a", "bitfield a get u8 0"), "");
        assert_eq!(told("+@all %R~a", "bitfield a set u8 0 1"), no("a"));
        assert_eq!(told("+@all %R~a %W~b", "copy a b"), "");
        assert_eq!(told("+@all %R~a %W~b", "copy b a"), no("b"));
        assert_eq!(told("+@all ~a", "sort a store b"), no("b"));
        assert_eq!(told("+@all ~a", "xread streams a b 0 0"), no("b"));
        assert_eq!(told("+@all ~a", "ping"), "");
    }

    #[test]
    fn one_selector_must_allow_all_of_it() {
        let rules = "+get ~a (+set ~b)";
        assert_eq!(told(rules, "get a"), "");
        assert_eq!(told(rules, "set b 1"), "");
        assert!(told(rules, "set a 1").contains("the 'a' key"));
        assert!(told(rules, "del a").contains("'del' command"));
    }

    #[test]
    fn channels() {
        let no = |name: &str| format!("User u has no permissions to access the '{name}' channel");
        assert_eq!(told("+@all &ch*", "publish ch1 m"), "");
        assert_eq!(told("+@all &ch*", "publish x m"), no("x"));
        assert_eq!(told("+@all &ch*", "subscribe ch1 ch2"), "");
        assert_eq!(told("+@all &ch*", "subscribe ch1 x"), no("x"));
        assert_eq!(told("+@all &ch*", "psubscribe ch1"), no("ch1"));
        assert_eq!(told("+@all &ch*", "psubscribe ch*"), "");
        assert_eq!(told("+@all &ch*", "unsubscribe x"), "");
        assert_eq!(told("+@all &ch*", "spublish x m"), no("x"));
    }

    #[test]
    fn sort_reads_keys_that_it_does_not_name() {
        let option = |line: &str| with_args(line, sort_option);
        assert_eq!(option("sort a by w_*"), Some("BY"));
        assert_eq!(option("sort a by nosort limit 0 1 get #"), Some("GET"));
        assert_eq!(option("sort a limit by x store get"), None);
        assert_eq!(option("sort a by nosort desc"), None);
    }
}
