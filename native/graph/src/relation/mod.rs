//! Rows of tables made in SQL: where a row and its index entries lie, and what changes with it.
//!
//! **Theory.** A [`Layout`] is compiled once from the catalog's records: every statement on the table, in whichever
//! language, writes and reads by it, so keys and entries agree. A row is a list of *slots*: first the columns by id, then
//! what indexes need besides and somebody who knows the language has computed: expressions and predicates. Entries go with
//! their row in one commit. A unique index is kept by a lock on the part of the key that must be unique, held until the
//! commit; what others committed behind the statement's snapshot makes the statement begin again ([`Transaction::settle_range`]).
//!
//! **Invariant.** For each row there is in each index exactly one entry if its predicate is true, and none else.

mod bulk;
mod cql_json;
mod cql_values;
mod key;
mod point;
mod read;
mod rewrite;
mod sorter;
mod token;
mod write;

pub use bulk::{Bulk, Twice};
pub use key::Limits;
pub use read::{Page, Way};
pub use rewrite::{Rewrite, Unfit};
pub(crate) use token::newest_of;
pub(crate) use write::{claim, header};
pub use write::{Opened, Violation};

use crate::catalog::objects::{Index, KeyColumn, Table};
use crate::catalog::words::NullOrder;
use crate::catalog::{rows_id, Image, Object, Refusal};
use crate::codec::order::{Nulls, Order};
use crate::codec::row::{Cell, Row, Width};
use crate::codec::types::{Plain, Type};
use crate::keys::AppId;
use crate::wide::layout::WideLayout;
use std::sync::Arc;

/// Stored forms of a row by slot; `None` is null.
pub type Slots = Vec<Option<Vec<u8>>>;

/// A column of the table.
#[derive(Clone, Debug)]
pub struct ColumnLayout {
    /// Its id in rows.
    pub id: u32,
    /// Its type.
    pub kind: Type,
    width: Width,
    pub(crate) missing: Option<Vec<u8>>,
}

/// A column of a key.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where in the row it comes from.
    pub slot: usize,
    /// Its type.
    pub kind: Type,
    order: Order,
}

/// An index of the table.
#[derive(Clone, Debug)]
pub struct IndexLayout {
    /// Its number in the catalog.
    pub number: u64,
    /// What it is ordered by, before the row's own key.
    pub parts: Vec<Part>,
    /// The slot that must be true for a row to have an entry.
    pub when: Option<usize>,
    /// No two entries with the same parts.
    pub unique: bool,
    /// Still being built: written, not read.
    pub building: bool,
    nulls_equal: bool,
    included: Vec<usize>,
}

/// See the module's head.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The app that the table lies in.
    pub app: AppId,
    /// Its number in the catalog.
    pub number: u64,
    /// Its columns, by id, dropped ones left out: the first slots.
    pub columns: Vec<ColumnLayout>,
    /// The types of the slots behind them.
    pub extras: Vec<Type>,
    /// The primary key, or the hidden column that stands for it.
    pub key: Vec<Part>,
    /// Its indexes, by number.
    pub indexes: Vec<IndexLayout>,
    pub(crate) image: Arc<Image>,
    /// How rows lie if the table was made in CQL; its indexes are CQL's then, and none here.
    wide: Option<Arc<WideLayout>>,
}

impl Layout {
    /// The layout of table `number`. `extras` are the types of the slots behind the columns: for each index by number
    /// its expressions in order, then a boolean for its predicate.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::Invalid`] if `extras` do not fit.
    pub fn of(image: &Arc<Image>, number: u64, extras: Vec<Type>) -> Result<Layout, Refusal> {
        let Some(Object::Table(table)) = image.get(number) else {
            return Err(Refusal::missing("table", number));
        };
        let columns = columns(table);
        let mut layout = Layout {
            app: AppId(table.app),
            number,
            extras,
            key: Vec::new(),
            indexes: Vec::new(),
            image: image.clone(),
            columns,
            wide: None,
        };
        if !table.partition.is_empty() {
            let wide = WideLayout::of(image, number)?;
            for column in &mut layout.columns {
                column.kind = cql_values::sql_kind(&column.kind);
                column.width = column.kind.width();
            }
            let key = layout.token_parts(&wide);
            layout.key = key.ok_or_else(|| Refusal::missing("column", &table.name))?;
            layout.wide = Some(Arc::new(wide));
            return Ok(layout);
        }
        for part in &table.key {
            let part = layout.part(part, None)?;
            layout.key.push(part);
        }
        let mut next = layout.columns.len();
        for (place, object) in image.objects() {
            if let Object::Index(index) = object {
                if index.table == number && !index.clustered {
                    let index = layout.index(place, index, &mut next)?;
                    layout.indexes.push(index);
                }
            }
        }
        if next != layout.slots() {
            return Err(Refusal::Invalid(format!(
                "{} wants {next} values a row, not {}",
                table.name,
                layout.slots()
            )));
        }
        Ok(layout)
    }

