//! Native errors as the exceptions of `hyperdb/errors.py`, which is where the tree is written down.

use hyperdb_graph::hyperedge::{Halt, Refusal};
use hyperdb_graph::{Conflict, Stop};
use hyperdb_lsm::Error;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Name of the exception that an error becomes.
fn class_of(error: &Error) -> &'static str {
    match error {
        Error::Io { .. } => "StorageError",
        Error::Corrupt { .. } => "CorruptError",
        Error::Locked { .. } => "LockedError",
        Error::NoSpace => "NoSpaceError",
        Error::Poisoned { .. } => "PoisonedError",
        Error::BehindHorizon { .. } => "BehindHorizonError",
        Error::Invalid(_) => "InvalidError",
        Error::Closed => "ClosedError",
    }
}

/// Name of the exception that a conflict becomes.
fn class_of_conflict(conflict: &Conflict) -> &'static str {
    match conflict {
        Conflict::Serialization(_) | Conflict::RowChanged => "SerializationError",
        Conflict::Deadlock(_) => "DeadlockError",
        Conflict::LockTimeout => "LockTimeoutError",
        Conflict::LockNotAvailable | Conflict::WouldWait(_) => "RowLockedError",
        Conflict::Cancelled => "CancelledError",
        Conflict::ReadOnly | Conflict::InFailedTransaction | Conflict::NoSavepoint => {
            "TransactionStateError"
        }
    }
}

/// The exception `class` of `hyperdb.errors` with `text`.
pub(crate) fn raise(class: &str, text: &str) -> PyErr {
    Python::attach(|py| {
        let made = py
            .import("hyperdb.errors")
            .and_then(|module| module.getattr(class))
            .and_then(|class| class.call1((text,)));
        match made {
            Ok(exception) => PyErr::from_value(exception),
            Err(_) => PyRuntimeError::new_err(text.to_owned()),
        }
    })
}

/// A native error as an exception.
pub(crate) fn failed(error: Error) -> PyErr {
    raise(class_of(&error), &error.to_string())
}

/// Why a step of a transaction stopped, as an exception.
pub(crate) fn stopped(stop: Stop) -> PyErr {
    match stop {
        Stop::Conflict(conflict) => raise(class_of_conflict(&conflict), &conflict.to_string()),
        other => failed(other.into_error()),
    }
}

/// Name of the exception that a refusal becomes.
fn class_of_refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotFound { .. } => "NotFoundError",
        Refusal::WrongKind { .. } => "WrongTypeError",
        Refusal::Cycle { .. } => "CycleError",
        Refusal::Referenced { .. } => "ReferencedError",
        Refusal::TooDeep { .. } => "NestingError",
    }
}

/// An operation that was not done as an exception.
pub(crate) fn halted(halt: Halt) -> PyErr {
    match halt {
        Halt::Refused(refusal) => raise(class_of_refusal(&refusal), &refusal.to_string()),
        Halt::Stop(stop) => stopped(stop),
    }
}
