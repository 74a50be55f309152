//! What answering costs, beside reading the same memory and beside SimplePIR's loop; hints and the client's part too.
//!
//! Run: `cargo run --release -p hyperdb-pir --example scan -- [megabytes]`. Times are of the processor, so what else runs on the
//! machine counts little; kernels take turns. GB/s are of the matrix (of packed memory for SimplePIR's form), 1e9 bytes; of a batch,
//! of the matrix times its queries.
#![allow(clippy::unwrap_used, missing_docs, unsafe_code)]

use hyperdb_pir::answer::answer;
use hyperdb_pir::client::prepare;
use hyperdb_pir::hint::Hint;
use hyperdb_pir::kernel::Kernel;
use hyperdb_pir::matrix::Matrix;
use hyperdb_pir::parameters::DIMENSION;
use hyperdb_pir::public::PublicMatrix;
use hyperdb_pir::Seed;
use rustix::time::{clock_gettime, ClockId};
use std::hint::black_box;

const ROWS: usize = 4096;
const TURNS: usize = 5;
/// Columns of the matrix whose hint is built for each kernel.
const HINT_COLUMNS: usize = 4096;

/// Seconds of processor time of all threads of the process.
fn processor_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// The median of the times of several runs, in seconds.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let start = processor_seconds();
    black_box(work());
    processor_seconds() - start
}

fn numbers(count: usize, seed: u64) -> Vec<u32> {
    let mut state = seed;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Calls a function compiled for the widest vectors of the processor, so that what kernels are compared with has them too.
macro_rules! widest {
    ($function:ident($($name:ident: $type:ty),*) -> $out:ty) => {{
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            fn avx2($($name: $type),*) -> $out {
                $function($($name),*)
            }
            #[target_feature(enable = "avx512f,avx512bw")]
            fn avx512($($name: $type),*) -> $out {
                $function($($name),*)
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                // SAFETY: the processor has what the function is compiled for.
                return unsafe { avx512($($name),*) };
            }
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has what the function is compiled for.
                return unsafe { avx2($($name),*) };
            }
        }
        $function($($name),*)
    }};
}

fn plain_read(matrix: &Matrix, first: usize, step: usize) -> u64 {
    widest!(read_inlined(matrix: &Matrix, first: usize, step: usize) -> u64)
}

fn packed_rows(packed: &[u32], per_row: usize, query: &[u32]) -> Vec<u32> {
    widest!(packed_inlined(packed: &[u32], per_row: usize, query: &[u32]) -> Vec<u32>)
}

/// Reads every `step`th tile of the matrix's memory once, with nothing to wait for but memory.
#[inline(always)]
fn read_inlined(matrix: &Matrix, first: usize, step: usize) -> u64 {
    let mut sums = [0u64; 32];
    for piece in matrix.memory().skip(first).step_by(step).flatten() {
        for (sum, word) in sums.iter_mut().zip(piece.chunks_exact(8)) {
            *sum ^= u64::from_ne_bytes(word.try_into().unwrap());
        }
    }
    sums.iter().fold(0, |all, sum| all ^ sum)
}

/// The same by two threads.
fn read_by_two(matrix: &Matrix) -> u64 {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| plain_read(matrix, 1, 2));
        plain_read(matrix, 0, 2) ^ other.join().unwrap()
    })
}

/// The loop of SimplePIR's published kernel, written anew: three entries of ten bits in a number, eight rows at a time.
#[inline(always)]
fn packed_inlined(packed: &[u32], per_row: usize, query: &[u32]) -> Vec<u32> {
    const MASK: u32 = (1 << 10) - 1;
    let mut out = Vec::new();
    for rows in packed.chunks_exact(8 * per_row) {
        let mut sums = [0u32; 8];
        for (place, three) in query.chunks_exact(3).enumerate() {
            for (row, sum) in sums.iter_mut().enumerate() {
                let entries = rows[row * per_row + place];
                let products = (entries & MASK)
                    .wrapping_mul(three[0])
                    .wrapping_add((entries >> 10 & MASK).wrapping_mul(three[1]))
                    .wrapping_add((entries >> 20 & MASK).wrapping_mul(three[2]));
                *sum = sum.wrapping_add(products);
            }
        }
        out.extend(sums);
    }
    out
}

/// The least time by the clock of several runs of each, which take turns: what the machine does for others adds to the rest.
fn least<const N: usize>(works: [&dyn Fn(); N]) -> [f64; N] {
    let mut least = [f64::INFINITY; N];
    for _ in 0..4 * TURNS {
        for (work, least) in works.iter().zip(&mut least) {
            let start = std::time::Instant::now();
            work();
            *least = least.min(start.elapsed().as_secs_f64());
        }
    }
    least
}

fn main() {
    let megabytes: usize = std::env::args()
        .nth(1)
        .map_or(256, |text| text.parse().unwrap());
    let columns = megabytes * 1_000_000 / ROWS / 64 * 64;
    let bytes = (ROWS * columns) as f64;
    println!("{ROWS} rows, {columns} columns, n = {DIMENSION}; processor time, one thread where not said");
    let mut matrix = Matrix::new(ROWS, columns).unwrap();
    let page: Vec<u8> = numbers(ROWS / 4, 1)
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let filling = timed(|| (0..columns).for_each(|column| matrix.set(column, &page).unwrap()));
    println!("filled              {:>8.2} GB/s", bytes / filling / 1e9);
    let kernels: Vec<Kernel> = Kernel::available().collect();
    let read = alone(&matrix, &kernels);
    by_clock(&matrix);
    together(&matrix, &kernels, read);
    hints(&kernels, &page);
    clients(columns);
}

