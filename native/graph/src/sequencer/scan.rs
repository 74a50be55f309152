//! Walking a range as a transaction sees it: its snapshot, newer rows it has locked, its own writes on top.

use super::buffer::{forward_only, Entries, Families, Pending};
use super::transaction::{Fresh, Transaction};
use crate::step::Step;
use hyperdb_lsm::{Direction, Family, Iter, KeyRange, Value};
use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

/// One layer above the snapshot, with its next entry at hand.
struct Layer<'t, V> {
    entries: Entries<'t, V>,
    direction: Direction,
    head: Option<(&'t Arc<[u8]>, &'t V)>,
}

impl<'t, V> Layer<'t, V> {
    fn new(
        families: &'t Families<V>,
        family: Family,
        range: &KeyRange,
        direction: Direction,
    ) -> Self {
        let mut layer = Self {
            entries: families.range(family, range),
            direction,
            head: None,
        };
        layer.advance();
        layer
    }

    fn advance(&mut self) {
        self.head = match self.direction {
            Direction::Forward => self.entries.next(),
            Direction::Reverse => self.entries.next_back(),
        };
    }

    /// The value at `key`, which is then behind.
    fn take(&mut self, key: &[u8]) -> Option<&'t V> {
        let (_, value) = self.head.filter(|(at, _)| &at[..] == key)?;
        self.advance();
        Some(value)
    }
}

/// A lazy walk over live entries; made by [`Transaction::scan`].
///
/// Where nothing lies above the snapshot its entries are handed on as they lie, uncopied: most walks are such.
/// At SERIALIZABLE, what it walked over is part of the transaction's read set from when it is dropped.
pub struct TransactionScan<'t> {
    transaction: &'t Transaction,
    family: Family,
    range: KeyRange,
    direction: Direction,
    base: Iter,
    above: Option<Above<'t>>,
    /// The last key, as far as anybody asks for it.
    key: Vec<u8>,
    value: Vec<u8>,
    moved: bool,
    ended: bool,
}

/// What lies above the snapshot, and the snapshot's next entry.
struct Above<'t> {
    base_head: Option<(Vec<u8>, Vec<u8>)>,
    fresh: Layer<'t, Fresh>,
    pending: Layer<'t, Pending>,
    former: Option<Layer<'t, Option<Pending>>>,
}

impl<'t> TransactionScan<'t> {
    pub(super) fn new(
        transaction: &'t Transaction,
        family: Family,
        range: KeyRange,
        direction: Direction,
    ) -> Step<Self> {
        let range = forward_only(range);
        let (base, fresh, pending) = transaction.layers();
        let former = transaction.former();
        let mut above = Above {
            base_head: None,
            fresh: Layer::new(fresh, family, &range, direction),
            pending: Layer::new(pending, family, &range, direction),
            former: former.map(|former| Layer::new(former, family, &range, direction)),
        };
        let mut base = base.iter(family, range.clone(), direction);
        let above = match above.is_empty() {
            true => None,
            false => {
                above.base_head = base.next().transpose()?;
                Some(above)
            }
        };
        Ok(Self {
            transaction,
            family,
            direction,
            base,
            above,
            range,
            key: Vec::new(),
            value: Vec::new(),
            moved: false,
            ended: false,
        })
    }

    /// The next live key and value, or `None` at the end of the range.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Step<Option<(&[u8], Value<'_>)>> {
        self.moved = true;
        let Self {
            base, key, value, ..
        } = self;
        let Some(above) = &mut self.above else {
            return match base.step()? {
                Some((found, value, _)) => {
                    if self.transaction.tracks_reads() {
                        key.clear();
                        key.extend_from_slice(found);
                    }
                    Ok(Some((found, value)))
                }
                None => {
                    self.ended = true;
                    Ok(None)
                }
            };
        };
        while above.nearest(self.direction, key) {
            if let Some(found) = above.take(base, key)? {
                *value = found;
                return Ok(Some((key, Value::Borrowed(value))));
            }
        }
        self.ended = true;
        Ok(None)
    }
}

impl Above<'_> {
    fn is_empty(&self) -> bool {
        let layers = [self.fresh.head.is_none(), self.pending.head.is_none()];
        let former = self.former.as_ref();
        layers.iter().all(|none| *none) && former.is_none_or(|layer| layer.head.is_none())
    }

    /// Puts the next key of any layer into `key`; false at the end.
    fn nearest(&self, direction: Direction, key: &mut Vec<u8>) -> bool {
        let keys = [
            self.base_head.as_ref().map(|(key, _)| &key[..]),
            self.fresh.head.map(|(key, _)| &key[..]),
            self.pending.head.map(|(key, _)| &key[..]),
            self.former
                .as_ref()
                .and_then(|layer| layer.head)
                .map(|(key, _)| &key[..]),
        ];
        let sooner = match direction {
            Direction::Forward => Ordering::Less,
            Direction::Reverse => Ordering::Greater,
        };
        let nearest = keys
            .into_iter()
            .flatten()
            .reduce(|a, b| if b.cmp(a) == sooner { b } else { a });
        let Some(nearest) = nearest else {
            return false;
        };
        // The old buffer is reused: a walk allocates for what the snapshot hands over, not for keys again.
        key.clear();
        key.extend_from_slice(nearest);
        true
    }

    /// The value at `key`, which is then behind; `None` if there is none any more.
    fn take(&mut self, base: &mut Iter, key: &[u8]) -> Step<Option<Vec<u8>>> {
        let base = self.take_base(base, key)?;
        let fresh = self.fresh.take(key);
        let newest = self.pending.take(key);
        let former = self.former.as_mut().and_then(|layer| layer.take(key));
        let pending = former.map_or(newest, Option::as_ref);
        let below = match fresh {
            Some(fresh) => fresh.as_ref().map(|value| value.to_vec()),
            None => base,
        };
        Ok(match pending {
            None => below,
            Some(Pending::Put(value) | Pending::Insert(value)) => Some(value.to_vec()),
            Some(Pending::Remove(_)) => None,
            Some(Pending::Add(delta)) => Some(delta.apply(below.as_deref())?),
        })
    }

    fn take_base(&mut self, base: &mut Iter, key: &[u8]) -> Step<Option<Vec<u8>>> {
        if self.base_head.as_ref().is_none_or(|(at, _)| at != key) {
            return Ok(None);
        }
        let next = base.next().transpose()?;
        Ok(std::mem::replace(&mut self.base_head, next).map(|(_, value)| value))
    }
}

impl Drop for TransactionScan<'_> {
    fn drop(&mut self) {
        if !self.moved {
            return;
        }
        let mut range = self.range.clone();
        if !self.ended {
            let reached = Bound::Included(std::mem::take(&mut self.key));
            match self.direction {
                Direction::Forward => range.end = reached,
                Direction::Reverse => range.start = reached,
            }
        }
        self.transaction.note_range(self.family, range);
    }
}
