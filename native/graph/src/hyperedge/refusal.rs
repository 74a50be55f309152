//! Why an operation of the hypergraph is refused, beside the ways in which any step may stop.

use crate::header::Kind;
use crate::step::Stop;
use hyperdb_lsm::Error;
use std::fmt;

/// A refusal: the state does not allow what was asked. Nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A member, or its hyperedge, names an element that is not there.
    NotFound {
        /// The id.
        id: Vec<u8>,
    },
    /// The id names an element of another kind.
    WrongKind {
        /// The id.
        id: Vec<u8>,
        /// What it names.
        found: Kind,
    },
    /// `inner` contains `outer`, or is `outer`: it cannot be a member of it.
    Cycle {
        /// What was to be the member.
        inner: Vec<u8>,
        /// What was to contain it.
        outer: Vec<u8>,
    },
    /// The element is a member of hyperedges.
    Referenced {
        /// The element.
        id: Vec<u8>,
        /// Some of the hyperedges.
        by: Vec<Vec<u8>>,
    },
    /// The answer would take more than [`super::MOST_VISITED`] incidence records.
    TooDeep {
        /// Where the search began.
        id: Vec<u8>,
    },
}

/// How an operation ends that was not done.
#[derive(Clone, Debug)]
pub enum Halt {
    /// Refused.
    Refused(Refusal),
    /// Stopped: take back, and perhaps run again.
    Stop(Stop),
}

/// Result of an operation.
pub type Act<T> = std::result::Result<T, Halt>;

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Halt::Refused(refusal)
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Halt::Stop(stop)
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Stop(error.into())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |id: &[u8]| format!("'{}'", id.escape_ascii());
        match self {
            Refusal::NotFound { id } => write!(f, "there is no element {}", show(id)),
            Refusal::WrongKind { id, found } => {
                let found = match found {
                    Kind::Vertex => "a vertex".to_owned(),
                    Kind::Edge => "a hyperedge of references".to_owned(),
                    other => format!("a hyperedge of kind {other:?}"),
                };
                write!(f, "{} names {found}", show(id))
            }
            Refusal::Cycle { inner, outer } => write!(
                f,
                "{} cannot be a member of {}: that lies within it already",
                show(inner),
                show(outer)
            ),
            Refusal::Referenced { id, by } => {
                let names: Vec<String> = by.iter().map(|edge| show(edge)).collect();
                let names = names.join(", ");
                write!(f, "{} is a member of {names}: detach it", show(id))
            }
            Refusal::TooDeep { id } => write!(
                f,
                "more than {} memberships lie above {}: the search was given up",
                super::MOST_VISITED,
                show(id)
            ),
        }
    }
}
