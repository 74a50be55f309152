//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//!
//! **Theory.** A transaction's commands run one after another inside one loop turn, so nothing comes between
//! them. If one of them must wait for a block or a row lock, the whole of EXEC is taken back and runs again. A
//! watched key is dirty when this loop touched it, or when its element's version is no longer the one seen at
//! WATCH (somebody outside this loop wrote), or when it expired meanwhile.
//!
//! **Invariant.** Messages that a transaction publishes go out only once it is through.

use super::access;
use super::accounting;
use super::admin::Answer;
use super::client::{Question, State};
use super::clients::Slot;
use super::core::Core;
use super::execute::{self, After, Call, Ran};
use super::rows;
use crate::acl::log::Where;
use crate::args::{Args, Span};
use crate::command::{Abort, Outcome};
use crate::table::{Flags, RowId};
use hashbrown::HashMap;
use hyperdb_graph::{AppId, Commit, Step, Turn};

/// Commands since MULTI.
#[derive(Debug, Default)]
pub(crate) struct Multi {
    pub commands: Vec<Queued>,
    /// What they may change, together.
    pub effects: Flags,
    /// Bytes that they hold.
    pub bytes: usize,
    /// A command could not be queued: EXEC must fail.
    pub broken: bool,
    /// Which of its commands administration was asked, by place, and its answers.
    pub asked: Vec<usize>,
    pub answers: Option<Vec<(Answer, u64)>>,
}

/// A command kept for EXEC.
#[derive(Debug)]
pub(crate) struct Queued {
    pub row: RowId,
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl Queued {
    pub(crate) fn new(row: RowId, args: Args<'_>) -> Self {
        let mut bytes = Vec::with_capacity(args.iter().map(<[u8]>::len).sum());
        let mut spans = Vec::with_capacity(args.len());
        for arg in args.iter() {
            spans.push((bytes.len(), bytes.len() + arg.len()));
            bytes.extend_from_slice(arg);
        }
        Self { row, bytes, spans }
    }

    pub(crate) fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }

    /// An argument, to be changed.
    pub(crate) fn argument_mut(&mut self, at: usize) -> Option<&mut [u8]> {
        let (start, end) = *self.spans.get(at)?;
        self.bytes.get_mut(start..end)
    }

    /// Bytes of memory held.
    pub(crate) fn held(&self) -> usize {
        self.bytes.len() + self.spans.len() * size_of::<Span>()
    }
}

/// A key as WATCH saw it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    db: u32,
    key: Box<[u8]>,
    app: AppId,
    /// Version of the live element, `None` if there was none.
    seen: Option<Commit>,
}

/// Who watches which key of which database.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    by_key: HashMap<(u32, Box<[u8]>), Vec<Slot>>,
}

impl Watchers {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    fn add(&mut self, db: u32, key: &[u8], slot: Slot) {
        self.by_key.entry((db, key.into())).or_default().push(slot);
    }

    fn remove(&mut self, watched: Watched, slot: Slot) {
        let place = (watched.db, watched.key);
        if let Some(slots) = self.by_key.get_mut(&place) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.by_key.remove(&place);
            }
        }
    }

    pub(crate) fn of(&self, place: &(u32, Box<[u8]>)) -> &[Slot] {
        self.by_key.get(place).map_or(&[], Vec::as_slice)
    }
}

fn version_of(turn: &mut Turn<'_>, app: AppId, key: &[u8]) -> Step<Option<Commit>> {
    if turn.element(app, key)?.is_none() {
        return Ok(None);
    }
    Ok(Some(turn.version(app, key)?.unwrap_or_default()))
}

/// MULTI
pub(crate) fn multi(call: &mut Call<'_, '_>) -> Ran {
    let client = call.client();
    if client.multi.is_some() {
        return Err(Abort::error("ERR MULTI calls can not be nested"));
    }
    client.multi = Some(Multi::default());
    client.output.reply.ok();
    Ok(After::Done)
}

