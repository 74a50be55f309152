//! Who the clients are, and what happens when that changes or something is refused them.
//!
//! **Theory.** Roles are changed elsewhere; the loop is then told of all of them, and each connection has the rights of now. A
//! connection whose role is gone is closed. One that listens to what it may no longer hear is closed too. A role to which no rules
//! were given is closed as well when it is no superuser any more, or became one, or may no longer log in: it has what SQL says, and
//! there a change is not to be missed.
//!
//! **Invariant.** What was told last decides: a login that was checked before a change and is heard of after it counts as after.

use super::clients::Slot;
use super::commands::Run;
use super::core::Core;
use crate::acl::check::{sort_option, Denied, Reason};
use crate::acl::log::{Entry, Where, Why};
use crate::acl::{User, DEFAULT_USER};
use crate::args::Args;
use crate::command::Abort;
use crate::session;
use crate::table::{RowId, Table};
use hyperdb_graph::roles::Role;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Roles by name; the bootstrap role is `default`.
pub type Roles = BTreeMap<String, Role>;

/// The users as they are now.
#[derive(Debug)]
pub(crate) struct Users {
    by_name: BTreeMap<String, Arc<User>>,
    default: Arc<User>,
    /// What they were made of.
    roles: Roles,
}

impl Users {
    pub(crate) fn new(table: &Table, roles: Roles) -> Users {
        Self::made(table, roles, None)
    }

    /// The users of other roles; who has not changed is not made anew.
    fn renewed(&self, table: &Table, roles: Roles) -> Users {
        Self::made(table, roles, Some(self))
    }

    fn made(table: &Table, roles: Roles, before: Option<&Users>) -> Users {
        let make = |(name, role): (&String, &Role)| {
            let known = before
                .filter(|before| before.roles.get(name) == Some(role))
                .and_then(|before| before.by_name.get(name));
            let user = match known {
                Some(user) => user.clone(),
                None => Arc::new(User::of(table, name, role)),
            };
            (name.clone(), user)
        };
        let mut by_name: BTreeMap<String, Arc<User>> = roles.iter().map(make).collect();
        let default = by_name
            .entry(DEFAULT_USER.to_owned())
            .or_insert_with(|| Arc::new(User::open(table)))
            .clone();
        Users {
            by_name,
            default,
            roles,
        }
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.by_name.get(std::str::from_utf8(name).ok()?)
    }

    /// In the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &User> {
        self.by_name.values().map(|user| &**user)
    }

    /// Who a client is that has said nothing.
    pub(crate) fn default_user(&self) -> &Arc<User> {
        &self.default
    }

    /// The role of a client that has said nothing; `None` if it must say something.
    pub(crate) fn role_of_strangers(&self) -> Option<String> {
        self.default.is_open().then(|| DEFAULT_USER.to_owned())
    }
}

/// Makes a client a stranger, or the default user if that needs no password.
pub(crate) fn forget(core: &mut Core, slot: Slot) {
    let role = core.users.role_of_strangers();
    let user = core.users.default_user().clone();
    let client = core.clients.at(slot);
    client.role = role;
    client.user = user;
}

/// Refuses a command that the client's user may not run, and notes it.
pub(crate) fn check(
    core: &mut Core,
    slot: Slot,
    row: RowId,
    args: Args<'_>,
    context: Where,
) -> Result<(), Cow<'static, str>> {
    if core.clients.at(slot).user.everything {
        return Ok(());
    }
    let user = core.clients.at(slot).user.clone();
    if user.by_grants && matches!(core.commands.run(row), Run::Data(_)) {
        // Rows of tables: SQL is asked.
        return Ok(());
    }
    let table = &core.commands.table;
    let name = table.row(row).name;
    match user.check(table, row, args) {
        Ok(()) => {}
        Err(denied) => {
            note(core, slot, denied, name, args, context);
            return Err(refusal(denied, context, &user.name, name).into());
        }
    }
    if matches!(name, "sort" | "sort_ro") && !user.reads_all(table, row, args) {
        if let Some(option) = sort_option(args) {
            // What a script is told gets its class there.
            let class = if context == Where::Lua { "" } else { "ERR " };
            return Err(format!(
                "{class}{option} option of SORT denied due to insufficient ACL permissions."
            )
            .into());
        }
    }
    Ok(())
}

