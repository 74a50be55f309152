//! Where each thing lies: the byte keys of the data and meta families.
//!
//! Written down in `docs/file-format.md`; golden files pin it. All integers in keys are big endian or ordered
//! varints, so byte order is the order meant.
//!
//! ```text
//! DATA  app 0x01                                   app header
//!       app 0x02 hash64(id) id                     element: a vertex, or the header of a hyperedge
//!       app 0x03 cid member-key                    member of the collection `cid`
//!       app 0x04 hash64(id) id* edge-id* order-key  incidence: `id` is a member of `edge-id`; * escaped
//! META  0x00                                       the store's identity
//!       0x01 expiry_ms app hash64(id) id           expiry order
//!       0x02 app cid                               dropped collection, its members go at compaction; cid 0: app
//!       0x03 counter                               counters: 1 collections, 2 apps, 3 objects, 4 catalog version
//!       0x04 app cid                               dropped generic hyperedge, its incidence is swept
//! ```

use std::ops::Deref;

/// Short number of an app inside the store; 0 is the system's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(pub u32);

impl AppId {
    /// The system's own app: its elements are the directory of apps and the catalog.
    pub const SYSTEM: AppId = AppId(0);
}

/// Space tags, second part of a DATA key.
pub mod space {
    /// The app's header.
    pub const APP: u8 = 0x01;
    /// Elements by id.
    pub const ELEMENT: u8 = 0x02;
    /// Members by collection.
    pub const MEMBER: u8 = 0x03;
    /// Hyperedges by member.
    pub const INCIDENCE: u8 = 0x04;
}

/// Space tags of the META family, first byte of the key.
pub mod meta {
    /// The store's identity.
    pub const IDENTITY: u8 = 0x00;
    /// Elements by the time they expire.
    pub const EXPIRY: u8 = 0x01;
    /// Collections that were dropped whole.
    pub const DROPPED: u8 = 0x02;
    /// Numbers given out.
    pub const COUNTER: u8 = 0x03;
    /// Generic hyperedges that were dropped whole.
    pub const DROPPED_EDGE: u8 = 0x04;
    /// Rows of tables by token, by the time at which the first of their cells ends.
    pub const CELLS: u8 = 0x07;
    /// Key of the high-water mark of collection numbers.
    pub const NEXT_CID: [u8; 2] = [COUNTER, 1];
    /// Key of the next app number.
    pub const NEXT_APP: [u8; 2] = [COUNTER, 2];
    /// Key of the next object number of the catalog.
    pub const NEXT_OBJECT: [u8; 2] = [COUNTER, 3];
    /// Key of the catalog's version.
    pub const CATALOG_VERSION: [u8; 2] = [COUNTER, 4];
}

/// First byte of the ids in the system's app.
pub mod system {
    /// Followed by the name of an app.
    pub const APP: u8 = 0x01;
    /// Followed by the name of a role.
    pub const ROLE: u8 = 0x02;
    /// Followed by the big-endian number of a catalog object.
    pub const OBJECT: u8 = 0x03;
    /// Followed by the space, the app and the name of a catalog object.
    pub const NAME: u8 = 0x04;
    /// Followed by the big-endian number of a sequence: its value.
    pub const SEQUENCE: u8 = 0x05;
}

/// A key under construction; short ones stay on the stack.
#[derive(Clone)]
pub struct KeyBuf {
    inline: [u8; Self::INLINE],
    len: usize,
    heap: Vec<u8>,
}

impl KeyBuf {
    const INLINE: usize = 96;

    /// An empty key.
    #[inline]
    pub fn new() -> Self {
        Self {
            inline: [0; Self::INLINE],
            len: 0,
            heap: Vec::new(),
        }
    }

    /// Empties it, to be used again.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
        self.heap.clear();
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> &mut Self {
        if self.heap.is_empty() && self.len + bytes.len() <= Self::INLINE {
            self.inline[self.len..self.len + bytes.len()].copy_from_slice(bytes);
            self.len += bytes.len();
        } else {
            if self.heap.is_empty() {
                self.heap.extend_from_slice(&self.inline[..self.len]);
            }
            self.heap.extend_from_slice(bytes);
        }
        self
    }

