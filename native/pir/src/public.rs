//! The public matrix A: one row of [`DIMENSION`] numbers for each column of the data, which everybody expands for themselves.
//!
//! **Theory.** As in FrodoKEM (Alkim and others, 2016; its AES variant): row c is AES-128 of the blocks (c, 0), (c, 1) ... under a
//! public key, each two numbers u64 LE, and each block of output four numbers u32 LE. The key is D("hyperdb/pir-matrix", app,
//! number)'s first 16 bytes (`docs/commitment.md`, Hashing): it depends on the app's address and the matrix's number alone, so rows
//! of columns that stay are the same in every epoch.
//!
//! **Invariant.** Nothing of A comes from a server: a server that chose it could choose one with a trapdoor.

use crate::hash;
use crate::parameters::DIMENSION;
use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128, Block};

/// A row of A.
pub type Row = [u32; DIMENSION];

const NUMBERS_PER_BLOCK: usize = 4;
const BLOCKS: usize = DIMENSION / NUMBERS_PER_BLOCK;

/// A, by its key.
#[derive(Clone)]
pub struct PublicMatrix {
    cipher: Aes128,
}

impl PublicMatrix {
    /// The matrix of an app's matrix `number` (0 pages, 1 overflow).
    pub fn new(app: &[u8; 32], number: u8) -> PublicMatrix {
        let key: [u8; 16] = hash::head("hyperdb/pir-matrix", &[app, &[number]]);
        PublicMatrix {
            cipher: Aes128::new(&key.into()),
        }
    }

    /// Writes the row of a column.
    pub fn expand(&self, column: usize, row: &mut Row) {
        let mut blocks = [Block::default(); BLOCKS];
        for (index, block) in blocks.iter_mut().enumerate() {
            block[..8].copy_from_slice(&(column as u64).to_le_bytes());
            block[8..].copy_from_slice(&(index as u64).to_le_bytes());
        }
        self.cipher.encrypt_blocks(&mut blocks);
        for (numbers, block) in row.chunks_exact_mut(NUMBERS_PER_BLOCK).zip(&blocks) {
            for (number, bytes) in numbers.iter_mut().zip(block.chunks_exact(4)) {
                *number = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(app: u8, number: u8, column: usize) -> Row {
        let mut row = [0; DIMENSION];
        PublicMatrix::new(&[app; 32], number).expand(column, &mut row);
        row
    }

    /// Computed from docs/pir-parameters.md alone by tests/oblivious/test_public_matrix.py, which reads them here.
    #[test]
    fn rows_are_those_of_the_format() {
        let row = row(7, 0, 1000);
        assert_eq!(row[..4], EXPECTED_FIRST);
        assert_eq!(row[DIMENSION - 1], EXPECTED_LAST);
    }

    const EXPECTED_FIRST: [u32; 4] = [2_786_671_253, 237_323_725, 1_413_762_038, 1_292_121_109];
    const EXPECTED_LAST: u32 = 3_173_709_366;

    #[test]
    fn apps_matrices_and_columns_have_rows_of_their_own() {
        let rows = [row(1, 0, 0), row(2, 0, 0), row(1, 1, 0), row(1, 0, 1)];
        for (index, one) in rows.iter().enumerate() {
            assert!(rows[..index].iter().all(|other| other != one));
        }
    }
}
