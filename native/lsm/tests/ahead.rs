//! Keys that are looked up ahead: whatever happens between that and the reads, these find what there is.
#![allow(clippy::unwrap_used, missing_docs)]

mod harness;

use harness::Dice;
use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Db, Family, Options, ReadMode, Stop, Writer, AHEAD};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const KEYS: u64 = 6000;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn key(n: u64) -> Vec<u8> {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec()
}

fn value(dice: &mut Dice) -> Vec<u8> {
    let first = dice.roll(256);
    (0..40 + dice.roll(60))
        .map(|i| (first * 31 + i * i) as u8)
        .collect()
}

/// Reads without waiting for the disk, as the loop of a server does, and waits where that does not do.
fn read(writer: &mut Writer<'_>, key: &[u8]) -> Option<Vec<u8>> {
    let shown = |writer: &Writer<'_>| match writer.get(Family::DATA, key) {
        Ok(found) => Some(found.map(|value| value.to_vec())),
        Err(Stop::Miss(_)) => None,
        Err(Stop::Failed(error)) => unreachable!("{error}"),
    };
    shown(writer).unwrap_or_else(|| {
        writer.set_read_mode(ReadMode::Blocking);
        let found = shown(writer);
        writer.set_read_mode(ReadMode::CachedOnly);
        found.unwrap()
    })
}

#[test]
fn reads_after_looking_ahead_find_what_there_is() {
    for seed in 0..4 {
        let options = Options {
            memory: 1 << 20,
            ..Options::default()
        };
        let db = Db::open_in(Arc::new(SimFs::new()), Path::new("/db"), options).unwrap();
        let (mut dice, mut model) = (Dice::new(seed), Model::new());
        let mut looked = 0;
        for round in 0..300 {
            let mut writer = db.writer();
            writer.set_read_mode(ReadMode::CachedOnly);
            let mut uncommitted = model.clone();
            let keys: Vec<Vec<u8>> = (0..dice.roll(AHEAD as u64 + 4))
                .map(|_| key(dice.roll(KEYS)))
                .collect();
            let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
            if writer.is_worth_looking_ahead(Family::DATA) {
                looked += 1;
                writer.look_ahead(Family::DATA, &keys);
            }
            for _ in 0..dice.roll(60) {
                // Mostly keys that were looked up, some others.
                let any = key(dice.roll(KEYS));
                let place = dice.roll(keys.len() as u64 + 4) as usize;
                let key = *keys.get(place).unwrap_or(&&any[..]);
                match dice.roll(6) {
                    0 | 1 => {
                        let value = value(&mut dice);
                        writer.savepoint();
                        writer.put(Family::DATA, key, &value).unwrap();
                        if dice.roll(4) == 0 {
                            writer.rollback();
                        } else {
                            uncommitted.insert(key.to_vec(), value);
                        }
                    }
                    2 => {
                        writer.remove(Family::DATA, key, &[]).unwrap();
                        uncommitted.remove(key);
                    }
                    3 if dice.roll(5) == 0 => {
                        writer.commit().unwrap();
                        model.clone_from(&uncommitted);
                    }
                    _ => {
                        let found = read(&mut writer, key);
                        assert_eq!(
                            found.as_ref(),
                            uncommitted.get(key),
                            "seed {seed}, round {round}"
                        );
                    }
                }
            }
            // What is not committed is gone with the writer.
            if dice.roll(5) > 0 {
                writer.commit().unwrap();
                model = uncommitted;
            }
            drop(writer);
            if round % 50 == 20 {
                fill(&db, &mut dice, &mut model);
                db.compact().unwrap();
            }
        }
        assert!(looked > 200, "looked ahead {looked} times");
    }
}

/// Many keys, so that tables hold more than the cache.
fn fill(db: &Db, dice: &mut Dice, model: &mut Model) {
    let mut writer = db.writer();
    for _ in 0..KEYS / 4 {
        let (key, value) = (key(dice.roll(KEYS)), value(dice));
        writer.put(Family::DATA, &key, &value).unwrap();
        model.insert(key, value);
    }
    writer.commit().unwrap();
}
