//! Records of a stream: its entries, and what its consumer groups know.
//!
//! ```text
//! cid      id                                ->  fields: count varint, then each field and value, a varint length and bytes
//! cid + 1  00                                ->  state: removed u64 LE, greatest removed id, floor
//!          01 group*                         ->  group: last delivered id, entries read i64 LE, pending u64 LE, consumers u64 LE
//!          02 group* consumer*               ->  consumer: seen i64 LE, active i64 LE, pending u64 LE
//!          03 group* id                      ->  pending entry: delivered i64 LE, deliveries u64 LE, consumer
//!          04 group* consumer* id            ->  empty: the same pending entry, among its consumer's
//! ```
//! An id is ms u64 BE, sequence u64 BE, so entries lie in their order; * is escaped (`esc` of the file format). Times are Unix
//! milliseconds, -1 for never; entries read are -1 where they cannot be told.
//!
//! **Theory.** Appending is the commonest thing done to a stream, so what changes with every entry (count, bytes, last id) is in the
//! header (`head` and `tail` are the last id), and the state changes only when entries are removed.
//!
//! **Invariant.** No entry is below `floor` or above the header's last id. The state counts every entry that was added and is not
//! there. 03 and 04 hold the same pending entries; each names a consumer of its group, and both count them.

use crate::codec::order;
use crate::header::Header;
use crate::keys::{read_varint, KeyBuf};

/// Names an entry: when it was added, Unix milliseconds, and a number within that millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Unix milliseconds, or what the client said.
    pub ms: u64,
    /// Number within the millisecond.
    pub seq: u64,
}

impl Id {
    /// The smallest; no entry has it.
    pub const MIN: Id = Id { ms: 0, seq: 0 };
    /// The largest.
    pub const MAX: Id = Id {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    /// As the key of an entry.
    #[inline]
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.ms.to_be_bytes());
        bytes[8..].copy_from_slice(&self.seq.to_be_bytes());
        bytes
    }

    /// From the key of an entry; `None` if it is not 16 bytes.
    #[inline]
    pub fn from_bytes(bytes: &[u8]) -> Option<Id> {
        let (ms, seq) = bytes.split_first_chunk::<8>()?;
        Some(Id {
            ms: u64::from_be_bytes(*ms),
            seq: u64::from_be_bytes(seq.try_into().ok()?),
        })
    }

    /// The one after it, if there is one.
    pub fn next(self) -> Option<Id> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Id { seq, ..self }),
            None => self.ms.checked_add(1).map(|ms| Id { ms, seq: 0 }),
        }
    }

    /// The one before it, if there is one.
    pub fn previous(self) -> Option<Id> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Id { seq, ..self }),
            None => self.ms.checked_sub(1).map(|ms| Id { ms, seq: u64::MAX }),
        }
    }
}

/// The last id that a stream gave out.
pub fn last_id(header: &Header) -> Id {
    Id {
        ms: header.head as u64,
        seq: header.tail as u64,
    }
}

/// Notes the last id that a stream gave out.
pub fn set_last_id(header: &mut Header, id: Id) {
    header.head = id.ms as i64;
    header.tail = id.seq as i64;
}

/// An entry's record, from its fields and values in turn.
pub fn encode_fields<'a>(pairs: usize, words: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut number = KeyBuf::new();
    let mut record = number.push_varint(pairs as u64).to_vec();
    for word in words {
        number.clear();
        record.extend_from_slice(number.push_varint(word.len() as u64));
        record.extend_from_slice(word);
    }
    record
}

/// The fields and values of an entry's record in turn; `None` if it is malformed.
pub fn decode_fields(record: &[u8]) -> Option<Vec<&[u8]>> {
    let mut words = Words::of(record)?;
    let mut found = Vec::with_capacity(words.left());
    while words.left() > 0 {
        found.push(words.next()?);
    }
    words.is_at_end().then_some(found)
}

/// The fields and values of an entry's record, read one after the other.
pub struct Words<'r> {
    rest: &'r [u8],
    left: usize,
}

