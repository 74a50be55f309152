//! The bridge to administration: commands that touch no keys, run off the loop.
//!
//! **Theory.** Rows of the table with executor `python` go, with what is known of the client, to an [`Admin`] on
//! one of two threads: what may take seconds (a frame, a proof, a save) has its own, so that INFO, CONFIG and logins
//! do not wait for it. Commands on rows of tables may wait for locks that other clients hold, and have some threads
//! together. The client is parked until the answer comes, so each sees its commands done in order.

use super::shared::{Message, Shared};
use crate::observe::nanos;
use crate::reply::Reply;
use parking_lot::Mutex;
use std::sync::mpsc::{channel, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// Number of the connection.
    pub id: u64,
    /// Selected database.
    pub db: u32,
    /// Role it authenticated as.
    pub role: String,
    /// Its name (CLIENT SETNAME), maybe empty.
    pub name: Vec<u8>,
    /// Its address.
    pub address: String,
    /// Whether it speaks RESP3.
    pub resp3: bool,
    /// Whether the command is part of a transaction.
    pub in_transaction: bool,
}

/// The outcome of AUTH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Right: the role's name.
    Role(String),
    /// Wrong, or no such role, or it may not log in.
    Denied,
    /// It was not looked at: its turn comes in so many milliseconds.
    Later(u64),
    /// It is not looked at: too many wait.
    Busy,
}

/// A try to log in.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The role that it is for.
    pub user: Vec<u8>,
    /// What is to prove it.
    pub password: Vec<u8>,
    /// From where, with the port.
    pub address: String,
    /// It has waited for its turn.
    pub waited: bool,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Passwords do not belong in logs.
        f.debug_struct("Attempt")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A reply as a tree, encoded as the client's protocol wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A status such as `OK`.
    Simple(String),
    /// An error with its class: `ERR no such thing`.
    Error(String),
    /// An integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// A truth value.
    Boolean(bool),
    /// A bulk string.
    Bulk(Vec<u8>),
    /// Text with a three-letter format (`txt`): INFO, LOLWUT. A bulk string in RESP2.
    Verbatim(String),
    /// Null.
    Null,
    /// An array.
    Array(Vec<Answer>),
    /// A map; a flat array in RESP2.
    Map(Vec<(Answer, Answer)>),
    /// A set; an array in RESP2.
    Set(Vec<Answer>),
}

impl Answer {
    /// Writes it.
    pub fn encode(&self, reply: &mut Reply) {
        match self {
            Answer::Simple(text) => reply.simple(&one_line(text)),
            Answer::Error(text) => reply.error(text),
            Answer::Integer(value) => reply.integer(*value),
            Answer::Double(value) => reply.double(double_text(*value).as_bytes()),
            Answer::Boolean(value) => reply.boolean(*value),
            Answer::Bulk(bytes) => reply.bulk(bytes),
            Answer::Verbatim(text) => reply.verbatim(text.as_bytes()),
            Answer::Null => reply.null(),
            Answer::Array(items) => {
                reply.array(items.len());
                items.iter().for_each(|item| item.encode(reply));
            }
            Answer::Set(items) => {
                reply.set(items.len());
                items.iter().for_each(|item| item.encode(reply));
            }
            Answer::Map(pairs) => {
                reply.map(pairs.len());
                for (key, value) in pairs {
                    key.encode(reply);
                    value.encode(reply);
                }
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

fn double_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    if value.is_nan() {
        return "nan".into();
    }
    format!("{value}")
}

/// What runs administration, asked by several threads at once.
pub trait Admin: Send + Sync {
    /// Runs one command; `args[0]` is its name as the client wrote it.
    fn call(&self, client: &ClientInfo, args: &[Vec<u8>]) -> Answer;

    /// Checks a password.
    fn authenticate(&self, attempt: &Attempt) -> Login;
}

/// Work for administration.
pub(crate) enum Job {
    /// Commands of one client, in order.
    Call {
        client: ClientInfo,
        commands: Vec<Vec<Vec<u8>>>,
    },
    /// A command on rows of tables.
    Rows {
        client: ClientInfo,
        command: Vec<Vec<u8>>,
    },
    /// A login.
    Login { id: u64, attempt: Attempt },
}

impl Job {
    /// If it may take seconds: by name, since what a save or a frame will cost is not known before it is made.
    fn is_long(&self) -> bool {
        match self {
            Job::Call { commands, .. } => commands
                .iter()
                .filter_map(|args| args.first())
                .any(|name| is_long(name)),
            Job::Rows { .. } | Job::Login { .. } => false,
        }
    }

    fn run(self, admin: &dyn Admin) -> Message {
        match self {
            Job::Call { client, commands } => Message::Answers {
                id: client.id,
                answers: commands
                    .iter()
                    .map(|args| timed(|| admin.call(&client, args)))
                    .collect(),
            },
            Job::Rows { client, command } => Message::Answers {
                id: client.id,
                answers: vec![timed(|| admin.call(&client, &command))],
            },
            Job::Login { id, attempt } => {
                let (login, spent) = timed(|| admin.authenticate(&attempt));
                Message::LoggedIn {
                    id,
                    login,
                    attempt,
                    spent,
                }
            }
        }
    }
}

/// What `work` gives, and how many nanoseconds it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let began = Instant::now();
    let done = work();
    (done, nanos(began.elapsed()))
}

fn is_long(name: &[u8]) -> bool {
    const WAITS: [&[u8]; 5] = [b"save", b"bgsave", b"bgrewriteaof", b"migrate", b"sync"];
    const FRAMES: &[u8] = b"hyper.";
    WAITS.iter().any(|long| name.eq_ignore_ascii_case(long))
        || name
            .get(..FRAMES.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(FRAMES))
}

/// Threads for commands on rows of tables.
const ROWS: usize = 8;

/// The way to the threads; they end once it is dropped.
pub(crate) struct Jobs {
    short: Sender<Job>,
    long: Sender<Job>,
    rows: Sender<Job>,
}

impl Jobs {
    /// Hands work over.
    pub(crate) fn submit(&self, job: Job) {
        let thread = match &job {
            Job::Rows { .. } => &self.rows,
            job if job.is_long() => &self.long,
            _ => &self.short,
        };
        // The thread ends only after its sender was dropped.
        let _sent = thread.send(job);
    }
}

/// Starts the threads, which post what they did to the loop.
pub(crate) fn spawn(
    admin: Box<dyn Admin>,
    shared: &Arc<Shared>,
) -> std::io::Result<(Jobs, Vec<JoinHandle<()>>)> {
    let admin: Arc<dyn Admin> = Arc::from(admin);
    let mut threads = Vec::new();
    let mut start = |name: &str, count: usize| {
        let (sender, jobs) = channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..count {
            let (admin, shared, jobs) = (admin.clone(), shared.clone(), jobs.clone());
            let work = move || loop {
                // Whoever waits for a job holds the lock until one comes; the others wait for the lock.
                let job = jobs.lock().recv();
                let Ok(job) = job else { break };
                shared.post(job.run(admin.as_ref()));
            };
            let named = std::thread::Builder::new().name(name.into());
            threads.push(named.spawn(work)?);
        }
        std::io::Result::Ok(sender)
    };
    let jobs = Jobs {
        short: start("hyperdb-admin", 1)?,
        long: start("hyperdb-long", 1)?,
        rows: start("hyperdb-rows", ROWS)?,
    };
    Ok((jobs, threads))
}
