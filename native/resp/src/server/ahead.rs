//! Requests that came together are looked up together.
//!
//! **Theory.** A look-up in much data is mostly waiting for memory, and one request runs after the other. What the next requests will look
//! up is in the read buffers already, be it a client's pipeline or one request each of many clients: their keys are brought
//! near for some dozens of them at once ([`hyperdb_graph::Turn::look_ahead`]), before the first of them runs.
//!
//! **Invariant.** It changes when memory is asked for, and nothing else: requests run one by one, in their order, and each looks for itself.
//! Nothing is looked up for a client whose rights are limited: how long an answer takes must not tell it of keys that it may not read.

use super::clients::Slot;
use super::core::Core;
use super::input::Input;
use crate::protocol::peek;
use hyperdb_graph::{AppId, Turn, AHEAD};

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// There is so much data that it pays.
    on: bool,
    /// So many requests run before the next look.
    left: usize,
}

impl Ahead {
    /// A turn begins.
    pub(crate) fn begin(&mut self, turn: &Turn<'_>) {
        self.on = turn.is_worth_looking_ahead();
        self.left = 0;
    }

    /// A request is about to run; whether it is time to look ahead.
    #[inline]
    pub(crate) fn is_due(&mut self) -> bool {
        if !self.on {
            return false;
        }
        let due = self.left == 0;
        self.left = self.left.saturating_sub(1);
        due
    }
}

/// Looks ahead from the request at the front of `input`, which is the client's at `slot`; what the clients after it sent comes next.
pub(crate) fn look(core: &mut Core, turn: &mut Turn<'_>, slot: Slot, input: &Input) {
    let mut found = [(AppId::SYSTEM, &[][..]); AHEAD];
    let mut seen = Seen {
        found: &mut found,
        count: 0,
        walked: 0,
    };
    gather(core, slot, input, &mut seen);
    if seen.walked == 0 {
        // Nothing is to be seen of this client; the others' requests are not looked through again for each of its own.
        core.ahead.left = AHEAD / 2;
        return;
    }
    for slot in core.due.iter().rev() {
        if seen.is_full() {
            break;
        }
        if let Some(client) = core.clients.get(*slot).filter(|client| client.is_ready()) {
            gather(core, *slot, &client.input, &mut seen);
        }
    }
    let (count, walked) = (seen.count, seen.walked);
    // Alone it is read as fast as it would be brought near.
    if count > 1 {
        turn.look_ahead(found[..count].iter().copied());
    }
    // The first of them is about to run.
    core.ahead.left = walked.saturating_sub(1);
}

/// Keys of the next requests.
struct Seen<'s, 'b> {
    found: &'s mut [(AppId, &'b [u8]); AHEAD],
    count: usize,
    /// Requests, with those that look nothing up.
    walked: usize,
}

impl Seen<'_, '_> {
    fn is_full(&self) -> bool {
        self.count == AHEAD || self.walked == 2 * AHEAD
    }
}

fn gather<'b>(core: &Core, slot: Slot, input: &'b Input, seen: &mut Seen<'_, 'b>) {
    let Some(client) = core.clients.get(slot) else {
        return;
    };
    let app = core.apps.get(client.db as usize).copied().flatten();
    let (Some(app), true) = (app, client.user.everything && client.role.is_some()) else {
        return;
    };
    let mut bytes = input.waiting();
    let (mut last, mut looks_up) = (&[][..], false);
    while !seen.is_full() {
        let Some(request) = peek(bytes) else {
            return;
        };
        bytes = &bytes[request.len..];
        // Most pipelines are of one command.
        if request.name != last {
            last = request.name;
            let row = core.commands.table.find(last);
            looks_up = row.is_some_and(|row| core.commands.looks_up_first(row));
        }
        seen.walked += 1;
        if looks_up {
            seen.found[seen.count] = (app, request.first);
            seen.count += 1;
        }
    }
}
