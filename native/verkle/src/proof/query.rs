//! Queries: what a proof answers. Their bytes are those of the claim, and what other languages hand to the prover.

use super::error::{fail, Check, VerificationError};
use super::wire::{put_blob, put_varint, spend, Limits, Reader, LIMITS};

/// Keys with low <= key < below; empty is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The least key, or none.
    pub low: Vec<u8>,
    /// The least key behind them, or none.
    pub below: Vec<u8>,
    /// Of the collection's companion (cid + 1): a sorted set by score.
    pub companion: bool,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The element of this id, live or absent.
    Element {
        /// Its id.
        id: Vec<u8>,
    },
    /// That an element was removed.
    RemovedElement {
        /// Its id.
        id: Vec<u8>,
        /// Whether it was a hyperedge.
        hyperedge: bool,
    },
    /// One member of a collection.
    Member {
        /// The collection's id.
        collection: Vec<u8>,
        /// A field, a member, a row's key; of a list the index, i64 LE.
        name: Vec<u8>,
    },
    /// That a member of a live collection was removed.
    RemovedMember {
        /// The collection's id.
        collection: Vec<u8>,
        /// As in [`Query::Member`].
        name: Vec<u8>,
    },
    /// All members of a collection within bounds.
    Rows {
        /// The collection's id.
        collection: Vec<u8>,
        /// Of the member keys.
        bounds: Bounds,
    },
    /// How many members of a collection lie within bounds, and their bytes.
    Count {
        /// The collection's id.
        collection: Vec<u8>,
        /// Of the member keys.
        bounds: Bounds,
    },
    /// All elements whose hash64 lies within bounds, of at most 8 bytes.
    Elements {
        /// Of the hash.
        bounds: Bounds,
    },
    /// How many elements have a hash64 within bounds.
    ElementCount {
        /// Of the hash.
        bounds: Bounds,
    },
    /// All memberships of an element.
    Incidence {
        /// Its id.
        id: Vec<u8>,
    },
    /// How many memberships an element has.
    IncidenceCount {
        /// Its id.
        id: Vec<u8>,
    },
}

impl Bounds {
    fn read(reader: &mut Reader<'_>, of_hashes: bool) -> Result<Bounds, VerificationError> {
        let flags = reader.u8()?;
        if flags > 7 || (of_hashes && flags & 4 != 0) {
            return fail(Check::Format, format!("unknown bounds {flags}"));
        }
        let mut bound = |flag: u8| match flags & flag {
            0 => Ok(Vec::new()),
            _ => match reader.blob()? {
                bytes if bytes.is_empty() || (of_hashes && bytes.len() > 8) => {
                    fail(Check::Format, "a bound that is empty or too long")
                }
                bytes => Ok(bytes.to_vec()),
            },
        };
        let (low, below) = (bound(1)?, bound(2)?);
        if !below.is_empty() && low >= below {
            return fail(Check::Format, "bounds with nothing between");
        }
        Ok(Bounds {
            low,
            below,
            companion: flags & 4 != 0,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        out.push(
            flag(!self.low.is_empty(), 1)
                | flag(!self.below.is_empty(), 2)
                | flag(self.companion, 4),
        );
        for bound in [&self.low, &self.below] {
            if !bound.is_empty() {
                put_blob(out, bound);
            }
        }
    }
}

impl Query {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Query, VerificationError> {
        spend(&mut reader.left.queries, 1, "queries")?;
        let kind = reader.u8()?;
        let blob = |reader: &mut Reader<'_>| reader.blob().map(<[u8]>::to_vec);
        Ok(match kind {
            1 => Query::Element { id: blob(reader)? },
            2 => {
                let sort = reader.u8()?;
                if sort > 1 {
                    return fail(Check::Format, format!("unknown sort of element {sort}"));
                }
                Query::RemovedElement {
                    id: blob(reader)?,
                    hyperedge: sort == 1,
                }
            }
            3 => Query::Member {
                collection: blob(reader)?,
                name: blob(reader)?,
            },
            4 => Query::RemovedMember {
                collection: blob(reader)?,
                name: blob(reader)?,
            },
            5 => Query::Rows {
                collection: blob(reader)?,
                bounds: Bounds::read(reader, false)?,
            },
            6 => Query::Count {
                collection: blob(reader)?,
                bounds: Bounds::read(reader, false)?,
            },
            7 => Query::Elements {
                bounds: Bounds::read(reader, true)?,
            },
            8 => Query::ElementCount {
                bounds: Bounds::read(reader, true)?,
            },
            9 => Query::Incidence { id: blob(reader)? },
            10 => Query::IncidenceCount { id: blob(reader)? },
            _ => return fail(Check::Format, format!("query {kind} is not known here")),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Query::Element { id } => {
                out.push(1);
                put_blob(out, id);
            }
            Query::RemovedElement { id, hyperedge } => {
                out.extend([2, u8::from(*hyperedge)]);
                put_blob(out, id);
            }
            Query::Member { collection, name } | Query::RemovedMember { collection, name } => {
                out.push(if matches!(self, Query::Member { .. }) {
                    3
                } else {
                    4
                });
                put_blob(out, collection);
                put_blob(out, name);
            }
            Query::Rows { collection, bounds } | Query::Count { collection, bounds } => {
                out.push(if matches!(self, Query::Rows { .. }) {
                    5
                } else {
                    6
                });
                put_blob(out, collection);
                bounds.write(out);
            }
            Query::Elements { bounds } | Query::ElementCount { bounds } => {
                out.push(if matches!(self, Query::Elements { .. }) {
                    7
                } else {
                    8
                });
                bounds.write(out);
            }
            Query::Incidence { id } | Query::IncidenceCount { id } => {
                out.push(if matches!(self, Query::Incidence { .. }) {
                    9
                } else {
                    10
                });
                put_blob(out, id);
            }
        }
    }

    pub(crate) fn read_all(reader: &mut Reader<'_>) -> Result<Vec<Query>, VerificationError> {
        let count = reader.varint()?;
        if count == 0 {
            return fail(Check::Format, "a claim without queries");
        }
        let mut queries = Vec::new();
        for _ in 0..count {
            queries.push(Query::read(reader)?);
        }
        Ok(queries)
    }

    /// Queries from their bytes: a varint number and each.
    ///
    /// # Errors
    /// [`VerificationError`] with [`Check::Format`] or [`Check::Size`].
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Query>, VerificationError> {
        let mut reader = Reader::new(bytes, Limits { ..LIMITS });
        let queries = Self::read_all(&mut reader)?;
        reader.end()?;
        Ok(queries)
    }

    /// The bytes of queries.
    pub fn encode_all(queries: &[Query]) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, queries.len() as u64);
        queries.iter().for_each(|query| query.write(&mut out));
        out
    }
}
