//! What a lock is on.

use hashbrown::Equivalent;
use hyperdb_lsm::Family;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What kind of thing a key stands for when it is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The entry under the key itself.
    Row,
    /// Everything in the collection whose element key it is.
    Table,
}

/// A row or a table. Locks are on names: the key need not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    scope: Scope,
    family: Family,
    key: Arc<[u8]>,
}

impl Target {
    /// The entry under `key`.
    pub fn row(family: Family, key: &[u8]) -> Self {
        Self::new(Scope::Row, family, key)
    }

    /// The collection whose element lies under `key`.
    pub fn table(family: Family, key: &[u8]) -> Self {
        Self::new(Scope::Table, family, key)
    }

    fn new(scope: Scope, family: Family, key: &[u8]) -> Self {
        Self {
            scope,
            family,
            key: key.into(),
        }
    }

    /// What the key stands for.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// In which family it lies.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The key, to keep.
    pub(in crate::sequencer) fn shared_key(&self) -> Arc<[u8]> {
        self.key.clone()
    }

    pub(super) fn as_ref(&self) -> TargetRef<'_> {
        TargetRef {
            scope: self.scope,
            family: self.family,
            key: &self.key,
        }
    }
}

// Derived hashing of an `Arc<[u8]>` and of a slice agree, but only by accident of the standard library: both go
// through the borrowed form here.
impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = match self.scope {
            Scope::Row => "row",
            Scope::Table => "table",
        };
        write!(f, "{scope} {}", self.key.escape_ascii())
    }
}

/// A target by reference, to look one up without making it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TargetRef<'k> {
    pub(super) scope: Scope,
    pub(super) family: Family,
    pub(super) key: &'k [u8],
}

impl TargetRef<'_> {
    pub(super) fn to_target(self) -> Target {
        Target::new(self.scope, self.family, self.key)
    }
}

impl Equivalent<Target> for TargetRef<'_> {
    fn equivalent(&self, target: &Target) -> bool {
        *self == target.as_ref()
    }
}
