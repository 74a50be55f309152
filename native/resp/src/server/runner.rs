//! Running what a client has sent: request by request, until there is none, it must wait, or others are due.

use super::ahead;
use super::blocking;
use super::client::ReplyMode;
use super::clients::Slot;
use super::core::Core;
use super::execute::{self, After};
use super::multi;
use super::tracking;
use crate::protocol::Progress;
use hyperdb_graph::{ReadMode, Turn};

/// Most requests of one client in one turn, so that a long pipeline does not hold up the others.
const REQUESTS_PER_TURN: usize = 1024;

/// A request that has missed so many blocks reads the rest itself: each run begins anew, so the time would
/// grow with the square of the blocks.
const PATIENCE: u32 = 32;

/// Runs a client's requests.
pub(crate) fn run(core: &mut Core, turn: &mut Turn<'_>, slot: Slot) {
    run_at_most(core, turn, slot, REQUESTS_PER_TURN);
    let Some(client) = core.clients.get_mut(slot) else {
        return;
    };
    // Whole requests may be left, or bytes on the socket that had no room.
    if client.is_ready() && client.unread && !client.is_full() {
        core.run_later(slot);
    }
    core.flush_later(slot);
}

/// Runs a blocked client's request again, on behalf of the command that touched `key`.
pub(crate) fn run_again(core: &mut Core, turn: &mut Turn<'_>, slot: Slot, key: &[u8]) {
    begin(core, slot);
    let start = core.clients.at(slot).output.reply.buffer.len();
    let mut input = std::mem::take(&mut core.clients.at(slot).input);
    let max_bulk = core.settings.max_bulk;
    let limits = core.clients.at(slot).limits(max_bulk);
    let (parser, bytes) = input.split();
    if let Ok(Progress::Request(len)) = parser.advance(bytes, &limits) {
        // Still `Blocked` while it runs: if it blocks again, it keeps its place.
        let after = execute::rerun(core, turn, slot, parser.args(bytes), key);
        match after {
            After::Done => {
                input.consume(len);
                core.clients.at(slot).request_is_through();
                replied(core, slot, start);
            }
            After::Again => input.parser.restart(),
        }
    }
    core.clients.at(slot).input = input;
    if core.clients.at(slot).is_ready() {
        core.run_later(slot);
    }
    core.flush_later(slot);
}

fn begin(core: &mut Core, slot: Slot) {
    let client = core.clients.at(slot);
    if client.turn_replies == 0 {
        client.turn_start = client.output.reply.buffer.len();
    }
}

fn run_at_most(core: &mut Core, turn: &mut Turn<'_>, slot: Slot, requests: usize) {
    begin(core, slot);
    core.clients.at(slot).active_ms = core.tick_ms;
    core.observed.begin();
    let mut input = std::mem::take(&mut core.clients.at(slot).input);
    core.clients.at(slot).lent = input.held();
    let max_bulk = core.settings.max_bulk;
    let mut left = requests;
    while core.clients.at(slot).is_ready() {
        if left == 0 {
            core.run_later(slot);
            break;
        }
        if core.clients.at(slot).is_full() {
            break;
        }
        if core.ahead.is_due() {
            ahead::look(core, turn, slot, &input);
        }
        let limits = core.clients.at(slot).limits(max_bulk);
        let (parser, bytes) = input.split();
        let len = match parser.advance(bytes, &limits) {
            Ok(Progress::Request(len)) => len,
            Ok(Progress::Incomplete(need)) => {
                input.expect(need);
                break;
            }
            Err(error) => {
                let client = core.clients.at(slot);
                client.output.reply.error(&format!("ERR {error}"));
                client.closing = true;
                core.counters.protocol_errors += 1;
                break;
            }
        };
        let args = parser.args(bytes);
        if args.is_empty() {
            input.consume(len);
            continue;
        }
        left -= 1;
        core.counters.commands += 1;
        let client = core.clients.at(slot);
        let start = client.output.reply.buffer.len();
        client.request_bytes = bytes.len();
        let mute = matches!(client.reply_mode, ReplyMode::Off | ReplyMode::Skip);
        client.kept = mute.then(Vec::new);
        let after = match core.clients.at(slot).failed_load.take() {
            Some(text) => {
                if core.clients.at(slot).multi.is_some() {
                    multi::forget(core, slot);
                }
                core.clients.at(slot).output.reply.error(&text);
                After::Done
            }
            None if core.clients.at(slot).misses >= PATIENCE => {
                turn.set_read_mode(ReadMode::Blocking);
                let after = execute::execute(core, turn, slot, args, start);
                turn.set_read_mode(ReadMode::CachedOnly);
                after
            }
            None => execute::execute(core, turn, slot, args, start),
        };
        match after {
            After::Done => {
                input.consume(len);
                core.clients.at(slot).request_is_through();
                replied(core, slot, start);
                tracking::command_is_through(core, slot);
            }
            After::Again => input.parser.restart(),
        }
        // What a script has done so far is not to be seen before it is through.
        if core.is_observing() && !core.scripting.is_running() {
            core.acting = Some(core.clients.at(slot).id);
            blocking::after_touch(core, turn);
            core.acting = None;
            // That was others' time.
            core.observed.begin();
        }
    }
    let client = core.clients.at(slot);
    client.input = input;
    client.lent = 0;
    core.check_output(slot);
    core.sum_up(slot);
}

/// Counts a reply that began at `start`, or drops it if the client wants none.
#[inline]
fn replied(core: &mut Core, slot: Slot, start: usize) {
    let client = core.clients.at(slot);
    client.turn_replies += 1;
    if client.reply_mode == ReplyMode::On {
        return;
    }
    match client.reply_mode {
        ReplyMode::On => {}
        ReplyMode::Off => client.drop_reply(start),
        ReplyMode::Skip => {
            client.drop_reply(start);
            client.reply_mode = ReplyMode::On;
        }
        ReplyMode::SkipNext => client.reply_mode = ReplyMode::Skip,
    }
}
