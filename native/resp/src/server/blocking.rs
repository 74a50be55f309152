//! Commands that wait for a key: BLPOP, BLMOVE, BZPOPMIN and their kin.
//!
//! **Theory.** A blocked client's request stays in its read buffer. When a command is through, the keys it
//! touched are looked at: clients that wait for one of them, and could be served by what is there now, run
//! their request again, first come first served, until the key has nothing left. What a served client touches
//! is looked at in turn.
//!
//! **Invariant.** A client is in the queue of each of its keys exactly while its state is `Blocked`.

use super::accounting;
use super::client::{Blocked, State};
use super::clients::{Clients, Slot};
use super::core::Core;
use super::multi;
use super::notify;
use super::runner;
use super::tracking;
use crate::command::{Block, OnTimeout};
use crate::table::RowId;
use hashbrown::HashMap;
use hyperdb_graph::{AppId, Kind, Turn};
use std::collections::{BTreeSet, HashSet, VecDeque};

type Place = (u32, Box<[u8]>);

/// Who waits for what, and until when.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    by_key: HashMap<Place, VecDeque<u64>>,
    deadlines: BTreeSet<(i64, u64)>,
}

impl Waiters {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// How many keys are waited for.
    pub(crate) fn key_count(&self) -> usize {
        self.by_key.len()
    }

    /// How many keys are waited for by a client that also wakes when one is gone.
    pub(crate) fn keys_if_gone(&self, clients: &Clients) -> usize {
        let wakes = |id: &u64| {
            let client = clients.slot_of(*id).and_then(|slot| clients.get(slot));
            client.is_some_and(|client| match &client.state {
                State::Blocked(blocked) => blocked.block.if_gone,
                _ => false,
            })
        };
        let keys = self.by_key.values();
        keys.filter(|queue| queue.iter().any(wakes)).count()
    }

    /// The next deadline, milliseconds of the loop's clock.
    pub(crate) fn next_deadline(&self) -> Option<i64> {
        self.deadlines.first().map(|(at, _)| *at)
    }
}

/// Makes a client wait. One that waited already keeps its place.
pub(crate) fn block(core: &mut Core, slot: Slot, row: RowId, mut block: Block) {
    let now = core.tick_ms;
    let client = core.clients.at(slot);
    if matches!(client.state, State::Blocked(_)) {
        return;
    }
    let deadline = block
        .timeout_ms
        .map(|ms| now.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)));
    let kind = match core.commands.table.row(row).group {
        "list" => Kind::List,
        "stream" => Kind::Stream,
        _ => Kind::SortedSet,
    };
    let (id, db) = (client.id, client.db);
    for key in &block.keys {
        let queue = core.waiters.by_key.entry((db, key.clone())).or_default();
        if queue.back() != Some(&id) {
            queue.push_back(id);
        }
    }
    if let Some(at) = deadline {
        core.waiters.deadlines.insert((at, id));
    }
    let resume = std::mem::take(&mut block.resume);
    if client.resume.is_none() && !resume.is_empty() {
        client.resume = Some(resume);
    }
    client.state = State::Blocked(Blocked {
        block,
        db,
        kind,
        deadline,
    });
    core.blocked += 1;
}

/// Ends a client's wait; it is `Ready` afterwards. The wait, if there was one.
pub(crate) fn unblock(core: &mut Core, slot: Slot) -> Option<Blocked> {
    let client = core.clients.at(slot);
    let id = client.id;
    if !matches!(client.state, State::Blocked(_)) {
        return None;
    }
    let State::Blocked(blocked) = std::mem::take(&mut client.state) else {
        return None;
    };
    for key in &blocked.block.keys {
        let place = (blocked.db, key.clone());
        if let Some(queue) = core.waiters.by_key.get_mut(&place) {
            queue.retain(|other| *other != id);
            if queue.is_empty() {
                core.waiters.by_key.remove(&place);
            }
        }
    }
    if let Some(at) = blocked.deadline {
        core.waiters.deadlines.remove(&(at, id));
    }
    core.blocked -= 1;
    Some(blocked)
}

/// Why a wait ends without its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its time is over, or CLIENT UNBLOCK said to act so.
    Timeout,
    /// CLIENT UNBLOCK ... ERROR.
    Error,
}

