//! What can go wrong with a tree.

use std::fmt;

/// What a node store fails with.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// Why a tree cannot be read or changed.
#[derive(Debug)]
pub enum TreeError {
    /// The store of records failed.
    Store(StoreError),
    /// A record is not what was written: its path, and what is wrong.
    Corrupt(Vec<u8>, &'static str),
    /// A branch names a record that is not there.
    Missing(Vec<u8>),
    /// One key is changed twice in one batch.
    Twice(Vec<u8>),
    /// A key begins with another whole key, has none or more than 225 steps, or leaves come out of order.
    Key(Vec<u8>),
    /// A leaf's slot is not a canonical scalar, or is zero.
    Slot(Vec<u8>),
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place =
            |f: &mut fmt::Formatter<'_>, what: &str, path: &[u8]| write!(f, "{what} at {path:?}");
        match self {
            TreeError::Store(error) => write!(f, "tree records cannot be read: {error}"),
            TreeError::Corrupt(path, what) => place(f, &format!("bad tree record ({what})"), path),
            TreeError::Missing(path) => place(f, "missing tree record", path),
            TreeError::Twice(key) => place(f, "two changes of one leaf", key),
            TreeError::Key(key) => place(f, "no place for a leaf", key),
            TreeError::Slot(key) => place(f, "not a slot's scalar", key),
        }
    }
}

impl std::error::Error for TreeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TreeError::Store(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}
