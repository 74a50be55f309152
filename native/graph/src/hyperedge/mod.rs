//! Generic hyperedges: members that refer to other elements, found from both sides.
//!
//! **Purpose.** A hyperedge of [`crate::Kind::Edge`] holds members under order keys that its owner chooses; a member is a
//! reference to a vertex, a reference to a hyperedge of any kind, or a bare value. Beside each reference lies
//! an *incidence* record under the element referred to, so that [`incident`] answers without a search.
//!
//! **Theory.** References are by id and weak against what other frontends do: DEL, SET, expiry and FLUSHDB of an element
//! cost O(1) whatever refers to it, and leave its memberships as they are: dangling until the id is added again,
//! which is the re-addition of the versioned sets. The operations here are the strong ones: a reference is taken only
//! to what is there, and what is referred to is removed only with its memberships (`detach`).
//! An incidence record carries the collection number of its hyperedge; it counts while the hyperedge's header has the same
//! number. So a hyperedge, too, is dropped in O(1): its incidence is void at once and swept afterwards ([`crate::Store::tend`]).
//!
//! **Invariants.** For each reference member of a live hyperedge there is exactly one incidence record that counts, and the
//! other way round. Adding what is there with the same content, and removing what is not there, write nothing. No
//! hyperedge lies within itself: a reference that would close a cycle is refused, and RENAME, COPY and MOVE do not
//! apply to generic hyperedges.
//!
//! The operations are written over [`View`] and [`Space`], so that a turn, a snapshot and a transaction share them.

mod elements;
mod incident;
mod member;
mod members;
mod nesting;
mod refusal;
mod run;
mod space;
mod sweep;
#[cfg(test)]
mod tests;
mod turn;

pub use elements::{add_hyperedge, add_vertex, remove_hyperedge, remove_vertex};
pub use incident::{incident, Incidence};
pub use member::{decode_incidence, encode_incidence, Member, Reference};
pub use members::{
    add_members, header, member, members, record, remove_members, MemberRange, Stored,
};
pub use nesting::{within, MOST_VISITED};
pub use refusal::{Act, Halt, Refusal};
pub use run::run;
pub use space::{Space, View, Walk};
