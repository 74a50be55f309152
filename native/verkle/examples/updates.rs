//! What one change of a commitment costs, in batches of several sizes; one thread.
//!
//! Run: `cargo run --release -p hyperdb-verkle --example updates`.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_verkle::comb::{Comb, Update};
use hyperdb_verkle::hash::to_scalar;
use hyperdb_verkle::point::Point;
use hyperdb_verkle::setup::Setup;
use std::time::Instant;

fn main() {
    let start = Instant::now();
    Setup::ceremony().unwrap();
    println!(
        "setup checked      {:>8.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    let start = Instant::now();
    let comb = Comb::ceremony().unwrap();
    println!(
        "table built        {:>8.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    for (targets, each) in [
        (1usize, 1u32),
        (1, 64),
        (1_000, 1),
        (10_000, 1),
        (1_000, 10),
    ] {
        let updates: Vec<Update> = (0..targets as u32 * each)
            .map(|n| Update {
                target: n / each,
                slot: (n.wrapping_mul(2_654_435_761) >> 8) as u8 % 64,
                delta: to_scalar("bench", &[&n.to_le_bytes()]),
            })
            .collect();
        let mut commitments = vec![Point::generator(); targets];
        let mut times: Vec<f64> = (0..5)
            .map(|_| {
                let start = Instant::now();
                comb.update_many(&mut commitments, &updates, 1);
                start.elapsed().as_secs_f64() * 1e6 / updates.len() as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "{targets:>6} commitments, {each:>2} changes each: {:>7.2} us a change",
            times[2]
        );
    }
}
