//! The hypergraph on the store: keys, records, elements, and the commit sequencer.
//!
//! **Purpose.** One data model for every frontend: an *app* is a namespace, in it an id names a *vertex* (a
//! value) or a *hyperedge* (an ordered collection of members). Frontends work through [`Turn`] (latest state,
//! never conflicts) or a transaction; both commit through one sequencer.
//!
//! **Invariant.** Every change of an element goes through [`Turn`]'s element methods, so counts, expiry order,
//! dropped collections and watchers are right whichever frontend wrote.

mod apps;
mod caretaker;
pub mod catalog;
pub mod codec;
pub mod columnar;
mod directory;
mod dropped;
pub mod field;
#[cfg(test)]
mod fuzzing;
pub mod hash;
pub mod header;
pub mod heard;
pub mod hyperedge;
pub mod identity;
pub mod keys;
pub mod keyspace;
pub mod nodes;
mod numbers;
pub mod prefixes;
mod ranks;
mod reader;
pub mod relation;
pub mod roles;
pub mod sequencer;
mod step;
mod store;
pub mod stream;
mod turn;
pub mod wide;

pub use apps::{AppStats, Class};
pub use caretaker::Caretaker;
pub use header::{Header, Kind, Record};
pub use identity::Identity;
pub use keys::AppId;
pub use reader::{Changes, Elements, Reader, Set};
pub use sequencer::{
    Access, Conflict, Delta, Isolation, LockMode, LockWait, Locked, Target, Transaction,
    TransactionOptions, Wait,
};
pub use step::{Step, Stop};
pub use store::Store;
pub use turn::{Element, Expired, MemberScan, Turn, TurnMark, AHEAD};

pub use hyperdb_lsm::{
    Commit, Db, Direction, Error, Family, Glance, KeyRange, Miss, Options, ReadMode, Result,
    SyncMode, Value,
};
