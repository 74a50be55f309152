//! A store with one app, and the shorthand that the catalog's tests share.

use hyperdb_graph::catalog::objects::{Column, Constraint, Index, KeyColumn, Table};
use hyperdb_graph::catalog::{Catalog, Image, Object};
use hyperdb_graph::codec::types::{Plain, Type};
use hyperdb_graph::{AppId, Options, Store, Transaction, TransactionOptions};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

pub struct Shop {
    pub store: Store,
    pub app: AppId,
    dir: PathBuf,
}

impl Shop {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("hyperdb-catalog-{}-{number}", std::process::id()));
        let store = Store::open(&dir, Options::default()).unwrap();
        let mut opening = store.begin(TransactionOptions::default());
        let app = opening.app(&store, b"shop").unwrap().unwrap();
        opening.rollback();
        store.db().wait_durable(store.db().latest()).unwrap();
        Self { store, app, dir }
    }

    pub fn begin(&self) -> Transaction {
        self.store.begin(TransactionOptions::default())
    }

    pub fn catalog<'c>(&'c self, transaction: &'c mut Transaction) -> Catalog<'c> {
        Catalog::new(&self.store, transaction)
    }

    /// Commits, and waits until others can see it.
    pub fn commit(&self, transaction: Transaction) {
        let commit = transaction.commit().unwrap();
        self.store.db().wait_durable(commit).unwrap();
    }

    pub fn make(&self, object: impl Into<Object>) -> u64 {
        let mut making = self.begin();
        let number = self.catalog(&mut making).create(object).unwrap();
        self.commit(making);
        number
    }

    pub fn change(&self, number: u64, object: impl Into<Object>) {
        let mut changing = self.begin();
        self.catalog(&mut changing).replace(number, object).unwrap();
        self.commit(changing);
    }

    pub fn image(&self) -> Image {
        Image::at(&self.store, self.store.db().snapshot()).unwrap()
    }

    /// Until somebody waits for a lock.
    pub fn wait_for_a_waiter(&self) {
        while self.store.lock_gauges()[1].1 == 0 {
            std::thread::yield_now();
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // The directory may never have been made; that is as good as gone.
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

pub fn text() -> Type {
    Type::Plain(Plain::Text)
}

pub fn column(id: u32, name: &str, kind: Type) -> Column {
    Column {
        id,
        name: name.into(),
        kind: Some(kind),
        ..Column::default()
    }
}

/// Ordered by `id`, with `name` and `note`.
pub fn table(app: AppId, name: &str) -> Table {
    Table {
        app: app.0,
        name: name.into(),
        columns: vec![
            column(1, "id", Type::Plain(Plain::Int8)),
            column(2, "name", text()),
            column(3, "note", text()),
        ],
        next_column: 4,
        key: vec![KeyColumn {
            column: 1,
            ..KeyColumn::default()
        }],
        ..Table::default()
    }
}

pub fn index(app: AppId, name: &str, table: u64, column: u32) -> Index {
    Index {
        app: app.0,
        name: name.into(),
        table,
        columns: vec![KeyColumn {
            column,
            ..KeyColumn::default()
        }],
        ..Index::default()
    }
}

pub fn constraint(name: &str, define: impl FnOnce(&mut Constraint)) -> Constraint {
    let mut constraint = Constraint {
        number: 1 << 20,
        name: name.into(),
        ..Constraint::default()
    };
    define(&mut constraint);
    constraint
}
