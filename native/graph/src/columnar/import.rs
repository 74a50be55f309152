//! Batches that somebody else made, over Arrow's C data interface.
//!
//! **Theory.** A record batch arrives as a struct array with its schema ("The Arrow C data interface", Apache Arrow format
//! 1.5). Its buffers are not copied: the batch is kept until nobody reads it, and a value is a slice of a buffer. What a value
//! means is the reader's business; here it has a place and a length.
//!
//! **Safety.** On trust are the producer's promises, which no consumer can check: pointers are live until `release`, nobody
//! writes there, and a buffer is as long as length, offset and format ask for. All else is checked: how many buffers and
//! children there are, formats, that texts lie between offsets that ascend.
//!
//! **Invariant.** A slice that is given out lies in a buffer of the batch, and the batch outlives it.

use super::export::{ArrowArray, ArrowSchema};
use std::ffi::CStr;
use std::slice::from_raw_parts;

/// Why a batch is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// A column of a format that has no place here: nested, encoded by a dictionary, or not known.
    Format(String),
    /// It is not what the interface asks for.
    Malformed,
}

/// How the values of a column lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Bits,
    Fixed(usize),
    /// With offsets of so many bytes.
    Bytes(usize),
}

impl Shape {
    fn of(format: &str) -> Option<Shape> {
        Some(match format {
            "b" => Shape::Bits,
            "c" | "C" => Shape::Fixed(1),
            "s" | "S" => Shape::Fixed(2),
            "i" | "I" | "f" | "tdD" => Shape::Fixed(4),
            "l" | "L" | "g" | "ttu" => Shape::Fixed(8),
            "u" | "z" => Shape::Bytes(4),
            "U" | "Z" => Shape::Bytes(8),
            _ if format.starts_with("tsu:") => Shape::Fixed(8),
            _ => {
                if let Some(width) = format.strip_prefix("w:") {
                    return width.parse().ok().map(Shape::Fixed);
                }
                // Of 128 bits unless a third number says otherwise.
                let numbers = format.strip_prefix("d:")?;
                return (numbers.split(',').count() == 2).then_some(Shape::Fixed(16));
            }
        })
    }
}

struct Child {
    format: String,
    shape: Shape,
    array: *const ArrowArray,
    /// Of the first row, in the child's buffers.
    offset: usize,
}

/// A record batch.
pub struct Batch {
    rows: usize,
    children: Vec<Child>,
    /// Owns what the children point to.
    _array: ArrowArray,
}

// SAFETY: the buffers are never written, and `release` may be called from any thread, as the interface asks for.
unsafe impl Send for Batch {}
// SAFETY: as above; nothing here changes.
unsafe impl Sync for Batch {}

/// The values of a column.
#[derive(Clone, Copy)]
pub struct View<'b> {
    shape: Shape,
    rows: usize,
    offset: usize,
    /// A bit a value, from the first one of the buffer on; none where all values are there.
    validity: Option<&'b [u8]>,
    offsets: &'b [u8],
    values: &'b [u8],
}

/// A count of rows or columns; so few that no product with a width overflows.
fn size(number: i64) -> Result<usize, Unread> {
    let found = u32::try_from(number).map_err(|_| Unread::Malformed)?;
    usize::try_from(found).map_err(|_| Unread::Malformed)
}

