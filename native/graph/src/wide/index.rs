//! Indexes of tables by token.
//!
//! ```text
//! cid of the index   form of the value, or of the key and the value of a pair | member key of the row: empty
//! ```
//! **Theory.** Each form has a mark before it (02, or 01 for the empty value of a type that has one), so none is the beginning of
//! another, and the rows of one value lie by token and clustering columns. An entry stands for what a row holds, whether or not
//! its time has ended since: who reads looks at the row again. **Invariant.** For each stored row, static ones too, there is in each index
//! exactly one entry for each distinct value that the row holds.

use super::cells::{Cells, Columns};
use super::layout::{Partition, Unkeyable, WideLayout};
use super::many::{Element, Many, Shape};
use super::partition::{overwrite, remove_followed, row_of, signed, WideOpened};
use super::read::WidePage;
use super::space::RowSpace;
use super::stamp::has_ended;
use crate::catalog::objects::Index;
use crate::catalog::words::CollectionPart;
use crate::catalog::{rows_id, Refusal};
use crate::codec::order::value::{decode_value, push_value};
use crate::codec::order::{take, Nulls, Order};
use crate::codec::row::Row;
use crate::codec::types::Type;
use crate::keys;
use crate::sequencer::Transaction;
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::collections::BTreeSet;
use std::ops::Bound;

const DATA: Family = Family::DATA;

/// Rows looked at in one go while an index is filled.
const CHUNK: usize = 1024;

/// The empty value has a mark, others follow theirs.
const MARKED: Order = Order {
    descending: false,
    nulls: Nulls::First,
};

/// An index of the table.
#[derive(Clone, Debug)]
pub struct WideIndex {
    /// Its number in the catalog.
    pub number: u64,
    /// The column.
    pub column: u32,
    /// What of it.
    pub part: CollectionPart,
    /// Types of the values in its entries: one, or those of a pair.
    kinds: Vec<Type>,
}

/// One end of what is looked for: values on the wire, and whether they belong to it.
pub type Limit = Option<(Vec<Vec<u8>>, bool)>;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Lookup<'l> {
    /// The index's place in the layout.
    pub index: usize,
    /// From this value on.
    pub low: Limit,
    /// Up to this value.
    pub high: Limit,
    /// Only in this partition.
    pub partition: Option<&'l Partition>,
}

/// Forms between two ends.
struct Span {
    low: Option<(Vec<u8>, bool)>,
    high: Option<(Vec<u8>, bool)>,
}

impl Span {
    /// The one form that lies in it, if it is for one.
    fn single(&self) -> Option<&[u8]> {
        match (&self.low, &self.high) {
            (Some((low, true)), Some((high, true))) if low == high => Some(low),
            _ => None,
        }
    }

    fn holds(&self, form: &[u8]) -> bool {
        let above = |(low, included): &(Vec<u8>, bool)| form > &low[..] || *included && form == low;
        let below =
            |(high, included): &(Vec<u8>, bool)| form < &high[..] || *included && form == high;
        self.low.as_ref().is_none_or(above) && self.high.as_ref().is_none_or(below)
    }
}

impl WideLayout {
    pub(super) fn index(&self, number: u64, index: &Index) -> Result<WideIndex, Refusal> {
        let [column] = &index.columns[..] else {
            return Err(Refusal::Invalid(format!(
                "{} is of more than one column",
                index.name
            )));
        };
        let (id, part) = (column.column, column.part);
        let kind = self
            .column_kind(id)
            .ok_or_else(|| Refusal::missing("column", id))?;
        let kinds: Vec<Type> = match (Shape::of(kind), part) {
            (None, _) => vec![kind.clone()],
            (Some(Shape::List(kind) | Shape::Set(kind)), _)
            | (Some(Shape::Map(kind, _)), CollectionPart::Keys)
            | (Some(Shape::Map(_, kind)), CollectionPart::Values | CollectionPart::Whole) => {
                vec![kind.clone()]
            }
            (Some(Shape::Map(key, value)), CollectionPart::Entries) => {
                vec![key.clone(), value.clone()]
            }
            (Some(Shape::Fields(_)), _) => Vec::new(),
        };
        if kinds.is_empty() || !kinds.iter().all(Type::is_ordered) {
            return Err(Refusal::Invalid(format!(
                "values of {} have no order",
                index.name
            )));
        }
        Ok(WideIndex {
            number,
            column: id,
            part,
            kinds,
        })
    }

