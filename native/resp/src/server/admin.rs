//! The bridge to administration: commands that touch no keys, run off the loop.
//!
//! **Theory.** Rows of the table with executor `python` go, with what is known of the client, to one thread
//! that owns an [`Admin`]. The client is parked until the answer comes; nobody else waits.

use super::shared::{Message, Shared};
use crate::reply::Reply;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;

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
    /// A password for the default role, which has none.
    NoPassword,
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

/// What runs administration; lives on a thread of its own.
pub trait Admin: Send {
    /// Runs one command; `args[0]` is its name as the client wrote it.
    fn call(&mut self, client: &ClientInfo, args: &[Vec<u8>]) -> Answer;

    /// Checks a password.
    fn authenticate(&mut self, user: &[u8], password: &[u8]) -> Login;
}

/// Work for the administration thread.
pub(crate) enum Job {
    /// Commands of one client, in order.
    Call {
        client: ClientInfo,
        commands: Vec<Vec<Vec<u8>>>,
    },
    /// A login.
    Login {
        id: u64,
        user: Vec<u8>,
        password: Vec<u8>,
    },
}

/// Runs jobs until the loop drops its sender.
pub(crate) fn spawn(
    mut admin: Box<dyn Admin>,
    jobs: Receiver<Job>,
    shared: Arc<Shared>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("hyperdb-admin".into())
        .spawn(move || {
            while let Ok(job) = jobs.recv() {
                shared.post(match job {
                    Job::Call { client, commands } => Message::Answers {
                        id: client.id,
                        answers: commands
                            .iter()
                            .map(|args| admin.call(&client, args))
                            .collect(),
                    },
                    Job::Login { id, user, password } => Message::LoggedIn {
                        id,
                        login: admin.authenticate(&user, &password),
                    },
                });
            }
        })
}

pub(crate) type Jobs = Sender<Job>;