impl<'r> Words<'r> {
    /// Before the first; `None` if it cannot hold as many as it says.
    #[inline]
    pub fn of(record: &'r [u8]) -> Option<Words<'r>> {
        let (pairs, used) = read_varint(record)?;
        let left = usize::try_from(pairs).ok()?.checked_mul(2)?;
        // Each takes a byte at least.
        let rest = record.get(used..)?;
        (left <= rest.len()).then_some(Words { rest, left })
    }

    /// How many are to come, fields and values counted alike.
    #[inline]
    pub fn left(&self) -> usize {
        self.left
    }

    /// The next one; `None` at the end, and if the record is malformed.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Option<&'r [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (len, used) = read_varint(self.rest)?;
        let (word, rest) = self
            .rest
            .get(used..)?
            .split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(word)
    }

    /// Whether all were read, and nothing lies behind them.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.left == 0 && self.rest.is_empty()
    }
}

/// Key of the state in the companion.
pub const STATE: [u8; 1] = [0];
const GROUP: u8 = 1;
const CONSUMER: u8 = 2;
const PENDING: u8 = 3;
const HELD: u8 = 4;

/// What a stream knows of entries that are no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// How many were removed.
    pub removed: u64,
    /// The greatest id that was removed singly.
    pub max_removed: Id,
    /// No entry lies below.
    pub floor: Id,
}

impl State {
    /// Its record.
    pub fn encode(&self) -> [u8; 40] {
        let mut record = [0; 40];
        record[..8].copy_from_slice(&self.removed.to_le_bytes());
        record[8..24].copy_from_slice(&self.max_removed.to_bytes());
        record[24..].copy_from_slice(&self.floor.to_bytes());
        record
    }

    /// From its record; `None` if malformed.
    pub fn decode(record: &[u8]) -> Option<State> {
        let (removed, rest) = record.split_first_chunk::<8>()?;
        let (max_removed, floor) = rest.split_first_chunk::<16>()?;
        Some(State {
            removed: u64::from_le_bytes(*removed),
            max_removed: Id::from_bytes(max_removed)?,
            floor: Id::from_bytes(floor)?,
        })
    }
}

/// A consumer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The last entry that was delivered.
    pub last: Id,
    /// How many entries of all that were ever added it has read, if that can be told.
    pub read: Option<u64>,
    /// Entries delivered and not acknowledged.
    pub pending: u64,
    /// Its consumers.
    pub consumers: u64,
}

impl Group {
    /// Its record.
    pub fn encode(&self) -> [u8; 40] {
        let read = self.read.map_or(-1, |read| read as i64);
        let mut record = [0; 40];
        record[..16].copy_from_slice(&self.last.to_bytes());
        record[16..24].copy_from_slice(&read.to_le_bytes());
        record[24..32].copy_from_slice(&self.pending.to_le_bytes());
        record[32..].copy_from_slice(&self.consumers.to_le_bytes());
        record
    }

    /// From its record; `None` if malformed.
    pub fn decode(record: &[u8]) -> Option<Group> {
        let (last, rest) = record.split_first_chunk::<16>()?;
        let (read, rest) = rest.split_first_chunk::<8>()?;
        let (pending, consumers) = rest.split_first_chunk::<8>()?;
        Some(Group {
            last: Id::from_bytes(last)?,
            read: u64::try_from(i64::from_le_bytes(*read)).ok(),
            pending: u64::from_le_bytes(*pending),
            consumers: u64::from_le_bytes(consumers.try_into().ok()?),
        })
    }
}

/// A consumer of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// When it was last heard of, Unix milliseconds.
    pub seen: i64,
    /// When it last got an entry, Unix milliseconds; -1: never.
    pub active: i64,
    /// Entries delivered to it and not acknowledged.
    pub pending: u64,
}

impl Consumer {
    /// Its record.
    pub fn encode(&self) -> [u8; 24] {
        let mut record = [0; 24];
        record[..8].copy_from_slice(&self.seen.to_le_bytes());
        record[8..16].copy_from_slice(&self.active.to_le_bytes());
        record[16..].copy_from_slice(&self.pending.to_le_bytes());
        record
    }