/// Ends a wait without its key, with a reply; whether the client was waiting.
pub(crate) fn give_up(core: &mut Core, slot: Slot, reason: Reason) -> bool {
    let Some(blocked) = unblock(core, slot) else {
        return false;
    };
    let reply = &mut core.clients.at(slot).output.reply;
    let start = reply.buffer.len();
    match (reason, blocked.block.on_timeout) {
        (Reason::Timeout, OnTimeout::NullArray) => reply.null_array(),
        (Reason::Timeout, OnTimeout::NullBulk) => reply.null(),
        (Reason::Error, _) => reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK"),
    }
    accounting::gave_up(core, slot, start);
    core.skip_request(slot);
    core.run_later(slot);
    core.flush_later(slot);
    true
}

/// Gives up what is overdue.
pub(crate) fn expire(core: &mut Core) {
    while let Some((at, id)) = core.waiters.deadlines.first().copied() {
        if at > core.tick_ms {
            return;
        }
        core.waiters.deadlines.remove(&(at, id));
        if let Some(slot) = core.clients.slot_of(id) {
            give_up(core, slot, Reason::Timeout);
        }
    }
}

/// Marks watchers and serves waiters of all keys touched since it last ran.
pub(crate) fn after_touch(core: &mut Core, turn: &mut Turn<'_>) {
    notify::tell(core);
    turn.advance(core.now_ms);
    if core.was_remapped(turn) {
        tracking::flush(core);
        let places: Vec<Place> = core.waiters.by_key.keys().cloned().collect();
        places.iter().for_each(|place| serve(core, turn, place));
    }
    loop {
        let touched = turn.take_touched();
        if touched.is_empty() {
            core.tracked.command_was_told();
            return;
        }
        // In the order of the touches, each once: a script may touch a hundred thousand.
        let (mut signalled, mut seen): (Vec<Place>, HashSet<Place>) = Default::default();
        for (nth, (app, key)) in touched.into_iter().enumerate() {
            if app == AppId::SYSTEM {
                // SWAPDB: any key may hold something else now.
                signalled.extend(core.waiters.by_key.keys().cloned());
                continue;
            }
            let Some(db) = core.db_of(app) else {
                continue;
            };
            tracking::invalidate(core, &key, core.acting, nth);
            let place = (db, key);
            if !core.watchers.of(&place).is_empty() {
                let is_gone = matches!(turn.element(app, &place.1), Ok(None));
                multi::touched(core, &place, is_gone);
            }
            if core.waiters.by_key.contains_key(&place) && seen.insert(place.clone()) {
                signalled.push(place);
            }
        }
        for place in signalled {
            serve(core, turn, &place);
        }
        notify::tell(core);
    }
}

/// Runs the waiters of one key again, in order.
fn serve(core: &mut Core, turn: &mut Turn<'_>, place: &Place) {
    let Some(queue) = core.waiters.by_key.get(place) else {
        return;
    };
    for id in queue.clone() {
        let Some(slot) = core.clients.slot_of(id) else {
            continue;
        };
        let State::Blocked(blocked) = &core.clients.at(slot).state else {
            continue;
        };
        let (kind, if_gone) = (blocked.kind, blocked.block.if_gone);
        match has_kind(core.app(turn, place.0), turn, &place.1, kind) {
            Presence::Gone | Presence::Other if !if_gone => {}
            _ => runner::run_again(core, turn, slot, &place.1),
        }
    }
}

enum Presence {
    Gone,
    Other,
    Right,
}

fn has_kind(
    app: hyperdb_graph::Step<hyperdb_graph::AppId>,
    turn: &Turn<'_>,
    key: &[u8],
    kind: Kind,
) -> Presence {
    let found = app.and_then(|app| match turn.element(app, key)? {
        Some(element) => Ok(Some(element.record()?.kind())),
        None => Ok(None),
    });
    match found {
        Ok(None) => Presence::Gone,
        Ok(Some(found)) if found != kind => Presence::Other,
        // A stop shows when the command itself runs, and parks it then.
        Ok(Some(_)) | Err(_) => Presence::Right,
    }
}

/// Runs every blocked client again: somebody outside this loop wrote, or databases were swapped.
pub(crate) fn serve_all(core: &mut Core, turn: &mut Turn<'_>) {
    let places: Vec<Place> = core.waiters.by_key.keys().cloned().collect();
    for place in places {
        serve(core, turn, &place);
    }
    after_touch(core, turn);
}
