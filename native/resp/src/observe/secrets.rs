//! Which arguments of a command are nobody's business: passwords and what users are made of.
//!
//! **Invariant.** SLOWLOG and MONITOR show arguments through [`Secrets::shown`] alone.

use crate::args::Args;
use std::iter;
use std::ops::Range;

const REDACTED: &[u8] = b"(redacted)";
/// Parameters of CONFIG SET whose value is one.
const PARAMETERS: [&[u8]; 5] = [
    b"requirepass",
    b"masterauth",
    b"masteruser",
    b"tls-key-file-pass",
    b"tls-client-key-file-pass",
];

/// Places of a command's secrets; most commands have none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Secrets(Vec<Range<usize>>);

impl Secrets {
    /// The secrets of the command `name`, as the table calls it.
    pub(crate) fn of(name: &str, args: Args<'_>) -> Secrets {
        let end = args.len();
        Secrets(match name {
            "auth" => iter::once(1..end).collect(),
            "acl|setuser" | "acl|deluser" | "acl|getuser" => iter::once(2..end).collect(),
            "hello" => hello(args),
            "migrate" => migrate(args),
            "config|set" => (2..end)
                .step_by(2)
                .filter(|at| {
                    let name = args.at(*at);
                    PARAMETERS
                        .iter()
                        .any(|known| name.eq_ignore_ascii_case(known))
                })
                .map(|at| at + 1..at + 2)
                .collect(),
            _ => Vec::new(),
        })
    }

    /// The arguments as they may be shown.
    pub(crate) fn shown<'a>(&'a self, args: Args<'a>) -> impl Iterator<Item = &'a [u8]> {
        args.iter().enumerate().map(|(at, arg)| {
            if self.0.iter().any(|range| range.contains(&at)) {
                REDACTED
            } else {
                arg
            }
        })
    }
}

/// `HELLO version AUTH user password SETNAME name`, options in any order.
fn hello(args: Args<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "AUTH") {
            found.push(at + 1..at + 3);
            at += 3;
        } else {
            at += 2;
        }
    }
    found
}

/// `MIGRATE host port key db timeout [AUTH password | AUTH2 user password] [KEYS key ...]`; keys come last.
fn migrate(args: Args<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 6;
    while at < args.len() && !args.is(at, "KEYS") {
        let hidden = match args.get(at) {
            Some(word) if word.eq_ignore_ascii_case(b"auth") => 1,
            Some(word) if word.eq_ignore_ascii_case(b"auth2") => 2,
            _ => 0,
        };
        if hidden > 0 {
            found.push(at + 1..at + 1 + hidden);
        }
        at += 1 + hidden;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, line: &str) -> String {
        let mut spans = Vec::new();
        let mut start = 0;
        for word in line.split(' ') {
            spans.push((start, start + word.len()));
            start += word.len() + 1;
        }
        let args = Args::new(line.as_bytes(), &spans);
        let secrets = Secrets::of(name, args);
        let words: Vec<_> = secrets.shown(args).map(String::from_utf8_lossy).collect();
        words.join(" ").replace("(redacted)", "*")
    }

    #[test]
    fn passwords_are_not_shown() {
        for (name, line, wanted) in [
            ("auth", "AUTH pw", "AUTH *"),
            ("auth", "auth bob pw", "auth * *"),
            (
                "hello",
                "hello 3 auth bob pw setname n",
                "hello 3 auth * * setname n",
            ),
            (
                "hello",
                "hello 3 setname auth AUTH b p",
                "hello 3 setname auth AUTH * *",
            ),
            ("hello", "hello 3", "hello 3"),
            ("acl|setuser", "acl setuser bob on >pw", "acl setuser * * *"),
            ("acl|deluser", "acl deluser bob", "acl deluser *"),
            (
                "config|set",
                "config set timeout 5 RequirePass pw",
                "config set timeout 5 RequirePass *",
            ),
            (
                "config|set",
                "config set timeout requirepass",
                "config set timeout requirepass",
            ),
            (
                "migrate",
                "migrate h 1 auth 0 9 copy AUTH pw",
                "migrate h 1 auth 0 9 copy AUTH *",
            ),
            (
                "migrate",
                "migrate h 1 k 0 9 auth2 bob pw keys auth a",
                "migrate h 1 k 0 9 auth2 * * keys auth a",
            ),
            ("set", "set auth pw", "set auth pw"),
        ] {
            assert_eq!(shown(name, line), wanted);
        }
    }
}
