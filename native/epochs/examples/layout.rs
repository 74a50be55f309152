//! What publishing costs: laying an app of hashed keys out in pages, and proving and verifying single elements and blocks of them.
//!
//! Run: `cargo run --release -p hyperdb-epochs --example layout -- [keys [threads]]`; with no threads nothing is laid out. Values have 256 bytes without pattern. Times are of the
//! processor, all threads together; where it says so, by the clock.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_epochs::{lay_out, Plan};
use hyperdb_frames::verkle::VerkleForest;
use hyperdb_frames::{verify, Frames, FramesOptions, Request, Retention};
use hyperdb_graph::identity::System;
use hyperdb_graph::Store;
use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Db, Options, SyncMode};
use hyperdb_verkle::proof::{Bounds, Query, Show, Trusted};
use rustix::time::{clock_gettime, ClockId};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const NAME: &[u8] = b"bench";
const VALUE_BYTES: usize = 256;
const TURN_KEYS: u64 = 10_000;
const MEMORY: usize = 1 << 30;
const TRIES: usize = 200;
/// Elements of a block, about.
const BLOCK: u64 = 64;

/// Seconds by the clock and of the processor.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, f64, T) {
    let processor = || {
        let now = clock_gettime(ClockId::ProcessCPUTime);
        now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
    };
    let (clock, before) = (Instant::now(), processor());
    let made = work();
    (clock.elapsed().as_secs_f64(), processor() - before, made)
}

/// Numbers without pattern: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

fn filled(keys: u64) -> Frames {
    let options = Options {
        sync: SyncMode::EverySec,
        memory: MEMORY,
        create: true,
    };
    let db = Db::open_in(Arc::new(SimFs::new()), Path::new("/db"), options).unwrap();
    let store = Arc::new(Store::on(db, &mut System).unwrap());
    let options = FramesOptions {
        forest: Box::new(VerkleForest::new(MEMORY / 4, 2)),
        retention: Retention::default(),
        memory: MEMORY / 4,
    };
    let frames = Frames::open(store, options, Box::new(System)).unwrap();
    let mut numbers = Numbers(1);
    for first in (0..keys).step_by(TURN_KEYS as usize) {
        let mut turn = frames.store().turn(0);
        let app = turn.app(NAME).unwrap();
        for number in first..keys.min(first + TURN_KEYS) {
            let value: Vec<u8> = (0..VALUE_BYTES / 8)
                .flat_map(|_| numbers.next().to_le_bytes())
                .collect();
            turn.put_vertex(app, format!("user:{number}").as_bytes(), &value, None)
                .unwrap();
        }
        turn.commit().unwrap();
    }
    frames
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse().unwrap());
    let keys: u64 = arguments.next().unwrap_or(20_000);
    let threads = arguments.next().unwrap_or(1) as usize;
    let (_, filling, frames) = timed(|| filled(keys));
    println!("{keys} keys: filled in {filling:.2} s");
    let (_, sealing, _) = timed(|| frames.seal(true).unwrap());
    println!("sealed in {sealing:.2} s");
    // The table of multiples is made at first use.
    blocks(&frames, keys, 1, 1);
    if threads > 0 {
        pages(&frames, keys, threads);
    }
    for elements in [1, BLOCK] {
        blocks(&frames, keys, elements, TRIES);
    }
}

fn pages(frames: &Frames, keys: u64, threads: usize) {
    let view = frames.app_view(None, NAME).unwrap().unwrap();
    let plan = Plan {
        size: 4096,
        room: 4084,
        spare: 32,
        stable: None,
        last: None,
        threads,
        go_on: &|_| true,
    };
    let (clock, processor, made) = timed(|| lay_out(&view, &plan).unwrap());
    let pages = made.intervals.len() as f64;
    println!(
        "{pages} pages of {:.2} keys: {:.3} ms a page, {clock:.2} s by the clock on {threads} threads",
        keys as f64 / pages,
        processor * 1e3 / pages
    );
}

/// Proofs of ranges with about so many elements.
fn blocks(frames: &Frames, keys: u64, elements: u64, tries: usize) {
    let bits = (keys as f64 / elements as f64).log2().round() as u32;
    let (mut proving, mut verifying, mut bytes) = ([0.0; 2], [0.0; 2], 0);
    let mut numbers = Numbers(7);
    for _ in 0..tries {
        let block = numbers.next() >> (64 - bits);
        let bound = |block: u64| match block >> bits {
            0 => (block << (64 - bits)).to_be_bytes().to_vec(),
            _ => Vec::new(),
        };
        let bounds = Bounds {
            low: bound(block),
            below: bound(block + 1),
            companion: false,
        };
        let request = Request {
            about: Some((NAME, &[Query::Elements { bounds }], &Show::Whole)),
            ..Request::default()
        };
        let (clock, processor, bundle) = timed(|| frames.prove(&request).unwrap());
        proving = [proving[0] + clock, proving[1] + processor];
        bytes += bundle.len();
        let trusted = Trusted::StoreKey(frames.key().public());
        let (clock, processor, _) = timed(|| verify(&bundle, &trusted, Some(NAME), None).unwrap());
        verifying = [verifying[0] + clock, verifying[1] + processor];
    }
    let each = |sum: f64| sum * 1e3 / tries as f64;
    println!(
        "ranges of about {elements}: proved in {:.2} ms (by the clock {:.2}), verified in {:.2} ({:.2}), {} bytes",
        each(proving[1]),
        each(proving[0]),
        each(verifying[1]),
        each(verifying[0]),
        bytes / tries
    );
}
