//! What other clients get while a script runs for long.
//!
//! **Theory.** The loop's one thread is in the script, so it looks at the sockets from inside: it takes connections, reads requests and runs
//! those commands that may run while a script does, SCRIPT KILL before all; the others are told that it is busy. Replies that tell
//! nothing of this turn leave at once; a client that has got some of it waits for its end with them.
//!
//! **Invariant.** Nothing of the keyspace is read for a client here, so nobody sees half of a script. What was read from the poller is
//! remembered: clients stay marked as unread, messages in [`Core::woken`].

use super::accept::Listeners;
use super::clients::Slot;
use super::core::Core;
use super::event_loop::{FIRST_CLIENT, WAKER};
use super::runner;
use hyperdb_graph::Turn;
use mio::{Events, Token};
use std::time::Duration;

/// Looks at the sockets once, without waiting; `own` is the client whose script runs.
pub(crate) fn serve(core: &mut Core, turn: &mut Turn<'_>, own: Slot) {
    let mut events = Events::with_capacity(256);
    // A poller that fails now fails for the loop too, which ends then.
    if core.poll.poll(&mut events, Some(Duration::ZERO)).is_err() {
        return;
    }
    let in_transaction = std::mem::replace(&mut core.in_transaction, false);
    // What others do is neither the script's time nor shown among its commands.
    let (mark, held) = (
        core.observed.mark(),
        std::mem::take(&mut core.observed.held),
    );
    let inner_error = core.observed.inner_error.take();
    // What they have sent was read before the script began: the poller says nothing of them any more.
    while let Some(slot) = core.due.pop() {
        if slot != own {
            answer(core, turn, slot);
        }
    }
    for event in &events {
        match event.token() {
            WAKER => core.woken = true,
            Token(token) if token < FIRST_CLIENT => Listeners::accept(core),
            Token(token) => {
                let slot = token - FIRST_CLIENT;
                let closed = event.is_read_closed();
                if slot == own {
                    core.readable(own);
                    if let Some(client) = core.clients.get_mut(own) {
                        client.hung_up |= closed;
                        client.unread = true;
                    }
                    continue;
                }
                if event.is_readable() || closed || event.is_error() {
                    core.readable(slot);
                    core.read(slot, closed);
                    answer(core, turn, slot);
                }
                if event.is_writable() {
                    core.write(slot);
                }
            }
        }
    }
    core.in_transaction = in_transaction;
    core.observed.resume(mark);
    core.observed.held = held;
    core.observed.inner_error = inner_error;
}

/// Runs what a client has sent, as far as may be.
fn answer(core: &mut Core, turn: &mut Turn<'_>, slot: Slot) {
    let Some(client) = core.clients.get(slot) else {
        return;
    };
    if !client.is_ready() {
        return;
    }
    let tells_of_turn = client.turn_replies > 0 || client.output.is_gated();
    runner::run(core, turn, slot);
    if tells_of_turn {
        return;
    }
    core.flush.retain(|other| *other != slot);
    if let Some(client) = core.clients.get_mut(slot) {
        client.flushing = false;
        client.turn_replies = 0;
        client.output.release_all();
    }
    core.write(slot);
}
