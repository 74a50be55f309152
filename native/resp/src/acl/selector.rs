//! One list of commands, keys and channels, and the rules that made it.
//!
//! **Theory.** Rules are applied in their order to a set of commands by row of the command table. What is kept of them is a base,
//! all commands or none, and the additions and removals since then, each command or category named once, the last time it was: by
//! these the same set is made again. A subcommand goes with its container; a container that is named takes all that was said of
//! its subcommands away.

use super::categories::{members, Categories};
use crate::commands::glob;
use crate::key_places::Access;
use crate::table::{RowId, Table};
use std::collections::BTreeMap;

/// Why a rule was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadRule {
    Syntax,
    Unknown,
    AllKeys,
    AllChannels,
    FirstOfSubcommand,
    NoSuchPassword,
    BadHash,
}

impl BadRule {
    /// In Redis's words.
    pub(crate) fn text(self) -> &'static str {
        match self {
            BadRule::Syntax => "Syntax error",
            BadRule::Unknown => "Unknown command or category name in ACL",
            BadRule::AllKeys => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. \
                 Try 'resetkeys' to start with an empty list of patterns"
            }
            BadRule::AllChannels => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. \
                 Try 'resetchannels' to start with an empty list of channels"
            }
            BadRule::FirstOfSubcommand => "Allowing first-arg of a subcommand is not supported",
            BadRule::NoSuchPassword => {
                "The password you are trying to remove from the user does not exist"
            }
            BadRule::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
        }
    }
}

/// Keys, and what may be done to them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyPattern {
    access: Access,
    pattern: String,
}

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    /// By row, 64 a word.
    commands: Vec<u64>,
    /// First arguments with which commands that are not in the set may be called.
    first_args: BTreeMap<usize, Vec<String>>,
    /// The base is all commands, also those of later versions.
    base: bool,
    /// Every command, none removed since.
    pub all_commands: bool,
    /// Additions and removals since the base: `+get`, `-@write`.
    rules: Vec<(bool, String)>,
    pub all_keys: bool,
    keys: Vec<KeyPattern>,
    pub all_channels: bool,
    channels: Vec<String>,
}

impl Selector {
    /// Nothing.
    pub(crate) fn nothing(table: &Table) -> Selector {
        Selector {
            commands: vec![0; table.rows().len().div_ceil(64)],
            first_args: BTreeMap::new(),
            base: false,
            all_commands: false,
            rules: Vec::new(),
            all_keys: false,
            keys: Vec::new(),
            all_channels: false,
            channels: Vec::new(),
        }
    }

    /// Everything.
    pub(crate) fn everything(table: &Table) -> Selector {
        let mut made = Selector::nothing(table);
        made.set_all(true);
        made.all_keys = true;
        made.all_channels = true;
        made
    }

    /// Whether it names no key at all.
    pub(crate) fn has_no_key(&self) -> bool {
        !self.all_keys && self.keys.is_empty()
    }

    /// Applies one rule.
    pub(crate) fn apply(&mut self, table: &Table, rule: &str) -> Result<(), BadRule> {
        match rule.to_ascii_lowercase().as_str() {
            "allkeys" | "~*" => {
                self.all_keys = true;
                self.keys.clear();
                return Ok(());
            }
            "resetkeys" => {
                self.all_keys = false;
                self.keys.clear();
                return Ok(());
            }
            "allchannels" | "&*" => {
                self.all_channels = true;
                self.channels.clear();
                return Ok(());
            }
            "resetchannels" => {
                self.all_channels = false;
                self.channels.clear();
                return Ok(());
            }
            "allcommands" | "+@all" => {
                self.set_all(true);
                return Ok(());
            }
            "nocommands" | "-@all" => {
                self.set_all(false);
                return Ok(());
            }
            _ => {}
        }
        let mut signs = rule.chars();
        match signs.next() {
            Some('~' | '%') => self.add_keys(rule),
            Some('&') => self.add_channels(signs.as_str()),
            Some(sign @ ('+' | '-')) => self.change(table, sign == '+', signs.as_str()),
            _ => Err(BadRule::Syntax),
        }
    }

    fn add_keys(&mut self, rule: &str) -> Result<(), BadRule> {
        if self.all_keys {
            return Err(BadRule::AllKeys);
        }
        let (access, pattern) = match rule.strip_prefix('%') {
            None => (Access::BOTH, &rule[1..]),
            Some(rest) => {
                let (letters, pattern) = rest.split_once('~').unwrap_or((rest, ""));
                let mut access = Access::NONE;
                for letter in letters.chars() {
                    let next = match letter.to_ascii_uppercase() {
                        'R' => Access::READ,
                        'W' => Access::WRITE,
                        _ => return Err(BadRule::Syntax),
                    };
                    if access.has(next) {
                        return Err(BadRule::Syntax);
                    }
                    access = access.with(next);
                }
                if access == Access::NONE {
                    return Err(BadRule::Syntax);
                }
                (access, pattern)
            }
        };
        if has_spaces(pattern) {
            return Err(BadRule::Syntax);
        }
        match self.keys.iter_mut().find(|key| key.pattern == pattern) {
            Some(known) => known.access = known.access.with(access),
            None => self.keys.push(KeyPattern {
                access,
                pattern: pattern.to_owned(),
            }),
        }
        Ok(())
    }

    fn add_channels(&mut self, pattern: &str) -> Result<(), BadRule> {
        if self.all_channels {
            return Err(BadRule::AllChannels);
        }
        if has_spaces(pattern) {
            return Err(BadRule::Syntax);
        }
        if !self.channels.iter().any(|known| known == pattern) {
            self.channels.push(pattern.to_owned());
        }
        Ok(())
    }

