//! Fuzzers for what strangers send: bundles, headers, queries.
//!
//! **Purpose.** No bytes may make a decoder panic, hang, or take memory without bound. The loop is `hyperdb-fuzz`'s, the seeds are the
//! vectors; the long form: `FUZZ_SECONDS=3600 cargo test --release -p hyperdb-verkle fuzzing`.
#![allow(clippy::unwrap_used)]

use super::{verify, Frame, Options, Query, Trusted, HEADER_BYTES};
use crate::hash::to_digest;
use hyperdb_fuzz::{fuzz, shape};

/// Bundles and queries of the vectors.
fn seeds(field: &str) -> Vec<Vec<u8>> {
    let text = include_str!("../../../../tests/golden/proofs/vectors.json");
    let key = format!("\"{field}\": \"");
    text.lines()
        .filter_map(|line| line.split_once(&key)?.1.split('"').next())
        .filter(|hex| hex.len() % 2 == 0)
        .map(|hex| {
            (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect()
        })
        .collect()
}

#[test]
fn bundles() {
    let mut target = |input: &[u8]| {
        // Whatever the header says is pinned, so that damage gets past the pin to the code behind.
        let root = input
            .get(6..6 + HEADER_BYTES)
            .map_or([0; 32], |header| to_digest("hyperdb/header", &[header]));
        let accept = |_: &[u8; 57], _: &[u8], _: &[u8; 114], _: &[u8]| true;
        let mut options = Options::new(&accept);
        // Both ways of checking points.
        options.threads = 1 + input.len() % 2;
        match verify(input, &Trusted::Root(root), &options) {
            Ok(shown) => format!("{} {}", shown.answers.len(), shape(shown.rows.len())),
            Err(error) => error
                .to_string()
                .chars()
                .filter(|c| !c.is_ascii_digit())
                .collect(),
        }
    };
    fuzz(
        env!("CARGO_MANIFEST_DIR"),
        "bundle",
        &mut target,
        seeds("bundle"),
    );
}

#[test]
fn headers() {
    let mut target = |input: &[u8]| match input.try_into() {
        Ok(header) => Frame::decode(header).map_or_else(
            |error| error.detail,
            |frame| shape(frame.number as usize).to_string(),
        ),
        Err(_) => "length".to_owned(),
    };
    let header = seeds("bundle")[0][6..6 + HEADER_BYTES].to_vec();
    fuzz(
        env!("CARGO_MANIFEST_DIR"),
        "header",
        &mut target,
        vec![header],
    );
}

#[test]
fn queries_have_one_encoding() {
    let mut target = |input: &[u8]| match Query::decode_all(input) {
        Ok(queries) => {
            assert_eq!(Query::encode_all(&queries), input);
            shape(queries.len()).to_string()
        }
        Err(error) => error.detail,
    };
    fuzz(
        env!("CARGO_MANIFEST_DIR"),
        "query",
        &mut target,
        seeds("queries"),
    );
}
