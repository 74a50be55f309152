//! The wire's grammar: bytes in, commands out. No sockets here.
//!
//! **Theory.** RESP2 and RESP3 clients send requests as arrays of bulk strings (the RESP specification, "Client
//! handshake" and "Sending commands"); people with a terminal send words on a line ("Inline commands").

mod inline;
mod parser;
mod peek;

pub use parser::{Limits, Parser, Progress, ProtocolError};
pub use peek::{peek, Peeked};
