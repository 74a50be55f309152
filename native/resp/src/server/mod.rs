//! The server: a thread that owns the sockets, two that run administration, a few that read cold blocks.
//!
//! **Theory.** One thread runs every command, so commands need no locks among themselves; what would make it
//! wait (disk, passwords, administration) is done elsewhere and comes back as a message.
//!
//! **Invariant.** Nothing here handles signals or ends the process: the host decides.

mod accept;
pub(crate) mod access;
pub(crate) mod accounting;
mod admin;
mod ahead;
pub(crate) mod blocking;
pub(crate) mod busy;
pub(crate) mod client;
pub(crate) mod clients;
mod clock;
pub(crate) mod commands;
pub(crate) mod core;
pub(crate) mod counters;
mod data;
mod event_loop;
pub(crate) mod execute;
pub(crate) mod housekeeping;
mod input;
mod lapsed;
mod loader;
pub(crate) mod login;
pub(crate) mod lookups;
pub(crate) mod multi;
mod notify;
mod output;
pub(crate) mod pubsub;
mod rows;
mod runner;
mod settings;
mod shared;
mod sockets;
mod stream;
mod tls;
pub(crate) mod tracking;

pub use access::Roles;
pub use admin::{Admin, Answer, Attempt, ClientInfo, Login};
pub use clock::{Clock, SystemClock};
pub use settings::{Debugging, Listen, OutputLimit, Settings};
pub use shared::{CommandUsage, Latencies, ServerStats};
pub use tls::{ClientCertificates, Tls};

use self::core::{Core, Parts};
use accept::Listeners;
use event_loop::{EventLoop, WAKER};
use hyperdb_graph::Store;
use loader::Loader;
use mio::{Poll, Waker};
use shared::{Message, Shared};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use stream::Listener;

/// Stack of the loop's thread, bytes: a script may nest 200 calls of C functions, each with buffers of 8 KiB on it.
const LOOP_STACK: usize = 16 << 20;

/// Longest that a question to the loop waits, which may be in a script.
const LATENCIES_WAIT: Duration = Duration::from_secs(10);

/// A running server; stops when dropped.
pub struct Server {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Begins to listen and serve `store`. `admin` gets commands that touch no keys.
    ///
    /// # Errors
    /// An address that cannot be bound, or no thread to be had.
    pub fn start(
        store: Arc<Store>,
        listen: &Listen,
        settings: Settings,
        admin: Box<dyn Admin>,
    ) -> io::Result<Server> {
        Self::start_with_clock(store, listen, settings, admin, Box::new(SystemClock::new()))
    }

    /// Like [`Server::start`], with the time passed in.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with_clock(
        store: Arc<Store>,
        listen: &Listen,
        settings: Settings,
        admin: Box<dyn Admin>,
        clock: Box<dyn Clock>,
    ) -> io::Result<Server> {
        let poll = Poll::new()?;
        let shared = Arc::new(Shared::new(Waker::new(poll.registry(), WAKER)?));
        let mut sockets = Vec::new();
        for address in &listen.tcp {
            sockets.push(Listener::tcp(*address)?);
        }
        if let Some(path) = &listen.unix {
            sockets.push(Listener::unix(path)?);
        }
        if let Some(tls) = &listen.tls {
            let config = tls.config()?;
            for address in &tls.addresses {
                sockets.push(Listener::tls(*address, config.clone())?);
            }
        }
        let addresses = sockets.iter().filter_map(Listener::address).collect();
        let tls_addresses = sockets.iter().filter_map(Listener::tls_address).collect();
        let listeners = Listeners::new(sockets, poll.registry())?;
        let (jobs, mut threads) = admin::spawn(admin, &shared)?;
        let (loader, loaders) = Loader::start(&store, &shared)?;
        threads.extend(loaders);
        let notify = Arc::downgrade(&shared);
        store.db().on_durable(Arc::new(move || {
            if let Some(shared) = notify.upgrade() {
                shared.durable_moved();
            }
        }));
        let notify = Arc::downgrade(&shared);
        store.db().on_commit(Arc::new(move |_| {
            if let Some(shared) = notify.upgrade() {
                shared.committed();
            }
        }));
        let parts = Parts {
            poll,
            listeners,
            settings,
            roles: listen.roles.clone(),
            shared: shared.clone(),
            jobs,
            loader,
            seed: seed(),
            tick_ms: clock.monotonic_ms(),
            now_ms: clock.unix_ms(),
        };
        threads.push(
            std::thread::Builder::new()
                .name("hyperdb-resp".into())
                .stack_size(LOOP_STACK)
                .spawn(move || {
                    // Made where it runs: the states of scripts stay on their thread.
                    let core = Core::new(parts);
                    let event_loop = EventLoop {
                        next_tick: core.tick_ms,
                        known_commit: store.db().latest(),
                        store,
                        core,
                        clock,
                        gated: VecDeque::new(),
                    };
                    event_loop.run();
                })?,
        );
        Ok(Server {
            shared,
            addresses,
            tls_addresses,
            threads,
        })
    }

    /// The TCP addresses it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses on which it speaks TLS.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// Counters, at most a tenth of a second old; exact as of the last command that went to administration.
    pub fn stats(&self) -> ServerStats {
        self.shared.stats()
    }

    /// Replaces the live settings. A command answered by administration afterwards sees them in force.
    pub fn configure(&self, settings: Settings) {
        self.shared.post(Message::Configure(Box::new(settings)));
    }

    /// Sets the counters to zero.
    pub fn reset_stats(&self) {
        self.shared.post(Message::ResetStats);
    }

    /// A handle for the threads of administration, which may outlive this value.
    pub fn handle(&self) -> Handle {
        Handle {
            shared: self.shared.clone(),
        }
    }

    /// Closes all connections and ends the threads.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.shared.post(Message::Stop);
        let me = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // Administration may stop the server from inside a command; it cannot wait for itself. A thread
            // that panicked has ended too.
            if thread.thread().id() != me {
                let _ended = thread.join();
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// What administration may do to the server that it serves.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// As [`Server::stats`].
    pub fn stats(&self) -> ServerStats {
        self.shared.stats()
    }

    /// The times of each command, of which so many percent of its calls took no longer; empty if the server has ended.
    pub fn latencies(&self, percents: Vec<f64>) -> Latencies {
        let (answer, answers) = channel();
        self.shared.post(Message::Latencies { percents, answer });
        // The loop drops what it was sent when it ends; one that ended before never takes it, so there is a bound.
        answers.recv_timeout(LATENCIES_WAIT).unwrap_or_default()
    }

    /// As [`Server::configure`].
    pub fn configure(&self, settings: Settings) {
        self.shared.post(Message::Configure(Box::new(settings)));
    }

    /// As [`Server::reset_stats`].
    pub fn reset_stats(&self) {
        self.shared.post(Message::ResetStats);
    }

    /// Says which roles there are now; the bootstrap role as `default`. Connections of roles that are gone are closed, the others
    /// have the rights of now.
    pub fn set_roles(&self, roles: Roles) {
        self.shared.post(Message::Roles(roles));
    }
}

/// A seed for the loop's random numbers, from the standard library's hash keys.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
}