/// DISCARD
pub(crate) fn discard(call: &mut Call<'_, '_>) -> Ran {
    if call.client().multi.is_none() {
        return Err(Abort::error("ERR DISCARD without MULTI"));
    }
    forget(call.core, call.slot);
    call.client().output.reply.ok();
    Ok(After::Done)
}

/// WATCH key [key ...]
pub(crate) fn watch(call: &mut Call<'_, '_>) -> Ran {
    if call.client().multi.is_some() {
        return Err(Abort::error("ERR WATCH inside MULTI is not allowed"));
    }
    let db = call.client().db;
    let app = call.core.app(call.turn, db)?;
    for key in call.args.from(1).iter() {
        let place = (db, key.into());
        if call.core.watchers.of(&place).contains(&call.slot) {
            continue;
        }
        if call.turn.is_row(db, key) {
            return Err(rows::unwatched());
        }
        let seen = version_of(call.turn, app, key)?;
        call.client().watched.push(Watched {
            db,
            key: key.into(),
            app,
            seen,
        });
        call.core.watchers.add(db, key, call.slot);
    }
    call.turn.observe(true);
    call.client().output.reply.ok();
    Ok(After::Done)
}

/// UNWATCH
pub(crate) fn unwatch(call: &mut Call<'_, '_>) -> Ran {
    unwatch_all(call.core, call.slot);
    call.client().output.reply.ok();
    Ok(After::Done)
}

/// Ends all watches of a client.
pub(crate) fn unwatch_all(core: &mut Core, slot: Slot) {
    let client = core.clients.at(slot);
    client.dirty = false;
    for watched in std::mem::take(&mut client.watched) {
        core.watchers.remove(watched, slot);
    }
}

/// Ends a transaction without running it.
pub(crate) fn forget(core: &mut Core, slot: Slot) {
    core.clients.at(slot).multi = None;
    unwatch_all(core, slot);
}

/// A watched key was touched: who saw it there, or sees it there now, must not go on. What had expired before WATCH may go.
pub(crate) fn touched(core: &mut Core, place: &(u32, Box<[u8]>), is_gone: bool) {
    for slot in core.watchers.of(place) {
        let Some(client) = core.clients.get_mut(*slot) else {
            continue;
        };
        let known = client.watched.iter();
        let mut seen = known.filter(|watched| (watched.db, &watched.key) == (place.0, &place.1));
        if !(is_gone && seen.all(|watched| watched.seen.is_none())) {
            client.dirty = true;
        }
    }
}

/// Whether a watched key changed since WATCH.
fn is_dirty(core: &mut Core, turn: &mut Turn<'_>, slot: Slot) -> Step<bool> {
    if core.clients.at(slot).dirty {
        return Ok(true);
    }
    for i in 0..core.clients.at(slot).watched.len() {
        let db = core.clients.at(slot).watched[i].db;
        let app = core.app(turn, db)?;
        let watched = &core.clients.at(slot).watched[i];
        let now = version_of(turn, app, &watched.key)?;
        // After FLUSHDB or SWAPDB the number names another app: equal only if absent before and after.
        let same = now == watched.seen && (app == watched.app || now.is_none());
        if !same {
            return Ok(true);
        }
    }
    Ok(false)
}

/// EXEC
pub(crate) fn exec(call: &mut Call<'_, '_>) -> Ran {
    let Some(multi) = &call.client().multi else {
        return Err(Abort::error("ERR EXEC without MULTI"));
    };
    if multi.broken {
        forget(call.core, call.slot);
        return Err(Abort::error(
            "EXECABORT Transaction discarded because of previous errors.",
        ));
    }
    if is_dirty(call.core, call.turn, call.slot)? {
        forget(call.core, call.slot);
        call.client().output.reply.null_array();
        return Ok(After::Done);
    }
    if ask_administration(call) {
        return Ok(After::Again);
    }
    let Some(multi) = call.client().multi.take() else {
        return Ok(After::Done);
    };
    match run(call, &multi) {
        Ok(()) => {
            unwatch_all(call.core, call.slot);
            Ok(After::Done)
        }
        Err(abort) => {
            call.client().multi = Some(multi);
            Err(abort)
        }
    }
}

