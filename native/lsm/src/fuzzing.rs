//! A fuzzer for every decoder of what lies on the disk.
//!
//! **Purpose.** No bytes, however damaged or made up, may make a decoder panic, hang, or take memory without bound.
//!
//! **Theory.** Inputs are mutated from a corpus. Checksums are made right again before decoding, so that damage gets past
//! them to the code behind. A decoder's *signature* (which error, or the shape of what was read) stands for the
//! path taken: an input with a new signature joins the corpus. All is drawn from a seed, so a failure comes
//! again; the failing input is printed.
//!
//! `FUZZ_SECONDS=3600 cargo test --release -p hyperdb-lsm fuzzing` runs each target that long and keeps what it finds in
//! `fuzz/corpus`; without it, a few thousand inputs each, and nothing is kept.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::cache::BlockCache;
use crate::fs::{FileSystem, SimFs};
use crate::hash::key_hash;
use crate::log::record::{changes, read_record, read_segment_header, RECORD_HEADER};
use crate::manifest::Manifest;
use crate::merge::Source;
use crate::table::fuzz_parts::{
    block_signature, bloom_signature, footer_signature, index_signature,
};
use crate::table::{
    blocking, frame, table_file_name, Builder, ReadMode, Run, Stream, Table, TableAt,
};
use crate::types::{Direction, Family, KeyRange, Op};
use std::collections::HashSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Decodes, and says by which path; must return whatever the bytes are.
type Target = fn(&[u8]) -> String;

/// Numbers from a seed (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n.max(1)
    }
}

/// Values at which lengths and counts change their meaning.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX >> 1,
    u64::MAX,
];

fn mutate(dice: &mut Dice, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(input.len() + 1);
        let len = dice.roll(16).min(input.len() - at);
        match dice.roll(8) {
            0 if at < input.len() => input[at] ^= 1 << dice.roll(8),
            1 if at < input.len() => input[at] = dice.roll(256) as u8,
            2 => drop(input.drain(at..at + len)),
            3 => {
                let copy = input[at..at + len].to_vec();
                input.splice(at..at, copy);
            }
            4 => input.truncate(at),
            5 => {
                let edge = EDGES[dice.roll(EDGES.len())].to_le_bytes();
                let width = [1, 2, 4, 8][dice.roll(4)];
                let end = (at + width).min(input.len());
                input.splice(at..end, edge[..width].iter().copied());
            }
            6 => {
                let mut edge = Vec::new();
                crate::table::varint::put(&mut edge, EDGES[dice.roll(EDGES.len())]);
                let end = (at + 1).min(input.len());
                input.splice(at..end, edge);
            }
            _ => {
                let other = &corpus[dice.roll(corpus.len())];
                let from = dice.roll(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input.truncate(1 << 16);
}

fn corpus_dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name)
}

fn kept(name: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(corpus_dir(name))
        .map(|entries| {
            entries
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .collect()
        })
        .unwrap_or_default();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| std::fs::read(path).ok())
        .collect()
}

/// Says which input was being decoded when a decoder panicked.
struct Witness<'a>(&'a str, &'a [u8]);

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self.1.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("{}: failing input {hex}", self.0);
        }
    }
}

fn fuzz(name: &str, target: Target, seeds: Vec<Vec<u8>>) {
    let seconds: Option<u64> = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut corpus: Vec<Vec<u8>> = seeds.into_iter().chain(kept(name)).collect();
    let mut seen: HashSet<String> = corpus.iter().map(|input| target(input)).collect();
    let clock = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(1, |d| d.as_nanos() as u64);
    let mut dice = Dice(if end.is_some() { clock | 1 } else { 0x5eed });
    let mut runs = 0u64;
    while end.map_or(runs < 4_000, |end| Instant::now() < end) {
        runs += 1;
        let mut input = corpus[dice.roll(corpus.len())].clone();
        mutate(&mut dice, &mut input, &corpus);
        let signature = {
            let _witness = Witness(name, &input);
            target(&input)
        };
        if seen.insert(signature) && corpus.len() < 2_000 {
            if end.is_some() {
                std::fs::create_dir_all(corpus_dir(name)).unwrap();
                std::fs::write(
                    corpus_dir(name).join(format!("{:016x}", key_hash(&input))),
                    &input,
                )
                .unwrap();
            }
            corpus.push(input);
        }
    }
    if end.is_some() {
        println!(
            "{name}: {runs} inputs, {} paths, corpus {}",
            seen.len(),
            corpus.len()
        );
    }
}

