//! RESP commands without a connection: how the Python API reaches the typed collections.
//!
//! **Theory.** What a hash or a sorted set means is written once, in the handlers of the RESP crate. A command
//! from Python is one turn of its own: it runs on the latest state, loads what is not in memory, waits for row
//! locks, and is acknowledged when its commit may be.

use hyperdb_graph::prefixes::DATABASE;
use hyperdb_graph::{AppId, Error, Stop, Store, Turn};
use hyperdb_resp::args::Span;
use hyperdb_resp::events::Done;
use hyperdb_resp::forms::{Forms, Limits};
use hyperdb_resp::key_places::keys;
use hyperdb_resp::table::{Executor, Table};
use hyperdb_resp::{commands, Abort, Args, Context, Effects, Handler, Names, Reply};
use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::{mpsc, Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// The app in which rows of tables answer.
const ROWS: &[u8] = b"redis/0";

/// The command table with its handlers by name.
struct Known {
    table: Table,
    handlers: HashMap<&'static str, Handler>,
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| Known {
        table: Table::new(),
        handlers: commands::handlers().collect(),
    })
}

/// The handler for `args`, or the error that Redis gives.
fn find(args: &Args<'_>) -> Result<(&'static str, Handler), String> {
    let known = known();
    let name = args.get(0).unwrap_or_default();
    let shown = String::from_utf8_lossy(name);
    let unknown = || format!("ERR unknown command '{shown}'");
    let id = known.table.find_outer(name).ok_or_else(unknown)?;
    let sub = args
        .get(1)
        .and_then(|word| known.table.find_subcommand(id, word));
    let row = known.table.row(sub.unwrap_or(id));
    if row.executor != Executor::Native {
        return Err(unknown());
    }
    if !row.takes(args.len()) {
        return Err(format!(
            "ERR wrong number of arguments for '{}' command",
            row.name
        ));
    }
    let handler = known.handlers.get(row.name);
    let found = handler.map(|handler| (row.name, *handler));
    found.ok_or_else(|| format!("ERR '{shown}' needs a connection"))
}

/// Whether a command names a key that is a row of a table.
fn names_row(store: &Store, args: Args<'_>) -> bool {
    if !store.prefixes().any() {
        return false;
    }
    let table = &known().table;
    let Some(id) = args.get(0).and_then(|name| table.find_outer(name)) else {
        return false;
    };
    let sub = args.get(1).and_then(|word| table.find_subcommand(id, word));
    let id = sub.unwrap_or(id);
    let named = keys(table.keys(id), table.row(id).name, args);
    named
        .iter()
        .any(|key| store.prefixes().cover(DATABASE, key))
}

/// The machine's clock, Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The app of a name, made if it is new; the system's own has the empty name.
fn place(turn: &mut Turn<'_>, name: &[u8]) -> Result<AppId, Stop> {
    if name.is_empty() {
        return Ok(AppId::SYSTEM);
    }
    turn.app(name)
}

/// The words of a command, as handlers read them.
struct Line {
    buffer: Vec<u8>,
    spans: Vec<Span>,
}

impl Line {
    fn of(words: &[Vec<u8>]) -> Line {
        let mut buffer = Vec::new();
        let mut spans: Vec<Span> = Vec::with_capacity(words.len());
        for word in words {
            let start = buffer.len();
            buffer.extend_from_slice(word);
            spans.push((start, buffer.len()));
        }
        Line { buffer, spans }
    }

    fn args(&self) -> Args<'_> {
        Args::new(&self.buffer, &self.spans)
    }
}

/// A command that must answer so (RESP2) if another is to run.
pub(crate) type Condition = (Vec<Vec<u8>>, Vec<u8>);

/// Runs one command; its reply as RESP. Errors of the command are replies, errors of the store are not.
pub(crate) fn run(
    store: &Store,
    name: &[u8],
    db: u32,
    words: &[Vec<u8>],
    resp3: bool,
) -> Result<Vec<u8>, Error> {
    let ran = run_if(store, name, db, &[], words, resp3)?;
    Ok(ran.unwrap_or_default())
}

/// Runs one command, as [`run`] does, in one turn with the look whether each condition holds; `None` if one does not.
pub(crate) fn run_if(
    store: &Store,
    name: &[u8],
    db: u32,
    conditions: &[Condition],
    words: &[Vec<u8>],
    resp3: bool,
) -> Result<Option<Vec<u8>>, Error> {
    let line = Line::of(words);
    let args = line.args();
    let mut reply = Reply::new(resp3);
    let (row, handler) = match find(&args) {
        Ok(handler) => handler,
        Err(text) => {
            reply.error(&text);
            return Ok(Some(reply.buffer));
        }
    };
    if name == ROWS && names_row(store, args) {
        reply.error("ERR the key is a row of a table: use SQL, or a client of a server");
        return Ok(Some(reply.buffer));
    }
    let mut checks = Vec::with_capacity(conditions.len());
    for (words, wanted) in conditions {
        let line = Line::of(words);
        let Ok((_, handler)) = find(&line.args()) else {
            return Ok(None);
        };
        checks.push((line, handler, wanted));
    }
    let mut random = || RandomState::new().build_hasher().finish();
    let notes = RefCell::default();
    loop {
        let mut turn = store.turn(now_ms());
        turn.savepoint();
        let outcome = place(&mut turn, name).map_err(Abort::Stop).and_then(|app| {
            let mut one = |args, handler: Handler, reply: &mut Reply| {
                handler(&mut Context {
                    turn: &mut turn,
                    app,
                    db,
                    reply,
                    args,
                    must_not_block: true,
                    woken_by: None,
                    resume: None,
                    random: &mut random,
                    forms: Forms::new(&Limits::DEFAULT, &notes),
                    names: Names::All,
                    effects: Effects::default(),
                })
            };
            for (line, handler, wanted) in &checks {
                let mut said = Reply::new(false);
                one(line.args(), *handler, &mut said)?;
                if said.buffer != **wanted {
                    return Ok(false);
                }
            }
            one(args, handler, &mut reply).map(|()| true)
        });
        if !matches!(outcome, Ok(true)) {
            turn.rollback();
            reply.buffer.clear();
        }
        match outcome {
            Ok(true) => {
                let done = Done {
                    name: row,
                    args,
                    effects: &Effects::default(),
                };
                done.tell(store, &mut turn);
                let commit = turn.commit()?;
                drop(turn);
                store.db().wait_durable(commit)?;
                return Ok(Some(reply.buffer));
            }
            Ok(false) => return Ok(None),
            Err(Abort::Error(text)) => {
                reply.error(&text);
                return Ok(Some(reply.buffer));
            }
            // `must_not_block` was said; a handler that blocks all the same has nothing to give.
            Err(Abort::Block(_)) => {
                reply.null();
                return Ok(Some(reply.buffer));
            }
            Err(Abort::Stop(Stop::Miss(miss))) => {
                drop(turn);
                store.db().load(&miss)?;
            }
            Err(Abort::Stop(Stop::Locked(wait))) => {
                drop(turn);
                let (free, freed) = mpsc::channel();
                wait.on_free(Arc::new(move || {
                    // Nobody listens any more only when this call has ended.
                    let _sent = free.send(());
                }));
                let _woken = freed.recv();
            }
            Err(Abort::Stop(Stop::Failed(error))) => return Err(error),
            Err(Abort::Stop(Stop::Conflict(conflict))) => {
                return Err(Error::Invalid(conflict.to_string()))
            }
        }
    }
}
