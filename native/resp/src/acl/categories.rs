//! The categories of commands, from the command table.

use crate::table::{RowId, Table};

/// The names, in the order in which ACL CAT shows them.
pub(crate) const NAMES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// A set of categories, by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Categories(u32);

impl Categories {
    /// From the table's cell.
    pub(crate) fn parse(cell: &str) -> Categories {
        let bits = cell.split(',').filter_map(bit);
        Categories(bits.fold(0, |all, bit| all | bit))
    }

    /// The one of this name, in any case.
    pub(crate) fn named(name: &[u8]) -> Option<Categories> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        bit(&name).map(Categories)
    }

    /// Whether both have one in common.
    pub(crate) fn meets(self, other: Categories) -> bool {
        self.0 & other.0 != 0
    }
}

fn bit(name: &str) -> Option<u32> {
    let at = NAMES.iter().position(|known| *known == name)?;
    Some(1 << at)
}

/// The commands of a category.
pub(crate) fn members(table: &Table, wanted: Categories) -> impl Iterator<Item = RowId> + '_ {
    table
        .iter()
        .filter(move |(_, row)| row.categories.meets(wanted))
        .map(|(id, _)| id)
}
