//! ACL SETUSER: rules applied to a role's record.
//!
//! **Theory.** A password that is given is kept as its SHA-256, as Redis keeps and shows it, and is the role's password for the
//! other languages too, whose verifier takes longer to make: it is asked of the caller. A password that is taken away must not
//! open any of them, so the verifier goes when it may be of that password.
//!
//! **Invariant.** All rules are applied or none.

use super::selector::{has_spaces, BadRule, Selector};
use super::user::{open_role, selector_of, User};
use super::DEFAULT_USER;
use crate::table::Table;
use hyperdb_graph::roles::{attribute, Role};
use sha2::{Digest, Sha256};

/// What becomes of the verifier that all languages know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// It stays.
    Kept,
    /// It goes if it accepts one of these.
    GoneIf(Vec<Vec<u8>>),
    /// It goes.
    Gone,
    /// It is made of this password.
    Given(Vec<u8>),
}

/// A role's record after ACL SETUSER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The record, with the verifier as it was.
    pub role: Role,
    /// What becomes of the verifier.
    pub password: Password,
}

/// Applies rules to a role's record, or to none: then one is made.
///
/// # Errors
/// The text for the client, without its class.
pub fn change(name: &str, before: Option<&Role>, words: &[Vec<u8>]) -> Result<Change, String> {
    if has_spaces(name) {
        return Err("Usernames can't contain spaces or null characters".into());
    }
    let table = Table::new();
    let role = match before {
        Some(role) => role.clone(),
        None if name == DEFAULT_USER => open_role(),
        None => Role {
            attributes: attribute::INHERIT,
            // Nothing, which is not the nature of a role without rules.
            rules: vec!["resetchannels".into(), "-@all".into()],
            ..open_role()
        },
    };
    let mut edit = Edit {
        user: User::of(&table, name, &role),
        role,
        password: Password::Kept,
    };
    for word in merged(words)? {
        edit.apply(&table, &word).map_err(|bad| {
            let shown = String::from_utf8_lossy(&word);
            format!("Error in ACL SETUSER modifier '{shown}': {}", bad.text())
        })?;
    }
    Ok(edit.finish())
}

/// The arguments with those between parentheses made one.
fn merged(words: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (at, word) in words.iter().enumerate() {
        let closes = word.last() == Some(&b')');
        match &mut open {
            Some((_, text)) => {
                text.push(b' ');
                text.extend_from_slice(word);
                if closes {
                    out.extend(open.take().map(|(_, text)| text));
                }
            }
            None if word.first() == Some(&b'(') && !closes => open = Some((at, word.clone())),
            None => out.push(word.clone()),
        }
    }
    match open {
        None => Ok(out),
        Some((at, _)) => Err(format!(
            "Unmatched parenthesis in acl selector starting at '{}'.",
            String::from_utf8_lossy(&words[at])
        )),
    }
}

struct Edit {
    role: Role,
    user: User,
    password: Password,
}