    /// From its record; `None` if malformed.
    pub fn decode(record: &[u8]) -> Option<Consumer> {
        let (seen, rest) = record.split_first_chunk::<8>()?;
        let (active, pending) = rest.split_first_chunk::<8>()?;
        Some(Consumer {
            seen: i64::from_le_bytes(*seen),
            active: i64::from_le_bytes(*active),
            pending: u64::from_le_bytes(pending.try_into().ok()?),
        })
    }
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it was last delivered, Unix milliseconds.
    pub delivered: i64,
    /// How often.
    pub deliveries: u64,
    /// To whom.
    pub consumer: Vec<u8>,
}

impl Pending {
    /// Its record.
    pub fn encode(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(16 + self.consumer.len());
        record.extend_from_slice(&self.delivered.to_le_bytes());
        record.extend_from_slice(&self.deliveries.to_le_bytes());
        record.extend_from_slice(&self.consumer);
        record
    }

    /// From its record; `None` if malformed.
    pub fn decode(record: &[u8]) -> Option<Pending> {
        let (delivered, rest) = record.split_first_chunk::<8>()?;
        let (deliveries, consumer) = rest.split_first_chunk::<8>()?;
        Some(Pending {
            delivered: i64::from_le_bytes(*delivered),
            deliveries: u64::from_le_bytes(*deliveries),
            consumer: consumer.to_vec(),
        })
    }
}

/// Bytes of an id, for which prefixes have room.
const ID: usize = 16;

fn tagged(tag: u8, names: &[&[u8]]) -> Vec<u8> {
    // A name's end is two bytes, and zero bytes in it, which are rare, are two as well.
    let names_len: usize = names.iter().map(|name| name.len() + 2).sum();
    let mut key = Vec::with_capacity(1 + names_len + ID);
    key.push(tag);
    for name in names {
        order::encode_bytes(name, &mut key);
    }
    key
}

/// What the keys of all groups begin with.
pub const GROUPS: [u8; 1] = [GROUP];

/// Key of a group.
pub fn group_key(group: &[u8]) -> Vec<u8> {
    tagged(GROUP, &[group])
}

/// What the keys of a group's consumers begin with.
pub fn consumers_prefix(group: &[u8]) -> Vec<u8> {
    tagged(CONSUMER, &[group])
}

/// Key of a consumer.
pub fn consumer_key(group: &[u8], consumer: &[u8]) -> Vec<u8> {
    tagged(CONSUMER, &[group, consumer])
}

/// What the keys of a group's pending entries begin with; the id follows.
pub fn pending_prefix(group: &[u8]) -> Vec<u8> {
    tagged(PENDING, &[group])
}

/// What the keys of a consumer's pending entries begin with; the id follows.
pub fn held_prefix(group: &[u8], consumer: &[u8]) -> Vec<u8> {
    tagged(HELD, &[group, consumer])
}

/// What the keys of the pending entries of all consumers of a group begin with.
pub fn all_held_prefix(group: &[u8]) -> Vec<u8> {
    tagged(HELD, &[group])
}

