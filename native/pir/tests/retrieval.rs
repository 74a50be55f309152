//! From a column's number to its bytes, through queries, answers and hints: whatever the sizes, the kernel and the threads.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_pir::answer::{answer, answer_bytes};
use hyperdb_pir::client::prepare;
use hyperdb_pir::hint::{Change, Hint};
use hyperdb_pir::kernel::Kernel;
use hyperdb_pir::matrix::Matrix;
use hyperdb_pir::parameters::{
    DEVIATION, DIMENSION, MOST_COLUMNS, MOST_ROWS, ROUNDING_VARIANCE, STEP,
};
use hyperdb_pir::public::PublicMatrix;
use hyperdb_pir::{Error, Seed};
use proptest::prelude::*;

/// Bytes without pattern, of all values.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

fn filled(rows: usize, columns: usize, seed: u64) -> Matrix {
    let mut matrix = Matrix::new(rows, columns).unwrap();
    for column in 0..columns {
        matrix
            .set(column, &bytes(seed + column as u64, rows))
            .unwrap();
    }
    matrix
}

fn public() -> PublicMatrix {
    PublicMatrix::new(&[1; 32], 0)
}

fn seeds(count: usize) -> Vec<Seed> {
    (0..count).map(|seed| Seed([seed as u8; 32])).collect()
}

/// Asks for columns, all in one batch.
fn retrieve(matrix: &Matrix, hint: &Hint, columns: &[usize], threads: usize) -> Vec<Vec<u8>> {
    let kernel = Kernel::fastest(1);
    let prepared = prepare(
        &public(),
        matrix.columns(),
        &seeds(columns.len()),
        kernel,
        threads,
    )
    .unwrap();
    let asked = prepared
        .into_iter()
        .zip(columns)
        .map(|(prepared, &column)| {
            let mask = prepared.mask(hint, kernel).unwrap();
            (prepared.query(column).unwrap().0, mask)
        });
    let (queries, masks): (Vec<_>, Vec<_>) = asked.unzip();
    let queries: Vec<&[u8]> = queries.iter().map(Vec::as_slice).collect();
    let answers = answer_bytes(matrix, &queries, threads).unwrap();
    let found = answers
        .iter()
        .zip(masks)
        .map(|(answer, mask)| mask.recover(answer).unwrap());
    found.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_recovered_is_the_column(
        rows in prop_oneof![Just(1usize), 1usize..200],
        columns in prop_oneof![Just(1usize), 1usize..300],
        places in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
        threads in 1usize..5,
        seed: u64,
    ) {
        let matrix = filled(rows, columns, seed);
        let hint = Hint::build(&matrix, &public(), Kernel::fastest(DIMENSION), threads).unwrap();
        let places: Vec<usize> = places.iter().map(|place| place.index(columns)).collect();
        for (place, found) in places.iter().zip(retrieve(&matrix, &hint, &places, threads)) {
            prop_assert_eq!(found, matrix.column(*place).unwrap());
        }
    }

    #[test]
    fn a_hint_that_was_kept_up_is_one_built_anew(
        rows in 1usize..150,
        columns in 1usize..100,
        more in 0usize..50,
        changed in prop::collection::btree_set(0usize..150, 0..20),
        seed: u64,
    ) {
        let kernel = Kernel::fastest(DIMENSION);
        let mut matrix = filled(rows, columns, seed);
        let mut hint = Hint::build(&matrix, &public(), kernel, 2).unwrap();
        matrix.grow(columns + more).unwrap();
        let changes: Vec<(usize, Vec<u8>, Vec<u8>)> = changed
            .into_iter()
            .filter(|&column| column < columns + more)
            .map(|column| (column, matrix.column(column).unwrap(), bytes(seed ^ column as u64, rows)))
            .collect();
        for (column, _, new) in &changes {
            matrix.set(*column, new).unwrap();
        }
        let changes: Vec<Change> = changes.iter().map(|(column, old, new)| Change { column: *column, old, new }).collect();
        hint.apply(&changes, &public(), kernel, 2).unwrap();
        let anew = Hint::build(&matrix, &public(), Kernel::Portable, 1).unwrap();
        prop_assert!(hint == anew);
        prop_assert!(Hint::from_bytes(rows, &hint.to_bytes()).unwrap() == hint);
    }

    #[test]
    fn every_kernel_answers_alike(
        rows in 1usize..300,
        columns in 0usize..700,
        queries in 1usize..20,
        threads in 1usize..4,
        seed: u64,
    ) {
        let matrix = filled(rows, columns, seed);
        let lists: Vec<Vec<u32>> = (0..queries)
            .map(|query| bytes(seed ^ query as u64, 4 * columns).chunks(4).map(|four| u32::from_le_bytes(four.try_into().unwrap())).collect())
            .collect();
        let lists: Vec<&[u32]> = lists.iter().map(Vec::as_slice).collect();
        // The definition, without tiles, words or digits.
        let expected: Vec<Vec<u32>> = lists
            .iter()
            .map(|list| {
                let mut sums = vec![0u32; rows];
                for (column, number) in list.iter().enumerate() {
                    for (sum, byte) in sums.iter_mut().zip(matrix.column(column).unwrap()) {
                        *sum = sum.wrapping_add(number.wrapping_mul(u32::from(byte)));
                    }
                }
                sums
            })
            .collect();
        for kernel in Kernel::available() {
            prop_assert_eq!(&answer(&matrix, &lists, kernel, threads).unwrap(), &expected, "{:?}", kernel);
        }
    }
}

