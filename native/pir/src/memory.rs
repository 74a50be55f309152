//! What the system is told about the memory of a matrix: a hint, of which nothing but speed depends.
//!
//! **Theory.** A scan reads gigabytes in order. In pages of 2 MB it meets the end of a page, where prefetching stops and an address is
//! looked up, 512 times less often.
#![allow(unsafe_code)]

use crate::matrix::Block;

/// Room for so many blocks, in large pages where the system has them.
pub(crate) fn room(blocks: usize) -> Vec<Block> {
    let out: Vec<Block> = Vec::with_capacity(blocks);
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let start = out.as_ptr() as usize;
        let first = start.next_multiple_of(PAGE);
        let bytes = (start + blocks * size_of::<Block>()).saturating_sub(first);
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
    out
}
