//! The walk of SCAN: options, cursor and page. (`hash_order` walks the members of collections alike.)
//!
//! **Theory.** Keys and members lie in the order of a keyed 64-bit hash, so "everything up to hash h was
//! returned" is a complete description of a walk, and h is the cursor: no state in the server, nothing to
//! rehash. What is there from the first call to the last is returned, exactly once.
//!
//! **Invariant.** Entries of equal hash are returned by one call, so that the cursor never points between
//! them; cursor 0 begins, and a walk that is over replies 0.

use crate::args::Args;
use crate::command::{errors, Abort};
use crate::commands::arguments::{integer, option_value};
use crate::commands::glob;
use crate::reply::Reply;

/// Entries a call looks at unless told otherwise.
const DEFAULT_COUNT: u64 = 10;

/// The options of a scanning command.
pub struct Options<'a> {
    pattern: Option<&'a [u8]>,
    /// How many entries to look at.
    pub count: u64,
    /// Only keys of the type so named; a name of no type matches nothing.
    pub kind: Option<&'a [u8]>,
}

impl Options<'_> {
    /// Whether the pattern lets `name` through.
    #[inline]
    pub fn admits(&self, name: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| glob::matches(pattern, name))
    }
}

/// Reads `[MATCH pattern] [COUNT count] [TYPE type]` from argument `at` on.
pub fn options<'a>(args: &Args<'a>, at: usize) -> Result<Options<'a>, Abort> {
    let mut options = Options {
        pattern: None,
        count: DEFAULT_COUNT,
        kind: None,
    };
    for at in (at..args.len()).step_by(2) {
        let value = option_value(args, at)?;
        if args.is(at, "COUNT") {
            options.count = u64::try_from(integer(value)?)
                .ok()
                .filter(|count| *count > 0)
                .ok_or_else(errors::syntax)?;
        } else if args.is(at, "MATCH") {
            options.pattern = (!glob::is_everything(value)).then_some(value);
        } else if args.is(at, "TYPE") {
            options.kind = Some(value);
        } else {
            return Err(errors::syntax());
        }
    }
    Ok(options)
}

/// One call's reply: where to go on, and `len` encoded items.
pub fn reply_page(reply: &mut Reply, next: u64, len: usize, items: &[u8]) {
    reply.array(2);
    reply.bulk(next.to_string().as_bytes());
    reply.array(len);
    reply.buffer.extend_from_slice(items);
}

/// The hash at the start of a place in an unordered space, and the name after it.
pub fn split_place(place: &[u8]) -> (u64, &[u8]) {
    match place.split_first_chunk::<8>() {
        Some((hash, name)) => (u64::from_be_bytes(*hash), name),
        None => (0, place),
    }
}

/// Counts what a call has looked at, and tells where it must stop.
pub struct Page {
    left: u64,
    last: Option<u64>,
}

impl Page {
    /// A call that looks at `count` entries.
    pub fn new(count: u64) -> Self {
        Self {
            left: count,
            last: None,
        }
    }

    /// Whether the entry of `hash` belongs to the next call.
    #[inline]
    pub fn is_full(&mut self, hash: u64) -> bool {
        if self.left == 0 && self.last != Some(hash) {
            return true;
        }
        self.left = self.left.saturating_sub(1);
        self.last = Some(hash);
        false
    }
}