/// The name behind a prefix of [`GROUPS`] or [`consumers_prefix`]; `None` if malformed.
pub fn name_behind(key: &[u8], prefix: &[u8]) -> Option<Vec<u8>> {
    let rest = key.strip_prefix(prefix)?;
    let (name, used) = order::decode_bytes(rest)?;
    (used == rest.len()).then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn ids() -> impl Strategy<Value = Id> {
        (any::<u64>(), any::<u64>()).prop_map(|(ms, seq)| Id { ms, seq })
    }

    proptest! {
        #[test]
        fn ids_keep_their_order_and_neighbours(one in ids(), other in ids()) {
            prop_assert_eq!(one.cmp(&other), one.to_bytes().cmp(&other.to_bytes()));
            prop_assert_eq!(Id::from_bytes(&one.to_bytes()), Some(one));
            prop_assert_eq!(one.next().and_then(Id::previous), one.next().map(|_| one));
        }

        #[test]
        fn records_come_back(words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..9), id in ids(), n in any::<u64>(), t in any::<i64>()) {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let even = &words[..words.len() / 2 * 2];
            let record = encode_fields(even.len() / 2, even.iter().copied());
            prop_assert_eq!(decode_fields(&record).unwrap(), even);
            let state = State { removed: n, max_removed: id, floor: id };
            prop_assert_eq!(State::decode(&state.encode()), Some(state));
            let group = Group { last: id, read: Some(n >> 1), pending: n, consumers: 2 };
            prop_assert_eq!(Group::decode(&group.encode()), Some(group));
            let consumer = Consumer { seen: t, active: -1, pending: n };
            prop_assert_eq!(Consumer::decode(&consumer.encode()), Some(consumer));
            let name = even.first().copied().unwrap_or_default();
            let pending = Pending { delivered: t, deliveries: n, consumer: name.to_vec() };
            prop_assert_eq!(Pending::decode(&pending.encode()), Some(pending));
            prop_assert_eq!(name_behind(&group_key(name), &GROUPS).unwrap(), name);
            prop_assert_eq!(name_behind(&consumer_key(b"g\0", name), &consumers_prefix(b"g\0")).unwrap(), name);
        }

        #[test]
        fn decoders_take_anything(bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            if let Some(words) = decode_fields(&bytes) {
                prop_assert_eq!(encode_fields(words.len() / 2, words.iter().copied()), bytes.clone());
            }
            let _ = (State::decode(&bytes), Group::decode(&bytes), Consumer::decode(&bytes), Pending::decode(&bytes));
        }
    }

    #[test]
    fn records_and_keys_are_written_as_the_file_format_says() {
        let id = Id { ms: 0x0102, seq: 3 };
        let id_bytes = b"\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x03";
        assert_eq!(&id.to_bytes(), id_bytes);
        let fields = encode_fields(1, [&b"f"[..], b"value"].into_iter());
        assert_eq!(fields, b"\x01\x01f\x05value");
        let state = State {
            removed: 2,
            max_removed: id,
            floor: Id::MIN,
        };
        let expected = [&b"\x02\0\0\0\0\0\0\0"[..], id_bytes, &[0; 16]].concat();
        assert_eq!(state.encode()[..], expected);
        let group = Group {
            last: id,
            read: None,
            pending: 1,
            consumers: 2,
        };
        let numbers: [&[u8]; 3] = [&[0xff; 8], b"\x01\0\0\0\0\0\0\0", b"\x02\0\0\0\0\0\0\0"];
        assert_eq!(
            group.encode()[..],
            [id_bytes, &numbers.concat()[..]].concat()
        );
        let consumer = Consumer {
            seen: 1,
            active: -1,
            pending: 2,
        };
        let numbers: [&[u8]; 3] = [b"\x01\0\0\0\0\0\0\0", &[0xff; 8], b"\x02\0\0\0\0\0\0\0"];
        assert_eq!(consumer.encode()[..], numbers.concat());
        let pending = Pending {
            delivered: 1,
            deliveries: 2,
            consumer: b"me".to_vec(),
        };
        assert_eq!(pending.encode(), b"\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0me");
        assert_eq!((STATE, GROUPS), ([0], [1]));
        assert_eq!(group_key(b"g"), b"\x01g\0\x01");
        assert_eq!(consumer_key(b"g", b"c\0"), b"\x02g\0\x01c\0\xff\0\x01");
        assert_eq!(pending_prefix(b"g"), b"\x03g\0\x01");
        assert_eq!(held_prefix(b"g", b"c"), b"\x04g\0\x01c\0\x01");
    }

    #[test]
    fn the_ends_have_no_neighbours() {
        assert_eq!((Id::MIN.previous(), Id::MAX.next()), (None, None));
        let unknown = Group {
            last: Id::MAX,
            read: None,
            pending: 0,
            consumers: 0,
        };
        assert_eq!(Group::decode(&unknown.encode()), Some(unknown));
    }
}
