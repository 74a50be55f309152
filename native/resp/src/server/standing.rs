//! What a role may do over RESP, and what becomes of its connections when that changes.
//!
//! **Theory.** A superuser may do everything. Any other role has the commands about its own connection, and those on rows of
//! tables, where SQL looks at its grants; Redis's keys and channels are granted to it by nothing. Roles are changed elsewhere;
//! the loop is then told of all that may log in, and closes the connections of those whose standing is another one than before.
//!
//! **Invariant.** What was told last decides: a login that was checked before a change and is heard of after it counts as after.

use super::commands::Run;
use super::core::Core;
use crate::command::Abort;
use crate::table::{Flags, RowId};
use std::borrow::Cow;
use std::collections::HashMap;

/// How much a role may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Standing {
    /// Everything.
    #[default]
    Superuser,
    /// What concerns its connection, and rows by its grants.
    Restricted,
}

/// Roles that may log in, by name.
pub type Standings = HashMap<String, Standing>;

/// Whether a restricted role may try a command: one about its connection, or one whose keys may be rows.
pub(crate) fn may_try(core: &Core, row: RowId) -> bool {
    let flags = core.commands.table.row(row).flags;
    match core.commands.run(row) {
        Run::Data(_) => true,
        Run::Session(_) | Run::Admin | Run::Nothing => {
            flags.has(Flags::CONNECTION) && !flags.has(Flags::ADMIN)
        }
    }
}

/// The refusal of a command.
pub(crate) fn no_command(role: &str, command: &str) -> Cow<'static, str> {
    format!("NOPERM User {role} has no permissions to run the '{command}' command").into()
}

/// The refusal of keys that are no rows.
pub(crate) fn no_key() -> Abort {
    Abort::error("NOPERM No permissions to access a key")
}

/// The standing that a role has now, if it had `then` when its password was checked; `None` if it may not log in any more.
pub(crate) fn now(core: &Core, role: &str, then: Standing) -> Option<Standing> {
    match &core.standings {
        None => Some(then),
        Some(told) => told.get(role).copied(),
    }
}

/// Takes in what roles there are now.
pub(crate) fn take(core: &mut Core, standings: Standings) {
    let changed: Vec<usize> = core
        .clients
        .iter()
        .filter(|(_, client)| match &client.role {
            Some(role) if *role != core.settings.default_role => {
                standings.get(role) != Some(&client.standing)
            }
            _ => false,
        })
        .map(|(slot, _)| slot)
        .collect();
    for slot in changed {
        core.kill(slot);
    }
    core.standings = Some(standings);
}
