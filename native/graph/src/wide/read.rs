//! Rows of partitions and of the whole table, a page at a time.
//!
//! **Invariant.** Rows come as they lie: partitions by token and key, the static row of a partition first, then its rows by their
//! clustering columns. Rows whose last value has ended are passed over.

use super::cells::Cells;
use super::layout::{Partition, Slice, Unkeyable, WideLayout};
use super::partition::WideOpened;
use crate::codec::row::Row;
use crate::codec::token::order_token;
use crate::keys;
use crate::sequencer::Transaction;
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::ops::Bound;

const DATA: Family = Family::DATA;

/// Which rows.
#[derive(Clone, Debug)]
pub enum Reach<'r> {
    /// The static row of a partition.
    Static(&'r Partition),
    /// Rows of a partition, without the static one.
    Slice(&'r Partition, &'r Slice),
    /// All rows of all partitions whose token is above the first and up to the second, static rows too.
    Tokens(Option<i64>, Option<i64>),
}

/// Rows, and where to go on if there may be more.
#[derive(Clone, Debug, Default)]
pub struct WidePage {
    /// Packed rows.
    pub rows: Vec<Vec<u8>>,
    /// The place of the last row, for `after`; `None` at the end.
    pub after: Option<Vec<u8>>,
}

/// Rows of one partition.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which.
    pub partition: Partition,
    /// Its slices, in the order in which they lie, none over another.
    pub slices: Vec<Slice>,
    /// Its static row too, before the others.
    pub fixed: bool,
}

/// Where to go on among what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// At which partition of them.
    pub place: usize,
    /// Rows of it that there were, without the static one.
    pub taken: usize,
    /// The place of the last row.
    pub after: Vec<u8>,
}

/// Packed rows, and where to go on if there may be more.
pub type Selected = (Vec<Vec<u8>>, Option<Cursor>);

/// How much is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Rows at most.
    pub limit: usize,
    /// Rows of each partition at most, without static ones.
    pub per_partition: Option<usize>,
    /// Now, in seconds since 1970.
    pub now: i64,
}

impl WideLayout {
    /// Up to `limit` rows behind the place `after`, as seen at `now` (seconds since 1970).
    ///
    /// # Errors
    /// What the store fails with; [`Unkeyable`] if the slice's values are none.
    pub fn read(
        &self,
        transaction: &Transaction,
        opened: &WideOpened,
        reach: &Reach<'_>,
        direction: Direction,
        after: Option<&[u8]>,
        amount: Amount,
    ) -> Step<Result<WidePage, Unkeyable>> {
        let base = keys::member_prefix(self.app, opened.rows.cid);
        let mut range = match reach {
            Reach::Static(partition) => self.static_range(opened, partition),
            Reach::Slice(partition, slice) => match self.slice_range(opened, partition, slice) {
                Ok(Some(range)) => range,
                Ok(None) => return Ok(Ok(WidePage::default())),
                Err(unkeyable) => return Ok(Err(unkeyable)),
            },
            Reach::Tokens(low, high) => between_tokens(&base, *low, *high),
        };
        if let Some(after) = after {
            let after = Bound::Excluded([&base[..], after].concat());
            match direction {
                Direction::Forward => range.start = after,
                Direction::Reverse => range.end = after,
            }
        }
        match (reach, direction, amount.per_partition) {
            (Reach::Tokens(..), Direction::Forward, Some(most)) => {
                self.read_some(transaction, &base, range, after, amount, most)
            }
            _ => {
                let mut page = WidePage::default();
                self.collect(transaction, base.len(), range, direction, amount, &mut page)?;
                Ok(page)
            }
        }
        .map(Ok)
    }

