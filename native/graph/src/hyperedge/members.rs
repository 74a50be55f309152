//! Members of a generic hyperedge: adding, removing, reading by order key.
//!
//! **Invariant.** A member record and its incidence record are written and removed by the same call; count and bytes in the
//! header change with them.

use super::member::{encode_incidence, Member, Reference};
use super::nesting::guard;
use super::refusal::{Act, Refusal};
use super::space::{Space, View, Walk};
use crate::header::{Header, Kind, Record};
use crate::keys::{self, AppId};
use crate::step::{Step, Stop};
use hyperdb_lsm::{Direction, Error, Family, KeyRange, Value};
use std::ops::Bound;

/// The record of a live element.
pub struct Stored<'v>(Value<'v>);

impl Stored<'_> {
    /// Decoded.
    pub fn record(&self) -> Step<Record<'_>> {
        Record::decode(&self.0).ok_or_else(|| malformed("element"))
    }
}

/// Which members to read.
#[derive(Clone, Debug)]
pub struct MemberRange {
    /// The first order key.
    pub start: Bound<Vec<u8>>,
    /// Where it ends.
    pub end: Bound<Vec<u8>>,
    /// Which way.
    pub direction: Direction,
}

impl MemberRange {
    /// All of them, ascending.
    pub fn all() -> MemberRange {
        MemberRange {
            start: Bound::Unbounded,
            end: Bound::Unbounded,
            direction: Direction::Forward,
        }
    }

    /// The same range behind order key `last`.
    pub fn go_on(&mut self, last: Vec<u8>) {
        match self.direction {
            Direction::Forward => self.start = Bound::Excluded(last),
            Direction::Reverse => self.end = Bound::Excluded(last),
        }
    }
}

/// The live element `id`, if there is one.
pub fn record<'v, V: View>(view: &'v V, app: AppId, id: &[u8]) -> Step<Option<Stored<'v>>> {
    let key = keys::element(app, view.hash64(id), id);
    live(view, view.get(Family::DATA, &key)?)
}

/// Like [`record`] of what is held in another way ([`View::peek`]); that it is absent counts as read.
fn held_record<'v, V: View>(view: &'v V, app: AppId, id: &[u8]) -> Step<Option<Stored<'v>>> {
    let key = keys::element(app, view.hash64(id), id);
    match live(view, view.peek(Family::DATA, &key)?)? {
        None => record(view, app, id),
        found => Ok(found),
    }
}

fn live<'v, V: View>(view: &V, raw: Option<Value<'v>>) -> Step<Option<Stored<'v>>> {
    let Some(stored) = raw.map(Stored) else {
        return Ok(None);
    };
    let live = view.is_live(stored.record()?.expiry());
    Ok(live.then_some(stored))
}

/// The header of generic hyperedge `id`, if it is there.
///
/// # Errors
/// [`Refusal::WrongKind`].
pub fn header<V: View>(view: &V, app: AppId, id: &[u8]) -> Act<Option<Header>> {
    generic(id, record(view, app, id)?)
}

/// Like [`header`], when [`Space::adjust`] will hold the collection number: others may add members meanwhile.
pub(super) fn held_header<V: View>(view: &V, app: AppId, id: &[u8]) -> Act<Option<Header>> {
    generic(id, held_record(view, app, id)?)
}

fn generic(id: &[u8], stored: Option<Stored<'_>>) -> Act<Option<Header>> {
    let Some(stored) = stored else {
        return Ok(None);
    };
    match stored.record()? {
        Record::Edge(header) if header.kind == Kind::Edge => Ok(Some(header)),
        other => Err(wrong_kind(id, other.kind()).into()),
    }
}

/// The member of collection `cid` under `order_key`.
pub fn member<V: View>(view: &V, app: AppId, cid: u64, order_key: &[u8]) -> Step<Option<Member>> {
    let key = keys::member(app, cid, order_key);
    let raw = view.get(Family::DATA, &key)?;
    raw.map(|raw| decode(&raw)).transpose()
}

/// Up to `limit` members of collection `cid` with their order keys.
pub fn members<V: View>(
    view: &V,
    app: AppId,
    cid: u64,
    range: &MemberRange,
    limit: usize,
) -> Step<Vec<(Vec<u8>, Member)>> {
    let prefix = keys::member_prefix(app, cid);
    let whole = KeyRange::prefix(&prefix);
    let join = |part: &Vec<u8>| [&prefix[..], part].concat();
    let bound = |bound: &Bound<Vec<u8>>, open: Bound<Vec<u8>>| match bound.as_ref().map(join) {
        Bound::Unbounded => open,
        bounded => bounded,
    };
    let range_of_keys = KeyRange {
        start: bound(&range.start, whole.start),
        end: bound(&range.end, whole.end),
    };
    let mut walk = view.walk(Family::DATA, range_of_keys, range.direction)?;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some((key, value)) = walk.next()? else {
            break;
        };
        let order_key = key.get(prefix.len()..).unwrap_or_default();
        found.push((order_key.to_vec(), decode(&value)?));
    }
    Ok(found)
}

