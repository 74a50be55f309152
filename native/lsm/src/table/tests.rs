//! Whole tables: what was written is read, in both modes and directions, and damage is found.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::{blocking, table_file_name, Builder, ReadMode, Run, Stream, Table, TableAt};
use crate::cache::BlockCache;
use crate::error::{Error, Result};
use crate::fs::{FileSystem, SimFs};
use crate::hash::key_hash;
use crate::merge::Source;
use crate::types::{Commit, Direction, Family, KeyRange, Op};
use crate::verify::verify_tables;
use crate::version::Version;
use crate::writer::Stop;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

type Entries = BTreeMap<(Vec<u8>, Reverse<Commit>), (Op, Vec<u8>)>;

const DIR: &str = "/t";

fn write(sim: &SimFs, entries: &Entries) -> Result<TableAt> {
    sim.create_dir(Path::new(DIR))?;
    let file = sim.create(&Path::new(DIR).join(table_file_name(5)))?;
    let mut builder = Builder::new(file, 5, Family::DATA);
    for ((key, version), (op, value)) in entries {
        builder.add(key, version.0, *op, value)?;
    }
    builder.finish().map(Option::unwrap)
}

fn open(sim: &SimFs, at: TableAt) -> Result<Arc<Table>> {
    let fs: Arc<dyn FileSystem> = Arc::new(sim.clone());
    Table::open(&fs, Path::new(DIR), at, &BlockCache::new(1 << 20))
}

fn table_of(entries: &Entries) -> Arc<Table> {
    let sim = SimFs::new();
    let at = write(&sim, entries).unwrap();
    open(&sim, at).unwrap()
}

/// Keys that share prefixes, many versions of some, values from empty to larger than a block.
fn entries() -> impl Strategy<Value = Entries> {
    let key = (0u16..120).prop_map(|n| format!("user:{}/{n:04}", n / 40).into_bytes());
    let value = (
        any::<u8>(),
        prop_oneof![8 => 0usize..300, 1 => 4000usize..9000],
    )
        .prop_map(|(byte, len)| vec![byte; len]);
    let op = prop_oneof![3 => Just(Op::Add), 1 => Just(Op::Remove)];
    proptest::collection::vec((key, 1u64..60, op, value), 1..400).prop_map(|list| {
        list.into_iter()
            .map(|(k, v, op, value)| ((k, Reverse(v)), (op, value)))
            .collect()
    })
}

fn visible(entries: &Entries, at: Commit) -> Vec<(Vec<u8>, Commit, Op, Vec<u8>)> {
    let mut out: Vec<(Vec<u8>, Commit, Op, Vec<u8>)> = Vec::new();
    for ((key, version), (op, value)) in entries {
        if version.0 <= at && out.last().is_none_or(|last| last.0 != *key) {
            out.push((key.clone(), version.0, *op, value.clone()));
        }
    }
    out
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    let key = prop_oneof![
        (0u16..125).prop_map(|n| format!("user:{}/{n:04}", n / 40).into_bytes()),
        Just(Vec::new()),
        Just(b"zzz".to_vec()),
        Just(b"user:1".to_vec()),
    ];
    prop_oneof![
        Just(Bound::Unbounded),
        key.clone().prop_map(Bound::Included),
        key.prop_map(Bound::Excluded),
    ]
}

fn inside(key: &[u8], range: &KeyRange) -> bool {
    let from = match &range.start {
        Bound::Unbounded => true,
        Bound::Included(start) => key >= &start[..],
        Bound::Excluded(start) => key > &start[..],
    };
    let to = match &range.end {
        Bound::Unbounded => true,
        Bound::Included(end) => key <= &end[..],
        Bound::Excluded(end) => key < &end[..],
    };
    from && to
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gets_agree_with_a_map(entries in entries(), at in 0u64..70) {
        let table = table_of(&entries);
        let seen: BTreeMap<_, _> = visible(&entries, at).into_iter().map(|(k, v, op, value)| (k, (v, op, value))).collect();
        for n in 0..125u16 {
            let key = format!("user:{}/{n:04}", n / 40).into_bytes();
            let found = blocking(table.get(&key, key_hash(&key), at, ReadMode::Blocking)).unwrap();
            let found = found.map(|found| (found.version, found.op, found.value.to_vec()));
            prop_assert_eq!(found, seen.get(&key).cloned());
        }
    }

    #[test]
    fn walks_agree_with_a_map_in_both_directions_and_modes(entries in entries(), at in 0u64..70, start in bound(), end in bound(), cold in any::<bool>()) {
        let table = table_of(&entries);
        let range = KeyRange { start, end };
        let mut expected: Vec<_> = visible(&entries, at).into_iter().filter(|(key, ..)| inside(key, &range)).collect();
        for direction in [Direction::Forward, Direction::Reverse] {
            let mode = if cold { ReadMode::CachedOnly } else { ReadMode::Blocking };
            let mut run = Run::new(vec![table.clone()], &range, at, direction, mode);
            let mut got = Vec::new();
            let mut misses = 0;
            loop {
                match run.advance() {
                    Ok(true) => got.push((run.key().to_vec(), run.version(), run.op(), run.value().to_vec())),
                    Ok(false) => break,
                    Err(Stop::Miss(miss)) => {
                        misses += 1;
                        prop_assert!(misses < 10_000);
                        table.load(miss.block).unwrap();
                    }
                    Err(Stop::Failed(error)) => panic!("{error}"),
                }
            }
            prop_assert!(!run.advance().unwrap());
            prop_assert_eq!(&got, &expected);
            expected.reverse();
        }
    }

    #[test]
    fn a_stream_brings_every_version_and_verification_passes(entries in entries()) {
        let table = table_of(&entries);
        let mut stream = Stream::new(table.clone());
        let mut got = Entries::new();
        while stream.advance().unwrap() {
            got.insert((stream.key().to_vec(), Reverse(stream.version())), (stream.op(), stream.value().to_vec()));
        }
        prop_assert_eq!(got, entries);
        let edit = crate::version::VersionEdit { add: vec![table.at()], remove: vec![] };
        let version = Version::empty().apply(&edit, &[table]).unwrap();
        let findings = verify_tables(&version, &mut |_, _| {});
        prop_assert!(findings.is_empty(), "{:?}", findings);
    }
}

