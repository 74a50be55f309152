//! Running one request: is it acceptable, who runs it, what became of it.
//!
//! **Theory.** A request leaves the read buffer only when it is through ([`After::Done`]). One that must wait
//! ([`After::Again`]) stays there and runs again from its bytes: parked commands need no other memory, and a
//! client's order keeps itself.

use super::access;
use super::accounting;
use super::blocking;
use super::client::{Client, Question, State};
use super::clients::Slot;
use super::commands::Run;
use super::core::Core;
use super::data::{self, Waiting};
use super::multi::{self, Queued};
use super::rows;
use crate::acl::log::Where;
use crate::args::Args;
use crate::command::{Abort, Outcome};
use crate::table::{Flags, RowId};
use hyperdb_graph::{Error, Stop, Turn};
use std::borrow::Cow;

/// What a command on session or loop state may touch.
pub(crate) struct Call<'c, 's> {
    pub(crate) core: &'c mut Core,
    pub(crate) turn: &'c mut Turn<'s>,
    pub(crate) slot: Slot,
    pub(crate) args: Args<'c>,
}

impl Call<'_, '_> {
    /// The client that sent it.
    #[inline]
    pub(crate) fn client(&mut self) -> &mut Client {
        self.core.clients.at(self.slot)
    }
}

/// Whether a request is through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Its bytes can go. The client may still be waiting for an answer.
    Done,
    /// It must run again when the client is woken.
    Again,
}

/// What a session command returns.
pub(crate) type Ran = Result<After, Abort>;

/// A session command.
pub(crate) type SessionHandler = fn(&mut Call<'_, '_>) -> Ran;

/// What the checks before running decided.
enum Admission {
    Run(RowId),
    /// Kept for EXEC.
    Queued,
    /// Clients are paused.
    Wait,
}

/// Runs one request of a client and writes its reply, which begins at `start`.
#[inline]
pub(crate) fn execute(
    core: &mut Core,
    turn: &mut Turn<'_>,
    slot: Slot,
    args: Args<'_>,
    start: usize,
) -> After {
    let row = match admit(core, slot, args) {
        Ok(Admission::Run(row)) => row,
        Ok(Admission::Queued) => {
            core.observed.begin();
            return After::Done;
        }
        Ok(Admission::Wait) => {
            core.clients.at(slot).state = State::Paused;
            return After::Again;
        }
        Err(text) => {
            let row = find(core, args).ok();
            accounting::rejected(core, row, &text);
            if args.is(0, "EXEC") {
                // Whatever refuses EXEC ends the transaction with it.
                multi::forget(core, slot);
                let reason = text.strip_prefix("ERR ").unwrap_or(&text);
                let text = format!("EXECABORT Transaction discarded because of: {reason}");
                core.clients.at(slot).output.reply.error(&text);
                return After::Done;
            }
            let client = core.clients.at(slot);
            client.output.reply.error(&text);
            if let Some(multi) = &mut client.multi {
                multi.broken = true;
            }
            return After::Done;
        }
    };
    let ran = run(core, turn, slot, row, args, None);
    let after = settle(core, slot, row, ran);
    accounting::ran(core, slot, row, args, start, after);
    after
}

/// Runs a blocked client's request again because of `key`; it keeps its place in the queues if it must go on waiting.
pub(crate) fn rerun(
    core: &mut Core,
    turn: &mut Turn<'_>,
    slot: Slot,
    args: Args<'_>,
    key: &[u8],
) -> After {
    let Ok(row) = find(core, args) else {
        return After::Done;
    };
    core.observed.begin();
    let start = core.clients.at(slot).output.reply.buffer.len();
    // Its rights may have changed while it waited.
    if let Err(text) = access::check(core, slot, row, args, Where::Toplevel) {
        blocking::unblock(core, slot);
        accounting::rejected(core, Some(row), &text);
        let client = core.clients.at(slot);
        client.spent = 0;
        client.shown = false;
        client.output.reply.error(&text);
        return After::Done;
    }
    let ran = run(core, turn, slot, row, args, Some(key));
    if !matches!(ran, Err(Abort::Block(_))) {
        blocking::unblock(core, slot);
    }
    let after = settle(core, slot, row, ran);
    accounting::ran(core, slot, row, args, start, after);
    after
}

/// Redis's words when `maxmemory` is passed and nothing may be evicted.
pub(crate) const OUT_OF_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";

/// Redis's words when there are not as many replicas as `min-replicas-to-write` asks for.
pub(crate) const NO_REPLICAS: &str = "NOREPLICAS Not enough good replicas to write.";

/// What a monitor may not do: commands on keys, and scripts, which may be any.
fn uses_keys(flags: Flags) -> bool {
    [Flags::WRITE, Flags::READONLY, Flags::SKIP_MONITOR]
        .into_iter()
        .any(|flag| flags.has(flag))
}

