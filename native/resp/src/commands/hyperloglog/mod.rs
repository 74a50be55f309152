//! HyperLogLog: about how many different elements were added, in 12 KiB at most.
//!
//! **Theory.** Flajolet and others, 2007, with Ertl's estimator of 2017 (`New cardinality estimation algorithms for HyperLogLog
//! sketches`). The values are strings in Redis's encoding, byte for byte as Redis would have written them after the same commands,
//! so GET, SET, DUMP and RESTORE carry them between both.
//!
//! **Invariant.** What a client stored under a key is looked at before it is believed: what is no such string is WRONGTYPE, what is
//! one but does not add up is INVALIDOBJ.

mod debug;
mod dense;
mod estimate;
mod sparse;

use crate::command::{Abort, Context, Handler, Outcome};
use crate::commands::strings;
use dense::REGISTERS;

/// Handlers of this folder by command name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("pfadd", pfadd),
    ("pfcount", pfcount),
    ("pfdebug", debug::pfdebug),
    ("pfmerge", pfmerge),
    ("pfselftest", debug::pfselftest),
];

/// Magic, encoding, three bytes of nothing, and the cached cardinality.
const HEADER: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// Where the cached cardinality lies, u64 LE; its top bit says that it is out of date.
const CACHED: std::ops::Range<usize> = 8..16;
const STALE: u8 = 1 << 7;

/// A value's registers do not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Corrupt;

impl From<Corrupt> for Abort {
    fn from(_: Corrupt) -> Self {
        Abort::error("INVALIDOBJ Corrupted HLL object detected")
    }
}

/// A value: its header and registers, in either encoding.
struct Sketch {
    bytes: Vec<u8>,
    /// When its key expires, Unix milliseconds.
    expiry: Option<i64>,
    /// Longest sparse value with header (`hll-sparse-max-bytes`).
    most: usize,
}

impl Sketch {
    fn new(cx: &Context<'_, '_>) -> Sketch {
        let mut bytes = vec![0; HEADER];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4] = SPARSE;
        sparse::push_zeros(&mut bytes, REGISTERS);
        Sketch {
            bytes,
            expiry: None,
            most: most(cx),
        }
    }

    /// The value at `key`, if there is one.
    fn open(cx: &Context<'_, '_>, key: &[u8]) -> Result<Option<Sketch>, Abort> {
        let found = strings::with(cx.turn, cx.app, key, |text| {
            text.map(|text| (text.value.to_vec(), text.expiry))
        })?;
        let Some((bytes, expiry)) = found else {
            return Ok(None);
        };
        let is_one = bytes.len() >= HEADER
            && bytes.starts_with(MAGIC)
            && match bytes[4] {
                DENSE => bytes.len() == HEADER + dense::BYTES,
                SPARSE => true,
                _ => false,
            };
        if !is_one {
            return Err(Abort::error(
                "WRONGTYPE Key is not a valid HyperLogLog string value.",
            ));
        }
        Ok(Some(Sketch {
            bytes,
            expiry,
            most: most(cx),
        }))
    }

    fn save(&self, cx: &mut Context<'_, '_>, key: &[u8]) -> Outcome {
        cx.turn.put_vertex(cx.app, key, &self.bytes, self.expiry)?;
        Ok(())
    }

    fn is_dense(&self) -> bool {
        self.bytes[4] == DENSE
    }

    /// Visits the registers in order: runs of equal ones.
    fn runs(&self, mut visit: impl FnMut(usize, usize, u8)) -> Result<(), Corrupt> {
        let body = &self.bytes[HEADER..];
        if !self.is_dense() {
            return sparse::runs(body, visit);
        }
        (0..REGISTERS).for_each(|at| visit(at, 1, dense::get(body, at)));
        Ok(())
    }

    /// Raises a register to at least `count`; whether it was lower.
    fn raise(&mut self, index: usize, count: u8) -> Result<bool, Corrupt> {
        if self.is_dense() {
            return Ok(dense::raise(&mut self.bytes[HEADER..], index, count));
        }
        match sparse::raise(&mut self.bytes, (HEADER, self.most), index, count)? {
            sparse::Raised::Not => Ok(false),
            sparse::Raised::Done => Ok(true),
            sparse::Raised::TooLarge => {
                self.make_dense()?;
                dense::raise(&mut self.bytes[HEADER..], index, count);
                Ok(true)
            }
        }
    }

    fn make_dense(&mut self) -> Result<(), Corrupt> {
        if self.is_dense() {
            return Ok(());
        }
        let mut bytes = vec![0; HEADER + dense::BYTES];
        bytes[..HEADER].copy_from_slice(&self.bytes[..HEADER]);
        bytes[4] = DENSE;
        self.runs(|first, len, value| {
            if value > 0 {
                (first..first + len).for_each(|at| {
                    dense::raise(&mut bytes[HEADER..], at, value);
                });
            }
        })?;
        self.bytes = bytes;
        Ok(())
    }

    /// Notes that the cached cardinality is out of date.
    fn changed(&mut self) {
        self.bytes[CACHED.end - 1] |= STALE;
    }

    /// The cached cardinality, unless it is out of date.
    fn cached(&self) -> Option<u64> {
        let cached: [u8; 8] = self.bytes[CACHED].try_into().ok()?;
        (cached[7] & STALE == 0).then(|| u64::from_le_bytes(cached))
    }

    fn count(&self) -> Result<u64, Corrupt> {
        let mut histogram = estimate::Histogram::default();
        self.runs(|_, len, value| histogram.add(value, len))?;
        Ok(histogram.estimate())
    }
}

