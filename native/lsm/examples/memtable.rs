//! Nanoseconds per operation of the writer: `cargo run --release -p hyperdb-lsm --example memtable`.
//!
//! The log is written (not synced) to the temporary directory; one commit per 800 operations, as a turn of fifty
//! clients with pipelines of sixteen. Linux only: the time is the thread's on the processor, so that a busy
//! machine does not count.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use hyperdb_lsm::{Db, Direction, Family, KeyRange, Options, SyncMode, Writer};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

/// Time this thread has spent on a processor.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

const KEYS: u64 = 100_000;
const OPS: u64 = 1_000_000;
const TURN: u64 = 800;

fn key(n: u64) -> [u8; 26] {
    let mut key = [0; 26];
    key[0] = 1;
    key[1] = 2;
    key[2..10].copy_from_slice(&(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
    key[10..].copy_from_slice(format!("key:{n:012}").as_bytes());
    key
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn measure(name: &str, db: &Db, mut op: impl FnMut(&mut Writer<'_>, u64)) {
    let mut random = Random(88_172_645_463_325_252);
    let started = cpu_time();
    let mut done = 0;
    while done < OPS {
        let mut writer = db.writer();
        for _ in 0..TURN {
            writer.savepoint();
            op(&mut writer, random.next() % KEYS);
        }
        writer.commit().unwrap();
        done += TURN;
    }
    let nanos = (cpu_time() - started).as_nanos() as f64 / done as f64;
    println!("{name:<32} {nanos:7.1} ns");
}

/// What the standard library's map takes for the same, in the same run.
fn reference(keys: &[[u8; 26]], value: &[u8]) {
    let mut map: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    for key in keys {
        map.insert(key.to_vec(), value.to_vec());
    }
    let mut random = Random(88_172_645_463_325_252);
    let started = cpu_time();
    for _ in 0..OPS {
        black_box(map.get(&keys[(random.next() % KEYS) as usize][..]));
    }
    let nanos = (cpu_time() - started).as_nanos() as f64 / OPS as f64;
    println!("{:<32} {nanos:7.1} ns", "(std HashMap: get)");
}

fn main() {
    let dir = std::env::temp_dir().join(format!("hyperdb-memtable-{}", std::process::id()));
    let options = Options {
        sync: SyncMode::EverySec,
        ..Options::default()
    };
    let db = Db::open(&dir, options).unwrap();
    let keys: Vec<_> = (0..KEYS).map(key).collect();
    let value = [7u8; 66];
    let started = cpu_time();
    for chunk in keys.chunks(TURN as usize) {
        let mut writer = db.writer();
        for key in chunk {
            writer.savepoint();
            writer.insert(Family::DATA, key, &value).unwrap();
        }
        writer.commit().unwrap();
    }
    println!(
        "{:<32} {:7.1} ns",
        "insert",
        (cpu_time() - started).as_nanos() as f64 / KEYS as f64
    );
    let key = |n: u64| &keys[n as usize][..];
    reference(&keys, &value);
    measure("get", &db, |writer, n| {
        black_box(writer.get(Family::DATA, key(n)).unwrap());
    });
    measure("overwrite", &db, |writer, n| {
        writer.put(Family::DATA, key(n), &value).unwrap();
    });
    measure("get and overwrite", &db, |writer, n| {
        black_box(writer.get(Family::DATA, key(n)).unwrap());
        writer.put(Family::DATA, key(n), &value).unwrap();
    });
    let snapshot = db.snapshot();
    measure("overwrite under a snapshot", &db, |writer, n| {
        writer.put(Family::DATA, key(n), &value).unwrap();
    });
    drop(snapshot);
    let mut position = 1u64 << 40;
    measure("push to a list", &db, |writer, n| {
        position -= 1;
        let mut key = [1, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        key[3..].copy_from_slice(&position.to_be_bytes());
        writer.insert(Family::DATA, &key, &value).unwrap();
        writer
            .put(Family::DATA, &keys[n as usize % 16], &value[..42])
            .unwrap();
    });
    measure("insert and remove", &db, |writer, n| {
        let mut key = [1, 3, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        key[3..].copy_from_slice(&n.to_be_bytes());
        writer.insert(Family::DATA, &key, &value).unwrap();
        writer.remove(Family::DATA, &key, &[]).unwrap();
    });
    let prefix = [1u8, 3, 7];
    let started = cpu_time();
    let rounds = 1000;
    for _ in 0..rounds {
        let writer = db.writer();
        let mut scan = writer.scan(Family::DATA, &KeyRange::prefix(&prefix), Direction::Forward);
        for _ in 0..100 {
            black_box(scan.next().unwrap());
        }
    }
    println!(
        "{:<32} {:7.1} ns",
        "scan of 100, an entry",
        (cpu_time() - started).as_nanos() as f64 / (rounds * 100) as f64
    );
    let started = cpu_time();
    let n = db
        .snapshot()
        .iter(Family::DATA, KeyRange::all(), Direction::Forward)
        .count();
    println!(
        "{:<32} {:7.1} ns",
        "snapshot scan, an entry",
        (cpu_time() - started).as_nanos() as f64 / n as f64
    );
    db.flush().unwrap();
    measure("get, flushed but warm", &db, |writer, n| {
        black_box(writer.get(Family::DATA, key(n)).unwrap());
    });
    for (name, value) in db.stats().rows {
        println!("  {name:<30} {value}");
    }
    drop(db);
    std::fs::remove_dir_all(dir).unwrap();
}
