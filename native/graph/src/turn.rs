//! A turn: many commands on the latest state, one commit.
//!
//! **Theory.** The sequencer is held for the whole turn, so commands run one after another and never conflict.
//! A command that stops (missing block, row lock) is taken back by [`Turn::rollback`] and runs again later.
//! All commands of a turn share one commit number and one log record.
//!
//! **Invariant.** Only the methods here write element and member keys; they keep the app's count, the expiry
//! order and the list of dropped collections right, and report every touched id to whoever watches.

use crate::header::{encode_vertex, Header, Kind, Record};
use crate::keys::{self, AppId, KeyBuf};
use crate::sequencer::Intent;
use crate::store::Store;
use crate::{Step, Stop};
use hyperdb_lsm::{Commit, Direction, Error, Family, KeyRange, Result, Scan, Value, Writer};
use std::ops::Bound;

/// A live element as read; [`Element::record`] decodes it.
pub struct Element<'t> {
    raw: Value<'t>,
}

impl Element<'_> {
    /// The decoded record.
    pub fn record(&self) -> Step<Record<'_>> {
        Record::decode(&self.raw).ok_or_else(|| malformed("element"))
    }
}

/// See the module's head.
pub struct Turn<'s> {
    store: &'s Store,
    writer: Writer<'s>,
    now_ms: i64,
    /// Ids touched since the last [`Turn::take_touched`], if [`Turn::observe`] is on.
    touched: Vec<(AppId, Box<[u8]>)>,
    touched_mark: usize,
    observing: bool,
    /// Whether transactions held locks when the turn began; see [`crate::sequencer`] for why that is enough.
    locks_held: bool,
}

impl<'s> Turn<'s> {
    pub(crate) fn new(store: &'s Store, writer: Writer<'s>, now_ms: i64) -> Self {
        Self {
            store,
            writer,
            now_ms,
            touched: Vec::new(),
            touched_mark: 0,
            observing: false,
            locks_held: store.sequencer.any_locks(),
        }
    }

    /// The turn's time, Unix milliseconds: one clock reading for all its commands.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Records touched ids from here on (for WATCH, blocked clients, notifications).
    pub fn observe(&mut self, on: bool) {
        self.observing = on;
    }

    /// The ids touched by commands that were not taken back, in order, with repetitions.
    pub fn take_touched(&mut self) -> Vec<(AppId, Box<[u8]>)> {
        self.touched_mark = 0;
        std::mem::take(&mut self.touched)
    }

    /// Marks the start of a command.
    pub fn savepoint(&mut self) {
        self.writer.savepoint();
        self.touched_mark = self.touched.len();
    }

    /// Takes back the command since [`Turn::savepoint`].
    pub fn rollback(&mut self) {
        self.writer.rollback();
        self.touched.truncate(self.touched_mark);
    }

    /// Commits what the turn's commands did; see [`Writer::commit`] for when to acknowledge.
    pub fn commit(&mut self) -> Result<Commit> {
        self.writer.commit()
    }

    /// The place of `bytes` in an unordered space of this store.
    #[inline]
    pub fn hash64(&self, bytes: &[u8]) -> u64 {
        self.store.hash.hash64(bytes)
    }

    fn element_key(&self, app: AppId, id: &[u8]) -> KeyBuf {
        keys::element(app, self.hash64(id), id)
    }

