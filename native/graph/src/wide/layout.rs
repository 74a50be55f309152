//! Where the rows of a table made in CQL lie.
//!
//! ```text
//! cid       token i64 BE, sign inverted | partition columns' forms: the static row | clustering columns' forms: a row
//! cid + 1   token, partition columns' forms, then
//!           00                                     there if anything below is, or all was removed: flags u8 (1: a deletion follows)
//!           01 esc(first clustering form) deletion what was removed in a range: esc(form behind the last), or nothing for the end
//!           02 clustering columns' forms           a row's deletion as the stamp of a packed row, with what its cells left behind
//! deletion  timestamp i64 BE, sign inverted, local i64 LE (in values: timestamp LE)
//! ```
//! **Invariant.** A packed row holds its key's columns without stamps, so a row says all of itself; the static row has those of
//! the partition.

use super::cells::Columns;
use super::fields::field_key;
use super::index::WideIndex;
use super::many::Shape;
use super::view::WideView;
use crate::catalog::objects::Table;
use crate::catalog::{rows_id, Image, Object, Refusal};
use crate::codec::order::value::{decode_value, push_value, UserTypes};
use crate::codec::order::{take, Nulls, Order};
use crate::codec::token::{compose, order_token, token};
use crate::codec::types::Type;
use crate::codec::wire::{is_emptiable, to_stored};
use crate::keys::AppId;
use hyperdb_lsm::KeyRange;
use std::ops::Bound;
use std::sync::Arc;

/// A column of the partition key or of the clustering key.
#[derive(Clone, Debug)]
pub struct KeyPart {
    /// The column's id.
    pub id: u32,
    /// Its type.
    pub kind: Type,
    pub(super) order: Order,
}

/// A column outside the key.
#[derive(Clone, Debug)]
pub struct Value {
    /// Its id.
    pub id: u32,
    /// Its type.
    pub kind: Type,
    /// Of the partition, not of its rows.
    pub is_static: bool,
}

/// See the module's head.
#[derive(Clone, Debug)]
pub struct WideLayout {
    /// The app that the table lies in.
    pub app: AppId,
    /// Its number in the catalog.
    pub number: u64,
    /// The partition key's columns.
    pub partition: Vec<KeyPart>,
    /// The clustering columns.
    pub clustering: Vec<KeyPart>,
    /// The other columns, by id.
    pub values: Vec<Value>,
    /// Its indexes, by number.
    pub indexes: Vec<WideIndex>,
    /// Its `gc_grace_seconds`: how long what was removed is remembered.
    pub grace: i64,
    /// Its materialized views, by number.
    pub views: Vec<WideView>,
    /// Whether it is a view whose key has a column that its base's has not: a row is there as long as the base's value.
    pub(super) follows_value: bool,
    types: TokenTypes,
}

/// User types as tables by token have them: uuids sort as Cassandra's.
#[derive(Clone, Debug)]
struct TokenTypes(Arc<Image>);

impl UserTypes for TokenTypes {
    fn position(&self, id: u64, label: u32) -> Option<f64> {
        self.0.position(id, label)
    }

    fn base(&self, id: u64) -> Option<Type> {
        self.0.base(id)
    }

    fn fields(&self, id: u64) -> Option<Vec<(u32, Type)>> {
        self.0.fields(id)
    }

    fn uuids_by_version(&self) -> bool {
        true
    }
}

/// Why values make no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unkeyable {
    /// The value of this column is none of its type, or empty where the store cannot hold that in a key.
    Value(u32),
    /// Too many values, or of the partition not all.
    Count,
    /// A partition key of more than 65,535 bytes.
    TooLong,
}

/// A partition's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its token.
    pub token: i64,
    /// What the member keys of its rows begin with.
    pub prefix: Vec<u8>,
    /// The stored values of its columns, by column.
    pub(super) columns: Vec<(u32, Vec<u8>)>,
}

/// An element's key and value, stored.
pub type Element = (Vec<u8>, Option<Vec<u8>>);

/// Cassandra's `gc_grace_seconds` where a table says nothing: ten days.
const DEFAULT_GRACE: i64 = 864_000;

/// Bytes of a token in a key.
const TOKEN: usize = 8;

/// A range of clustering keys: values of the first columns, and whether rows with just these belong to it.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// From here on; none: from the first.
    pub low: Option<(Vec<Vec<u8>>, bool)>,
    /// Up to here; none: to the last.
    pub high: Option<(Vec<Vec<u8>>, bool)>,
}

impl WideLayout {
    /// The layout of table `number`.
    ///
    /// # Errors
    /// [`Refusal::Missing`]; [`Refusal::Invalid`] if the table lies by key.
    pub fn of(image: &Arc<Image>, number: u64) -> Result<WideLayout, Refusal> {
        let mut layout = Self::plain(image, number)?;
        layout.views = layout.views_of(image)?;
        Ok(layout)
    }

