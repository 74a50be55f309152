//! The command table: what every command is called, takes and touches.
//!
//! **Purpose.** One data file, `hyperdb/frontends/resp/commands.tsv`, read here and by Python; dispatch, arity
//! checks, COMMAND and the coverage page all come from it.
//!
//! **Invariant.** The file is compiled in and checked by tests, so a row that does not parse is a build that
//! does not pass, never a server that does not start.

use crate::acl::Categories;
use crate::key_places::KeyPlaces;
use std::fmt;

/// Those that a Redis which has replicas tells them of, though they are flagged as no writes.
const PAUSED_WITH_WRITES: [&str; 6] =
    ["eval", "evalsha", "fcall", "pfcount", "publish", "spublish"];

const FILE: &str = include_str!("../../../hyperdb/frontends/resp/commands.tsv");

/// Facts about commands that dispatch asks for; names as COMMAND INFO shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags(u32);

impl Flags {
    /// May change the keyspace.
    pub const WRITE: Flags = Flags(1);
    /// Must not be used in a transaction.
    pub const NO_MULTI: Flags = Flags(1 << 1);
    /// May be sent before AUTH.
    pub const NO_AUTH: Flags = Flags(1 << 2);
    /// Publishes or subscribes.
    pub const PUBSUB: Flags = Flags(1 << 3);
    /// May wait for another client.
    pub const BLOCKING: Flags = Flags(1 << 4);
    /// Is about other clients or the server.
    pub const ADMIN: Flags = Flags(1 << 5);
    /// Reads keys, and changes none.
    pub const READONLY: Flags = Flags(1 << 9);
    /// Category `connection`: is about the client's own connection.
    pub const CONNECTION: Flags = Flags(1 << 6);
    /// Must not be called by scripts.
    pub const NO_SCRIPT: Flags = Flags(1 << 7);
    /// May be called while a script keeps everybody else waiting.
    pub const ALLOW_BUSY: Flags = Flags(1 << 8);
    /// Takes constant time, or as good as that.
    pub const FAST: Flags = Flags(1 << 10);
    /// Is not shown by SLOWLOG.
    pub const SKIP_SLOWLOG: Flags = Flags(1 << 11);
    /// MONITOR shows it before what it runs: a script.
    pub const SKIP_MONITOR: Flags = Flags(1 << 12);
    /// May need more memory than there was.
    pub const DENY_OOM: Flags = Flags(1 << 13);
    /// Waits while clients that write are paused, though it changes no key that others see changed. COMMAND INFO does not tell.
    pub const MAY_REPLICATE: Flags = Flags(1 << 14);
    /// A subcommand: only found behind its container.
    pub const NESTED: Flags = Flags(1 << 15);

    fn parse(text: &str) -> Flags {
        let bits = text.split(',').map(|name| match name {
            "write" => Flags::WRITE.0,
            "no_multi" => Flags::NO_MULTI.0,
            "no_auth" => Flags::NO_AUTH.0,
            "pubsub" => Flags::PUBSUB.0,
            "blocking" => Flags::BLOCKING.0,
            "admin" => Flags::ADMIN.0,
            "readonly" => Flags::READONLY.0,
            "noscript" => Flags::NO_SCRIPT.0,
            "allow_busy" => Flags::ALLOW_BUSY.0,
            "fast" => Flags::FAST.0,
            "skip_slowlog" => Flags::SKIP_SLOWLOG.0,
            "skip_monitor" => Flags::SKIP_MONITOR.0,
            "denyoom" => Flags::DENY_OOM.0,
            _ => 0,
        });
        Flags(bits.fold(0, |all, bit| all | bit))
    }

    /// These and those.
    pub(crate) fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// These but those.
    pub(crate) fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    /// Whether all of `other` are set.
    #[inline]
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Who runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// The loop, on a turn or on its own state.
    Native,
    /// The administration thread, off the loop.
    Python,
    /// Nobody yet: refused like a command that does not exist.
    Later,
}

/// One command or subcommand (`client|id`).
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Lower-case name; a subcommand's follows its container's and a bar.
    pub name: &'static str,
    /// Arguments with the name; negative: at least as many.
    pub arity: i32,
    /// See [`Flags`].
    pub flags: Flags,
    /// Who runs it.
    pub executor: Executor,
    /// What ACL rules call it by.
    pub categories: Categories,
    /// Data type or area, as in COMMAND DOCS.
    pub group: &'static str,
    /// How to call it.
    pub syntax: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
}

impl Row {
    /// Whether `count` arguments, the name included, are acceptable.
    #[inline]
    pub fn takes(&self, count: usize) -> bool {
        let least = self.arity.unsigned_abs() as usize;
        if self.arity < 0 {
            count >= least
        } else {
            count == least
        }
    }

    fn parse(line: &'static str) -> Option<Row> {
        let mut fields = line.split('\t');
        let name = fields.next()?;
        let executor = match fields.next()? {
            "native" => Executor::Native,
            "python" => Executor::Python,
            "later" => Executor::Later,
            _ => return None,
        };
        let arity = fields.next()?.parse().ok()?;
        let group = fields.next()?;
        let flags = Flags::parse(fields.next()?);
        let flags = if name.contains('|') {
            flags.with(Flags::NESTED)
        } else {
            flags
        };
        // Keys are read apart; what lies between categories and syntax is Python's: tips, since, complexity.
        let categories = fields.nth(1)?;
        let flags = if categories.split(',').any(|name| name == "connection") {
            flags.with(Flags::CONNECTION)
        } else {
            flags
        };
        let flags = if PAUSED_WITH_WRITES.contains(&name) {
            flags.with(Flags::MAY_REPLICATE)
        } else {
            flags
        };
        let categories = Categories::parse(categories);
        let syntax = fields.nth(3)?;
        let summary = fields.nth(1)?;
        fields.next().is_none().then_some(Row {
            name,
            arity,
            flags,
            executor,
            categories,
            group,
            syntax,
            summary,
        })
    }
}