    /// The type of any column, of the key too.
    pub fn column_kind(&self, id: u32) -> Option<&Type> {
        let mut parts = self.partition.iter().chain(&self.clustering);
        let part = parts.find(|part| part.id == id);
        part.map(|part| &part.kind).or_else(|| self.kind(id))
    }

    /// Appends a value's form.
    pub(super) fn push_form(&self, kind: &Type, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let value = match stored {
            [] if crate::codec::wire::is_emptiable(kind) => None,
            _ => Some(stored),
        };
        push_value(out, MARKED, kind, self.types(), value)
            .ok()?
            .then_some(())
    }

    /// The forms that a packed row has in an index; of what lives at `now`, or of all that it holds. `None` if malformed.
    pub(super) fn forms(
        &self,
        index: &WideIndex,
        row: &Row<'_>,
        now: Option<i64>,
    ) -> Option<BTreeSet<Vec<u8>>> {
        let mut forms = BTreeSet::new();
        let Some(cell) = row.cell(index.column) else {
            return Some(forms);
        };
        let Some(value) = cell.value else {
            return Some(forms);
        };
        let kind = self.column_kind(index.column)?;
        let Some(shape) = Shape::of(kind) else {
            let ended = |stamp| now.is_some_and(|now| has_ended(stamp, now));
            if !cell.stamp.is_some_and(ended) {
                let mut form = Vec::new();
                self.push_form(kind, value, &mut form)?;
                forms.insert(form);
            }
            return Some(forms);
        };
        let many = Many::decode(shape, self.types(), value, cell.stamp)?;
        // A moment before all others: everything lives then.
        for element in many.live(now.unwrap_or(i64::MIN)) {
            forms.insert(self.element_form(index, shape, element)?);
        }
        Some(forms)
    }

    fn element_form(
        &self,
        index: &WideIndex,
        shape: Shape<'_>,
        element: &Element,
    ) -> Option<Vec<u8>> {
        let value = element.value.as_deref().unwrap_or_default();
        let mut form = Vec::new();
        match (shape, index.part) {
            (Shape::List(kind), _) => self.push_form(kind, value, &mut form)?,
            (Shape::Set(kind), _) | (Shape::Map(kind, _), CollectionPart::Keys) => {
                self.push_form(kind, &element.key, &mut form)?;
            }
            (Shape::Map(keys, values), CollectionPart::Entries) => {
                self.push_form(keys, &element.key, &mut form)?;
                self.push_form(values, value, &mut form)?;
            }
            (Shape::Map(_, kind), _) => self.push_form(kind, value, &mut form)?,
            (Shape::Fields(_), _) => return None,
        }
        Some(form)
    }

    /// Brings the entries of a row from what it held to what it holds. `member` is its key.
    pub(super) fn reindex<S: RowSpace>(
        &self,
        space: &mut S,
        opened: &mut WideOpened,
        member: &[u8],
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) -> Step<()> {
        if self.indexes.is_empty() {
            return Ok(());
        }
        let none = || malformed("index");
        let (before, after) = (row_of(before)?, row_of(after)?);
        for (at, index) in self.indexes.iter().enumerate() {
            let old = self.forms(index, &before, None).ok_or_else(none)?;
            let new = self.forms(index, &after, None).ok_or_else(none)?;
            if old == new {
                continue;
            }
            let header = opened.entries.get_mut(at).ok_or_else(none)?;
            let (mut count, mut bytes) = (0, 0);
            let key = |form: &[u8]| keys::member(self.app, header.cid, &[form, member].concat());
            for form in old.difference(&new) {
                remove_followed(space, &key(form))?;
                count -= 1;
                bytes -= signed(form.len() + member.len());
            }
            for form in new.difference(&old) {
                overwrite(space, &key(form), &[])?;
                count += 1;
                bytes += signed(form.len() + member.len());
            }
            let id = rows_id(index.number);
            space.adjust(self.app, &id, header, count, bytes)?;
        }
        Ok(())
    }

