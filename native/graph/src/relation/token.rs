//! Rows of tables made in CQL, as SQL reads and writes them.
//!
//! **Theory.** Such a table's rows lie by token, hold the times of their cells, and share the static columns of their partition. SQL sees
//! each row with these beside it and without times; what it writes is stamped with the transaction's time, or a microsecond
//! after the newest cell of the row if that is later, so that of two statements the later one counts. **Invariant.** What SQL writes is
//! weighed, indexed and followed by views as CQL's writes are: by the same code.

use super::cql_values::{sql_kind, to_cql, to_sql};
use super::read::{Page, Way};
use super::write::{Changed, Violation};
use super::{Layout, Part, Slots};
use crate::codec::order::{Nulls, Order};
use crate::codec::row::Row;
use crate::codec::wire::{is_emptiable, to_wire};
use crate::keys;
use crate::sequencer::Transaction;
use crate::step::{Step, Stop};
use crate::turn::malformed;
use crate::wide::cells::{Cells, Change, Column, Write};
use crate::wide::layout::{KeyPart, Partition, Slice, Unkeyable, WideLayout};
use crate::wide::partition::{Moment, Unwritten, WideOpened};
use crate::wide::read::{Amount, Reach};
use crate::wide::stamp::Deletion;
use hyperdb_lsm::{Error, Family, KeyRange};

const DATA: Family = Family::DATA;

/// What is in a row's key, on the wire.
struct Key {
    partition: Partition,
    clustering: Vec<Vec<u8>>,
}

fn invalid(text: &str) -> Stop {
    Stop::Failed(Error::Invalid(text.into()))
}

fn unkeyable(unkeyable: Unkeyable) -> Stop {
    match unkeyable {
        Unkeyable::Value(_) | Unkeyable::Count => {
            invalid("a null or no value of its type in a key")
        }
        Unkeyable::TooLong => invalid("a partition key of more than 65,535 bytes"),
    }
}

fn unwritable() -> Stop {
    invalid("a value that CQL's type does not have, or of a type that only CQL writes")
}

fn unwritten(error: Unwritten) -> Stop {
    match error {
        Unwritten::Key(error) => unkeyable(error),
        Unwritten::Write(_) => invalid("a value that its column does not take in SQL"),
    }
}

/// Seconds since 1970 in a transaction.
fn seconds(transaction: &Transaction) -> i64 {
    transaction.options().now_ms.div_euclid(1000)
}

impl Layout {
    /// The columns of the key of a table by token: of the partition, then of the rows in it.
    pub(super) fn token_parts(&self, wide: &WideLayout) -> Option<Vec<Part>> {
        let part = |part: &KeyPart, descending: bool| {
            let slot = self
                .columns
                .iter()
                .position(|column| column.id == part.id)?;
            Some(Part {
                slot,
                kind: sql_kind(&part.kind),
                order: Order {
                    descending,
                    nulls: Nulls::Never,
                },
            })
        };
        let partition = wide.partition.iter().map(|own| part(own, false));
        let clustering = wide.clustering.iter().map(|own| part(own, own.descends()));
        partition.chain(clustering).collect()
    }

    /// A value of a key on CQL's wire.
    fn wire(&self, wide: &WideLayout, part: &Part, value: Option<&[u8]>) -> Step<Vec<u8>> {
        let value = value.ok_or_else(|| invalid("a null in a key that takes none"))?;
        let kind = self
            .columns
            .get(part.slot)
            .and_then(|column| wide.column_kind(column.id))
            .ok_or_else(|| malformed("key"))?;
        let value = to_cql(kind, wide.user_types(), value).ok_or_else(unwritable)?;
        let mut wire = Vec::new();
        to_wire(kind, wide.user_types(), &value, &mut wire)
            .ok_or_else(|| invalid("a value that is none of its type"))?;
        Ok(wire)
    }

