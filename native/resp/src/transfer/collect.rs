//! Values of Redis as a view of the store has them: without a turn, so that writers go on meanwhile.

use crate::rdb::{StreamGroup, StreamReader, StreamValue, Value};
use hyperdb_graph::hyperedge::{View, Walk};
use hyperdb_graph::stream::{
    consumers_prefix, decode_fields, held_prefix, last_id, name_behind, pending_prefix, Consumer,
    Group, Id, Pending, State, GROUPS, STATE,
};
use hyperdb_graph::{field, keys, AppId, Direction, Error, Family, Header, KeyRange, Kind, Record};
use hyperdb_graph::{Step, Stop};

const DATA: Family = Family::DATA;
/// Bytes of the hash in front of a member, or of its score.
const PLACE: usize = 8;

fn malformed(what: &str) -> Stop {
    Stop::Failed(Error::Invalid(format!("malformed {what}")))
}

/// What lies under a key, and when it expires.
pub(super) fn find<V: View>(
    view: &V,
    app: AppId,
    key: &[u8],
) -> Step<Option<(Option<i64>, Value)>> {
    let place = keys::element(app, view.hash64(key), key);
    let Some(raw) = view.get(DATA, &place)? else {
        return Ok(None);
    };
    let record = Record::decode(&raw).ok_or_else(|| malformed("element"))?;
    if !view.is_live(record.expiry()) {
        return Ok(None);
    }
    let value = of(view, app, &record)?.ok_or_else(|| malformed("kind of a key of Redis"))?;
    Ok(Some((record.expiry(), value)))
}

/// The value of an element; `None` if it has no form of Redis.
pub(super) fn of<V: View>(view: &V, app: AppId, record: &Record<'_>) -> Step<Option<Value>> {
    let header = match record {
        Record::Vertex { value, .. } => return Ok(Some(Value::Text(value.to_vec()))),
        Record::Edge(header) => header,
    };
    Ok(Some(match header.kind {
        Kind::List => Value::List(members(view, app, header.cid, |_, value| {
            Ok(value.to_vec())
        })?),
        Kind::Set => Value::Set(members(view, app, header.cid, |key, _| named(key))?),
        Kind::Hash => Value::Hash(fields(view, app, header)?),
        Kind::SortedSet => Value::SortedSet(members(view, app, header.cid + 1, |key, _| {
            let score = key.first_chunk().ok_or_else(|| malformed("score"))?;
            Ok((named(key)?, keys::unorder_f64(*score)))
        })?),
        Kind::Stream => Value::Stream(stream(view, app, header)?),
        _ => return Ok(None),
    }))
}

fn named(key: &[u8]) -> Step<Vec<u8>> {
    Ok(key
        .get(PLACE..)
        .ok_or_else(|| malformed("member"))?
        .to_vec())
}

/// What `make` makes of each member whose key begins with `prefix`.
fn each<V: View>(
    view: &V,
    (app, cid): (AppId, u64),
    prefix: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Step<()>,
) -> Step<()> {
    let all = keys::member_prefix(app, cid);
    let range = KeyRange::prefix(&[&all[..], prefix].concat());
    let mut walk = view.walk(DATA, range, Direction::Forward)?;
    while let Some((key, value)) = walk.next()? {
        visit(key.get(all.len()..).unwrap_or_default(), &value)?;
    }
    Ok(())
}

fn members<V: View, T>(
    view: &V,
    app: AppId,
    cid: u64,
    mut make: impl FnMut(&[u8], &[u8]) -> Step<T>,
) -> Step<Vec<T>> {
    let mut found = Vec::new();
    each(view, (app, cid), b"", |key, value| {
        found.push(make(key, value)?);
        Ok(())
    })?;
    Ok(found)
}

/// Fields and values; of a small hash in the order of addition.
fn fields<V: View>(view: &V, app: AppId, header: &Header) -> Step<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut found = members(view, app, header.cid, |key, value| {
        let (number, at) = field::split(value)?;
        let value = value.get(at..).unwrap_or_default().to_vec();
        Ok((number, (named(key)?, value)))
    })?;
    if header.head == 0 {
        found.sort_by_key(|(number, _)| *number);
    }
    Ok(found.into_iter().map(|(_, pair)| pair).collect())
}

fn stream<V: View>(view: &V, app: AppId, header: &Header) -> Step<StreamValue> {
    let companion = (app, header.cid + 1);
    let state = match view.get(DATA, &keys::member(app, companion.1, &STATE))? {
        None => State::default(),
        Some(record) => State::decode(&record).ok_or_else(|| malformed("state of a stream"))?,
    };
    let entry = || malformed("entry of a stream");
    let entries = members(view, app, header.cid, |key, record| {
        let id = Id::from_bytes(key).ok_or_else(entry)?;
        let words = decode_fields(record).ok_or_else(entry)?;
        Ok((id, words.into_iter().map(<[u8]>::to_vec).collect()))
    })?;
    let mut names = Vec::new();
    each(view, companion, &GROUPS, |key, record| {
        let group = || malformed("consumer group");
        let name = name_behind(key, &GROUPS).ok_or_else(group)?;
        names.push((name, Group::decode(record).ok_or_else(group)?));
        Ok(())
    })?;
    let mut groups = Vec::new();
    for (name, group) in names {
        let consumers = consumers(view, companion, &name)?;
        groups.push(StreamGroup {
            last: group.last,
            read: group.read,
            consumers,
            name,
        });
    }
    Ok(StreamValue {
        entries,
        last: last_id(header),
        max_removed: state.max_removed,
        added: header.count.saturating_add(state.removed),
        groups,
    })
}

fn consumers<V: View>(view: &V, place: (AppId, u64), group: &[u8]) -> Step<Vec<StreamReader>> {
    let prefix = consumers_prefix(group);
    let mut found = Vec::new();
    each(view, place, &prefix, |key, record| {
        let consumer = || malformed("consumer");
        let name = name_behind(key, &prefix).ok_or_else(consumer)?;
        let told = Consumer::decode(record).ok_or_else(consumer)?;
        found.push(StreamReader {
            name,
            seen: told.seen,
            active: told.active,
            pending: Vec::new(),
        });
        Ok(())
    })?;
    for reader in &mut found {
        let held = held_prefix(group, &reader.name);
        let of_group = pending_prefix(group);
        each(view, place, &held, |key, _| {
            let pending = || malformed("pending entry");
            let id = key.get(held.len()..).ok_or_else(pending)?;
            let whole = keys::member(place.0, place.1, &[&of_group[..], id].concat());
            let record = view.get(DATA, &whole)?.ok_or_else(pending)?;
            let told = Pending::decode(&record).ok_or_else(pending)?;
            let id = Id::from_bytes(id).ok_or_else(pending)?;
            reader.pending.push((id, told.delivered, told.deliveries));
            Ok(())
        })?;
    }
    Ok(found)
}
