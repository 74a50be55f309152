//! Members that lie in hash order: their keys, cursors over them, and fair random picks.
//!
//! **Theory.** A member's key is its 64-bit hash, big endian, then its bytes. A cursor is the hash to go on
//! from, so it needs no state and a member that stays is met exactly once (members of equal hash come together).
//!
//! **Random picks.** The successor of a random hash would favour members behind wide gaps. Instead a window of
//! the hash space that holds `WINDOW_MEAN` members on average is laid at random, a slot of `SLOTS` is drawn, and
//! the pick is the window's member in that slot; an empty slot draws again. Every member lies in equally many
//! windows and takes one slot of each, so all are equally likely; only when a window holds more than `SLOTS`
//! members (for uniform hashes less than once in 10^9) are its last ones missed. Small collections are picked
//! by rank instead.

use super::arguments;
use crate::args::Args;
use crate::command::{errors, Abort};
use crate::commands::glob;
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::{AppId, Direction, Header, Kind, MemberScan, Step, Turn};
use std::ops::Bound;

/// Up to this many members a pick is a walk to a random rank.
const BY_RANK: u64 = 128;
const WINDOW_MEAN: u64 = 16;
const SLOTS: u64 = 48;

/// The key of `member` in a hash-ordered collection, into `out`.
#[inline]
pub fn member_key(turn: &Turn<'_>, member: &[u8], out: &mut KeyBuf) {
    out.clear();
    out.push(&turn.hash64(member).to_be_bytes()).push(member);
}

/// The member in a key that [`member_key`] made.
#[inline]
pub fn member_of(key: &[u8]) -> &[u8] {
    key.get(8..).unwrap_or(&[])
}

fn hash_of(key: &[u8]) -> u64 {
    key.first_chunk()
        .map_or(0, |hash| u64::from_be_bytes(*hash))
}

/// Visits all members in hash order as (member, value).
pub fn each(
    turn: &Turn<'_>,
    app: AppId,
    cid: u64,
    mut visit: impl FnMut(&[u8], &[u8]),
) -> Step<()> {
    let mut scan = turn.members(
        app,
        cid,
        Bound::Unbounded,
        Bound::Unbounded,
        Direction::Forward,
    );
    while let Some((key, value)) = scan.next()? {
        visit(member_of(key), &value);
    }
    Ok(())
}

/// A walk over all members in hash order, for loops that stop in the middle.
pub struct Walk<'t> {
    scan: MemberScan<'t>,
}

impl<'t> Walk<'t> {
    /// Before the first member of `cid`.
    pub fn new(turn: &'t Turn<'_>, app: AppId, cid: u64) -> Self {
        Self {
            scan: turn.members(
                app,
                cid,
                Bound::Unbounded,
                Bound::Unbounded,
                Direction::Forward,
            ),
        }
    }

    /// The next member.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Step<Option<&[u8]>> {
        Ok(self.scan.next()?.map(|(key, _)| member_of(key)))
    }
}

/// The options of SSCAN, HSCAN and ZSCAN.
pub struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    count: u64,
}

impl<'a> ScanOptions<'a> {
    /// Reads `[MATCH pattern] [COUNT count]` from argument 3 on.
    pub fn parse(args: &Args<'a>) -> Result<Self, Abort> {
        let mut options = Self {
            pattern: None,
            count: 10,
        };
        let mut i = 3;
        while i < args.len() {
            let which = arguments::option(args, i, &["MATCH", "COUNT"])?;
            let value = arguments::option_value(args, i)?;
            if which == 0 {
                options.pattern = Some(value).filter(|pattern| !glob::is_everything(pattern));
            } else {
                options.count = u64::try_from(arguments::integer(value)?)
                    .ok()
                    .filter(|count| *count > 0)
                    .ok_or_else(errors::syntax)?;
            }
            i += 2;
        }
        Ok(options)
    }

    /// Whether a member is to be shown.
    pub fn takes(&self, member: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| glob::matches(pattern, member))
    }
}

/// Visits members from `cursor` on, about as many as asked for; the cursor to go on from, 0 at the end.
///
/// A collection in small form is visited whole in one call, as Redis does.
pub fn scan(
    turn: &Turn<'_>,
    app: AppId,
    header: &Header,
    cursor: u64,
    options: &ScanOptions<'_>,
    mut visit: impl FnMut(&[u8], &[u8]),
) -> Step<u64> {
    let is_packed = header.kind == Kind::Set && header.head == super::sets::PACKED;
    let (from, limit) = if header.head == 0 || is_packed {
        (0, u64::MAX)
    } else {
        (cursor, options.count)
    };
    let start = from.to_be_bytes();
    let mut scan = turn.members(
        app,
        header.cid,
        Bound::Included(&start),
        Bound::Unbounded,
        Direction::Forward,
    );
    let mut seen = 0;
    let mut last = 0;
    while let Some((key, value)) = scan.next()? {
        let hash = hash_of(key);
        if seen >= limit && hash != last {
            return Ok(hash);
        }
        seen += 1;
        last = hash;
        let member = member_of(key);
        if options.takes(member) {
            visit(member, &value);
        }
    }
    Ok(0)
}

/// A number below `bound`, which must not be 0; the bias of 2^-64 * bound is left in.
fn below(bound: u64, random: &mut dyn FnMut() -> u64) -> u64 {
    ((u128::from(random()) * u128::from(bound)) >> 64) as u64
}

