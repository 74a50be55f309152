//! One connection: socket, buffers and session state.

use super::accounting::Pending;
use super::input::Input;
use super::multi::{Multi, Watched};
use super::output::Output;
use super::stream::{Peer, Stream};
use super::tracking::Tracking;
use crate::acl::User;
use crate::command::Block;
use crate::protocol::Limits;
use hyperdb_graph::LockWait;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// A client with so many bytes of replies waiting runs no more requests until it has read some; its requests are
/// still taken from the socket, so a client that writes a whole pipeline before it reads gets through.
pub(crate) const OUTPUT_PAUSE: usize = 32 << 20;

/// About what a name takes that a client watches or listens to: in its own set, and where all clients' are.
const NAME: usize = 160;

/// Where a client stands.
#[derive(Debug, Default)]
pub(crate) enum State {
    /// Its next command may run.
    #[default]
    Ready,
    /// Waits for a key to be touched.
    Blocked(Blocked),
    /// Waits for a block to be read from disk.
    Loading,
    /// Waits for row locks to be released.
    Locked,
    /// Waits for administration.
    Asking(Question),
    /// Its next command must wait until CLIENT UNPAUSE or the pause is over.
    Paused,
}

/// What a client asked administration.
#[derive(Debug)]
pub(crate) enum Question {
    /// One command: its answer is the reply.
    Command,
    /// The administrative commands of a transaction that EXEC will need.
    Transaction,
    /// AUTH, or HELLO with AUTH.
    Login(Asked),
}

/// A login that is being checked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// What remains to be done after a right password.
    pub wish: Option<Hello>,
    /// The command's name as it was sent, and the user, for ACL LOG.
    pub word: Vec<u8>,
    pub user: Vec<u8>,
}

/// What HELLO asked for.
#[derive(Debug, Clone)]
pub(crate) struct Hello {
    pub resp3: Option<bool>,
    pub name: Option<Vec<u8>>,
}

/// A blocked client's wait.
#[derive(Debug)]
pub(crate) struct Blocked {
    pub block: Block,
    pub db: u32,
    /// Kind of collection that the command pops from.
    pub kind: hyperdb_graph::Kind,
    /// When to give up, milliseconds of the loop's clock.
    pub deadline: Option<i64>,
}

/// What CLIENT REPLY says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ReplyMode {
    #[default]
    On,
    Off,
    /// This command's reply is the last to be dropped... of the next one.
    SkipNext,
    /// Drop the reply of the command that runs now.
    Skip,
}

/// See the module's head.
pub(crate) struct Client {
    pub id: u64,
    pub stream: Stream,
    pub peer: Peer,
    pub input: Input,
    pub output: Output,
    pub state: State,
    pub db: u32,
    /// The role it acts as; `None` until it has authenticated.
    pub role: Option<String>,
    /// What it may do: as that role, or as the default one until it has.
    pub user: Arc<User>,
    pub name: Vec<u8>,
    pub library: Vec<u8>,
    pub library_version: Vec<u8>,
    pub multi: Option<Multi>,
    pub watched: Vec<Watched>,
    /// A watched key was touched: EXEC must fail.
    pub dirty: bool,
    pub channels: BTreeSet<Box<[u8]>>,
    pub patterns: BTreeSet<Box<[u8]>>,
    pub shard_channels: BTreeSet<Box<[u8]>>,
    pub reply_mode: ReplyMode,
    /// While a command runs whose reply is dropped: where in the output messages lie, which are not.
    pub kept: Option<Vec<Range<usize>>>,
    /// How it hears of changed keys, if it wants to.
    pub tracking: Option<Box<Tracking>>,
    pub no_evict: bool,
    pub no_touch: bool,
    /// To be closed at once, whatever waits.
    pub doomed: bool,
    /// Replies go out, then the connection is closed.
    pub closing: bool,
    /// Its end was closed: nothing more will be read.
    pub hung_up: bool,
    /// All that it had sent before that was read.
    pub eof: bool,
    /// Is in the list of clients to run.
    pub queued: bool,
    /// The socket may have more to read than was read.
    pub unread: bool,
    /// Is in the list of clients to write to.
    pub flushing: bool,
    /// Bytes of the request that runs, and of what waits behind it.
    pub request_bytes: usize,
    /// Bytes of the buffer that they lie in, while it is lent to whom runs them.
    pub lent: usize,
    /// What it took when the memory of all clients was last summed up.
    pub summed: usize,
    /// Where this turn's replies begin, and how many commands replied, if it runs in this turn.
    pub turn_start: usize,
    pub turn_replies: usize,
    pub created_ms: i64,
    pub active_ms: i64,
    /// How often its request stopped for a block that was not in memory.
    pub misses: u32,
    /// Its place in the queue for a row lock; kept until its request has run again.
    pub lock_wait: Option<LockWait>,
    /// What its request said when it began to wait; kept until it is through.
    pub resume: Option<Box<[u8]>>,
    /// Why a block that its request needs could not be loaded; the reply when it runs again.
    pub failed_load: Option<String>,
    /// Name of the last command, for CLIENT LIST.
    pub last_command: Option<crate::table::RowId>,
    /// It is told of every command (MONITOR).
    pub monitors: bool,
    /// Nanoseconds that its request took in runs before this one.
    pub spent: u64,
    /// Monitors were told of its request when it began to wait.
    pub shown: bool,
    /// What administration runs for it.
    pub pending: Option<Box<Pending>>,
}