/// Everything a reader can get from a table, or the first error.
fn read_everything(sim: &SimFs, at: TableAt) -> Result<Entries> {
    let table = open(sim, at)?;
    let mut stream = Stream::new(table.clone());
    let mut got = Entries::new();
    while stream.advance()? {
        got.insert(
            (stream.key().to_vec(), Reverse(stream.version())),
            (stream.op(), stream.value().to_vec()),
        );
    }
    for (key, version) in got.keys() {
        blocking(table.get(key, key_hash(key), version.0, ReadMode::Blocking))?;
    }
    Ok(got)
}

#[test]
fn every_flipped_bit_is_detected_and_named() {
    let mut entries = Entries::new();
    for n in 0..60u64 {
        let op = if n % 7 == 0 { Op::Remove } else { Op::Add };
        entries.insert(
            (format!("key{}", n / 2).into_bytes(), Reverse(n + 1)),
            (op, vec![n as u8; (n * 3) as usize]),
        );
    }
    let sim = SimFs::new();
    let at = write(&sim, &entries).unwrap();
    assert_eq!(read_everything(&sim, at).unwrap(), entries);
    let path = Path::new(DIR).join(table_file_name(5));
    for bit in 0..at.bytes * 8 {
        sim.flip_bit(&path, bit);
        match read_everything(&sim, at) {
            Err(Error::Corrupt {
                path: named,
                offset,
                ..
            }) => {
                assert_eq!(named, path);
                assert!(offset <= bit / 8, "bit {bit} was reported at byte {offset}");
            }
            other => panic!("bit {bit}: {other:?}"),
        }
        sim.flip_bit(&path, bit);
    }
}

#[test]
fn a_truncated_or_swapped_file_is_refused() {
    let entries: Entries = (0..10u8)
        .map(|n| ((vec![n], Reverse(1)), (Op::Add, vec![n])))
        .collect();
    let sim = SimFs::new();
    let at = write(&sim, &entries).unwrap();
    for wrong in [
        TableAt {
            bytes: at.bytes - 1,
            ..at
        },
        TableAt {
            family: Family::META,
            ..at
        },
    ] {
        assert!(matches!(open(&sim, wrong), Err(Error::Corrupt { .. })));
    }
    sim.rename(
        &Path::new(DIR).join(table_file_name(5)),
        &Path::new(DIR).join(table_file_name(6)),
    )
    .unwrap();
    assert!(matches!(
        open(&sim, TableAt { id: 6, ..at }),
        Err(Error::Corrupt { .. })
    ));
    assert!(matches!(open(&sim, at), Err(Error::Io { .. })));
}

#[test]
fn the_builder_refuses_what_is_out_of_order() {
    let sim = SimFs::new();
    sim.create_dir(Path::new(DIR)).unwrap();
    let mut builder = Builder::new(
        sim.create(&Path::new(DIR).join("x")).unwrap(),
        1,
        Family::DATA,
    );
    builder.add(b"b", 5, Op::Add, b"").unwrap();
    for (key, version) in [(&b"a"[..], 5), (b"b", 5), (b"b", 6)] {
        assert!(matches!(
            builder.add(key, version, Op::Add, b""),
            Err(Error::Invalid(_))
        ));
    }
    builder.add(b"b", 4, Op::Add, b"").unwrap();
    builder.add(b"ba", 9, Op::Add, b"").unwrap();
    assert_eq!(builder.finish().unwrap().unwrap().family, Family::DATA);
    let empty = Builder::new(
        sim.create(&Path::new(DIR).join("y")).unwrap(),
        2,
        Family::DATA,
    );
    assert!(empty.finish().unwrap().is_none());
}

#[test]
fn a_doomed_table_takes_its_file_with_it_after_the_last_reader() {
    let entries: Entries = (0..10u8)
        .map(|n| ((vec![n], Reverse(1)), (Op::Add, vec![n])))
        .collect();
    let sim = SimFs::new();
    let at = write(&sim, &entries).unwrap();
    let table = open(&sim, at).unwrap();
    let mut reader = Run::new(
        vec![table.clone()],
        &KeyRange::all(),
        1,
        Direction::Forward,
        ReadMode::Blocking,
    );
    table.doom();
    drop(table);
    assert!(reader.advance().unwrap());
    assert!(sim
        .exists(&Path::new(DIR).join(table_file_name(5)))
        .unwrap());
    drop(reader);
    assert!(!sim
        .exists(&Path::new(DIR).join(table_file_name(5)))
        .unwrap());
}