    /// Adds the entries of all rows to the index at a place, which has none. The table is locked against writers.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn fill(
        &self,
        transaction: &mut Transaction,
        opened: &mut WideOpened,
        index: usize,
    ) -> Step<()> {
        let (Some(of), Some(header)) = (self.indexes.get(index), opened.entries.get_mut(index))
        else {
            return Err(malformed("index"));
        };
        let base = keys::member_prefix(self.app, opened.rows.cid);
        let mut range = KeyRange::prefix(&base);
        transaction.settle_range(DATA, &range)?;
        loop {
            let mut found: Vec<(Vec<u8>, BTreeSet<Vec<u8>>)> = Vec::new();
            let mut walk = transaction.scan(DATA, range.clone(), Direction::Forward)?;
            while found.len() < CHUNK {
                let Some((key, packed)) = walk.next()? else {
                    break;
                };
                let row = Row::decode(&packed).ok_or_else(|| malformed("row"))?;
                let forms = self.forms(of, &row, None);
                found.push((key.to_vec(), forms.ok_or_else(|| malformed("index"))?));
            }
            drop(walk);
            let Some((last, _)) = found.last() else {
                return Ok(());
            };
            range.start = Bound::Excluded(last.clone());
            let (mut count, mut bytes) = (0, 0);
            for (key, forms) in &found {
                let member = key.get(base.len()..).unwrap_or_default();
                for form in forms {
                    let entry = [&form[..], member].concat();
                    transaction.put(DATA, &keys::member(self.app, header.cid, &entry), &[])?;
                    count += 1;
                    bytes += signed(entry.len());
                }
            }
            transaction.adjust(self.app, &rows_id(of.number), header, count, bytes)?;
        }
    }

    /// Up to `limit` rows that hold at `now` what is looked for, by token and clustering columns, behind the place `after`.
    ///
    /// # Errors
    /// What the store fails with; [`Unkeyable`] if the values are none.
    pub fn find(
        &self,
        transaction: &Transaction,
        opened: &WideOpened,
        lookup: &Lookup<'_>,
        after: Option<&[u8]>,
        limit: usize,
        now: i64,
    ) -> Step<Result<WidePage, Unkeyable>> {
        let (Some(index), Some(header)) = (
            self.indexes.get(lookup.index),
            opened.entries.get(lookup.index),
        ) else {
            return Err(malformed("index"));
        };
        let span = match self.span(index, lookup) {
            Ok(span) => span,
            Err(unkeyable) => return Ok(Err(unkeyable)),
        };
        let entries = keys::member_prefix(self.app, header.cid);
        let base = keys::member_prefix(self.app, opened.rows.cid);
        let mut page = WidePage::default();
        let mut after = after.map(<[u8]>::to_vec);
        loop {
            let wanted = limit.saturating_sub(page.rows.len());
            let members = match span.single() {
                Some(form) => {
                    let under = [&entries[..], form].concat();
                    self.single(
                        transaction,
                        &under,
                        lookup.partition,
                        after.as_deref(),
                        wanted,
                    )?
                }
                None => {
                    let mut members =
                        self.spanned(transaction, index, &entries, &span, lookup.partition)?;
                    if let Some(after) = &after {
                        members = members.split_off(after);
                        members.remove(after);
                    }
                    members.into_iter().take(wanted).collect()
                }
            };
            let all: Vec<Vec<u8>> = members
                .iter()
                .map(|member| [&base[..], member].concat())
                .collect();
            let all: Vec<&[u8]> = all.iter().map(|key| &key[..]).collect();
            for packed in transaction.multi_get(DATA, &all)? {
                let packed = packed.ok_or_else(|| malformed("index"))?;
                let row = Row::decode(&packed).ok_or_else(|| malformed("row"))?;
                let forms = self.forms(index, &row, Some(now));
                let forms = forms.ok_or_else(|| malformed("row"))?;
                let lives = Cells::lives(self, &packed, now).ok_or_else(|| malformed("row"))?;
                if lives && forms.iter().any(|form| span.holds(form)) {
                    page.rows.push(packed.to_vec());
                }
            }
            if members.len() < wanted {
                return Ok(Ok(page));
            }
            after = members.last().cloned();
            if page.rows.len() >= limit {
                page.after = after;
                return Ok(Ok(page));
            }
        }
    }

    fn span(&self, index: &WideIndex, lookup: &Lookup<'_>) -> Result<Span, Unkeyable> {
        let form = |limit: &Limit| {
            let Some((wires, included)) = limit else {
                return Ok(None);
            };
            let malformed = Unkeyable::Value(index.column);
            let mut form = Vec::new();
            if wires.len() != index.kinds.len() {
                return Err(Unkeyable::Count);
            }
            for (kind, wire) in index.kinds.iter().zip(wires) {
                let stored = self.stored_as(index.column, kind, wire)?;
                self.push_form(kind, &stored, &mut form).ok_or(malformed)?;
            }
            Ok(Some((form, *included)))
        };
        Ok(Span {
            low: form(&lookup.low)?,
            high: form(&lookup.high)?,
        })
    }

    /// Members of rows with one value.
    fn single(
        &self,
        transaction: &Transaction,
        under: &[u8],
        partition: Option<&Partition>,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Step<Vec<Vec<u8>>> {
        let prefix = partition.map_or(&[][..], |partition| &partition.prefix);
        let mut range = KeyRange::prefix(&[under, prefix].concat());
        if let Some(after) = after {
            range.start = Bound::Excluded([under, after].concat());
        }
        let mut members = Vec::new();
        let mut walk = transaction.scan(DATA, range, Direction::Forward)?;
        while members.len() < limit {
            let Some((key, _)) = walk.next()? else {
                break;
            };
            members.push(key.get(under.len()..).unwrap_or_default().to_vec());
        }
        Ok(members)
    }

    /// Members of all rows with a value within `span`, each once.
    fn spanned(
        &self,
        transaction: &Transaction,
        index: &WideIndex,
        entries: &[u8],
        span: &Span,
        partition: Option<&Partition>,
    ) -> Step<BTreeSet<Vec<u8>>> {
        let mut range = KeyRange::prefix(entries);
        if let Some((low, _)) = &span.low {
            range.start = Bound::Included([entries, low].concat());
        }
        if let Some((high, _)) = &span.high {
            if span.low.as_ref().is_some_and(|(low, _)| low > high) {
                return Ok(BTreeSet::new());
            }
            range.end = match KeyRange::prefix(&[entries, high].concat()).end {
                Bound::Unbounded => range.end,
                end => end,
            };
        }
        let mut members = BTreeSet::new();
        let mut walk = transaction.scan(DATA, range, Direction::Forward)?;
        while let Some((key, _)) = walk.next()? {
            let entry = key.get(entries.len()..).unwrap_or_default();
            let mut member = entry;
            for kind in &index.kinds {
                take(&mut member, MARKED, |key| {
                    let (_, used) = decode_value(kind, self.types(), key)?;
                    Some(((), used))
                })
                .ok_or_else(|| malformed("index"))?;
            }
            let form = entry.get(..entry.len() - member.len()).unwrap_or_default();
            let within = partition.is_none_or(|partition| member.starts_with(&partition.prefix));
            if within && span.holds(form) {
                members.insert(member.to_vec());
            }
        }
        Ok(members)
    }
}
