//! Which keys a role may read whole: for those who read them by another language than Redis's commands.
//!
//! **Theory.** What a role sees of a key elsewhere is no more than what its commands would show: a key is readable if one selector allows
//! the command that reads all of its kind, on that key. Superusers and roles that nobody gave a rule are not asked here: what
//! these see is a matter of grants.

use super::User;
use crate::key_places::Access;
use crate::table::{RowId, Table};
use hyperdb_graph::roles::Role;
use hyperdb_graph::Kind;
use std::sync::OnceLock;

/// What reads all of a kind.
const WHOLE: [(Kind, &str); 6] = [
    (Kind::Vertex, "get"),
    (Kind::Hash, "hgetall"),
    (Kind::List, "lrange"),
    (Kind::Set, "smembers"),
    (Kind::SortedSet, "zrange"),
    (Kind::Stream, "xrange"),
];

struct Known {
    table: Table,
    rows: Vec<(Kind, RowId)>,
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let table = Table::new();
        let rows = WHOLE
            .iter()
            .filter_map(|(kind, name)| Some((*kind, table.find(name.as_bytes())?)))
            .collect();
        Known { table, rows }
    })
}

/// What some roles may read together.
#[derive(Debug)]
pub struct Reading {
    users: Vec<User>,
}

impl Reading {
    /// Of roles by their names.
    pub fn of<'r>(roles: impl Iterator<Item = (&'r str, &'r Role)>) -> Reading {
        let users = roles.map(|(name, role)| User::of(&known().table, name, role));
        Reading {
            users: users.collect(),
        }
    }

    /// Whether a key of a kind may be read whole.
    pub fn allows(&self, kind: Kind, key: &[u8]) -> bool {
        let row = known().rows.iter().find(|(of, _)| *of == kind);
        let Some((_, row)) = row else {
            return false;
        };
        self.users.iter().any(|user| {
            user.everything
                || user
                    .selectors
                    .iter()
                    .any(|own| own.allows_command(*row, None) && own.allows_key(key, Access::READ))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::change;
    use super::*;

    fn reading(rules: &str) -> Reading {
        let words: Vec<Vec<u8>> = rules.split(' ').map(|word| word.into()).collect();
        let role = change("u", None, &words).unwrap().role;
        Reading::of([("u", &role)].into_iter())
    }

    #[test]
    fn a_key_is_readable_if_one_selector_allows_all_of_it() {
        let told = |rules: &str| {
            let reading = reading(rules);
            let keys: [&[u8]; 2] = [b"app:1", b"secret"];
            keys.map(|key| reading.allows(Kind::Hash, key))
        };
        assert_eq!(told("on +@all ~*"), [true, true]);
        assert_eq!(told("on +@all ~app:*"), [true, false]);
        assert_eq!(told("on +@all %R~app:* %W~secret"), [true, false]);
        assert_eq!(told("on +@all"), [false, false]);
        assert_eq!(told("on -@all ~*"), [false, false]);
        assert_eq!(told("on +@all -hgetall ~*"), [false, false]);
        assert_eq!(told("on +get ~* (+hgetall ~app:*)"), [true, false]);
        let strings = reading("on +get ~*");
        assert!(strings.allows(Kind::Vertex, b"k") && !strings.allows(Kind::List, b"k"));
        assert!(!strings.allows(Kind::Edge, b"k"));
    }
}