impl Batch {
    /// Takes a batch over: both structs are moved from, their producer sees them as released.
    ///
    /// # Safety
    /// The pointers are to live structs of one batch that nobody else uses now, and whose producer keeps the interface's promises.
    ///
    /// # Errors
    /// [`Unread`]; the batch is released then.
    pub unsafe fn take(schema: *mut ArrowSchema, array: *mut ArrowArray) -> Result<Batch, Unread> {
        // SAFETY: the caller's promise; an empty struct in the place of each says that it was moved.
        let (schema, array) = unsafe {
            (
                std::ptr::replace(schema, ArrowSchema::empty()),
                std::ptr::replace(array, ArrowArray::empty()),
            )
        };
        if schema.release.is_none() || array.release.is_none() || schema.format.is_null() {
            return Err(Unread::Malformed);
        }
        // SAFETY: the formats, names and children of a live schema and array are live with it.
        unsafe {
            if CStr::from_ptr(schema.format) != c"+s" || schema.n_children != array.n_children {
                return Err(Unread::Malformed);
            }
            let rows = size(array.length)?;
            let before = size(array.offset)?;
            let count = size(array.n_children)?;
            let mut children = Vec::with_capacity(count);
            for at in 0..count {
                let (told, child) = (*schema.children.add(at), *array.children.add(at));
                children.push(Child::of(&*told, &*child, before, rows)?);
            }
            Ok(Batch {
                rows,
                children,
                _array: array,
            })
        }
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns.
    pub fn width(&self) -> usize {
        self.children.len()
    }

    /// The format of a column, in the letters of the interface.
    pub fn format(&self, column: usize) -> Option<&str> {
        Some(&self.children.get(column)?.format)
    }

    /// The values of a column.
    pub fn view(&self, column: usize) -> Option<View<'_>> {
        let child = self.children.get(column)?;
        let end = child.offset + self.rows;
        // SAFETY: the array lives as long as `self`, with as many buffers as `Child::of` has counted, each as long as the
        // interface asks for with this length and offset.
        unsafe {
            let array = &*child.array;
            let buffer = |at: usize, length: usize| -> &[u8] {
                let start = (*array.buffers.add(at)).cast::<u8>();
                match start.is_null() || length == 0 {
                    true => &[],
                    false => from_raw_parts(start, length),
                }
            };
            let validity = (!(*array.buffers).is_null() && array.null_count != 0)
                .then(|| buffer(0, end.div_ceil(8)));
            let (offsets, values) = match child.shape {
                Shape::Bits => (&[][..], buffer(1, end.div_ceil(8))),
                Shape::Fixed(width) => (&[][..], buffer(1, end * width)),
                Shape::Bytes(width) => {
                    let offsets = buffer(1, (end + 1) * width);
                    let last = offset(offsets, width, end).unwrap_or(0);
                    (offsets, buffer(2, last))
                }
            };
            Some(View {
                shape: child.shape,
                rows: self.rows,
                offset: child.offset,
                validity,
                offsets,
                values,
            })
        }
    }
}

impl Child {
    fn of(
        told: &ArrowSchema,
        array: &ArrowArray,
        before: usize,
        rows: usize,
    ) -> Result<Child, Unread> {
        if told.format.is_null() || array.buffers.is_null() {
            return Err(Unread::Malformed);
        }
        // SAFETY: the format of a live schema is text that ends in NUL.
        let format = unsafe { CStr::from_ptr(told.format) };
        let format = format.to_str().map_err(|_| Unread::Malformed)?.to_owned();
        if !told.dictionary.is_null() || told.n_children != 0 {
            return Err(Unread::Format(format));
        }
        let shape = Shape::of(&format).ok_or_else(|| Unread::Format(format.clone()))?;
        let buffers = if matches!(shape, Shape::Bytes(_)) {
            3
        } else {
            2
        };
        let reaches = size(array.length)?.saturating_sub(before) >= rows;
        let offset = size(array.offset)?.checked_add(before);
        match offset {
            Some(offset) if array.n_buffers == buffers && reaches => Ok(Child {
                format,
                shape,
                array,
                offset,
            }),
            _ => Err(Unread::Malformed),
        }
    }
}

/// The `at`-th offset.
fn offset(offsets: &[u8], width: usize, at: usize) -> Option<usize> {
    let bytes = offsets.get(at * width..(at + 1) * width)?;
    match width {
        4 => usize::try_from(i32::from_ne_bytes(bytes.try_into().ok()?)).ok(),
        _ => usize::try_from(i64::from_ne_bytes(bytes.try_into().ok()?)).ok(),
    }
}

fn bit(bits: &[u8], at: usize) -> Option<bool> {
    Some(bits.get(at / 8)? >> (at % 8) & 1 == 1)
}

impl<'b> View<'b> {
    /// The value of a row as its bytes, a bit as one byte; `Some(None)`: null. `None`: there is no such row, or the buffers
    /// contradict each other.
    pub fn value(&self, row: usize) -> Option<Option<&'b [u8]>> {
        if row >= self.rows {
            return None;
        }
        let at = self.offset + row;
        if let Some(validity) = self.validity {
            if !bit(validity, at)? {
                return Some(None);
            }
        }
        Some(Some(match self.shape {
            Shape::Bits => match bit(self.values, at)? {
                true => &[1],
                false => &[0],
            },
            Shape::Fixed(width) => self.values.get(at * width..(at + 1) * width)?,
            Shape::Bytes(width) => {
                let start = offset(self.offsets, width, at)?;
                let end = offset(self.offsets, width, at + 1)?;
                self.values.get(start..end)?
            }
        }))
    }
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
