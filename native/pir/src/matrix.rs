//! A matrix of bytes as kernels read it: columns are pages, rows the bytes of a page.
//!
//! **Theory.** Vector units multiply four neighbouring bytes by four others and add the products into a lane. So four columns lie
//! side by side, and 64 rows of four columns are a block: a kernel holds the sums of 64 rows in registers and runs through the
//! blocks of a tile of 64 rows from front to back, once, as memory likes to be read. The same blocks are what AMX takes as its
//! right-hand tiles, sixteen of them at 256 bytes from each other.
//!
//! **Invariant.** What pads the last tile and the last sixteen groups is zero, so it adds nothing to any sum.

use crate::error::{check_length, Error, Result};
use crate::hash::Framed;
use crate::memory;
use crate::parameters::{MOST_COLUMNS, MOST_ROWS};

/// Rows of a tile.
pub(crate) const TILE_ROWS: usize = 64;
/// Columns of a block: they lie side by side.
pub(crate) const GROUP: usize = 4;
/// Groups are padded to a multiple of this, which is what one AMX instruction takes.
pub(crate) const STEP_GROUPS: usize = 16;

/// 64 rows of four columns, row by row.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Block(pub(crate) [u8; TILE_ROWS * GROUP]);

/// See the module. Bytes outside of what was set are zero.
#[derive(Clone)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    tiles: Vec<Vec<Block>>,
}

/// Groups that hold so many columns, padded.
pub(crate) fn groups(columns: usize) -> usize {
    columns.div_ceil(GROUP).next_multiple_of(STEP_GROUPS)
}

impl Matrix {
    /// A matrix of zeros.
    ///
    /// # Errors
    /// It would be larger than [`MOST_ROWS`] or [`MOST_COLUMNS`].
    pub fn new(rows: usize, columns: usize) -> Result<Matrix> {
        if rows > MOST_ROWS {
            return Err(Error::TooManyRows { rows });
        }
        let mut matrix = Matrix {
            rows,
            columns: 0,
            tiles: vec![Vec::new(); rows.div_ceil(TILE_ROWS)],
        };
        matrix.grow(columns)?;
        Ok(matrix)
    }

    /// Bytes of a column.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The memory that a scan reads, padding too: of each tile in pieces of 256 bytes, one behind the other.
    pub fn memory(&self) -> impl Iterator<Item = impl Iterator<Item = &[u8; TILE_ROWS * GROUP]>> {
        self.tiles
            .iter()
            .map(|tile| tile.iter().map(|block| &block.0))
    }

    /// Appends columns of zeros until there are so many; fewer than there are change nothing.
    ///
    /// # Errors
    /// More than [`MOST_COLUMNS`].
    pub fn grow(&mut self, columns: usize) -> Result<()> {
        if columns > MOST_COLUMNS {
            return Err(Error::TooManyColumns { columns });
        }
        self.columns = self.columns.max(columns);
        let blocks = groups(self.columns);
        for tile in &mut self.tiles {
            if blocks > tile.capacity() {
                // Some to spare, so that columns that come one by one are not copied each time.
                let mut larger = memory::room(blocks + blocks / 8);
                larger.extend_from_slice(tile);
                *tile = larger;
            }
            tile.resize(blocks, Block([0; TILE_ROWS * GROUP]));
        }
        Ok(())
    }

    /// Replaces a column.
    ///
    /// # Errors
    /// There is no such column, or it has another length.
    pub fn set(&mut self, column: usize, bytes: &[u8]) -> Result<()> {
        self.check_column(column)?;
        check_length("a column", bytes.len(), self.rows)?;
        for (tile, part) in self.tiles.iter_mut().zip(bytes.chunks(TILE_ROWS)) {
            let places = tile[column / GROUP]
                .0
                .iter_mut()
                .skip(column % GROUP)
                .step_by(GROUP);
            for (place, &byte) in places.zip(part) {
                *place = byte;
            }
        }
        Ok(())
    }

    /// A column's bytes.
    ///
    /// # Errors
    /// There is no such column.
    pub fn column(&self, column: usize) -> Result<Vec<u8>> {
        self.check_column(column)?;
        let tiles = self.tiles.iter();
        let places = tiles.flat_map(|tile| {
            tile[column / GROUP]
                .0
                .iter()
                .skip(column % GROUP)
                .step_by(GROUP)
        });
        Ok(places.copied().take(self.rows).collect())
    }

    /// Two matrices of the same columns, the first of so many rows.
    ///
    /// # Errors
    /// There are not as many, or they are no multiple of 64, which lie together.
    pub fn split(mut self, rows: usize) -> Result<(Matrix, Matrix)> {
        if !rows.is_multiple_of(TILE_ROWS) || rows > self.rows {
            return Err(Error::NoSuchRows {
                rows,
                all: self.rows,
            });
        }
        let lower = Matrix {
            rows: self.rows - rows,
            columns: self.columns,
            tiles: self.tiles.split_off(rows / TILE_ROWS),
        };
        self.rows = rows;
        Ok((self, lower))
    }

