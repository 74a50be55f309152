//! What a command's end means for SLOWLOG, LATENCY, MONITOR and INFO.
//!
//! **Theory.** Most commands are over in a microsecond and nobody looks on: for those one look at the clock and a few counters is all. A
//! command that stopped and runs again, for a block or a key, is one call that took as long as its runs together. What
//! administration does beside the loop is counted when its answer comes.
//!
//! **Invariant.** A monitor is told of a command once, and of those inside a transaction or a script only when that is through: one that
//! is taken back was never shown.

use super::client::{Client, State};
use super::clients::Slot;
use super::core::Core;
use super::execute::After;
use crate::acl::log::Where;
use crate::args::Args;
use crate::command::{Abort, Outcome};
use crate::observe::latency::Event;
use crate::observe::secrets::Secrets;
use crate::observe::slow_log::{shortened, Entry};
use crate::observe::{line, nanos};
use crate::protocol::Progress;
use crate::table::{Flags, RowId};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A command that administration runs, as SLOWLOG would show it.
#[derive(Debug)]
pub(crate) struct Pending {
    row: RowId,
    words: Vec<Box<[u8]>>,
}

/// Where a command inside a transaction or a script begins.
pub(crate) struct Inside {
    context: Where,
    began: u64,
    /// Nanoseconds that administration took for it.
    elsewhere: u64,
    /// Length of the reply, and lines for monitors, before it.
    start: usize,
    held: usize,
}

impl Inside {
    /// One that administration has run, for so many nanoseconds.
    pub(crate) fn with(self, elsewhere: u64) -> Self {
        Self { elsewhere, ..self }
    }
}

/// Unix time in microseconds, of now and not of the turn.
fn unix_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

/// A request has run; `start` is where its reply begins.
#[inline]
pub(crate) fn ran(
    core: &mut Core,
    slot: Slot,
    row: RowId,
    args: Args<'_>,
    start: usize,
    after: After,
) {
    let client = core.clients.at(slot);
    let spent = client.spent + core.observed.lap();
    if after == After::Again || !matches!(client.state, State::Ready) {
        return unfinished(core, slot, row, args, spent, after);
    }
    client.spent = 0;
    let failed = has_failed(client, start);
    let observed = &mut core.observed;
    observed.usage[row.index()].add(spent, core.settings.latency_tracking);
    if failed || spent >= observed.notable || observed.shows() {
        noteworthy(core, slot, row, args, start, spent);
    }
}

#[inline]
fn has_failed(client: &Client, start: usize) -> bool {
    client.output.reply.buffer.get(start) == Some(&b'-')
}

/// It must run again, or administration runs it.
#[cold]
fn unfinished(core: &mut Core, slot: Slot, row: RowId, args: Args<'_>, spent: u64, after: After) {
    let client = core.clients.at(slot);
    client.spent = spent;
    if after == After::Again {
        core.observed.held.clear();
        core.observed.inner_error = None;
        if client.is_blocked() && !client.shown {
            client.shown = true;
            show(core, slot, row, args);
        }
        return;
    }
    let secrets = Secrets::of(core.commands.table.row(row).name, args);
    core.clients.at(slot).pending = Some(Box::new(Pending {
        row,
        words: shortened(args, &secrets),
    }));
    show(core, slot, row, args);
}

/// What is rarely to be done: errors, slow commands, monitors.
#[cold]
fn noteworthy(core: &mut Core, slot: Slot, row: RowId, args: Args<'_>, start: usize, spent: u64) {
    note_failure(core, slot, row, start);
    let client = core.clients.at(slot);
    if std::mem::take(&mut client.shown) {
        core.observed.held.clear();
    } else {
        show(core, slot, row, args);
    }
    if spent >= core.observed.notable {
        let secrets = Secrets::of(core.commands.table.row(row).name, args);
        note_slow(core, Some(slot), row, spent, || shortened(args, &secrets));
        note_latency(core, row, spent);
    }
}

