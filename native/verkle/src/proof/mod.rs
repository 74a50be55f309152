//! Proofs: bundles that show what a frame says, and their verification. The bytes are `docs/proof-format.md`.
//!
//! **Theory.** A proof holds pruned trees. The verifier rebuilds every opened slot from its content, checks all openings by one pairing
//! equation, ties the roots to what the caller pinned, and runs the queries again. The prover runs the same queries on the store and
//! notes what they touch. What a proof shows and does not show is said in the format's document.
//!
//! **Invariant.** Verification returns or names the check that failed, whatever the bytes are; its work is bounded by [`Limits`].

mod anchor;
mod answer;
mod checking;
mod error;
#[cfg(test)]
mod fuzzing;
mod header;
mod place;
mod prove;
mod pruned;
mod query;
mod row;
mod shown;
mod source;
mod touched;
mod verify;
mod wire;

pub use crate::tree::apps::address;
pub use crate::tree::leaf::{leaf_scalar, row_salt, Salt};
pub use anchor::Anchor;
pub use answer::Answer;
pub use error::{Check, ProofError, VerificationError};
pub use header::{Frame, HEADER_BYTES, SCHEME};
pub use place::{
    address_key, collection_tree, logical_key, member, parse, tree_key, Parsed, Places, ELEMENT,
    HYPEREDGE_ADDS, HYPEREDGE_REMOVES, INCIDENCE, MEMBER, VERTEX_ADDS, VERTEX_REMOVES,
};
pub use prove::{bundle, prove, Draft, Parts};
pub use pruned::branch_scalar;
pub use query::{Bounds, Query};
pub use row::{is_packed, value_digest, Column, Row, Show, Stamp};
pub use source::{Below, Branch, Entries, Entry, Nodes, Source, Which};
pub use verify::{
    attestation_message, verify, Attestation, Options, Seen, Trusted, Verified, VerifySignature,
};
pub use wire::{Limits, LIMITS, MAX_BUNDLE, MAX_STEPS};
