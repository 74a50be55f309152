//! Packed rows of a table as messages.

use super::{Form, Shown, Writer, Written};
use hyperdb_graph::relation::Layout;

/// Writes rows, the columns of the slots in that order.
pub fn write(
    layout: &Layout,
    rows: &[Vec<u8>],
    columns: &[(usize, Shown)],
    form: &Form,
    out: &mut Vec<u8>,
) -> Written {
    let mut writer = Writer::new(form, columns.len(), out);
    for (at, packed) in rows.iter().enumerate() {
        writer.begin();
        if row(layout, packed, columns, &mut writer).is_none() {
            writer.undo();
            return Written {
                rows: at,
                refused: true,
            };
        }
        writer.end();
    }
    Written {
        rows: rows.len(),
        refused: false,
    }
}

fn row(
    layout: &Layout,
    packed: &[u8],
    columns: &[(usize, Shown)],
    writer: &mut Writer<'_>,
) -> Option<()> {
    let values = layout.unpack(packed)?;
    for (slot, shown) in columns {
        match values.get(*slot)? {
            None => writer.null(),
            Some(stored) => {
                writer.value(|is_binary, out| shown.write(stored, is_binary, out))?;
            }
        }
    }
    Some(())
}