impl Edit {
    fn apply(&mut self, table: &Table, word: &[u8]) -> Result<(), BadRule> {
        match word.split_first() {
            Some((b'>', password)) => {
                self.add(Sha256::digest(password).into());
                self.password = Password::Given(password.to_vec());
                return Ok(());
            }
            Some((b'<', password)) => return self.take_away(password),
            Some((b'#', digits)) => {
                self.add(hash_of(digits)?);
                return Ok(());
            }
            Some((b'!', digits)) => {
                let hash = hash_of(digits)?;
                self.remove(hash)?;
                // Nobody can say whether the verifier is of that password, unless it was given just now.
                self.password = match std::mem::replace(&mut self.password, Password::Gone) {
                    Password::Given(given) if <[u8; 32]>::from(Sha256::digest(&given)) != hash => {
                        Password::Given(given)
                    }
                    _ => Password::Gone,
                };
                return Ok(());
            }
            _ => {}
        }
        // Rules are kept as text.
        let rule = std::str::from_utf8(word).map_err(|_| BadRule::Syntax)?;
        match rule.to_ascii_lowercase().as_str() {
            "on" => self.set(attribute::LOGIN, true),
            "off" => self.set(attribute::LOGIN, false),
            "nopass" => {
                self.forget_passwords();
                self.set(attribute::NO_PASSWORD, true);
            }
            "resetpass" => self.forget_passwords(),
            "skip-sanitize-payload" => self.user.skips_sanitizing = true,
            "sanitize-payload" => self.user.skips_sanitizing = false,
            "clearselectors" => self.user.selectors.truncate(1),
            "reset" => {
                self.forget_passwords();
                self.set(attribute::LOGIN, false);
                self.user.skips_sanitizing = false;
                self.user.selectors = vec![Selector::nothing(table)];
            }
            _ => {
                let inner = rule
                    .strip_prefix('(')
                    .and_then(|rest| rest.strip_suffix(')'));
                match (inner, self.user.selectors.first_mut()) {
                    (Some(inner), _) => self.user.selectors.push(selector_of(table, inner)?),
                    (None, Some(own)) => own.apply(table, rule)?,
                    (None, None) => return Err(BadRule::Syntax),
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, bit: u16, on: bool) {
        if on {
            self.role.attributes |= bit;
        } else {
            self.role.attributes &= !bit;
        }
    }

    fn forget_passwords(&mut self) {
        self.role.hashes.clear();
        self.set(attribute::NO_PASSWORD, false);
        self.password = Password::Gone;
    }

    fn add(&mut self, hash: [u8; 32]) {
        if !self.role.hashes.contains(&hash) {
            self.role.hashes.push(hash);
        }
        self.set(attribute::NO_PASSWORD, false);
    }

    fn remove(&mut self, hash: [u8; 32]) -> Result<(), BadRule> {
        let known = self.role.hashes.iter().position(|known| *known == hash);
        let at = known.ok_or(BadRule::NoSuchPassword)?;
        self.role.hashes.remove(at);
        Ok(())
    }

    fn take_away(&mut self, password: &[u8]) -> Result<(), BadRule> {
        self.remove(Sha256::digest(password).into())?;
        match &mut self.password {
            Password::Given(given) if given == password => self.password = Password::Gone,
            Password::Given(_) | Password::Gone => {}
            Password::Kept => self.password = Password::GoneIf(vec![password.to_vec()]),
            Password::GoneIf(several) => several.push(password.to_vec()),
        }
        Ok(())
    }

    fn finish(mut self) -> Change {
        self.role.rules = self.user.kept_rules();
        Change {
            role: self.role,
            password: self.password,
        }
    }
}

fn hash_of(digits: &[u8]) -> Result<[u8; 32], BadRule> {
    let mut hash = [0; 32];
    if digits.len() != 2 * hash.len() {
        return Err(BadRule::BadHash);
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(BadRule::BadHash),
    };
    for (to, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *to = value(pair[0])? << 4 | value(pair[1])?;
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect()
    }

    /// A new user after the rules, as ACL LIST shows it.
    fn listed(line: &str) -> String {
        let made = change("u", None, &words(line)).unwrap();
        let again = User::of(&Table::new(), "u", &made.role);
        assert_eq!(again.kept_rules(), made.role.rules, "{line}");
        again.describe()
    }

    fn refused(line: &str) -> String {
        let text = change("u", None, &words(line)).unwrap_err();
        text.rsplit("': ").next().unwrap().to_owned()
    }

    #[test]
    fn rules_are_listed_in_their_order() {
        for (line, shown) in [
            ("on", "on sanitize-payload resetchannels -@all"),
            ("+@read -get +@write", "off sanitize-payload resetchannels -@all +@read -get +@write"),
            ("+get -@read +get", "off sanitize-payload resetchannels -@all -@read +get"),
            ("+select|0 +client|id -client|list +@all -@dangerous", "off sanitize-payload resetchannels +@all -@dangerous"),
            ("+client|id +client", "off sanitize-payload resetchannels -@all +client"),
            ("-client|id", "off sanitize-payload resetchannels -@all -client|id"),
            ("+Select|0", "off sanitize-payload resetchannels -@all +select|0"),
            ("~a* %R~b %w~c %RW~d &ch*", "off sanitize-payload ~a* %R~b %W~c ~d resetchannels &ch* -@all"),
            ("%R~a %W~a", "off sanitize-payload ~a resetchannels -@all"),
            ("on nopass allkeys allchannels allcommands", "on nopass sanitize-payload ~* &* +@all"),
            ("(+get ~x) (+set %W~y)", "off sanitize-payload resetchannels -@all (~x resetchannels -@all +get) (%W~y resetchannels -@all +set)"),
            ("(+get ~x) clearselectors", "off sanitize-payload resetchannels -@all"),
            ("skip-sanitize-payload", "off skip-sanitize-payload resetchannels -@all"),
            ("on ~* +@all reset", "off sanitize-payload resetchannels -@all"),
            ("()", "off sanitize-payload resetchannels -@all (resetchannels -@all)"),
        ] {
            assert_eq!(listed(line), shown, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_rediss_words() {
        for (line, said) in [
            ("+foo", "Unknown command or category name in ACL"),
            ("+@foo", "Unknown command or category name in ACL"),
            ("+client|foo", "Unknown command or category name in ACL"),
            ("-select|0", "Unknown command or category name in ACL"),
            (
                "+client|id|x",
                "Allowing first-arg of a subcommand is not supported",
            ),
            ("+select|", "Syntax error"),
            ("%X~a", "Syntax error"),
            ("%~a", "Syntax error"),
            ("%RR~a", "Syntax error"),
            ("bogus", "Syntax error"),
            ("(on)", "Syntax error"),
            (
                "<nope",
                "The password you are trying to remove from the user does not exist",
            ),
            (
                "( +get",
                "Unmatched parenthesis in acl selector starting at '('.",
            ),
        ] {
            assert_eq!(refused(line), said, "{line}");
        }
        assert!(refused("#zz").starts_with("The password hash must be exactly 64"));
        assert!(refused("allkeys ~x").starts_with("Adding a pattern after the * pattern"));
        assert!(refused("allchannels &x").starts_with("Adding a pattern after the * pattern"));
        assert!(change("a b", None, &[])
            .unwrap_err()
            .starts_with("Usernames"));
    }

    #[test]
    fn passwords_go_where_they_could_open_anything() {
        let after = |line: &str| change("u", None, &words(line)).unwrap().password;
        assert_eq!(after("on"), Password::Kept);
        assert_eq!(after(">a >b"), Password::Given(b"b".to_vec()));
        assert_eq!(after(">a <a"), Password::Gone);
        assert_eq!(after(">a nopass"), Password::Gone);
        let first = change("u", None, &words(">a >b")).unwrap().role;
        assert_eq!(first.hashes.len(), 2);
        let second = change("u", Some(&first), &words("<a")).unwrap();
        assert_eq!(second.password, Password::GoneIf(vec![b"a".to_vec()]));
        assert_eq!(second.role.hashes.len(), 1);
        let third = change("u", Some(&first), &words("resetpass")).unwrap();
        assert_eq!(
            (third.password, third.role.hashes.len()),
            (Password::Gone, 0)
        );
    }

    #[test]
    fn a_role_without_rules_keeps_what_it_is_by_nature() {
        let plain = Role {
            attributes: attribute::LOGIN,
            ..open_role()
        };
        let shown = |role: &Role| User::of(&Table::new(), "ann", role).describe();
        assert_eq!(
            shown(&plain),
            "on sanitize-payload resetchannels -@all +@connection -@admin"
        );
        assert!(User::of(&Table::new(), "ann", &plain).by_grants);
        let changed = change("ann", Some(&plain), &words("+get ~x")).unwrap().role;
        assert_eq!(
            shown(&changed),
            "on sanitize-payload ~x resetchannels -@all +@connection -@admin +get"
        );
        assert!(!User::of(&Table::new(), "ann", &changed).by_grants);
        assert!(User::of(&Table::new(), "default", &open_role()).everything);
        let less = change("default", None, &words("-debug")).unwrap().role;
        assert_eq!(
            shown(&less),
            "on nopass sanitize-payload ~* &* +@all -debug"
        );
    }
}
