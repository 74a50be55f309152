//! Provable key-value trees side by side: what it costs to change them, to prove, to verify, and how long the proofs are.
//!
//! **Question.** What do a Verkle tree's short proofs cost beside GroveDB (Merk AVL trees on RocksDB) and beside a plain binary hash
//! tree? **Method.** The same keys (SHA-256 of a counter, 32 bytes) and 100-byte values go into each; then frames of random
//! overwrites; then proofs of 1 and of 1,000 present keys, each verified against the root. One thread.
//! A contender that keeps its data on a disk (GroveDB) pays for that in its updates; the others are in memory. Said in the table.
//!
//! Run: `cargo run --release -- [LEAVES] [FRAME]` in this folder (the first build takes twenty minutes of a core).

mod binary;
mod grove;
mod verkle;

use std::time::{Duration, Instant};

/// A tree under test.
pub trait Contender {
    /// Its name in the table.
    fn name(&self) -> &'static str;
    /// Puts these entries in, as one atomic change of the root.
    fn apply(&mut self, entries: &[(Key, Vec<u8>)]);
    /// A proof of these keys (sorted), as bytes on a wire, without keys and values where the format lets them out.
    fn prove(&mut self, keys: &[Key]) -> Vec<u8>;
    /// Checks a proof of these entries against the current root; panics if it does not hold.
    fn verify(&mut self, proof: &[u8], entries: &[(Key, Vec<u8>)]);
    /// What of a proof's length is keys and values, if the format carries them.
    fn payload(&self, entries: &[(Key, Vec<u8>)]) -> usize;
}

/// A hashed key.
pub type Key = [u8; 32];

const VALUE: usize = 100;

fn key(n: u64) -> Key {
    use sha2::{Digest, Sha256};
    Sha256::digest(n.to_le_bytes()).into()
}

/// Bytes that do not compress, of entry `n` in its `round`-th form.
fn value(n: u64, round: u64) -> Vec<u8> {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ round | 1;
    (0..VALUE)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let out = work();
    (out, start.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn distinct(count: u64, below: u64, seed: u64) -> Vec<u64> {
    let mut state = seed | 1;
    let mut chosen = std::collections::BTreeSet::new();
    while (chosen.len() as u64) < count.min(below) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        chosen.insert((state >> 20) % below);
    }
    chosen.into_iter().collect()
}

fn run(contender: &mut dyn Contender, leaves: u64, frame: u64) {
    let mut build = Duration::ZERO;
    for start in (0..leaves).step_by(10_000) {
        let entries: Vec<_> = (start..(start + 10_000).min(leaves))
            .map(|n| (key(n), value(n, 0)))
            .collect();
        build += timed(|| contender.apply(&entries)).1;
    }
    let mut latest = std::collections::HashMap::new();
    let mut updates = Vec::new();
    for round in 1..=3 {
        let entries: Vec<_> = distinct(frame, leaves, round)
            .into_iter()
            .map(|n| {
                latest.insert(n, round);
                (key(n), value(n, round))
            })
            .collect();
        updates.push(timed(|| contender.apply(&entries)).1);
    }
    let mut cells = vec![
        contender.name().to_owned(),
        format!("{:.0}", leaves as f64 / build.as_secs_f64()),
        format!("{:.0}", frame as f64 / median(updates).as_secs_f64()),
    ];
    for count in [1u64, 1_000] {
        let (mut proving, mut verifying, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..5 {
            let mut entries: Vec<_> = distinct(count, leaves, 77 + round)
                .into_iter()
                .map(|n| (key(n), value(n, latest.get(&n).copied().unwrap_or(0))))
                .collect();
            entries.sort();
            let keys: Vec<Key> = entries.iter().map(|(key, _)| *key).collect();
            let (proof, time) = timed(|| contender.prove(&keys));
            proving.push(time);
            verifying.push(timed(|| contender.verify(&proof, &entries)).1);
            sizes.push(proof.len().saturating_sub(contender.payload(&entries)));
        }
        sizes.sort_unstable();
        cells.push(format!("{}", sizes[sizes.len() / 2]));
        cells.push(format!("{:.2}", median(proving).as_secs_f64() * 1e3));
        cells.push(format!("{:.2}", median(verifying).as_secs_f64() * 1e3));
    }
    println!("| {} |", cells.join(" | "));
}

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    let leaves = args.next().unwrap_or(1_000_000);
    let frame = args.next().unwrap_or(10_000);
    println!("{leaves} leaves, hashed keys, values of {VALUE} B, frames of {frame} overwrites; proof sizes without keys and values\n");
    println!("| tree | build /s | updates /s | 1 key B | prove ms | verify ms | 1,000 keys B | prove ms | verify ms |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(binary::Binary::default()),
        Box::new(verkle::Verkle::new()),
        Box::new(grove::Grove::new()),
    ];
    for contender in &mut contenders {
        run(contender.as_mut(), leaves, frame);
    }
}
