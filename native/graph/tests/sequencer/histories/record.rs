//! What clients saw: transactions of appends and reads, with the times of their begin and end.

use std::fmt::Write;

pub type Key = u32;
pub type Item = u32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Adds an item, unique in the history, at the end of the key's list.
    Append(Key, Item),
    /// Found this list under the key; an absent key is an empty list.
    Read(Key, Vec<Item>),
}

#[derive(Clone, Debug)]
pub struct Recorded {
    pub client: u32,
    /// Ticks of one clock that all clients share.
    pub begin: u64,
    pub end: u64,
    /// Acknowledged; else it surely had no effect.
    pub committed: bool,
    pub ops: Vec<Op>,
}

/// One committed transaction a line:
/// `{"client":0,"begin":1,"end":2,"ops":[{"key":1,"append":7},{"key":2,"read":[3,4]}]}`.
pub fn to_json_lines(history: &[Recorded]) -> String {
    let mut out = String::new();
    for transaction in history.iter().filter(|t| t.committed) {
        let ops: Vec<String> = transaction
            .ops
            .iter()
            .map(|op| match op {
                Op::Append(key, item) => format!(r#"{{"key":{key},"append":{item}}}"#),
                Op::Read(key, items) => format!(r#"{{"key":{key},"read":{items:?}}}"#),
            })
            .collect();
        writeln!(
            out,
            r#"{{"client":{},"begin":{},"end":{},"ops":[{}]}}"#,
            transaction.client,
            transaction.begin,
            transaction.end,
            ops.join(",")
        )
        .expect("writing to a string");
    }
    out
}
