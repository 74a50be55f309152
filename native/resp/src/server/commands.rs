//! The command table joined with what runs each row.

use super::execute::SessionHandler;
use crate::command::Handler;
use crate::key_places::KeyPlaces;
use crate::session;
use crate::table::{Executor, RowId, Table};
use hashbrown::HashMap;

/// What runs a row.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// On the store.
    Data(Handler),
    /// On the session and the loop's own state.
    Session(SessionHandler),
    /// By administration.
    Admin,
    /// Nothing: the row is a container of subcommands, or not there yet.
    Nothing,
}

pub(crate) struct Commands {
    pub table: Table,
    runs: Vec<Run>,
    /// Rows that have subcommands.
    containers: Vec<bool>,
    /// Rows on the store whose first argument is a key.
    first_keys: Vec<bool>,
}

impl Commands {
    pub(crate) fn new() -> Self {
        let table = Table::new();
        let data: HashMap<&str, Handler> = crate::commands::handlers().collect();
        let sessions: HashMap<&str, SessionHandler> = session::handlers().collect();
        let runs: Vec<Run> = table
            .rows()
            .iter()
            .map(|row| match row.executor {
                Executor::Python => Run::Admin,
                Executor::Later => Run::Nothing,
                Executor::Native => match (data.get(row.name), sessions.get(row.name)) {
                    (Some(handler), _) => Run::Data(*handler),
                    (None, Some(handler)) => Run::Session(*handler),
                    (None, None) => Run::Nothing,
                },
            })
            .collect();
        let containers = table
            .rows()
            .iter()
            .map(|row| {
                let prefix = format!("{}|", row.name);
                table.rows().iter().any(|sub| sub.name.starts_with(&prefix))
            })
            .collect();
        let first_keys = table.iter().zip(&runs);
        let first_keys = first_keys
            .map(|((row, _), run)| {
                let mut groups = table.keys(row).iter();
                matches!(run, Run::Data(_)) && groups.any(KeyPlaces::begins_at_first)
            })
            .collect();
        Self {
            table,
            runs,
            containers,
            first_keys,
        }
    }

    #[inline]
    pub(crate) fn run(&self, row: RowId) -> Run {
        self.runs[row.index()]
    }

    /// Whether a row looks its first argument up.
    #[inline]
    pub(crate) fn looks_up_first(&self, row: RowId) -> bool {
        self.first_keys[row.index()]
    }

    #[inline]
    pub(crate) fn is_container(&self, row: RowId) -> bool {
        self.containers[row.index()]
    }

    pub(crate) fn is_admin(&self, row: RowId) -> bool {
        matches!(self.run(row), Run::Admin)
    }

    /// Whether a row is there for clients at all.
    pub(crate) fn exists(&self, row: RowId) -> bool {
        self.is_container(row) || !matches!(self.run(row), Run::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn native_rows_and_handlers_are_the_same() {
        let table = Table::new();
        let containers: BTreeSet<&str> = table
            .rows()
            .iter()
            .filter_map(|row| row.name.split_once('|'))
            .map(|(container, _)| container)
            .collect();
        let rows: BTreeSet<&str> = table
            .rows()
            .iter()
            .filter(|row| row.executor == Executor::Native && !containers.contains(row.name))
            .map(|row| row.name)
            .collect();
        let data: Vec<&str> = crate::commands::handlers().map(|(name, _)| name).collect();
        let session: Vec<&str> = session::handlers().map(|(name, _)| name).collect();
        let handlers: BTreeSet<&str> = data.iter().chain(&session).copied().collect();
        assert_eq!(
            handlers.len(),
            data.len() + session.len(),
            "a handler twice"
        );
        let without: Vec<_> = rows.difference(&handlers).collect();
        assert!(
            without.is_empty(),
            "native rows without a handler: {without:?}"
        );
        let unknown: Vec<_> = handlers.difference(&rows).collect();
        assert!(
            unknown.is_empty(),
            "handlers without a native row: {unknown:?}"
        );
    }
}
