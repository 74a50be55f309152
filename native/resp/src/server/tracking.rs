//! CLIENT TRACKING: telling clients that keys they keep copies of were changed.
//!
//! **Theory.** A key that a tracking client reads is noted with the client's number; the first change of it tells all of these and
//! forgets them. In broadcasting mode nothing is noted: each change is compared with the prefixes that were asked for, and those of a
//! turn are told together. Keys are known by name alone, whatever their database, as in Redis.
//!
//! **Invariant.** A client that read a key under tracking hears of each later change, or of all at once; numbers of clients that are
//! gone stay noted until their key changes, and mean nobody.

use super::clients::Slot;
use super::core::Core;
use crate::args::Args;
use crate::key_places::keys;
use crate::reply::Reply;
use crate::table::{Flags, RowId};
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// The channel on which clients of RESP2 hear of it.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// Which commands' keys are tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    #[default]
    All,
    /// Those behind CLIENT CACHING YES.
    OptIn,
    /// All but those behind CLIENT CACHING NO.
    OptOut,
}

/// How a client wants to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tracking {
    /// The client that is told instead.
    pub redirect: Option<u64>,
    /// That one is gone.
    pub is_broken: bool,
    pub mode: Mode,
    pub no_loop: bool,
    pub broadcasts: bool,
    /// In broadcasting mode; empty text: all keys.
    pub prefixes: Vec<Box<[u8]>>,
    /// CLIENT CACHING was said for the next command.
    pub caching: bool,
}

/// Who is to be told of what.
#[derive(Debug, Default)]
pub(crate) struct Tracked {
    keys: HashMap<Box<[u8]>, BTreeSet<u64>>,
    items: usize,
    /// Notes of a transaction or script that has changed keys already: by whom, and behind how many of its changes.
    late: HashMap<Box<[u8]>, Vec<(u64, usize)>>,
    prefixes: BTreeMap<Box<[u8]>, BTreeSet<u64>>,
    /// Bytes of the longest prefix, or more.
    longest: usize,
    /// Changed keys that broadcasts are due of, and who changed each last: who did need not be told.
    due: BTreeMap<Box<[u8]>, Option<u64>>,
    clients: usize,
}

impl Tracked {
    /// Whether changes matter to anybody.
    pub(crate) fn is_empty(&self) -> bool {
        self.clients == 0
    }

    /// The prefixes that a key begins with, and who asked for them: looked for one by one, or, if there are many, by their lengths.
    fn prefixes_of(&self, key: &[u8]) -> Vec<(&[u8], &BTreeSet<u64>)> {
        let lengths = key.len().min(self.longest) + 1;
        if self.prefixes.len() <= lengths {
            let all = self.prefixes.iter();
            let found = all.filter(|(prefix, _)| key.starts_with(prefix));
            return found.map(|(prefix, ids)| (&**prefix, ids)).collect();
        }
        let found = (0..lengths).filter_map(|len| self.prefixes.get_key_value(&key[..len]));
        found.map(|(prefix, ids)| (&**prefix, ids)).collect()
    }

    /// A command is through: its changes were told.
    pub(crate) fn command_was_told(&mut self) {
        self.late.clear();
    }

    /// Clients, keys, notes of clients at keys, and prefixes.
    pub(crate) fn counts(&self) -> [usize; 4] {
        [
            self.clients,
            self.keys.len(),
            self.items,
            self.prefixes.len(),
        ]
    }
}

/// Begins, or changes, a client's tracking.
pub(crate) fn enable(core: &mut Core, slot: Slot, mut wish: Tracking) {
    let client = core.clients.at(slot);
    let id = client.id;
    let before = client.tracking.take();
    if before.is_none() {
        core.tracked.clients += 1;
    }
    if wish.broadcasts {
        let kept = before.map(|before| before.prefixes).unwrap_or_default();
        if wish.prefixes.is_empty() && kept.is_empty() {
            wish.prefixes.push(Box::default());
        }
        wish.prefixes.extend(kept);
        wish.prefixes.sort();
        wish.prefixes.dedup();
        for prefix in &wish.prefixes {
            core.tracked.longest = core.tracked.longest.max(prefix.len());
            let clients = core.tracked.prefixes.entry(prefix.clone()).or_default();
            clients.insert(id);
        }
    }
    core.clients.at(slot).tracking = Some(Box::new(wish));
}

