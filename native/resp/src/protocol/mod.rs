//! The wire's grammar: bytes in, commands out. No sockets here.
//!
//! **Theory.** RESP2 and RESP3 clients send requests as arrays of bulk strings (the RESP specification, "Client
//! handshake" and "Sending commands"); people with a terminal send words on a line ("Inline commands").

mod inline;
mod parser;
mod peek;

pub use parser::{Limits, Parser, Progress, ProtocolError};
pub use peek::{peek, Peeked};

/// The words of a line, quoted as inline commands are; `None` if a quote does not end.
pub(crate) fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    inline::split(line, &mut bytes, &mut spans)?;
    Some(
        spans
            .iter()
            .map(|(start, end)| bytes[*start..*end].to_vec())
            .collect(),
    )
}
