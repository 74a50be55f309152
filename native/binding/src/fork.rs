//! Forked children: threads of the store do not live there, so its handles must not be used.
//!
//! **Theory.** Python calls [`forked`] in every child (`os.register_at_fork`); a handle remembers in which
//! generation it was made. Comparing two numbers costs nothing, asking the system for a process id would.

use crate::errors::raise;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Tells that this process is a fresh child.
#[pyfunction]
pub(crate) fn forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// In which process, counted by forks, a handle was made.
#[derive(Clone, Copy)]
pub(crate) struct Born(u64);

impl Born {
    /// In the present one.
    pub(crate) fn here() -> Born {
        Born(GENERATION.load(Ordering::Relaxed))
    }

    /// Whether it was made in this process.
    #[inline]
    pub(crate) fn is_here(self) -> bool {
        self.0 == GENERATION.load(Ordering::Relaxed)
    }

    /// Raises `ForkedError` unless it was made in this process.
    #[inline]
    pub(crate) fn check(self) -> PyResult<()> {
        if self.is_here() {
            return Ok(());
        }
        Err(raise(
            "ForkedError",
            "the database was opened before this process was forked: open it in the child",
        ))
    }
}
