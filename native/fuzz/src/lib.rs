//! The fuzzing loop that the decoders' tests share; a development dependency only.
//!
//! **Purpose.** No bytes, however damaged or made up, may make a decoder panic, hang, or take memory without bound.
//!
//! **Theory.** Inputs are mutated from a corpus. A decoder's *signature* (which error, or the shape of what was read) stands
//! for the path taken: an input with a new signature joins the corpus. All is drawn from a seed, so a failure comes
//! again; the failing input is printed.
//!
//! `FUZZ_SECONDS=3600 cargo test --release fuzz` gives each target that much processor time (of its own thread, so that
//! an hour is an hour on a loaded machine too) and keeps what it finds in its crate's `fuzz/corpus`; without it, a few
//! thousand inputs each, and nothing is kept.

use std::collections::hash_map::DefaultHasher;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Decodes, and says by which path; must return whatever the bytes are.
pub type Target<'a> = &'a mut dyn FnMut(&[u8]) -> String;

/// Inputs of a run without `FUZZ_SECONDS`.
const SHORT_RUN: u64 = 4_000;
const MAX_INPUT: usize = 1 << 16;
const MAX_CORPUS: usize = 2_000;

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

/// Numbers from a seed (xorshift64).
pub struct Dice(u64);

impl Dice {
    /// A die whose throws follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Dice(seed | 1)
    }

    /// A number below `n`; 0 if `n` is 0.
    pub fn roll(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n.max(1)
    }
}

/// Rounds a count, so that signatures tell shapes apart and not every size.
pub fn shape(n: usize) -> u32 {
    usize::BITS - n.leading_zeros()
}

/// Throws mutations of `seeds`, and of what `crate_dir/fuzz/corpus/name` keeps, at a decoder. A crate passes
/// `env!("CARGO_MANIFEST_DIR")` as `crate_dir`.
pub fn fuzz(crate_dir: &str, name: &str, target: Target<'_>, seeds: Vec<Vec<u8>>) {
    let dir = Path::new(crate_dir).join("fuzz/corpus").join(name);
    let budget = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs);
    let mut corpus: Vec<Vec<u8>> = seeds.into_iter().chain(kept(&dir)).collect();
    if corpus.is_empty() {
        corpus.push(Vec::new());
    }
    let mut seen: HashSet<String> = corpus.iter().map(|input| target(input)).collect();
    let mut dice = Dice::new(if budget.is_some() { entropy() } else { 0x5eed });
    let mut runs = 0u64;
    while budget.map_or(runs < SHORT_RUN, |budget| thread_time() < budget) {
        runs += 1;
        let mut input = corpus[dice.roll(corpus.len())].clone();
        mutate(&mut dice, &mut input, &corpus);
        let signature = {
            let _witness = Witness(name, &input);
            target(&input)
        };
        if seen.insert(signature) && corpus.len() < MAX_CORPUS {
            if budget.is_some() {
                keep(&dir, &input);
            }
            corpus.push(input);
        }
    }
    if budget.is_some() {
        println!(
            "{name}: {runs} inputs, {} paths, corpus {}",
            seen.len(),
            corpus.len()
        );
    }
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

/// Processor time that this thread has used.
fn thread_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn entropy() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |since| since.as_nanos() as u64)
}

fn kept(dir: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
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

fn keep(dir: &Path, input: &[u8]) {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = dir.join(format!("{:016x}", hasher.finish()));
    if let Err(error) = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&path, input)) {
        eprintln!("{} is not kept: {error}", path.display());
    }
}

/// LEB128, which most of our decoders read.
fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn mutate(dice: &mut Dice, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(input.len() + 1);
        let len = dice.roll(16).min(input.len() - at);
        let edge = EDGES[dice.roll(EDGES.len())];
        match dice.roll(9) {
            0 if at < input.len() => input[at] ^= 1 << dice.roll(8),
            1 if at < input.len() => input[at] = dice.roll(256) as u8,
            2 => drop(input.drain(at..at + len)),
            3 => {
                let copy = input[at..at + len].to_vec();
                input.splice(at..at, copy);
            }
            4 => input.truncate(at),
            5 => {
                let width = [1, 2, 4, 8][dice.roll(4)];
                let end = (at + width).min(input.len());
                input.splice(at..end, edge.to_le_bytes()[..width].iter().copied());
            }
            6 => {
                let end = (at + 1).min(input.len());
                input.splice(at..end, varint(edge));
            }
            7 => {
                let end = (at + len).min(input.len());
                input.splice(at..end, edge.to_string().into_bytes());
            }
            _ => {
                let other = &corpus[dice.roll(corpus.len())];
                let from = dice.roll(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input.truncate(MAX_INPUT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "found")]
    fn a_weak_decoder_is_found_out() {
        let mut weak = |input: &[u8]| {
            assert!(input.first() != Some(&0xff), "found");
            format!("{:?}", input.first())
        };
        fuzz(
            env!("CARGO_MANIFEST_DIR"),
            "weak",
            &mut weak,
            vec![vec![1, 2, 3]],
        );
    }
}
