//! ACL LOG: what was refused, newest first.
//!
//! **Theory.** A refusal like one of the last few within a minute counts there, so that a loop of them does not push
//! everything else out.

use std::collections::VecDeque;

/// Entries among which a like one is looked for.
const LOOKED_AT: usize = 10;
/// Milliseconds within which like refusals count as one.
const TOGETHER_MS: i64 = 60_000;

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Command,
    Key,
    Channel,
    Auth,
}

impl Why {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Why::Command => "command",
            Why::Key => "key",
            Why::Channel => "channel",
            Why::Auth => "auth",
        }
    }
}

/// In what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Toplevel,
    Multi,
    /// A script.
    Lua,
}

impl Where {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Where::Toplevel => "toplevel",
            Where::Multi => "multi",
            Where::Lua => "lua",
        }
    }
}

/// One refusal, or several like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub id: u64,
    pub count: u64,
    pub why: Why,
    pub context: Where,
    /// The command, key or channel.
    pub object: Vec<u8>,
    pub user: Vec<u8>,
    /// The last such client, as CLIENT LIST shows it.
    pub client: String,
    /// Unix milliseconds.
    pub created_ms: i64,
    pub updated_ms: i64,
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    next_id: u64,
    /// Refusals ever, by [`Why`].
    denied: [u64; 4],
}

impl Log {
    /// How much was refused since the start: commands, keys, channels, logins.
    pub(crate) fn denied(&self) -> [u64; 4] {
        self.denied
    }

    /// Notes a refusal; the log holds `most` entries.
    pub(crate) fn add(&mut self, new: Entry, most: usize) {
        self.denied[new.why as usize] += 1;
        let like = self.entries.iter().take(LOOKED_AT).position(|known| {
            (known.why, known.context) == (new.why, new.context)
                && known.object == new.object
                && known.user == new.user
                && new.updated_ms - known.updated_ms <= TOGETHER_MS
        });
        let entry = match like.and_then(|at| self.entries.remove(at)) {
            Some(known) => Entry {
                count: known.count + 1,
                client: new.client,
                updated_ms: new.updated_ms,
                ..known
            },
            None => {
                self.next_id += 1;
                Entry {
                    id: self.next_id - 1,
                    ..new
                }
            }
        };
        self.entries.push_front(entry);
        self.entries.truncate(most);
    }

    /// The newest.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = &Entry> {
        self.entries.iter().take(count)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(object: &str, now: i64) -> Entry {
        Entry {
            id: 0,
            count: 1,
            why: Why::Key,
            context: Where::Toplevel,
            object: object.into(),
            user: b"u".to_vec(),
            client: String::new(),
            created_ms: now,
            updated_ms: now,
        }
    }

    #[test]
    fn like_refusals_count_together_for_a_minute() {
        let mut log = Log::default();
        log.add(entry("a", 0), 3);
        log.add(entry("b", 1), 3);
        log.add(entry("a", 60_000), 3);
        let shown = |log: &Log| -> Vec<(u64, u64)> {
            log.newest(9).map(|entry| (entry.id, entry.count)).collect()
        };
        assert_eq!(shown(&log), [(0, 2), (1, 1)]);
        log.add(entry("b", 60_002), 3);
        assert_eq!(shown(&log), [(2, 1), (0, 2), (1, 1)]);
        log.add(entry("c", 60_003), 3);
        assert_eq!(shown(&log), [(3, 1), (2, 1), (0, 2)]);
        log.clear();
        assert_eq!(log.newest(9).count(), 0);
    }
}
