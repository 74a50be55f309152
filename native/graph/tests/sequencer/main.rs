//! The commit sequencer: what each isolation level allows and forbids, locks, counts, turns beside transactions,
//! and whole histories checked for cycles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod anomalies;
mod bench;
mod deltas;
mod elements;
mod histories;
mod overlay;
mod row_locks;
mod storms;
mod turns;
