//! Commands on keyspace.

use crate::command::Handler;

/// Handlers of this file by command name.
pub const HANDLERS: &[(&str, Handler)] = &[];
