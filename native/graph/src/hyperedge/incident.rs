//! From an element to the hyperedges that it is a member of.
//!
//! **Theory.** Records come ordered by hyperedge. One counts if its hyperedge is live and has the collection number that the
//! record carries; the answer for a hyperedge is kept while its records go by.

use super::member::{decode_incidence, Reference};
use super::members::{malformed, record};
use super::space::{View, Walk};
use crate::header::Record;
use crate::keys::{self, AppId};
use crate::step::Step;
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::ops::Bound;

/// One membership of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incidence {
    /// The hyperedge.
    pub edge: Vec<u8>,
    /// Under which order key.
    pub order_key: Vec<u8>,
    /// As what it is referred to.
    pub kind: Reference,
}

/// Up to `limit` memberships of `id`, by hyperedge and order key, behind `after`; whether the element is there or not.
pub fn incident<V: View>(
    view: &V,
    app: AppId,
    id: &[u8],
    after: Option<&Incidence>,
    limit: usize,
) -> Step<Vec<Incidence>> {
    let hash = view.hash64(id);
    let prefix = keys::incidence_prefix(app, hash, id);
    let mut range = KeyRange::prefix(&prefix);
    if let Some(after) = after {
        let key = keys::incidence(app, hash, id, &after.edge, &after.order_key);
        range.start = Bound::Excluded(key);
    }
    let mut walk = view.walk(Family::DATA, range, Direction::Forward)?;
    let mut present: Option<(Vec<u8>, Option<u64>)> = None;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some((key, value)) = walk.next()? else {
            break;
        };
        let rest = key.get(prefix.len()..).unwrap_or_default();
        let (edge, order_key) =
            keys::parse_incidence(rest).ok_or_else(|| malformed("incidence"))?;
        let (kind, cid) = decode_incidence(&value).ok_or_else(|| malformed("incidence"))?;
        let live_cid = match &present {
            Some((known, live)) if *known == edge => *live,
            _ => {
                let live = collection_of(view, app, &edge)?;
                present = Some((edge.clone(), live));
                live
            }
        };
        if live_cid == Some(cid) {
            found.push(Incidence {
                edge,
                order_key: order_key.to_vec(),
                kind,
            });
        }
    }
    Ok(found)
}

/// The collection number of live hyperedge `id`.
fn collection_of<V: View>(view: &V, app: AppId, id: &[u8]) -> Step<Option<u64>> {
    let Some(stored) = record(view, app, id)? else {
        return Ok(None);
    };
    Ok(match stored.record()? {
        Record::Edge(header) => Some(header.cid),
        Record::Vertex { .. } => None,
    })
}
