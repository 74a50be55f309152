//! The loop's own state: everything but the store.

use super::accept::Listeners;
use super::access::{Roles, Users};
use super::accounting;
use super::admin::{ClientInfo, Job, Jobs};
use super::ahead::Ahead;
use super::blocking::Waiters;
use super::client::State;
use super::clients::{Clients, Slot};
use super::commands::Commands;
use super::loader::Loader;
use super::lookups::Counted;
use super::multi::{self, Watchers};
use super::notify::Told;
use super::pubsub::{self, Deferred, Hub};
use super::settings::Settings;
use super::shared::{CommandUsage, Message, ServerStats, Shared};
use super::tracking::{self, Tracked};
use crate::acl::log::Log;
use crate::forms::Notes;
use crate::observe::Observed;
use crate::protocol::Progress;
use crate::scripting::Scripting;
use hyperdb_graph::{AppId, LockWait, Miss, Step, Turn};
use mio::Poll;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

/// Counters since the start or CONFIG RESETSTAT.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counters {
    pub commands: u64,
    pub protocol_errors: u64,
    pub connections: u64,
    pub rejected: u64,
    pub turns: u64,
    pub expired: u64,
    /// Keys that commands looked for and found, and those that were not there.
    pub hits: u64,
    pub misses: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub loads: u64,
    pub closed_for_output: u64,
    pub closed_for_memory: u64,
    pub evicted_clients: u64,
    /// Rounds of the loop, and nanoseconds that they took but for waiting: all together, of commands, of commits, of housekeeping.
    pub cycles: u64,
    pub cycle_nanos: u64,
    pub turn_nanos: u64,
    pub commit_nanos: u64,
    pub tick_nanos: u64,
    pub longest_cycle_nanos: u64,
    /// Most commands in one round.
    pub most_commands: u64,
}

impl Counters {
    /// A command looked for a key.
    #[inline]
    pub(crate) fn note_lookup(&mut self, found: bool) {
        self.note_lookups(u64::from(found), u64::from(!found));
    }

    pub(crate) fn note_lookups(&mut self, found: u64, missed: u64) {
        self.hits += found;
        self.misses += missed;
    }
}

/// CLIENT PAUSE.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pause {
    /// When it ends, milliseconds of the loop's clock.
    pub until: i64,
    /// All commands wait, not only those that write.
    pub all: bool,
}

/// Writes are refused for a while since a commit failed.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub text: String,
    /// When to try again, milliseconds of the loop's clock.
    pub until: i64,
}

/// How much the server does a second, as the mean of the last ones.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// When, in milliseconds of the loop's clock, and what had been counted then.
    samples: VecDeque<(i64, [u64; 5])>,
}

impl Rates {
    /// Samples that are kept: a tick apart, as in Redis.
    const SAMPLES: usize = 16;

    /// Notes what was counted until now.
    pub(crate) fn note(&mut self, now: i64, counters: &Counters) {
        if self.samples.len() > Self::SAMPLES {
            self.samples.pop_front();
        }
        let counts = [
            counters.commands,
            counters.bytes_in,
            counters.bytes_out,
            counters.cycles,
            counters.cycle_nanos,
        ];
        self.samples.push_back((now, counts));
    }

    /// Commands, bytes in, bytes out and rounds a second; and nanoseconds that a round took.
    fn per_second(&self) -> [u64; 5] {
        let (Some((from, first)), Some((to, last))) = (self.samples.front(), self.samples.back())
        else {
            return [0; 5];
        };
        let millis = u64::try_from(to - from).unwrap_or(0).max(1);
        // CONFIG RESETSTAT sets the counters back.
        let passed = [0, 1, 2, 3, 4].map(|at| last[at].saturating_sub(first[at]));
        let a_second = |at: usize| passed[at].saturating_mul(1000) / millis;
        let a_round = passed[4] / passed[3].max(1);
        [a_second(0), a_second(1), a_second(2), a_second(3), a_round]
    }
}

/// What DEBUG changes of the server's behaviour, for those who test it.
#[derive(Debug)]
pub(crate) struct Testing {
    /// No housekeeping (DEBUG PAUSE-CRON).
    pub cron_paused: bool,
    /// A client idle for longer gives its buffers back; `None`: never (DEBUG REPLYBUFFER).
    pub keep_buffers_ms: Option<i64>,
    /// Scripts may call what they must not (DEBUG SET-DISABLE-DENY-SCRIPTS).
    pub scripts_may_all: bool,
    /// RESTORE takes payloads with a wrong checksum (DEBUG SET-SKIP-CHECKSUM-VALIDATION).
    pub skips_checksums: bool,
}

