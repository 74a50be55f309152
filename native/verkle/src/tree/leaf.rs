//! What a leaf commits to: its slot, salted digests of values, the field tree of a packed row.
//!
//! **Theory.** A salt that nobody can guess keeps a digest from telling a value of few possibilities. The row salt gives all column
//! salts, a column salt gives only itself, so one column can be shown and the others stay hidden. The tree over columns has
//! the shape of RFC 6962 (split at the largest power of two below n).

use crate::hash::{head, to_digest, to_scalar, Digest, Mac};
use crate::scalar::Scalar;

/// A salt.
pub type Salt = [u8; 16];

/// The scalar of a leaf: it binds key, value, version (a commit) and size (bytes of key and value).
pub fn leaf_scalar(logical: &[u8], value: &Digest, version: u64, bytes: u64) -> Scalar {
    let (version, bytes) = (version.to_le_bytes(), bytes.to_le_bytes());
    to_scalar("hyperdb/leaf", &[logical, value, &version, &bytes])
}

/// [`leaf_scalar`] as a tree stores it, 32 bytes.
pub fn slot(logical: &[u8], value: &Digest, version: u64, bytes: u64) -> [u8; 32] {
    leaf_scalar(logical, value, version, bytes).to_bytes()
}

/// The digest of an entry that is not a packed row.
pub fn value_digest(salt: &Salt, value: &[u8]) -> Digest {
    to_digest("hyperdb/value", &[salt, value])
}

/// The leaf of a column in its row's field tree; `content` as in `docs/commitment.md`.
pub fn column_digest(id: u32, salt: &Salt, content: &[u8]) -> Digest {
    to_digest("hyperdb/column", &[&id.to_le_bytes(), salt, content])
}

/// The digest of a packed row from its columns' leaves, of which there is one at least: column 0, the row itself.
pub fn row_digest(leaves: &[Digest]) -> Digest {
    let count = (leaves.len() as u32).to_le_bytes();
    to_digest("hyperdb/row", &[&count, &fields_root(leaves)])
}

/// The root of the tree over columns.
pub fn fields_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => [0; 32],
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
            fields_inner(&fields_root(left), &fields_root(right))
        }
    }
}

/// An inner node of the tree over columns.
pub fn fields_inner(left: &Digest, right: &Digest) -> Digest {
    to_digest("hyperdb/fields", &[left, right])
}

/// Under an app's salt key: the salt of the entry `logical` at `version`.
pub fn row_salt(app: &Mac, logical: &[u8], version: u64) -> Salt {
    let len = (logical.len() as u32).to_le_bytes();
    head(&app.code(&[&len, logical, &version.to_le_bytes()]))
}

/// The salt key of an app, from the store's secret and the app's number.
pub fn app_salt_key(secret: &Mac, app: u32) -> [u8; 64] {
    secret.code(&[b"hyperdb/app-salt", &app.to_le_bytes()])
}

/// The salts of a row's columns: the row's salt is hashed once for all of them.
pub struct ColumnSalts(Mac);

impl ColumnSalts {
    /// Of a row with this salt.
    pub fn of(row: &Salt) -> Self {
        Self(Mac::new(row))
    }

    /// The salt of one column.
    pub fn salt(&self, id: u32) -> Salt {
        head(&self.0.code(&[&id.to_le_bytes()]))
    }
}
