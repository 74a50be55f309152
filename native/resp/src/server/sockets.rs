//! Reading, writing and closing one client's socket.

use super::client::State;
use super::clients::Slot;
use super::core::Core;
use super::input::ReadEnd;
use super::output::WriteEnd;

impl Core {
    /// Its socket has something to read, as the poller says.
    pub(crate) fn readable(&mut self, slot: Slot) {
        if let Some(client) = self.clients.get_mut(slot) {
            client.stream.is_readable_again();
        }
    }

    /// Reads what a client has sent.
    pub(crate) fn read(&mut self, slot: Slot, closed: bool) {
        let core = &mut *self;
        let Some(client) = core.clients.get_mut(slot) else {
            return;
        };
        client.hung_up |= closed;
        client.unread = true;
        if !client.input.wants_more() && !client.is_full() {
            // Whole requests wait already. A client that is parked and gone will not come to read this.
            if closed && client.is_blocked() {
                core.kill(slot);
            }
            return;
        }
        let before = client.input.waiting().len();
        let end = client.input.read(&mut client.stream, client.hung_up);
        let waiting = client.input.waiting().len();
        core.counters.bytes_in += (waiting - before) as u64;
        client.unread = end == ReadEnd::More;
        if end == ReadEnd::Closed {
            client.hung_up = true;
            client.eof = true;
            if client.is_blocked() {
                core.kill(slot);
                return;
            }
        }
        if waiting > core.settings.query_buffer {
            core.counters.closed_for_memory += 1;
            core.kill(slot);
            return;
        }
        core.run_later(slot);
        core.sum_up(slot);
    }

    /// Writes what may go out, and closes a client that is done or broken.
    pub(crate) fn write(&mut self, slot: Slot) {
        let core = &mut *self;
        let Some(client) = core.clients.get_mut(slot) else {
            return;
        };
        let waits = client.output.has_released() || client.stream.is_pending();
        if waits && !client.doomed {
            let before = client.output.pending();
            let was_full = client.is_full();
            let end = client.output.write(&mut client.stream);
            core.counters.bytes_out += (before - client.output.pending()) as u64;
            if end == WriteEnd::Broken {
                client.doomed = true;
            }
            if was_full && !client.is_full() && client.is_ready() {
                self.run_later(slot);
            }
        }
        let Some(client) = self.clients.get_mut(slot) else {
            return;
        };
        let done = client.output.pending() == 0 && !client.stream.is_pending();
        // A half-closed client still gets the replies to what it has sent.
        let gone = client.eof && client.is_idle();
        let closing = client.closing && !matches!(client.state, State::Asking(_));
        if client.doomed || (done && (closing || gone)) {
            self.close(slot);
        }
    }

    /// Closes a client's connection and forgets it.
    pub(crate) fn close(&mut self, slot: Slot) {
        self.detach(slot);
        if let Some(mut client) = self.clients.remove(slot) {
            self.client_memory = self.client_memory.saturating_sub(client.summed);
            client.stream.finish();
            // Dropping the socket closes it whether or not the poller still knew it.
            let _known = client.stream.deregister(self.poll.registry());
        }
    }
}