    /// Adds rows to a page that is not full; whether the range was read to its end.
    fn collect(
        &self,
        transaction: &Transaction,
        base: usize,
        range: KeyRange,
        direction: Direction,
        amount: Amount,
        page: &mut WidePage,
    ) -> Step<bool> {
        let mut walk = transaction.scan(DATA, range, direction)?;
        while page.rows.len() < amount.limit {
            let Some((key, packed)) = walk.next()? else {
                page.after = None;
                return Ok(true);
            };
            if self.lives(&packed, amount.now)? {
                page.rows.push(packed.to_vec());
                page.after = Some(key.get(base..).unwrap_or_default().to_vec());
            }
        }
        Ok(false)
    }

    fn lives(&self, packed: &[u8], now: i64) -> Step<bool> {
        Cells::lives(self, packed, now).ok_or_else(|| malformed("row"))
    }

    /// A scan that takes `most` rows of each partition, and its static row besides.
    fn read_some(
        &self,
        transaction: &Transaction,
        base: &[u8],
        mut range: KeyRange,
        after: Option<&[u8]>,
        amount: Amount,
        most: usize,
    ) -> Step<WidePage> {
        let end_of = |member: &[u8]| {
            let end = self.partition_end(member);
            end.ok_or_else(|| malformed("row"))
        };
        let mut page = WidePage::default();
        let mut current: Vec<u8> = Vec::new();
        let mut taken = 0;
        if let Some(after) = after {
            // How many rows of its partition there were up to it.
            let end = end_of(after)?;
            current = after.get(..end).unwrap_or_default().to_vec();
            let mut before = KeyRange::prefix(&[base, &current[..]].concat());
            before.end = Bound::Included([base, after].concat());
            let mut walk = transaction.scan(DATA, before, Direction::Forward)?;
            while let Some((key, packed)) = walk.next()? {
                let is_static = key.len() == base.len() + end && !self.clustering.is_empty();
                taken += usize::from(!is_static && self.lives(&packed, amount.now)?);
            }
        }
        'partitions: loop {
            if taken >= most && !current.is_empty() {
                range.start = behind(&[base, &current[..]].concat());
                current.clear();
                taken = 0;
            }
            let mut walk = transaction.scan(DATA, range.clone(), Direction::Forward)?;
            while let Some((key, packed)) = walk.next()? {
                let member = key.get(base.len()..).unwrap_or_default();
                if current.is_empty() || !member.starts_with(&current) {
                    current = member.get(..end_of(member)?).unwrap_or_default().to_vec();
                    taken = 0;
                }
                if !self.lives(&packed, amount.now)? {
                    continue;
                }
                if page.rows.len() >= amount.limit {
                    return Ok(page);
                }
                let is_static = member.len() == current.len() && !self.clustering.is_empty();
                if !is_static && taken >= most {
                    continue 'partitions;
                }
                taken += usize::from(!is_static);
                page.rows.push(packed.to_vec());
                page.after = Some(member.to_vec());
                if taken >= most {
                    continue 'partitions;
                }
            }
            page.after = None;
            return Ok(page);
        }
    }

    /// Up to `amount` rows of what is wanted, one partition after the other, behind `from`; and where to go on.
    ///
    /// # Errors
    /// As [`WideLayout::read`].
    pub fn select(
        &self,
        transaction: &Transaction,
        opened: &WideOpened,
        wanted: &[Wanted],
        direction: Direction,
        from: Option<&Cursor>,
        amount: Amount,
    ) -> Step<Result<Selected, Unkeyable>> {
        let base = keys::member_prefix(self.app, opened.rows.cid).len();
        let mut rows = Vec::new();
        let first = from.map_or(0, |cursor| cursor.place);
        for (place, want) in wanted.iter().enumerate().skip(first) {
            let from = from.filter(|cursor| cursor.place == place);
            let mut taken = from.map_or(0, |cursor| cursor.taken);
            let most = amount.per_partition.unwrap_or(usize::MAX);
            let is_static = want.fixed && !self.clustering.is_empty();
            let from = from.filter(|cursor| !cursor.after.is_empty());
            let mut last = from.map(|cursor| cursor.after.clone());
            let mut page = WidePage::default();
            let full = |rows: &[Vec<u8>]| rows.len() >= amount.limit;
            let stop = |taken: usize, after: Option<Vec<u8>>| {
                after.map(|after| Cursor {
                    place,
                    taken,
                    after,
                })
            };
            if is_static && from.is_none() {
                let range = self.static_range(opened, &want.partition);
                let one = Amount { limit: 1, ..amount };
                self.collect(transaction, base, range, Direction::Forward, one, &mut page)?;
                if let Some(row) = page.rows.pop() {
                    rows.push(row);
                    last = Some(want.partition.prefix.clone());
                }
            }
            let in_order = |at: usize| match direction {
                Direction::Forward => at,
                Direction::Reverse => want.slices.len() - 1 - at,
            };
            for slice in (0..want.slices.len()).filter_map(|at| want.slices.get(in_order(at))) {
                if taken >= most {
                    break;
                }
                if full(&rows) {
                    let after = last.unwrap_or_else(|| want.partition.prefix.clone());
                    return Ok(Ok((rows, stop(taken, Some(after)))));
                }
                let range = match self.slice_range(opened, &want.partition, slice) {
                    Ok(Some(range)) => range,
                    Ok(None) => continue,
                    Err(unkeyable) => return Ok(Err(unkeyable)),
                };
                // The static row lies before all others, whatever the direction.
                let seen = from.filter(|cursor| cursor.after != want.partition.prefix);
                let seen = seen.map(|cursor| self.beyond(opened, &cursor.after));
                let Some(range) = cut(range, seen, direction) else {
                    continue;
                };
                let mut page = WidePage::default();
                let limit = (amount.limit - rows.len()).min(most - taken);
                let some = Amount { limit, ..amount };
                let ended = self.collect(transaction, base, range, direction, some, &mut page)?;
                taken += page.rows.len();
                rows.append(&mut page.rows);
                last = page.after.or(last);
                if !ended && full(&rows) {
                    return Ok(Ok((rows, stop(taken, last))));
                }
            }
            if full(&rows) && place + 1 < wanted.len() {
                let cursor = Cursor {
                    place: place + 1,
                    taken: 0,
                    after: Vec::new(),
                };
                return Ok(Ok((rows, Some(cursor))));
            }
        }
        Ok(Ok((rows, None)))
    }

    /// Shows the rows of a slice that live at `now` (seconds since 1970) to `see`, taken apart, until it says that it has enough. A row
    /// by its whole key is looked up, not searched for.
    ///
    /// # Errors
    /// As [`WideLayout::read`].
    #[allow(clippy::too_many_arguments)]
    pub fn each(
        &self,
        transaction: &Transaction,
        opened: &WideOpened,
        partition: &Partition,
        slice: &Slice,
        direction: Direction,
        now: i64,
        see: &mut dyn FnMut(&Row<'_>) -> Step<bool>,
    ) -> Step<Result<(), Unkeyable>> {
        let key = match self.whole_key(opened, partition, slice) {
            Ok(key) => key,
            Err(unkeyable) => return Ok(Err(unkeyable)),
        };
        if let Some(key) = key {
            if let Some(packed) = transaction.get(DATA, &key)? {
                let row = Row::decode(&packed).ok_or_else(|| malformed("row"))?;
                if self.row_lives(&row, &packed, now)? {
                    see(&row)?;
                }
            }
            return Ok(Ok(()));
        }
        let range = match self.slice_range(opened, partition, slice) {
            Ok(Some(range)) => range,
            Ok(None) => return Ok(Ok(())),
            Err(unkeyable) => return Ok(Err(unkeyable)),
        };
        let mut walk = transaction.scan(DATA, range, direction)?;
        let mut room = Vec::new();
        while let Some((_, packed)) = walk.next()? {
            let row = Row::decode_in(&packed, room).ok_or_else(|| malformed("row"))?;
            if self.row_lives(&row, &packed, now)? && !see(&row)? {
                break;
            }
            room = row.emptied();
        }
        Ok(Ok(()))
    }

    fn row_lives(&self, row: &Row<'_>, packed: &[u8], now: i64) -> Step<bool> {
        Cells::row_lives(self, row, packed, now).ok_or_else(|| malformed("row"))
    }

    /// The key of the only row that a slice can have.
    fn whole_key(
        &self,
        opened: &WideOpened,
        partition: &Partition,
        slice: &Slice,
    ) -> Result<Option<Vec<u8>>, Unkeyable> {
        let mut key = keys::member(self.app, opened.rows.cid, &partition.prefix).to_vec();
        if self.clustering.is_empty() {
            return Ok(Some(key));
        }
        match (&slice.low, &slice.high) {
            (Some((low, true)), Some((high, true)))
                if low == high && low.len() == self.clustering.len() =>
            {
                let (form, _) = self.cluster(low)?;
                key.extend_from_slice(&form);
                Ok(Some(key))
            }
            _ => Ok(None),
        }
    }

    fn beyond(&self, opened: &WideOpened, member: &[u8]) -> Vec<u8> {
        keys::member(self.app, opened.rows.cid, member).to_vec()
    }

    fn static_range(&self, opened: &WideOpened, partition: &Partition) -> KeyRange {
        let key = keys::member(self.app, opened.rows.cid, &partition.prefix);
        KeyRange::between(&key, &[&key[..], &[0]].concat())
    }

    /// The keys of a slice's rows; `None` if there can be none. Without clustering columns the partition has one row, in the place
    /// of a static one.
    fn slice_range(
        &self,
        opened: &WideOpened,
        partition: &Partition,
        slice: &Slice,
    ) -> Result<Option<KeyRange>, Unkeyable> {
        if self.clustering.is_empty() {
            return Ok(Some(self.static_range(opened, partition)));
        }
        let (low, high) = self.interval(slice)?;
        if high.as_ref().is_some_and(|high| *high <= low) {
            return Ok(None);
        }
        let key = keys::member(self.app, opened.rows.cid, &partition.prefix);
        Ok(Some(between(&key, &low, high.as_deref())))
    }
}

