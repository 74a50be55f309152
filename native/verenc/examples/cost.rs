//! What proving, verifying and recovering take on one core, beside what the library's own multiplication would make of it:
//! `cargo run --release -p hyperdb-verenc --example cost`.
#![allow(clippy::unwrap_used)]

use ed448_goldilocks_plus::{EdwardsPoint, Scalar as Theirs};
use hyperdb_verenc::{chunk, key_statement, prove, recover, verify};
use hyperdb_verenc::{Recipient, Scalar, SecretKey, Statement};
use std::hint::black_box;

/// Processor time of this thread, in milliseconds: a busy machine does not count.
fn now() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

/// The median of nine runs, in milliseconds.
fn median<T>(mut run: impl FnMut() -> T) -> f64 {
    let mut taken: Vec<f64> = (0..9)
        .map(|_| {
            let start = now();
            black_box(run());
            now() - start
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    taken[4]
}

fn main() {
    let key = SecretKey::from_seed(&[1; 57]).unwrap();
    let recipient = Recipient::new(key.public()).unwrap();
    let secret = Scalar::reduce(&[9; 114]);
    let point = key_statement(&secret);
    let about = Statement::new(&recipient, &point, b"here").unwrap();
    let proof = prove(&about, &[secret], &[0; 32]).unwrap();
    let small = chunk::encrypt(&recipient, &[7; 54], b"", &[0; 32]).unwrap();
    let theirs = Theirs::from_bytes(&secret.to_bytes());
    let rows: [(&str, f64); 9] = [
        (
            "a recipient's table",
            median(|| Recipient::new(key.public())),
        ),
        ("prove a key", median(|| prove(&about, &[secret], &[0; 32]))),
        ("verify a key", median(|| verify(&about, &proof))),
        ("recover a key", median(|| recover(&key, &about, &proof))),
        (
            "encrypt a chunk",
            median(|| {
                drop(black_box(chunk::encrypt(
                    &recipient, &[7; 54], b"", &[0; 32],
                )))
            }),
        ),
        (
            "check a chunk",
            median(|| chunk::check(&recipient, b"", &small)),
        ),
        (
            "decrypt a chunk",
            median(|| chunk::decrypt(&key, b"", &small)),
        ),
        ("a multiple of the base", median(|| key_statement(&secret))),
        (
            "a multiple by the library",
            median(|| EdwardsPoint::GENERATOR.scalar_mul(&theirs)),
        ),
    ];
    for (what, ms) in rows {
        println!("{what:26} {ms:8.3} ms");
    }
}
