//! Fuzzers for what strangers hand in: proofs and chunks.
//!
//! **Purpose.** No bytes may make a decoder panic or hang. The loop is `hyperdb-fuzz`'s; the long form:
//! `FUZZ_SECONDS=3600 cargo test --release -p hyperdb-verenc fuzzing`.
#![allow(clippy::unwrap_used)]

use crate::chunk::{self, CHUNK};
use crate::forging::{honest, key, RANDOM};
use crate::proof::{proof_bytes, Proof};
use crate::{Recipient, Statement};
use hyperdb_fuzz::fuzz;

/// To the length that is read, so that damage gets behind the first check most of the time.
fn padded(input: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = input.to_vec();
    if !input.len().is_multiple_of(8) {
        bytes.resize(length, 0);
    }
    bytes
}

/// Reads a proof, and now and then its points, which take a thousand times as long; by which path.
fn read<const W: usize>(bytes: &[u8], points: bool) -> String {
    let read = match points {
        true => Proof::<W>::decode(bytes).map(|(proof, _)| proof),
        false => Proof::<W>::read(bytes),
    };
    match read {
        Ok(proof) => {
            assert_eq!(proof.encode(), bytes);
            "read".to_owned()
        }
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn proofs() {
    let mut runs = 0;
    let mut target = |input: &[u8]| {
        runs += 1;
        read::<1>(&padded(input, proof_bytes(1)), runs % 32 == 0)
    };
    let seeds = vec![honest().proof];
    fuzz(env!("CARGO_MANIFEST_DIR"), "proof", &mut target, seeds);
}

#[test]
fn chunks() {
    let key = key(1);
    let recipient = Recipient::new(key.public()).unwrap();
    let made = chunk::encrypt(&recipient, &[7; 54], b"here", &RANDOM).unwrap();
    let mut runs = 0;
    let mut target = |input: &[u8]| {
        let bytes = padded(input, CHUNK);
        runs += 1;
        if runs % 128 > 0 {
            return read::<2>(bytes.get(CHUNK - proof_bytes(2)..).unwrap_or(&[]), false);
        }
        let checked = chunk::check(&recipient, b"here", &bytes);
        match chunk::decrypt(&key, b"here", &bytes) {
            Ok(payload) => assert_eq!(*payload, [7; 54]),
            Err(refusal) => assert!(checked.is_err(), "{refusal}"),
        }
        format!("{checked:?}")
    };
    fuzz(env!("CARGO_MANIFEST_DIR"), "chunk", &mut target, vec![made]);
}

#[test]
fn statements() {
    let key = key(1);
    let recipient = Recipient::new(key.public()).unwrap();
    let made = honest();
    let mut target = |input: &[u8]| {
        let bytes = padded(input, 57);
        let as_key = Recipient::new(&bytes).map(|_| ());
        let as_point = Statement::<1>::new(&recipient, &bytes, b"").map(|_| ());
        format!("{as_key:?} {as_point:?}")
    };
    let seeds = vec![made.statement.to_vec(), key.public().to_vec(), vec![0; 57]];
    fuzz(env!("CARGO_MANIFEST_DIR"), "statement", &mut target, seeds);
}