/// Ends a client's tracking.
pub(crate) fn disable(core: &mut Core, slot: Slot) {
    let client = core.clients.at(slot);
    let id = client.id;
    let Some(before) = client.tracking.take() else {
        return;
    };
    for prefix in &before.prefixes {
        if let Some(clients) = core.tracked.prefixes.get_mut(prefix) {
            clients.remove(&id);
            if clients.is_empty() {
                core.tracked.prefixes.remove(prefix);
            }
        }
    }
    if core.tracked.prefixes.is_empty() {
        core.tracked.longest = 0;
    }
    core.tracked.clients -= 1;
    if core.tracked.clients == 0 {
        core.tracked = Tracked::default();
    }
}

/// Notes the keys that a client has read, behind so many changes of the same command (of EXEC, or of a script).
pub(crate) fn remember(core: &mut Core, slot: Slot, row: RowId, args: Args<'_>, changes: usize) {
    let client = core.clients.at(slot);
    let id = client.id;
    let Some(tracking) = &client.tracking else {
        return;
    };
    let wanted = match tracking.mode {
        Mode::All => true,
        Mode::OptIn => tracking.caching,
        Mode::OptOut => !tracking.caching,
    };
    let facts = core.commands.table.row(row);
    if tracking.broadcasts || !wanted || !facts.flags.has(Flags::READONLY) {
        return;
    }
    for key in keys(core.commands.table.keys(row), facts.name, args) {
        let noted = core.tracked.keys.entry(key.into()).or_default();
        core.tracked.items += usize::from(noted.insert(id));
        if changes > 0 {
            let late = core.tracked.late.entry(key.into()).or_default();
            late.push((id, changes));
        }
    }
    limit(core);
}

/// Forgets keys beyond the limit; who keeps copies of them is told to drop these.
fn limit(core: &mut Core) {
    let most = core.settings.tracked_keys;
    while most > 0 && core.tracked.keys.len() > most {
        // Any will do: the order of the table is one of chance.
        let Some(key) = core.tracked.keys.keys().next().cloned() else {
            return;
        };
        tell_of(core, &key, None, usize::MAX);
    }
}

/// A command is through: what was said for it alone is over.
pub(crate) fn command_is_through(core: &mut Core, slot: Slot) {
    let table = &core.commands.table;
    let client = core.clients.at(slot);
    let Some(tracking) = &mut client.tracking else {
        return;
    };
    let just_said = client
        .last_command
        .is_some_and(|row| table.row(row).name == "client|caching");
    if tracking.caching && client.multi.is_none() && !just_said {
        tracking.caching = false;
    }
}

/// A key was changed, maybe by a client; `nth` counts the changes of the command that did it, from 0.
pub(crate) fn invalidate(core: &mut Core, key: &[u8], by: Option<u64>, nth: usize) {
    if core.tracked.is_empty() {
        return;
    }
    tell_of(core, key, by, nth);
    if !core.tracked.prefixes_of(key).is_empty() {
        core.tracked.due.insert(key.into(), by);
    }
}

/// Tells those who were noted with a key, but not who read it behind that change.
fn tell_of(core: &mut Core, key: &[u8], by: Option<u64>, nth: usize) {
    let Some(mut clients) = core.tracked.keys.remove(key) else {
        return;
    };
    core.tracked.items -= clients.len();
    if let Some(late) = core.tracked.late.get(key) {
        let read_since = late.iter().filter(|(_, changes)| *changes > nth);
        let stay: BTreeSet<u64> = read_since.map(|(id, _)| *id).collect();
        if !stay.is_empty() {
            clients.retain(|id| !stay.contains(id));
            core.tracked.items += stay.len();
            core.tracked.keys.insert(key.into(), stay);
        }
    }
    for id in clients {
        let Some(slot) = core.clients.slot_of(id) else {
            continue;
        };
        let tracking = core.clients.at(slot).tracking.as_ref();
        let hears = tracking
            .is_some_and(|tracking| !(tracking.broadcasts || tracking.no_loop && by == Some(id)));
        if hears {
            send(core, slot, Some(&[key]));
        }
    }
}

