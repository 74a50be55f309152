//! Compaction: keeping few sorted runs and forgetting what nobody can read.
//!
//! **Theory.** The [strategy](pick) looks at a version and names one [`Choice`]; the [worker](run) carries it out and
//! returns the edit that makes the next version; the caller makes that durable and installs it. What may be
//! forgotten is decided per key by [`garbage`], from the commits that must stay readable.
//!
//! **Invariant.** No read at a retained commit changes by a compaction. Until the edit is durable the input
//! tables stay; a crash leaves at most files that no manifest names.

mod garbage;
mod strategy;
mod worker;

pub use garbage::CompactionFilter;
pub(crate) use strategy::rewrite;
pub use strategy::{pick, Choice, Limits};
pub use worker::{run, Job, Outcome};
