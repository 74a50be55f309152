//! The loop: poll, read, run, commit, reply.
//!
//! ```text
//! 1. poll          wait for sockets, messages, or the next deadline
//! 2. messages      answers of administration, loaded blocks, new settings
//! 3. read          all ready sockets into their clients' buffers
//! 4. run           every ready client's requests, on one Turn
//! 5. commit        once; replies of the turn wait for it to be durable
//! 6. write         what may go out, one write a client
//! ```
//!
//! **Theory.** Clients compute too, so a turn that answers all of them at its end leaves them idle while it runs,
//! and itself idle while they do. What a turn without changes has read is durable, so its replies go out at
//! once; and where a commit costs little (`everysec`) a turn is ended after some hundred commands. Where it costs a
//! sync (`always`) all ready clients share it, and the loop makes it itself: replies cannot leave earlier, and
//! clients that would be served meanwhile would only wait for a sync of their own.
//!
//! **Invariant.** A reply leaves only after the commit of its turn, and so of everything it may have read, is
//! durable.

use super::accept::Listeners;
use super::blocking;
use super::client::{Question, State};
use super::clients::Slot;
use super::clock::Clock;
use super::core::{Core, Refusal};
use super::shared::Message;
use super::{access, accounting, housekeeping, login, notify, runner, tracking};
use crate::observe::latency::Event;
use hyperdb_graph::{Commit, Error, ReadMode, Store, SyncMode, Turn};
use mio::{Events, Token};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const WAKER: Token = Token(0);
/// Tokens from here on are clients' slots; those between are listeners.
pub(crate) const FIRST_CLIENT: usize = 16;
/// Longest that one turn runs commands before it commits.
const TURN_MS: i64 = 10;
/// So many commands end a turn whose commit needs no sync.
const TURN_COMMANDS: u64 = 256;
/// Most times a second that housekeeping runs.
const MOST_TICKS: i64 = 500;
/// For how long writes are refused without trying after a commit has failed.
const REFUSAL_MS: i64 = 200;

pub(crate) struct EventLoop {
    pub store: Arc<Store>,
    pub core: Core,
    pub clock: Box<dyn Clock>,
    /// Clients whose replies wait for a commit, in order of commits.
    pub gated: VecDeque<(Commit, Slot, u64)>,
    pub next_tick: i64,
    /// The newest commit this loop knows of.
    pub known_commit: Commit,
}

/// Where a round of the loop begins.
struct Round {
    began: u64,
    commands: u64,
}

