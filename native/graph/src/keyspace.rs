//! Redis's keys and their members as rows: what the relations of SQL's schema `redis` are read from.
//!
//! **Theory.** A relation is a walk over the elements of one app, and for collections over the members of each of them. Where
//! a walk goes on is said by the place of the element and the key of the member in it, so nothing is kept between two
//! pages. It is written over [`View`]: a transaction has its own reads validated, a past commit is read the same way.
//!
//! **Invariant.** There is a row for each element that lives by the view's clock, and for each of its members; sorted sets come by
//! (score, member), lists by index, hashes and sets by hash.

use crate::field;
use crate::header::{Header, Kind, Record};
use crate::hyperedge::{View, Walk};
use crate::keys::{self, AppId};
use crate::sequencer::Transaction;
use crate::step::Step;
use crate::stream::{decode_fields, Id};
use crate::turn::{directory_entry, directory_id, malformed};
use crate::AppStats;
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::ops::Bound;

const DATA: Family = Family::DATA;
/// Bytes of the hash in front of an id, a field or a member.
const HASH: usize = 8;

/// A key of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Its bytes.
    pub id: Vec<u8>,
    /// What lies under it.
    pub kind: Kind,
    /// When it expires, Unix milliseconds.
    pub expiry: Option<i64>,
    /// Members; 1 of a string.
    pub count: u64,
    /// Bytes of the value, or of members and their values.
    pub bytes: u64,
    /// The value of a string.
    pub value: Option<Vec<u8>>,
}

/// A member of a collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Of a hash: a field and its value.
    Field(Vec<u8>, Vec<u8>),
    /// Of a set.
    Member(Vec<u8>),
    /// Of a list: index from the head, and the item.
    Item(i64, Vec<u8>),
    /// Of a sorted set.
    Scored(Vec<u8>, f64),
    /// Of a stream: its id, fields and values in turn.
    Entry(Id, Vec<Vec<u8>>),
}

/// Which members of a collection.
#[derive(Clone, Debug, Default)]
pub enum Within {
    /// All.
    #[default]
    All,
    /// The field or member of this name.
    Named(Vec<u8>),
    /// Items from one index to another, both included.
    Indexes(i64, i64),
    /// Members with scores between these, included; what is equal to an end that does not count is left to the caller.
    Scores(f64, f64),
    /// Entries from one id to another, both included.
    Ids(Id, Id),
}

/// Where a walk over members goes on: behind a member of an element.
#[derive(Clone, Debug)]
pub struct After {
    /// hash64 and id of the element.
    pub place: Vec<u8>,
    /// The member's key.
    pub member: Vec<u8>,
}

/// Some members, each with its collection's key, and where to go on; `None` at the end.
#[derive(Debug, Default)]
pub struct MemberPage {
    /// The members.
    pub rows: Vec<(Vec<u8>, Part)>,
    /// Where to go on.
    pub after: Option<After>,
}

impl Transaction {
    /// The app called `name`, if there is one; it is not made, and that it is there or not counts as read.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn find_app(&self, name: &[u8]) -> Step<Option<AppId>> {
        let id = directory_id(name);
        let key = keys::element(AppId::SYSTEM, self.hash64(&id), &id);
        let Some(raw) = self.get(DATA, &key)? else {
            return Ok(None);
        };
        let record = Record::decode(&raw).ok_or_else(|| malformed("directory"))?;
        directory_entry(&record).map(Some)
    }
}

/// Whether a key of a kind is there for who asks. Of one that is not, nothing is read but its record.
pub type Sees<'s> = &'s dyn Fn(Kind, &[u8]) -> bool;

/// Keys that one call looks at: a long walk over keys that are not there for who asks comes back in between.
const MOST_LOOKED_AT: usize = 16_384;

/// The live key `id`.
///
/// # Errors
/// What the view fails with.
pub fn key<V: View>(
    view: &V,
    app: AppId,
    id: &[u8],
    sees: Option<Sees<'_>>,
) -> Step<Option<KeyRow>> {
    let key = keys::element(app, view.hash64(id), id);
    match view.get(DATA, &key)? {
        None => Ok(None),
        Some(raw) => row(view, id, &raw, sees),
    }
}

