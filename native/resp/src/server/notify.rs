//! Telling subscribers what happened to keys, and taking in what others than this loop did.
//!
//! **Theory.** What a command did is noted when it is through, and told when its reply is written: a transaction's when all of it is.
//! What others committed comes from the store's list, taken at the begin of a turn.
//!
//! **Invariant.** Nothing is told of what was taken back.

use super::core::Core;
use super::pubsub;
use super::tracking;
use crate::args::Args;
use crate::command::{Abort, Outcome};
use crate::events::{self, Classes, Done, Event, Looked, CHANGED, DEL, EXPIRED, MISS, NEW};
use crate::key_places::keys;
use crate::table::{Flags, RowId};
use hyperdb_graph::{AppId, Turn};
use std::collections::HashSet;

/// An event that waits to be told.
#[derive(Debug)]
pub(crate) struct Told {
    db: u32,
    key: Box<[u8]>,
    event: Event,
}

/// What must be known before a command runs.
pub(crate) struct Before {
    touched: usize,
    absent: HashSet<Box<[u8]>>,
}

/// Looks before a command runs; `None` if nobody wants to hear of anything.
#[inline]
pub(crate) fn before(
    core: &Core,
    turn: &Turn<'_>,
    row: RowId,
    args: Args<'_>,
    app: AppId,
) -> Option<Before> {
    let classes = core.settings.events;
    if !classes.any() {
        return None;
    }
    let table = &core.commands.table;
    let looks = classes.wants(Classes::NEW) && table.row(row).flags.has(Flags::WRITE);
    let absent = if looks {
        let named = keys(table.keys(row), table.row(row).name, args);
        let absent = named
            .into_iter()
            .filter(|key| matches!(turn.element(app, key), Ok(None)));
        absent.map(Into::into).collect()
    } else {
        HashSet::new()
    };
    Some(Before {
        touched: turn.touched().len(),
        absent,
    })
}

/// Whether a command got so far as to look for its keys.
fn has_looked(outcome: &Outcome) -> bool {
    match outcome {
        Ok(()) | Err(Abort::Block(_)) => true,
        Err(Abort::Error(text)) => {
            text.starts_with("ERR no such key") || text.starts_with("NOGROUP")
        }
        Err(Abort::Stop(_)) => false,
    }
}

/// Notes which keys a command did not find.
pub(crate) fn missed(
    core: &mut Core,
    turn: &Turn<'_>,
    row: RowId,
    args: Args<'_>,
    (app, db): (AppId, u32),
    (before, outcome): (&Before, &Outcome),
) {
    let wanted = core.settings.events.wants(Classes::MISS);
    if !wanted || !has_looked(outcome) {
        return;
    }
    let facts = core.commands.table.row(row);
    let named = keys(core.commands.table.keys(row), facts.name, args);
    let count = named.len();
    let looked = match events::looked(facts.name, facts.flags.has(Flags::WRITE), args) {
        Looked::None => 0..0,
        Looked::All => 0..count,
        Looked::First => 0..count.min(1),
        Looked::Sources => count.min(1)..count,
    };
    for key in &named[looked] {
        // One that the command removed was there.
        let is_missing = matches!(turn.element(app, key), Ok(None));
        let touched = turn.touched().get(before.touched..).unwrap_or_default();
        let removed = touched.iter().any(|(at, id)| *at == app && **id == **key);
        if is_missing && !removed {
            note(core, db, (*key).into(), MISS);
        }
    }
}

/// Notes what a command did.
pub(crate) fn after(
    core: &mut Core,
    turn: &Turn<'_>,
    done: Done<'_>,
    (app, db): (AppId, u32),
    mut before: Before,
) {
    let mut told = Vec::new();
    for (at, key, events) in done.happened(turn, before.touched) {
        let found = if at == app {
            Some(db)
        } else {
            find_db(core, turn, at)
        };
        let Some(db) = found else {
            continue;
        };
        // A key is new once, though MSET may name it twice.
        let was_absent = before.absent.remove(&key) || at != app || done.makes_anew(&events);
        let is_new = was_absent && !events.contains(&DEL);
        for event in is_new.then_some(NEW).into_iter().chain(events) {
            told.push(Told {
                db,
                key: key.clone(),
                event,
            });
        }
    }
    if done.names_new_first() {
        told.sort_by_key(|told| told.event != NEW);
    }
    for Told { db, key, event } in told {
        note(core, db, key, event);
    }
}

fn note(core: &mut Core, db: u32, key: Box<[u8]>, event: Event) {
    if core.settings.events.wants(event.class) {
        core.told.push(Told { db, key, event });
    }
}

/// Notes keys whose time was over: those touched after the first `before`.
pub(crate) fn expired(core: &mut Core, turn: &Turn<'_>, before: usize) {
    if !core.settings.events.wants(Classes::EXPIRED) {
        return;
    }
    let touched = turn.touched().get(before..).unwrap_or_default().to_vec();
    for (app, key) in touched {
        if let Some(db) = find_db(core, turn, app) {
            note(core, db, key, EXPIRED);
        }
    }
}

/// Tells what was noted.
pub(crate) fn tell(core: &mut Core) {
    if core.told.is_empty() {
        return;
    }
    let classes = core.settings.events.0;
    for Told { db, key, event } in std::mem::take(&mut core.told) {
        if classes & Classes::KEYSPACE != 0 {
            let mut channel = format!("__keyspace@{db}__:").into_bytes();
            channel.extend_from_slice(&key);
            pubsub::deliver_about(core, &key, &channel, event.name.as_bytes());
        }
        if classes & Classes::KEYEVENT != 0 {
            let channel = format!("__keyevent@{db}__:{}", event.name);
            pubsub::deliver_about(core, &key, channel.as_bytes(), &key);
        }
    }
}

/// Takes in what others than this loop changed.
pub(crate) fn take_news(core: &mut Core, turn: &Turn<'_>, heard: &hyperdb_graph::heard::Heard) {
    let news = heard.take();
    if news.is_incomplete {
        tracking::flush(core);
    }
    for change in news.changes {
        let Some(db) = find_db(core, turn, change.app) else {
            continue;
        };
        tracking::invalidate(core, &change.id, None, usize::MAX);
        let Some(events) = change.events else {
            let event = if change.is_gone { DEL } else { CHANGED };
            note(core, db, change.id, event);
            continue;
        };
        for (class, name) in events {
            note(core, db, change.id.clone(), Event { class, name });
        }
    }
    tell(core);
}

/// The numbered database of an app, also of one that this loop has not used.
fn find_db(core: &mut Core, turn: &Turn<'_>, app: AppId) -> Option<u32> {
    if let Some(db) = core.db_of(app) {
        return Some(db);
    }
    if core.other_apps.contains(&app) {
        return None;
    }
    let apps = turn.apps().ok()?;
    let named = apps.iter().find(|(_, found)| *found == app);
    let db = named.and_then(|(name, _)| {
        let number = std::str::from_utf8(name).ok()?.strip_prefix("redis/")?;
        number.parse::<u32>().ok()
    });
    match db {
        Some(db) => core.know_app(db, app),
        // Numbers of apps are not given out twice.
        None => drop(core.other_apps.insert(app)),
    }
    db
}