    fn change(&mut self, table: &Table, allow: bool, name: &str) -> Result<(), BadRule> {
        let name = name.to_ascii_lowercase();
        if let Some(category) = name.strip_prefix('@') {
            let wanted = Categories::named(category.as_bytes()).ok_or(BadRule::Unknown)?;
            for row in members(table, wanted).collect::<Vec<_>>() {
                self.set_command(table, row, allow);
            }
            self.note(allow, name);
            return Ok(());
        }
        if let Some(row) = table.find(name.as_bytes()) {
            self.set_command(table, row, allow);
            self.note(allow, name);
            return Ok(());
        }
        let (command, first) = name.rsplit_once('|').ok_or(BadRule::Unknown)?;
        let row = table.find(command.as_bytes()).ok_or(BadRule::Unknown)?;
        if !allow {
            return Err(BadRule::Unknown);
        }
        if command.contains('|') {
            return Err(BadRule::FirstOfSubcommand);
        }
        if first.is_empty() {
            return Err(BadRule::Syntax);
        }
        if subcommands(table, row).next().is_some() {
            return Err(BadRule::Unknown);
        }
        let known = self.first_args.entry(row.index()).or_default();
        if !known.iter().any(|known| known == first) {
            known.push(first.to_owned());
        }
        self.note(true, name);
        Ok(())
    }

    fn set_all(&mut self, allow: bool) {
        self.commands.fill(if allow { u64::MAX } else { 0 });
        self.first_args.clear();
        self.base = allow;
        self.all_commands = allow;
        self.rules.clear();
    }

    fn set_command(&mut self, table: &Table, row: RowId, allow: bool) {
        let subs: Vec<RowId> = subcommands(table, row).collect();
        for id in subs.into_iter().chain([row]) {
            let (word, bit) = (id.index() / 64, 1 << (id.index() % 64));
            if allow {
                self.commands[word] |= bit;
            } else {
                self.commands[word] &= !bit;
                self.all_commands = false;
            }
            self.first_args.remove(&id.index());
        }
    }

    /// Keeps a rule, and forgets those that it replaces.
    fn note(&mut self, allow: bool, name: String) {
        self.rules.retain(|(_, known)| {
            let rest = known.strip_prefix(name.as_str());
            !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
        });
        self.rules.push((allow, name));
    }

    /// Whether a command may be run, called with this first argument.
    #[inline]
    pub(crate) fn allows_command(&self, row: RowId, first: Option<&[u8]>) -> bool {
        if self.all_commands || self.commands[row.index() / 64] & (1 << (row.index() % 64)) != 0 {
            return true;
        }
        let Some((known, first)) = self.first_args.get(&row.index()).zip(first) else {
            return false;
        };
        known
            .iter()
            .any(|known| known.as_bytes().eq_ignore_ascii_case(first))
    }

    /// Whether a key may be used so.
    pub(crate) fn allows_key(&self, key: &[u8], access: Access) -> bool {
        self.all_keys
            || self.keys.iter().any(|known| {
                known.access.has(access) && glob::matches(known.pattern.as_bytes(), key)
            })
    }

    /// Whether any key at all may be read.
    pub(crate) fn reads_every_key(&self) -> bool {
        let is_every = |known: &KeyPattern| known.access.has(Access::READ) && known.pattern == "*";
        self.all_keys || self.keys.iter().any(is_every)
    }

    /// Whether a channel may be used; a pattern of channels only if it is one of those named.
    pub(crate) fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_channels
            || self.channels.iter().any(|known| {
                if is_pattern {
                    known.as_bytes() == channel
                } else {
                    glob::matches(known.as_bytes(), channel)
                }
            })
    }

    /// The commands as rules.
    pub(crate) fn commands_text(&self) -> String {
        let mut text = String::from(if self.base { "+@all" } else { "-@all" });
        for (allow, name) in &self.rules {
            text.push_str(if *allow { " +" } else { " -" });
            text.push_str(name);
        }
        text
    }

    /// The keys as rules.
    pub(crate) fn keys_text(&self) -> String {
        if self.all_keys {
            return "~*".into();
        }
        let shown = self.keys.iter().map(|key| {
            let sign = match key.access {
                Access::READ => "%R~",
                Access::WRITE => "%W~",
                _ => "~",
            };
            format!("{sign}{}", key.pattern)
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    /// The channels as rules.
    pub(crate) fn channels_text(&self) -> String {
        if self.all_channels {
            return "&*".into();
        }
        let shown = self.channels.iter().map(|channel| format!("&{channel}"));
        shown.collect::<Vec<_>>().join(" ")
    }

    /// Rules that make it from nothing, in order.
    pub(crate) fn describe(&self) -> String {
        let (keys, channels) = (self.keys_text(), self.channels_text());
        let mut parts = Vec::new();
        if !keys.is_empty() {
            parts.push(keys);
        }
        if !self.all_channels {
            parts.push("resetchannels".into());
        }
        if !channels.is_empty() {
            parts.push(channels);
        }
        parts.push(self.commands_text());
        parts.join(" ")
    }
}

fn subcommands(table: &Table, container: RowId) -> impl Iterator<Item = RowId> + '_ {
    let name = table.row(container).name;
    table
        .iter()
        .filter(move |(_, row)| {
            row.name
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('|'))
        })
        .map(|(id, _)| id)
}

/// Blanks would not survive the listing of rules.
pub(crate) fn has_spaces(text: &str) -> bool {
    text.bytes()
        .any(|byte| byte.is_ascii_whitespace() || byte == 0 || byte == 0x0b)
}