/// Up to `limit` live keys in hash order behind the place `after`, and where to go on; `None` at the end.
///
/// # Errors
/// What the view fails with.
pub fn keys<V: View>(
    view: &V,
    app: AppId,
    after: Option<&[u8]>,
    limit: usize,
    sees: Option<Sees<'_>>,
) -> Step<(Vec<KeyRow>, Option<Vec<u8>>)> {
    let prefix = keys::element_prefix(app);
    let mut range = KeyRange::prefix(&prefix);
    if let Some(after) = after {
        range.start = Bound::Excluded([&prefix[..], after].concat());
    }
    let mut found = Vec::new();
    let mut looked_at = 0;
    let mut walk = view.walk(DATA, range, Direction::Forward)?;
    while let Some((key, raw)) = walk.next()? {
        let place = key.get(prefix.len()..).unwrap_or_default();
        let id = place.get(HASH..).unwrap_or_default();
        found.extend(row(view, id, &raw, sees)?);
        looked_at += 1;
        if found.len() == limit || looked_at == MOST_LOOKED_AT {
            let place = place.to_vec();
            return Ok((found, Some(place)));
        }
    }
    Ok((found, None))
}

/// How many live keys an app has, if that is known without looking at them: while none of them has an expiry.
///
/// # Errors
/// What the view fails with.
pub fn count<V: View>(view: &V, app: AppId) -> Step<Option<u64>> {
    let Some(raw) = view.get(DATA, &keys::app_header(app))? else {
        return Ok(Some(0));
    };
    let stats = AppStats::decode(&raw).ok_or_else(|| malformed("app"))?;
    Ok((stats.expiring() == 0).then(|| stats.elements()))
}

/// Members of which collections, and how many of them.
pub struct Asked<'a> {
    /// What the collections are.
    pub kind: Kind,
    /// Of the one under this key; `None`: of all.
    pub id: Option<&'a [u8]>,
    /// Which of their members.
    pub within: &'a Within,
    /// Behind this place.
    pub after: Option<&'a After>,
    /// At most so many.
    pub limit: usize,
    /// Which collections are there.
    pub sees: Option<Sees<'a>>,
}

/// Members of collections.
///
/// # Errors
/// What the view fails with.
pub fn members<V: View>(view: &V, app: AppId, asked: &Asked<'_>) -> Step<MemberPage> {
    let Asked {
        kind,
        id,
        within,
        after,
        limit,
        sees,
    } = *asked;
    let hidden = |id: &[u8]| sees.is_some_and(|sees| !sees(kind, id));
    let mut page = MemberPage::default();
    let reading = Reading {
        view,
        app,
        within,
        limit,
    };
    if let Some(id) = id {
        if hidden(id) {
            return Ok(page);
        }
        let key = keys::element(app, view.hash64(id), id);
        if let Some(raw) = view.get(DATA, &key)? {
            let place = [&view.hash64(id).to_be_bytes(), id].concat();
            if let Some(header) = collection(view, &raw, kind)? {
                reading.fill(&place, &header, after, &mut page)?;
            }
        }
        return Ok(page);
    }
    let prefix = keys::element_prefix(app);
    let mut range = KeyRange::prefix(&prefix);
    if let Some(after) = after {
        range.start = Bound::Included([&prefix[..], &after.place].concat());
    }
    let mut walk = view.walk(DATA, range, Direction::Forward)?;
    while page.after.is_none() {
        let Some((key, raw)) = walk.next()? else {
            break;
        };
        if let Some(header) = collection(view, &raw, kind)? {
            let place = key.get(prefix.len()..).unwrap_or_default();
            if hidden(place.get(HASH..).unwrap_or_default()) {
                continue;
            }
            let here = after.filter(|after| after.place == place);
            reading.fill(place, &header, here, &mut page)?;
        }
    }
    Ok(page)
}

fn row<V: View>(view: &V, id: &[u8], raw: &[u8], sees: Option<Sees<'_>>) -> Step<Option<KeyRow>> {
    let record = Record::decode(raw).ok_or_else(|| malformed("element"))?;
    if !view.is_live(record.expiry()) || sees.is_some_and(|sees| !sees(record.kind(), id)) {
        return Ok(None);
    }
    let (count, bytes, value) = match &record {
        Record::Vertex { value, .. } => (1, value.len() as u64, Some(value.to_vec())),
        Record::Edge(header) => (header.count, header.bytes, None),
    };
    Ok(Some(KeyRow {
        id: id.to_vec(),
        kind: record.kind(),
        expiry: record.expiry(),
        count,
        bytes,
        value,
    }))
}

