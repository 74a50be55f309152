//! The store against another one: the same random operations go to HyperDB's LSM and to fjall, and every
//! read of the two must agree, through flushes, compactions, reopens and kept snapshots.
//!
//! `hyperdb-oracle [operations] [seed]`; both stores live in a new directory under the system's temporary one.
//!
//! **Theory.** fjall shares no code with this store and has other bugs, so what both agree on is right unless both are
//! wrong in the same way. **Invariant.** Exits with an error, naming seed and operation, at the first difference.

use fjall::{Config, PartitionCreateOptions, PartitionHandle};
use hyperdb_lsm::{Batch, Db, Direction, Family, KeyRange, Options, SyncMode};
use std::error::Error;
use std::path::Path;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Numbers from a seed (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    /// Keys of a few shapes, so that prefixes are shared, short and long.
    fn key(&mut self) -> Vec<u8> {
        let n = self.roll(20_000);
        match n % 3 {
            0 => n.to_be_bytes().to_vec(),
            1 => format!("app/1/collection/{n}").into_bytes(),
            _ => format!("{n:x}").into_bytes(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        let len = match self.roll(20) {
            0 => self.roll(20_000),
            1 => 0,
            _ => self.roll(300),
        };
        (0..len).map(|_| self.roll(256) as u8).collect()
    }
}

fn options() -> Options {
    Options { sync: SyncMode::EverySec, memory: 8 << 20, create: true }
}

fn main() -> Outcome<()> {
    let number = |i, default| std::env::args().nth(i).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (operations, seed): (u64, u64) = (number(1, 300_000), number(2, 1));
    let dir = std::env::temp_dir().join(format!("hyperdb-oracle-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let outcome = compare(&dir, operations, seed);
    std::fs::remove_dir_all(&dir)?;
    outcome
}

fn compare(dir: &Path, operations: u64, seed: u64) -> Outcome<()> {
    let keyspace = Config::new(dir.join("fjall")).open()?;
    let theirs = keyspace.open_partition("all", PartitionCreateOptions::default())?;
    let mut db = Db::open(&dir.join("hyperdb"), options())?;
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut kept = Vec::new();
    let (mut reads, mut entries) = (0u64, 0u64);
    for operation in 0..operations {
        let context = format!("seed {seed}, operation {operation}");
        match dice.roll(1000) {
            0..=599 => {
                let mut ours = Batch::new();
                let mut batch = keyspace.batch();
                for _ in 0..=dice.roll(6) {
                    let key = dice.key();
                    if dice.roll(4) > 0 {
                        let value = dice.value();
                        ours.put(Family::DATA, &key, &value);
                        batch.insert(&theirs, key, value);
                    } else {
                        ours.remove(Family::DATA, &key, b"");
                        batch.remove(&theirs, key);
                    }
                }
                db.write(&ours)?;
                batch.commit()?;
            }
            600..=979 => {
                let key = dice.key();
                let ours = db.snapshot().get(Family::DATA, &key)?;
                let found = theirs.get(&key)?;
                if ours.as_deref() != found.as_deref() {
                    return Err(format!("{context}: get {key:?} differs").into());
                }
                reads += 1;
            }
            980..=989 => {
                let (mut low, mut high) = (dice.key(), dice.key());
                if low > high {
                    std::mem::swap(&mut low, &mut high);
                }
                let range = KeyRange::between(&low, &high);
                let ours = walk(&db.snapshot(), range.clone(), Direction::Forward)?;
                let mut back = walk(&db.snapshot(), range, Direction::Reverse)?;
                back.reverse();
                let expected: Vec<_> = theirs
                    .range(low..high)
                    .map(|entry| entry.map(|(k, v)| (k.to_vec(), v.to_vec())))
                    .collect::<Result<_, _>>()?;
                if ours != expected || back != expected {
                    return Err(format!("{context}: a range differs").into());
                }
                entries += expected.len() as u64;
            }
            990..=992 => kept.push((db.snapshot(), theirs.snapshot())),
            993..=995 if !kept.is_empty() => {
                let (ours, snapshot) = kept.swap_remove(dice.roll(kept.len() as u64) as usize);
                let ours = walk(&ours, KeyRange::all(), Direction::Forward)?;
                let expected: Vec<_> = snapshot
                    .iter()
                    .map(|entry| entry.map(|(k, v)| (k.to_vec(), v.to_vec())))
                    .collect::<Result<_, _>>()?;
                if ours != expected {
                    return Err(format!("{context}: a kept snapshot differs").into());
                }
                entries += expected.len() as u64;
            }
            996 => db.flush()?,
            997 => db.compact()?,
            998 if dice.roll(10) == 0 => {
                kept.clear();
                db.close()?;
                drop(db);
                db = Db::open(&dir.join("hyperdb"), options())?;
            }
            _ => {}
        }
    }
    let findings = db.check(&mut |_, _| {})?;
    if !findings.is_empty() {
        return Err(format!("seed {seed}: {findings:?}").into());
    }
    let total = everything_agrees(&db, &theirs)?;
    println!("seed {seed}: {operations} operations, {reads} gets, {entries} entries of ranges and snapshots, {total} at the end: all agree");
    Ok(())
}

fn everything_agrees(db: &Db, theirs: &PartitionHandle) -> Outcome<usize> {
    let ours = walk(&db.snapshot(), KeyRange::all(), Direction::Forward)?;
    let expected: Vec<_> = theirs
        .iter()
        .map(|entry| entry.map(|(k, v)| (k.to_vec(), v.to_vec())))
        .collect::<Result<_, _>>()?;
    if ours != expected {
        return Err("the stores differ at the end".into());
    }
    Ok(ours.len())
}

fn walk(snapshot: &hyperdb_lsm::Snapshot, range: KeyRange, direction: Direction) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
    Ok(snapshot.iter(Family::DATA, range, direction).collect::<Result<_, _>>()?)
}
