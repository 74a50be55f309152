//! Whether two values are the same to a client of Redis: the order of what has none does not count.

use super::{collect, reader, Failure};
use crate::rdb::Value;
use hyperdb_graph::hyperedge::View;
use hyperdb_graph::{Reader, Step, Store};
use hyperdb_lsm::Snapshot;
use std::collections::BTreeMap;

/// The value in an order that does not depend on where it comes from.
fn ordered(mut value: Value) -> Value {
    match &mut value {
        Value::Text(_) | Value::List(_) => {}
        Value::Set(members) => members.sort_unstable(),
        Value::Hash(fields) => fields.sort_unstable(),
        Value::SortedSet(members) => {
            // There is one zero.
            members.iter_mut().for_each(|(_, score)| *score += 0.0);
            members.sort_by(|one, other| one.0.cmp(&other.0));
        }
        Value::Stream(stream) => {
            stream
                .groups
                .sort_by(|one, other| one.name.cmp(&other.name));
            for group in &mut stream.groups {
                group
                    .consumers
                    .sort_by(|one, other| one.name.cmp(&other.name));
                for consumer in &mut group.consumers {
                    consumer.pending.sort_unstable();
                }
            }
        }
    }
    value
}

/// Databases of one moment, opened when they are asked for.
pub(super) struct Views<'s> {
    store: &'s Store,
    snapshot: Snapshot,
    open: BTreeMap<u64, Reader>,
}

impl<'s> Views<'s> {
    pub(super) fn now(store: &'s Store) -> Views<'s> {
        Views {
            store,
            snapshot: store.db().snapshot(),
            open: BTreeMap::new(),
        }
    }

    pub(super) fn of(&mut self, db: u64) -> Result<&Reader, Failure> {
        if !self.open.contains_key(&db) {
            let made = reader(self.store, &self.snapshot, db)?;
            self.open.insert(db, made);
        }
        self.open
            .get(&db)
            .ok_or_else(|| Failure::Refused(format!("there is no database {db}")))
    }

    /// Whether a key is there.
    pub(super) fn has(&mut self, db: u64, key: &[u8]) -> Result<bool, Failure> {
        let view = self.of(db)?;
        let Some(app) = view.app() else {
            return Ok(false);
        };
        Ok(hyperdb_graph::hyperedge::record(view, app, key)?.is_some())
    }

    /// Whether a key is there with this value and expiry (`None`: not there).
    pub(super) fn equals(
        &mut self,
        db: u64,
        key: &[u8],
        expected: Option<(Option<i64>, Value)>,
    ) -> Result<bool, Failure> {
        let view = self.of(db)?;
        let expected = expected.filter(|(expiry, _)| view.is_live(*expiry));
        Ok(equals(view, key, expected)?)
    }
}

fn equals(view: &Reader, key: &[u8], expected: Option<(Option<i64>, Value)>) -> Step<bool> {
    let found = match view.app() {
        None => None,
        Some(app) => collect::find(view, app, key)?,
    };
    Ok(match (found, expected) {
        (None, None) => true,
        (Some((expiry, value)), Some((expected_expiry, expected))) => {
            expiry == expected_expiry && ordered(value) == ordered(expected)
        }
        _ => false,
    })
}