/// Finds the row and checks everything that does not need the store.
#[inline]
fn admit(core: &mut Core, slot: Slot, args: Args<'_>) -> Result<Admission, Cow<'static, str>> {
    let row_id = find(core, args)?;
    let row = core.commands.table.row(row_id);
    if !row.takes(args.len()) {
        return Err(wrong_arity(row.name));
    }
    let client = core.clients.at(slot);
    client.last_command = Some(row_id);
    if client.role.is_none() && !row.flags.has(Flags::NO_AUTH) {
        return Err("NOAUTH Authentication required.".into());
    }
    if !client.user.everything {
        access::check(core, slot, row_id, args, Where::Toplevel)?;
    }
    let row = core.commands.table.row(row_id);
    let client = core.clients.at(slot);
    if client.is_subscriber() && !client.output.reply.resp3 && !is_for_subscribers(row.name) {
        return Err(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            row.name
        )
        .into());
    }
    if client.monitors && uses_keys(row.flags) {
        return Err("ERR Replica can't interact with the keyspace".into());
    }
    if let Some(running) = core.scripting.running() {
        if !row.flags.has(Flags::ALLOW_BUSY) {
            return Err(running.busy_text().into());
        }
    }
    if core.is_restricted() && restrict(core, slot, row_id, args)? {
        return Ok(Admission::Wait);
    }
    let client = core.clients.at(slot);
    let row = core.commands.table.row(row_id);
    if let Some(multi) = &mut client.multi {
        if row.flags.has(Flags::NO_MULTI) && row.name != "watch" {
            return Err("ERR Command not allowed inside a transaction".into());
        }
        if !ends_or_controls_transaction(row.name) {
            let queued = Queued::new(row_id, args);
            multi.effects = multi
                .effects
                .with(core.scripting.declared(row.name, args, row.flags));
            multi.bytes += queued.held();
            multi.commands.push(queued);
            if multi.bytes > core.settings.query_buffer {
                return Err("ERR the transaction is too large".into());
            }
            client.output.reply.simple("QUEUED");
            return Ok(Admission::Queued);
        }
    }
    Ok(Admission::Run(row_id))
}

/// What a request may change, whatever runs it: EXEC what was queued, a script what it declares.
fn effects(core: &Core, slot: Slot, row: RowId, args: Args<'_>) -> Flags {
    let known = core.commands.table.row(row);
    if known.name == "exec" {
        let queued = core
            .clients
            .get(slot)
            .and_then(|client| client.multi.as_ref());
        return queued.map_or(known.flags, |multi| multi.effects);
    }
    core.scripting.declared(known.name, args, known.flags)
}

/// Refuses what the server's state forbids, in Redis's order; whether the request must wait until clients are no longer paused.
#[cold]
fn restrict(
    core: &Core,
    slot: Slot,
    row: RowId,
    args: Args<'_>,
) -> Result<bool, Cow<'static, str>> {
    let effects = effects(core, slot, row, args);
    let name = core.commands.table.row(row).name;
    let in_multi = core
        .clients
        .get(slot)
        .is_some_and(|client| client.multi.is_some());
    // What is queued takes memory too.
    let queues = in_multi && !matches!(name, "exec" | "discard" | "quit" | "reset");
    if core.over_memory && (effects.has(Flags::DENY_OOM) || queues) {
        return Err(OUT_OF_MEMORY.into());
    }
    let writes = effects.has(Flags::WRITE);
    if let Some(refusal) = &core.refusal {
        if writes || name == "ping" {
            return Err(refusal.text.clone().into());
        }
    }
    if writes && core.settings.lacks_replicas() {
        return Err(NO_REPLICAS.into());
    }
    let paused = core
        .pause
        .is_some_and(|pause| pause.all || writes || effects.has(Flags::MAY_REPLICATE));
    Ok(paused)
}

/// The row of a command of a script, if there is one.
pub(crate) fn lookup(core: &Core, args: Args<'_>) -> Option<RowId> {
    find(core, args).ok()
}

fn find(core: &Core, args: Args<'_>) -> Result<RowId, Cow<'static, str>> {
    let commands = &core.commands;
    let Some(row) = commands.table.find_outer(args.at(0)) else {
        return Err(unknown_command(args));
    };
    if !commands.exists(row) {
        return Err(unknown_command(args));
    }
    if !commands.is_container(row) || args.len() == 1 {
        return Ok(row);
    }
    let subcommand = commands
        .table
        .find_subcommand(row, args.at(1))
        .filter(|sub| !matches!(commands.run(*sub), Run::Nothing));
    subcommand.ok_or_else(|| {
        let container = commands.table.row(row).name;
        format!(
            "ERR unknown subcommand '{}'. Try {} HELP.",
            shown(args.at(1)),
            container.to_uppercase()
        )
        .into()
    })
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(128)]).into_owned()
}

fn unknown_command(args: Args<'_>) -> Cow<'static, str> {
    let mut text = format!(
        "ERR unknown command '{}', with args beginning with: ",
        shown(args.at(0))
    );
    let mut budget = 128usize;
    for arg in args.from(1).iter() {
        if budget == 0 {
            break;
        }
        let part = &arg[..arg.len().min(budget)];
        budget -= part.len().max(1).min(budget);
        text.push_str(&format!("'{}' ", shown(part)));
    }
    text.into()
}

pub(crate) fn wrong_arity(name: &str) -> Cow<'static, str> {
    format!("ERR wrong number of arguments for '{name}' command").into()
}

