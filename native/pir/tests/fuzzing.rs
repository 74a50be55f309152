//! Fuzzers for what strangers hand in: queries and changes to a server, hints and answers to a client.
//!
//! **Purpose.** No bytes may make a decoder panic, hang or take memory without bound. The loop is `hyperdb-fuzz`'s; the long form:
//! `FUZZ_SECONDS=3600 cargo test --release -p hyperdb-pir --test fuzzing`.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_fuzz::{fuzz, shape};
use hyperdb_pir::answer::answer_bytes;
use hyperdb_pir::client::prepare;
use hyperdb_pir::hint::{Change, Hint};
use hyperdb_pir::kernel::Kernel;
use hyperdb_pir::matrix::Matrix;
use hyperdb_pir::parameters::DIMENSION;
use hyperdb_pir::public::PublicMatrix;
use hyperdb_pir::rounding::query_bytes;
use hyperdb_pir::Seed;

const ROWS: usize = 3;
const COLUMNS: usize = 9;

fn public() -> PublicMatrix {
    PublicMatrix::new(&[1; 32], 0)
}

fn matrix() -> Matrix {
    let mut matrix = Matrix::new(ROWS, COLUMNS).unwrap();
    (0..COLUMNS).for_each(|column| matrix.set(column, &[column as u8; ROWS]).unwrap());
    matrix
}

/// To the length that is read, so that damage gets behind the first check most of the time.
fn padded(input: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = input.to_vec();
    if !input.len().is_multiple_of(8) {
        bytes.resize(length, 0);
    }
    bytes
}

#[test]
fn fuzzing_queries() {
    let matrix = matrix();
    let prepared = prepare(&public(), COLUMNS, &[Seed([3; 32])], Kernel::fastest(1), 1);
    let (honest, _) = prepared.unwrap().remove(0).query(4).unwrap();
    let mut target = |input: &[u8]| {
        let query = padded(input, query_bytes(COLUMNS));
        match answer_bytes(&matrix, &[&query, &honest], 2) {
            Ok(answers) => {
                assert_eq!(query.len(), query_bytes(COLUMNS));
                assert!(answers.iter().all(|answer| answer.len() == 4 * ROWS));
                format!(
                    "{:?}",
                    answers[0].iter().map(|byte| byte / 64).collect::<Vec<_>>()
                )
            }
            Err(refusal) => {
                assert_ne!(query.len(), query_bytes(COLUMNS));
                format!("{} {}", shape(query.len()), refusal.to_string().len())
            }
        }
    };
    fuzz(
        env!("CARGO_MANIFEST_DIR"),
        "query",
        &mut target,
        vec![honest.clone()],
    );
}

#[test]
fn fuzzing_hints() {
    let matrix = matrix();
    let kernel = Kernel::fastest(DIMENSION);
    let honest = Hint::build(&matrix, &public(), kernel, 1)
        .unwrap()
        .to_bytes();
    let size = honest.len();
    let mut target = |input: &[u8]| {
        // The first byte is for the number of rows, which the manifest says.
        let (rows, bytes) = input
            .split_first()
            .map_or((0, &[][..]), |(rows, rest)| (*rows, rest));
        match Hint::from_bytes(usize::from(rows), &padded(bytes, size)) {
            Ok(hint) => {
                assert_eq!(hint.to_bytes().len(), 4 * DIMENSION * hint.rows());
                format!("read {rows}")
            }
            Err(refusal) => refusal.to_string().chars().take(8).collect(),
        }
    };
    let seed = [&[ROWS as u8][..], &honest].concat();
    fuzz(env!("CARGO_MANIFEST_DIR"), "hint", &mut target, vec![seed]);
}

#[test]
fn fuzzing_answers() {
    let matrix = matrix();
    let kernel = Kernel::fastest(1);
    let hint = Hint::build(&matrix, &public(), kernel, 1).unwrap();
    let mut prepared = prepare(&public(), COLUMNS, &[Seed([3; 32])], kernel, 1).unwrap();
    let query = prepared.remove(0);
    let mask = query.mask(&hint, kernel).unwrap();
    let (query, _) = query.query(4).unwrap();
    let honest = answer_bytes(&matrix, &[&query], 1).unwrap().remove(0);
    assert_eq!(mask.recover(&honest).unwrap(), [4; ROWS]);
    let mut target = |input: &[u8]| {
        let answer = padded(input, 4 * ROWS);
        match mask.recover(&answer) {
            Ok(column) => {
                assert_eq!(column.len(), ROWS);
                format!(
                    "{:?}",
                    column.iter().map(|byte| byte / 64).collect::<Vec<_>>()
                )
            }
            Err(_) => {
                assert_ne!(answer.len(), 4 * ROWS);
                format!("{}", shape(answer.len()))
            }
        }
    };
    fuzz(
        env!("CARGO_MANIFEST_DIR"),
        "answer",
        &mut target,
        vec![honest],
    );
}

#[test]
fn fuzzing_changes() {
    let matrix = matrix();
    let kernel = Kernel::fastest(DIMENSION);
    let honest = Hint::build(&matrix, &public(), kernel, 1).unwrap();
    let mut target = |input: &[u8]| {
        let (head, bytes) = input.split_at(input.len().min(4));
        let mut number = [0; 4];
        number[..head.len()].copy_from_slice(head);
        let half = bytes.len() / 2;
        let change = Change {
            column: u32::from_le_bytes(number) as usize,
            old: &bytes[..half],
            new: &bytes[half..],
        };
        let mut hint = honest.clone();
        match hint.apply(&[change], &public(), kernel, 1) {
            Ok(()) => {
                assert_eq!((half, bytes.len()), (ROWS, 2 * ROWS));
                assert_eq!(hint.rows(), ROWS);
                "applied".to_owned()
            }
            Err(refusal) => refusal.to_string(),
        }
    };
    let seed = vec![4, 0, 0, 0, 4, 4, 4, 9, 9, 9];
    fuzz(
        env!("CARGO_MANIFEST_DIR"),
        "change",
        &mut target,
        vec![seed],
    );
}