/// One query at a time beside a plain read and SimplePIR's loop; returns the read's speed.
fn alone(matrix: &Matrix, kernels: &[Kernel]) -> f64 {
    let (columns, bytes) = (matrix.columns(), (ROWS * matrix.columns()) as f64);
    let per_row = columns / 4;
    let packed = numbers(ROWS * per_row, 4);
    let query = numbers(columns, 2);
    let packed_query = numbers(3 * per_row, 3);
    let (mut read, mut peer) = (Vec::new(), Vec::new());
    let mut alone = vec![Vec::new(); kernels.len()];
    for _ in 0..TURNS {
        read.push(timed(|| plain_read(matrix, 0, 1)));
        peer.push(timed(|| packed_rows(&packed, per_row, &packed_query)));
        for (kernel, times) in kernels.iter().zip(&mut alone) {
            times.push(timed(|| answer(matrix, &[&query], *kernel, 1).unwrap()));
        }
    }
    let read = bytes / median(read) / 1e9;
    let peer = bytes / median(peer) / 1e9;
    println!("plain read          {read:>8.2} GB/s");
    println!(
        "SimplePIR's loop    {peer:>8.2} GB/s: {:.2} entries of ten bits",
        peer * 0.75
    );
    for (kernel, times) in kernels.iter().zip(alone) {
        let speed = bytes / median(times) / 1e9;
        println!(
            "{:<10} 1 query  {speed:>8.2} GB/s  {:>4.0}% of the read",
            kernel.name(),
            100.0 * speed / read
        );
    }
    read
}

/// One query at a time by the clock, by one thread and by two, beside reads by as many.
fn by_clock(matrix: &Matrix) {
    let bytes = (ROWS * matrix.columns()) as f64;
    let query = numbers(matrix.columns(), 2);
    let kernel = Kernel::fastest(1);
    let scan = |threads: usize| {
        black_box(answer(matrix, &[&query], kernel, threads).unwrap());
    };
    let times = least([
        &|| {
            black_box(plain_read(matrix, 0, 1));
        },
        &|| scan(1),
        &|| {
            black_box(read_by_two(matrix));
        },
        &|| scan(2),
    ]);
    let speeds = times.map(|time| bytes / time / 1e9);
    for (threads, speeds) in speeds.chunks(2).enumerate() {
        println!(
            "by the clock, {} thread(s): read {:.2} GB/s, {} {:.2} GB/s, {:.0}% of the read",
            threads + 1,
            speeds[0],
            kernel.name(),
            speeds[1],
            100.0 * speeds[1] / speeds[0]
        );
    }
}

/// Batches.
fn together(matrix: &Matrix, kernels: &[Kernel], read: f64) {
    let (columns, bytes) = (matrix.columns(), (ROWS * matrix.columns()) as f64);
    for batch in [8, 128] {
        let queries: Vec<Vec<u32>> = (0..batch).map(|seed| numbers(columns, seed)).collect();
        let queries: Vec<&[u32]> = queries.iter().map(Vec::as_slice).collect();
        for kernel in kernels.iter().filter(|kernel| **kernel != Kernel::Portable) {
            let seconds = timed(|| answer(matrix, &queries, *kernel, 1).unwrap());
            let speed = bytes * batch as f64 / seconds / 1e9;
            println!(
                "{:<10} {batch:>3} at once {speed:>6.2} GB/s  {:>4.1} x the read, {:.0} answers of this matrix a second",
                kernel.name(),
                speed / read,
                batch as f64 / seconds
            );
        }
    }
}

fn hints(kernels: &[Kernel], page: &[u8]) {
    let public = PublicMatrix::new(&[0; 32], 0);
    let mut part = Matrix::new(ROWS, HINT_COLUMNS).unwrap();
    (0..HINT_COLUMNS).for_each(|column| part.set(column, page).unwrap());
    for kernel in kernels.iter().filter(|kernel| **kernel != Kernel::Portable) {
        let seconds = timed(|| Hint::build(&part, &public, *kernel, 1).unwrap());
        let speed = (ROWS * HINT_COLUMNS) as f64 / seconds / 1e6;
        println!("{:<10} hint     {speed:>8.2} MB/s", kernel.name());
    }
}

fn clients(columns: usize) {
    let public = PublicMatrix::new(&[0; 32], 0);
    for count in [1, 8] {
        let seeds: Vec<Seed> = (0..count).map(|seed| Seed([seed as u8; 32])).collect();
        let start = processor_seconds();
        let prepared = prepare(&public, columns, &seeds, Kernel::fastest(1), 1).unwrap();
        let each = (processor_seconds() - start) * 1e3 / count as f64;
        println!("prepared {count} at once {each:>8.2} ms each");
        let hint = Hint::from_bytes(ROWS, &vec![1; ROWS * DIMENSION * 4]).unwrap();
        let mask = timed(|| prepared[0].mask(&hint, Kernel::fastest(1)).unwrap());
        println!("mask of a hint      {:>8.2} ms", mask * 1e3);
    }
}
