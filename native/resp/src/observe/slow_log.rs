//! SLOWLOG: the commands that took longer than a bound, newest first.
//!
//! **Invariant.** What is kept of a command is bounded: 32 arguments of 128 bytes, and nothing that is a secret.

use super::secrets::Secrets;
use crate::args::Args;
use std::collections::VecDeque;

/// Most arguments kept of a command, the word that says how many were left out among them.
const MOST_ARGUMENTS: usize = 32;
/// Most bytes kept of an argument.
const LONGEST_ARGUMENT: usize = 128;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub id: u64,
    /// Unix seconds.
    pub at: i64,
    pub micros: u64,
    pub words: Vec<Box<[u8]>>,
    /// Of the client; `?:0` of a script.
    pub address: String,
    pub name: Vec<u8>,
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct SlowLog {
    entries: VecDeque<Entry>,
    next_id: u64,
}

impl SlowLog {
    /// Notes a command, which gets the next number; the log holds `most` entries.
    pub(crate) fn add(&mut self, entry: Entry, most: usize) {
        self.entries.push_front(Entry {
            id: self.next_id,
            ..entry
        });
        self.next_id += 1;
        self.entries.truncate(most);
    }

    /// The newest.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = &Entry> {
        self.entries.iter().take(count)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// A command's arguments as they are kept.
pub(crate) fn shortened(args: Args<'_>, secrets: &Secrets) -> Vec<Box<[u8]>> {
    let kept = if args.len() > MOST_ARGUMENTS {
        MOST_ARGUMENTS - 1
    } else {
        args.len()
    };
    let mut words: Vec<Box<[u8]>> = secrets
        .shown(args)
        .take(kept)
        .map(|arg| match arg.len().checked_sub(LONGEST_ARGUMENT) {
            Some(more) if more > 0 => {
                let mut word = arg[..LONGEST_ARGUMENT].to_vec();
                word.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
                word.into()
            }
            _ => arg.into(),
        })
        .collect();
    let more = args.len() - kept;
    if more > 0 {
        let word = format!("... ({more} more arguments)");
        words.push(word.into_bytes().into());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str]) -> Vec<String> {
        let mut bytes = Vec::new();
        let spans: Vec<_> = words
            .iter()
            .map(|word| {
                let start = bytes.len();
                bytes.extend_from_slice(word.as_bytes());
                (start, bytes.len())
            })
            .collect();
        let args = Args::new(&bytes, &spans);
        shortened(args, &Secrets::of("sadd", args))
            .iter()
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    }

    #[test]
    fn arguments_are_cut_as_redis_cuts_them() {
        let long = "x".repeat(129);
        let exact = "y".repeat(128);
        let words = shown(&["sadd", &long, &exact]);
        assert_eq!(words[1], format!("{}... (1 more bytes)", &long[..128]));
        assert_eq!(words[2], exact);
        assert_eq!(shown(&["a"; 32]).len(), 32);
        let many = shown(&["a"; 52]);
        assert_eq!(many.len(), 32);
        assert_eq!(many[31], "... (21 more arguments)");
    }

    #[test]
    fn the_newest_entries_stay() {
        let mut log = SlowLog::default();
        for micros in 0..3 {
            log.add(
                Entry {
                    id: 0,
                    at: 0,
                    micros,
                    words: Vec::new(),
                    address: String::new(),
                    name: Vec::new(),
                },
                2,
            );
        }
        let kept: Vec<_> = log
            .newest(9)
            .map(|entry| (entry.id, entry.micros))
            .collect();
        assert_eq!(kept, [(2, 2), (1, 1)]);
        log.clear();
        assert_eq!(log.len(), 0);
    }
}