/// Asks for the answers that administration must give before EXEC can run; whether it must wait for them.
fn ask_administration(call: &mut Call<'_, '_>) -> bool {
    let core = &mut *call.core;
    let Some(multi) = &core.clients.at(call.slot).multi else {
        return false;
    };
    if multi.answers.is_some() {
        return false;
    }
    let user = core.clients.at(call.slot).user.clone();
    let Some(multi) = &mut core.clients.at(call.slot).multi else {
        return false;
    };
    let (table, known) = (&core.commands.table, &core.commands);
    let asked = multi.commands.iter().enumerate().filter(|(_, queued)| {
        known.is_admin(queued.row) && user.check(table, queued.row, queued.args()).is_ok()
    });
    multi.asked = asked.map(|(at, _)| at).collect();
    if multi.asked.is_empty() {
        return false;
    }
    let commands = multi.asked.iter().map(|at| {
        let args = multi.commands[*at].args();
        args.iter().map(<[u8]>::to_vec).collect()
    });
    let commands = commands.collect();
    core.ask(call.slot, commands);
    core.clients.at(call.slot).state = State::Asking(Question::Transaction);
    true
}

/// Runs the queued commands; on `Err` nothing of them has happened.
fn run(call: &mut Call<'_, '_>, multi: &Multi) -> Outcome {
    let db = call.client().db;
    let start = call.client().output.reply.buffer.len();
    let before = call.turn.mark();
    call.core.in_transaction = true;
    let outcome = run_all(call, multi);
    call.core.in_transaction = false;
    if outcome.is_ok() {
        super::pubsub::deliver_deferred(call.core);
    } else {
        call.core.deferred.clear();
        call.core.told.clear();
        call.core.tracked.command_was_told();
        call.turn.rollback_to(&before);
        let client = call.client();
        client.output.reply.buffer.truncate(start);
        client.db = db;
    }
    outcome
}

fn run_all(call: &mut Call<'_, '_>, multi: &Multi) -> Outcome {
    let answers = multi.answers.iter().flatten();
    let answers: HashMap<usize, &(Answer, u64)> =
        multi.asked.iter().copied().zip(answers).collect();
    call.client().output.reply.array(multi.commands.len());
    for (at, queued) in multi.commands.iter().enumerate() {
        let allowed = access::check(
            call.core,
            call.slot,
            queued.row,
            queued.args(),
            Where::Multi,
        );
        if let Err(text) = allowed {
            call.core.observed.errors.add(text.as_bytes());
            call.client().output.reply.error(&text);
            continue;
        }
        if call.core.commands.is_admin(queued.row) {
            let inside = accounting::enter(call.core, call.slot, Where::Multi);
            let reply = &mut call.client().output.reply;
            let elsewhere = match answers.get(&at) {
                Some((answer, spent)) => {
                    answer.encode(reply);
                    *spent
                }
                // It was not allowed when administration was asked.
                None => {
                    reply.error("NOPERM the rights of this connection changed, try again");
                    0
                }
            };
            let inside = inside.with(elsewhere);
            accounting::leave(
                call.core,
                call.slot,
                queued.row,
                queued.args(),
                &inside,
                &Ok(()),
            );
            continue;
        }
        let start = call.client().output.reply.buffer.len();
        let before = call.turn.mark();
        let ran = execute::run_inside(
            call.core,
            call.turn,
            call.slot,
            (queued.row, Where::Multi),
            queued.args(),
        );
        match ran {
            Ok(()) => {}
            Err(Abort::Error(text)) => {
                call.turn.rollback_to(&before);
                let reply = &mut call.client().output.reply;
                reply.buffer.truncate(start);
                reply.error(&text);
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}
