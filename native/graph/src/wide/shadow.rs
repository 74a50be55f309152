//! What was removed from a partition, beside its rows.
//!
//! **Theory.** The partition's record says in one get whether there is anything to weigh a write against; ranges lie by their first form, so
//! those that may hold a row begin at it or before. Layout: `layout`. **Invariant.** The record is there iff any other entry of
//! the partition is, or all of it was removed.

use super::layout::{Partition, WideLayout};
use super::partition::WideOpened;
use super::stamp::Deletion;
use crate::codec::order::{decode_bytes, encode_bytes};
use crate::codec::row::Row;
use crate::codec::Reader;
use crate::hyperedge::{View, Walk};
use crate::keys;
use crate::sequencer::Transaction;
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::ops::Bound;

const DATA: Family = Family::DATA;
/// The partition's record.
pub(super) const RECORD: u8 = 0;
const RANGE: u8 = 1;
/// What is left of a row.
pub(super) const REST: u8 = 2;

/// What was removed around a row.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    /// Whether the partition has a record.
    pub(super) is_kept: bool,
    /// Of the partition and of ranges.
    pub(super) around: Option<Deletion>,
    /// Of the row.
    pub(super) own: Option<Deletion>,
    /// What its cells left behind.
    pub(super) rest: Option<Vec<u8>>,
}

impl WideLayout {
    pub(super) fn beside(
        &self,
        opened: &WideOpened,
        partition: &Partition,
        tag: u8,
        rest: &[u8],
    ) -> Vec<u8> {
        let key = keys::member(self.app, opened.rows.cid + 1, &partition.prefix);
        [&key[..], &[tag], rest].concat()
    }

    /// The partition's record: `None` if there is none, else its deletion.
    #[allow(clippy::option_option)]
    pub(super) fn record<V: View>(&self, view: &V, key: &[u8]) -> Step<Option<Option<Deletion>>> {
        let Some(value) = view.get(DATA, key)? else {
            return Ok(None);
        };
        let mut reader = Reader(&value);
        let read = |reader: &mut Reader<'_>| match reader.byte()? {
            0 => reader.end(None),
            1 => {
                let deletion = Deletion {
                    timestamp: i64::from_le_bytes(reader.array()?),
                    local: i64::from_le_bytes(reader.array()?),
                };
                reader.end(Some(deletion))
            }
            _ => None,
        };
        let deletion = read(&mut reader).ok_or_else(|| malformed("partition"))?;
        Ok(Some(deletion))
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn remember(
        &self,
        transaction: &mut Transaction,
        record: &[u8],
        partition: &Partition,
        opened: &WideOpened,
        is_all: bool,
        interval: (&[u8], Option<&[u8]>),
        deletion: Deletion,
        known: Option<Option<Deletion>>,
    ) -> Step<()> {
        if is_all {
            let mut value = vec![1];
            value.extend_from_slice(&deletion.timestamp.to_le_bytes());
            value.extend_from_slice(&deletion.local.to_le_bytes());
            return transaction.put(DATA, record, &value);
        }
        if known.is_none() {
            transaction.put(DATA, record, &[0])?;
        }
        let mut rest = Vec::new();
        encode_bytes(interval.0, &mut rest);
        rest.extend_from_slice(&keys::order_i64(deletion.timestamp));
        let key = self.beside(opened, partition, RANGE, &rest);
        let mut value = deletion.local.to_le_bytes().to_vec();
        let high = interval.1.map(<[u8]>::to_vec);
        // Of two ranges with one beginning and one time the longer holds the other.
        let longer = match transaction.get(DATA, &key)? {
            None => high,
            Some(old) => match old.get(8..) {
                None | Some([]) => None,
                Some(end) => high.map(|high| high.max(end.to_vec())),
            },
        };
        value.extend_from_slice(longer.as_deref().unwrap_or_default());
        transaction.put(DATA, &key, &value)
    }

    /// What was removed around the row with this clustering form; `record` is the key of the partition's record.
    pub(super) fn shadow<V: View>(
        &self,
        view: &V,
        opened: &WideOpened,
        partition: &Partition,
        record: &[u8],
        form: &[u8],
    ) -> Step<Shadow> {
        let Some(all) = self.record(view, record)? else {
            return Ok(Shadow::default());
        };
        let mut shadow = Shadow {
            is_kept: true,
            around: all,
            ..Shadow::default()
        };
        let prefix = self.beside(opened, partition, RANGE, &[]);
        // Ranges that begin at the form or before it.
        let mut last = prefix.clone();
        encode_bytes(form, &mut last);
        let mut range = KeyRange::prefix(&prefix);
        range.end = match KeyRange::prefix(&last).end {
            Bound::Unbounded => range.end,
            end => end,
        };
        let mut walk = view.walk(DATA, range, Direction::Forward)?;
        while let Some((key, value)) = walk.next()? {
            let (deletion, high) =
                range_deletion(key.get(prefix.len()..).unwrap_or_default(), &value)
                    .ok_or_else(|| malformed("deletion"))?;
            if high.is_none_or(|high| form < high) {
                shadow.around = shadow.around.max(Some(deletion));
            }
        }
        drop(walk);
        let rest = self.beside(opened, partition, REST, form);
        if let Some(packed) = view.get(DATA, &rest)? {
            let row = Row::decode(&packed).ok_or_else(|| malformed("row"))?;
            shadow.own = row.stamp.and_then(Deletion::of);
            shadow.rest = Some(packed.to_vec());
        }
        Ok(shadow)
    }
}

/// A deletion, and where its range ends: `None` at the end of the partition.
fn range_deletion<'v>(key: &[u8], value: &'v [u8]) -> Option<(Deletion, Option<&'v [u8]>)> {
    let (_, used) = decode_bytes(key)?;
    let timestamp = u64::from_be_bytes(key.get(used..)?.try_into().ok()?) ^ (1 << 63);
    let (local, high) = value.split_first_chunk()?;
    let deletion = Deletion {
        timestamp: timestamp.cast_signed(),
        local: i64::from_le_bytes(*local),
    };
    Some((deletion, Some(high).filter(|high| !high.is_empty())))
}