    /// The layout without what follows its rows: views.
    pub(super) fn plain(image: &Arc<Image>, number: u64) -> Result<WideLayout, Refusal> {
        let Some(Object::Table(table)) = image.get(number) else {
            return Err(Refusal::missing("table", number));
        };
        if table.partition.is_empty() {
            return Err(Refusal::Invalid(format!(
                "rows of {} lie by key",
                table.name
            )));
        }
        let part = |id: u32, descending: bool| {
            let kind = kind_of(table, id).ok_or_else(|| Refusal::missing("column", id))?;
            let order = Order {
                descending,
                nulls: Nulls::Never,
            };
            Ok::<_, Refusal>(KeyPart { id, kind, order })
        };
        let partition = table.partition.iter().map(|id| part(*id, false));
        let clustering = table.key.iter().map(|key| part(key.column, key.descending));
        let is_key =
            |id: u32| table.partition.contains(&id) || table.key.iter().any(|key| key.column == id);
        let others = table
            .columns
            .iter()
            .filter(|column| !column.dropped && !is_key(column.id));
        let values = others.filter_map(|column| {
            Some(Value {
                id: column.id,
                kind: column.kind.clone()?,
                is_static: column.is_static,
            })
        });
        let mut layout = WideLayout {
            app: AppId(table.app),
            number,
            partition: partition.collect::<Result<_, _>>()?,
            clustering: clustering.collect::<Result<_, _>>()?,
            values: values.collect(),
            grace: grace_of(table),
            indexes: Vec::new(),
            views: Vec::new(),
            follows_value: has_own_key(image, table),
            types: TokenTypes(image.clone()),
        };
        for (place, object) in image.objects() {
            match object {
                Object::Index(index) if index.table == number && !index.clustered => {
                    let index = layout.index(place, index)?;
                    layout.indexes.push(index);
                }
                _ => {}
            }
        }
        Ok(layout)
    }

    /// The id of the element that holds the rows.
    pub fn rows_id(&self) -> [u8; 9] {
        rows_id(self.number)
    }

    /// The partition whose key's columns have these values on the wire.
    ///
    /// # Errors
    /// See [`Unkeyable`].
    pub fn find_partition(&self, wire: &[&[u8]]) -> Result<Partition, Unkeyable> {
        if wire.len() != self.partition.len() {
            return Err(Unkeyable::Count);
        }
        let serialized = compose(wire).ok_or(Unkeyable::TooLong)?;
        let token = token(&serialized);
        let mut prefix = order_token(token).to_vec();
        let mut columns = Vec::with_capacity(wire.len());
        for (part, wire) in self.partition.iter().zip(wire) {
            let stored = self.key_value(part, wire)?;
            self.push_part(part, &stored, &mut prefix)?;
            columns.push((part.id, stored));
        }
        Ok(Partition {
            token,
            prefix,
            columns,
        })
    }

    /// The form of the first clustering columns, with the stored values by column.
    ///
    /// # Errors
    /// See [`Unkeyable`].
    #[allow(clippy::type_complexity)]
    pub(super) fn cluster(
        &self,
        wire: &[impl AsRef<[u8]>],
    ) -> Result<(Vec<u8>, Vec<(u32, Vec<u8>)>), Unkeyable> {
        if wire.len() > self.clustering.len() {
            return Err(Unkeyable::Count);
        }
        let mut form = Vec::new();
        let mut columns = Vec::with_capacity(wire.len());
        for (part, wire) in self.clustering.iter().zip(wire) {
            let stored = self.key_value(part, wire.as_ref())?;
            self.push_part(part, &stored, &mut form)?;
            columns.push((part.id, stored));
        }
        Ok((form, columns))
    }

    /// The forms between the ends of a slice: from, and up to but without, `None` for the end of the partition. Columns that
    /// descend are given as they lie: `low` is what comes first.
    ///
    /// # Errors
    /// See [`Unkeyable`].
    pub(super) fn interval(&self, slice: &Slice) -> Result<(Vec<u8>, Option<Vec<u8>>), Unkeyable> {
        let behind = |form: &[u8]| match KeyRange::prefix(form).end {
            Bound::Excluded(end) | Bound::Included(end) => Some(end),
            Bound::Unbounded => None,
        };
        // The static row is the empty form; no clustering form is empty.
        let first = || vec![0];
        let low = match &slice.low {
            None => first(),
            Some((values, included)) => {
                let (form, _) = self.cluster(values)?;
                match (*included, form.is_empty()) {
                    (true, true) => first(),
                    (true, false) => form,
                    (false, _) => match behind(&form) {
                        Some(form) => form,
                        None => return Ok((vec![0xff], Some(Vec::new()))),
                    },
                }
            }
        };
        let high = match &slice.high {
            None => None,
            Some((values, included)) => {
                let (form, _) = self.cluster(values)?;
                if *included {
                    behind(&form)
                } else {
                    Some(form)
                }
            }
        };
        Ok((low, high))
    }