/// A prefix, and the number of a client who asked for it.
type Asked = (Box<[u8]>, u64);

/// Tells what is due to those who asked for prefixes: a message for each prefix, as Redis does.
pub(crate) fn broadcast(core: &mut Core) {
    if core.tracked.due.is_empty() {
        return;
    }
    let due = std::mem::take(&mut core.tracked.due);
    // A message for each prefix.
    let mut news: BTreeMap<Asked, Vec<&[u8]>> = BTreeMap::new();
    for (key, by) in &due {
        for (prefix, clients) in core.tracked.prefixes_of(key) {
            for id in clients {
                let slot = core.clients.slot_of(*id);
                let Some(client) = slot.and_then(|slot| core.clients.get(slot)) else {
                    continue;
                };
                let own = *by == Some(*id);
                let hushed = client.tracking.as_ref().is_some_and(|t| t.no_loop) && own;
                // Broadcasts name keys that the client has not named.
                if !hushed && client.user.may_name(key) {
                    news.entry((prefix.into(), *id)).or_default().push(key);
                }
            }
        }
    }
    for ((_, id), keys) in news {
        if let Some(slot) = core.clients.slot_of(id) {
            send(core, slot, Some(&keys));
        }
    }
}

/// All keys may have changed: everybody is told, and nothing is known any more.
pub(crate) fn flush(core: &mut Core) {
    if core.tracked.is_empty() {
        return;
    }
    core.tracked.keys.clear();
    core.tracked.items = 0;
    core.tracked.due.clear();
    for slot in core.clients.slots() {
        if core.clients.at(slot).tracking.is_some() {
            send(core, slot, None);
        }
    }
}

/// Sends the names of keys, or that all are meant, to a client or to whom it redirects.
fn send(core: &mut Core, slot: Slot, keys: Option<&[&[u8]]>) {
    let client = core.clients.at(slot);
    let redirect = client
        .tracking
        .as_ref()
        .and_then(|tracking| tracking.redirect);
    let to = match redirect {
        None => slot,
        Some(id) => match core.clients.slot_of(id) {
            Some(other) => other,
            None => {
                redirect_is_broken(core, slot, id);
                return;
            }
        },
    };
    let client = core.clients.at(to);
    let is_subscriber = client.is_subscriber();
    let reply = &mut client.output.reply;
    let start = reply.buffer.len();
    if reply.resp3 {
        reply.push(2);
        reply.bulk(b"invalidate");
    } else if redirect.is_some() && is_subscriber {
        reply.push(3);
        reply.bulk(b"message");
        reply.bulk(CHANNEL);
    } else {
        // RESP2 has no messages out of turn.
        return;
    }
    write_keys(reply, keys);
    client.pushed(start);
    core.flush_later(to);
    core.check_output(to);
}

fn write_keys(reply: &mut Reply, keys: Option<&[&[u8]]>) {
    match keys {
        None => reply.null(),
        Some(keys) => {
            reply.array(keys.len());
            keys.iter().for_each(|key| reply.bulk(key));
        }
    }
}

fn redirect_is_broken(core: &mut Core, slot: Slot, id: u64) {
    let client = core.clients.at(slot);
    if let Some(tracking) = &mut client.tracking {
        tracking.is_broken = true;
    }
    let reply = &mut client.output.reply;
    if reply.resp3 {
        reply.push(2);
        reply.bulk(b"tracking-redir-broken");
        reply.integer(id as i64);
        core.flush_later(slot);
    }
}