/// Adds or replaces members of hyperedge `id`; how many were not there with the same content.
///
/// # Errors
/// [`Refusal::NotFound`], [`Refusal::WrongKind`] for the hyperedge and for what members name, [`Refusal::Cycle`],
/// [`Refusal::TooDeep`]. Members before the refused one are written: take the space back.
pub fn add_members<S: Space>(
    space: &mut S,
    app: AppId,
    id: &[u8],
    members: &[(Vec<u8>, Member)],
) -> Act<u64> {
    let Some(mut header) = held_header(space, app, id)? else {
        return Err(Refusal::NotFound { id: id.to_vec() }.into());
    };
    let (mut changed, mut count, mut bytes) = (0, 0, 0);
    for (order_key, new) in members {
        let old = member(space, app, header.cid, order_key)?;
        if old.as_ref() == Some(new) {
            continue;
        }
        check_target(space, app, id, new)?;
        let key = keys::member(app, header.cid, order_key);
        let record = new.encode();
        match &old {
            None => {
                space.insert(Family::DATA, &key, &record)?;
                count += 1;
                bytes += signed(order_key.len());
            }
            Some(old) => {
                unlink(space, app, id, order_key, old)?;
                space.put(Family::DATA, &key, &record)?;
                bytes -= signed(old.encode().len());
            }
        }
        bytes += signed(record.len());
        link(space, app, (id, header.cid), order_key, new)?;
        changed += 1;
    }
    if changed > 0 {
        space.adjust(app, id, &mut header, count, bytes)?;
    } else {
        // That nothing changed depends on the hyperedge being there.
        self::header(space, app, id)?;
    }
    Ok(changed)
}

/// Removes members of hyperedge `id`; how many were there. None, if the hyperedge is not.
///
/// # Errors
/// [`Refusal::WrongKind`].
pub fn remove_members<S: Space>(
    space: &mut S,
    app: AppId,
    id: &[u8],
    order_keys: &[Vec<u8>],
) -> Act<u64> {
    let Some(mut header) = held_header(space, app, id)? else {
        return Ok(0);
    };
    let (mut removed, mut bytes) = (0, 0);
    for order_key in order_keys {
        let Some(old) = member(space, app, header.cid, order_key)? else {
            continue;
        };
        space.remove(Family::DATA, &keys::member(app, header.cid, order_key))?;
        unlink(space, app, id, order_key, &old)?;
        removed += 1;
        bytes += signed(order_key.len() + old.encode().len());
    }
    if removed > 0 {
        space.adjust(app, id, &mut header, -removed, -bytes)?;
    } else {
        self::header(space, app, id)?;
    }
    Ok(removed.unsigned_abs())
}

/// A reference is taken only to what is there, of its kind, and not so that a cycle arises.
fn check_target<S: Space>(space: &mut S, app: AppId, outer: &[u8], member: &Member) -> Act<()> {
    let Some((kind, id)) = member.target() else {
        return Ok(());
    };
    space.refer(app, id)?;
    let found = match held_record(space, app, id)? {
        None => return Err(Refusal::NotFound { id: id.to_vec() }.into()),
        Some(stored) => stored.record()?.kind(),
    };
    match (kind, found) {
        (Reference::Vertex, Kind::Vertex) => Ok(()),
        (Reference::Vertex, _) | (Reference::Hyperedge, Kind::Vertex) => {
            Err(wrong_kind(id, found).into())
        }
        (Reference::Hyperedge, Kind::Edge) => guard(space, app, id, outer),
        // The other kinds have no reference members, so nothing lies within them.
        (Reference::Hyperedge, _) => Ok(()),
    }
}

fn link<S: Space>(
    space: &mut S,
    app: AppId,
    (edge, cid): (&[u8], u64),
    order_key: &[u8],
    member: &Member,
) -> Step<()> {
    let Some((kind, id)) = member.target() else {
        return Ok(());
    };
    let key = keys::incidence(app, space.hash64(id), id, edge, order_key);
    // One of an earlier incarnation of the hyperedge may still lie there: so no `insert`.
    space.put(Family::DATA, &key, &encode_incidence(kind, cid))
}

fn unlink<S: Space>(
    space: &mut S,
    app: AppId,
    edge: &[u8],
    order_key: &[u8],
    member: &Member,
) -> Step<()> {
    let Some((_, id)) = member.target() else {
        return Ok(());
    };
    let key = keys::incidence(app, space.hash64(id), id, edge, order_key);
    space.remove(Family::DATA, &key)
}

fn signed(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

pub(super) fn wrong_kind(id: &[u8], found: Kind) -> Refusal {
    Refusal::WrongKind {
        id: id.to_vec(),
        found,
    }
}

fn decode(raw: &[u8]) -> Step<Member> {
    Member::decode(raw).ok_or_else(|| malformed("member"))
}

pub(super) fn malformed(what: &str) -> Stop {
    Stop::Failed(Error::Invalid(format!("malformed {what} record")))
}
