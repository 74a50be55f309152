//! Keys whose time is over while DEBUG SET-ACTIVE-EXPIRE 0 lets them lie: a command that comes upon one removes it, as Redis does.
//!
//! **Invariant.** Otherwise nothing is done here: they are never seen, and housekeeping removes them soon.

use super::core::Core;
use super::notify;
use crate::args::Args;
use crate::key_places::keys;
use crate::table::RowId;
use hyperdb_graph::{AppId, Step, Turn};

/// Commands that come upon keys which they do not name.
const LOOK_AT_ALL: [&str; 3] = ["keys", "randomkey", "scan"];
/// So many are removed at a time.
const AT_ONCE: usize = 1000;

/// Removes what a command is about to look at and has expired.
pub(crate) fn remove(
    core: &mut Core,
    turn: &mut Turn<'_>,
    row: RowId,
    args: Args<'_>,
    app: AppId,
) -> Step<()> {
    let before = turn.touched().len();
    let facts = core.commands.table.row(row);
    let mut removed = 0;
    if LOOK_AT_ALL.contains(&facts.name) {
        loop {
            let expired = turn.expire_due(AT_ONCE)?;
            removed += expired.removed;
            if !expired.more {
                break;
            }
        }
    } else {
        for key in keys(core.commands.table.keys(row), facts.name, args) {
            removed += usize::from(turn.remove_expired(app, key)?);
        }
    }
    if removed > 0 {
        notify::expired(core, turn, before);
        core.counters.expired += removed as u64;
    }
    Ok(())
}