    /// How many slots a row that is written has.
    pub fn slots(&self) -> usize {
        self.columns.len() + self.extras.len()
    }

    /// The type of a slot.
    pub fn kind(&self, slot: usize) -> Option<&Type> {
        let behind = slot.checked_sub(self.columns.len());
        match behind {
            None => self.columns.get(slot).map(|column| &column.kind),
            Some(extra) => self.extras.get(extra),
        }
    }

    /// Whether rows lie by the token of their partition: whoever walks them otherwise than by [`Layout::page`] cannot.
    pub fn is_by_token(&self) -> bool {
        self.wide.is_some()
    }

    /// The catalog that it was made from.
    pub fn image(&self) -> &Arc<Image> {
        &self.image
    }

    /// The id of the element that holds the rows.
    pub fn rows_id(&self) -> [u8; 9] {
        rows_id(self.number)
    }

    fn part(&self, column: &KeyColumn, extra: Option<usize>) -> Result<Part, Refusal> {
        let slot = match extra {
            Some(slot) => Some(slot),
            None => self.columns.iter().position(|c| c.id == column.column),
        };
        let slot = slot.ok_or_else(|| Refusal::missing("column", column.column))?;
        let kind = self.kind(slot).cloned();
        let kind = kind.ok_or_else(|| Refusal::missing("type of slot", slot))?;
        Ok(Part {
            slot,
            kind,
            order: Order {
                descending: column.descending,
                nulls: match column.nulls {
                    NullOrder::Never => Nulls::Never,
                    NullOrder::First => Nulls::First,
                    NullOrder::Last => Nulls::Last,
                },
            },
        })
    }

    fn index(&self, number: u64, index: &Index, next: &mut usize) -> Result<IndexLayout, Refusal> {
        let mut take = || {
            let slot = *next;
            *next += 1;
            slot
        };
        let mut parts = Vec::with_capacity(index.columns.len());
        for column in &index.columns {
            let extra = (column.column == 0).then(&mut take);
            parts.push(self.part(column, extra)?);
        }
        let when = (!index.predicate.text.is_empty()).then(&mut take);
        let boolean = Type::Plain(Plain::Boolean);
        if when.is_some_and(|slot| self.kind(slot) != Some(&boolean)) {
            return Err(Refusal::Invalid(format!(
                "the predicate of {} is no boolean",
                index.name
            )));
        }
        let place = |id: &u32| self.columns.iter().position(|column| column.id == *id);
        let included: Option<Vec<usize>> = index.included.iter().map(place).collect();
        Ok(IndexLayout {
            number,
            parts,
            when,
            unique: index.unique,
            building: index.building,
            nulls_equal: index.nulls_equal,
            included: included.ok_or_else(|| Refusal::missing("column", &index.name))?,
        })
    }

    /// The packed row; `None` if a value has another width than its column.
    fn pack(&self, slots: &[Option<Vec<u8>>]) -> Option<Vec<u8>> {
        self.pack_only(slots, 0..self.columns.len())
    }

    fn pack_only(
        &self,
        slots: &[Option<Vec<u8>>],
        which: impl IntoIterator<Item = usize>,
    ) -> Option<Vec<u8>> {
        let cells: Option<Vec<Cell<'_>>> = which
            .into_iter()
            .map(|slot| {
                let column = self.columns.get(slot)?;
                Some(Cell {
                    id: column.id,
                    width: column.width,
                    value: slots.get(slot)?.as_deref(),
                    stamp: None,
                })
            })
            .collect();
        Row {
            stamp: None,
            cells: cells?,
        }
        .encode()
    }

    /// The values of a packed row by slot, columns only; `None` if it is malformed.
    pub fn unpack<'r>(&'r self, packed: &'r [u8]) -> Option<Vec<Option<&'r [u8]>>> {
        let row = Row::decode(packed)?;
        let mut cells = row.cells.iter().peekable();
        let value = |column: &'r ColumnLayout| {
            while cells.next_if(|cell| cell.id < column.id).is_some() {}
            match cells.next_if(|cell| cell.id == column.id) {
                Some(cell) => cell.value,
                None => column.missing.as_deref(),
            }
        };
        Some(self.columns.iter().map(value).collect())
    }
}

fn columns(table: &Table) -> Vec<ColumnLayout> {
    let live = table.columns.iter().filter(|column| !column.dropped);
    live.filter_map(|column| {
        let kind = column.kind.clone()?;
        Some(ColumnLayout {
            id: column.id,
            width: kind.width(),
            missing: column.missing.clone(),
            kind,
        })
    })
    .collect()
}