/// Where a row lies in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowId(u16);

impl RowId {
    /// As an index into arrays that run along the table.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The rows and an index of their names.
pub struct Table {
    rows: Vec<Row>,
    /// Along the rows: where their keys are.
    keys: Vec<Vec<KeyPlaces>>,
    /// Open addressing, linear probing; at most a quarter full, so most lookups compare once.
    slots: Vec<Option<RowId>>,
}

const LONGEST_NAME: usize = 32;
/// The column of the keys.
const KEYS: usize = 5;

impl Table {
    /// The table as compiled in.
    pub fn new() -> Table {
        let rows: Vec<Row> = FILE.lines().skip(1).filter_map(Row::parse).collect();
        let cells = FILE.lines().skip(1).map(|line| line.split('\t').nth(KEYS));
        let keys = cells
            .map(|cell| KeyPlaces::parse(cell.unwrap_or_default()))
            .collect();
        let mut slots = vec![None; (rows.len() * 4).next_power_of_two()];
        for (i, row) in rows.iter().enumerate() {
            let mut at = place(row.name.as_bytes(), slots.len());
            while slots[at].is_some() {
                at = (at + 1) & (slots.len() - 1);
            }
            slots[at] = u16::try_from(i).ok().map(RowId);
        }
        Table { rows, keys, slots }
    }

    /// All rows, sorted by name.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row at `id`.
    #[inline]
    pub fn row(&self, id: RowId) -> &Row {
        &self.rows[id.index()]
    }

    /// Where the keys of the row at `id` are among its arguments.
    pub fn keys(&self, id: RowId) -> &[KeyPlaces] {
        self.keys.get(id.index()).map_or(&[], Vec::as_slice)
    }

    /// All rows with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (RowId, &Row)> {
        let ids = (0..=u16::MAX).map(RowId);
        ids.zip(&self.rows)
    }

    /// Finds a command by its name in any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<RowId> {
        let mut lower = [0u8; LONGEST_NAME];
        let lower = lower.get_mut(..name.len())?;
        for (to, from) in lower.iter_mut().zip(name) {
            *to = from.to_ascii_lowercase();
        }
        self.find_lower(lower)
    }

    /// Finds the command that a client names, not by a subcommand's whole name.
    #[inline]
    pub fn find_outer(&self, name: &[u8]) -> Option<RowId> {
        self.find(name)
            .filter(|id| !self.row(*id).flags.has(Flags::NESTED))
    }

    /// Finds subcommand `name` of `container` in any case.
    pub fn find_subcommand(&self, container: RowId, name: &[u8]) -> Option<RowId> {
        let container = self.row(container).name.as_bytes();
        let mut whole = Vec::with_capacity(container.len() + 1 + name.len());
        whole.extend_from_slice(container);
        whole.push(b'|');
        whole.extend_from_slice(name);
        self.find(&whole)
    }

    #[inline]
    fn find_lower(&self, name: &[u8]) -> Option<RowId> {
        let mut at = place(name, self.slots.len());
        while let Some(id) = self.slots[at] {
            if self.rows[id.index()].name.as_bytes() == name {
                return Some(id);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        None
    }
}

impl Default for Table {
    fn default() -> Self {
        Table::new()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("rows", &self.rows.len())
            .finish()
    }
}

/// FNV-1a; the names are fixed, so nobody can aim at a bad place.
#[inline]
fn place(name: &[u8], slots: usize) -> usize {
    let hash = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ((hash >> 32) as usize ^ hash as usize) & (slots - 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_line_is_a_row() {
        assert_eq!(Table::new().rows().len(), FILE.lines().count() - 1);
    }

    #[test]
    fn rows_are_sorted_and_found_in_any_case() {
        let table = Table::new();
        assert!(table
            .rows()
            .windows(2)
            .all(|pair| pair[0].name < pair[1].name));
        for row in table.rows() {
            let found = table.find(row.name.to_uppercase().as_bytes()).unwrap();
            assert_eq!(table.row(found).name, row.name);
        }
        let client = table.find(b"Client").unwrap();
        let id = table.find_subcommand(client, b"Id").unwrap();
        assert_eq!(table.row(id).name, "client|id");
        assert!(table.find_outer(b"client|id").is_none());
        assert_eq!(table.find_outer(b"Client"), Some(client));
        assert!(table.find(b"no such").is_none());
        assert!(table.find(&[b'x'; 100]).is_none());
    }

    #[test]
    fn arity() {
        let table = Table::new();
        let row = |name: &str| *table.row(table.find(name.as_bytes()).unwrap());
        assert!(row("get").takes(2) && !row("get").takes(3));
        assert!(row("mget").takes(2) && row("mget").takes(9) && !row("mget").takes(1));
        assert!(row("set").flags.has(Flags::WRITE) && !row("get").flags.has(Flags::WRITE));
    }
}