    /// Appends an ordered varint: a first byte that tells the length, then big-endian bytes.
    ///
    /// 0..=247 is one byte; else `247 + n` and `n` bytes, without leading zeros.
    #[inline]
    pub fn push_varint(&mut self, value: u64) -> &mut Self {
        if let Some(short) = short_varint(value) {
            return self.push(&[short]);
        }
        let bytes = value.to_be_bytes();
        let skip = (value.leading_zeros() / 8) as usize;
        self.push(&[247 + (8 - skip) as u8]);
        self.push(&bytes[skip..])
    }
}

impl Default for KeyBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for KeyBuf {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        if self.heap.is_empty() {
            &self.inline[..self.len]
        } else {
            &self.heap
        }
    }
}

/// The only byte of a small number's ordered varint; `None` if it has more.
#[inline]
pub(crate) fn short_varint(value: u64) -> Option<u8> {
    (value <= 247).then_some(value as u8)
}

/// Reads an ordered varint; the value and how many bytes it took, or `None` if malformed.
#[inline]
pub fn read_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    if first <= 247 {
        return Some((u64::from(first), 1));
    }
    let n = usize::from(first - 247);
    let body = bytes.get(1..1 + n)?;
    let value = body
        .iter()
        .fold(0u64, |acc, byte| (acc << 8) | u64::from(*byte));
    let canonical = value > 247 && body[0] != 0;
    canonical.then_some((value, 1 + n))
}

/// Key of the app's header record.
pub fn app_header(app: AppId) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.push_varint(u64::from(app.0)).push(&[space::APP]);
    key
}

/// Key of the element `id`, whose place is `hash`.
#[inline]
pub fn element(app: AppId, hash: u64, id: &[u8]) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.push_varint(u64::from(app.0))
        .push(&[space::ELEMENT])
        .push(&hash.to_be_bytes())
        .push(id);
    key
}

/// Prefix of everything of an app.
pub fn app_prefix(app: AppId) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.push_varint(u64::from(app.0));
    key
}

/// Prefix of all elements of an app; the rest of such a key is `hash64 id`.
pub fn element_prefix(app: AppId) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.push_varint(u64::from(app.0)).push(&[space::ELEMENT]);
    key
}

/// Prefix of all members of collection `cid`.
#[inline]
pub fn member_prefix(app: AppId, cid: u64) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.push_varint(u64::from(app.0))
        .push(&[space::MEMBER])
        .push_varint(cid);
    key
}

/// Key of one member: the prefix, then the member key of the collection's kind.
#[inline]
pub fn member(app: AppId, cid: u64, member: &[u8]) -> KeyBuf {
    let mut key = member_prefix(app, cid);
    key.push(member);
    key
}

/// Prefix of the incidence records of element `id`.
pub fn incidence_prefix(app: AppId, hash: u64, id: &[u8]) -> Vec<u8> {
    let mut key = app_prefix(app).to_vec();
    key.push(space::INCIDENCE);
    key.extend_from_slice(&hash.to_be_bytes());
    crate::codec::order::encode_bytes(id, &mut key);
    key
}

/// Key of the record that `id` is a member of hyperedge `edge` under `order_key`.
pub fn incidence(app: AppId, hash: u64, id: &[u8], edge: &[u8], order_key: &[u8]) -> Vec<u8> {
    let mut key = incidence_prefix(app, hash, id);
    crate::codec::order::encode_bytes(edge, &mut key);
    key.extend_from_slice(order_key);
    key
}

/// The rest of an incidence key behind its prefix: the hyperedge and the order key; `None` if malformed.
pub fn parse_incidence(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (edge, used) = crate::codec::order::decode_bytes(rest)?;
    Some((edge, rest.get(used..)?))
}

/// Key of an element in expiry order.
pub fn expiry(at_ms: i64, app: AppId, hash: u64, id: &[u8]) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.push(&[meta::EXPIRY])
        .push(&order_i64(at_ms))
        .push_varint(u64::from(app.0))
        .push(&hash.to_be_bytes())
        .push(id);
    key
}

