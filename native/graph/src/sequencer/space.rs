//! A transaction as the space of the hyperedge operations.
//!
//! **Theory.** The hypergraph has rules of its own: a member names what is there, what is named is removed only with its
//! memberships, nothing lies within itself. They hold at every isolation level, as foreign keys do in SQL. What a member
//! names is locked KEY SHARE; the memberships that a removal or a nesting looked at are validated at commit at
//! each level, since nobody can lock what is not there yet. So below SERIALIZABLE, too, such a commit may fail
//! with [`Conflict::Serialization`].

use super::conflict::Conflict;
use super::locks::{LockMode, Wait};
use super::scan::TransactionScan;
use super::transaction::{Locked, Transaction};
use crate::header::{Header, Kind};
use crate::hyperedge::{Space, View, Walk};
use crate::keys::{self, AppId};
use crate::step::Step;
use hyperdb_lsm::{Direction, Family, KeyRange, Value};

impl Walk for TransactionScan<'_> {
    fn next(&mut self) -> Step<Option<(&[u8], Value<'_>)>> {
        TransactionScan::next(self)
    }
}

impl View for Transaction {
    type Walk<'v> = TransactionScan<'v>;

    fn hash64(&self, bytes: &[u8]) -> u64 {
        Transaction::hash64(self, bytes)
    }

    fn is_live(&self, expiry: Option<i64>) -> bool {
        self.lives(expiry)
    }

    fn get(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        Transaction::get(self, family, key)
    }

    fn peek(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        self.get_untracked(family, key)
    }

    fn walk(&self, family: Family, range: KeyRange, direction: Direction) -> Step<Self::Walk<'_>> {
        self.scan(family, range, direction)
    }
}

impl Transaction {
    /// The operations decide on an element before they replace it: so if it is newer than the statement, the statement
    /// has to begin again.
    fn settle(&mut self, app: AppId, id: &[u8]) -> Step<()> {
        match self.lock_element(app, id, LockMode::Update, Wait::Block)? {
            Locked::Changed => Err(Conflict::RowChanged.into()),
            Locked::Unchanged | Locked::Skipped => Ok(()),
        }
    }
}

impl Space for Transaction {
    fn refer(&mut self, app: AppId, id: &[u8]) -> Step<()> {
        self.hold_kind(app, id)
    }

    fn rely_on_memberships(&mut self, app: AppId, id: &[u8]) {
        let prefix = keys::incidence_prefix(app, Transaction::hash64(self, id), id);
        self.rely_on_range(Family::DATA, KeyRange::prefix(&prefix));
    }

    fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        Transaction::put(self, family, key, value)
    }

    fn insert(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        Transaction::insert(self, family, key, value)
    }

    fn remove(&mut self, family: Family, key: &[u8]) -> Step<()> {
        Transaction::remove(self, family, key, &[])
    }

    fn put_vertex(&mut self, app: AppId, id: &[u8], value: &[u8]) -> Step<()> {
        self.settle(app, id)?;
        Transaction::put_vertex(self, app, id, value, None)
    }

    fn create_edge(&mut self, app: AppId, id: &[u8], kind: Kind) -> Step<Header> {
        self.settle(app, id)?;
        Transaction::create_edge(self, app, id, kind)
    }

    fn adjust(
        &mut self,
        app: AppId,
        id: &[u8],
        header: &mut Header,
        count: i64,
        bytes: i64,
    ) -> Step<()> {
        Transaction::adjust(self, app, id, header, count, bytes)
    }

    fn remove_element(&mut self, app: AppId, id: &[u8]) -> Step<bool> {
        self.settle(app, id)?;
        Transaction::remove_element(self, app, id)
    }
}