fn most(cx: &Context<'_, '_>) -> usize {
    usize::try_from(cx.forms.limits.sketch_bytes).unwrap_or(usize::MAX)
}

/// The largest value of each register among several sketches.
fn merge_into(registers: &mut [u8; REGISTERS], sketch: &Sketch) -> Result<(), Corrupt> {
    sketch.runs(|first, len, value| {
        for register in registers.iter_mut().skip(first).take(len) {
            *register = value.max(*register);
        }
    })
}

/// PFADD key [element [element ...]]
fn pfadd(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let (mut sketch, mut is_changed) = match Sketch::open(cx, key)? {
        Some(sketch) => (sketch, false),
        None => (Sketch::new(cx), true),
    };
    for element in args.from(2).iter() {
        let (index, count) = estimate::place(element);
        is_changed |= sketch.raise(index, count)?;
    }
    if is_changed {
        sketch.changed();
        sketch.save(cx, key)?;
    }
    cx.reply.integer(i64::from(is_changed));
    Ok(())
}

/// PFCOUNT key [key ...]: of one key the count is kept with the value, as Redis does
fn pfcount(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    if args.len() > 2 {
        let mut registers = [0; REGISTERS];
        for key in args.from(1).iter() {
            if let Some(sketch) = Sketch::open(cx, key)? {
                merge_into(&mut registers, &sketch)?;
            }
        }
        let mut histogram = estimate::Histogram::default();
        registers.iter().for_each(|value| histogram.add(*value, 1));
        cx.reply.integer(histogram.estimate() as i64);
        return Ok(());
    }
    let key = args.at(1);
    let Some(mut sketch) = Sketch::open(cx, key)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let count = match sketch.cached() {
        Some(count) => count,
        None => {
            let count = sketch.count()?;
            sketch.bytes[CACHED].copy_from_slice(&count.to_le_bytes());
            sketch.save(cx, key)?;
            count
        }
    };
    cx.reply.integer(count as i64);
    Ok(())
}

/// PFMERGE destkey [sourcekey [sourcekey ...]]
fn pfmerge(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let mut registers = [0; REGISTERS];
    let mut is_dense = false;
    for source in args.from(1).iter() {
        if let Some(sketch) = Sketch::open(cx, source)? {
            is_dense |= sketch.is_dense();
            merge_into(&mut registers, &sketch)?;
        }
    }
    let mut target = Sketch::open(cx, key)?.unwrap_or_else(|| Sketch::new(cx));
    if is_dense {
        target.make_dense()?;
    }
    for (index, count) in registers.into_iter().enumerate() {
        if count > 0 {
            target.raise(index, count)?;
        }
    }
    target.changed();
    target.save(cx, key)?;
    cx.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests;
