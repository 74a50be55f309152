//! Tiles of AMX: one of the two files of this crate with `unsafe`.
//!
//! **Theory.** Intel, "Architecture Instruction Set Extensions Programming Reference", chapter 3. Stable Rust has no intrinsics for
//! tiles, so one multiplication is one piece of assembly, from the configuration to the release: a compiler knows nothing of what tiles
//! hold, and need not.
//!
//! **Safety.** A value of [`Amx`] is made by `detect` alone: the processor has AMX-INT8, the system saves its registers, and Linux
//! has allowed this process to use them (arch_prctl(2), ARCH_REQ_XCOMP_PERM). Every address that the assembly reads or writes lies behind a
//! slice whose length is asserted before it. **It has run on no processor of ours**: what is around it is tested through
//! `model.rs`, and no process uses it before it has given the numbers of the portable kernel.
#![allow(unsafe_code)]

use super::tiles::{Product, Tiles, RIGHT_ROWS, TILE_WORDS};
use crate::matrix::{Block, GROUP, STEP_GROUPS, TILE_ROWS};
use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};

/// Tiles of eight registers.
#[derive(Clone, Copy)]
pub(crate) struct Amx(());

/// CPUID 7.0, EDX: tiles, and products of bytes in them.
const TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
/// CPUID 1, ECX: the system saves extended registers.
const OS_SAVES: u32 = 1 << 27;
/// XCR0: the configuration of tiles and their data.
const TILE_STATE: u64 = 1 << 17 | 1 << 18;
const ARCH_PRCTL: u64 = 158;
const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
const TILE_DATA: u64 = 18;

/// Eight tiles of 16 rows of 64 bytes: palette 1; bytes of rows from byte 16 on, u16 each; rows from byte 48 on.
#[repr(C, align(64))]
struct Configuration([u8; 64]);

static CONFIGURATION: Configuration = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = 16;
        tile += 1;
    }
    Configuration(bytes)
};

impl Amx {
    /// If the processor has it and the system gives it.
    pub(crate) fn detect() -> Option<Self> {
        (has_instructions() && system_saves() && permitted()).then_some(Self(()))
    }
}

// `__cpuid` is safe in newer compilers.
#[allow(unused_unsafe)]
fn has_instructions() -> bool {
    // SAFETY: every x86-64 has CPUID; leaf 7 is asked for only if there is one.
    let leaf = unsafe { (__cpuid(0).eax >= 7).then(|| __cpuid_count(7, 0)) };
    leaf.is_some_and(|leaf| leaf.edx & TILE_AND_INT8 == TILE_AND_INT8)
}

#[allow(unused_unsafe)]
fn system_saves() -> bool {
    // SAFETY: every x86-64 has CPUID.
    if unsafe { __cpuid(1) }.ecx & OS_SAVES == 0 {
        return false;
    }
    let (low, high): (u32, u32);
    // SAFETY: OSXSAVE, asked for above, is what XGETBV needs; it reads a register.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags));
    }
    (u64::from(high) << 32 | u64::from(low)) & TILE_STATE == TILE_STATE
}

#[cfg(target_os = "linux")]
fn permitted() -> bool {
    let mut result = ARCH_PRCTL;
    // SAFETY: a system call that takes two numbers and touches no memory; it gives this process leave to use tiles, and room for
    // their contents wherever registers are saved. The kernel overwrites RCX and R11.
    unsafe {
        asm!(
            "syscall",
            inout("rax") result, in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") TILE_DATA,
            out("rcx") _, out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

impl Tiles for Amx {
    fn multiply(
        self,
        left: [&[u32]; 2],
        blocks: &[Block],
        row: usize,
        products: &mut [Product; 4],
    ) {
        let steps = blocks.len() / STEP_GROUPS;
        assert!(
            steps > 0 && blocks.len().is_multiple_of(STEP_GROUPS),
            "blocks make whole tiles"
        );
        assert!(
            left.iter().all(|left| left.len() == steps * TILE_WORDS),
            "a left tile a step"
        );
        assert!(row + 2 * RIGHT_ROWS <= TILE_ROWS, "rows lie within a block");
        // SAFETY: `self` shows AMX-INT8. By the lines above, each of `steps` steps reads 1,024 bytes of both left runs, and of
        // sixteen blocks, 256 bytes from each other, the 128 bytes of 32 rows from `row` on; 4 x 1,024 bytes of products are
        // written. Tiles are configured first and released at the end, and named as overwritten.
        unsafe {
            asm!(
                "ldtilecfg [{configuration}]",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{first} + {left_stride}]",
                "tileloadd tmm6, [{right} + {right_stride}]",
                "tileloadd tmm7, [{right} + {right_stride} + 64]",
                "tileloadd tmm5, [{second} + {left_stride}]",
                "tdpbsud tmm0, tmm4, tmm6",
                "tdpbsud tmm1, tmm4, tmm7",
                "tdpbsud tmm2, tmm5, tmm6",
                "tdpbsud tmm3, tmm5, tmm7",
                "add {first}, 1024",
                "add {second}, 1024",
                "add {right}, 4096",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{products} + {left_stride}], tmm0",
                "tilestored [{products} + {left_stride} + 1024], tmm1",
                "tilestored [{products} + {left_stride} + 2048], tmm2",
                "tilestored [{products} + {left_stride} + 3072], tmm3",
                "tilerelease",
                configuration = in(reg) &raw const CONFIGURATION.0,
                first = inout(reg) left[0].as_ptr() => _,
                second = inout(reg) left[1].as_ptr() => _,
                right = inout(reg) blocks.as_ptr().cast::<u8>().add(row * GROUP) => _,
                products = in(reg) products.as_mut_ptr(),
                left_stride = in(reg) 64usize,
                right_stride = in(reg) size_of::<Block>(),
                steps = inout(reg) steps => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}