/// Visits one random member of a collection that is not empty.
pub fn pick(
    turn: &Turn<'_>,
    app: AppId,
    header: &Header,
    random: &mut dyn FnMut() -> u64,
    visit: impl FnOnce(&[u8], &[u8]),
) -> Step<()> {
    if header.count <= BY_RANK {
        let rank = below(header.count.max(1), random);
        let mut scan = turn.members(
            app,
            header.cid,
            Bound::Unbounded,
            Bound::Unbounded,
            Direction::Forward,
        );
        for _ in 0..rank {
            scan.next()?;
        }
        let (key, value) = scan
            .next()?
            .ok_or_else(|| super::edge::malformed("fewer members than counted"))?;
        visit(member_of(key), &value);
        return Ok(());
    }
    let width = ((u128::from(WINDOW_MEAN) << 64) / u128::from(header.count)) as u64;
    loop {
        let slot = below(SLOTS, random);
        let start = random();
        let end = start.wrapping_add(width);
        let mut passed = 0;
        // A window over the end of the hash space goes on at its start.
        let parts = if end >= start {
            [(start, Some(end)), (0, Some(0))]
        } else {
            [(start, None), (0, Some(end))]
        };
        for (from, to) in parts {
            if to == Some(from) {
                continue;
            }
            let (from, to) = (from.to_be_bytes(), to.map(u64::to_be_bytes));
            let mut scan = turn.members(
                app,
                header.cid,
                Bound::Included(&from),
                to.as_ref()
                    .map_or(Bound::Unbounded, |to| Bound::Excluded(to)),
                Direction::Forward,
            );
            while let Some((key, value)) = scan.next()? {
                if passed == slot {
                    visit(member_of(key), &value);
                    return Ok(());
                }
                passed += 1;
            }
        }
    }
}

/// Members with their values, in one allocation each for bytes and places.
#[derive(Default)]
pub struct Picks {
    bytes: Vec<u8>,
    ends: Vec<(usize, usize)>,
}

impl Picks {
    /// Appends a member and its value.
    pub fn push(&mut self, member: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(member);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((middle, self.bytes.len()));
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Member and value number `i`.
    pub fn get(&self, i: usize) -> (&[u8], &[u8]) {
        let start = if i == 0 { 0 } else { self.ends[i - 1].1 };
        let (middle, end) = self.ends[i];
        (&self.bytes[start..middle], &self.bytes[middle..end])
    }

    /// All in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        (0..self.len()).map(|i| self.get(i))
    }
}

/// `count` different random members, or all if there are not more, in no particular order.
pub fn pick_distinct(
    turn: &Turn<'_>,
    app: AppId,
    header: &Header,
    count: u64,
    random: &mut dyn FnMut() -> u64,
) -> Step<Picks> {
    let mut picks = Picks::default();
    // With a third of all asked for, one walk is cheaper than picks of which many were there before.
    if header.count <= BY_RANK || count.saturating_mul(3) >= header.count {
        // Selection sampling: each member is taken with (still wanted) / (still to come). Knuth, TAOCP 3.4.2 S.
        let mut wanted = count.min(header.count);
        let mut left = header.count;
        each(turn, app, header.cid, |member, value| {
            if left > 0 && below(left, random) < wanted {
                picks.push(member, value);
                wanted -= 1;
            }
            left = left.saturating_sub(1);
        })?;
        return Ok(picks);
    }
    let mut seen: hashbrown::HashSet<Box<[u8]>> = hashbrown::HashSet::new();
    while (picks.len() as u64) < count {
        pick(turn, app, header, random, |member, value| {
            if seen.insert(member.into()) {
                picks.push(member, value);
            }
        })?;
    }
    Ok(picks)
}

/// The most members that one command may draw with repetition: bounds its reply and everybody else's wait.
const MOST_DRAWS: u64 = 1 << 24;

/// A number of draws with repetition, if one command may ask for so many.
pub fn bounded(count: u64) -> Result<u64, Abort> {
    if count > MOST_DRAWS {
        return Err(Abort::error("ERR value is out of range"));
    }
    Ok(count)
}

/// `count` random members of a collection that is not empty; the same one may come more than once.
pub fn pick_repeatedly(
    turn: &Turn<'_>,
    app: AppId,
    header: &Header,
    count: u64,
    random: &mut dyn FnMut() -> u64,
    mut visit: impl FnMut(&[u8], &[u8]),
) -> Step<()> {
    // A pick costs about as much as walking 64 members.
    if count.saturating_mul(64) < header.count {
        for _ in 0..count {
            pick(turn, app, header, random, &mut visit)?;
        }
        return Ok(());
    }
    let mut all = Picks::default();
    each(turn, app, header.cid, |member, value| {
        all.push(member, value)
    })?;
    if all.is_empty() {
        return Ok(());
    }
    for _ in 0..count {
        let (member, value) = all.get(below(all.len() as u64, random) as usize);
        visit(member, value);
    }
    Ok(())
}

/// The reply of SSCAN and its like: the cursor to go on from, then the elements found.
pub fn reply_page(reply: &mut crate::Reply, cursor: u64, elements: &[&[u8]]) {
    reply.array(2);
    reply.bulk(cursor.to_string().as_bytes());
    reply.array(elements.len());
    for element in elements {
        reply.bulk(element);
    }
}
