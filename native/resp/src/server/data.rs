//! Running a command on the store: what its handler is given, and what is noted when it is through.
//!
//! **Invariant.** A command that stopped (for a block, for a lock) runs again, so nothing is counted or told of it until it is through.

use super::clients::Slot;
use super::core::Core;
use super::lapsed;
use super::lookups;
use super::multi::Queued;
use super::notify;
use super::tracking;
use crate::args::Args;
use crate::command::{Abort, Context, Effects, Names, Outcome};
use crate::events::Done;
use crate::forms::Forms;
use crate::rdb;
use crate::table::RowId;
use hyperdb_graph::Turn;

/// Whether a command may wait for keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting<'k> {
    /// It may; one that waited already runs again because of this key.
    Allowed(Option<&'k [u8]>),
    /// It is part of a transaction.
    Forbidden,
}

/// Runs a command on the store, and tells whoever counts, listens or tracks what came of it.
#[inline]
pub(super) fn run(
    core: &mut Core,
    turn: &mut Turn<'_>,
    slot: Slot,
    (row, handler): (RowId, crate::Handler),
    args: Args<'_>,
    waiting: Waiting<'_>,
) -> Outcome {
    let mended;
    let args = if core.debug.skips_checksums && is_restore(core, row) {
        mended = with_right_checksum(row, args);
        mended.args()
    } else {
        args
    };
    let db = core.clients.at(slot).db;
    let app = core.app(turn, db)?;
    let before = notify::before(core, turn, row, args, app);
    if !core.active_expiry {
        lapsed::remove(core, turn, row, args, app)?;
    }
    let changes = turn.changes();
    let woken_by = match waiting {
        Waiting::Allowed(key) => key,
        Waiting::Forbidden => None,
    };
    let resume = core.clients.at(slot).resume.take();
    lookups::count_before(core, turn, row, args, app);
    let user = &core.clients.at(slot).user;
    let user = (!user.names_all()).then(|| user.clone());
    let random = &mut core.random;
    let may_name = |key: &[u8]| user.as_ref().is_none_or(|user| user.may_name(key));
    let mut context = Context {
        turn,
        app,
        db,
        reply: &mut core.clients.at(slot).output.reply,
        args,
        must_not_block: waiting == Waiting::Forbidden,
        woken_by,
        resume: resume.as_deref(),
        random: &mut || random.next(),
        names: match &user {
            None => Names::All,
            Some(user) if user.names_none() => Names::None,
            Some(_) => Names::Some(&may_name),
        },
        effects: Effects::default(),
        forms: Forms::new(&core.settings.forms, &core.forms),
    };
    let outcome = handler(&mut context);
    let effects = context.effects;
    core.clients.at(slot).resume = resume;
    if matches!(outcome, Ok(()) | Err(Abort::Error(_))) {
        lookups::count(core, turn, row, args, app, &effects);
    }
    if outcome.is_ok() {
        core.changes += u64::from(turn.changes() != changes);
    }
    if let Some(before) = before {
        notify::missed(core, turn, row, args, (app, db), (&before, &outcome));
        if outcome.as_ref().err().is_none_or(Abort::keeps_changes) {
            let done = Done {
                name: core.commands.table.row(row).name,
                args,
                effects: &effects,
            };
            notify::after(core, turn, done, (app, db), before);
        }
    }
    // One that failed has read too, as far as its client can tell.
    if core.clients.at(slot).tracking.is_some() && !matches!(outcome, Err(Abort::Stop(_))) {
        tracking::remember(core, slot, row, args, turn.touched().len());
    }
    outcome
}

fn is_restore(core: &Core, row: RowId) -> bool {
    core.commands.table.row(row).name.starts_with("restore")
}

/// RESTORE with the checksum that its payload should have.
#[cold]
fn with_right_checksum(row: RowId, args: Args<'_>) -> Queued {
    let mut queued = Queued::new(row, args);
    if let Some(payload) = queued.argument_mut(3) {
        rdb::seal(payload);
    }
    queued
}
