//! Libraries of functions without a server: from files and payloads into the store, and out of it.

use super::libraries::{self, Libraries};
use super::shebang;
use crate::command::Abort;
use crate::transfer::{Failure, Policy};
use hyperdb_graph::hyperedge::{View, Walk};
use hyperdb_graph::{keys, Direction, Family, KeyRange, Reader, Record, Step, Stop, Store, Turn};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{SystemTime, UNIX_EPOCH};

/// The app of the libraries.
pub(crate) const APP: &[u8] = libraries::APP;

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Loads libraries within a turn; how many were added.
fn load(turn: &mut Turn<'_>, codes: &[Vec<u8>], policy: Policy) -> Result<u64, Abort> {
    let mut known = Libraries::default();
    known.follow(turn)?;
    let mut added = 0;
    for code in codes {
        let name = shebang::of_library(code)?.name.unwrap_or_default().to_vec();
        if policy == Policy::Keep && known.all().contains_key(&name) {
            continue;
        }
        let number = RandomState::new().hash_one(&name);
        known.load(turn, code, policy == Policy::Replace, number)?;
        added += 1;
    }
    Ok(added)
}

/// Runs [`load`] as a turn, which is committed or taken back.
fn run(store: &Store, codes: &[Vec<u8>], policy: Policy, keep: bool) -> Result<u64, Failure> {
    let run = store.run(now_ms(), None, |turn| {
        let loaded = load(turn, codes, policy);
        if let Err(Abort::Stop(stop)) = loaded {
            return Err(stop);
        }
        if !keep || loaded.is_err() {
            turn.rollback();
        }
        Ok(loaded)
    });
    let (loaded, commit) = run?;
    let added = loaded.map_err(|abort| match abort {
        Abort::Error(text) => {
            Failure::Refused(format!("a library of functions is refused: {text}"))
        }
        Abort::Stop(stop) => Failure::from(stop),
        Abort::Block(_) => Failure::Refused("a library of functions waits".into()),
    })?;
    store.db().wait_durable(commit)?;
    Ok(added)
}

/// Whether libraries can be added.
pub(crate) fn check(store: &Store, codes: &[Vec<u8>], policy: Policy) -> Result<(), Failure> {
    run(store, codes, policy, false).map(drop)
}

/// Adds libraries to the store's, all or none; how many.
pub(crate) fn adopt(store: &Store, codes: &[Vec<u8>], policy: Policy) -> Result<u64, Failure> {
    run(store, codes, policy, true)
}

/// The codes of all libraries, by a view of their app.
pub(crate) fn codes(view: &Reader) -> Step<Vec<Vec<u8>>> {
    let Some(app) = view.app() else {
        return Ok(Vec::new());
    };
    let prefix = keys::element_prefix(app);
    let mut walk = view.walk(Family::DATA, KeyRange::prefix(&prefix), Direction::Forward)?;
    let mut found = Vec::new();
    while let Some((place, raw)) = Walk::next(&mut walk)? {
        let name = place.get(prefix.len() + 8..).unwrap_or_default();
        let malformed = || hyperdb_graph::Error::Invalid("malformed library".into());
        match Record::decode(&raw).ok_or_else(|| Stop::Failed(malformed()))? {
            Record::Vertex { value, .. } if name != libraries::GENERATION => {
                found.push(value.to_vec());
            }
            _ => {}
        }
    }
    Ok(found)
}
