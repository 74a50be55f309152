//! What a leaf commits to: salted digests of values, and the field tree of a packed row.
//!
//! ```text
//! app salt key  = HMAC(secret, "hyperdb/app-salt" || u32 LE app)                64 bytes
//! row salt      = HMAC(app salt key, frame(L) || u64 LE version)                first 16 bytes
//! column salt   = HMAC(row salt, u32 LE column id)                              first 16 bytes
//! plain entry   D("hyperdb/value", salt, value)
//! packed row    D("hyperdb/row", u32 LE n, root of the columns' tree)
//! column        D("hyperdb/column", u32 LE id, column salt, content)
//! content       head u8 (1: a value follows, it is not null; 2: a stamp follows; 3: both); the stamp: kind u8, timestamp
//!               i64 LE, for kind 1 also ttl u32 LE and expires i64 LE; then the stored value to the end.
//!               Column 0 is the row itself, which every row has: a stamp or none, never a value
//! ```
//! **Theory.** A salt that nobody can guess keeps a digest from telling a value of few possibilities. The row salt gives
//! all column salts, a column salt gives only itself, so one column can be shown and the others stay hidden.
//! The tree over columns has the shape of RFC 6962 (split at the largest power of two below n).

use crate::tree::Tree;
use hyperdb_graph::codec::row::{Row, Stamp};
use hyperdb_verkle::hash::{Digest, Mac};
use hyperdb_verkle::tree::leaf;
pub use hyperdb_verkle::tree::leaf::{column_digest, fields_root, row_digest, ColumnSalts, Salt};

/// The store's secret, from which all salts follow. Backed up, never committed to.
#[derive(Clone)]
pub struct SaltSecret(Mac);

impl SaltSecret {
    /// From 32 random bytes.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(Mac::new(secret))
    }

    /// The salt key of an app, by its number in the store: who has it knows every salt of the app.
    pub fn app_key(&self, app: u32) -> [u8; 64] {
        leaf::app_salt_key(&self.0, app)
    }

    /// The salts of an app.
    pub fn app(&self, app: u32) -> AppSalt {
        AppSalt(Mac::new(&self.app_key(app)))
    }
}

/// Gives the salts of one app's entries.
#[derive(Clone)]
pub struct AppSalt(Mac);

impl AppSalt {
    /// The salt of the entry `logical` at `version`.
    pub fn row(&self, logical: &[u8], version: u64) -> Salt {
        leaf::row_salt(&self.0, logical, version)
    }
}

/// Whether the entry `logical` holds a packed row: a member of a table or a partition.
pub fn is_row(logical: &[u8]) -> bool {
    use hyperdb_graph::keys::{read_varint, space};
    match logical.split_first() {
        Some((&space::MEMBER, rest)) => read_varint(rest).is_some_and(|(cid, _)| cid % 4 == 2),
        _ => false,
    }
}

/// The digest of the entry `logical` in `tree` with this salt and value; `None` if it should be a packed row and is not one.
/// In the trees of removes the value is the remove's note, also where a row went.
pub fn value_digest(tree: Tree, logical: &[u8], salt: &Salt, value: &[u8]) -> Option<Digest> {
    if !tree.is_adds() || !is_row(logical) {
        return Some(leaf::value_digest(salt, value));
    }
    let columns = columns(value)?;
    let salts = ColumnSalts::of(salt);
    let leaves: Vec<Digest> = columns
        .iter()
        .map(|(id, content)| column_digest(*id, &salts.salt(*id), content))
        .collect();
    Some(row_digest(&leaves))
}

/// The columns of a packed row as they are committed to, by ascending id, 0 being the row itself; `None` if malformed.
pub fn columns(packed: &[u8]) -> Option<Vec<(u32, Vec<u8>)>> {
    let row = Row::decode(packed)?;
    let cells = row.cells.iter();
    let cells = cells.map(|cell| (cell.id, content(cell.value, cell.stamp)));
    Some(
        std::iter::once((0, content(None, row.stamp)))
            .chain(cells)
            .collect(),
    )
}