    /// What becomes of a column by a value of SQL's.
    fn change(&self, wide: &WideLayout, id: u32, value: Option<&[u8]>) -> Step<(u32, Change)> {
        let Some(value) = value else {
            return Ok((id, Change::Set(None)));
        };
        let kind = wide.column_kind(id).ok_or_else(|| malformed("column"))?;
        let value = to_cql(kind, wide.user_types(), value).ok_or_else(unwritable)?;
        Ok((id, Change::Set(Some(value))))
    }

    fn token_key(&self, wide: &WideLayout, slots: &[Option<Vec<u8>>]) -> Step<Key> {
        let mut wires = Vec::with_capacity(self.key.len());
        for part in &self.key {
            let value = slots.get(part.slot).and_then(Option::as_deref);
            wires.push(self.wire(wide, part, value)?);
        }
        let clustering = wires.split_off(wide.partition.len().min(wires.len()));
        let values: Vec<&[u8]> = wires.iter().map(Vec::as_slice).collect();
        Ok(Key {
            partition: wide.find_partition(&values).map_err(unkeyable)?,
            clustering,
        })
    }

    /// The member key of a row.
    pub(super) fn token_row_key(
        &self,
        wide: &WideLayout,
        slots: &[Option<Vec<u8>>],
    ) -> Step<Vec<u8>> {
        let key = self.token_key(wide, slots)?;
        wide.member_key(&key.partition, &key.clustering)
            .map_err(unkeyable)
    }

