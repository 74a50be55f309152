//! Places on the earth: a sorted set whose scores are places.
//!
//! **Theory.** A place is 52 bits: longitude and latitude halved 26 times each, their bits interleaved, so that places that share
//! their first bits share a box, and a box is a range of scores. A search looks through the box around its centre and the
//! neighbours that it reaches into (at most nine ranges), and measures every member found there.
//!
//! **Invariant.** Arithmetic is done in the order in which Redis does it: clients compare distances to the last digit.

mod cells;
mod places;
mod search;

use super::sorted_sets;
use crate::command::Handler;

/// Handlers of this folder by command name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("geoadd", places::geoadd),
    ("geodist", places::geodist),
    ("geohash", places::geohash),
    ("geopos", places::geopos),
    ("georadius", search::georadius),
    ("georadius_ro", search::georadius_ro),
    ("georadiusbymember", search::georadiusbymember),
    ("georadiusbymember_ro", search::georadiusbymember_ro),
    ("geosearch", search::geosearch),
    ("geosearchstore", search::geosearchstore),
];

#[cfg(test)]
mod tests;
