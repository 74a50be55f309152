//! What the loop does ten times a second: timeouts, memory, ends of pauses, counters, expiry.

use super::blocking;
use super::client::State;
use super::core::Core;
use super::event_loop::EventLoop;
use super::{accounting, notify, tracking};
use crate::observe::latency::Event;
use hyperdb_graph::{ReadMode, Stop, Turn};

/// Clients looked at in one tick, so that ten thousand idle ones cost little.
const CLIENTS_PER_TICK: usize = 2_000;

/// A client that has not agreed on keys after so long is closed.
const HANDSHAKE_MS: i64 = 10_000;

/// Elements removed at one go; more go a millisecond later.
const EXPIRED_PER_TICK: usize = 500;
/// No client has this number.
const NOBODY: u64 = 0;

pub(crate) fn tick(this: &mut EventLoop) {
    if this.core.debug.cron_paused {
        return;
    }
    this.core.listeners.retry();
    end_refusal(&mut this.core);
    end_pause(&mut this.core);
    look_at_clients(&mut this.core);
    bound_memory(&mut this.core);
    tend_keyspace(this);
    measure(this);
    let (now, counters) = (this.core.tick_ms, &this.core.counters);
    this.core.rates.note(now, counters);
    this.core.publish_stats();
}

fn end_refusal(core: &mut Core) {
    if core
        .refusal
        .as_ref()
        .is_some_and(|refusal| refusal.until <= core.tick_ms)
    {
        core.refusal = None;
    }
}

/// Lets paused clients go on when the pause is over.
pub(crate) fn end_pause(core: &mut Core) {
    if core.pause.is_some_and(|pause| pause.until <= core.tick_ms) {
        core.pause = None;
        // What could not expire meanwhile does before the next command.
        core.tick_soon = true;
        for slot in core.clients.slots() {
            if matches!(core.clients.at(slot).state, State::Paused) {
                core.wake(slot);
            }
        }
    }
}

fn look_at_clients(core: &mut Core) {
    let timeout = i64::try_from(core.settings.timeout.saturating_mul(1000)).unwrap_or(i64::MAX);
    let all = core.clients.slots();
    let first = if all.is_empty() {
        0
    } else {
        core.next_look % all.len()
    };
    core.next_look = first + CLIENTS_PER_TICK;
    let keep_ms = core.debug.keep_buffers_ms;
    for slot in all
        .iter()
        .cycle()
        .skip(first)
        .take(all.len().min(CLIENTS_PER_TICK))
    {
        core.check_output(*slot);
        let idle = core.tick_ms - core.clients.at(*slot).active_ms;
        let client = core.clients.at(*slot);
        if keep_ms.is_some_and(|keep_ms| idle > keep_ms) {
            client.input.shrink();
            client.output.shrink();
        }
        let may_wait =
            client.is_subscriber() || client.monitors || !matches!(client.state, State::Ready);
        let mute = client.stream.is_handshaking() && idle > HANDSHAKE_MS;
        if mute || (timeout > 0 && idle > timeout && !may_wait) {
            core.kill(*slot);
        }
    }
}

/// Sums up what clients take, and closes the fattest until all together fit.
pub(crate) fn bound_memory(core: &mut Core) {
    let mut held: Vec<(usize, usize)> = Vec::with_capacity(core.clients.len());
    for slot in core.clients.slots() {
        let client = core.clients.at(slot);
        client.summed = client.shared_memory();
        held.push((client.summed, slot));
    }
    core.client_memory = held.iter().map(|(bytes, _)| bytes).sum();
    let Some(most) = core.settings.clients_bound() else {
        return;
    };
    held.sort_unstable();
    while let Some((bytes, slot)) = held.pop() {
        if core.client_memory <= most || bytes == 0 {
            return;
        }
        core.client_memory -= bytes;
        core.clients.at(slot).summed = 0;
        core.counters.evicted_clients += 1;
        core.kill(slot);
    }
}

/// Removes what has expired, and serves blocked clients from what others than this loop have committed.
fn tend_keyspace(this: &mut EventLoop) {
    let store = this.store.clone();
    let mut turn = store.turn(this.core.now_ms);
    turn.listens();
    turn.observe(this.core.is_observing());
    turn.set_read_mode(ReadMode::CachedOnly);
    if this.core.active_expiry && this.core.pause.is_none() {
        expire(this, &mut turn);
    }
    if turn.base() != this.known_commit && this.core.is_observing() {
        notify::take_news(&mut this.core, &turn, store.heard());
        blocking::serve_all(&mut this.core, &mut turn);
    }
    blocking::after_touch(&mut this.core, &mut turn);
    tracking::broadcast(&mut this.core);
    this.finish(turn);
}

/// Whether more is held than `maxmemory` allows: what was written and is not in tables, and the buffers of clients. Caches give way.
pub(crate) fn measure(this: &mut EventLoop) {
    let most = this.core.settings.max_memory;
    let held = || {
        let clients = this.core.clients.iter().map(|(_, client)| client.held());
        this.store.db().unflushed_bytes() + clients.sum::<usize>()
    };
    let over = most > 0 && held() > most;
    this.core.over_memory = over;
}

/// Removes what has expired before a turn's commands run: who listens hears of it before he hears what they did to the key.
pub(super) fn expire_before(this: &mut EventLoop, turn: &mut Turn<'_>) {
    let now = turn.now_ms();
    if matches!(turn.next_expiry(), Ok(Some(at)) if at <= now) {
        expire(this, turn);
        blocking::after_touch(&mut this.core, turn);
    }
}

/// Removes some of what has expired.
fn expire(this: &mut EventLoop, turn: &mut Turn<'_>) {
    let began = this.watched();
    turn.savepoint();
    match turn.expire_due(EXPIRED_PER_TICK) {
        Ok(expired) => {
            notify::expired(&mut this.core, turn, 0);
            this.core.counters.expired += expired.removed as u64;
            if expired.more {
                this.next_tick = this.core.tick_ms + 1;
            }
        }
        Err(stop) => {
            turn.rollback();
            if let Stop::Miss(miss) = stop {
                // Nobody waits for the answer: the next tick finds the block there.
                this.core.loader.load(NOBODY, miss);
            }
        }
    }
    accounting::stalled(&mut this.core, Event::Expiry, began);
}