/// An entry of the expiry order taken apart: time, app, hash, id; `None` if malformed.
pub fn parse_expiry(key: &[u8]) -> Option<(i64, AppId, u64, &[u8])> {
    let rest = key.strip_prefix(&[meta::EXPIRY])?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (app, used) = read_varint(rest)?;
    let (hash, id) = rest.get(used..)?.split_first_chunk::<8>()?;
    let app = AppId(u32::try_from(app).ok()?);
    Some((unorder_i64(*at), app, u64::from_be_bytes(*hash), id))
}

/// A note of a drop taken apart: app and collection (0: the whole app); `None` if malformed.
pub fn parse_dropped(key: &[u8]) -> Option<(AppId, u64)> {
    parse_collection(key.strip_prefix(&[meta::DROPPED])?)
}

/// A note of a dropped generic hyperedge taken apart; `None` if malformed.
pub fn parse_dropped_edge(key: &[u8]) -> Option<(AppId, u64)> {
    parse_collection(key.strip_prefix(&[meta::DROPPED_EDGE])?)
}

fn parse_collection(rest: &[u8]) -> Option<(AppId, u64)> {
    let (app, used) = read_varint(rest)?;
    let (cid, last) = read_varint(rest.get(used..)?)?;
    (used + last == rest.len()).then_some((AppId(u32::try_from(app).ok()?), cid))
}

/// The app, the space tag and the rest of a DATA key; `None` if malformed.
pub fn parse_data(key: &[u8]) -> Option<(AppId, u8, &[u8])> {
    let (app, used) = read_varint(key)?;
    let (tag, rest) = key.get(used..)?.split_first()?;
    Some((AppId(u32::try_from(app).ok()?), *tag, rest))
}

/// Key of the note that collection `cid` was dropped.
pub fn dropped(app: AppId, cid: u64) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.push(&[meta::DROPPED])
        .push_varint(u64::from(app.0))
        .push_varint(cid);
    key
}

/// Key of the note that the generic hyperedge of collection `cid` was dropped; the value is its id.
pub fn dropped_edge(app: AppId, cid: u64) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.push(&[meta::DROPPED_EDGE])
        .push_varint(u64::from(app.0))
        .push_varint(cid);
    key
}

/// A signed integer so that byte order is number order.
#[inline]
pub fn order_i64(value: i64) -> [u8; 8] {
    ((value as u64) ^ (1 << 63)).to_be_bytes()
}

/// Back from [`order_i64`].
#[inline]
pub fn unorder_i64(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)) as i64
}

/// A double so that byte order is number order; -0.0 becomes 0.0, NaN does not occur in ordered spaces.
#[inline]
pub fn order_f64(value: f64) -> [u8; 8] {
    let bits = if value == 0.0 { 0 } else { value.to_bits() };
    let ordered = if bits >> 63 == 1 {
        !bits
    } else {
        bits | (1 << 63)
    };
    ordered.to_be_bytes()
}

/// Back from [`order_f64`].
#[inline]
pub fn unorder_f64(bytes: [u8; 8]) -> f64 {
    let ordered = u64::from_be_bytes(bytes);
    f64::from_bits(if ordered >> 63 == 1 {
        ordered & !(1 << 63)
    } else {
        !ordered
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_keep_order_and_come_back() {
        let mut last: Option<Vec<u8>> = None;
        for value in [
            0,
            1,
            240,
            247,
            248,
            255,
            256,
            65_535,
            65_536,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut key = KeyBuf::new();
            key.push_varint(value);
            assert_eq!(read_varint(&key), Some((value, key.len())));
            if let Some(before) = last.replace(key.to_vec()) {
                assert!(before < key.to_vec());
            }
        }
    }

    #[test]
    fn floats_keep_order() {
        let values = [
            f64::NEG_INFINITY,
            -1e300,
            -1.5,
            -1e-300,
            0.0,
            1e-300,
            1.5,
            1e300,
            f64::INFINITY,
        ];
        for pair in values.windows(2) {
            assert!(order_f64(pair[0]) < order_f64(pair[1]));
            assert_eq!(unorder_f64(order_f64(pair[0])), pair[0]);
        }
    }
}
