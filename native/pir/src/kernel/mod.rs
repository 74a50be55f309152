//! Sums of bytes times 32-bit numbers: what answers and hints consist of, by the instructions that the processor has.
//!
//! **Theory.** Processors multiply bytes (or 16-bit numbers) faster than 32-bit ones. So a number is cut into signed digits, the sum
//! of b_k 256^k (or 65536^k) modulo 2^32; each digit is multiplied for itself, and the sums are put together at the end. All of it
//! is modulo 2^32, so sums that wrap are right.
//!
//! | kernel | needs | digits | one step |
//! |---|---|---|---|
//! | Portable | nothing | none | products of 32 bits |
//! | Avx2, Avx512 | AVX2; AVX-512BW | two of 16 bits | even and odd bytes apart, `vpmaddwd` |
//! | Vnni | AVX-512 VNNI | four of 8 bits | `vpdpbusd` |
//! | Amx | AMX-INT8 | four of 8 bits | `tdpbsud`: 16 digits by 16 rows, 64 columns at a time |
//!
//! **Invariant.** All kernels give the same numbers. One that the processor has is used only after it gave, in this process, the
//! numbers of the portable one, for sizes and bytes that reach all of its parts ([`Kernel::available`]).

#[cfg(target_arch = "x86_64")]
mod amx;
mod digits;
#[cfg(target_arch = "x86_64")]
mod instructions;
#[cfg(test)]
mod model;
mod portable;
mod tiles;
mod trial;
mod vector;

use crate::error::{Error, Result};
use crate::matrix::{Block, TILE_ROWS};
use std::sync::OnceLock;

/// How sums are computed. See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Runs everywhere.
    Portable,
    /// 256-bit vectors.
    Avx2,
    /// 512-bit vectors.
    Avx512,
    /// 512-bit vectors with products of bytes.
    Vnni,
    /// Tiles; for many queries at once.
    Amx,
}

/// Sums of the rows of a tile for one query.
pub(crate) type Sums = [u32; TILE_ROWS];

/// Words that stand for four numbers of one query, those of a group of columns.
pub(crate) const WORDS: usize = 4;

/// Queries from which on [`Kernel::Amx`] is faster than vectors.
const AMX_FROM: usize = 8;

/// What a kernel does.
pub(crate) trait Multiply: Send + Sync {
    /// Groups of columns that are best taken at once, for so many queries; a multiple of sixteen.
    fn run_groups(&self, queries: usize) -> usize;

    /// Queries over a run of `groups` groups as this kernel reads them. What lies behind the end of a query is zero.
    fn prepare(&self, queries: &[&[u32]], groups: usize) -> Vec<u32>;

    /// Adds to the sums of each query what a run of blocks of one tile gives.
    ///
    /// `words` are of [`prepare`](Multiply::prepare), for as many groups as there are blocks and as many queries as sums.
    fn accumulate(&self, blocks: &[Block], words: &[u32], sums: &mut [Sums]);

    /// The sum of the products of two lists of one length.
    fn dot(&self, left: &[u32], right: &[u32]) -> u32;
}

type Engine = (Kernel, Box<dyn Multiply>);

/// The kernels of this processor that passed their check, from the slowest.
fn engines() -> &'static [Engine] {
    static ENGINES: OnceLock<Vec<Engine>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let passed = |engine: &Engine| trial::passes(engine.1.as_ref());
        detected().into_iter().filter(passed).collect()
    })
}

/// The kernels that the processor says it has.
fn detected() -> Vec<Engine> {
    let mut found: Vec<Engine> = vec![(Kernel::Portable, Box::new(portable::Portable))];
    #[cfg(target_arch = "x86_64")]
    {
        use vector::Vectors;
        let mut add = |kernel, engine: Option<Box<dyn Multiply>>| {
            found.extend(engine.map(|engine| (kernel, engine)))
        };
        // How many vectors of rows, and how many queries, have their sums in registers at a time: as many as there are.
        let avx2 = instructions::Avx2::detect().map(|it| Box::new(Vectors::<_, 8, 2, 3>(it)) as _);
        add(Kernel::Avx2, avx2);
        let avx512 =
            instructions::Avx512::detect().map(|it| Box::new(Vectors::<_, 4, 2, 4>(it)) as _);
        add(Kernel::Avx512, avx512);
        let vnni = instructions::Vnni::detect().map(|it| Box::new(Vectors::<_, 4, 4, 1>(it)) as _);
        add(Kernel::Vnni, vnni);
        let amx = amx::Amx::detect().map(|it| Box::new(tiles::OverTiles(it)) as _);
        add(Kernel::Amx, amx);
    }
    found
}

impl Kernel {
    /// All that there are, from the slowest.
    pub const ALL: [Kernel; 5] = [
        Kernel::Portable,
        Kernel::Avx2,
        Kernel::Avx512,
        Kernel::Vnni,
        Kernel::Amx,
    ];

    /// Those that this processor has and that passed their check, from the slowest. The first call runs the checks.
    pub fn available() -> impl DoubleEndedIterator<Item = Kernel> {
        engines().iter().map(|engine| engine.0)
    }

    /// The fastest one for so many queries at once.
    pub fn fastest(queries: usize) -> Kernel {
        let suited = |kernel: &Kernel| *kernel != Kernel::Amx || queries >= AMX_FROM;
        Kernel::available()
            .rev()
            .find(suited)
            .unwrap_or(Kernel::Portable)
    }

    /// Its name in lower case, as benchmarks write it.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Portable => "portable",
            Kernel::Avx2 => "avx2",
            Kernel::Avx512 => "avx512",
            Kernel::Vnni => "vnni",
            Kernel::Amx => "amx",
        }
    }

    /// # Errors
    /// It is not among those that are available.
    pub(crate) fn engine(self) -> Result<&'static dyn Multiply> {
        let found = engines().iter().find(|engine| engine.0 == self);
        found
            .map(|engine| engine.1.as_ref())
            .ok_or(Error::KernelUnavailable)
    }
}