/// For how long an idle client keeps its buffers, milliseconds.
pub(crate) const KEEP_BUFFERS_MS: i64 = 2_000;

impl Default for Testing {
    fn default() -> Self {
        Self {
            cron_paused: false,
            keep_buffers_ms: Some(KEEP_BUFFERS_MS),
            scripts_may_all: false,
            skips_checksums: false,
        }
    }
}

/// xorshift64*, Vigna 2014: fast and good enough for SPOP and RANDOMKEY.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// See the module's head.
pub(crate) struct Core {
    pub poll: Poll,
    pub listeners: Listeners,
    /// There are messages that the loop has been told of while a script ran.
    pub woken: bool,
    pub clients: Clients,
    pub commands: Commands,
    pub settings: Settings,
    /// Forms that values do not show.
    pub forms: RefCell<Notes>,
    pub users: Users,
    pub acl_log: Log,
    pub tracked: Tracked,
    /// Apps that are no numbered database.
    pub other_apps: HashSet<AppId>,
    /// Events that wait to be told.
    pub told: Vec<Told>,
    /// Whose command runs.
    pub acting: Option<u64>,
    /// Logins whose turn has not come, by when it will.
    pub late_logins: BTreeMap<(i64, u64), Job>,
    pub shared: Arc<Shared>,
    pub jobs: Jobs,
    pub loader: Loader,
    pub hub: Hub,
    pub waiters: Waiters,
    pub watchers: Watchers,
    pub random: Random,
    pub scripting: Scripting,
    pub counters: Counters,
    /// Along the rows of the command table: which keys count as looked for.
    pub counted: Vec<Counted>,
    pub observed: Observed,
    pub debug: Testing,
    /// What has expired is removed without being asked for; DEBUG SET-ACTIVE-EXPIRE.
    pub active_expiry: bool,
    /// Bytes that clients take which may be closed for it, as far as summed up.
    pub client_memory: usize,
    /// More than `maxmemory` is held.
    pub over_memory: bool,
    pub rates: Rates,
    /// Clients that may have something to run, in order of arrival.
    pub ready: Vec<Slot>,
    /// Clients of this turn that have not been run yet, the next one last.
    pub due: Vec<Slot>,
    pub ahead: Ahead,
    /// Clients whose output changed in this turn.
    pub flush: Vec<Slot>,
    /// Messages that the running transaction publishes.
    pub deferred: Vec<Deferred>,
    pub in_transaction: bool,
    pub pause: Option<Pause>,
    pub refusal: Option<Refusal>,
    /// How many clients are blocked on keys.
    pub blocked: usize,
    /// Commands that changed something since the start.
    pub changes: u64,
    /// Apps of the numbered databases, as last seen.
    pub apps: Vec<Option<AppId>>,
    /// A database's number names another app than before: FLUSHDB or SWAPDB.
    pub remapped: bool,
    /// Where housekeeping goes on looking at clients.
    pub next_look: usize,
    /// Housekeeping is due whatever the clock says.
    pub tick_soon: bool,
    /// Milliseconds of the loop's monotonic clock.
    pub tick_ms: i64,
    /// Unix time in milliseconds.
    pub now_ms: i64,
    pub started_ms: i64,
}