/// What of a range lies behind a key in a direction; `None` if nothing does.
fn cut(mut range: KeyRange, seen: Option<Vec<u8>>, direction: Direction) -> Option<KeyRange> {
    let Some(seen) = seen else {
        return Some(range);
    };
    let (Bound::Included(start), Bound::Excluded(end)) = (&range.start, &range.end) else {
        return Some(range);
    };
    match direction {
        Direction::Forward if seen >= *end => return None,
        Direction::Forward if seen >= *start => range.start = Bound::Excluded(seen),
        Direction::Reverse if seen <= *start => return None,
        Direction::Reverse if seen < *end => range.end = Bound::Excluded(seen),
        _ => {}
    }
    Some(range)
}

/// Member keys between two forms behind `base`.
pub(super) fn between(base: &[u8], low: &[u8], high: Option<&[u8]>) -> KeyRange {
    let mut range = KeyRange::prefix(base);
    range.start = Bound::Included([base, low].concat());
    if let Some(high) = high {
        range.end = Bound::Excluded([base, high].concat());
    }
    range
}

/// From behind all keys that begin so.
fn behind(prefix: &[u8]) -> Bound<Vec<u8>> {
    match KeyRange::prefix(prefix).end {
        Bound::Excluded(end) | Bound::Included(end) => Bound::Included(end),
        Bound::Unbounded => Bound::Excluded(vec![0xff; prefix.len() + 1]),
    }
}

fn between_tokens(base: &[u8], low: Option<i64>, high: Option<i64>) -> KeyRange {
    let mut range = KeyRange::prefix(base);
    let behind = |token: i64| match KeyRange::prefix(&[base, &order_token(token)].concat()).end {
        Bound::Excluded(end) | Bound::Included(end) => end,
        Bound::Unbounded => vec![0xff; base.len() + 9],
    };
    if let Some(low) = low {
        range.start = Bound::Included(behind(low));
    }
    if let Some(high) = high {
        range.end = Bound::Excluded(behind(high));
    }
    range
}