fn refusal(denied: Denied, context: Where, user: &str, command: &str) -> String {
    let text = denied.text(user, command);
    match context {
        Where::Toplevel => format!("NOPERM {text}"),
        Where::Lua => format!("ACL failure in script: {text}"),
        Where::Multi => {
            let reason = match denied.reason {
                Reason::Command => "no permission to execute the command or subcommand",
                Reason::Key => "no permission to touch the specified keys",
                Reason::Channel => {
                    "no permission to access one of the channels used as arguments to the command"
                }
            };
            format!(
                "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. \
                 This command is no longer allowed for the following reason: {reason}"
            )
        }
    }
}

fn note(core: &mut Core, slot: Slot, denied: Denied, name: &str, args: Args<'_>, context: Where) {
    let why = match denied.reason {
        Reason::Command => Why::Command,
        Reason::Key => Why::Key,
        Reason::Channel => Why::Channel,
    };
    let object = match denied.reason {
        Reason::Command => name.as_bytes(),
        Reason::Key | Reason::Channel => args.get(denied.at).unwrap_or_default(),
    };
    let context = match context {
        // A command that is being queued is part of the transaction already.
        Where::Toplevel if core.clients.at(slot).multi.is_some() => Where::Multi,
        other => other,
    };
    let user = core.clients.at(slot).user.name.clone().into_bytes();
    log(core, slot, why, context, object.to_vec(), user);
}

/// Notes a refusal in ACL LOG.
pub(crate) fn log(
    core: &mut Core,
    slot: Slot,
    why: Why,
    context: Where,
    object: Vec<u8>,
    user: Vec<u8>,
) {
    let client = session::described(core, slot);
    let entry = Entry {
        id: 0,
        count: 1,
        why,
        context,
        object,
        user,
        client,
        created_ms: core.now_ms,
        updated_ms: core.now_ms,
    };
    let most = core.settings.acl_log_most;
    core.acl_log.add(entry, most);
}

/// The refusal of keys that are no rows, to a role that has rows alone.
pub(crate) fn no_key() -> Abort {
    Abort::error("NOPERM No permissions to access a key")
}

/// What becomes of a connection.
enum Fate {
    Stays,
    Closed,
}

/// Takes in what roles there are now.
pub(crate) fn take(core: &mut Core, roles: Roles) {
    core.users = core.users.renewed(&core.commands.table, roles);
    for slot in core.clients.slots() {
        match settle(core, slot) {
            Fate::Stays => {}
            Fate::Closed => core.close_after_reply(slot),
        }
    }
}

fn settle(core: &mut Core, slot: Slot) -> Fate {
    let client = core.clients.at(slot);
    let Some(role) = &client.role else {
        // The default user may need no password any more.
        forget(core, slot);
        return Fate::Stays;
    };
    let Some(now) = core.users.find(role.as_bytes()).cloned() else {
        return Fate::Closed;
    };
    let before = std::mem::replace(&mut core.clients.at(slot).user, now.clone());
    let by_nature = role_is_by_nature(&before) && role_is_by_nature(&now);
    if by_nature
        && now.name != DEFAULT_USER
        && (!now.enabled || now.is_superuser != before.is_superuser)
    {
        return Fate::Closed;
    }
    if now.everything {
        return Fate::Stays;
    }
    let client = core.clients.at(slot);
    let channels = client.channels.iter().chain(&client.shard_channels);
    let hears = channels.into_iter().all(|name| now.may_listen(name, false))
        && client
            .patterns
            .iter()
            .all(|name| now.may_listen(name, true));
    if hears {
        Fate::Stays
    } else {
        Fate::Closed
    }
}

/// Whether a role was never given a rule.
fn role_is_by_nature(user: &User) -> bool {
    user.by_grants || (user.everything && user.is_superuser)
}
