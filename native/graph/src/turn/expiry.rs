//! Expiry: the order in which elements expire, and removing those whose time has come.
//!
//! **Invariant.** The order has exactly one entry for each element with an expiry, and entries of dropped apps
//! until they fall due.

use super::{malformed, Turn};
use crate::keys::{self, meta, AppId};
use crate::step::{Step, Stop};
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::sync::atomic::Ordering;

/// What [`Turn::expire_due`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Elements removed.
    pub removed: usize,
    /// Whether more may be due.
    pub more: bool,
}

impl Turn<'_> {
    /// Removes up to `limit` elements whose time has come, soonest first, and reports them as touched. Those
    /// that a transaction has locked are left for later. Then up to `limit` records that dropped hyperedges left behind.
    pub fn expire_due(&mut self, limit: usize) -> Step<Expired> {
        let due = self.due(limit)?;
        let mut done = Expired {
            removed: 0,
            more: due.len() == limit,
        };
        for key in due {
            let (at, app, _, id) = keys::parse_expiry(&key).ok_or_else(|| malformed("expiry"))?;
            let dropped = keys::dropped(app, 0);
            let names_it = self.writer.get(Family::META, &dropped)?.is_none()
                && self.look(app, id)?.and_then(|found| found.expiry()) == Some(at);
            if !names_it {
                // It went with its app: nobody can tell whether the element is still there.
                self.writer.remove(Family::META, &key, &[])?;
                continue;
            }
            match self.remove_element(app, id) {
                Ok(_) => done.removed += 1,
                Err(Stop::Locked(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        done.more |= self.sweep_edges(limit)?;
        Ok(done)
    }

    /// Removes element `id` if its time has come; whether it was there and had.
    pub fn remove_expired(&mut self, app: AppId, id: &[u8]) -> Step<bool> {
        match self.look(app, id)? {
            Some(found) if !self.is_live(&found) => {
                self.remove_element(app, id)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether elements whose time has come are removed without being asked for; for tests of clients.
    pub fn expire_actively(&self, actively: bool) {
        self.store.expires.store(actively, Ordering::Relaxed);
    }

    /// When the next element expires, Unix milliseconds.
    pub fn next_expiry(&self) -> Step<Option<i64>> {
        let all = KeyRange::prefix(&[meta::EXPIRY]);
        let mut walk = self.writer.scan(Family::META, &all, Direction::Forward);
        Ok(match walk.next()? {
            None => None,
            Some((key, _)) => Some(
                keys::parse_expiry(key)
                    .ok_or_else(|| malformed("expiry"))?
                    .0,
            ),
        })
    }

    fn due(&self, limit: usize) -> Step<Vec<Box<[u8]>>> {
        let mut range = KeyRange::prefix(&[meta::EXPIRY]);
        if let Some(after) = self.now_ms.checked_add(1) {
            let mut end = vec![meta::EXPIRY];
            end.extend_from_slice(&keys::order_i64(after));
            range.end = std::ops::Bound::Excluded(end);
        }
        let mut due = Vec::new();
        let mut walk = self.writer.scan(Family::META, &range, Direction::Forward);
        while due.len() < limit {
            match walk.next()? {
                Some((key, _)) => due.push(key.into()),
                None => break,
            }
        }
        Ok(due)
    }

    /// Moves the element that the memo is at in the order of expiry.
    #[inline]
    pub(super) fn order_expiry(
        &mut self,
        app: AppId,
        old: Option<i64>,
        new: Option<i64>,
    ) -> Step<()> {
        if old == new {
            return Ok(());
        }
        let memo = self.memo.get_mut();
        let (hash, id) = memo.place();
        if let Some(at) = old {
            let key = keys::expiry(at, app, hash, id);
            self.writer.remove(Family::META, &key, &[])?;
        }
        if let Some(at) = new {
            let key = keys::expiry(at, app, hash, id);
            self.writer.insert(Family::META, &key, &[])?;
        }
        Ok(())
    }
}
