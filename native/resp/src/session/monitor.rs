//! MONITOR: every command that runs, as it runs.

use crate::command::Abort;
use crate::server::accounting;
use crate::server::execute::{After, Call, Ran};

/// MONITOR
pub(super) fn monitor(call: &mut Call<'_, '_>) -> Ran {
    if call.core.in_transaction {
        let text = "ERR MONITOR isn't allowed for DENY BLOCKING client";
        return Err(Abort::error(text));
    }
    // The second time nothing is said, as in Redis.
    if accounting::start_monitor(call.core, call.slot) {
        call.client().output.reply.ok();
    }
    Ok(After::Done)
}