/// Counts an error that was replied; that of a command inside of it has been counted.
fn note_failure(core: &mut Core, slot: Slot, row: RowId, start: usize) {
    let inner = core.observed.inner_error.take();
    let client = core.clients.at(slot);
    if !has_failed(client, start) {
        return;
    }
    let text = client
        .output
        .reply
        .buffer
        .get(start + 1..)
        .unwrap_or_default();
    core.observed.usage[row.index()].failed += 1;
    if inner.is_none_or(|inner| !text.starts_with(&inner)) {
        core.observed.errors.add(text);
    }
}

fn note_slow(
    core: &mut Core,
    slot: Option<Slot>,
    row: RowId,
    spent: u64,
    words: impl FnOnce() -> Vec<Box<[u8]>>,
) {
    let micros = spent / 1000;
    let least = core.settings.slow_micros;
    let skipped = core.commands.table.row(row).flags.has(Flags::SKIP_SLOWLOG);
    if skipped || core.settings.slow_most == 0 || least.is_none_or(|least| micros < least) {
        return;
    }
    let (address, name) = match slot {
        Some(slot) => {
            let client = core.clients.at(slot);
            (client.peer.address.clone(), client.name.clone())
        }
        // A script's commands are nobody's.
        None => ("?:0".to_owned(), Vec::new()),
    };
    let entry = Entry {
        id: 0,
        at: unix_micros() / 1_000_000,
        micros,
        words: words(),
        address,
        name,
    };
    core.observed.slow.add(entry, core.settings.slow_most);
}

/// A command kept the loop from serving others.
fn note_latency(core: &mut Core, row: RowId, spent: u64) {
    let millis = spent / 1_000_000;
    let threshold = core.settings.latency_threshold_ms;
    if threshold > 0 && millis >= threshold {
        let fast = core.commands.table.row(row).flags.has(Flags::FAST);
        let event = if fast {
            Event::FastCommand
        } else {
            Event::Command
        };
        core.observed
            .latency
            .add(event, unix_micros() / 1_000_000, millis);
    }
}

/// Something else than a command has kept the loop since `began`, if anybody watches that.
pub(crate) fn stalled(core: &mut Core, event: Event, began: Option<Instant>) {
    let Some(began) = began else {
        return;
    };
    let millis = nanos(began.elapsed()) / 1_000_000;
    if millis >= core.settings.latency_threshold_ms.max(1) {
        core.observed
            .latency
            .add(event, unix_micros() / 1_000_000, millis);
    }
}

/// A request was refused before it ran.
#[cold]
pub(crate) fn rejected(core: &mut Core, row: Option<RowId>, text: &str) {
    core.observed.begin();
    core.observed.errors.add(text.as_bytes());
    if let Some(row) = row {
        core.observed.usage[row.index()].rejected += 1;
    }
}

/// A client's command came back from administration, where it took so long; its reply begins at `start`.
pub(crate) fn answered(core: &mut Core, slot: Slot, start: usize, elsewhere: u64) {
    let client = core.clients.at(slot);
    let Some(pending) = client.pending.take() else {
        return;
    };
    let spent = std::mem::take(&mut client.spent).saturating_add(elsewhere);
    let Pending { row, words } = *pending;
    core.observed.usage[row.index()].add(spent, core.settings.latency_tracking);
    note_failure(core, slot, row, start);
    note_slow(core, Some(slot), row, spent, || words);
}

/// A blocked client's command ended without its key; its reply begins at `start`.
pub(crate) fn gave_up(core: &mut Core, slot: Slot, start: usize) {
    let client = core.clients.at(slot);
    client.shown = false;
    let spent = std::mem::take(&mut client.spent);
    if let Some(row) = client.last_command {
        core.observed.usage[row.index()].add(spent, core.settings.latency_tracking);
        note_failure(core, slot, row, start);
        if spent >= core.observed.notable {
            note_waiting(core, slot, row, spent);
        }
    }
}