/// Rounds a count, so that signatures tell shapes apart and not every size.
fn shape(n: usize) -> u32 {
    usize::BITS - n.leading_zeros()
}

fn with_crc(body: &[u8]) -> Vec<u8> {
    [body, &crc32c::crc32c(body).to_le_bytes()].concat()
}

#[test]
fn envelope() {
    let mut seeds = Vec::new();
    for payload in [
        &b"short"[..],
        &[7; 3000],
        b"abcabcabcabcabcabcabcabcabcabcabcabcabcdabc",
    ] {
        let mut sealed = Vec::new();
        frame::seal(payload, true, &mut Vec::new(), &mut sealed);
        sealed.truncate(sealed.len() - 4);
        seeds.push(sealed);
    }
    fuzz(
        "envelope",
        |input| match frame::open(&with_crc(input)) {
            Ok(opened) => format!("{} of {}", shape(opened.bytes().len()), shape(input.len())),
            Err(what) => what.to_owned(),
        },
        seeds,
    );
}

#[test]
fn block() {
    fuzz(
        "block",
        block_signature,
        crate::table::fuzz_parts::block_seeds(),
    );
}

#[test]
fn index() {
    fuzz(
        "index",
        index_signature,
        crate::table::fuzz_parts::index_seeds(),
    );
}

#[test]
fn filter() {
    fuzz("filter", bloom_signature, vec![vec![0; 64], vec![0xff; 32]]);
}

#[test]
fn footer_and_properties() {
    fuzz(
        "footer",
        footer_signature,
        crate::table::fuzz_parts::footer_seeds(),
    );
}

/// A whole table file; the checksums of its parts hold wherever its own lengths lead.
#[test]
fn table_file() {
    let sim = SimFs::new();
    sim.create_dir(Path::new("/f")).unwrap();
    let mut seeds = Vec::new();
    for count in [1u64, 30, 200] {
        let path = Path::new("/f").join(table_file_name(1));
        let mut builder = Builder::new(sim.create(&path).unwrap(), 1, Family::DATA);
        for n in 0..count {
            let op = if n % 5 == 0 { Op::Remove } else { Op::Add };
            builder
                .add(
                    format!("key {:03}", n / 2).as_bytes(),
                    1000 - n,
                    op,
                    &vec![n as u8; n as usize],
                )
                .unwrap();
        }
        builder.finish().unwrap();
        seeds.push(sim.read_all(&path).unwrap());
    }
    fuzz(
        "table",
        |input| {
            let input = crate::table::fuzz_parts::reseal(input);
            let sim = SimFs::new();
            sim.create_dir(Path::new("/f")).unwrap();
            sim.create(&Path::new("/f").join(table_file_name(1)))
                .unwrap()
                .append(&input)
                .unwrap();
            let fs: Arc<dyn FileSystem> = Arc::new(sim);
            let at = TableAt {
                id: 1,
                family: Family::DATA,
                level: 0,
                bytes: input.len() as u64,
            };
            let table = match Table::open(&fs, Path::new("/f"), at, &BlockCache::new(0)) {
                Ok(table) => table,
                Err(error) => return error_kind(&error.to_string()),
            };
            let mut out = String::new();
            let mut stream = Stream::new(table.clone());
            let streamed =
                std::iter::from_fn(|| stream.advance().map(|more| more.then_some(())).transpose())
                    .take_while(Result::is_ok)
                    .count();
            let _ = write!(out, "stream {}", shape(streamed));
            for direction in [Direction::Forward, Direction::Reverse] {
                let range = KeyRange::between(b"key 003", b"key 090");
                for range in [KeyRange::all(), range] {
                    let mut run = Run::new(
                        vec![table.clone()],
                        &range,
                        950,
                        direction,
                        ReadMode::Blocking,
                    );
                    let walked = std::iter::from_fn(|| run.advance().ok().filter(|more| *more))
                        .take(10_000)
                        .count();
                    let _ = write!(out, ", run {}", shape(walked));
                }
            }
            let found = (0..100).filter(|n| {
                let key = format!("key {n:03}").into_bytes();
                matches!(
                    blocking(table.get(&key, key_hash(&key), 2000, ReadMode::Blocking)),
                    Ok(Some(_))
                )
            });
            let _ = write!(out, ", get {}", shape(found.count()));
            out
        },
        seeds,
    );
}