fn is_for_subscribers(name: &str) -> bool {
    matches!(
        name,
        "subscribe"
            | "unsubscribe"
            | "psubscribe"
            | "punsubscribe"
            | "ssubscribe"
            | "sunsubscribe"
            | "ping"
            | "quit"
            | "reset"
    )
}

/// Commands that MULTI does not queue.
fn ends_or_controls_transaction(name: &str) -> bool {
    matches!(
        name,
        "exec" | "discard" | "multi" | "watch" | "quit" | "reset"
    )
}

#[inline]
fn run(
    core: &mut Core,
    turn: &mut Turn<'_>,
    slot: Slot,
    row: RowId,
    args: Args<'_>,
    woken_by: Option<&[u8]>,
) -> Ran {
    match core.commands.run(row) {
        Run::Data(_) if turn.has_rows() && rows::names_any(core, turn, slot, row, args) => {
            rows::ask(core, turn, slot, row, args)
        }
        Run::Data(_) if core.clients.at(slot).user.by_grants => Err(access::no_key()),
        Run::Data(handler) => {
            turn.savepoint();
            let start = core.clients.at(slot).output.reply.buffer.len();
            match data::run(
                core,
                turn,
                slot,
                (row, handler),
                args,
                Waiting::Allowed(woken_by),
            ) {
                Ok(()) => Ok(After::Done),
                Err(abort) => {
                    if !abort.keeps_changes() {
                        turn.rollback();
                    }
                    if matches!(&abort, Abort::Block(_)) {
                        // What wakes it may come in this very turn.
                        turn.observe(true);
                    }
                    core.clients.at(slot).output.reply.buffer.truncate(start);
                    Err(abort)
                }
            }
        }
        Run::Session(handler) => handler(&mut Call {
            core,
            turn,
            slot,
            args,
        }),
        Run::Admin => {
            core.ask(slot, vec![args.iter().map(<[u8]>::to_vec).collect()]);
            core.clients.at(slot).state = State::Asking(Question::Command);
            Ok(After::Done)
        }
        // A container without its subcommand; arity refused all but these.
        Run::Nothing => Err(Abort::Error(wrong_arity(core.commands.table.row(row).name))),
    }
}

/// Runs one command of EXEC or of a script; the caller takes back and knows what errors mean.
pub(crate) fn run_inside(
    core: &mut Core,
    turn: &mut Turn<'_>,
    slot: Slot,
    (row, context): (RowId, Where),
    args: Args<'_>,
) -> Outcome {
    let inside = accounting::enter(core, slot, context);
    let outcome = run_in_transaction(core, turn, slot, row, args);
    accounting::leave(core, slot, row, args, &inside, &outcome);
    outcome
}

fn run_in_transaction(
    core: &mut Core,
    turn: &mut Turn<'_>,
    slot: Slot,
    row: RowId,
    args: Args<'_>,
) -> Outcome {
    match core.commands.run(row) {
        Run::Data(_) if turn.has_rows() && rows::names_any(core, turn, slot, row, args) => {
            Err(rows::not_in_transactions())
        }
        Run::Data(handler) => data::run(core, turn, slot, (row, handler), args, Waiting::Forbidden),
        Run::Session(handler) => {
            let ran = handler(&mut Call {
                core,
                turn,
                slot,
                args,
            });
            ran.map(|_| ())
        }
        Run::Admin | Run::Nothing => Ok(()),
    }
}

/// Replies or parks, as the command's end demands.
#[inline]
fn settle(core: &mut Core, slot: Slot, row: RowId, ran: Ran) -> After {
    let abort = match ran {
        Ok(after) => return after,
        Err(abort) => abort,
    };
    match abort {
        Abort::Error(text) => {
            core.clients.at(slot).output.reply.error(&text);
            After::Done
        }
        Abort::Block(block) => {
            blocking::block(core, slot, row, block);
            After::Again
        }
        Abort::Stop(Stop::Miss(miss)) => {
            core.clients.at(slot).misses += 1;
            core.load(slot, miss);
            After::Again
        }
        Abort::Stop(Stop::Locked(wait)) => {
            core.wait_for_lock(slot, wait);
            After::Again
        }
        Abort::Stop(Stop::Conflict(conflict)) => {
            // Only transactions of other languages conflict; a turn never does.
            let text = format!("ERR {conflict}");
            core.clients.at(slot).output.reply.error(&text);
            After::Done
        }
        Abort::Stop(Stop::Failed(error)) => {
            let text = failure_text(&error);
            core.clients.at(slot).output.reply.error(&text);
            After::Done
        }
    }
}

/// A failure of the store in the error classes that clients know.
pub(crate) fn failure_text(error: &Error) -> String {
    match error {
        Error::NoSpace | Error::Poisoned { .. } => format!("MISCONF {error}"),
        Error::Closed => format!("LOADING {error}"),
        Error::Invalid(_)
        | Error::Io { .. }
        | Error::Corrupt { .. }
        | Error::Locked { .. }
        | Error::BehindHorizon { .. } => format!("ERR {error}"),
    }
}
