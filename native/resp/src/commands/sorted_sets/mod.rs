//! Commands on sorted_sets.

use crate::command::Handler;

/// Handlers of this file by command name.
pub const HANDLERS: &[(&str, Handler)] = &[];
