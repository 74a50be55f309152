//! The server over real sockets on free ports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod acl;
mod administration;
mod ahead;
mod blocking;
mod disk;
mod events;
mod hostile;
mod observe;
mod outside;
mod pipelining;
mod pubsub;
mod scripts;
mod streams;
mod support;
mod tracking;
mod transactions;