    /// The live element `id`, or `None` if absent or expired.
    pub fn element(&self, app: AppId, id: &[u8]) -> Step<Option<Element<'_>>> {
        let Some(raw) = self.writer.get(Family::DATA, &self.element_key(app, id))? else {
            return Ok(None);
        };
        let element = Element { raw };
        let expired = matches!(element.record()?.expiry(), Some(at) if at <= self.now_ms);
        Ok(if expired { None } else { Some(element) })
    }

    /// The commit that last added or removed `id`, expired or not; `None` if nothing is known of it.
    pub fn version(&self, app: AppId, id: &[u8]) -> Step<Option<Commit>> {
        Ok(self
            .writer
            .version(Family::DATA, &self.element_key(app, id))?)
    }

    /// The header of hyperedge `id`, or `None` if there is no live element, or `Some(Err(kind))` if it is
    /// another kind than `kind` (Redis's WRONGTYPE).
    pub fn edge(
        &self,
        app: AppId,
        id: &[u8],
        kind: Kind,
    ) -> Step<Option<std::result::Result<Header, Kind>>> {
        let Some(element) = self.element(app, id)? else {
            return Ok(None);
        };
        Ok(Some(match element.record()? {
            Record::Edge(header) if header.kind == kind => Ok(header),
            other => Err(other.kind()),
        }))
    }

    /// Adds vertex `id`, replacing whatever the id named.
    pub fn put_vertex(
        &mut self,
        app: AppId,
        id: &[u8],
        value: &[u8],
        expiry: Option<i64>,
    ) -> Step<()> {
        let mut record = Vec::with_capacity(value.len() + 10);
        encode_vertex(value, expiry, &mut record);
        self.retire(app, id)?;
        self.write_element(app, id, &record, expiry)
    }

    /// Adds a new, empty hyperedge `id`, replacing whatever the id named; returns its header.
    ///
    /// The caller writes members and then [`Turn::put_header`]; an empty one is removed by its commands.
    pub fn create_edge(&mut self, app: AppId, id: &[u8], kind: Kind) -> Step<Header> {
        self.retire(app, id)?;
        let header = Header::new(kind, self.store.allocate_cid(&mut self.writer)?);
        self.put_header(app, id, &header)?;
        Ok(header)
    }

    /// Writes the header of a live hyperedge back; to be called after every change of its members, even when
    /// the header's fields are equal: its version tells watchers and caches that the members changed.
    pub fn put_header(&mut self, app: AppId, id: &[u8], header: &Header) -> Step<()> {
        let (bytes, len) = header.encode();
        self.touch(app, id);
        self.put(Family::DATA, &self.element_key(app, id), &bytes[..len])
    }

    /// Removes element `id` with all its members, in O(1); whether a live one was there.
    pub fn remove_element(&mut self, app: AppId, id: &[u8]) -> Step<bool> {
        let live = self.element(app, id)?.is_some();
        if let Some(kind) = self.retire(app, id)? {
            self.touch(app, id);
            self.remove(Family::DATA, &self.element_key(app, id), &[kind as u8])?;
        }
        Ok(live)
    }

    /// Sets or clears the expiry of a live element; whether there was one.
    pub fn set_expiry(&mut self, app: AppId, id: &[u8], expiry: Option<i64>) -> Step<bool> {
        let Some(element) = self.element(app, id)? else {
            return Ok(false);
        };
        let mut record = Vec::new();
        match element.record()? {
            Record::Vertex { value, .. } => encode_vertex(value, expiry, &mut record),
            Record::Edge(header) => {
                let (bytes, len) = Header { expiry, ..header }.encode();
                record.extend_from_slice(&bytes[..len]);
            }
        }
        self.write_element(app, id, &record, expiry)?;
        Ok(true)
    }

    /// Gives live element `from` the id `to`, replacing what that named, in O(1): a hyperedge keeps its number,
    /// so its members stay where they are. Whether there was one.
    pub fn move_element(&mut self, app: AppId, from: &[u8], to: &[u8]) -> Step<bool> {
        let Some(element) = self.element(app, from)? else {
            return Ok(false);
        };
        if from == to {
            return Ok(true);
        }
        let record = element.raw.to_vec();
        let (kind, expiry) = {
            let record = element.record()?;
            (record.kind(), record.expiry())
        };
        self.set_expiry(app, from, None)?;
        self.retire(app, to)?;
        self.write_element(app, to, &record, expiry)?;
        self.touch(app, from);
        self.remove(Family::DATA, &self.element_key(app, from), &[kind as u8])?;
        Ok(true)
    }

    /// Value of a member of collection `cid`.
    #[inline]
    pub fn member(&self, app: AppId, cid: u64, member: &[u8]) -> Step<Option<Value<'_>>> {
        let key = keys::member(app, cid, member);
        Ok(self.writer.get(Family::DATA, &key)?)
    }

    /// Adds or replaces a member. The caller keeps the header's count and bytes.
    #[inline]
    pub fn put_member(&mut self, app: AppId, cid: u64, member: &[u8], value: &[u8]) -> Step<()> {
        self.put(Family::DATA, &keys::member(app, cid, member), value)
    }

    /// Adds a member that was just read to be absent. The caller keeps the header's count and bytes.
    #[inline]
    pub fn insert_member(&mut self, app: AppId, cid: u64, member: &[u8], value: &[u8]) -> Step<()> {
        self.insert(Family::DATA, &keys::member(app, cid, member), value)
    }

    /// Removes a member. The caller keeps the header's count and bytes.
    #[inline]
    pub fn remove_member(&mut self, app: AppId, cid: u64, member: &[u8]) -> Step<()> {
        self.remove(Family::DATA, &keys::member(app, cid, member), &[])
    }

    /// Walks members of `cid` whose member keys lie between the bounds.
    pub fn members(
        &self,
        app: AppId,
        cid: u64,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> MemberScan<'_> {
        let prefix = keys::member_prefix(app, cid);
        let whole = KeyRange::prefix(&prefix);
        let join = |part: &[u8]| [&prefix[..], part].concat();
        let range = KeyRange {
            start: match start {
                Bound::Included(key) => Bound::Included(join(key)),
                Bound::Excluded(key) => Bound::Excluded(join(key)),
                Bound::Unbounded => whole.start,
            },
            end: match end {
                Bound::Included(key) => Bound::Included(join(key)),
                Bound::Excluded(key) => Bound::Excluded(join(key)),
                Bound::Unbounded => whole.end,
            },
        };
        MemberScan {
            skip: prefix.len(),
            scan: self.writer.scan(Family::DATA, &range, direction),
        }
    }

    /// Walks all elements of `app` from hash `from` on, in hash order, expired ones included: keys come as
    /// `hash64 id` (8 bytes big endian, then the id), values as element records.
    pub fn elements(&self, app: AppId, from: u64) -> MemberScan<'_> {
        let prefix = keys::element_prefix(app);
        let mut range = KeyRange::prefix(&prefix);
        range.start = Bound::Included([&prefix[..], &from.to_be_bytes()].concat());
        MemberScan {
            skip: prefix.len(),
            scan: self.writer.scan(Family::DATA, &range, Direction::Forward),
        }
    }

    fn write_element(
        &mut self,
        app: AppId,
        id: &[u8],
        record: &[u8],
        _expiry: Option<i64>,
    ) -> Step<()> {
        self.touch(app, id);
        self.put(Family::DATA, &self.element_key(app, id), record)
    }

    /// Prepares the id for another element: drops the old one's members and expiry entry; its kind.
    fn retire(&mut self, app: AppId, id: &[u8]) -> Step<Option<Kind>> {
        let old = match self.writer.get(Family::DATA, &self.element_key(app, id))? {
            Some(raw) => {
                let record = Record::decode(&raw).ok_or_else(|| malformed("element"))?;
                let cid = if let Record::Edge(header) = record {
                    Some(header.cid)
                } else {
                    None
                };
                Some((record.kind(), cid))
            }
            None => None,
        };
        let Some((kind, cid)) = old else {
            return Ok(None);
        };
        if let Some(cid) = cid {
            self.claim(Family::DATA, &self.element_key(app, id), Intent::Drop)?;
            self.put(Family::META, &keys::dropped(app, cid), &[])?;
        }
        Ok(Some(kind))
    }

    #[inline]
    fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        self.claim(family, key, Intent::Change)?;
        Ok(self.writer.put(family, key, value)?)
    }

    #[inline]
    fn insert(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        self.claim(family, key, Intent::Change)?;
        Ok(self.writer.insert(family, key, value)?)
    }

    #[inline]
    fn remove(&mut self, family: Family, key: &[u8], note: &[u8]) -> Step<()> {
        self.claim(family, key, Intent::Drop)?;
        Ok(self.writer.remove(family, key, note)?)
    }

    /// Stops if a transaction's lock is in the way of a write.
    #[inline]
    fn claim(&self, family: Family, key: &[u8], intent: Intent) -> Step<()> {
        if self.locks_held {
            self.store.sequencer.admit(family, key, intent)?;
        }
        Ok(())
    }

    fn touch(&mut self, app: AppId, id: &[u8]) {
        if self.observing {
            self.touched.push((app, id.into()));
        }
    }
}

/// A walk over members or elements; keys come without the collection's prefix.
pub struct MemberScan<'t> {
    skip: usize,
    scan: Scan<'t>,
}

impl MemberScan<'_> {
    /// The next key and value, or `None` at the end.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Step<Option<(&[u8], Value<'_>)>> {
        let skip = self.skip;
        Ok(self.scan.next()?.map(|(key, value)| (&key[skip..], value)))
    }
}

fn malformed(what: &str) -> Stop {
    Stop::Failed(Error::Invalid(format!("malformed {what} record")))
}
