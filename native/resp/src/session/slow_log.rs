//! SLOWLOG GET, LEN, RESET.

use crate::command::Abort;
use crate::commands::arguments::{integer, misused};
use crate::server::execute::{After, Call, Ran};

/// Entries that GET shows unless told otherwise.
const ENTRIES: usize = 10;

/// SLOWLOG GET [count]
pub(super) fn get(call: &mut Call<'_, '_>) -> Ran {
    let count = match (call.args.get(2), call.args.len()) {
        (None, _) => ENTRIES,
        (Some(count), 3) => match integer(count) {
            Ok(-1) => usize::MAX,
            Ok(count) if count >= 0 => usize::try_from(count).unwrap_or(usize::MAX),
            _ => {
                let text = "ERR count should be greater than or equal to -1";
                return Err(Abort::error(text));
            }
        },
        _ => return Err(misused(&call.args)),
    };
    let entries: Vec<_> = call.core.observed.slow.newest(count).cloned().collect();
    let reply = &mut call.client().output.reply;
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.integer(i64::try_from(entry.id).unwrap_or(i64::MAX));
        reply.integer(entry.at);
        reply.integer(i64::try_from(entry.micros).unwrap_or(i64::MAX));
        reply.array(entry.words.len());
        entry.words.iter().for_each(|word| reply.bulk(word));
        reply.bulk(entry.address.as_bytes());
        reply.bulk(&entry.name);
    }
    Ok(After::Done)
}

/// SLOWLOG LEN
pub(super) fn len(call: &mut Call<'_, '_>) -> Ran {
    let len = call.core.observed.slow.len();
    call.client().output.reply.integer(len as i64);
    Ok(After::Done)
}

/// SLOWLOG RESET
pub(super) fn reset(call: &mut Call<'_, '_>) -> Ran {
    call.core.observed.slow.clear();
    call.client().output.reply.ok();
    Ok(After::Done)
}
