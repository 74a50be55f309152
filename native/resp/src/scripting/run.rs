//! Running one script, and the commands that it calls.
//!
//! **Theory.** A run borrows the loop for its time: what Lua calls gets at it through a cell that the run fills. Commands reply into a
//! buffer of their own, which becomes a Lua value. A command that fails is taken back alone; one that must wait ends the run, and takes
//! back all of it.
//!
//! **Invariant.** After a run the client has its own reply buffer, database and protocol again, whatever the script did. If the run gives
//! [`Abort::Stop`], nothing of it is left but the time it took.

use super::bridge::{Came, Session};
use super::convert;
use super::engine::{Engine, Flags};
use super::shebang::Promises;
use crate::acl::log::Where;
use crate::args::Args;
use crate::command::{Abort, Outcome};
use crate::server::execute::{self, After, Call, Ran};
use crate::server::{access, busy, pubsub};
use crate::table::{Flags as RowFlags, RowId};
use hyperdb_graph::{ReadMode, Stop};
use mlua::{Function, Table, Value};
use std::borrow::Cow;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A script that has run for longer reads a missing block itself: to run it again from its start would cost more.
const PATIENCE: Duration = Duration::from_millis(5);
/// Bytes of replies kept for the next run.
const SMALL: usize = 16 << 10;

/// What to run.
pub(super) enum Target<'j> {
    /// A script, which finds its arguments in KEYS and ARGV.
    Script(&'j Function),
    /// A function of a library, which is given them.
    Function(&'j Function),
}

/// Which command of KILL is meant for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// SCRIPT KILL
    Script,
    /// FUNCTION KILL
    Function,
}

/// A run that has lasted so long that other clients are told of it.
#[derive(Debug)]
pub(crate) struct Running {
    pub kind: Kind,
    pub name: String,
    /// The command that began it.
    pub command: Vec<Vec<u8>>,
    pub wrote: bool,
    /// Somebody wants it to end.
    pub killed: bool,
    started: Instant,
}

impl Running {
    /// What others are told.
    pub(crate) fn busy_text(&self) -> &'static str {
        match self.kind {
            Kind::Script => "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            Kind::Function => "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
        }
    }

    pub(super) fn milliseconds(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// One run.
pub(super) struct Job<'j> {
    pub engine: &'j Engine,
    pub target: Target<'j>,
    pub kind: Kind,
    /// The script's digest or the function's name, for errors.
    pub name: &'j str,
    /// How many of the arguments from the third on are keys.
    pub keys: usize,
    pub read_only: bool,
    pub promises: Promises,
}

/// A run on its way.
struct Run<'r, 'c, 's> {
    call: &'r mut Call<'c, 's>,
    engine: &'r Engine,
    kind: Kind,
    name: &'r str,
    flags: Rc<Flags>,
    read_only: bool,
    allow_oom: bool,
    wrote: bool,
    started: Instant,
    /// KILL ended it.
    killed: bool,
    /// Why all of it must be taken back.
    stop: Option<Abort>,
}

/// Runs a script as the client's command.
pub(super) fn run(call: &mut Call<'_, '_>, job: &Job<'_>) -> Ran {
    may_run(call, job)?;
    let before = call.turn.mark();
    let inside_exec = std::mem::replace(&mut call.core.in_transaction, true);
    let told = call.core.told.len();
    let room = std::mem::take(&mut call.core.scripting.room);
    let started = Instant::now();
    call.core.scripting.started = Some(started);
    let db = call.client().db;
    let own = std::mem::replace(&mut call.client().output.reply, room);
    let mut run = Run {
        engine: job.engine,
        kind: job.kind,
        name: job.name,
        flags: job.engine.flags.clone(),
        read_only: job.read_only,
        allow_oom: job.promises.allow_oom,
        wrote: false,
        started,
        killed: false,
        stop: None,
        call,
    };
    let args = run.call.args.from(3);
    let (keys, rest) = (args.to(job.keys), args.from(job.keys));
    let result = job.engine.run(&mut run, &job.target, keys, rest);
    let place = job.engine.flags.place.take();
    let released = job.engine.release();
    let client = run.call.client();
    let mut room = std::mem::replace(&mut client.output.reply, own);
    client.db = db;
    room.buffer.clear();
    room.buffer.shrink_to(SMALL);
    let (stop, killed, call) = (run.stop, run.killed, run.call);
    call.core.scripting.room = room;
    call.core.scripting.end_run();
    call.core.in_transaction = inside_exec;
    if let Some(stop) = stop {
        call.turn.rollback_to(&before);
        call.core.tracked.command_was_told();
        call.core.told.truncate(told);
        if !inside_exec {
            call.core.deferred.clear();
        }
        return Err(stop);
    }
    if killed {
        let (source, line) = place.unwrap_or_default();
        return Err(Abort::error(format!(
            "ERR Script killed by user with SCRIPT KILL... script: {}, on {source}:{line}.",
            job.name
        )));
    }
    let start = call.client().output.reply.buffer.len();
    let answered = result.and_then(|result| answer(call, job, result));
    if !inside_exec {
        pubsub::deliver_deferred(call.core);
    }
    if let Err(error) = answered.and(released) {
        // Not `Err`: what the script wrote stays, as with errors of its own.
        let text = match error {
            mlua::Error::MemoryError(_) => "not enough memory".into(),
            other => other.to_string(),
        };
        let text = format!("ERR Error running script {}, {text}", job.name);
        let reply = &mut call.client().output.reply;
        reply.buffer.truncate(start);
        reply.error(&text);
    }
    Ok(After::Done)
}