    /// Columns that are not the same in an earlier matrix of as many rows; those that only one of both has are among them.
    ///
    /// # Errors
    /// The other has another number of rows.
    pub fn changed_from(&self, earlier: &Matrix) -> Result<Vec<usize>> {
        check_length("a column", earlier.rows, self.rows)?;
        let shared = self.columns.min(earlier.columns);
        let mut differ = vec![false; self.columns.max(earlier.columns)];
        differ[shared..].fill(true);
        for (new, old) in self.tiles.iter().zip(&earlier.tiles) {
            for (group, (new, old)) in new.iter().zip(old).enumerate() {
                if new.0 == old.0 {
                    continue;
                }
                for (place, (new, old)) in new.0.iter().zip(&old.0).enumerate() {
                    if let Some(differ) = differ.get_mut(group * GROUP + place % GROUP) {
                        *differ |= new != old;
                    }
                }
            }
        }
        let numbered = differ.into_iter().enumerate();
        Ok(numbered
            .filter(|(_, differ)| *differ)
            .map(|(at, _)| at)
            .collect())
    }

    /// The framed hash of a tag and of each column in order, as far as it goes on through all `parts`, one above the other.
    ///
    /// # Errors
    /// They have not the same columns.
    pub fn digest(tag: &str, parts: &[&Matrix]) -> Result<[u8; 32]> {
        let columns = parts.first().map_or(0, |first| first.columns);
        for part in parts {
            check_length("a row", part.columns, columns)?;
        }
        let mut framed = Framed::new(tag);
        for column in 0..columns {
            let bytes = parts
                .iter()
                .map(|part| part.column(column))
                .collect::<Result<Vec<_>>>()?;
            framed.add(&bytes.concat());
        }
        Ok(framed.head())
    }

    /// Blocks of each tile, all of one number.
    pub(crate) fn tiles(&self) -> &[Vec<Block>] {
        &self.tiles
    }

    fn check_column(&self, column: usize) -> Result<()> {
        if column < self.columns {
            return Ok(());
        }
        Err(Error::NoSuchColumn {
            column,
            columns: self.columns,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn columns_are_what_was_set() {
        for rows in [1, 63, 64, 65, 200] {
            let mut matrix = Matrix::new(rows, 7).unwrap();
            let bytes = |column: usize| {
                (0..rows)
                    .map(|row| (row * 7 + column) as u8)
                    .collect::<Vec<_>>()
            };
            (0..7).for_each(|column| matrix.set(column, &bytes(column)).unwrap());
            matrix.grow(70).unwrap();
            matrix.grow(3).unwrap();
            assert_eq!(matrix.columns(), 70);
            for column in 0..7 {
                assert_eq!(matrix.column(column).unwrap(), bytes(column));
            }
            assert_eq!(matrix.column(69).unwrap(), vec![0; rows]);
        }
    }

    #[test]
    fn parts_and_differences_are_those_of_columns() {
        let filled = |rows: usize, columns: usize, seed: usize| {
            let mut matrix = Matrix::new(rows, columns).unwrap();
            for column in 0..columns {
                let bytes: Vec<u8> = (0..rows)
                    .map(|row| (row * 7 + column * seed) as u8)
                    .collect();
                matrix.set(column, &bytes).unwrap();
            }
            matrix
        };
        let (whole, mut later) = (filled(192, 9, 3), filled(192, 12, 3));
        assert_eq!(later.changed_from(&whole).unwrap(), [9, 10, 11]);
        assert_eq!(whole.changed_from(&later).unwrap(), [9, 10, 11]);
        later.set(5, &[1; 192]).unwrap();
        assert_eq!(later.changed_from(&whole).unwrap(), [5, 9, 10, 11]);
        assert!(later.changed_from(&filled(64, 9, 3)).is_err());
        let digest = Matrix::digest("test", &[&later]).unwrap();
        let (upper, lower) = later.clone().split(64).unwrap();
        assert_eq!((upper.rows(), lower.rows(), lower.columns()), (64, 128, 12));
        for column in 0..12 {
            let both = [upper.column(column).unwrap(), lower.column(column).unwrap()];
            assert_eq!(both.concat(), later.column(column).unwrap());
        }
        assert_eq!(Matrix::digest("test", &[&upper, &lower]), Ok(digest));
        assert_ne!(Matrix::digest("test", &[&lower, &upper]), Ok(digest));
        assert!(Matrix::digest("test", &[&upper, &whole]).is_err());
        assert!(later.clone().split(65).is_err() && later.split(256).is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut matrix = Matrix::new(3, 2).unwrap();
        let missing = Error::NoSuchColumn {
            column: 2,
            columns: 2,
        };
        assert_eq!(matrix.set(2, &[0; 3]), Err(missing));
        assert_eq!(matrix.column(2), Err(missing));
        let short = Error::Length {
            what: "a column",
            is: 2,
            expected: 3,
        };
        assert_eq!(matrix.set(0, &[0; 2]), Err(short));
        assert!(
            Matrix::new(MOST_ROWS + 1, 0).is_err() && Matrix::new(0, MOST_COLUMNS + 1).is_err()
        );
        assert!(Matrix::new(0, 0).unwrap().tiles().is_empty());
    }
}
