//! Keys by their payloads of DUMP: what comes from a running Redis.

use super::batch;
use super::compare::Views;
use super::mark::Mark;
use super::{Failure, Policy, DATABASES};
use crate::rdb::file::{shown, Entry};
use crate::rdb::{self, Refusal};
use crate::scripting::adopt;
use hyperdb_graph::{AppId, Record, Step, Store, Turn};

/// A key, when it expires (Unix milliseconds), and its payload.
pub type Item<'i> = (&'i [u8], Option<i64>, &'i [u8]);

/// What became of keys.
#[derive(Debug, Default)]
pub struct Restored {
    /// Written, those that replaced others included.
    pub written: u64,
    /// Those that replaced others.
    pub replaced: u64,
    /// Kept as they were.
    pub kept: u64,
    /// Left out since their time was over.
    pub expired: u64,
    /// Places of those whose payload has no form here.
    pub refused: Vec<usize>,
}

fn check(store: &Store, db: u64, items: &[Item<'_>]) -> Result<(), Failure> {
    if db >= DATABASES {
        let text = format!(
            "there is no database {db}: there are 0 to {}",
            DATABASES - 1
        );
        return Err(Failure::Refused(text));
    }
    let number = u32::try_from(db).unwrap_or(u32::MAX);
    let row = items
        .iter()
        .find(|(key, ..)| store.prefixes().cover(number, key));
    match row {
        None => Ok(()),
        Some((key, ..)) => Err(Failure::Refused(format!(
            "the key '{}' would be a row of a table (resp_prefix): insert it with SQL, or leave it out by a pattern",
            shown(key)
        ))),
    }
}

/// Writes a record back as it is, so that it is in memory when it changes.
fn keep(turn: &mut Turn<'_>, id: &[u8]) -> Step<()> {
    let old = match turn.element(AppId::SYSTEM, id)? {
        None => Vec::new(),
        Some(element) => match element.record()? {
            Record::Vertex { value, .. } => value.to_vec(),
            Record::Edge(_) => Vec::new(),
        },
    };
    turn.put_vertex(AppId::SYSTEM, id, &old, None)
}

/// Writes keys as commits, the last of which also keeps the record `note` in the system's app (an empty one is removed); `wait`s until
/// they are durable.
pub fn restore(
    store: &Store,
    db: u64,
    items: &[Item<'_>],
    policy: Policy,
    note: Option<(&[u8], &[u8])>,
    wait: bool,
) -> Result<Restored, Failure> {
    check(store, db, items)?;
    let mut done = Restored::default();
    let mut entries = Vec::with_capacity(items.len());
    for (place, (key, expiry, payload)) in items.iter().enumerate() {
        match rdb::parse(payload) {
            Ok(value) => entries.push(Entry {
                at: place as u64,
                db,
                key: key.to_vec(),
                expiry: *expiry,
                value,
            }),
            Err(Refusal::Footer | Refusal::Body) => done.refused.push(place),
        }
    }
    let mut mark = Mark::default();
    let behind = (u64::MAX, db);
    let last = batch::write(
        store,
        &entries,
        policy,
        &mut mark,
        behind,
        &mut |turn, mark| {
            let Some((id, value)) = note else {
                return Ok(());
            };
            if mark.at != behind.0 {
                return keep(turn, id);
            }
            if value.is_empty() {
                return turn.remove_element(AppId::SYSTEM, id).map(drop);
            }
            turn.put_vertex(AppId::SYSTEM, id, value, None)
        },
    )?;
    if wait {
        store.db().wait_durable(last)?;
    }
    done.written = mark.written;
    done.replaced = mark.replaced;
    done.kept = mark.kept;
    done.expired = mark.expired;
    Ok(done)
}

/// Places of the keys that are not in the store as their payloads say; an empty payload says that the key is not there.
pub fn differing(store: &Store, db: u64, items: &[Item<'_>]) -> Result<Vec<usize>, Failure> {
    let mut views = Views::now(store);
    let mut found = Vec::new();
    for (place, (key, expiry, payload)) in items.iter().enumerate() {
        let is_same = if payload.is_empty() {
            views.equals(db, key, None)?
        } else {
            match rdb::parse(payload) {
                Ok(value) => views.equals(db, key, Some((*expiry, value)))?,
                Err(_) => false,
            }
        };
        if !is_same {
            found.push(place);
        }
    }
    Ok(found)
}

/// Adds the libraries of a payload of FUNCTION DUMP; how many.
pub fn adopt_payload(store: &Store, payload: &[u8], policy: Policy) -> Result<u64, Failure> {
    let codes = rdb::parse_functions(payload)
        .map_err(|_| Failure::Refused("the payload of FUNCTION DUMP is malformed".into()))?;
    if codes.is_empty() {
        return Ok(0);
    }
    adopt::adopt(store, &codes, policy)
}
