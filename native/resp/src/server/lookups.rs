//! How often keys were found that commands looked for: INFO's `keyspace_hits` and `keyspace_misses`.
//!
//! **Theory.** As in Redis, what only reads a key counts it, also where another key is written with what was read; what changes a key does
//! not. A command of one key has just looked at it, and the turn remembers what it found: counting costs a comparison. One that reads
//! many keys tells what it found ([`Effects::looked_up`]); the keys of others are looked at again, in memory.
//!
//! **Invariant.** A command that stopped is not counted: it runs again.

use super::core::Core;
use crate::args::Args;
use crate::command::Effects;
use crate::key_places::{self, Access};
use crate::table::{Flags, RowId, Table};
use hyperdb_graph::{AppId, Turn};

/// Which keys of a command count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// None.
    Nothing,
    /// Its first argument, the only key.
    First,
    /// That, as it was before the command changed it.
    Before,
    /// All.
    All,
    /// Those that it only reads.
    Read,
}

/// These reply the value that they change or remove.
const REPLY_WHAT_THEY_CHANGE: [&str; 3] = ["getdel", "getex", "getset"];

impl Counted {
    /// Along the rows of the table.
    pub(crate) fn of_rows(table: &Table) -> Vec<Counted> {
        table
            .iter()
            .map(|(id, row)| {
                let groups = table.keys(id);
                let reads = row.flags.has(Flags::READONLY);
                match groups {
                    [] => Counted::Nothing,
                    _ if REPLY_WHAT_THEY_CHANGE.contains(&row.name) => Counted::Before,
                    [only] if reads && only.is_first_argument() => Counted::First,
                    _ if reads => Counted::All,
                    _ if groups.iter().any(|group| group.only_reads()) => Counted::Read,
                    _ => Counted::Nothing,
                }
            })
            .collect()
    }
}

/// Counts the key of a command that is about to change it.
#[inline]
pub(crate) fn count_before(
    core: &mut Core,
    turn: &Turn<'_>,
    row: RowId,
    args: Args<'_>,
    app: AppId,
) {
    if core.counted[row.index()] == Counted::Before {
        // If it must wait for a block, it comes again.
        if let Ok(found) = turn.element(app, args.at(1)) {
            core.counters.note_lookup(found.is_some());
        }
    }
}

/// Counts the keys that a command looked for, if it did not tell itself what became of them.
#[inline]
pub(crate) fn count(
    core: &mut Core,
    turn: &Turn<'_>,
    row: RowId,
    args: Args<'_>,
    app: AppId,
    effects: &Effects,
) {
    if let Some((found, missed)) = effects.looked_up {
        return core.counters.note_lookups(found, missed);
    }
    match core.counted[row.index()] {
        Counted::Nothing | Counted::Before => {}
        Counted::First => {
            let key = args.at(1);
            match turn.looked_at(app, key) {
                Some(found) => core.counters.note_lookup(found),
                None => look(core, turn, app, key),
            }
        }
        kind => count_many(core, turn, row, args, app, kind),
    }
}

fn look(core: &mut Core, turn: &Turn<'_>, app: AppId, key: &[u8]) {
    // What is not in memory now was when the command looked: it counts as found.
    let found = !matches!(turn.element(app, key), Ok(None));
    core.counters.note_lookup(found);
}

#[cold]
fn count_many(
    core: &mut Core,
    turn: &Turn<'_>,
    row: RowId,
    args: Args<'_>,
    app: AppId,
    kind: Counted,
) {
    let table = &core.commands.table;
    let places = key_places::places(table.keys(row), table.row(row).name, args);
    let keys: Vec<&[u8]> = places
        .iter()
        .filter(|(_, access)| kind == Counted::All || *access == Access::READ)
        .filter_map(|(at, _)| args.get(*at))
        .collect();
    keys.iter().for_each(|key| look(core, turn, app, key));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_counts_follows_from_the_table() {
        let table = Table::new();
        let counted = Counted::of_rows(&table);
        for (name, wanted) in [
            ("get", Counted::First),
            ("hgetall", Counted::First),
            ("ttl", Counted::First),
            ("object|encoding", Counted::All),
            ("mget", Counted::All),
            ("exists", Counted::All),
            ("xread", Counted::All),
            ("sinterstore", Counted::Read),
            ("copy", Counted::Read),
            ("getdel", Counted::Before),
            ("set", Counted::Nothing),
            ("incr", Counted::Nothing),
            ("scan", Counted::Nothing),
            ("ping", Counted::Nothing),
        ] {
            let id = table.find(name.as_bytes()).unwrap();
            assert_eq!(counted[id.index()], wanted, "{name}");
        }
    }
}
