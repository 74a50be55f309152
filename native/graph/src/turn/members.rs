//! Members of hyperedges, inline under their collection's number.

use super::Turn;
use crate::header::Header;
use crate::keys::{self, AppId};
use crate::step::Step;
use hyperdb_lsm::{Direction, Family, KeyRange, Scan, Value};
use std::ops::Bound;

/// Whether this is the companion of a collection, which holds its order.
#[inline]
fn is_order(cid: u64) -> bool {
    cid & 1 == 1
}

impl Turn<'_> {
    /// Value of a member of collection `cid`.
    #[inline]
    pub fn member(&self, app: AppId, cid: u64, member: &[u8]) -> Step<Option<Value<'_>>> {
        let key = keys::member(app, cid, member);
        Ok(self.writer.get(Family::DATA, &key)?)
    }

    /// Adds or replaces a member. The caller keeps the header's count and bytes.
    #[inline]
    pub fn put_member(&mut self, app: AppId, cid: u64, member: &[u8], value: &[u8]) -> Step<()> {
        if is_order(cid) && self.store.ranks.any() {
            // Added or replaced: the index cannot know.
            self.store.ranks.forget((app, cid));
        }
        self.put(Family::DATA, &keys::member(app, cid, member), value)
    }

    /// Adds a member that was just read to be absent. The caller keeps the header's count and bytes.
    #[inline]
    pub fn insert_member(&mut self, app: AppId, cid: u64, member: &[u8], value: &[u8]) -> Step<()> {
        self.insert(Family::DATA, &keys::member(app, cid, member), value)?;
        if is_order(cid) && self.store.ranks.any() {
            self.store.ranks.added((app, cid), member);
        }
        Ok(())
    }

    /// Removes a member. The caller keeps the header's count and bytes.
    #[inline]
    pub fn remove_member(&mut self, app: AppId, cid: u64, member: &[u8]) -> Step<()> {
        self.remove(Family::DATA, &keys::member(app, cid, member), &[])?;
        if is_order(cid) && self.store.ranks.any() {
            self.store.ranks.removed((app, cid), member);
        }
        Ok(())
    }

    /// Adds or replaces a member and counts it in `header`; whether it is new.
    #[inline]
    pub fn set_member(
        &mut self,
        app: AppId,
        header: &mut Header,
        member: &[u8],
        value: &[u8],
    ) -> Step<bool> {
        let key = keys::member(app, header.cid, member);
        let old = self.writer.get(Family::DATA, &key)?.map(|old| old.len());
        match old {
            Some(len) => {
                header.bytes = header.bytes.wrapping_sub(len as u64);
                self.put(Family::DATA, &key, value)?;
            }
            None => {
                header.count += 1;
                header.bytes += member.len() as u64;
                self.insert(Family::DATA, &key, value)?;
            }
        }
        header.bytes = header.bytes.wrapping_add(value.len() as u64);
        Ok(old.is_none())
    }

    /// Removes a member and counts it out of `header`; whether it was there.
    #[inline]
    pub fn unset_member(&mut self, app: AppId, header: &mut Header, member: &[u8]) -> Step<bool> {
        let key = keys::member(app, header.cid, member);
        let Some(len) = self.writer.get(Family::DATA, &key)?.map(|old| old.len()) else {
            return Ok(false);
        };
        self.remove(Family::DATA, &key, &[])?;
        header.count = header.count.wrapping_sub(1);
        header.bytes = header.bytes.wrapping_sub((member.len() + len) as u64);
        Ok(true)
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