    /// The stored form of a value of column `id` on the wire.
    ///
    /// # Errors
    /// See [`Unkeyable`].
    pub fn stored(&self, id: u32, wire: &[u8]) -> Result<Vec<u8>, Unkeyable> {
        let kind = self.kind(id).ok_or(Unkeyable::Value(id))?;
        self.stored_as(id, kind, wire)
    }

    /// The stored form of a value that the list `id` holds.
    ///
    /// # Errors
    /// See [`Unkeyable`].
    pub fn stored_item(&self, id: u32, wire: &[u8]) -> Result<Vec<u8>, Unkeyable> {
        match self.kind(id).and_then(Shape::of) {
            Some(Shape::List(kind)) => self.stored_as(id, kind, wire),
            _ => Err(Unkeyable::Value(id)),
        }
    }

    /// The stored forms of an element of a set (whatever its value), of a map, or of a user type, where the key is the field's
    /// place as u16 BE. Without a value it is one to be removed.
    ///
    /// # Errors
    /// See [`Unkeyable`].
    pub fn stored_element(
        &self,
        id: u32,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Element, Unkeyable> {
        let malformed = Unkeyable::Value(id);
        match self.kind(id).and_then(Shape::of).ok_or(malformed)? {
            Shape::List(_) => Err(malformed),
            Shape::Set(kind) => {
                let key = self.stored_as(id, kind, key)?;
                Ok((key, value.map(|_| Vec::new())))
            }
            Shape::Map(keys, values) => {
                let key = self.stored_as(id, keys, key)?;
                let value = value.map(|value| self.stored_as(id, values, value));
                Ok((key, value.transpose()?))
            }
            Shape::Fields(of) => {
                let place = key.try_into().map(u16::from_be_bytes);
                let place = place.map_err(|_| malformed)?;
                let fields = self.types.fields(of).ok_or(malformed)?;
                let (field, kind) = fields.get(usize::from(place)).ok_or(malformed)?;
                let value = value.map(|value| self.stored_as(id, kind, value));
                Ok((field_key(*field), value.transpose()?))
            }
        }
    }

    pub(super) fn stored_as(
        &self,
        id: u32,
        kind: &Type,
        wire: &[u8],
    ) -> Result<Vec<u8>, Unkeyable> {
        if wire.is_empty() && is_emptiable(kind) {
            return Ok(Vec::new());
        }
        to_stored(kind, self.types(), wire).ok_or(Unkeyable::Value(id))
    }

    /// How many bytes of a member key are its partition's; `None` if it is malformed.
    pub(super) fn partition_end(&self, member: &[u8]) -> Option<usize> {
        let mut rest = member.get(TOKEN..)?;
        for part in &self.partition {
            take(&mut rest, part.order, |key| {
                decode_value(&part.kind, self.types(), key)
            })?;
        }
        Some(member.len() - rest.len())
    }

    fn key_value(&self, part: &KeyPart, wire: &[u8]) -> Result<Vec<u8>, Unkeyable> {
        to_stored(&part.kind, self.types(), wire).ok_or(Unkeyable::Value(part.id))
    }

    pub(super) fn push_part(
        &self,
        part: &KeyPart,
        stored: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Unkeyable> {
        match push_value(out, part.order, &part.kind, self.types(), Some(stored)) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Unkeyable::Value(part.id)),
        }
    }
}

impl Columns for WideLayout {
    fn kind(&self, id: u32) -> Option<&Type> {
        let at = self
            .values
            .binary_search_by_key(&id, |value| value.id)
            .ok()?;
        self.values.get(at).map(|value| &value.kind)
    }

    fn types(&self) -> &dyn UserTypes {
        &self.types
    }

    fn lives_by_marker(&self) -> bool {
        self.follows_value
    }
}

fn grace_of(table: &Table) -> i64 {
    let mut options = table.options.iter();
    let given = options.find(|option| option.name == "gc_grace_seconds");
    let given = given.and_then(|option| option.value.parse().ok());
    given.unwrap_or(DEFAULT_GRACE)
}

/// The names of a table's key columns.
fn key_names(table: &Table) -> impl Iterator<Item = &str> {
    let partition = table.partition.iter().copied();
    let ids = partition.chain(table.key.iter().map(|key| key.column));
    ids.filter_map(|id| {
        let column = table.columns.iter().find(|column| column.id == id)?;
        Some(&column.name[..])
    })
}

/// Whether a table is a view whose key has a column that is a value in its base.
fn has_own_key(image: &Image, table: &Table) -> bool {
    match image.get(table.source.base) {
        Some(Object::Table(base)) => {
            key_names(table).any(|name| key_names(base).all(|own| own != name))
        }
        _ => false,
    }
}

fn kind_of(table: &Table, id: u32) -> Option<Type> {
    let column = table
        .columns
        .iter()
        .find(|column| column.id == id && !column.dropped)?;
    column.kind.clone()
}
