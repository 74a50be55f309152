//! Commands on keys that are rows of tables.
//!
//! **Theory.** What a row may hold (types, constraints, indexes, foreign keys, who may change it) is said in SQL, and kept by SQL's
//! sessions. So such a command is not run here: it goes to administration, which runs it as a statement, and the client waits
//! for the answer as it does for INFO. Its order among the client's commands is kept; with other commands it is not one
//! transaction, so MULTI and WATCH refuse it.

use super::client::{Question, State};
use super::clients::Slot;
use super::core::Core;
use super::execute::{After, Ran};
use crate::args::Args;
use crate::command::Abort;
use crate::key_places::keys;
use crate::table::RowId;
use hyperdb_graph::Turn;

/// Whether a command names a key that is a row.
pub(crate) fn names_any(
    core: &mut Core,
    turn: &Turn<'_>,
    slot: Slot,
    row: RowId,
    args: Args<'_>,
) -> bool {
    let db = core.clients.at(slot).db;
    let table = &core.commands.table;
    let named = keys(table.keys(row), table.row(row).name, args);
    named.iter().any(|key| turn.is_row(db, key))
}

/// Hands a command over.
pub(crate) fn ask(core: &mut Core, turn: &Turn<'_>, slot: Slot, row: RowId, args: Args<'_>) -> Ran {
    let db = core.clients.at(slot).db;
    let table = &core.commands.table;
    let named = keys(table.keys(row), table.row(row).name, args);
    if !named.iter().all(|key| turn.is_row(db, key)) {
        return Err(Abort::error(
            "ERR rows of tables and other keys in one command",
        ));
    }
    core.ask_rows(slot, args.iter().map(<[u8]>::to_vec).collect());
    core.clients.at(slot).state = State::Asking(Question::Command);
    Ok(After::Done)
}

/// Inside EXEC.
pub(crate) fn not_in_transactions() -> Abort {
    Abort::error("ERR rows of tables are not read or changed in a transaction of Redis: use SQL")
}

/// By WATCH.
pub(crate) fn unwatched() -> Abort {
    Abort::error("ERR rows of tables are not watched: use SQL")
}
