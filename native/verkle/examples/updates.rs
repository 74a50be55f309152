//! What one change of a commitment costs, in batches of several sizes; one thread, processor time.
//!
//! Run: `cargo run --release -p hyperdb-verkle --example updates -- [scalar | fused | ifma]`; without a name all that the
//! processor has.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_verkle::comb::{Comb, Kernel, Update};
use hyperdb_verkle::hash::to_scalar;
use hyperdb_verkle::point::Point;
use hyperdb_verkle::setup::Setup;
use std::time::Instant;

/// Seconds of processor time of this thread: other processes on the machine do not count.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: Option<f64> = text.split(' ').next().and_then(|n| n.parse().ok());
    nanos.unwrap_or(0.0) / 1e9
}

fn main() {
    let start = Instant::now();
    Setup::ceremony().unwrap();
    println!(
        "setup checked      {:>8.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    let setup = Setup::ceremony().unwrap();
    let start = Instant::now();
    let only = std::env::args().nth(1);
    let wanted = |kernel: &Kernel| {
        let name = format!("{kernel:?}").to_lowercase();
        only.as_ref().is_none_or(|only| *only == name)
    };
    let combs: Vec<Comb> = Kernel::available()
        .into_iter()
        .filter(wanted)
        .map(|kernel| Comb::new(setup, kernel))
        .collect();
    println!(
        "table built        {:>8.1} ms",
        start.elapsed().as_secs_f64() * 1e3 / combs.len() as f64
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
        // Kernels take turns, so that what else runs meets all of them.
        let mut times = vec![Vec::new(); combs.len()];
        for _ in 0..7 {
            for (comb, times) in combs.iter().zip(&mut times) {
                let start = processor_seconds();
                comb.update_many(&mut commitments, &updates, 1);
                times.push((processor_seconds() - start) * 1e6 / updates.len() as f64);
            }
        }
        print!("{targets:>6} commitments, {each:>2} changes each:");
        for (comb, times) in combs.iter().zip(&mut times) {
            times.sort_by(f64::total_cmp);
            print!("  {:?} {:>7.2} us", comb.kernel(), times[times.len() / 2]);
        }
        println!(" a change");
    }
}