/// Whether what a script declares may run as the server stands. One without a shebang is asked at each of its commands.
fn may_run(call: &Call<'_, '_>, job: &Job<'_>) -> Result<(), Abort> {
    let (core, promises) = (&*call.core, job.promises);
    if promises.unsaid || promises.no_writes {
        return Ok(());
    }
    if let Some(refusal) = &core.refusal {
        return Err(Abort::Error(refusal.text.clone().into()));
    }
    if core.settings.lacks_replicas() {
        return Err(Abort::error(execute::NO_REPLICAS));
    }
    if core.over_memory && !promises.allow_oom {
        return Err(Abort::error(
            "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
        ));
    }
    Ok(())
}

/// Replies what a run gave.
fn answer(call: &mut Call<'_, '_>, job: &Job<'_>, result: (bool, Value)) -> mlua::Result<()> {
    let resp3 = job.engine.flags.resp3.get();
    let (came_through, value) = result;
    let reply = &mut call.client().output.reply;
    if came_through {
        return convert::to_reply(&value, reply, resp3);
    }
    let reply = &mut call.client().output.reply;
    let Value::Table(failure) = value else {
        let text: String = plain_text(&value).chars().take(100).collect();
        reply.error(&format!("ERR Error running script {}, {text}", job.name));
        return Ok(());
    };
    let mut text = error_text(&failure);
    let (source, line) = (
        failure.raw_get::<Value>("source")?,
        failure.raw_get::<Value>("line")?,
    );
    if let (Value::String(source), Value::Integer(line)) = (source, line) {
        let place = format!(
            " script: {}, on {}:{line}.",
            job.name,
            source.to_string_lossy()
        );
        text.extend_from_slice(place.as_bytes());
    }
    reply.error_bytes(&text);
    Ok(())
}

/// The text of an error that is a table.
pub(super) fn error_text(failure: &Table) -> Vec<u8> {
    match failure.raw_get::<Value>("err") {
        Ok(Value::String(text)) => text.as_bytes().to_vec(),
        _ => b"ERR unknown error".to_vec(),
    }
}

/// The text of an error that never reached the handler of errors.
pub(super) fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string_lossy(),
        _ => "execution failure".into(),
    }
}

