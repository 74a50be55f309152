//! The first line of a script: `#!lua name=lib flags=no-writes,allow-stale`.

use crate::command::Abort;
use crate::protocol;
use crate::table::Flags;

/// What a script or function promises or asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Promises {
    /// `no-writes`
    pub no_writes: bool,
    /// `allow-oom`
    pub allow_oom: bool,
    /// No shebang: what it does decides, as before there were flags.
    pub unsaid: bool,
}

impl Promises {
    /// The flags of a command that runs what promises this.
    pub(super) fn applied_to(self, flags: Flags) -> Flags {
        let mut flags = flags.without(
            Flags::MAY_REPLICATE
                .with(Flags::DENY_OOM)
                .with(Flags::WRITE),
        );
        if !self.no_writes {
            flags = flags.with(Flags::WRITE);
            if !self.allow_oom {
                flags = flags.with(Flags::DENY_OOM);
            }
        }
        flags
    }
}

/// The names of flags; those that are about replicas and clusters ask for what is always so here.
pub(super) const FLAGS: [&str; 5] = [
    "no-writes",
    "allow-oom",
    "allow-stale",
    "no-cluster",
    "allow-cross-slot-keys",
];

/// A script's shebang and body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'b> {
    pub promises: Promises,
    /// What it says its library is called.
    pub name: Option<Vec<u8>>,
    /// From the end of the first line on, so that lines keep their numbers.
    pub body: &'b [u8],
}

fn refuse<T>(text: String) -> Result<T, Abort> {
    Err(Abort::error(text))
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Cuts a script of EVAL.
pub(super) fn of_script(script: &[u8]) -> Result<Parts<'_>, Abort> {
    if !script.starts_with(b"#!") {
        return Ok(Parts {
            promises: Promises {
                unsaid: true,
                ..Promises::default()
            },
            name: None,
            body: script,
        });
    }
    let Some(end) = script.iter().position(|byte| *byte == b'\n') else {
        return refuse("ERR Invalid script shebang".into());
    };
    let mut words = words(&script[..end]);
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        return refuse(format!(
            "ERR Unexpected engine in script shebang: {}",
            shown(engine)
        ));
    }
    let mut promises = Promises::default();
    for word in words {
        let Some(flags) = word.strip_prefix(b"flags=") else {
            return refuse(format!("ERR Unknown lua shebang option: {}", shown(word)));
        };
        for flag in flags.split(|byte| *byte == b',') {
            if flag.is_empty() {
                continue;
            }
            if !FLAGS.iter().any(|known| known.as_bytes() == flag) {
                return refuse(format!(
                    "ERR Unexpected flag in script shebang: {}",
                    shown(flag)
                ));
            }
            promises.no_writes |= flag == b"no-writes";
            promises.allow_oom |= flag == b"allow-oom";
        }
    }
    Ok(Parts {
        promises,
        name: None,
        body: &script[end..],
    })
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| byte.is_ascii_whitespace())
        .filter(|word| !word.is_empty())
}

/// Cuts a library.
pub(super) fn of_library(code: &[u8]) -> Result<Parts<'_>, Abort> {
    if !code.starts_with(b"#!") {
        return refuse("ERR Missing library metadata".into());
    }
    let Some(end) = code.iter().position(|byte| *byte == b'\n') else {
        return refuse("ERR Invalid library metadata".into());
    };
    let Some(words) = protocol::words(&code[..end]) else {
        return refuse("ERR Invalid library metadata".into());
    };
    let mut words = words.into_iter();
    let engine = words.next().unwrap_or_default();
    let engine = engine.get(2..).unwrap_or_default();
    let mut name = None;
    for word in words {
        let Some(given) = word.strip_prefix(b"name=") else {
            return refuse(format!(
                "ERR Invalid metadata value given: {}",
                shown(&word)
            ));
        };
        if name.replace(given.to_vec()).is_some() {
            return refuse(
                "ERR Invalid metadata value, name argument was given multiple times".into(),
            );
        }
    }
    if name.is_none() {
        return refuse("ERR Library name was not given".into());
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        return refuse(format!("ERR Engine '{}' not found", shown(engine)));
    }
    Ok(Parts {
        promises: Promises::default(),
        name,
        body: &code[end..],
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn refused(parts: Result<Parts<'_>, Abort>) -> String {
        match parts {
            Err(Abort::Error(text)) => text.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_script_without_a_shebang_promises_nothing() {
        let parts = of_script(b"return 1").unwrap();
        assert!(parts.promises.unsaid && !parts.promises.no_writes);
        assert_eq!(parts.body, b"return 1");
    }

    #[test]
    fn lines_keep_their_numbers() {
        let parts = of_script(b"#!lua flags=no-writes,,allow-stale\nreturn 1").unwrap();
        assert!(parts.promises.no_writes && !parts.promises.unsaid);
        assert_eq!(parts.body, b"\nreturn 1");
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(refused(of_script(b"#!lua")), "ERR Invalid script shebang");
        assert_eq!(
            refused(of_script(b"#!lua flags=x\n")),
            "ERR Unexpected flag in script shebang: x"
        );
        assert_eq!(
            refused(of_library(b"#!lua\n")),
            "ERR Library name was not given"
        );
        assert_eq!(
            refused(of_library(b"#!js name=a\n")),
            "ERR Engine 'js' not found"
        );
        assert_eq!(
            refused(of_library(b"#!lua name=a name=b\n")),
            "ERR Invalid metadata value, name argument was given multiple times"
        );
    }
}
