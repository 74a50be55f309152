//! RESP: the wire of Redis clients, on a native thread.
//!
//! **Purpose.** Own the sockets, parse, run commands on the store, reply; without Python for anything that
//! touches the keyspace.
//!
//! **Theory.** bytes -> [`Args`] -> a [`command::Handler`] on a [`hyperdb_graph::Turn`] -> [`Reply`] -> bytes.
//! One loop turn: read ready sockets, parse all, run all, one commit, then write the replies.

pub mod acl;
pub mod args;
pub mod command;
pub mod commands;
pub mod events;
pub mod forms;
pub mod key_places;
mod observe;
pub mod protocol;
pub mod rdb;
pub mod reply;
mod scripting;
pub mod server;
mod session;
pub mod table;
pub mod transfer;

pub use args::Args;
pub use command::{Abort, Context, Effects, Handler, Names, Outcome};
pub use reply::Reply;
