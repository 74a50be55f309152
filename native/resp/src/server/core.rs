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
use super::counters::{Counters, Rates};
use super::loader::Loader;
use super::lookups::Counted;
use super::multi::{self, Watchers};
use super::notify::Told;
use super::pubsub::{self, Deferred, Hub};
use super::settings::Settings;
use super::shared::{Message, Shared};
use super::tracking::{self, Tracked};
use crate::acl::log::Log;
use crate::forms::Notes;
use crate::observe::Observed;
use crate::protocol::Progress;
use crate::scripting::Scripting;
use hyperdb_graph::{AppId, LockWait, Miss, Step, Turn};
use mio::Poll;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

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
}
