//! A transaction as the space of the hyperedge operations.

use super::scan::TransactionScan;
use super::transaction::Transaction;
use crate::header::{Header, Kind};
use crate::hyperedge::{Space, View, Walk};
use crate::keys::AppId;
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

    fn walk(&self, family: Family, range: KeyRange, direction: Direction) -> Step<Self::Walk<'_>> {
        self.scan(family, range, direction)
    }
}

impl Space for Transaction {
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
        Transaction::put_vertex(self, app, id, value, None)
    }

    fn create_edge(&mut self, app: AppId, id: &[u8], kind: Kind) -> Step<Header> {
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
        Transaction::remove_element(self, app, id)
    }
}
