//! The four versioned sets as a transaction sees them: its snapshot's, with its own writes on top.
//!
//! **Theory.** What the transaction wrote has no commit number yet, so it has no version; it stands in the set that it will be in.
//! Pages are cut by place (hash and id), so that a walk may go on after the transaction has written more.

use super::buffer::Pending;
use super::transaction::Transaction;
use crate::header::{Kind, Record};
use crate::keys::{self, AppId};
use crate::reader::Set;
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Commit, Direction, Family, KeyRange, Op};
use std::collections::BTreeMap;
use std::ops::Bound;

/// An element of a versioned set: its place (hash64 BE, id) and its version, `None` if this transaction wrote it.
pub type Change = (Box<[u8]>, Option<Commit>);

impl Transaction {
    /// Up to `limit` elements of `set` in hash order, behind the place `after`; removes are shown if newer than `horizon`.
    /// Fewer than `limit` only at the end.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn changes(
        &self,
        app: AppId,
        set: Set,
        horizon: Commit,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Step<Vec<Change>> {
        let prefix = keys::element_prefix(app);
        let mut range = KeyRange::prefix(&prefix);
        if let Some(after) = after {
            range.start = Bound::Excluded([&prefix[..], after].concat());
        }
        let mut own = self.own_changes(&range)?;
        let mut found: Vec<(Vec<u8>, Option<Commit>)> = Vec::new();
        let (snapshot, ..) = self.layers();
        let mut entries = snapshot.entries(Family::DATA, range.clone(), Direction::Forward);
        while found.len() < limit {
            let Some(entry) = entries.step()? else {
                break;
            };
            if own.contains_key(entry.key) {
                continue;
            }
            let kind = entry.value.first().copied().and_then(Kind::from_code);
            let kind = kind.ok_or_else(|| malformed("element"))?;
            let known = entry.op == Op::Add || entry.version > horizon;
            if known && set.takes(kind, entry.op) {
                found.push((entry.key.to_vec(), Some(entry.version)));
            }
        }
        if found.len() == limit {
            if let Some((last, _)) = found.last() {
                own.retain(|key, _| key < last);
            }
        }
        let own = own.into_iter();
        let own = own.filter(|(_, (kind, op))| set.takes(*kind, *op));
        found.extend(own.map(|(key, _)| (key, None)));
        found.sort_unstable();
        found.truncate(limit);
        self.note_range(Family::DATA, range);
        let place = |(key, version): (Vec<u8>, _)| (key[prefix.len()..].into(), version);
        Ok(found.into_iter().map(place).collect())
    }

    /// The commit that last added or removed element `id`; inside, `None` if this transaction did.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn version(&self, app: AppId, id: &[u8]) -> Step<Option<Option<Commit>>> {
        let key = keys::element(app, self.hash64(id), id);
        let (snapshot, _, pending) = self.layers();
        if pending.get(Family::DATA, &key).is_some() {
            return Ok(Some(None));
        }
        self.note_key(Family::DATA, &key);
        Ok(snapshot.version(Family::DATA, &key)?.map(Some))
    }

    /// What this transaction did to the elements of `range`: kinds, added or removed.
    fn own_changes(&self, range: &KeyRange) -> Step<BTreeMap<Vec<u8>, (Kind, Op)>> {
        let (_, _, pending) = self.layers();
        let mut own = BTreeMap::new();
        for (key, pending) in pending.range(Family::DATA, range) {
            let change = match pending {
                Pending::Put(raw) | Pending::Insert(raw) => {
                    let record = Record::decode(raw).ok_or_else(|| malformed("element"))?;
                    (record.kind(), Op::Add)
                }
                Pending::Remove(note) => {
                    let kind = note.first().copied().and_then(Kind::from_code);
                    (kind.ok_or_else(|| malformed("note"))?, Op::Remove)
                }
                // Only headers of hyperedges are added to among elements.
                Pending::Add(_) => (Kind::Edge, Op::Add),
            };
            own.insert(key.to_vec(), change);
        }
        Ok(own)
    }
}
