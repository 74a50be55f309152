//! How long one writer waits for its batches while flush and compaction run behind it at full speed.
//!
//! `stalls DIR SECONDS [always]`: batches of 100 random keys with 100 bytes each, as fast as they are taken.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use hyperdb_lsm::{Batch, Db, Family, Options, SyncMode};
use std::path::Path;
use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let sync = match args.get(3) {
        Some(_) => SyncMode::Always,
        None => SyncMode::EverySec,
    };
    let options = Options {
        sync,
        ..Options::default()
    };
    let db = Db::open(Path::new(&args[1]), options).unwrap();
    let until = Instant::now() + Duration::from_secs(args[2].parse().unwrap());
    let mut seed = 7u64;
    let mut random = move || {
        seed = 6_364_136_223_846_793_005u64
            .wrapping_mul(seed)
            .wrapping_add(1);
        seed ^ (seed >> 29)
    };
    let (mut batch, mut value, mut waits) = (Batch::new(), Vec::new(), Vec::new());
    while Instant::now() < until {
        batch.clear();
        for _ in 0..100 {
            value.clear();
            value.extend((0..13).flat_map(|_| random().to_le_bytes()).take(100));
            let key = [random().to_be_bytes(), random().to_be_bytes()].concat();
            batch.put(Family::DATA, &key, &value);
        }
        let started = Instant::now();
        db.write_durable(&batch).unwrap();
        waits.push(started.elapsed());
    }
    waits.sort_unstable();
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize];
    println!("{} batches of 100", waits.len());
    for (name, part) in [
        ("p50", 0.5),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("p99.99", 0.9999),
        ("max", 1.0),
    ] {
        println!("  {name:<6} {:?}", at(part));
    }
    for (name, value) in db.stats().rows {
        println!("  {name:<30} {value}");
    }
}