/// The header of a live collection of that kind.
fn collection<V: View>(view: &V, raw: &[u8], kind: Kind) -> Step<Option<Header>> {
    match Record::decode(raw).ok_or_else(|| malformed("element"))? {
        Record::Edge(header) if header.kind == kind && view.is_live(header.expiry) => {
            Ok(Some(header))
        }
        _ => Ok(None),
    }
}

/// What is the same for all collections of one page.
struct Reading<'r, V> {
    view: &'r V,
    app: AppId,
    within: &'r Within,
    limit: usize,
}

impl<V: View> Reading<'_, V> {
    /// Adds members of one collection to a page until it is full.
    fn fill(
        &self,
        place: &[u8],
        header: &Header,
        after: Option<&After>,
        page: &mut MemberPage,
    ) -> Step<()> {
        let by_score = header.kind == Kind::SortedSet && !matches!(self.within, Within::Named(_));
        let cid = header.cid + u64::from(by_score);
        let prefix = keys::member_prefix(self.app, cid);
        let mut range = self.range(&prefix, header);
        if let Some(after) = after {
            range.start = Bound::Excluded([&prefix[..], &after.member].concat());
        }
        let id = place.get(HASH..).unwrap_or_default();
        let mut walk = self.view.walk(DATA, range, Direction::Forward)?;
        while let Some((key, value)) = walk.next()? {
            let member = key.get(prefix.len()..).unwrap_or_default();
            page.rows
                .push((id.to_vec(), part(header, by_score, member, &value)?));
            if page.rows.len() == self.limit {
                page.after = Some(After {
                    place: place.to_vec(),
                    member: member.to_vec(),
                });
                break;
            }
        }
        Ok(())
    }

    fn range(&self, prefix: &[u8], header: &Header) -> KeyRange {
        let from = |part: &[u8]| Bound::Included([prefix, part].concat());
        let whole = KeyRange::prefix(prefix);
        match (self.within, header.kind) {
            (Within::Named(name), Kind::Hash | Kind::Set | Kind::SortedSet) => {
                let key = [&self.view.hash64(name).to_be_bytes(), &name[..]].concat();
                KeyRange {
                    start: from(&key),
                    end: from(&key),
                }
            }
            (Within::Indexes(low, high), Kind::List) => {
                let position = |index: &i64| keys::order_i64(header.head.saturating_add(*index));
                KeyRange {
                    start: from(&position(low)),
                    end: from(&position(high)),
                }
            }
            (Within::Scores(low, high), Kind::SortedSet) => {
                let highest = [prefix, &keys::order_f64(*high)].concat();
                KeyRange {
                    start: from(&keys::order_f64(*low)),
                    end: KeyRange::prefix(&highest).end,
                }
            }
            (Within::Ids(low, high), Kind::Stream) => KeyRange {
                start: from(&low.to_bytes()),
                end: from(&high.to_bytes()),
            },
            _ => whole,
        }
    }
}

fn part(header: &Header, by_score: bool, member: &[u8], value: &[u8]) -> Step<Part> {
    let hashed = || member.get(HASH..).ok_or_else(|| malformed("member"));
    let word = |bytes: &[u8]| -> Step<[u8; 8]> {
        bytes
            .get(..8)
            .and_then(|head| head.try_into().ok())
            .ok_or_else(|| malformed("member"))
    };
    Ok(match header.kind {
        Kind::Hash => {
            let (_, at) = field::split(value)?;
            let value = value.get(at..).unwrap_or_default();
            Part::Field(hashed()?.to_vec(), value.to_vec())
        }
        Kind::List => {
            let position = keys::unorder_i64(word(member)?);
            Part::Item(position.wrapping_sub(header.head), value.to_vec())
        }
        Kind::SortedSet if by_score => {
            Part::Scored(hashed()?.to_vec(), keys::unorder_f64(word(member)?))
        }
        Kind::SortedSet => Part::Scored(hashed()?.to_vec(), f64::from_le_bytes(word(value)?)),
        Kind::Stream => {
            let id = Id::from_bytes(member).ok_or_else(|| malformed("entry"))?;
            let words = decode_fields(value).ok_or_else(|| malformed("entry"))?;
            Part::Entry(id, words.into_iter().map(<[u8]>::to_vec).collect())
        }
        _ => Part::Member(hashed()?.to_vec()),
    })
}
