//! LMPOP, ZMPOP and their blocking forms: popping from the first of several keys that has something.
//!
//! What differs between kinds is where they pop (the names of two places) and how; reading the arguments, the order in which
//! keys are tried, and waiting are the same.

use std::ops::Range;

use super::{arguments, blocking};
use crate::command::{Abort, Context, OnTimeout, Outcome};

/// How one kind of collection is popped; `Place` is an end of it.
pub struct MultiPop<Place: Copy + 'static> {
    /// The places by their names, in upper case.
    pub places: [(&'static str, Place); 2],
    /// Pops up to a count from the collection at a key and replies; false and no reply if there is none.
    pub pop: fn(&mut Context<'_, '_>, &[u8], Place, u64) -> Result<bool, Abort>,
}

/// What a command asks for: which arguments are keys, where to pop, and how many.
struct Request<Place> {
    keys: Range<usize>,
    place: Place,
    count: u64,
}

impl<Place: Copy> MultiPop<Place> {
    /// `numkeys key [key ...] PLACE [COUNT count]`: a null array if there is nothing.
    pub fn at_once(&self, cx: &mut Context<'_, '_>) -> Outcome {
        let request = self.parse(cx, 1)?;
        if !self.try_keys(cx, &request)? {
            cx.reply.null_array();
        }
        Ok(())
    }

    /// `timeout numkeys key [key ...] PLACE [COUNT count]`: waits if there is nothing.
    pub fn or_wait(&self, cx: &mut Context<'_, '_>) -> Outcome {
        let request = self.parse(cx, 2)?;
        let args = cx.args;
        let timeout = blocking::timeout(args.at(1))?;
        if self.try_keys(cx, &request)? {
            return Ok(());
        }
        let keys = args.iter().take(request.keys.end).skip(request.keys.start);
        blocking::wait(cx, keys, timeout, OnTimeout::NullArray)
    }

    /// Reads from the argument `numkeys` at `i` on.
    fn parse(&self, cx: &Context<'_, '_>, i: usize) -> Result<Request<Place>, Abort> {
        let args = cx.args;
        let names = self.places.map(|(name, _)| name);
        let (keys, chosen) = arguments::keys_and_where(&args, i, &names)?;
        let count = arguments::pop_count(&args, keys.end + 1)?;
        let [first, second] = self.places;
        let (_, place) = if chosen == 0 { first } else { second };
        Ok(Request { keys, place, count })
    }

    fn try_keys(&self, cx: &mut Context<'_, '_>, request: &Request<Place>) -> Result<bool, Abort> {
        let args = cx.args;
        let keys = args.iter().take(request.keys.end).skip(request.keys.start);
        for key in blocking::candidates(cx, keys) {
            if (self.pop)(cx, key, request.place, request.count)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
