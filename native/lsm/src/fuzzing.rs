//! A fuzzer for every decoder of what lies on the disk.
//!
//! **Purpose.** No bytes, however damaged or made up, may make a decoder panic, hang, or take memory without bound.
//!
//! **Theory.** The loop is `hyperdb-fuzz`'s. Checksums are made right again before decoding, so that damage gets past them to
//! the code behind. The long form: `FUZZ_SECONDS=3600 cargo test --release -p hyperdb-lsm fuzzing`.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::cache::BlockCache;
use crate::fs::{FileSystem, SimFs};
use crate::hash::key_hash;
use crate::log::record::{changes, read_record, read_segment_header, Logged, RECORD_HEADER};
use crate::manifest::Manifest;
use crate::merge::Source;
use crate::points::Kept;
use crate::table::fuzz_parts::{
    block_signature, bloom_signature, footer_signature, index_signature,
};
use crate::table::{
    blocking, frame, table_file_name, Builder, ReadMode, Run, Stream, Table, TableAt,
};
use crate::types::{Direction, Family, KeyRange, Op};
use hyperdb_fuzz::shape;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

fn fuzz(name: &str, mut target: impl FnMut(&[u8]) -> String, seeds: Vec<Vec<u8>>) {
    hyperdb_fuzz::fuzz(env!("CARGO_MANIFEST_DIR"), name, &mut target, seeds);
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
                adopted: 0,
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
    use crate::log::record::{
        begin_record, finish_record, push_adopted, push_change, Adopted, Change,
    };
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
        let family = Family::DATA;
        push_adopted(
            &mut out,
            Adopted {
                family,
                id: 7,
                bytes: 300,
            },
        );
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
                        for logged in parsed.into_iter().flatten().take(3) {
                            let _ = match logged {
                                Logged::Change(change) => write!(
                                    out,
                                    " {:?} {} {}",
                                    change.op,
                                    shape(change.key.len()),
                                    shape(change.value.len())
                                ),
                                Logged::Adopted(_) => write!(out, " adopted"),
                            };
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
        adopted: 0,
    };
    let full = Manifest {
        adopted: 70,
        sequence: 5,
        next_table: 9,
        flushed: 70,
        promised: 80,
        kept: Kept {
            asked: [3, 50, 70].into(),
            frames: [50, 60].into(),
        },
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
                    "{} tables, {} and {} points",
                    shape(manifest.tables.len()),
                    shape(manifest.kept.asked.len()),
                    shape(manifest.kept.frames.len())
                ),
                Err((_, what)) => what.to_owned(),
            }
        },
        seeds,
    );
}
