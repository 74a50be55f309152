//! Elements in a transaction: the rules of a turn's element methods, over rows that are locked and buffered.
//!
//! **Theory.** An element's row lock covers all that goes with it: its place in the order of expiry and the note
//! that its members were dropped. What its app holds changes by a commutative [`Delta`], so two transactions that
//! add elements to one app do not meet; the lock of that delta on the app's header keeps the app from being
//! flushed under them.
//!
//! **Invariant.** A row is locked first and looked at then, so what is replaced is the newest, whatever the
//! snapshot shows. An app number is good at commit only if its name still means it: opening an app pins the name.

use super::delta::Delta;
use super::locks::{LockMode, Target, Wait};
use super::options::Access;
use super::transaction::{Locked, Transaction};
use crate::apps::{AppStats, Class, Found};
use crate::header::{encode_vertex, Header, Kind, Record};
use crate::keys::{self, AppId};
use crate::step::Step;
use crate::store::Store;
use crate::turn::{directory_entry, directory_id, malformed, refuse_rows};
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::ops::Bound;

const DATA: Family = Family::DATA;

impl Transaction {
    /// The app called `name`, made at once and for everybody if there is none; `None` if there is none and the
    /// transaction only reads. The app cannot be flushed until the transaction ends.
    ///
    /// # Errors
    /// As [`Transaction::lock`]; the commit fails if the name means another app by then.
    pub fn app(&mut self, store: &Store, name: &[u8]) -> Step<Option<AppId>> {
        let options = self.options();
        let id = directory_id(name);
        let key = keys::element(AppId::SYSTEM, self.hash64(&id), &id);
        let known = self.get_untracked(DATA, &key)?.map(|raw| {
            let record = Record::decode(&raw).ok_or_else(|| malformed("directory"))?;
            directory_entry(&record)
        });
        let reads_only = options.access == Access::ReadOnly;
        let (app, since) = match known.transpose()? {
            Some(app) => (app, self.snapshot().commit()),
            None if reads_only => return Ok(None),
            None => store.run(options.now_ms, options.lock_timeout, |turn| turn.app(name))?,
        };
        if !reads_only {
            self.pin_since(DATA, &key, since);
            let header = Target::row(DATA, &keys::app_header(app));
            self.lock(header, LockMode::KeyShare, Wait::Block)?;
        }
        Ok(Some(app))
    }

    /// What `app` holds, with what this transaction has done. Never part of the read set.
    pub fn app_stats(&self, app: AppId) -> Step<AppStats> {
        match self.get_untracked(DATA, &keys::app_header(app))? {
            None => Ok(AppStats::default()),
            Some(raw) => AppStats::decode(&raw).ok_or_else(|| malformed("app")),
        }
    }

