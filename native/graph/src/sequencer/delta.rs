//! Commutative changes: counts that many transactions add to without excluding each other.
//!
//! **Theory.** Addition commutes, so the order in which transactions add does not matter to any of them, as long
//! as nobody decides on the value in between. A delta is therefore outside read and write sets; it is merged
//! into the record at commit, under the writer. Who does decide on the value takes a row lock, which
//! [`super::LockMode::Increment`] excludes.

use super::conflict::Conflict;
use crate::apps::AppStats;
use crate::header::Record;
use crate::step::{Step, Stop};
use hyperdb_lsm::Error;

/// What to add to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// To a plain counter: 8 bytes, i64 LE; absent is 0.
    Count(i64),
    /// To the member count and the bytes of hyperedge `cid`'s header.
    Members {
        /// Which incarnation: if the id names another one by now, the transaction conflicts.
        cid: u64,
        /// Members more, or fewer.
        count: i64,
        /// Bytes of member keys and values more, or fewer.
        bytes: i64,
    },
    /// To what an app holds: differences, which wrap.
    App(Box<AppStats>),
}

impl Delta {
    /// Both together.
    pub(super) fn and(&self, other: &Delta) -> Step<Delta> {
        match (self, other) {
            (Delta::Count(a), Delta::Count(b)) => {
                a.checked_add(*b).map(Delta::Count).ok_or_else(overflow)
            }
            (
                Delta::Members { cid, count, bytes },
                Delta::Members {
                    cid: other_cid,
                    count: more_count,
                    bytes: more_bytes,
                },
            ) if cid == other_cid => Ok(Delta::Members {
                cid: *cid,
                count: count.checked_add(*more_count).ok_or_else(overflow)?,
                bytes: bytes.checked_add(*more_bytes).ok_or_else(overflow)?,
            }),
            (Delta::App(a), Delta::App(b)) => Ok(Delta::App(Box::new(a.plus(b)))),
            _ => Err(mismatch()),
        }
    }

    /// The record after it, given the record before it.
    pub(super) fn apply(&self, old: Option<&[u8]>) -> Step<Vec<u8>> {
        match self {
            Delta::Count(delta) => {
                let before = match old {
                    None => 0,
                    Some(bytes) => i64::from_le_bytes(bytes.try_into().map_err(|_| mismatch())?),
                };
                let after = before.checked_add(*delta).ok_or_else(overflow)?;
                Ok(after.to_le_bytes().to_vec())
            }
            Delta::Members { cid, count, bytes } => {
                let record = old.and_then(Record::decode);
                let Some(Record::Edge(mut header)) = record else {
                    return Err(Conflict::Serialization("the collection was dropped").into());
                };
                if header.cid != *cid {
                    return Err(Conflict::Serialization("the collection was replaced").into());
                }
                header.count = header
                    .count
                    .checked_add_signed(*count)
                    .ok_or_else(overflow)?;
                header.bytes = header
                    .bytes
                    .checked_add_signed(*bytes)
                    .ok_or_else(overflow)?;
                let (record, len) = header.encode();
                Ok(record[..len].to_vec())
            }
            Delta::App(delta) => {
                let before = match old {
                    None => AppStats::default(),
                    Some(bytes) => AppStats::decode(bytes).ok_or_else(mismatch)?,
                };
                Ok(before.plus(delta).encode().to_vec())
            }
        }
    }
}

fn overflow() -> Stop {
    Stop::Failed(Error::Invalid("a count left its range".into()))
}

fn mismatch() -> Stop {
    Stop::Failed(Error::Invalid(
        "the record is not a count of this kind".into(),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::header::{Header, Kind};

    #[test]
    fn counts_add_up_and_do_not_wrap() {
        let five = Delta::Count(5).apply(None).unwrap();
        assert_eq!(
            Delta::Count(-7).apply(Some(&five)).unwrap(),
            (-2i64).to_le_bytes()
        );
        let most = i64::MAX.to_le_bytes();
        assert!(matches!(
            Delta::Count(1).apply(Some(&most)),
            Err(Stop::Failed(_))
        ));
        assert!(matches!(
            Delta::Count(1).apply(Some(b"text")),
            Err(Stop::Failed(_))
        ));
    }

    #[test]
    fn members_are_counted_only_in_the_same_incarnation() {
        let (record, len) = Header::new(Kind::Set, 7).encode();
        let delta = Delta::Members {
            cid: 7,
            count: 2,
            bytes: 30,
        };
        let after = delta
            .and(&delta)
            .unwrap()
            .apply(Some(&record[..len]))
            .unwrap();
        let Some(Record::Edge(header)) = Record::decode(&after) else {
            unreachable!("an edge stays an edge")
        };
        assert_eq!((header.count, header.bytes), (4, 60));
        let other = Delta::Members {
            cid: 8,
            count: 1,
            bytes: 1,
        };
        assert!(matches!(
            other.apply(Some(&record[..len])),
            Err(Stop::Conflict(_))
        ));
        assert!(matches!(delta.apply(None), Err(Stop::Conflict(_))));
        let fewer = Delta::Members {
            cid: 7,
            count: -1,
            bytes: 0,
        };
        assert!(matches!(
            fewer.apply(Some(&record[..len])),
            Err(Stop::Failed(_))
        ));
    }
}
