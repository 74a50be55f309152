//! Elements: vertices and hyperedges by id.

use super::objects::refuse_rows;
use super::{malformed, Turn};
use crate::apps::Found;
use crate::header::{encode_vertex, Header, Kind, Record};
use crate::keys::{self, AppId, KeyBuf};
use crate::sequencer::Intent;
use crate::step::Step;
use hyperdb_lsm::{Commit, Family, Value, AHEAD};
use std::sync::atomic::Ordering;

/// A live element as read; [`Element::record`] decodes it.
pub struct Element<'t> {
    raw: Value<'t>,
}

impl Element<'_> {
    /// The decoded record.
    #[inline]
    pub fn record(&self) -> Step<Record<'_>> {
        Record::decode(&self.raw).ok_or_else(|| malformed("element"))
    }
}

impl Turn<'_> {
    /// The live element `id`, or `None` if absent or expired.
    pub fn element(&self, app: AppId, id: &[u8]) -> Step<Option<Element<'_>>> {
        let mut memo = self.memo.borrow_mut();
        memo.aim(self.store.hash_key(), app, id);
        if memo.found == Some(None) {
            return Ok(None);
        }
        let Some(raw) = self.writer.get(Family::DATA, memo.key())? else {
            memo.found = Some(None);
            return Ok(None);
        };
        let found = Found::from(&Record::decode(&raw).ok_or_else(|| malformed("element"))?);
        let live = self.is_live(&found);
        memo.found = Some(Some(found));
        Ok(live.then_some(Element { raw }))
    }

    /// Whether there is so much in the store that [`Turn::look_ahead`] is worth its time.
    pub fn is_worth_looking_ahead(&self) -> bool {
        self.writer.is_worth_looking_ahead(Family::DATA)
    }

    /// Brings near what looking these elements up will touch, at most [`AHEAD`] of them; changes nothing that can be seen.
    pub fn look_ahead<'i>(&mut self, elements: impl Iterator<Item = (AppId, &'i [u8])>) {
        let mut built: [KeyBuf; AHEAD] = std::array::from_fn(|_| KeyBuf::new());
        let mut count = 0;
        for ((app, id), key) in elements.zip(&mut built) {
            *key = keys::element(app, self.store.hash_key().hash64(id), id);
            count += 1;
        }
        let mut keys = [&[][..]; AHEAD];
        for (key, built) in keys.iter_mut().zip(&built) {
            *key = built;
        }
        self.writer.look_ahead(Family::DATA, &keys[..count]);
    }

    /// The commit that last added or removed `id`, expired or not; `None` if nothing is known of it.
    pub fn version(&self, app: AppId, id: &[u8]) -> Step<Option<Commit>> {
        let key = keys::element(app, self.hash64(id), id);
        Ok(self.writer.version(Family::DATA, &key)?)
    }

    /// The header of hyperedge `id`, or `None` if there is no live element, or `Some(Err(kind))` if it is
    /// another kind than `kind` (Redis's WRONGTYPE).
    pub fn edge(
        &self,
        app: AppId,
        id: &[u8],
        kind: Kind,
    ) -> Step<Option<std::result::Result<Header, Kind>>> {
        Ok(match self.look(app, id)? {
            Some(found) if self.is_live(&found) => Some(match found {
                Found::Edge(header) if header.kind == kind => Ok(header),
                other => Err(other.kind()),
            }),
            _ => None,
        })
    }

    /// Adds vertex `id`, replacing whatever the id named.
    pub fn put_vertex(
        &mut self,
        app: AppId,
        id: &[u8],
        value: &[u8],
        expiry: Option<i64>,
    ) -> Step<()> {
        let mut record = std::mem::take(&mut self.scratch);
        record.clear();
        encode_vertex(value, expiry, &mut record);
        let len = value.len() as u64;
        let done = self.replace(app, id, &record, Found::Vertex { expiry, len });
        self.scratch = record;
        done
    }

    /// Adds a new, empty hyperedge `id`, replacing whatever the id named; returns its header.
    ///
    /// The caller writes members and then [`Turn::put_header`]; an empty one is removed by its commands.
    pub fn create_edge(&mut self, app: AppId, id: &[u8], kind: Kind) -> Step<Header> {
        let header = Header::new(kind, self.store.numbers.take(kind));
        self.put_header(app, id, &header)?;
        Ok(header)
    }

    /// A new, empty hyperedge that exists only in the returned header: the caller's [`Turn::put_header`] adds it,
    /// replacing whatever the id named. Spares [`Turn::create_edge`]'s write of a header that changes at once.
    #[inline]
    pub fn draft_edge(&self, kind: Kind) -> Header {
        Header::new(kind, self.store.numbers.take(kind))
    }

    /// Writes the header of a live hyperedge back; to be called after every change of its members, even when
    /// the header's fields are equal: its version tells watchers and caches that the members changed.
    pub fn put_header(&mut self, app: AppId, id: &[u8], header: &Header) -> Step<()> {
        let (bytes, len) = header.encode();
        self.replace(app, id, &bytes[..len], Found::Edge(*header))
    }

    /// Removes element `id` with all its members, in O(1); whether a live one was there.
    pub fn remove_element(&mut self, app: AppId, id: &[u8]) -> Step<bool> {
        let Some(found) = self.look(app, id)? else {
            return Ok(false);
        };
        self.claim(Family::DATA, self.memo.borrow().key(), Intent::Drop)?;
        self.drop_members(app, &found, None)?;
        self.erase(app, id, &found)?;
        Ok(self.is_live(&found))
    }

    /// Gives live element `from` the id `to`, replacing what that named, in O(1): a hyperedge keeps its number,
    /// so its members stay where they are. Whether there was one.
    pub fn move_element(&mut self, app: AppId, from: &[u8], to: &[u8]) -> Step<bool> {
        let (record, found) = match self.element(app, from)? {
            None => return Ok(false),
            Some(element) => (element.raw.to_vec(), Found::from(&element.record()?)),
        };
        if from != to {
            refuse_rows(found.kind())?;
            self.claim(Family::DATA, self.memo.borrow().key(), Intent::Drop)?;
            self.erase(app, from, &found)?;
            self.replace(app, to, &record, found)?;
        }
        Ok(true)
    }

    /// Ends a change of members: writes the header, or removes the element if no member is left (then there is
    /// nothing for compaction to look for).
    pub fn close_edge(&mut self, app: AppId, id: &[u8], header: &Header) -> Step<()> {
        self.put_header(app, id, header)?;
        if header.count == 0 {
            self.remove_element(app, id)?;
        }
        Ok(())
    }

    /// Sets or clears the expiry of a live element; whether there was one.
    pub fn set_expiry(&mut self, app: AppId, id: &[u8], expiry: Option<i64>) -> Step<bool> {
        let mut record = std::mem::take(&mut self.scratch);
        record.clear();
        let new = self.with_expiry(app, id, expiry, &mut record);
        let done = match new {
            Ok(Some(new)) => self.replace(app, id, &record, new).map(|()| true),
            Ok(None) => Ok(false),
            Err(stop) => Err(stop),
        };
        self.scratch = record;
        done
    }

    /// Appends the record of `id` with another expiry to `out`.
    fn with_expiry(
        &self,
        app: AppId,
        id: &[u8],
        expiry: Option<i64>,
        out: &mut Vec<u8>,
    ) -> Step<Option<Found>> {
        let Some(element) = self.element(app, id)? else {
            return Ok(None);
        };
        Ok(Some(match element.record()? {
            Record::Vertex { value, .. } => {
                encode_vertex(value, expiry, out);
                let len = value.len() as u64;
                Found::Vertex { expiry, len }
            }
            Record::Edge(header) => {
                refuse_rows(header.kind)?;
                let header = Header { expiry, ..header };
                let (bytes, len) = header.encode();
                out.extend_from_slice(&bytes[..len]);
                Found::Edge(header)
            }
        }))
    }

    /// Whether the element `id` is there, if that is what was looked up last.
    #[inline]
    pub fn looked_at(&self, app: AppId, id: &[u8]) -> Option<bool> {
        let memo = self.memo.borrow();
        let found = memo.is_at(app, id).then_some(memo.found)??;
        Some(found.is_some_and(|found| self.is_live(&found)))
    }

    #[inline]
    pub(super) fn is_live(&self, found: &Found) -> bool {
        found.expiry().is_none_or(|at| at > self.now_ms)
    }

    /// What the id names, expired or not; the memo is at it afterwards.
    #[inline]
    pub(super) fn look(&self, app: AppId, id: &[u8]) -> Step<Option<Found>> {
        let mut memo = self.memo.borrow_mut();
        memo.aim(self.store.hash_key(), app, id);
        if let Some(found) = memo.found {
            return Ok(found);
        }
        let found = match self.writer.get(Family::DATA, memo.key())? {
            None => None,
            Some(raw) => {
                let record = Record::decode(&raw).ok_or_else(|| malformed("element"))?;
                Some(Found::from(&record))
            }
        };
        memo.found = Some(found);
        Ok(found)
    }

    /// Removes the record of the element that the memo is at; its members are the caller's.
    fn erase(&mut self, app: AppId, id: &[u8], found: &Found) -> Step<()> {
        self.account(app)?.replace(id.len(), Some(found), None);
        self.order_expiry(app, found.expiry(), None)?;
        self.touch(app, id);
        let memo = self.memo.get_mut();
        self.writer
            .remove(Family::DATA, memo.key(), &[found.kind() as u8])?;
        memo.found = Some(None);
        Ok(())
    }

    /// The one place where element records are written.
    fn replace(&mut self, app: AppId, id: &[u8], record: &[u8], new: Found) -> Step<()> {
        let old = self.look(app, id)?;
        self.account(app)?
            .replace(id.len(), old.as_ref(), Some(&new));
        let old_expiry = old.and_then(|old| old.expiry());
        self.order_expiry(app, old_expiry, new.expiry())?;
        if let Some(old) = &old {
            self.drop_members(app, old, Some(&new))?;
        }
        self.touch(app, id);
        let memo = self.memo.get_mut();
        if self.locks_held {
            self.store
                .sequencer
                .admit(Family::DATA, memo.key(), Intent::Change)?;
        }
        match old {
            None => self.writer.insert(Family::DATA, memo.key(), record)?,
            Some(_) => self.writer.put(Family::DATA, memo.key(), record)?,
        }
        memo.found = Some(Some(new));
        Ok(())
    }

    /// Notes that the members of `old` are gone, unless `new` is the same incarnation or there were none.
    #[inline]
    fn drop_members(&mut self, app: AppId, old: &Found, new: Option<&Found>) -> Step<()> {
        let Found::Edge(old) = old else {
            return Ok(());
        };
        if matches!(new, Some(Found::Edge(new)) if new.cid == old.cid) {
            return Ok(());
        }
        refuse_rows(old.kind)?;
        // A stream without entries may still have consumer groups.
        if old.count == 0 && old.kind != Kind::Stream {
            return Ok(());
        }
        self.claim(Family::DATA, self.memo.borrow().key(), Intent::Drop)?;
        if old.kind == Kind::Edge {
            // Its members lead to its incidence records, so they are not left to compaction.
            let key = keys::dropped_edge(app, old.cid);
            let memo = self.memo.borrow();
            self.writer.put(Family::META, &key, memo.place().1)?;
            self.store.unswept.store(true, Ordering::Relaxed);
            return Ok(());
        }
        self.writer
            .put(Family::META, &keys::dropped(app, old.cid), &[])?;
        self.dropped.push((app, old.cid));
        if self.store.ranks.any() {
            self.store.ranks.forget((app, old.cid + 1));
        }
        Ok(())
    }
}
