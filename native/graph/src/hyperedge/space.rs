//! What the operations need of whatever keeps the records: a turn, a transaction, or a snapshot to read only.
//!
//! **Theory.** Members and incidence are plain records, written as they are. An element is more than its record: counts of
//! the app, the order of expiry, notes of drops and watchers belong to it, and who keeps them differs (a turn in memory
//! until its commit, a transaction by commutative deltas). So elements have methods of their own here.

use crate::header::{Header, Kind};
use crate::keys::AppId;
use crate::step::Step;
use hyperdb_lsm::{Direction, Family, KeyRange, Value};

/// A walk over live entries in key order.
pub trait Walk {
    /// The next key and value, borrowed until the next call; `None` at the end.
    fn next(&mut self) -> Step<Option<(&[u8], Value<'_>)>>;
}

/// Reading.
pub trait View {
    /// How it walks a range.
    type Walk<'v>: Walk
    where
        Self: 'v;

    /// The place of `bytes` in an unordered space of the store.
    fn hash64(&self, bytes: &[u8]) -> u64;
    /// Whether an element with this expiry (Unix milliseconds) is there.
    fn is_live(&self, expiry: Option<i64>) -> bool;
    /// The value of a key.
    fn get(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>>;
    /// Like [`View::get`] for what is held in another way until the commit (a lock, the collection number of a count),
    /// so that others may change the rest of the record meanwhile.
    fn peek(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        self.get(family, key)
    }
    /// Walks a range.
    fn walk(&self, family: Family, range: KeyRange, direction: Direction) -> Step<Self::Walk<'_>>;
}

/// Reading and writing. Reads see the own writes.
pub trait Space: View {
    /// Keeps element `id`, which a member is about to name, there and of its kind until the commit. A turn is its own
    /// commit, and needs nothing.
    fn refer(&mut self, app: AppId, id: &[u8]) -> Step<()>;
    /// What was decided holds only if element `id` has got no further membership by the commit.
    fn rely_on_memberships(&mut self, app: AppId, id: &[u8]);

    /// Adds or replaces a member or incidence record.
    fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()>;
    /// Like [`Space::put`], for a key just read to be absent.
    fn insert(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()>;
    /// Removes a member or incidence record that is there.
    fn remove(&mut self, family: Family, key: &[u8]) -> Step<()>;

    /// Adds vertex `id` without expiry, replacing whatever the id named.
    fn put_vertex(&mut self, app: AppId, id: &[u8], value: &[u8]) -> Step<()>;
    /// Adds a new, empty hyperedge, replacing whatever the id named.
    fn create_edge(&mut self, app: AppId, id: &[u8], kind: Kind) -> Step<Header>;
    /// The members of live hyperedge `id`, whose header was just read, have changed: `count` more (or fewer) and `bytes`
    /// more (or fewer) of member keys and values. Keeps `header` up to date; the header's version moves even when both
    /// are 0. In a transaction: [`crate::Delta::Members`], and the bytes to the app.
    fn adjust(
        &mut self,
        app: AppId,
        id: &[u8],
        header: &mut Header,
        count: i64,
        bytes: i64,
    ) -> Step<()>;
    /// Removes an element with its members, in O(1); whether a live one was there.
    fn remove_element(&mut self, app: AppId, id: &[u8]) -> Step<bool>;
}