    /// What `read` makes of the live element `id`; `None` if it is absent or has expired.
    pub fn element<T>(
        &self,
        app: AppId,
        id: &[u8],
        read: impl FnOnce(&Record<'_>) -> T,
    ) -> Step<Option<T>> {
        let key = keys::element(app, self.hash64(id), id);
        let Some(raw) = self.get(DATA, &key)? else {
            return Ok(None);
        };
        let record = Record::decode(&raw).ok_or_else(|| malformed("element"))?;
        Ok(self.lives(record.expiry()).then(|| read(&record)))
    }

    /// Up to `limit` live elements of `app` in hash order, as their places (hash64 BE, id) and kinds, behind the
    /// place `after`. Fewer than `limit` only at the end.
    pub fn elements(
        &self,
        app: AppId,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Step<Vec<(Box<[u8]>, Kind)>> {
        let prefix = keys::element_prefix(app);
        let mut range = KeyRange::prefix(&prefix);
        if let Some(after) = after {
            range.start = Bound::Excluded([&prefix[..], after].concat());
        }
        let mut found = Vec::new();
        let mut walk = self.scan(DATA, range, Direction::Forward)?;
        while found.len() < limit {
            let Some((key, raw)) = walk.next()? else {
                break;
            };
            let record = Record::decode(&raw).ok_or_else(|| malformed("element"))?;
            if self.lives(record.expiry()) {
                found.push((key[prefix.len()..].into(), record.kind()));
            }
        }
        Ok(found)
    }

    /// Locks the row of element `id`, whether or not it is there.
    ///
    /// # Errors
    /// As [`Transaction::lock`].
    pub fn lock_element(
        &mut self,
        app: AppId,
        id: &[u8],
        mode: LockMode,
        wait: Wait,
    ) -> Step<Locked> {
        let key = keys::element(app, self.hash64(id), id);
        self.lock(Target::row(DATA, &key), mode, wait)
    }

    /// Keeps element `id`, if the statement sees it, there and of its kind until the end; its content may change.
    ///
    /// # Errors
    /// As [`Transaction::lock`]; [`Conflict::RowChanged`] or [`Conflict::Serialization`] if it has gone already.
    pub fn hold_kind(&mut self, app: AppId, id: &[u8]) -> Step<()> {
        let key = keys::element(app, self.hash64(id), id);
        self.lock(Target::row(DATA, &key), LockMode::KeyShare, Wait::Block)?;
        if self.writes(DATA, &key) {
            return Ok(());
        }
        let kind = |raw: &[u8]| Record::decode(raw).map(|record| record.kind());
        let seen = self.get_untracked(DATA, &key)?.and_then(|raw| kind(&raw));
        let since = self.snapshot().commit();
        let newest = self.newest(DATA, &key, since)?;
        match newest {
            Some((_, newest)) if seen.is_some() && newest.as_deref().and_then(kind) != seen => {
                Err(self.row_changed("another transaction removed what a member names"))
            }
            _ => Ok(()),
        }
    }

    /// Adds vertex `id`, replacing whatever the id named.
    ///
    /// # Errors
    /// As [`Transaction::put`]. After an error, go back to a savepoint or a statement's begin.
    pub fn put_vertex(
        &mut self,
        app: AppId,
        id: &[u8],
        value: &[u8],
        expiry: Option<i64>,
    ) -> Step<()> {
        let mut record = Vec::new();
        encode_vertex(value, expiry, &mut record);
        let len = value.len() as u64;
        self.replace(app, id, &record, Found::Vertex { expiry, len })
    }

    /// Adds a new, empty hyperedge `id`, replacing whatever the id named; returns its header.
    ///
    /// # Errors
    /// As [`Transaction::put_vertex`].
    pub fn create_edge(&mut self, app: AppId, id: &[u8], kind: Kind) -> Step<Header> {
        let header = Header::new(kind, self.sequencer().shared.numbers.take(kind));
        self.put_header(app, id, &header)?;
        Ok(header)
    }

    /// Writes the header of a live hyperedge back, after changes of its members.
    ///
    /// # Errors
    /// As [`Transaction::put_vertex`].
    pub fn put_header(&mut self, app: AppId, id: &[u8], header: &Header) -> Step<()> {
        let (bytes, len) = header.encode();
        self.replace(app, id, &bytes[..len], Found::Edge(*header))
    }

    /// The members of live hyperedge `id` have changed: `count` and `bytes` more, or fewer. Commutes with others'
    /// changes; `header` is kept up to date as far as this transaction can know.
    ///
    /// # Errors
    /// As [`Transaction::add_delta`]; the commit fails if the hyperedge was dropped by then.
    pub fn adjust(
        &mut self,
        app: AppId,
        id: &[u8],
        header: &mut Header,
        count: i64,
        bytes: i64,
    ) -> Step<()> {
        header.count = header.count.wrapping_add_signed(count);
        header.bytes = header.bytes.wrapping_add_signed(bytes);
        let cid = header.cid;
        let key = keys::element(app, self.hash64(id), id);
        self.add_delta(DATA, &key, Delta::Members { cid, count, bytes })?;
        if bytes == 0 {
            return Ok(());
        }
        let mut change = AppStats::default();
        change.add_bytes(Class::of(header.kind), bytes);
        self.add_delta(DATA, &keys::app_header(app), Delta::App(Box::new(change)))
    }

    /// Removes element `id` with all its members, in O(1); whether a live one was there.
    ///
    /// # Errors
    /// As [`Transaction::put_vertex`]; rows of a table are refused.
    pub fn remove_element(&mut self, app: AppId, id: &[u8]) -> Step<bool> {
        let key = keys::element(app, self.hash64(id), id);
        if let Some(old) = self.claim_element(&key)? {
            refuse_rows(old.kind())?;
        }
        self.remove_any(app, id)
    }

    /// Like [`Transaction::remove_element`], rows of tables included: for the catalog, which drops their definition too.
    pub(crate) fn remove_any(&mut self, app: AppId, id: &[u8]) -> Step<bool> {
        let hash = self.hash64(id);
        let key = keys::element(app, hash, id);
        let Some(old) = self.claim_element(&key)? else {
            return Ok(false);
        };
        self.count(app, id.len(), Some(&old), None)?;
        self.order_expiry(app, hash, id, old.expiry(), None)?;
        self.drop_members(app, id, &old, None)?;
        self.remove(DATA, &key, &[old.kind() as u8])?;
        Ok(self.lives(old.expiry()))
    }

    /// The one place where element records are written.
    fn replace(&mut self, app: AppId, id: &[u8], record: &[u8], new: Found) -> Step<()> {
        let hash = self.hash64(id);
        let key = keys::element(app, hash, id);
        let old = self.claim_element(&key)?;
        self.count(app, id.len(), old.as_ref(), Some(&new))?;
        let old_expiry = old.and_then(|old| old.expiry());
        self.order_expiry(app, hash, id, old_expiry, new.expiry())?;
        match old {
            None => self.insert(DATA, &key, record),
            Some(old) => {
                match (&old, &new) {
                    (Found::Edge(old), Found::Edge(new)) if old.cid == new.cid => {}
                    (old, _) => refuse_rows(old.kind())?,
                }
                self.drop_members(app, id, &old, Some(&new))?;
                self.put(DATA, &key, record)
            }
        }
    }

    /// Locks an element's row and looks at its newest record, expired or not.
    fn claim_element(&mut self, key: &[u8]) -> Step<Option<Found>> {
        self.lock(Target::row(DATA, key), LockMode::Update, Wait::Block)?;
        let Some(raw) = self.get_untracked(DATA, key)? else {
            return Ok(None);
        };
        let record = Record::decode(&raw).ok_or_else(|| malformed("element"))?;
        Ok(Some(Found::from(&record)))
    }

    fn count(
        &mut self,
        app: AppId,
        id_len: usize,
        old: Option<&Found>,
        new: Option<&Found>,
    ) -> Step<()> {
        let mut change = AppStats::default();
        change.replace(id_len, old, new);
        if change == AppStats::default() {
            return Ok(());
        }
        self.add_delta(DATA, &keys::app_header(app), Delta::App(Box::new(change)))
    }

    fn order_expiry(
        &mut self,
        app: AppId,
        hash: u64,
        id: &[u8],
        old: Option<i64>,
        new: Option<i64>,
    ) -> Step<()> {
        if old == new {
            return Ok(());
        }
        if let Some(at) = old {
            self.remove(Family::META, &keys::expiry(at, app, hash, id), &[])?;
        }
        if let Some(at) = new {
            self.put(Family::META, &keys::expiry(at, app, hash, id), &[])?;
        }
        Ok(())
    }

    /// Notes that the members of `old` are gone, unless `new` is the same incarnation or there were none.
    fn drop_members(
        &mut self,
        app: AppId,
        id: &[u8],
        old: &Found,
        new: Option<&Found>,
    ) -> Step<()> {
        match (old, new) {
            (Found::Vertex { .. }, _) => Ok(()),
            (Found::Edge(old), Some(Found::Edge(new))) if old.cid == new.cid => Ok(()),
            // A stream without entries may still have consumer groups.
            (Found::Edge(old), _) if old.count == 0 && old.kind != Kind::Stream => Ok(()),
            // Its members lead to its incidence records, so they are not left to compaction.
            (Found::Edge(old), _) if old.kind == Kind::Edge => {
                self.put(Family::META, &keys::dropped_edge(app, old.cid), id)
            }
            (Found::Edge(old), _) => self.put(Family::META, &keys::dropped(app, old.cid), &[]),
        }
    }

    pub(crate) fn hash64(&self, bytes: &[u8]) -> u64 {
        self.sequencer().shared.hash_key.hash64(bytes)
    }

    pub(super) fn lives(&self, expiry: Option<i64>) -> bool {
        expiry.is_none_or(|at| at > self.options().now_ms)
    }
}
