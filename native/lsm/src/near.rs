//! Asking for memory before it is looked at.
//!
//! **Theory.** A look-up in much data waits for one cache line after the other, each for as long as a hundred instructions take. Asked for
//! ahead of time, the lines of many look-ups come together. A hint is no read: it neither waits nor fails, whatever the address, so it
//! can be given between operations that a read would hold up (a lock is taken with an instruction that waits for all reads before it).
//!
//! **Invariant.** Nothing is read and nothing is changed: without these hints all results are the same.
#![allow(unsafe_code)]

/// Bytes of a cache line.
const LINE: usize = 64;

/// Asks for the line that holds the beginning of `place`.
#[inline(always)]
pub(crate) fn ask<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // Safety: every processor of this architecture has the instruction; it reads nothing and has no effect that can be seen.
    unsafe {
        use core::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast::<i8>());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Asks for the lines that hold the first bytes of `bytes`, at most `most` lines.
#[inline(always)]
pub(crate) fn ask_bytes(bytes: &[u8], most: usize) {
    let wanted = bytes.len().min(most * LINE);
    for byte in bytes[..wanted].iter().step_by(LINE) {
        ask(byte);
    }
    // They need not begin where a line does.
    if let Some(last) = wanted.checked_sub(1) {
        ask(&bytes[last]);
    }
}