/// What a core is made from.
pub(crate) struct Parts {
    pub poll: Poll,
    pub listeners: Listeners,
    pub settings: Settings,
    pub roles: Roles,
    pub shared: Arc<Shared>,
    pub jobs: Jobs,
    pub loader: Loader,
    pub seed: u64,
    pub tick_ms: i64,
    pub now_ms: i64,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let commands = Commands::new();
        let users = Users::new(&commands.table, parts.roles);
        let counted = Counted::of_rows(&commands.table);
        let mut observed = Observed::new(commands.table.rows().len());
        let settings = &parts.settings;
        observed.watch(settings.slow_micros, settings.latency_threshold_ms);
        Self {
            poll: parts.poll,
            listeners: parts.listeners,
            woken: false,
            clients: Clients::default(),
            counted,
            observed,
            debug: Testing::default(),
            active_expiry: true,
            client_memory: 0,
            over_memory: false,
            rates: Rates::default(),
            commands,
            settings: parts.settings,
            forms: RefCell::default(),
            users,
            acl_log: Log::default(),
            tracked: Tracked::default(),
            other_apps: HashSet::new(),
            told: Vec::new(),
            acting: None,
            late_logins: BTreeMap::new(),
            shared: parts.shared,
            jobs: parts.jobs,
            loader: parts.loader,
            hub: Hub::default(),
            waiters: Waiters::default(),
            watchers: Watchers::default(),
            random: Random(parts.seed | 1),
            scripting: Scripting::default(),
            counters: Counters::default(),
            ready: Vec::new(),
            due: Vec::new(),
            ahead: Ahead::default(),
            flush: Vec::new(),
            deferred: Vec::new(),
            in_transaction: false,
            pause: None,
            refusal: None,
            blocked: 0,
            changes: 0,
            apps: Vec::new(),
            remapped: false,
            next_look: 0,
            tick_soon: false,
            tick_ms: parts.tick_ms,
            now_ms: parts.now_ms,
            started_ms: parts.now_ms,
        }
    }

    /// The app of a numbered database; FLUSHDB and SWAPDB change it.
    #[inline]
    pub(crate) fn app(&mut self, turn: &mut Turn<'_>, db: u32) -> Step<AppId> {
        let app = turn.redis_app(db)?;
        let known = db as usize;
        if self.apps.len() <= known {
            self.apps.resize(known + 1, None);
        }
        self.remapped |= self.apps[known].is_some_and(|before| before != app);
        self.apps[known] = Some(app);
        Ok(app)
    }

    /// Whether FLUSHDB or SWAPDB gave a database in use another app since this was last asked.
    pub(crate) fn was_remapped(&mut self, turn: &mut Turn<'_>) -> bool {
        for db in 0..self.apps.len() {
            if self.apps[db].is_some() {
                // What cannot be told now is told when a command uses that database.
                let _later = u32::try_from(db).map(|db| self.app(turn, db));
            }
        }
        std::mem::take(&mut self.remapped)
    }

    /// The numbered database of an app that this loop has used.
    pub(crate) fn db_of(&self, app: AppId) -> Option<u32> {
        let known = self.apps.iter().position(|known| *known == Some(app))?;
        u32::try_from(known).ok()
    }

    /// Whether some commands may not run now that may otherwise.
    #[inline]
    pub(crate) fn is_restricted(&self) -> bool {
        self.over_memory
            || self.pause.is_some()
            || self.refusal.is_some()
            || self.settings.lacks_replicas()
    }

    /// Whether touched keys matter to anybody.
    #[inline]
    pub(crate) fn is_observing(&self) -> bool {
        !self.waiters.is_empty() || !self.watchers.is_empty() || self.wants_news()
    }

    /// Whether it matters which keys others change, and how.
    #[inline]
    pub(crate) fn wants_news(&self) -> bool {
        !self.tracked.is_empty() || self.settings.events.any()
    }

    /// Keeps the app of a numbered database that others use.
    pub(crate) fn know_app(&mut self, db: u32, app: AppId) {
        let known = db as usize;
        if self.apps.len() <= known {
            self.apps.resize(known + 1, None);
        }
        self.apps[known] = Some(app);
    }

    /// Puts a client into the list of those to run, if it can.
    pub(crate) fn run_later(&mut self, slot: Slot) {
        if let Some(client) = self.clients.get_mut(slot) {
            if !client.queued {
                client.queued = true;
                self.ready.push(slot);
            }
        }
    }

    /// Puts a client into the list of those to write to.
    #[inline]
    pub(crate) fn flush_later(&mut self, slot: Slot) {
        if let Some(client) = self.clients.get_mut(slot) {
            if !client.flushing {
                client.flushing = true;
                self.flush.push(slot);
            }
        }
    }

    /// Wakes a parked client: its request runs again, or the next one runs.
    pub(crate) fn wake(&mut self, slot: Slot) {
        if let Some(client) = self.clients.get_mut(slot) {
            client.state = State::Ready;
        }
        self.run_later(slot);
    }

    /// Drops the request at the front of a client's buffer, which has been answered otherwise.
    pub(crate) fn skip_request(&mut self, slot: Slot) {
        let max_bulk = self.settings.max_bulk;
        let client = self.clients.at(slot);
        let limits = client.limits(max_bulk);
        let (parser, bytes) = client.input.split();
        if let Ok(Progress::Request(len)) = parser.advance(bytes, &limits) {
            client.input.consume(len);
        }
        client.request_is_through();
    }

    /// What administration may know of a client.
    pub(crate) fn client_info(&mut self, slot: Slot) -> ClientInfo {
        let in_transaction = self.clients.at(slot).multi.is_some();
        let client = self.clients.at(slot);
        ClientInfo {
            id: client.id,
            db: client.db,
            role: client.role.clone().unwrap_or_default(),
            name: client.name.clone(),
            address: client.peer.address.clone(),
            resp3: client.output.reply.resp3,
            in_transaction,
        }
    }

    /// Gives commands to administration; the caller parks the client.
    pub(crate) fn ask(&mut self, slot: Slot, commands: Vec<Vec<Vec<u8>>>) {
        self.publish_stats();
        let client = self.client_info(slot);
        self.submit(Job::Call { client, commands });
    }

    /// Has a command on rows of tables run.
    pub(crate) fn ask_rows(&mut self, slot: Slot, command: Vec<Vec<u8>>) {
        let client = self.client_info(slot);
        self.submit(Job::Rows { client, command });
    }

    /// Gives work to administration.
    pub(crate) fn submit(&mut self, job: Job) {
        self.jobs.submit(job);
    }

    /// Has a block loaded, and parks the client until it is there.
    pub(crate) fn load(&mut self, slot: Slot, miss: Miss) {
        let client = self.clients.at(slot);
        client.state = State::Loading;
        let id = client.id;
        self.counters.loads += 1;
        self.loader.load(id, miss);
    }

    /// Parks a client until a transaction gives up the lock that its request met.
    pub(crate) fn wait_for_lock(&mut self, slot: Slot, wait: LockWait) {
        let client = self.clients.at(slot);
        client.state = State::Locked;
        client.lock_wait = Some(wait.clone());
        let (id, shared) = (client.id, self.shared.clone());
        wait.on_free(Arc::new(move || shared.post(Message::LockFree { id })));
    }

    /// Closes a client whose output has outgrown its limit.
    pub(crate) fn check_output(&mut self, slot: Slot) {
        let now = self.tick_ms;
        let Some(client) = self.clients.get_mut(slot) else {
            return;
        };
        let limit = if client.is_subscriber() {
            self.settings.output_pubsub
        } else {
            self.settings.output_normal
        };
        let pending = client.output.pending();
        let over_soft = limit.soft > 0 && pending > limit.soft;
        let since = match (over_soft, client.output.soft_since) {
            (false, _) => None,
            (true, since) => Some(since.unwrap_or(now)),
        };
        client.output.soft_since = since;
        let soft_over = since.is_some_and(|since| {
            now - since > i64::try_from(limit.soft_seconds * 1000).unwrap_or(i64::MAX)
        });
        if !client.doomed && ((limit.hard > 0 && pending > limit.hard) || soft_over) {
            self.counters.closed_for_output += 1;
            client.doomed = true;
            self.flush_later(slot);
        }
        self.sum_up(slot);
    }

    /// A client may take more or less memory than before: closes the fattest if all take too much.
    #[inline]
    pub(crate) fn sum_up(&mut self, slot: Slot) {
        let Some(client) = self.clients.get_mut(slot) else {
            return;
        };
        let now = client.shared_memory();
        let before = std::mem::replace(&mut client.summed, now);
        self.client_memory = (self.client_memory + now).saturating_sub(before);
        if now > before
            && self
                .settings
                .clients_bound()
                .is_some_and(|most| self.client_memory > most)
        {
            super::housekeeping::bound_memory(self);
        }
    }

    /// Takes a client out of everything that knows it.
    pub(crate) fn detach(&mut self, slot: Slot) {
        super::blocking::unblock(self, slot);
        multi::forget(self, slot);
        pubsub::leave_all(self, slot);
        tracking::disable(self, slot);
        accounting::stop_monitor(self, slot);
    }

    /// Closes a client before its next request.
    pub(crate) fn kill(&mut self, slot: Slot) {
        if let Some(client) = self.clients.get_mut(slot) {
            client.doomed = true;
        }
        self.flush_later(slot);
    }

    /// Closes a client that may be waiting for an answer, which it still gets.
    pub(crate) fn close_after_reply(&mut self, slot: Slot) {
        match self.clients.get_mut(slot) {
            Some(client) if matches!(client.state, State::Asking(_)) => client.closing = true,
            _ => self.kill(slot),
        }
    }

    /// What is known of the commands that were called.
    fn usage(&self) -> Vec<CommandUsage> {
        let rows = self.commands.table.rows().iter().zip(&self.observed.usage);
        rows.filter(|(_, usage)| usage.calls + usage.rejected > 0)
            .map(|(row, usage)| CommandUsage {
                name: row.name,
                calls: usage.calls,
                micros: usage.nanos / 1000,
                rejected: usage.rejected,
                failed: usage.failed,
            })
            .collect()
    }

    /// Nanoseconds within which these percentages of the calls of each command ended.
    pub(crate) fn latencies(&self, percents: &[f64]) -> Vec<(&'static str, Vec<u64>)> {
        let rows = self.commands.table.rows().iter().zip(&self.observed.usage);
        rows.filter_map(|(row, usage)| {
            let times = usage.times.as_ref()?;
            let found = percents.iter().map(|percent| times.percentile(*percent));
            Some((row.name, found.collect()))
        })
        .collect()
    }

    /// Makes the counters visible to other threads.
    pub(crate) fn publish_stats(&self) {
        let (channels, patterns, shard_channels) = self.hub.counts();
        let (mut input, mut output, mut watching, mut subscribed, mut paused) = (0, 0, 0, 0, 0);
        let rates = self.rates.per_second();
        let denied = self.acl_log.denied();
        for (_, client) in self.clients.iter() {
            input += client.input.held();
            output += client.output.held();
            watching += usize::from(!client.watched.is_empty());
            subscribed += usize::from(client.is_subscriber());
            paused += usize::from(matches!(client.state, State::Paused));
        }
        let c = &self.counters;
        let [trackers, tracked_keys, tracked_items, tracked_prefixes] = self.tracked.counts();
        let seconds = (self.now_ms - self.started_ms).max(0) as u64 / 1000;
        self.shared.publish(ServerStats {
            rows: vec![
                ("uptime_in_seconds", seconds),
                ("connected_clients", self.clients.len() as u64),
                ("blocked_clients", (self.blocked + paused) as u64),
                ("watching_clients", watching as u64),
                ("pubsub_clients", subscribed as u64),
                ("clients_input_bytes", input as u64),
                ("clients_output_bytes", output as u64),
                ("total_connections_received", c.connections),
                ("rejected_connections", c.rejected),
                ("total_commands_processed", c.commands),
                ("total_error_replies", self.observed.errors.total),
                ("protocol_errors", c.protocol_errors),
                ("total_net_input_bytes", c.bytes_in),
                ("total_net_output_bytes", c.bytes_out),
                ("expired_keys", c.expired),
                ("keyspace_hits", c.hits),
                ("keyspace_misses", c.misses),
                ("loop_cycles", c.cycles),
                ("loop_micros", c.cycle_nanos / 1000),
                ("loop_command_micros", c.turn_nanos / 1000),
                ("loop_commit_micros", c.commit_nanos / 1000),
                ("loop_housekeeping_micros", c.tick_nanos / 1000),
                ("loop_longest_micros", c.longest_cycle_nanos / 1000),
                ("loop_most_commands", c.most_commands),
                ("turns", c.turns),
                ("block_loads", c.loads),
                ("pubsub_channels", channels as u64),
                ("pubsub_patterns", patterns as u64),
                ("pubsubshard_channels", shard_channels as u64),
                ("closed_for_output_limit", c.closed_for_output),
                ("closed_for_memory", c.closed_for_memory),
                ("changes", self.changes),
                ("evicted_clients", c.evicted_clients),
                ("clients_bytes", self.client_memory as u64),
                ("blocking_keys", self.waiters.key_count() as u64),
                (
                    "blocking_keys_if_gone",
                    self.waiters.keys_if_gone(&self.clients) as u64,
                ),
                ("monitors", self.observed.monitors.len() as u64),
                ("slowlog_entries", self.observed.slow.len() as u64),
                ("commands_per_second", rates[0]),
                ("input_bytes_per_second", rates[1]),
                ("output_bytes_per_second", rates[2]),
                ("cycles_per_second", rates[3]),
                ("micros_per_cycle", rates[4] / 1000),
                ("acl_denied_command", denied[0]),
                ("acl_denied_key", denied[1]),
                ("acl_denied_channel", denied[2]),
                ("acl_denied_auth", denied[3]),
                ("cached_scripts", self.scripting.script_count() as u64),
                ("libraries", self.scripting.library_counts()[0] as u64),
                ("functions", self.scripting.library_counts()[1] as u64),
                ("tracking_clients", trackers as u64),
                ("tracking_total_keys", tracked_keys as u64),
                ("tracking_total_items", tracked_items as u64),
                ("tracking_total_prefixes", tracked_prefixes as u64),
            ],
            usage: self.usage(),
            errors: self
                .observed
                .errors
                .iter()
                .map(|(class, count)| (class.to_owned(), count))
                .collect(),
        });
    }
}