impl Client {
    pub(crate) fn new(id: u64, stream: Stream, peer: Peer, user: Arc<User>, now_ms: i64) -> Self {
        Self {
            id,
            stream,
            peer,
            input: Input::default(),
            output: Output::default(),
            state: State::Ready,
            db: 0,
            role: None,
            user,
            name: Vec::new(),
            library: Vec::new(),
            library_version: Vec::new(),
            multi: None,
            watched: Vec::new(),
            dirty: false,
            channels: BTreeSet::new(),
            patterns: BTreeSet::new(),
            shard_channels: BTreeSet::new(),
            reply_mode: ReplyMode::On,
            kept: None,
            tracking: None,
            no_evict: false,
            no_touch: false,
            doomed: false,
            closing: false,
            hung_up: false,
            eof: false,
            queued: false,
            unread: false,
            flushing: false,
            request_bytes: 0,
            lent: 0,
            summed: 0,
            turn_start: 0,
            turn_replies: 0,
            created_ms: now_ms,
            active_ms: now_ms,
            misses: 0,
            lock_wait: None,
            resume: None,
            failed_load: None,
            last_command: None,
            monitors: false,
            spent: 0,
            shown: false,
            pending: None,
        }
    }

    /// Its request was answered: forgets what was kept for running it again.
    pub(crate) fn request_is_through(&mut self) {
        self.lock_wait = None;
        self.resume = None;
        self.misses = 0;
        self.shown = false;
    }

    /// What was written from `start` on is a message: it goes out even if the client wants no replies.
    #[inline]
    pub(crate) fn pushed(&mut self, start: usize) {
        if let Some(kept) = &mut self.kept {
            kept.push(start..self.output.reply.buffer.len());
        }
    }

    /// Drops the reply that begins at `start`, but for messages in it.
    pub(crate) fn drop_reply(&mut self, start: usize) {
        let buffer = &mut self.output.reply.buffer;
        let mut end = start;
        for range in self.kept.take().unwrap_or_default() {
            buffer.copy_within(range.clone(), end);
            end += range.len();
        }
        buffer.truncate(end);
    }

    /// How many subscriptions of channels and patterns it has (shard channels count apart).
    pub(crate) fn subscriptions(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// Whether it listens to anything.
    pub(crate) fn is_subscriber(&self) -> bool {
        self.subscriptions() + self.shard_channels.len() > 0
    }

    /// What it may send.
    #[inline]
    pub(crate) fn limits(&self, max_bulk: usize) -> Limits {
        if self.role.is_some() {
            Limits {
                bulk: max_bulk,
                ..Limits::AUTHENTICATED
            }
        } else {
            Limits::STRANGER
        }
    }

    /// Whether it has nothing to run and waits for nothing.
    pub(crate) fn is_idle(&self) -> bool {
        !self.queued && !self.unread && matches!(self.state, State::Ready)
    }

    /// Whether it waits for a key.
    pub(crate) fn is_blocked(&self) -> bool {
        matches!(self.state, State::Blocked(_))
    }

    /// Bytes of memory that it takes: its buffers, and about what the server keeps for it.
    pub(crate) fn held(&self) -> usize {
        let queued = self.multi.as_ref().map_or(0, |multi| multi.bytes);
        let names = self.subscriptions() + self.shard_channels.len() + self.watched.len();
        let prefixes = self
            .tracking
            .as_ref()
            .map_or(0, |tracking| tracking.prefixes.len());
        let kept = size_of::<Client>() + (names + prefixes) * NAME;
        // While its command runs, its input is lent out.
        let input = self.input.held().max(self.lent);
        input + self.output.held() + queued + kept
    }

    /// What it takes of the memory that clients share: nothing if it may not be closed for that.
    pub(crate) fn shared_memory(&self) -> usize {
        if self.doomed || self.no_evict {
            0
        } else {
            self.held()
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready) && !self.closing && !self.doomed
    }

    /// Whether so many replies wait that its next request should wait too.
    pub(crate) fn is_full(&self) -> bool {
        self.output.pending() >= OUTPUT_PAUSE
    }
}