/// The words of an error without its numbers.
fn error_kind(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[test]
fn log_record() {
    use crate::log::record::{begin_record, finish_record, push_change, Change};
    let mut seeds = Vec::new();
    for count in [1usize, 20] {
        let mut out = Vec::new();
        begin_record(&mut out);
        for n in 0..count {
            let value = vec![n as u8; n * 40];
            push_change(
                &mut out,
                Change {
                    family: Family((n % 3) as u8),
                    op: Op::Add,
                    fresh: n % 2 == 0,
                    key: b"some key",
                    value: &value,
                },
            );
        }
        finish_record(&mut out, 3, 9, 8);
        seeds.push(out);
    }
    fuzz(
        "log_record",
        |input| {
            let mut out = String::new();
            // As found: mostly refused. Then with the length and checksum that fit, so that the payload is reached.
            let _ = write!(
                out,
                "{:?} {:?}",
                read_record(input, 0, 3).is_some(),
                read_segment_header(input, 3).is_some()
            );
            if input.len() >= RECORD_HEADER {
                let mut fixed = input.to_vec();
                finish_record(&mut fixed, 3, 9, 8);
                match read_record(&fixed, 0, 3) {
                    None => out.push_str(" refused"),
                    Some(record) => {
                        let parsed: Vec<_> = changes(record.payload).take(1 << 17).collect();
                        let bad = parsed.iter().filter(|change| change.is_none()).count();
                        let _ = write!(out, " {} changes, {} bad", shape(parsed.len()), shape(bad));
                        for change in parsed.into_iter().flatten().take(3) {
                            let _ = write!(
                                out,
                                " {:?} {} {}",
                                change.op,
                                shape(change.key.len()),
                                shape(change.value.len())
                            );
                        }
                    }
                }
            }
            out
        },
        seeds,
    );
}

#[test]
fn manifest() {
    let table = |id| TableAt {
        id,
        family: Family::NODE,
        level: 2,
        bytes: 1 << 30,
    };
    let full = Manifest {
        sequence: 5,
        next_table: 9,
        flushed: 70,
        promised: 80,
        retained: vec![3, 50, 70],
        tables: (1..6).map(table).collect(),
        ..Manifest::default()
    };
    let seeds = vec![Manifest::default().encode(), full.encode()];
    fuzz(
        "manifest",
        |input| {
            let mut input = input.to_vec();
            if input.len() >= 16 {
                let length = (input.len() - 16) as u32;
                input[8..12].copy_from_slice(&length.to_le_bytes());
                let crc = crc32c::crc32c_append(crc32c::crc32c(&input[..12]), &input[16..]);
                input[12..16].copy_from_slice(&crc.to_le_bytes());
            }
            match Manifest::decode(&input) {
                Ok(manifest) => format!(
                    "{} tables, {} points",
                    shape(manifest.tables.len()),
                    shape(manifest.retained.len())
                ),
                Err((_, what)) => what.to_owned(),
            }
        },
        seeds,
    );
}
