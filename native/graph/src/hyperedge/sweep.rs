//! After a generic hyperedge was dropped: its incidence records and members go, a batch at a time.
//!
//! **Theory.** Dropping leaves a note with the collection's number and its hyperedge's id; from that moment the incidence
//! records of its members do not count. They lie scattered under the elements referred to and can be found
//! only through the members, so members of such collections are not compaction's to discard: the sweep removes a
//! member together with its incidence record, and at last the note.

use super::member::{decode_incidence, Member};
use super::members::malformed;
use super::space::View;
use crate::keys::{self, meta, AppId};
use crate::step::Step;
use crate::turn::Turn;
use hyperdb_lsm::{Direction, Family, KeyRange};

impl Turn<'_> {
    /// Removes up to `limit` members of dropped generic hyperedges with their incidence records; whether there is more.
    pub fn sweep_edges(&mut self, limit: usize) -> Step<bool> {
        if !self.sweep_is_due() {
            return Ok(false);
        }
        let (mut left, mut swept) = (limit, false);
        while let Some((app, cid, edge)) = self.first_dropped_edge()? {
            let done = self.sweep_edge((app, cid), &edge, &mut left)?;
            if !done {
                return Ok(true);
            }
            let note = keys::dropped_edge(app, cid);
            self.remove(Family::META, &note, &[])?;
            swept = true;
        }
        if !swept {
            // Only a search that changed nothing is sure to stay: the others may be taken back.
            self.sweep_is_done();
        }
        Ok(false)
    }

    fn first_dropped_edge(&self) -> Step<Option<(AppId, u64, Vec<u8>)>> {
        let notes = KeyRange::prefix(&[meta::DROPPED_EDGE]);
        let mut walk = self.walk(Family::META, notes, Direction::Forward)?;
        let Some((key, edge)) = walk.next()? else {
            return Ok(None);
        };
        let (app, cid) = keys::parse_dropped_edge(key).ok_or_else(|| malformed("drop"))?;
        Ok(Some((app, cid, edge.to_vec())))
    }

    /// Whether nothing of it is left.
    fn sweep_edge(
        &mut self,
        (app, cid): (AppId, u64),
        edge: &[u8],
        left: &mut usize,
    ) -> Step<bool> {
        let prefix = keys::member_prefix(app, cid);
        let mut doomed: Vec<(Vec<u8>, Member)> = Vec::new();
        let mut walk = self.walk(Family::DATA, KeyRange::prefix(&prefix), Direction::Forward)?;
        let mut ended = false;
        while doomed.len() < *left {
            let Some((key, value)) = walk.next()? else {
                ended = true;
                break;
            };
            let member = Member::decode(&value).ok_or_else(|| malformed("member"))?;
            doomed.push((key.to_vec(), member));
        }
        drop(walk);
        *left -= doomed.len();
        for (key, member) in doomed {
            if let Some((_, id)) = member.target() {
                let order_key = key.get(prefix.len()..).unwrap_or_default();
                let place = keys::incidence(app, self.hash64(id), id, edge, order_key);
                let names_it = self
                    .read(Family::DATA, &place)?
                    .and_then(|value| decode_incidence(&value))
                    .is_some_and(|(_, found)| found == cid);
                // The hyperedge may have been added again and refer to the same element from the same place.
                if names_it {
                    self.remove(Family::DATA, &place, &[])?;
                }
            }
            self.remove(Family::DATA, &key, &[])?;
        }
        Ok(ended)
    }
}
