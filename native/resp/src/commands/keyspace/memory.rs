//! MEMORY USAGE: what a key takes, by the store's own account.

use crate::command::{errors, Context, Outcome};
use crate::commands::arguments::integer;
use hyperdb_graph::{Kind, Record};

/// What the store adds to each entry in memory: its key's prefix, version, and place in the index.
const ENTRY: u64 = 64;

/// MEMORY USAGE key [SAMPLES count]
///
/// Sizes of members are counted, not sampled, so SAMPLES changes nothing.
pub fn usage(cx: &mut Context<'_, '_>) -> Outcome {
    for at in (3..cx.args.len()).step_by(2) {
        let Some(samples) = cx.args.get(at + 1).filter(|_| cx.args.is(at, "SAMPLES")) else {
            return Err(errors::syntax());
        };
        if integer(samples)? < 0 {
            return Err(errors::syntax());
        }
    }
    let key = cx.args.at(2);
    let Some(element) = cx.turn.element(cx.app, key)? else {
        cx.reply.null();
        return Ok(());
    };
    let own = key.len() as u64 + ENTRY;
    let bytes = match element.record()? {
        Record::Vertex { value, .. } => own + value.len() as u64,
        Record::Edge(header) => {
            // A sorted set keeps each member twice: by itself and by its score.
            let copies = if header.kind == Kind::SortedSet { 2 } else { 1 };
            own + copies * (header.bytes + header.count * ENTRY)
        }
    };
    cx.reply.integer(i64::try_from(bytes).unwrap_or(i64::MAX));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn counts_key_and_value() {
        Client::new().script(
            "memory usage k => $-1
             set key value => +OK
             memory usage key => :72
             memory usage key samples 5 => :72
             memory usage key samples 5 samples 0 => :72
             memory usage key samples x y => -ERR value is not an integer or out of range
             memory usage key samples -1 => -ERR syntax error
             memory usage key samples x => -ERR value is not an integer or out of range
             memory usage key more 5 => -ERR syntax error",
        );
    }
}
