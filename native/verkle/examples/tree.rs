//! What changing a tree costs: random updates of a tree of hashed keys, by frame size, in processor time.
//!
//! Run: `cargo run --release -p hyperdb-verkle --example tree -- [million leaves] [workers] [scalar | fused | ifma]`; without a
//! kernel's name all that the processor has take turns on one tree. `bench/tree.py` runs it and prints the table.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_verkle::comb::{Comb, Kernel};
use hyperdb_verkle::hash::to_digest;
use hyperdb_verkle::setup::Setup;
use hyperdb_verkle::tree::build::Builder;
use hyperdb_verkle::tree::nodes::MemoryNodes;
use hyperdb_verkle::tree::{apply, leaf, Edit, TreeKey};
use std::time::Instant;

/// Seconds of processor time of this thread: other processes on the machine do not count.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: Option<f64> = text.split(' ').next().and_then(|n| n.parse().ok());
    nanos.unwrap_or(0.0) / 1e9
}

fn logical(n: u64) -> Vec<u8> {
    let name = format!("key:{n:012}");
    let hash = to_digest("bench", &[name.as_bytes()]);
    [&[2][..], &hash[..8], name.as_bytes()].concat()
}

fn edit(n: u64, version: u64) -> Edit {
    let key = logical(n);
    let digest = leaf::value_digest(&[7; 16], &version.to_le_bytes());
    let bytes = key.len() as u64 + 8;
    Edit::Set {
        slot: leaf::slot(&key, &digest, version, bytes),
        key: TreeKey::of(&key).unwrap(),
        bytes,
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| args.next().map_or(default, |arg| arg.parse().unwrap());
    let leaves = number(1) * 1_000_000;
    let workers = number(1) as usize;
    let only = args.next();
    let setup = Setup::ceremony().unwrap();
    let wanted = |kernel: &Kernel| {
        let name = format!("{kernel:?}").to_lowercase();
        only.as_ref().is_none_or(|only| *only == name)
    };
    let kernels = Kernel::available().into_iter().filter(wanted);
    let combs: Vec<Comb> = kernels.map(|kernel| Comb::new(setup, kernel)).collect();
    let comb = combs.last().unwrap();
    let start = processor_seconds();
    let mut order: Vec<([u8; 8], u64)> = (0..leaves)
        .map(|n| (logical(n)[1..9].try_into().unwrap(), n))
        .collect();
    order.sort_unstable();
    let mut nodes = MemoryNodes::default();
    let mut bytes = 0;
    let mut sink = |path: &[u8], record: &[u8]| {
        bytes += record.len();
        nodes.0.insert(path.to_vec(), record.into());
        Ok(())
    };
    let mut builder = Builder::new(comb, workers, &mut sink);
    for (_, n) in order {
        if let Edit::Set { key, slot, bytes } = edit(n, 1) {
            builder.push(key, slot, bytes).unwrap();
        }
    }
    let root = builder.finish().unwrap();
    println!(
        "{} leaves built in {:.1} s of processor time, {} branches, {:.1} MB of records",
        root.count,
        processor_seconds() - start,
        nodes.0.len(),
        bytes as f64 / 1e6,
    );
    let mut seed = 1u64;
    for (size, frames) in [(1_000u64, 21u64), (10_000, 9), (100_000, 3)] {
        let mut rounds: Vec<Round> = combs.iter().map(|_| Round::default()).collect();
        for frame in 0..frames {
            // Kernels take turns, so that what else runs meets all of them.
            for (comb, round) in combs.iter().zip(&mut rounds) {
                let mut chosen: Vec<u64> = (0..size)
                    .map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (seed >> 20) % leaves
                    })
                    .collect();
                chosen.sort_unstable();
                chosen.dedup();
                let (cpu, clock) = (processor_seconds(), Instant::now());
                let edits = chosen.iter().map(|n| edit(*n, 2 + frame)).collect();
                let update = apply(&nodes, comb, edits, workers).unwrap();
                nodes.take(&update);
                round.rates.push(size as f64 / (processor_seconds() - cpu));
                round
                    .clock
                    .push(size as f64 / clock.elapsed().as_secs_f64());
                round.touched += update.changed.len();
                let records = update
                    .changed
                    .iter()
                    .filter_map(|(_, record)| record.as_ref());
                round.written += records.map(|record| record.len()).sum::<usize>();
            }
        }
        let total = (size * frames) as f64;
        for (comb, round) in combs.iter().zip(&mut rounds) {
            println!(
                "frames of {size:>6}, {:?}: {:>7.0} updates/s of processor time ({:.0} on the clock), {:.2} branches and {:.0} bytes written an update",
                comb.kernel(),
                median(&mut round.rates),
                median(&mut round.clock),
                round.touched as f64 / total,
                round.written as f64 / total,
            );
        }
    }
}

/// What a kernel's frames of one size took.
#[derive(Default)]
struct Round {
    rates: Vec<f64>,
    clock: Vec<f64>,
    touched: usize,
    written: usize,
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
