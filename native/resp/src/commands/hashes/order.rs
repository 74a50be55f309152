//! The order in which replies show fields: of addition while the hash is small, else of the hashes.

use crate::commands::hash_order::{self, Picks};
use hyperdb_graph::{field, AppId, Header, Step, Turn};

/// Visits all fields with their values.
pub(super) fn each(
    turn: &Turn<'_>,
    app: AppId,
    hash: &Header,
    mut visit: impl FnMut(&[u8], &[u8]),
) -> Step<()> {
    if hash.head == 0 {
        let mut records = Picks::default();
        hash_order::each(turn, app, hash.cid, |field, record| {
            records.push(field, record);
        })?;
        return show(&records, true, visit);
    }
    let mut sound = Ok(());
    hash_order::each(turn, app, hash.cid, |field, record| {
        match field::split(record) {
            Ok((_, at)) => visit(field, &record[at..]),
            Err(stop) => sound = Err(stop),
        }
    })?;
    sound
}

/// Visits fields that were collected with their records: as collected, or in the order of addition.
pub(super) fn show(
    records: &Picks,
    by_addition: bool,
    mut visit: impl FnMut(&[u8], &[u8]),
) -> Step<()> {
    let mut order = Vec::with_capacity(records.len());
    for (i, (_, record)) in records.iter().enumerate() {
        let (number, at) = field::split(record)?;
        order.push((number, i, at));
    }
    if by_addition {
        order.sort_unstable();
    }
    for (_, i, at) in order {
        let (field, record) = records.get(i);
        visit(field, &record[at..]);
    }
    Ok(())
}
