//! Keys of Redis that are rows of tables: those that begin with a table's `resp_prefix`.
//!
//! **Theory.** The catalog says which tables answer Redis's clients, and few commands a second change it; every command on
//! keys asks. So the prefixes lie here as a list, made anew from the catalog when it was changed, behind one flag that is
//! false while there is none. Rows answer in database 0 alone.
//!
//! **Invariant.** After [`crate::Store::refresh_prefixes`] the list is that of the newest catalog.

use crate::catalog::{Image, Object};
use parking_lot::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The database in which rows answer.
pub const DATABASE: u32 = 0;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Prefixes {
    any: AtomicBool,
    list: RwLock<Vec<Box<[u8]>>>,
}

impl Prefixes {
    /// Whether any table answers Redis's clients.
    #[inline]
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Whether a key of that database is a row's, there or not.
    pub fn cover(&self, db: u32, key: &[u8]) -> bool {
        db == DATABASE
            && self.any()
            && self
                .list
                .read()
                .iter()
                .any(|prefix| key.starts_with(prefix))
    }

    /// Takes the prefixes of a catalog.
    pub(crate) fn take(&self, image: &Image) {
        let tables = image.objects().filter_map(|(_, object)| match object {
            Object::Table(table) if !table.resp_prefix.is_empty() => Some(&table.resp_prefix),
            _ => None,
        });
        let list: Vec<Box<[u8]>> = tables.map(|prefix| prefix.as_bytes().into()).collect();
        let any = !list.is_empty();
        *self.list.write() = list;
        self.any.store(any, Ordering::Relaxed);
    }
}
