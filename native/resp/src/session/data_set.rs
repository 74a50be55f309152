//! DEBUG POPULATE: many keys to try something with.
//!
//! **Invariant.** What was made before it had to wait for a block is there, and is passed over when it runs again.

use super::debug::ask;
use crate::args::{Args, Span};
use crate::command::{errors, Abort};
use crate::commands::arguments::integer;
use crate::server::execute::{After, Call, Ran};

/// Longest value, and most keys.
const MOST: i64 = 512 << 20;

/// Runs a command on keys.
fn run(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Result<(), Abort> {
    let (mut bytes, mut spans) = (Vec::new(), Vec::<Span>::new());
    for word in words {
        spans.push((bytes.len(), bytes.len() + word.len()));
        bytes.extend_from_slice(word);
    }
    let name = words.first().copied().unwrap_or_default();
    ask(call, name, Args::new(&bytes, &spans)).map(|_| ())
}

/// DEBUG POPULATE count [prefix] [size]
pub(super) fn populate(call: &mut Call<'_, '_>) -> Ran {
    let args = call.args;
    let natural = |at: usize| {
        let number = integer(args.at(at))?;
        usize::try_from(number.min(MOST)).map_err(|_| errors::not_positive())
    };
    let count = natural(2)?;
    let prefix = args.get(3).unwrap_or(b"key");
    let size = if args.len() > 4 { natural(4)? } else { 0 };
    if args.len() > 5 {
        return Err(errors::syntax());
    }
    for number in 0..count {
        let key = [prefix, b":", number.to_string().as_bytes()].concat();
        let mut value = format!("value:{number}").into_bytes();
        if size > 0 {
            value.resize(size, 0);
        }
        run(call, &[b"set", &key, &value, b"NX"])?;
    }
    call.client().output.reply.ok();
    Ok(After::Done)
}
