//! What the processor and the system are told about the table of multiples: hints, of which nothing but speed depends.
//!
//! **Theory.** A change of a slot reads 26 places of 41 MB. Asked for ahead, they arrive while others are summed; in pages of 2 MB
//! their addresses are found without a walk through the page table.
#![allow(unsafe_code)]

use crate::ffi::P1Affine;

/// Asks for the memory of a point that is read soon.
#[inline(always)]
pub(crate) fn prefetch(point: &P1Affine) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        let start: *const i8 = std::ptr::from_ref(point).cast();
        // SAFETY: part of the instruction set of every x86-64; a prefetch reads nothing and cannot fail; both addresses lie in
        // `point`.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(start);
            _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(std::mem::size_of::<P1Affine>() - 1));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = point;
}

/// A table of points at infinity, in large pages where the system has them.
pub(crate) fn table(points: usize) -> Vec<P1Affine> {
    let mut out: Vec<P1Affine> = Vec::with_capacity(points);
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let start = out.as_ptr() as usize;
        let first = start.next_multiple_of(PAGE);
        let bytes = (start + points * std::mem::size_of::<P1Affine>()).saturating_sub(first);
        // SAFETY: whole pages of memory that `out` has allocated; the advice changes nothing that lies in them.
        let advised = unsafe {
            let first = std::ptr::without_provenance_mut(first);
            rustix::mm::madvise(
                first,
                bytes / PAGE * PAGE,
                rustix::mm::Advice::LinuxHugepage,
            )
        };
        // A system without large pages says so; small ones do.
        advised.ok();
    }
    out.resize(points, P1Affine::default());
    out
}
