//! Members of generic hyperedges as stored.
//!
//! ```text
//! member      kind u8 | bytes: 1 = vertex, its id; 2 = hyperedge, its id; 3 = a bare value
//! incidence   kind u8 (1 or 2, as in the member) | cid u64 LE of the hyperedge that it is a member of
//! ```

/// What kind of element a member refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reference {
    /// A vertex.
    Vertex = 1,
    /// A hyperedge of any kind.
    Hyperedge = 2,
}

const BARE: u8 = 3;

impl Reference {
    fn from_code(code: u8) -> Option<Reference> {
        match code {
            1 => Some(Reference::Vertex),
            2 => Some(Reference::Hyperedge),
            _ => None,
        }
    }
}

/// A member of a generic hyperedge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    /// Vertex of this id.
    Vertex(Vec<u8>),
    /// Hyperedge of this id.
    Hyperedge(Vec<u8>),
    /// These bytes, and nothing else.
    Value(Vec<u8>),
}

impl Member {
    /// A reference.
    pub fn to(kind: Reference, id: Vec<u8>) -> Member {
        match kind {
            Reference::Vertex => Member::Vertex(id),
            Reference::Hyperedge => Member::Hyperedge(id),
        }
    }

    /// What it refers to; `None` for a bare value.
    pub fn target(&self) -> Option<(Reference, &[u8])> {
        match self {
            Member::Vertex(id) => Some((Reference::Vertex, id)),
            Member::Hyperedge(id) => Some((Reference::Hyperedge, id)),
            Member::Value(_) => None,
        }
    }

    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (code, bytes) = match self {
            Member::Vertex(id) => (Reference::Vertex as u8, id),
            Member::Hyperedge(id) => (Reference::Hyperedge as u8, id),
            Member::Value(value) => (BARE, value),
        };
        let mut record = Vec::with_capacity(1 + bytes.len());
        record.push(code);
        record.extend_from_slice(bytes);
        record
    }

    /// Back from [`Member::encode`]; `None` if malformed.
    pub fn decode(record: &[u8]) -> Option<Member> {
        let (code, bytes) = record.split_first()?;
        let bytes = bytes.to_vec();
        match Reference::from_code(*code) {
            Some(kind) => Some(Member::to(kind, bytes)),
            None => (*code == BARE).then_some(Member::Value(bytes)),
        }
    }
}

/// The incidence record of a member of collection `cid`.
pub fn encode_incidence(kind: Reference, cid: u64) -> [u8; 9] {
    let mut record = [kind as u8; 9];
    record[1..].copy_from_slice(&cid.to_le_bytes());
    record
}

/// Back from [`encode_incidence`]; `None` if malformed.
pub fn decode_incidence(record: &[u8]) -> Option<(Reference, u64)> {
    let (code, cid) = record.split_first()?;
    let cid = u64::from_le_bytes(cid.try_into().ok()?);
    Some((Reference::from_code(*code)?, cid))
}
