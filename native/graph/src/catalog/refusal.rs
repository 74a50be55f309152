//! Why a change of the catalog is refused, with the SQLSTATE that clients know it by.

use super::depend::Dependent;
use crate::step::Stop;
use hyperdb_lsm::Error;
use std::fmt;

/// A refusal. What the statement did before it must be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The name is taken.
    Duplicate {
        /// What has the name: `table`, `column`, ...
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// There is no such thing.
    Missing {
        /// What there is none of: `table`, `column`, ...
        kind: &'static str,
        /// Its name or number.
        name: String,
    },
    /// Others need what was to go.
    Dependents(Vec<Dependent>),
    /// A record that contradicts itself, or what was there before.
    Invalid(String),
    /// The object was written by a later version that says it must be understood, or it is damaged.
    Unreadable {
        /// Its number.
        number: u64,
    },
}

impl Refusal {
    pub(crate) fn missing(kind: &'static str, name: impl ToString) -> Refusal {
        let name = name.to_string();
        Refusal::Missing { kind, name }
    }

    pub(crate) fn duplicate(kind: &'static str, name: &str) -> Refusal {
        let name = name.to_owned();
        Refusal::Duplicate { kind, name }
    }

    /// The SQLSTATE of PostgreSQL 16, appendix A.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Refusal::Duplicate { kind, .. } => match *kind {
                "schema" => "42P06",
                "column" => "42701",
                "table" | "index" | "view" | "sequence" => "42P07",
                _ => "42710",
            },
            Refusal::Missing { kind, .. } => match *kind {
                "schema" => "3F000",
                "column" => "42703",
                "table" | "index" | "view" | "sequence" => "42P01",
                _ => "42704",
            },
            Refusal::Dependents(_) => "2BP01",
            Refusal::Invalid(_) => "42P16",
            Refusal::Unreadable { .. } => "0A000",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Duplicate { kind, name } => write!(f, "{kind} \"{name}\" already exists"),
            Refusal::Missing { kind, name } => write!(f, "{kind} \"{name}\" does not exist"),
            Refusal::Dependents(dependents) => {
                let names: Vec<String> = dependents.iter().map(Dependent::to_string).collect();
                write!(f, "other objects depend on it: {}", names.join(", "))
            }
            Refusal::Invalid(why) => f.write_str(why),
            Refusal::Unreadable { number } => write!(
                f,
                "object {number} was written by a later version, or is damaged"
            ),
        }
    }
}

/// How an operation ends when it does not succeed.
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

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Halt::Refused(refusal) => refusal.fmt(f),
            Halt::Stop(stop) => stop.fmt(f),
        }
    }
}
