//! How fast tables are read: point reads, batches of them, and a full scan, from a warm and from a small cache.
//!
//! `cargo run --release -p hyperdb-lsm --example tables_bench [entries] [flushes]`; it writes to a new directory under
//! the system's temporary one and removes it.

use hyperdb_lsm::compaction::{pick, run, Job, Limits};
use hyperdb_lsm::fs::{FileSystem, StdFs};
use hyperdb_lsm::hash::key_hash;
use hyperdb_lsm::merge::Merge;
use hyperdb_lsm::table::{blocking, table_file_name, Builder, Found, ReadMode, Table};
use hyperdb_lsm::version::{Version, VersionEdit};
use hyperdb_lsm::{BlockCache, Direction, Error, Family, KeyRange, Op};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Instant;

/// The 16-byte key of number `n`.
fn key(n: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&key_hash(&n.to_le_bytes()).to_be_bytes());
    key[8..].copy_from_slice(&n.to_be_bytes());
    key
}

/// A value of 100 bytes that cannot be compressed.
fn value(n: u64) -> Vec<u8> {
    (0..13)
        .flat_map(|i| key_hash(&(n * 13 + i).to_be_bytes()).to_le_bytes())
        .take(100)
        .collect()
}

fn main() -> Result<(), Error> {
    let number = |i, default| {
        std::env::args()
            .nth(i)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (entries, flushes): (u64, u64) = (number(1, 1_000_000), number(2, 2));
    let dir = std::env::temp_dir().join(format!("hyperdb-tables-{}", std::process::id()));
    let fs: Arc<dyn FileSystem> = Arc::new(StdFs);
    fs.create_dir(&dir)?;
    let outcome = measure(&fs, &dir, entries, flushes);
    let _ = std::fs::remove_dir_all(&dir);
    outcome
}

fn measure(fs: &Arc<dyn FileSystem>, dir: &Path, entries: u64, flushes: u64) -> Result<(), Error> {
    let raw = entries * 116;
    let cache = BlockCache::new(2 * raw as usize);
    let next_id = AtomicU64::new(1);
    let mut version = Version::empty();
    let (mut written, mut flush_seconds, mut compact_seconds) = (0, 0.0, 0.0);
    for flush in 0..flushes {
        let mut keys: Vec<_> = (flush * entries / flushes..(flush + 1) * entries / flushes)
            .map(|n| (key(n), n))
            .collect();
        keys.sort_unstable();
        let values: Vec<_> = keys.iter().map(|(_, n)| value(*n)).collect();
        let start = Instant::now();
        let id = next_id.fetch_add(1, Ordering::Relaxed);
        let mut builder =
            Builder::new(fs.create(&dir.join(table_file_name(id)))?, id, Family::DATA);
        for ((key, n), value) in keys.iter().zip(&values) {
            builder.add(key, n / 1000 + 1, Op::Add, value)?;
        }
        let Some(at) = builder.finish()? else {
            continue;
        };
        flush_seconds += start.elapsed().as_secs_f64();
        written += at.bytes;
        let table = Table::open(fs, dir, at, &cache)?;
        version = version.apply(
            &VersionEdit {
                add: vec![at],
                remove: vec![],
            },
            &[table],
        )?;
        let limits = Limits::for_memtable(raw / flushes);
        let latest = entries;
        while let Some(choice) = pick(&version, &limits, latest, None) {
            let start = Instant::now();
            let job = Job {
                fs,
                dir,
                cache: &cache,
                retained: &[latest],
                filter: None,
                table_bytes: limits.table_bytes,
                next_id: &|| next_id.fetch_add(1, Ordering::Relaxed),
                cancel: &AtomicBool::new(false),
                pace: &|_| {},
            };
            let Some(outcome) = run(&choice, &version, &job)? else {
                break;
            };
            let next = version.apply(&outcome.edit, &outcome.opened)?;
            for table in version
                .tables()
                .filter(|table| next.tables().all(|kept| kept.id() != table.id()))
            {
                table.doom();
            }
            version = next;
            written += outcome.bytes_written;
            compact_seconds += start.elapsed().as_secs_f64();
        }
    }
    let disk: u64 = version.tables().map(|table| table.at().bytes).sum();
    let memory: usize = version.tables().map(|table| table.memory()).sum();
    println!("levels {:?}", version.level_stats());
    println!("flush {:.0} MB/s, compaction {compact_seconds:.2} s, tables written {:.2} x data, disk {:.3} x, filters and indexes {} kB",
        raw as f64 / 1e6 / flush_seconds, written as f64 / raw as f64, disk as f64 / raw as f64, memory / 1000);
    let start = Instant::now();
    let reopened = Version::open(fs, dir, &version.places(), &cache)?;
    println!("open {:.3} s", start.elapsed().as_secs_f64());
    drop(reopened);

    for (label, budget) in [("all cached", 2 * raw), ("a tenth cached", raw / 10)] {
        cache.set_budget(budget as usize);
        scan(&version, entries, label)?;
        scan(&version, entries, label)?;
        let reads = entries.min(1_000_000);
        let probes: Vec<_> = (0..reads)
            .map(|n| key(key_hash(&n.to_be_bytes()) % entries))
            .collect();
        gets(&version, &probes, label)?;
        gets(&version, &probes, label)?;
        let absent: Vec<_> = (0..reads).map(|n| key(entries + n)).collect();
        gets(&version, &absent, &format!("{label}, absent"))?;
        let probes: Vec<&[u8]> = probes.iter().map(|key| &key[..]).collect();
        let start = Instant::now();
        let mut found = 0;
        for batch in probes.chunks(100) {
            let mut out: Vec<Option<Found>> = vec![None; batch.len()];
            blocking(version.multi_get(
                Family::DATA,
                batch,
                &batch.iter().map(|key| key_hash(key)).collect::<Vec<_>>(),
                u64::MAX,
                ReadMode::Blocking,
                &mut out,
                &vec![true; batch.len()],
            ))?;
            found += out
                .iter()
                .flatten()
                .map(|found| found.value.len())
                .sum::<usize>();
        }
        rate(
            &format!("{label}: multi-get by 100"),
            probes.len(),
            start,
            found,
        );
    }
    Ok(())
}

fn rate(label: &str, count: usize, start: Instant, checksum: usize) {
    println!(
        "{label}: {:.0} k/s ({checksum})",
        count as f64 / 1e3 / start.elapsed().as_secs_f64()
    );
}

fn gets(version: &Version, probes: &[[u8; 16]], label: &str) -> Result<(), Error> {
    let start = Instant::now();
    let mut found = 0;
    for key in probes {
        found += blocking(version.get(Family::DATA, key, u64::MAX, ReadMode::Blocking))?
            .map_or(0, |found| found.value.len());
    }
    rate(&format!("{label}: get"), probes.len(), start, found);
    Ok(())
}

fn scan(version: &Version, entries: u64, label: &str) -> Result<(), Error> {
    let start = Instant::now();
    let sources = version.sources(
        Family::DATA,
        &KeyRange::all(),
        u64::MAX,
        Direction::Forward,
        ReadMode::Blocking,
    );
    let mut merge = Merge::new(sources, Direction::Forward);
    let mut bytes = 0;
    while blocking(merge.advance())? {
        bytes += merge.key().len() + merge.value().len();
    }
    rate(&format!("{label}: scan"), entries as usize, start, bytes);
    Ok(())
}
