//! A user type of many cells: one that is changed field by field.
//!
//! ```text
//! value     packed row of its fields (docs/file-format.md, Types). Without stamps: all were written at once over what was there before,
//!           and the column's stamp is theirs; else each has its own, a tombstone is a null with one, the row's is the deletion
//! ```
//! **Theory.** The fields of a type are known by their ids as the elements of a map are by their keys, so what holds for maps holds
//! here. **Invariant.** Fields ascend by id; those that the type has no more are left out.

use super::many::{since, Element, Many};
use super::stamp::Deletion;
use crate::codec::order::value::UserTypes;
use crate::codec::row::{Cell, Row, Stamp};
use crate::codec::types::Type;

/// The key of a field among elements.
pub fn field_key(field: u32) -> Vec<u8> {
    field.to_be_bytes().to_vec()
}

/// The field with this key, and its type.
pub(super) fn field_of(types: &dyn UserTypes, id: u64, key: &[u8]) -> Option<(u32, Type)> {
    let field = u32::from_be_bytes(key.try_into().ok()?);
    let fields = types.fields(id)?;
    fields.into_iter().find(|(own, _)| *own == field)
}

/// From a column's value and stamp; `None` if malformed.
pub(super) fn decode(
    id: u64,
    types: &dyn UserTypes,
    value: &[u8],
    stamp: Option<Stamp>,
) -> Option<Many> {
    let row = Row::decode(value)?;
    let known = types.fields(id)?;
    let mut elements = Vec::with_capacity(row.cells.len());
    for cell in &row.cells {
        if !known.iter().any(|(field, _)| *field == cell.id) {
            continue;
        }
        let at = match (stamp, cell.value) {
            (Some(_), None) => continue,
            (Some(stamp), Some(_)) => stamp,
            (None, _) => cell.stamp?,
        };
        elements.push(Element {
            key: field_key(cell.id),
            value: cell.value.map(<[u8]>::to_vec),
            stamp: at,
        });
    }
    let deletion = match stamp {
        Some(stamp) => since(stamp),
        None => row.stamp.and_then(Deletion::of),
    };
    Some(Many { deletion, elements })
}

/// The column's value and stamp; `None` if a value does not fit its field.
pub(super) fn encode(
    id: u64,
    types: &dyn UserTypes,
    many: &Many,
) -> Option<(Vec<u8>, Option<Stamp>)> {
    let together = many.together();
    let mut cells = Vec::with_capacity(many.elements.len());
    for element in &many.elements {
        let (field, kind) = field_of(types, id, &element.key)?;
        cells.push(Cell {
            id: field,
            width: kind.width().holding(element.value.as_deref()),
            value: element.value.as_deref(),
            stamp: together.is_none().then_some(element.stamp),
        });
    }
    let row = Row {
        stamp: match together {
            Some(_) => None,
            None => many.deletion.map(Deletion::stamp),
        },
        cells,
    };
    Some((row.encode()?, together))
}

/// The value that a reader sees: of the fields that live.
pub(super) fn live_value(id: u64, types: &dyn UserTypes, live: &[&Element]) -> Option<Vec<u8>> {
    let mut cells = Vec::with_capacity(live.len());
    for element in live {
        let (field, kind) = field_of(types, id, &element.key)?;
        cells.push(Cell {
            id: field,
            width: kind.width().holding(element.value.as_deref()),
            value: element.value.as_deref(),
            stamp: None,
        });
    }
    Row { stamp: None, cells }.encode()
}
