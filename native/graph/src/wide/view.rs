//! Materialized views of tables by token.
//!
//! **Theory.** A view's row is a function of one row of its base: the same cells with the same times, under another key. So it is made anew
//! from what the base's row is whenever that is stored, under the base row's lock, and needs no memory of what was removed. The
//! view's key has all columns of the base's key, so no two rows of the base make one of the view. **Invariant.** The view has
//! exactly the rows of the stored rows of its base that have all its key's columns and meet its conditions.

use super::cells::Columns;
use super::layout::{KeyPart, WideLayout};
use super::partition::{overwrite, remove_followed, row_of, signed, WideOpened};
use super::space::RowSpace;
use crate::catalog::objects::{Setting, Table};
use crate::catalog::{Image, Object, Refusal};
use crate::codec::row::{Cell, Row, Stamp};
use crate::codec::wire::to_wire;
use crate::keys;
use crate::sequencer::Transaction;
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::ops::Bound;
use std::sync::Arc;

const DATA: Family = Family::DATA;

/// Rows looked at in one go while a view is filled.
const CHUNK: usize = 512;

/// The option of a view that is one of its conditions: `<base column id> <op> <hex of a value on the wire>[,<hex>...]`.
const CONDITION: &str = "condition";

/// A view of the table.
#[derive(Clone, Debug)]
pub struct WideView {
    /// How its rows lie.
    pub layout: WideLayout,
    /// Columns of the base by those of the view, by the view's ids.
    columns: Vec<(u32, u32)>,
    conditions: Vec<Condition>,
}

/// What a column must be to another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Below,
    UpTo,
    Among,
    From,
    Above,
}

impl Relation {
    const WORDS: [(&'static str, Relation); 6] = [
        ("<", Relation::Below),
        ("<=", Relation::UpTo),
        ("=", Relation::Among),
        ("IN", Relation::Among),
        (">=", Relation::From),
        (">", Relation::Above),
    ];
}

/// What a row of the base must meet.
#[derive(Clone, Debug)]
struct Condition {
    column: u32,
    relation: Relation,
    /// Forms of values.
    forms: Vec<Vec<u8>>,
}

impl Condition {
    fn holds(&self, form: &[u8]) -> bool {
        let one = |other: &Vec<u8>| match self.relation {
            Relation::Below => form < &other[..],
            Relation::UpTo => form <= &other[..],
            Relation::Among => form == &other[..],
            Relation::From => form >= &other[..],
            Relation::Above => form > &other[..],
        };
        self.forms.iter().any(one)
    }
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2).map(|pair| {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        u8::try_from(digit(0)? * 16 + digit(1)?).ok()
    });
    digits.collect()
}

impl WideLayout {
    /// The views of this table, by number.
    pub(super) fn views_of(&self, image: &Arc<Image>) -> Result<Vec<WideView>, Refusal> {
        let Some(Object::Table(base)) = image.get(self.number) else {
            return Err(Refusal::missing("table", self.number));
        };
        let mut views = Vec::new();
        for (number, object) in image.objects() {
            match object {
                Object::Table(view)
                    if view.source.base == self.number && !view.partition.is_empty() =>
                {
                    views.push(self.view(image, base, view, number)?);
                }
                _ => {}
            }
        }
        Ok(views)
    }

    fn view(
        &self,
        image: &Arc<Image>,
        base: &Table,
        view: &Table,
        number: u64,
    ) -> Result<WideView, Refusal> {
        let mut columns = Vec::with_capacity(view.columns.len());
        for column in view.columns.iter().filter(|column| !column.dropped) {
            let mut of_base = base.columns.iter().filter(|own| !own.dropped);
            let own = of_base.find(|own| own.name == column.name);
            let own = own.ok_or_else(|| Refusal::missing("column", &column.name))?;
            columns.push((own.id, column.id));
        }
        columns.sort_by_key(|(_, of_view)| *of_view);
        let conditions = view
            .options
            .iter()
            .filter(|option| option.name == CONDITION);
        let condition = |option: &Setting| {
            let unreadable = || Refusal::Invalid(format!("no condition: {}", option.value));
            self.condition(&option.value).ok_or_else(unreadable)
        };
        Ok(WideView {
            layout: WideLayout::plain(image, number)?,
            columns,
            conditions: conditions.map(condition).collect::<Result<_, _>>()?,
        })
    }

    fn condition(&self, text: &str) -> Option<Condition> {
        let mut words = text.splitn(3, ' ');
        let column = words.next()?.parse().ok()?;
        let word = words.next()?;
        let (_, relation) = Relation::WORDS.into_iter().find(|(own, _)| *own == word)?;
        let kind = self.column_kind(column)?;
        let form = |hex: &str| {
            let mut form = Vec::new();
            let stored = self.stored_as(column, kind, &bytes_of(hex)?).ok()?;
            self.push_form(kind, &stored, &mut form)?;
            Some(form)
        };
        Some(Condition {
            column,
            relation,
            forms: words.next()?.split(',').map(form).collect::<Option<_>>()?,
        })
    }

