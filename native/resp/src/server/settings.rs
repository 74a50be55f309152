//! What can be set: where to listen (fixed at start) and limits (live).

use super::access::Roles;
use super::tls::Tls;
use crate::events::Classes;
use crate::forms::Limits;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the server listens.
#[derive(Clone, Debug, Default)]
pub struct Listen {
    /// TCP addresses; port 0 takes a free one.
    pub tcp: Vec<SocketAddr>,
    /// A Unix socket; an old one that nobody listens on is replaced.
    pub unix: Option<PathBuf>,
    /// Where it speaks TLS, and with what.
    pub tls: Option<Tls>,
    /// The roles that there are when the first client comes.
    pub roles: Roles,
}

/// How much output may wait for a client (Redis: `client-output-buffer-limit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// Closed at once beyond this many bytes; 0 = no limit.
    pub hard: usize,
    /// Closed when beyond this many bytes for `soft_seconds`; 0 = no limit.
    pub soft: usize,
    /// See `soft`.
    pub soft_seconds: u64,
}

/// Who may use DEBUG (Redis: `enable-debug-command`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Debugging {
    /// Nobody.
    Never,
    /// Clients on this machine.
    Local,
    /// Everybody.
    Always,
}

/// Limits and behaviour; can be replaced while running by [`super::Server::configure`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Most clients at a time.
    pub max_clients: usize,
    /// Idle clients are closed after this many seconds; 0 = never.
    pub timeout: u64,
    /// Seconds between TCP keepalive probes; 0 = none.
    pub tcp_keepalive: u64,
    /// Longest argument, bytes.
    pub max_bulk: usize,
    /// Most bytes of requests that may wait for one client.
    pub query_buffer: usize,
    /// Output limit of ordinary clients.
    pub output_normal: OutputLimit,
    /// Output limit of replicas, of which there are none.
    pub output_replica: OutputLimit,
    /// Output limit of clients that subscribed.
    pub output_pubsub: OutputLimit,
    /// Most bytes that all clients may take together; beyond it the fattest are closed. 0: no bound, or `client_percent`.
    pub client_memory: usize,
    /// If not 0, the bound is so many percent of `max_memory`, if there is one.
    pub client_percent: u64,
    /// How many numbered databases there are.
    pub databases: u32,
    /// Refuse clients from other machines while no password is needed.
    pub protected: bool,
    /// Keys that are tracked for clients; 0: any number.
    pub tracked_keys: usize,
    /// Classes of events of which subscribers are told.
    pub events: Classes,
    /// Entries of ACL LOG.
    pub acl_log_most: usize,
    /// A script that has run for so many milliseconds may be killed, and other clients are told of it; 0 = never.
    pub busy_reply_ms: u64,
    /// SLOWLOG notes commands that took so many microseconds; `None`: none.
    pub slow_micros: Option<u64>,
    /// Entries of SLOWLOG.
    pub slow_most: usize,
    /// LATENCY notes what took so many milliseconds; 0: nothing.
    pub latency_threshold_ms: u64,
    /// Distributions of the times of commands are kept.
    pub latency_tracking: bool,
    /// While the server holds more bytes in memory than this, beside caches, commands that may need more are refused; 0: never.
    pub max_memory: usize,
    /// From what sizes on values take the larger form.
    pub forms: Limits,
    /// How often a second housekeeping runs.
    pub hz: u64,
    /// Writes are refused unless so many replicas are not further behind than `replica_lag` seconds; 0 of either: never. There are none.
    pub min_replicas: usize,
    /// See `min_replicas`.
    pub replica_lag: u64,
    /// Who may use DEBUG.
    pub debug: Debugging,
    /// Redis version that HELLO claims.
    pub version: String,
}

/// A bound on clients' memory below this would let none be served.
const LEAST_CLIENT_MEMORY: usize = 128 << 10;

impl Settings {
    /// How many bytes clients may take together, if there is a bound.
    pub(crate) fn clients_bound(&self) -> Option<usize> {
        let percent = u128::from(self.client_percent) * self.max_memory as u128 / 100;
        let bound = match (self.client_percent, self.client_memory) {
            (0, 0) => return None,
            (0, bytes) => bytes,
            _ if self.max_memory == 0 => return None,
            _ => usize::try_from(percent).unwrap_or(usize::MAX),
        };
        Some(bound.max(LEAST_CLIENT_MEMORY))
    }

    /// Whether writes are refused for want of replicas.
    pub(crate) fn lacks_replicas(&self) -> bool {
        self.min_replicas > 0 && self.replica_lag > 0
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_clients: 20_000,
            timeout: 0,
            tcp_keepalive: 300,
            max_bulk: 512 << 20,
            query_buffer: 1 << 30,
            output_normal: OutputLimit {
                hard: 1 << 30,
                soft: 256 << 20,
                soft_seconds: 60,
            },
            output_replica: OutputLimit {
                hard: 256 << 20,
                soft: 64 << 20,
                soft_seconds: 60,
            },
            output_pubsub: OutputLimit {
                hard: 32 << 20,
                soft: 8 << 20,
                soft_seconds: 60,
            },
            client_memory: 2 << 30,
            client_percent: 0,
            databases: 16,
            protected: true,
            tracked_keys: 1_000_000,
            events: Classes::default(),
            acl_log_most: 128,
            busy_reply_ms: 5_000,
            slow_micros: Some(10_000),
            slow_most: 128,
            latency_threshold_ms: 0,
            latency_tracking: true,
            max_memory: 0,
            forms: Limits::DEFAULT,
            hz: 10,
            min_replicas: 0,
            replica_lag: 10,
            debug: Debugging::Never,
            version: "7.2.7".into(),
        }
    }
}
