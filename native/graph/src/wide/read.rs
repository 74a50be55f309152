//! Rows of a partition and of the whole table, a page at a time.
//!
//! **Invariant.** Rows come as they lie: partitions by token and key, the static row of a partition first, then its rows by their
//! clustering columns. Rows whose last value has ended are passed over.

use super::cells::Cells;
use super::layout::{Partition, Slice, Unkeyable, WideLayout};
use crate::codec::token::order_token;
use crate::header::Header;
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

impl WideLayout {
    /// Up to `limit` rows behind the place `after`, as seen at `now` (seconds since 1970).
    ///
    /// # Errors
    /// What the store fails with; [`Unkeyable`] if the slice's values are none.
    #[allow(clippy::too_many_arguments)]
    pub fn read(
        &self,
        transaction: &Transaction,
        rows: &Header,
        reach: &Reach<'_>,
        direction: Direction,
        after: Option<&[u8]>,
        limit: usize,
        now: i64,
    ) -> Step<Result<WidePage, Unkeyable>> {
        let base = keys::member_prefix(self.app, rows.cid);
        let mut range = match reach {
            Reach::Static(partition) => {
                let key = keys::member(self.app, rows.cid, &partition.prefix);
                KeyRange::between(&key, &[&key[..], &[0]].concat())
            }
            Reach::Slice(partition, slice) => {
                let (low, high) = match self.interval(slice) {
                    Ok(found) => found,
                    Err(unkeyable) => return Ok(Err(unkeyable)),
                };
                if high.as_ref().is_some_and(|high| *high <= low) {
                    return Ok(Ok(WidePage::default()));
                }
                let key = keys::member(self.app, rows.cid, &partition.prefix);
                between(&key, &low, high.as_deref())
            }
            Reach::Tokens(low, high) => between_tokens(&base, *low, *high),
        };
        if let Some(after) = after {
            let after = Bound::Excluded([&base[..], after].concat());
            match direction {
                Direction::Forward => range.start = after,
                Direction::Reverse => range.end = after,
            }
        }
        let mut page = WidePage::default();
        let mut walk = transaction.scan(DATA, range, direction)?;
        while page.rows.len() < limit {
            let Some((key, packed)) = walk.next()? else {
                page.after = None;
                return Ok(Ok(page));
            };
            if Cells::lives(self, &packed, now).ok_or_else(|| malformed("row"))? {
                page.rows.push(packed.to_vec());
            }
            page.after = Some(key.get(base.len()..).unwrap_or_default().to_vec());
        }
        Ok(Ok(page))
    }
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