fn content(value: Option<&[u8]>, stamp: Option<Stamp>) -> Vec<u8> {
    let mut out = vec![u8::from(value.is_some()) + 2 * u8::from(stamp.is_some())];
    if let Some(stamp) = stamp {
        out.push(u8::from(stamp.ttl.is_some()));
        out.extend_from_slice(&stamp.timestamp.to_le_bytes());
        if let Some((ttl, expires)) = stamp.ttl {
            out.extend_from_slice(&ttl.to_le_bytes());
            out.extend_from_slice(&expires.to_le_bytes());
        }
    }
    out.extend_from_slice(value.unwrap_or_default());
    out
}

/// The way from a column's leaf up to its row's root: siblings, the nearest first.
pub fn column_path(leaves: &[Digest], place: usize) -> Vec<Digest> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, sibling) = if place < left.len() {
        (column_path(left, place), fields_root(right))
    } else {
        (column_path(right, place - left.len()), fields_root(left))
    };
    path.push(sibling);
    path
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use hyperdb_graph::codec::row::{Cell, Width};
    use hyperdb_verkle::hash::to_digest as digest;
    use hyperdb_verkle::tree::leaf::fields_inner;

    fn climb(leaf: Digest, place: usize, count: usize, path: &[Digest]) -> Digest {
        let Some((sibling, below)) = path.split_last() else {
            return leaf;
        };
        let left = count.next_power_of_two() / 2;
        if place < left {
            fields_inner(&climb(leaf, place, left, below), sibling)
        } else {
            fields_inner(sibling, &climb(leaf, place - left, count - left, below))
        }
    }

    #[test]
    fn every_column_leads_to_the_root() {
        for count in 1..20 {
            let leaves: Vec<Digest> = (0..count).map(|i| [i as u8; 32]).collect();
            for place in 0..count {
                let path = column_path(&leaves, place);
                let root = climb(leaves[place], place, count, &path);
                assert_eq!(root, fields_root(&leaves), "column {place} of {count}");
            }
        }
    }

    #[test]
    fn rows_commit_to_columns_and_other_entries_to_their_value() {
        let salt = SaltSecret::new(&[1; 32]).app(7).row(b"L", 3);
        let cell = |id, value| Cell {
            id,
            width: Width::Variable,
            value,
            stamp: None,
        };
        let row = |value| Row {
            stamp: Some(Stamp {
                timestamp: 5,
                ttl: Some((9, 10)),
            }),
            cells: vec![cell(1, Some(&b"ada"[..])), cell(4, value)],
        };
        let packed = row(None).encode().unwrap();
        let columns = columns(&packed).unwrap();
        assert_eq!(columns[1], (1, b"\x01ada".to_vec()));
        assert_eq!(columns[2], (4, vec![0]));
        assert_eq!(columns[0].1[..2], [2, 1]);
        assert_eq!(columns[0].1.len(), 1 + 1 + 8 + 4 + 8);
        let table = [3, 6, 1];
        let digest_of = |packed: &[u8]| value_digest(Tree::VertexAdds, &table, &salt, packed);
        assert_ne!(
            digest_of(&packed),
            digest_of(&row(Some(b"")).encode().unwrap())
        );
        assert_eq!(digest_of(b"no row"), None);
        for plain in [&[3, 4, 1][..], &[3, 7, 1], &[2, 6], &[]] {
            assert_eq!(
                value_digest(Tree::EdgeAdds, plain, &salt, b"no row"),
                Some(digest("hyperdb/value", &[&salt, b"no row"]))
            );
        }
    }

    #[test]
    fn a_row_that_went_is_its_note() {
        let salt = SaltSecret::new(&[1; 32]).app(7).row(b"L", 3);
        assert_eq!(
            value_digest(Tree::VertexRemoves, &[3, 6, 1], &salt, b""),
            Some(digest("hyperdb/value", &[&salt, b""]))
        );
    }

    #[test]
    fn salts_differ_by_app_entry_version_and_column() {
        let secret = SaltSecret::new(&[1; 32]);
        let salt = secret.app(7).row(b"L", 3);
        assert_ne!(salt, secret.app(8).row(b"L", 3));
        assert_ne!(salt, secret.app(7).row(b"M", 3));
        assert_ne!(salt, secret.app(7).row(b"L", 4));
        assert_ne!(salt, SaltSecret::new(&[2; 32]).app(7).row(b"L", 3));
        let columns = ColumnSalts::of(&salt);
        assert_ne!(columns.salt(1), columns.salt(2));
    }
}
