//! What other threads may do to the loop: leave a message and wake it; read its counters.

use super::access::Roles;
use super::admin::{Answer, Attempt, Login};
use super::settings::Settings;
use mio::Waker;
use parking_lot::Mutex;
use std::sync::atomic::{fence, AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::OnceLock;
use std::thread::ThreadId;

/// A message for the loop.
pub(crate) enum Message {
    /// Administration answered client `id`; with how long each command took, nanoseconds.
    Answers {
        id: u64,
        answers: Vec<(Answer, u64)>,
    },
    /// A login of client `id` was checked, which took so many nanoseconds.
    LoggedIn {
        id: u64,
        login: Login,
        attempt: Attempt,
        spent: u64,
    },
    /// The times of commands at these percentages are wanted.
    Latencies {
        percents: Vec<f64>,
        answer: Sender<Latencies>,
    },
    /// A block was loaded (or could not be) for client `id`.
    Loaded { id: u64, failure: Option<String> },
    /// The lock that client `id` waits for is free.
    LockFree { id: u64 },
    /// New settings.
    Configure(Box<Settings>),
    /// Roles were changed: those that there are now.
    Roles(Roles),
    /// Counters to zero.
    ResetStats,
    /// Close everything and end.
    Stop,
}

/// Counters of a server; a copy comes from [`super::Server::stats`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerStats {
    /// Name and value, in a fixed order, named as INFO names them where it does.
    pub rows: Vec<(&'static str, u64)>,
    /// The commands that were called or refused.
    pub usage: Vec<CommandUsage>,
    /// Error replies by class.
    pub errors: Vec<(String, u64)>,
}

/// What is known of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandUsage {
    /// As the command table has it.
    pub name: &'static str,
    /// How often it ran.
    pub calls: u64,
    /// For how long together, microseconds.
    pub micros: u64,
    /// How often it was refused before it ran.
    pub rejected: u64,
    /// How often it answered with an error.
    pub failed: u64,
}

/// Nanoseconds by command, one for each percentage that was asked for.
pub type Latencies = Vec<(&'static str, Vec<u64>)>;

/// See the module's head.
pub(crate) struct Shared {
    inbox: Mutex<Vec<Message>>,
    waker: Waker,
    stats: Mutex<ServerStats>,
    /// The loop is to end.
    stopping: AtomicBool,
    /// The loop holds replies back until something becomes durable.
    gated: AtomicBool,
    /// Clients wait for keys, or watch them.
    observing: AtomicBool,
    /// The thread of the loop, whose own commits are no news to it.
    loop_thread: OnceLock<ThreadId>,
}

impl Shared {
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            inbox: Mutex::new(Vec::new()),
            waker,
            stats: Mutex::new(ServerStats::default()),
            stopping: AtomicBool::new(false),
            gated: AtomicBool::new(false),
            observing: AtomicBool::new(false),
            loop_thread: OnceLock::new(),
        }
    }

    pub(crate) fn post(&self, message: Message) {
        if matches!(message, Message::Stop) {
            self.stopping.store(true, Ordering::Relaxed);
        }
        self.inbox.lock().push(message);
        self.wake();
    }

    /// Whether the loop was told to end: a script on its way must not keep it.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Wakes the loop.
    pub(crate) fn wake(&self) {
        // Fails only if the loop is gone, and then nobody is left to wake.
        let _gone = self.waker.wake();
    }

    /// Says whether the loop wants to hear of what becomes durable; afterwards it looks for itself once.
    pub(crate) fn set_gated(&self, gated: bool) {
        self.gated.store(gated, Ordering::Relaxed);
        // Either the loop's look comes after what became durable, or this store before the other thread's load.
        fence(Ordering::SeqCst);
    }

    /// Something has become durable, or never will.
    pub(crate) fn durable_moved(&self) {
        fence(Ordering::SeqCst);
        if self.gated.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// The calling thread is the loop.
    pub(crate) fn enter_loop(&self) {
        // Set once, by the one loop that there is.
        let _first = self.loop_thread.set(std::thread::current().id());
    }

    /// Says whether the loop wants to hear of others' commits. To be called while it holds the writer: who commits later has
    /// taken the writer over, and sees it.
    pub(crate) fn set_observing(&self, observing: bool) {
        self.observing.store(observing, Ordering::Relaxed);
    }

    /// Somebody committed.
    pub(crate) fn committed(&self) {
        if self.observing.load(Ordering::Relaxed)
            && self.loop_thread.get() != Some(&std::thread::current().id())
        {
            self.wake();
        }
    }

    /// The messages so far, in order.
    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut *self.inbox.lock())
    }

    pub(crate) fn publish(&self, stats: ServerStats) {
        *self.stats.lock() = stats;
    }

    pub(crate) fn stats(&self) -> ServerStats {
        self.stats.lock().clone()
    }
}