/// The request at the front of a client's buffer was slow.
fn note_waiting(core: &mut Core, slot: Slot, row: RowId, spent: u64) {
    let max_bulk = core.settings.max_bulk;
    let client = core.clients.at(slot);
    let limits = client.limits(max_bulk);
    let mut input = std::mem::take(&mut client.input);
    let (parser, bytes) = input.split();
    if let Ok(Progress::Request(_)) = parser.advance(bytes, &limits) {
        let args = parser.args(bytes);
        let secrets = Secrets::of(core.commands.table.row(row).name, args);
        note_slow(core, Some(slot), row, spent, || shortened(args, &secrets));
        parser.restart();
    }
    core.clients.at(slot).input = input;
}

/// A command inside a transaction or a script begins.
#[inline]
pub(crate) fn enter(core: &mut Core, slot: Slot, context: Where) -> Inside {
    Inside {
        context,
        began: core.observed.now(),
        elsewhere: 0,
        start: core.clients.at(slot).output.reply.buffer.len(),
        held: core.observed.held.len(),
    }
}

/// It has ended. One that must run again is counted each time: it did run.
pub(crate) fn leave(
    core: &mut Core,
    slot: Slot,
    row: RowId,
    args: Args<'_>,
    inside: &Inside,
    outcome: &Outcome,
) {
    let spent = inside.elsewhere + core.observed.since(inside.began);
    core.observed.usage[row.index()].add(spent, core.settings.latency_tracking);
    match outcome {
        Ok(()) if !has_failed(core.clients.at(slot), inside.start) => {}
        Ok(()) => note_failure(core, slot, row, inside.start),
        Err(Abort::Error(text)) => {
            core.observed.usage[row.index()].failed += 1;
            core.observed.errors.add(text.as_bytes());
            core.observed.inner_error = Some(text.as_bytes().to_vec());
        }
        // All of the transaction is taken back.
        Err(_) => return,
    }
    if spent >= core.observed.notable {
        let secrets = Secrets::of(core.commands.table.row(row).name, args);
        let of = (inside.context != Where::Lua).then_some(slot);
        note_slow(core, of, row, spent, || shortened(args, &secrets));
        note_latency(core, row, spent);
    }
    if !core.observed.monitors.is_empty() {
        hold(core, slot, row, args, inside.context, inside.held);
    }
}

/// Keeps a line for monitors. A script's own goes before those of its commands, which began at `held`.
fn hold(core: &mut Core, slot: Slot, row: RowId, args: Args<'_>, context: Where, held: usize) {
    let row = *core.commands.table.row(row);
    if row.flags.has(Flags::ADMIN) {
        return;
    }
    let secrets = Secrets::of(row.name, args);
    let client = core.clients.at(slot);
    let from = match context {
        Where::Lua => "lua",
        Where::Toplevel | Where::Multi => client.peer.address.as_str(),
    };
    let text = line(unix_micros(), client.db, from, secrets.shown(args));
    let lines = &mut core.observed.held;
    if row.flags.has(Flags::SKIP_MONITOR) {
        lines.insert(held.min(lines.len()), text);
    } else {
        lines.push(text);
    }
}

/// Tells monitors of a request, and of what ran inside of it.
fn show(core: &mut Core, slot: Slot, row: RowId, args: Args<'_>) {
    if core.observed.monitors.is_empty() {
        core.observed.held.clear();
        return;
    }
    hold(core, slot, row, args, Where::Toplevel, 0);
    let lines = std::mem::take(&mut core.observed.held);
    for monitor in core.observed.monitors.clone() {
        let client = core.clients.at(monitor);
        for text in &lines {
            client.output.reply.buffer.extend_from_slice(text);
        }
        core.flush_later(monitor);
        core.check_output(monitor);
    }
}

/// A client becomes a monitor; whether it was none.
pub(crate) fn start_monitor(core: &mut Core, slot: Slot) -> bool {
    let client = core.clients.at(slot);
    let is_new = !std::mem::replace(&mut client.monitors, true);
    if is_new {
        core.observed.monitors.push(slot);
    }
    is_new
}

/// A client is no monitor any more.
pub(crate) fn stop_monitor(core: &mut Core, slot: Slot) {
    core.clients.at(slot).monitors = false;
    core.observed.monitors.retain(|other| *other != slot);
}