impl Run<'_, '_, '_> {
    /// Whether the run must end.
    fn must_end(&mut self) -> bool {
        if self.stop.is_some() {
            return true;
        }
        let core = &mut *self.call.core;
        if core.shared.is_stopping() {
            self.stop = Some(Abort::error("ERR the server is stopping"));
            return true;
        }
        let patience = Duration::from_millis(core.settings.busy_reply_ms);
        if patience.is_zero() || self.started.elapsed() < patience {
            return false;
        }
        let (name, args) = (self.name, self.call.args);
        let running = core.scripting.note_running(|| Running {
            kind: self.kind,
            name: name.to_owned(),
            command: args.iter().map(<[u8]>::to_vec).collect(),
            wrote: false,
            killed: false,
            started: self.started,
        });
        running.wrote = self.wrote;
        busy::serve(core, self.call.turn, self.call.slot);
        self.killed = core.scripting.running().is_some_and(|run| run.killed);
        self.killed
    }

    fn dispatch(&mut self, args: Args<'_>) -> Came {
        if self.flags.ending.get() {
            return Came::Stopped;
        }
        let row = match self.admit(args) {
            Ok(row) => row,
            Err(text) => {
                let core = &mut *self.call.core;
                if let Some(row) = execute::lookup(core, args) {
                    core.observed.usage[row.index()].rejected += 1;
                }
                return Came::Refused(coded(&text));
            }
        };
        self.clear_reply();
        let resp3 = self.flags.resp3.get();
        self.call.client().output.reply.resp3 = resp3;
        let before = self.call.turn.mark();
        let mut outcome = self.execute(row, args);
        if matches!(outcome, Err(Abort::Stop(Stop::Miss(_)))) && self.started.elapsed() > PATIENCE {
            self.call.turn.rollback_to(&before);
            self.clear_reply();
            self.call.turn.set_read_mode(ReadMode::Blocking);
            outcome = self.execute(row, args);
            self.call.turn.set_read_mode(ReadMode::CachedOnly);
        }
        match outcome {
            Ok(()) => Came::Replied,
            Err(Abort::Error(text)) => {
                self.call.turn.rollback_to(&before);
                self.clear_reply();
                self.call.client().output.reply.error(&text);
                Came::Replied
            }
            Err(other) => {
                self.stop = Some(other);
                self.clear_reply();
                // The hook ends the script, and where it cannot be set so close, the flag does at the next command.
                let _set = self.engine.end_now();
                Came::Stopped
            }
        }
    }

    fn execute(&mut self, row: RowId, args: Args<'_>) -> Outcome {
        let call = &mut *self.call;
        execute::run_inside(call.core, call.turn, call.slot, (row, Where::Lua), args)
    }

    fn clear_reply(&mut self) {
        self.call.client().output.reply.buffer.clear();
    }

    /// Whether the command may be called at all; Redis's words if not.
    fn admit(&mut self, args: Args<'_>) -> Result<RowId, Cow<'static, str>> {
        let core = &mut *self.call.core;
        let Some(id) = execute::lookup(core, args) else {
            // One that is not served may still be one that scripts must not call.
            let row = core.commands.table.find_outer(args.at(0));
            let flags = row.map(|id| core.commands.table.row(id).flags);
            return Err(match flags {
                Some(flags) if flags.has(RowFlags::NO_SCRIPT) => NOT_ALLOWED.into(),
                _ => "Unknown Redis command called from script".into(),
            });
        };
        let row = *core.commands.table.row(id);
        if !row.takes(args.len()) {
            return Err("Wrong number of args calling Redis command from script".into());
        }
        let must_not = row.flags.has(RowFlags::NO_SCRIPT) && !core.debug.scripts_may_all;
        if must_not || core.commands.is_admin(id) {
            return Err(NOT_ALLOWED.into());
        }
        if row.group == "stream" && row.flags.has(RowFlags::BLOCKING) && names_block(args) {
            return Err(format!(
                "{} command is not allowed with BLOCK option from scripts",
                row.name
            )
            .into());
        }
        if core.clients.at(self.call.slot).user.by_grants {
            // What it may do is asked of SQL, which a script does not wait for.
            return Err(
                "ACL failure in script: this role has the rights that SQL grants it".into(),
            );
        }
        access::check(core, self.call.slot, id, args, Where::Lua)?;
        let writes = row.flags.has(RowFlags::WRITE);
        if self.read_only && (writes || row.flags.has(RowFlags::MAY_REPLICATE)) {
            return Err("Write commands are not allowed from read-only scripts.".into());
        }
        if writes {
            if let Some(refusal) = &core.refusal {
                return Err(refusal.text.clone().into());
            }
            // One that has begun to write goes on, as in Redis.
            if !self.wrote {
                if core.settings.lacks_replicas() {
                    return Err(execute::NO_REPLICAS.into());
                }
                if core.over_memory && row.flags.has(RowFlags::DENY_OOM) && !self.allow_oom {
                    return Err(execute::OUT_OF_MEMORY.into());
                }
            }
            self.wrote = true;
        }
        Ok(id)
    }
}

const NOT_ALLOWED: &str = "This Redis command is not allowed from script";

/// Whether XREAD is to wait, which it does not where it cannot.
fn names_block(args: Args<'_>) -> bool {
    let mut words = args.iter().map(<[u8]>::to_ascii_lowercase);
    words
        .find(|word| word == b"block" || word == b"streams")
        .is_some_and(|word| word == b"block")
}

/// The text of a refusal with its code, as that of a command's error.
fn coded(text: &str) -> String {
    match text.split_once(' ') {
        Some(("MISCONF" | "NOPERM" | "NOREPLICAS" | "OOM", _)) => text.to_owned(),
        _ => format!("ERR {text}"),
    }
}

impl Session for Run<'_, '_, '_> {
    fn command(&mut self, args: Args<'_>) -> Came {
        self.dispatch(args)
    }

    fn reply(&self) -> &[u8] {
        let client = self.call.core.clients.get(self.call.slot);
        client.map_or(&[], |client| &client.output.reply.buffer)
    }

    fn look(&mut self) -> bool {
        self.must_end()
    }

    fn may_call(&mut self, args: Args<'_>) -> Result<bool, &'static str> {
        let core = &mut *self.call.core;
        let Some(id) = execute::lookup(core, args) else {
            return Err("Invalid command passed to redis.acl_check_cmd()");
        };
        let user = core.clients.at(self.call.slot).user.clone();
        Ok(user.everything || user.check(&core.commands.table, id, args).is_ok())
    }
}
