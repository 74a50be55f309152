//! What a leaf commits to: its slot, salted digests of values, the field tree of a packed row.
//!
//! **Theory.** A salt that nobody can guess keeps a digest from telling a value of few possibilities. The row salt gives all column
//! salts, a column salt gives only itself, so one column can be shown and the others stay hidden. The tree over columns has
//! the shape of RFC 6962 (split at the largest power of two below n). HMAC is RFC 2104 over SHA-512.

use crate::hash::{to_digest, to_scalar, Digest};
use sha2::{Digest as _, Sha512};

/// A salt.
pub type Salt = [u8; 16];

const BLOCK: usize = 128;

/// The scalar of a leaf, 32 bytes: it binds key, value, version (a commit) and size (bytes of key and value).
pub fn slot(logical: &[u8], value: &Digest, version: u64, bytes: u64) -> [u8; 32] {
    let (version, bytes) = (version.to_le_bytes(), bytes.to_le_bytes());
    to_scalar("hyperdb/leaf", &[logical, value, &version, &bytes]).to_bytes()
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

/// HMAC-SHA-512 under one key for many messages: the key's two blocks are hashed once.
#[derive(Clone)]
pub struct Mac {
    inner: Sha512,
    outer: Sha512,
}

impl Mac {
    /// Under a key of at most 128 bytes (all keys here have at most 64).
    pub fn new(key: &[u8]) -> Mac {
        let padded = |pad: u8| {
            let mut block = [pad; BLOCK];
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            Sha512::new_with_prefix(block)
        };
        Mac {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    /// The code of the message that the parts make together.
    pub fn code(&self, parts: &[&[u8]]) -> [u8; 64] {
        let mut inner = self.inner.clone();
        for part in parts {
            inner.update(part);
        }
        let mut outer = self.outer.clone();
        outer.update(inner.finalize());
        outer.finalize().into()
    }

    fn salt(&self, parts: &[&[u8]]) -> Salt {
        let mut out = [0; 16];
        out.copy_from_slice(&self.code(parts)[..16]);
        out
    }

    /// Under an app's salt key: the salt of the entry `logical` at `version`.
    pub fn row_salt(&self, logical: &[u8], version: u64) -> Salt {
        let len = (logical.len() as u32).to_le_bytes();
        self.salt(&[&len, logical, &version.to_le_bytes()])
    }
}

/// The salt key of an app, from the store's secret and the app's number.
pub fn app_salt_key(secret: &[u8; 32], app: u32) -> [u8; 64] {
    Mac::new(secret).code(&[b"hyperdb/app-salt", &app.to_le_bytes()])
}

/// The salt of one column.
pub fn column_salt(row: &Salt, id: u32) -> Salt {
    Mac::new(row).salt(&[&id.to_le_bytes()])
}