    /// Brings the views from what a row was to what it is.
    pub(super) fn follow<S: RowSpace>(
        &self,
        space: &mut S,
        opened: &mut WideOpened,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) -> Step<()> {
        if self.views.is_empty() {
            return Ok(());
        }
        let (before, after) = (row_of(before)?, row_of(after)?);
        for (at, view) in self.views.iter().enumerate() {
            let old = self.project(view, &before)?;
            let new = self.project(view, &after)?;
            if old == new {
                continue;
            }
            let header = opened.views.get_mut(at).ok_or_else(|| malformed("view"))?;
            let key = |member: &[u8]| keys::member(self.app, header.cid, member);
            let size = |row: &Option<(Vec<u8>, Vec<u8>)>| {
                row.as_ref()
                    .map_or(0, |(key, packed)| signed(key.len() + packed.len()))
            };
            let count = i64::from(new.is_some()) - i64::from(old.is_some());
            let bytes = size(&new) - size(&old);
            let moved = old.filter(|(gone, _)| new.as_ref().is_none_or(|(key, _)| key != gone));
            if let Some((gone, _)) = moved {
                remove_followed(space, &key(&gone))?;
            }
            if let Some((member, packed)) = new {
                overwrite(space, &key(&member), &packed)?;
            }
            space.adjust(self.app, &view.layout.rows_id(), header, count, bytes)?;
        }
        Ok(())
    }

    /// Makes the rows of the view at a place, which has none. The table is locked against writers.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn fill_view(
        &self,
        transaction: &mut Transaction,
        opened: &mut WideOpened,
        view: usize,
    ) -> Step<()> {
        let Some(of) = self.views.get(view) else {
            return Err(malformed("view"));
        };
        let base = keys::member_prefix(self.app, opened.rows.cid);
        let mut range = KeyRange::prefix(&base);
        transaction.settle_range(DATA, &range)?;
        loop {
            let mut found = Vec::with_capacity(CHUNK);
            let mut last = None;
            let mut walk = transaction.scan(DATA, range.clone(), Direction::Forward)?;
            for _ in 0..CHUNK {
                let Some((key, packed)) = walk.next()? else {
                    break;
                };
                last = Some(key.to_vec());
                let row = Row::decode(&packed).ok_or_else(|| malformed("row"))?;
                found.extend(self.project(of, &row)?);
            }
            drop(walk);
            let Some(last) = last else {
                return Ok(());
            };
            range.start = Bound::Excluded(last);
            let header = opened
                .views
                .get_mut(view)
                .ok_or_else(|| malformed("view"))?;
            let (mut count, mut bytes) = (0, 0);
            for (member, packed) in &found {
                transaction.put(DATA, &keys::member(self.app, header.cid, member), packed)?;
                count += 1;
                bytes += signed(member.len() + packed.len());
            }
            transaction.adjust(self.app, &of.layout.rows_id(), header, count, bytes)?;
        }
    }

    /// The member key and the packed row that a row of the base makes, if it makes one.
    pub(super) fn project(
        &self,
        view: &WideView,
        row: &Row<'_>,
    ) -> Step<Option<(Vec<u8>, Vec<u8>)>> {
        let none = || malformed("row");
        for condition in &view.conditions {
            let Some(value) = row.cell(condition.column).and_then(|cell| cell.value) else {
                return Ok(None);
            };
            let kind = self.column_kind(condition.column).ok_or_else(none)?;
            let mut form = Vec::new();
            // An empty value of a type whose keys have none is in no view.
            if self.push_form(kind, value, &mut form).is_none() {
                return Ok(None);
            }
            if !condition.holds(&form) {
                return Ok(None);
            }
        }
        let base_id = |part: &KeyPart| {
            let place = view
                .columns
                .binary_search_by_key(&part.id, |(_, of_view)| *of_view);
            view.columns.get(place.ok()?).map(|(base, _)| *base)
        };
        let value = |part: &KeyPart| row.cell(base_id(part)?).and_then(|cell| cell.value);
        let mut wires = Vec::with_capacity(view.layout.partition.len());
        for part in &view.layout.partition {
            let Some(stored) = value(part) else {
                return Ok(None);
            };
            let mut wire = Vec::new();
            if to_wire(&part.kind, self.types(), stored, &mut wire).is_none() {
                return Ok(None);
            }
            wires.push(wire);
        }
        let wires: Vec<&[u8]> = wires.iter().map(Vec::as_slice).collect();
        let Ok(partition) = view.layout.find_partition(&wires) else {
            return Ok(None);
        };
        let mut member = partition.prefix;
        for part in &view.layout.clustering {
            let Some(stored) = value(part) else {
                return Ok(None);
            };
            if view.layout.push_part(part, stored, &mut member).is_err() {
                return Ok(None);
            }
        }
        // Of the value that is in the view's key alone, or else of a value of the key that ends: with it goes the view's row.
        let mut bounds: Option<Stamp> = None;
        let mut cells = Vec::with_capacity(view.columns.len());
        for (of_base, of_view) in &view.columns {
            let Some(cell) = row.cell(*of_base) else {
                continue;
            };
            let is_key = view.layout.kind(*of_view).is_none();
            if is_key {
                let strict = view.layout.follows_value;
                bounds = bounds.or(cell.stamp.filter(|stamp| strict || stamp.ttl.is_some()));
            }
            cells.push(Cell {
                id: *of_view,
                stamp: cell.stamp.filter(|_| !is_key),
                ..*cell
            });
        }
        let marker = bounds.or(row.stamp).or_else(|| lasting(row));
        let row = Row {
            stamp: marker,
            cells,
        };
        Ok(Some((member, row.encode().ok_or_else(none)?)))
    }
}

/// The stamp of the cell that holds longest, for a row that has no marker: the view may not have the cell.
fn lasting(row: &Row<'_>) -> Option<Stamp> {
    let live = row.cells.iter().filter(|cell| cell.value.is_some());
    let until = |stamp: &Stamp| stamp.ttl.map_or(i64::MAX, |(_, expires)| expires);
    live.filter_map(|cell| cell.stamp)
        .max_by_key(|stamp| (until(stamp), stamp.timestamp))
}
