//! A turn as the space of the operations.

use super::space::{Space, View, Walk};
use crate::header::{Header, Kind};
use crate::keys::AppId;
use crate::step::Step;
use crate::turn::Turn;
use hyperdb_lsm::{Direction, Family, KeyRange, Scan, Value};

impl Walk for Scan<'_> {
    fn next(&mut self) -> Step<Option<(&[u8], Value<'_>)>> {
        Ok(Scan::next(self)?)
    }
}

impl View for Turn<'_> {
    type Walk<'v>
        = Scan<'v>
    where
        Self: 'v;

    fn hash64(&self, bytes: &[u8]) -> u64 {
        Turn::hash64(self, bytes)
    }

    fn is_live(&self, expiry: Option<i64>) -> bool {
        expiry.is_none_or(|at| at > self.now_ms())
    }

    fn get(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        self.read(family, key)
    }

    fn walk(&self, family: Family, range: KeyRange, direction: Direction) -> Step<Self::Walk<'_>> {
        Ok(self.scan(family, &range, direction))
    }
}

impl Space for Turn<'_> {
    fn refer(&mut self, _: AppId, _: &[u8]) -> Step<()> {
        Ok(())
    }

    fn rely_on_memberships(&mut self, _: AppId, _: &[u8]) {}

    fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        Turn::put(self, family, key, value)
    }

    fn insert(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        Turn::insert(self, family, key, value)
    }

    fn remove(&mut self, family: Family, key: &[u8]) -> Step<()> {
        Turn::remove(self, family, key, &[])
    }

    fn put_vertex(&mut self, app: AppId, id: &[u8], value: &[u8]) -> Step<()> {
        Turn::put_vertex(self, app, id, value, None)
    }

    fn create_edge(&mut self, app: AppId, id: &[u8], kind: Kind) -> Step<Header> {
        Turn::create_edge(self, app, id, kind)
    }

    fn adjust(
        &mut self,
        app: AppId,
        id: &[u8],
        header: &mut Header,
        count: i64,
        bytes: i64,
    ) -> Step<()> {
        header.count = header.count.wrapping_add_signed(count);
        header.bytes = header.bytes.wrapping_add_signed(bytes);
        self.put_header(app, id, header)
    }

    fn remove_element(&mut self, app: AppId, id: &[u8]) -> Step<bool> {
        Turn::remove_element(self, app, id)
    }
}
