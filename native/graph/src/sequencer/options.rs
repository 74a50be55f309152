//! How a transaction is begun.

use std::time::Duration;

/// How much a transaction may notice of others (ISO/IEC 9075-2, 4.42.4; anomalies after Adya, 1999).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Each statement sees what was committed before it began.
    #[default]
    ReadCommitted,
    /// One snapshot; of two writers of a row the first committer wins. Allows write skew.
    RepeatableRead,
    /// As if transactions ran one after another, in the order of their commits.
    Serializable,
}

/// Whether a transaction may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Access {
    /// It may.
    #[default]
    ReadWrite,
    /// It may neither write nor lock; therefore it never waits and never conflicts.
    ReadOnly,
}

/// How to begin a transaction.
#[derive(Clone, Copy, Debug, Default)]
pub struct TransactionOptions {
    /// Its isolation level.
    pub isolation: Isolation,
    /// Whether it may write.
    pub access: Access,
    /// How long it waits for one lock; `None` is for ever.
    pub lock_timeout: Option<Duration>,
    /// The transaction's time, Unix milliseconds: elements that expire by then are absent.
    pub now_ms: i64,
}