    /// Rows as SQL sees them: one partition if the limits name it, otherwise all. More than was asked for may come.
    pub(super) fn token_page(
        &self,
        wide: &WideLayout,
        transaction: &mut Transaction,
        way: &Way,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Step<Page> {
        let opened = wide.open(transaction)?;
        let named = self.named_slice(wide, way)?;
        let reach = match &named {
            Some((partition, slice)) => Reach::Slice(partition, slice),
            None => Reach::Tokens(None, None),
        };
        if way.settled {
            let prefix = named
                .as_ref()
                .map_or(&[][..], |(partition, _)| &partition.prefix);
            let all = keys::member(self.app, opened.rows.cid, prefix);
            transaction.settle_range(DATA, &KeyRange::prefix(&all))?;
        }
        let amount = Amount {
            limit,
            per_partition: None,
            now: seconds(transaction),
        };
        let direction = way.direction;
        let found = wide.read(transaction, &opened, &reach, direction, after, amount)?;
        let found = found.map_err(unkeyable)?;
        let mut page = Page {
            rows: Vec::with_capacity(found.rows.len()),
            after: found.after,
        };
        let mut fixed: Option<(Vec<u8>, Option<Vec<u8>>)> = None;
        for packed in &found.rows {
            let row = Row::decode(packed).ok_or_else(|| malformed("row"))?;
            if !wide.has_row_key(&row) {
                continue;
            }
            let statics = match wide.has_statics() {
                true => self.statics(wide, transaction, &opened, &row, &mut fixed)?,
                false => None,
            };
            let plain = self.plain(wide, &row, statics.as_deref(), amount.now)?;
            page.rows.push(plain);
        }
        Ok(page)
    }

    /// The partition that both limits name, if they do, and what of it lies between them.
    fn named_slice(&self, wide: &WideLayout, way: &Way) -> Step<Option<(Partition, Slice)>> {
        let (Some((low, from)), Some((high, to))) = (&way.limits.low, &way.limits.high) else {
            return Ok(None);
        };
        let count = wide.partition.len();
        if low.len() < count || high.len() < count || low[..count] != high[..count] {
            return Ok(None);
        }
        let wires = |values: &Slots| {
            let pairs = self.key.iter().zip(values);
            let wires = pairs.map(|(part, value)| self.wire(wide, part, value.as_deref()));
            wires.collect::<Step<Vec<_>>>().ok()
        };
        // What is no value of CQL's limits no key; rows are compared with it afterwards.
        let (Some(mut low), Some(mut high)) = (wires(low), wires(high)) else {
            return Ok(None);
        };
        let slice = Slice {
            low: Some((low.split_off(count), *from)),
            high: Some((high.split_off(count), *to)),
        };
        let partition: Vec<&[u8]> = low.iter().map(Vec::as_slice).collect();
        let partition = wide.find_partition(&partition).map_err(unkeyable)?;
        // An end of the partition alone is one of all its rows.
        let rows = |end: &Option<(Vec<Vec<u8>>, bool)>| {
            end.clone()
                .filter(|(values, included)| !values.is_empty() || !included)
        };
        let slice = Slice {
            low: rows(&slice.low),
            high: rows(&slice.high),
        };
        Ok(Some((partition, slice)))
    }

    /// The static row of a row's partition; `known` is that of the last partition.
    fn statics(
        &self,
        wide: &WideLayout,
        transaction: &Transaction,
        opened: &WideOpened,
        row: &Row<'_>,
        known: &mut Option<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> Step<Option<Vec<u8>>> {
        let partition = wide.partition_of(row).ok_or_else(|| malformed("row"))?;
        if let Some((prefix, found)) = known {
            if *prefix == partition.prefix {
                return Ok(found.clone());
            }
        }
        let key = keys::member(self.app, opened.rows.cid, &partition.prefix);
        let found = transaction.get(DATA, &key)?;
        let found = found.map(|value| value.to_vec());
        *known = Some((partition.prefix, found.clone()));
        Ok(found)
    }

    /// A row without times: what lives, static columns among the others.
    fn plain(
        &self,
        wide: &WideLayout,
        row: &Row<'_>,
        statics: Option<&[u8]>,
        now: i64,
    ) -> Step<Vec<u8>> {
        let none = || malformed("row");
        let statics = match statics {
            None => Row::default(),
            Some(packed) => Row::decode(packed).ok_or_else(none)?,
        };
        let mut slots: Slots = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let from = match wide.is_static(column.id) {
                true => &statics,
                false => row,
            };
            let value = wide.live_value(from, column.id, now).ok_or_else(none)?;
            let kind = wide.column_kind(column.id).ok_or_else(none)?;
            // The empty value of a type that has no other use for it is none in SQL.
            let value = value.filter(|value| !value.is_empty() || !is_emptiable(kind));
            let of = |value: Vec<u8>| to_sql(kind, &self.image, wide.user_types(), &value);
            slots.push(match value {
                None => None,
                Some(value) => Some(of(value).ok_or_else(none)?),
            });
        }
        self.pack(&slots).ok_or_else(none)
    }

    /// The time of a write: the transaction's, or just behind what the row holds.
    fn time(
        &self,
        wide: &WideLayout,
        transaction: &mut Transaction,
        opened: &WideOpened,
        key: &Key,
    ) -> Step<i64> {
        let now = transaction.options().now_ms.saturating_mul(1000);
        let newest = wide.newest(transaction, opened, &key.partition, &key.clustering)?;
        let newest = newest.map_err(unkeyable)?;
        Ok(newest.map_or(now, |newest| now.max(newest.saturating_add(1))))
    }

    pub(super) fn token_insert(
        &self,
        wide: &WideLayout,
        transaction: &mut Transaction,
        slots: &[Option<Vec<u8>>],
    ) -> Step<Changed> {
        let key = self.token_key(wide, slots)?;
        let mut opened = wide.open(transaction)?;
        let now = seconds(transaction);
        let there = wide.hold(transaction, &opened, &key.partition, &key.clustering)?;
        if let Some(packed) = there.map_err(unkeyable)? {
            if Cells::lives(wide, &packed, now).ok_or_else(|| malformed("row"))? {
                return Ok(Err(Violation { index: 0 }));
            }
        }
        let given = self.columns.iter().zip(slots);
        let changes = given
            .filter(|(column, value)| value.is_some() && !self.is_in_key(column.id))
            .map(|(column, value)| self.change(wide, column.id, value.as_deref()))
            .collect::<Step<Vec<_>>>()?;
        self.token_write(wide, transaction, &mut opened, &key, changes)?;
        Ok(Ok(()))
    }

    /// Writes what becomes of columns, those of the key left out.
    fn token_write(
        &self,
        wide: &WideLayout,
        transaction: &mut Transaction,
        opened: &mut WideOpened,
        key: &Key,
        changes: Vec<(u32, Change)>,
    ) -> Step<()> {
        let now = seconds(transaction);
        let moment = Moment {
            now,
            grace: wide.grace,
        };
        let (statics, own): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|(id, _)| wide.is_static(*id));
        let mut write = Write {
            timestamp: self.time(wide, transaction, opened, key)?,
            ttl: 0,
            now,
            inserts: true,
            changes: own,
        };
        let (partition, clustering) = (&key.partition, &key.clustering);
        wide.write(transaction, opened, partition, clustering, &write, moment)?
            .map_err(unwritten)?;
        if !statics.is_empty() {
            let fixed = Key {
                partition: key.partition.clone(),
                clustering: Vec::new(),
            };
            write.timestamp = self.time(wide, transaction, opened, &fixed)?;
            write.inserts = false;
            write.changes = statics;
            wide.write(transaction, opened, partition, &[], &write, moment)?
                .map_err(unwritten)?;
        }
        Ok(())
    }