/// The worst that a matrix can hold: all bytes at the end of the range, which centring cannot make smaller.
#[test]
fn extreme_bytes_survive_many_columns() {
    for byte in [0, 255] {
        let (rows, columns) = (3, 60_000);
        let mut matrix = Matrix::new(rows, columns).unwrap();
        (0..columns).for_each(|column| matrix.set(column, &[byte; 3]).unwrap());
        matrix.set(columns - 1, &[1, 128, 254]).unwrap();
        let hint = Hint::build(&matrix, &public(), Kernel::fastest(DIMENSION), 2).unwrap();
        let found = retrieve(&matrix, &hint, &[0, columns - 1], 2);
        assert_eq!(found, [vec![byte; 3], vec![1, 128, 254]]);
    }
}

/// Noise is what `docs/pir-parameters.md` says: its deviation, over many answers, is that of the errors times the centred bytes.
#[test]
fn noise_is_as_large_as_computed() {
    let (rows, columns, queries) = (64, 512, 40);
    let mut matrix = Matrix::new(rows, columns).unwrap();
    (0..columns).for_each(|column| matrix.set(column, &bytes(column as u64, rows)).unwrap());
    let hint = Hint::build(&matrix, &public(), Kernel::fastest(DIMENSION), 1).unwrap();
    let kernel = Kernel::fastest(1);
    let zeros = Matrix::new(rows, columns).unwrap();
    let zero_hint = Hint::build(&zeros, &public(), kernel, 1).unwrap();
    let mut squares = 0.0;
    for prepared in prepare(&public(), columns, &seeds(queries), kernel, 1).unwrap() {
        // Against a hint and a matrix of zeros a mask is 128 times the sum of errors.
        let centre = prepared
            .mask(&zero_hint, kernel)
            .unwrap()
            .noise(&vec![0; 4 * rows], &vec![0; rows]);
        assert!(
            centre.iter().all(|noise| noise == &centre[0]),
            "the same for each row"
        );
        let mask = prepared.mask(&hint, kernel).unwrap();
        let (query, _) = prepared.query(7).unwrap();
        let answers = answer_bytes(&matrix, &[&query], 1).unwrap();
        let noise = mask.noise(&answers[0], &matrix.column(7).unwrap());
        squares += noise
            .iter()
            .map(|&noise| f64::from(noise).powi(2))
            .sum::<f64>();
    }
    let deviation = (squares / (rows * queries) as f64).sqrt();
    // Bytes without pattern, less 128, have a deviation of 73.9.
    let each = (DEVIATION * DEVIATION + ROUNDING_VARIANCE).sqrt();
    let computed = each * 73.9 * (columns as f64).sqrt();
    assert!(
        (deviation / computed - 1.0).abs() < 0.1,
        "{deviation} is not {computed}"
    );
    assert!(deviation * 40.0 < f64::from(STEP));
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let matrix = filled(5, 4, 0);
    let kernel = Kernel::fastest(1);
    let refused = |what, is, expected| Some(Error::Length { what, is, expected });
    assert_eq!(
        answer(&matrix, &[&[0; 3]], kernel, 1).err(),
        refused("a query", 3, 4)
    );
    assert_eq!(
        answer_bytes(&matrix, &[&[0; 17]], 1).err(),
        refused("a query", 17, 14)
    );
    assert_eq!(
        Hint::from_bytes(5, &[0; 9]).err(),
        refused("a hint", 9, 5 * DIMENSION * 4)
    );
    assert!(Hint::from_bytes(MOST_ROWS + 1, &[]).is_err());
    let mut hint = Hint::build(&matrix, &public(), kernel, 1).unwrap();
    let change = Change {
        column: 0,
        old: &[0; 5],
        new: &[0; 6],
    };
    assert_eq!(
        hint.apply(&[change], &public(), kernel, 1).err(),
        refused("a column", 6, 5)
    );
    assert!(prepare(&public(), MOST_COLUMNS + 1, &seeds(1), kernel, 1).is_err());
    let prepared = || {
        prepare(&public(), 4, &seeds(1), kernel, 1)
            .unwrap()
            .remove(0)
    };
    assert_eq!(
        prepared().query(4).err(),
        Some(Error::NoSuchColumn {
            column: 4,
            columns: 4
        })
    );
    let mask = prepared().mask(&hint, kernel).unwrap();
    assert_eq!(mask.recover(&[0; 21]).err(), refused("an answer", 21, 20));
}

#[test]
fn nothing_is_a_matrix_too() {
    for (rows, columns) in [(0, 0), (0, 3), (3, 0)] {
        let matrix = Matrix::new(rows, columns).unwrap();
        for kernel in Kernel::available() {
            let hint = Hint::build(&matrix, &public(), kernel, 3).unwrap();
            assert_eq!(hint.to_bytes(), vec![0; rows * DIMENSION * 4]);
            let none = vec![0; columns];
            assert_eq!(
                answer(&matrix, &[&none, &none], kernel, 3).unwrap(),
                vec![vec![0; rows]; 2]
            );
            assert!(answer(&matrix, &[], kernel, 3).unwrap().is_empty());
        }
    }
}

#[test]
fn queries_of_one_seed_are_the_same_and_of_two_are_not() {
    let query = |seed: u8| {
        let prepared = prepare(&public(), 100, &[Seed([seed; 32])], Kernel::fastest(1), 1)
            .unwrap()
            .remove(0);
        prepared.query(3).unwrap().0
    };
    assert_eq!(query(1), query(1));
    let (one, two) = (query(1), query(2));
    let equal = one
        .chunks(7)
        .zip(two.chunks(7))
        .filter(|(one, two)| one == two)
        .count();
    assert_eq!(equal, 0);
}
