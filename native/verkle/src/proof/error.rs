//! What can go wrong: a proof that does not show what it claims, and a proof that cannot be made.

use std::fmt;

/// The check that failed, by the names of `docs/proof-format.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// More than the limits allow.
    Size,
    /// Bytes that are no bundle.
    Format,
    /// Another root or key than the one pinned, or what the pin needs is missing.
    Pin,
    /// The header's signature.
    Signature,
    /// The owner's signature.
    Attestation,
    /// The earlier frame is not in the history.
    History,
    /// Older than what was seen, or a fork.
    Rollback,
    /// A point that is not canonical, not in the subgroup, or infinity where it cannot be.
    Point,
    /// A leaf that does not lie under its own key.
    Place,
    /// A malformed claimed row.
    Row,
    /// A root that is not the trusted one.
    Root,
    /// The openings do not fit the commitments.
    Opening,
    /// An answer that the trees do not bear out.
    Claim,
}

impl Check {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Check::Size => "size",
            Check::Format => "format",
            Check::Pin => "pin",
            Check::Signature => "signature",
            Check::Attestation => "attestation",
            Check::History => "history",
            Check::Rollback => "rollback",
            Check::Point => "point",
            Check::Place => "place",
            Check::Row => "row",
            Check::Root => "root",
            Check::Opening => "opening",
            Check::Claim => "claim",
        }
    }
}

/// A proof does not show what it claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationError {
    /// The check that failed.
    pub check: Check,
    /// What was found.
    pub detail: String,
}

impl VerificationError {
    pub(crate) fn new(check: Check, detail: impl Into<String>) -> Self {
        Self {
            check,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for VerificationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check.name(), self.detail)
    }
}

impl std::error::Error for VerificationError {}

/// A proof cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// What was asked for is not so, or is more than a proof may hold.
    Refused(VerificationError),
    /// The store could not be read, or its tree and its entries do not agree.
    Store(String),
}

impl From<VerificationError> for ProofError {
    fn from(error: VerificationError) -> Self {
        ProofError::Refused(error)
    }
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofError::Refused(error) => write!(f, "no proof of this can be made: {error}"),
            ProofError::Store(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for ProofError {}

pub(crate) fn fail<T>(check: Check, detail: impl Into<String>) -> Result<T, VerificationError> {
    Err(VerificationError::new(check, detail))
}
