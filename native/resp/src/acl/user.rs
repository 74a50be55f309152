//! A user as the loop knows it: a role's record, read into selectors.

use super::selector::Selector;
use super::DEFAULT_USER;
use crate::table::Table;
use hyperdb_graph::roles::{attribute, Role};

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub name: String,
    /// May log in.
    pub enabled: bool,
    /// Any password will do.
    pub no_password: bool,
    pub skips_sanitizing: bool,
    /// SHA-256 of passwords.
    pub hashes: Vec<[u8; 32]>,
    /// Its own, then the others.
    pub selectors: Vec<Selector>,
    /// It was never given a rule and is no superuser: of the keyspace it has the rows that SQL grants it.
    pub by_grants: bool,
    /// Everything, so that nothing needs to be looked at.
    pub everything: bool,
    /// A superuser, for SQL.
    pub is_superuser: bool,
}

/// What a role without rules may do that is no superuser.
const NATURE: [&str; 2] = ["+@connection", "-@admin"];

impl User {
    /// The user that a role is. Rules that this version does not know allow nothing.
    pub(crate) fn of(table: &Table, name: &str, role: &Role) -> User {
        let has = |bit: u16| role.attributes & bit != 0;
        let mut user = User {
            name: name.to_owned(),
            enabled: has(attribute::LOGIN),
            no_password: has(attribute::NO_PASSWORD),
            skips_sanitizing: false,
            hashes: role.hashes.clone(),
            selectors: Vec::new(),
            by_grants: false,
            everything: false,
            is_superuser: has(attribute::SUPERUSER),
        };
        if role.rules.is_empty() {
            user.be_natural(table);
        } else {
            user.selectors.push(Selector::nothing(table));
            for rule in &role.rules {
                // A rule that cannot be read is one less that allows something, or the whole user is shut.
                if user.apply_kept(table, rule).is_none() {
                    user.selectors = vec![Selector::nothing(table)];
                    break;
                }
            }
        }
        user.look();
        user
    }

    /// The default user of a store that knows of none: whoever comes may do everything.
    pub(crate) fn open(table: &Table) -> User {
        User::of(table, DEFAULT_USER, &open_role())
    }

    /// Gives what a role without rules has.
    pub(crate) fn be_natural(&mut self, table: &Table) {
        if self.is_superuser {
            self.selectors = vec![Selector::everything(table)];
            return;
        }
        let mut own = Selector::nothing(table);
        let known = NATURE.iter().all(|rule| own.apply(table, rule).is_ok());
        debug_assert!(known, "rules of our own");
        self.selectors = vec![own];
        self.by_grants = true;
    }

    /// One rule as it is kept.
    fn apply_kept(&mut self, table: &Table, rule: &str) -> Option<()> {
        if rule == "skip-sanitize-payload" {
            self.skips_sanitizing = true;
            return Some(());
        }
        if let Some(inner) = rule
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
        {
            self.selectors.push(selector_of(table, inner).ok()?);
            return Some(());
        }
        self.selectors.first_mut()?.apply(table, rule).ok()
    }

    /// Notes what its selectors amount to.
    pub(crate) fn look(&mut self) {
        self.everything = self
            .selectors
            .first()
            .is_some_and(|own| own.all_commands && own.all_keys && own.all_channels);
    }

    /// Its rules as they are kept: `of` makes the same user of them.
    pub(crate) fn kept_rules(&self) -> Vec<String> {
        let mut rules = Vec::new();
        if self.skips_sanitizing {
            rules.push("skip-sanitize-payload".to_owned());
        }
        for (at, selector) in self.selectors.iter().enumerate() {
            let text = selector.describe();
            if at == 0 {
                rules.extend(text.split(' ').map(str::to_owned));
            } else {
                rules.push(format!("({text})"));
            }
        }
        rules
    }

    /// The words that say how it logs in, in the order of ACL GETUSER.
    pub(crate) fn flags(&self) -> Vec<&'static str> {
        let mut flags = vec![if self.enabled { "on" } else { "off" }];
        if self.no_password {
            flags.push("nopass");
        }
        flags.push(if self.skips_sanitizing {
            "skip-sanitize-payload"
        } else {
            "sanitize-payload"
        });
        flags
    }

    /// A line of ACL LIST, without `user NAME`.
    pub(crate) fn describe(&self) -> String {
        let mut parts: Vec<String> = self.flags().into_iter().map(str::to_owned).collect();
        parts.extend(
            self.hashes
                .iter()
                .map(|hash| format!("#{}", hexadecimal(hash))),
        );
        for (at, selector) in self.selectors.iter().enumerate() {
            let text = selector.describe();
            parts.push(if at == 0 { text } else { format!("({text})") });
        }
        parts.join(" ")
    }

    /// Whether who connects is this user without a word.
    pub(crate) fn is_open(&self) -> bool {
        self.enabled && self.no_password
    }
}

/// The record that a default user has who was never changed.
pub(crate) fn open_role() -> Role {
    Role {
        attributes: attribute::SUPERUSER
            | attribute::LOGIN
            | attribute::INHERIT
            | attribute::NO_PASSWORD,
        connection_limit: -1,
        valid_until: i64::MAX,
        verifier: None,
        hashes: Vec::new(),
        memberships: Vec::new(),
        grants: Vec::new(),
        rules: Vec::new(),
    }
}

/// A selector from what stands between its parentheses.
pub(crate) fn selector_of(
    table: &Table,
    inner: &str,
) -> Result<Selector, super::selector::BadRule> {
    let mut made = Selector::nothing(table);
    for rule in inner.split_ascii_whitespace() {
        made.apply(table, rule)?;
    }
    Ok(made)
}

/// Bytes as lower-case digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