impl EventLoop {
    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        self.core.shared.enter_loop();
        loop {
            let timeout = self.timeout();
            if let Err(error) = self.core.poll.poll(&mut events, timeout) {
                if error.kind() != std::io::ErrorKind::Interrupted {
                    return;
                }
            }
            self.read_clock();
            let round = self.begin_round();
            let mut accept = self.core.listeners.pending();
            // A script that ran long may have been told of messages.
            let mut woken = std::mem::take(&mut self.core.woken);
            for event in &events {
                match event.token() {
                    WAKER => woken = true,
                    Token(token) if token < FIRST_CLIENT => accept = true,
                    Token(token) => {
                        let slot = token - FIRST_CLIENT;
                        if event.is_readable() || event.is_read_closed() || event.is_error() {
                            self.core.readable(slot);
                            self.core.read(slot, event.is_read_closed());
                        }
                        if event.is_writable() {
                            self.core.write(slot);
                        }
                    }
                }
            }
            if woken && !self.take_messages() {
                self.close_all();
                return;
            }
            if accept {
                Listeners::accept(&mut self.core);
            }
            blocking::expire(&mut self.core);
            login::retry_due(&mut self.core);
            if self.core.tick_ms >= self.next_tick || std::mem::take(&mut self.core.tick_soon) {
                let hz = i64::try_from(self.core.settings.hz).unwrap_or(i64::MAX);
                self.next_tick = self.core.tick_ms + 1000 / hz.clamp(1, MOST_TICKS);
                let began = self.core.observed.now();
                housekeeping::tick(&mut self);
                self.core.counters.tick_nanos += self.core.observed.since(began);
            }
            self.turn();
            if !self.gated.is_empty() {
                self.release();
            }
            self.end_round(&round);
        }
    }

    fn begin_round(&self) -> Round {
        Round {
            began: self.core.observed.now(),
            commands: self.core.counters.commands,
        }
    }

    fn end_round(&mut self, round: &Round) {
        let spent = self.core.observed.since(round.began);
        let counters = &mut self.core.counters;
        counters.cycles += 1;
        counters.cycle_nanos += spent;
        counters.longest_cycle_nanos = counters.longest_cycle_nanos.max(spent);
        // CONFIG RESETSTAT sets the counters back.
        let commands = counters.commands.saturating_sub(round.commands);
        counters.most_commands = counters.most_commands.max(commands);
    }

    fn read_clock(&mut self) {
        self.core.now_ms = self.clock.unix_ms();
        self.core.tick_ms = self.clock.monotonic_ms();
    }

    fn timeout(&self) -> Option<Duration> {
        let core = &self.core;
        if !core.ready.is_empty() || core.listeners.pending() || core.woken || core.tick_soon {
            return Some(Duration::ZERO);
        }
        let deadline = self.core.waiters.next_deadline().unwrap_or(i64::MAX);
        let pause = self.core.pause.map_or(i64::MAX, |pause| pause.until);
        let login = self.core.late_logins.first_key_value();
        let login = login.map_or(i64::MAX, |((at, _), _)| *at);
        let next = self.next_tick.min(deadline).min(pause).min(login);
        let wait = (next - self.core.tick_ms).max(0);
        // One more, since the clock counts whole milliseconds.
        Some(Duration::from_millis(wait as u64 + 1))
    }

    /// Runs all ready clients on one turn and commits.
    fn turn(&mut self) {
        let others_wrote = self.others_wrote();
        if self.core.ready.is_empty() && self.core.flush.is_empty() && !others_wrote {
            return;
        }
        let ready = std::mem::take(&mut self.core.ready);
        // Clients left over from the last turn may have more on their sockets.
        for slot in &ready {
            if let Some(client) = self.core.clients.get_mut(*slot) {
                client.queued = false;
                if client.unread {
                    self.core.read(*slot, false);
                }
            }
        }
        if !ready.is_empty() || others_wrote {
            self.run_turn(&ready);
        }
        self.gate();
    }

    /// Whether clients wait for what somebody outside this loop may have committed: the host process, a transaction.
    fn others_wrote(&self) -> bool {
        self.core.is_observing() && self.store.db().latest() != self.known_commit
    }

    fn run_turn(&mut self, ready: &[Slot]) {
        let store = self.store.clone();
        let core = &mut self.core;
        core.counters.turns += 1;
        let mut turn = store.turn(core.now_ms);
        turn.listens();
        turn.observe(core.is_observing());
        turn.set_read_mode(ReadMode::CachedOnly);
        let until = core.tick_ms + TURN_MS;
        let db = store.db();
        let syncs = db.sync_mode() == SyncMode::Always;
        if syncs {
            turn.lead();
        }
        let enough = if syncs {
            u64::MAX
        } else {
            core.counters.commands + TURN_COMMANDS
        };
        let based = turn.base();
        let on_durable = db.durable() >= based;
        if based != self.known_commit && self.core.is_observing() {
            notify::take_news(&mut self.core, &turn, store.heard());
            blocking::serve_all(&mut self.core, &mut turn);
        }
        if self.core.wants_news() && self.core.active_expiry {
            housekeeping::expire_before(self, &mut turn);
        }
        let began = self.core.observed.now();
        self.core.due.clear();
        self.core.due.extend(ready.iter().rev());
        self.core.ahead.begin(&turn);
        while let Some(slot) = self.core.due.pop() {
            let core = &mut self.core;
            if core
                .clients
                .get(slot)
                .is_some_and(|client| client.is_ready())
            {
                runner::run(core, &mut turn, slot);
                if on_durable && turn.is_clean() {
                    self.reply_at_once(slot);
                }
            }
            if self.core.counters.commands >= enough || self.clock.monotonic_ms() > until {
                break;
            }
        }
        while let Some(slot) = self.core.due.pop() {
            self.core.run_later(slot);
        }
        self.core.counters.turn_nanos += self.core.observed.since(began);
        tracking::broadcast(&mut self.core);
        let began = self.core.observed.now();
        self.finish(turn);
        self.core.counters.commit_nanos += self.core.observed.since(began);
        if syncs && self.known_commit > based {
            let began = self.watched();
            // If it fails, the store is poisoned, and clients that wait for this commit are closed.
            let _poisoned = store.db().wait_durable(self.known_commit);
            accounting::stalled(&mut self.core, Event::LogSync, began);
        }
    }

    /// When something begins that LATENCY is to know of; nothing if it watches nothing.
    pub(crate) fn watched(&self) -> Option<Instant> {
        (self.core.settings.latency_threshold_ms > 0).then(Instant::now)
    }

    /// Writes what a client got from a turn that has changed nothing, if nothing before it is waiting.
    fn reply_at_once(&mut self, slot: Slot) {
        let Some(client) = self.core.clients.get_mut(slot) else {
            return;
        };
        if client.output.is_gated() || self.core.flush.last() != Some(&slot) {
            return;
        }
        self.core.flush.pop();
        client.flushing = false;
        client.turn_replies = 0;
        client.output.release_all();
        self.core.write(slot);
    }

    /// Commits a turn.
    pub(crate) fn finish(&mut self, mut turn: Turn<'_>) {
        self.core.shared.set_observing(self.core.is_observing());
        self.store.heard().listen(self.core.wants_news());
        let began = self.watched();
        match turn.commit() {
            Ok(commit) => self.known_commit = commit,
            Err(error) => self.refuse(&error),
        }
        accounting::stalled(&mut self.core, Event::LogWrite, began);
    }

    /// A commit failed and its changes were taken back: nothing that ran in the turn may be acknowledged.
    fn refuse(&mut self, error: &Error) {
        let text = super::execute::failure_text(error);
        let core = &mut self.core;
        for slot in core.flush.clone() {
            let Some(client) = core.clients.get_mut(slot) else {
                continue;
            };
            if client.turn_replies > 0 {
                client.output.reply.buffer.truncate(client.turn_start);
            }
            for _ in 0..std::mem::take(&mut client.turn_replies) {
                client.output.reply.error(&text);
            }
        }
        core.refusal = Some(Refusal {
            text,
            until: core.tick_ms + REFUSAL_MS,
        });
    }

    /// Lets what was written to clients go, or makes it wait for the newest commit, which it may tell of.
    fn gate(&mut self) {
        let commit = self.known_commit;
        let durable = self.store.db().durable();
        for slot in std::mem::take(&mut self.core.flush) {
            let Some(client) = self.core.clients.get_mut(slot) else {
                continue;
            };
            client.flushing = false;
            client.turn_replies = 0;
            if durable < commit {
                client.output.gate(commit);
                self.gated.push_back((commit, slot, client.id));
            } else {
                client.output.release_all();
            }
            self.core.write(slot);
        }
    }

    /// Lets go the replies whose commits have become durable; closes clients whose commits never will be.
    fn release(&mut self) {
        self.core.shared.set_gated(true);
        self.release_durable();
        if !self.gated.is_empty() && self.store.db().health().is_err() {
            for (_, slot, id) in std::mem::take(&mut self.gated) {
                if self
                    .core
                    .clients
                    .get(slot)
                    .is_some_and(|client| client.id == id)
                {
                    self.core.close(slot);
                }
            }
        }
        if self.gated.is_empty() {
            self.core.shared.set_gated(false);
        }
    }

    fn release_durable(&mut self) {
        let durable = self.store.db().durable();
        while let Some((commit, slot, id)) = self.gated.front().copied() {
            if commit > durable {
                return;
            }
            self.gated.pop_front();
            if let Some(client) = self.core.clients.get_mut(slot) {
                if client.id == id {
                    client.output.release(durable);
                    self.core.write(slot);
                }
            }
        }
    }

    fn close_all(&mut self) {
        for slot in self.core.clients.slots() {
            self.core.write(slot);
            if self.core.clients.get(slot).is_some() {
                self.core.close(slot);
            }
        }
    }

    /// Takes messages from other threads; `false` if one of them says to stop.
    fn take_messages(&mut self) -> bool {
        for message in self.core.shared.take() {
            let core = &mut self.core;
            match message {
                Message::Answers { id, answers } => {
                    if let Some(slot) = core.clients.slot_of(id) {
                        self.answer(slot, answers);
                    }
                }
                Message::LoggedIn {
                    id,
                    login,
                    attempt,
                    spent,
                } => {
                    if let Some(slot) = core.clients.slot_of(id) {
                        login::finish(core, slot, login, attempt, spent);
                    }
                }
                Message::Latencies { percents, answer } => {
                    // Whoever asked may have given up.
                    let _gone = answer.send(core.latencies(&percents));
                }
                Message::Loaded { id, failure } => {
                    if let Some(slot) = core.clients.slot_of(id) {
                        core.clients.at(slot).failed_load = failure;
                        core.wake(slot);
                    }
                }
                Message::LockFree { id } => {
                    if let Some(slot) = core.clients.slot_of(id) {
                        core.wake(slot);
                    }
                }
                Message::Configure(settings) => {
                    let plain = core.settings.forms.list_plain;
                    core.settings = *settings;
                    core.settings.forms.list_plain = plain;
                    let settings = &core.settings;
                    core.observed
                        .watch(settings.slow_micros, settings.latency_threshold_ms);
                    housekeeping::measure(self);
                    housekeeping::bound_memory(&mut self.core);
                }
                Message::Roles(roles) => access::take(core, roles),
                Message::ResetStats => {
                    core.counters = Default::default();
                    core.observed.reset();
                }
                Message::Stop => return false,
            }
        }
        true
    }

    fn answer(&mut self, slot: Slot, answers: Vec<(super::admin::Answer, u64)>) {
        let client = self.core.clients.at(slot);
        match std::mem::take(&mut client.state) {
            State::Asking(Question::Command) => {
                let start = client.output.reply.buffer.len();
                let mut spent = 0;
                for (answer, nanos) in answers {
                    answer.encode(&mut client.output.reply);
                    spent += nanos;
                }
                client.turn_replies = 0;
                accounting::answered(&mut self.core, slot, start, spent);
            }
            State::Asking(Question::Transaction) => {
                if let Some(multi) = &mut client.multi {
                    multi.answers = Some(answers);
                }
            }
            other => client.state = other,
        }
        self.core.flush_later(slot);
        self.core.run_later(slot);
    }
}
