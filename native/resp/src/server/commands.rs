//! The command table joined with what runs each row.

use super::execute::SessionHandler;
use crate::command::Handler;
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
}

impl Commands {
    pub(crate) fn new() -> Self {
        let table = Table::new();
        let data: HashMap<&str, Handler> = crate::commands::handlers().collect();
        let sessions: HashMap<&str, SessionHandler> = session::handlers().collect();
        let runs = table
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
        Self {
            table,
            runs,
            containers,
        }
    }

    #[inline]
    pub(crate) fn run(&self, row: RowId) -> Run {
        self.runs[row.index()]
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
