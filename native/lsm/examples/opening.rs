//! How long opening takes after a clean stop and after a kill.
//!
//! `opening DIR fill MB`, `opening DIR kill MB` (writes and aborts), `opening DIR open`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use hyperdb_lsm::{Batch, Db, Family, Options, SyncMode};
use std::path::Path;
use std::time::Instant;

fn fill(db: &Db, megabytes: u64) {
    let mut seed = std::process::id().into();
    let mut random = move || {
        seed = 6_364_136_223_846_793_005u64
            .wrapping_mul(seed)
            .wrapping_add(1);
        seed ^ (seed >> 29)
    };
    let (mut batch, mut value) = (Batch::new(), Vec::new());
    let mut longest = std::time::Duration::ZERO;
    for _ in 0..megabytes * 1_000_000 / 116 / 1000 {
        batch.clear();
        for _ in 0..1000 {
            value.clear();
            value.extend((0..13).flat_map(|_| random().to_le_bytes()).take(100));
            let key = [random().to_be_bytes(), random().to_be_bytes()].concat();
            batch.put(Family::DATA, &key, &value);
        }
        let started = Instant::now();
        db.write(&batch).unwrap();
        longest = longest.max(started.elapsed());
    }
    println!("longest write of a batch {longest:?}");
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let options = Options {
        sync: SyncMode::EverySec,
        ..Options::default()
    };
    let started = Instant::now();
    let db = Db::open(Path::new(&args[1]), options).unwrap();
    println!("opened in {:?}", started.elapsed());
    let started = Instant::now();
    if let Some(megabytes) = args.get(3) {
        fill(&db, megabytes.parse().unwrap());
        println!("wrote {megabytes} MB in {:?}", started.elapsed());
    }
    for (name, value) in db.stats().rows {
        println!("  {name:<30} {value}");
    }
    if args[2] == "kill" {
        std::process::abort();
    }
    db.close().unwrap();
}