    fn is_in_key(&self, id: u32) -> bool {
        let of = |part: &Part| self.columns.get(part.slot).map(|column| column.id);
        self.key.iter().any(|part| of(part) == Some(id))
    }

    pub(super) fn token_remove(
        &self,
        wide: &WideLayout,
        transaction: &mut Transaction,
        slots: &[Option<Vec<u8>>],
    ) -> Step<()> {
        let key = self.token_key(wide, slots)?;
        let mut opened = wide.open(transaction)?;
        let now = seconds(transaction);
        let deletion = Deletion {
            timestamp: self.time(wide, transaction, &opened, &key)?,
            local: now,
        };
        let moment = Moment {
            now,
            grace: wide.grace,
        };
        let (partition, clustering) = (&key.partition, &key.clustering);
        wide.remove(
            transaction,
            &mut opened,
            partition,
            clustering,
            deletion,
            moment,
        )?
        .map_err(unwritten)
    }

    pub(super) fn token_replace(
        &self,
        wide: &WideLayout,
        transaction: &mut Transaction,
        old: &[Option<Vec<u8>>],
        new: &[Option<Vec<u8>>],
    ) -> Step<Changed> {
        if self.token_row_key(wide, old)? != self.token_row_key(wide, new)? {
            self.token_remove(wide, transaction, old)?;
            return self.token_insert(wide, transaction, new);
        }
        let key = self.token_key(wide, new)?;
        let mut opened = wide.open(transaction)?;
        let pairs = old.iter().zip(new);
        let changed = self
            .columns
            .iter()
            .zip(pairs)
            .filter(|(column, (old, new))| old != new && !self.is_in_key(column.id));
        let changes = changed
            .map(|(column, (_, new))| self.change(wide, column.id, new.as_deref()))
            .collect::<Step<Vec<_>>>()?;
        self.token_write(wide, transaction, &mut opened, &key, changes)?;
        Ok(Ok(()))
    }
}

/// The newest time among a row's cells.
pub(crate) fn newest_of(cells: &Cells) -> Option<i64> {
    let columns = cells.columns.iter().filter_map(|(_, column)| match column {
        Column::One(_, stamp) => Some(stamp.timestamp),
        Column::Many(many) => {
            let elements = many.elements.iter().map(|element| element.stamp.timestamp);
            let deletion = many.deletion.map(|deletion| deletion.timestamp);
            elements.chain(deletion).max()
        }
    });
    columns
        .chain(cells.marker.map(|stamp| stamp.timestamp))
        .max()
}
