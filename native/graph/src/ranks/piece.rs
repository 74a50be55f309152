//! The keys of one block side by side, so that a range over them waits for memory once.

/// Bytes beyond which the keys of a block are not kept: members that long are rare, and copying them costs more than finding them.
const LARGEST: usize = 64 << 10;

/// Ascending keys, without gaps between their bytes.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    bytes: Vec<u8>,
    /// Where each key ends.
    ends: Vec<u32>,
    /// Somebody read it since room was last looked for.
    pub(super) used: bool,
    /// Changes since it was last read.
    pub(super) idle: u8,
}

/// The first eight bytes of a key as a number, with zeros behind a shorter one: where two differ, the keys differ the same way.
#[inline]
pub(super) fn head(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut first = [0; 8];
            first[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(first)
        }
    }
}

impl Piece {
    /// Appends the next key; false, with nothing appended, if there is no room for it.
    pub(crate) fn push(&mut self, key: &[u8]) -> bool {
        if self.bytes.len() + key.len() > LARGEST {
            return false;
        }
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len() as u32);
        true
    }

    /// How many keys.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of memory held.
    pub(super) fn held(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity() + self.ends.capacity() * size_of::<u32>()
    }

    #[inline]
    fn start(&self, i: usize) -> usize {
        match i {
            0 => 0,
            _ => self.ends[i - 1] as usize,
        }
    }

    /// Key number `i`.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> &[u8] {
        &self.bytes[self.start(i)..self.ends[i] as usize]
    }

    /// Keys `from` to below `until`, ascending.
    #[inline]
    pub(crate) fn keys(&self, from: usize, until: usize) -> impl DoubleEndedIterator<Item = &[u8]> {
        (from..until.max(from)).map(|i| self.get(i))
    }

    /// How many keys lie before `key`, and, if `after`, at it.
    #[inline]
    pub(crate) fn place(&self, key: &[u8], after: bool) -> usize {
        let first = head(key);
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            let other = self.get(middle);
            let order = head(other).cmp(&first).then_with(|| other.cmp(key));
            if order.is_lt() || (after && order.is_eq()) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Puts a key where it belongs; false, with nothing changed, if it is there or there is no room.
    pub(super) fn insert(&mut self, key: &[u8]) -> bool {
        let at = self.place(key, false);
        let there = at < self.len() && self.get(at) == key;
        if there || self.bytes.len() + key.len() > LARGEST {
            return false;
        }
        let (start, end, len) = (self.start(at), self.bytes.len(), key.len());
        self.bytes.extend_from_slice(key);
        if start < end {
            self.bytes.copy_within(start..end, start + len);
            self.bytes[start..start + len].copy_from_slice(key);
        }
        self.ends.insert(at, start as u32);
        for end in &mut self.ends[at..] {
            *end += len as u32;
        }
        true
    }

    /// Takes a key out; false, with nothing changed, if it is not there.
    pub(super) fn remove(&mut self, key: &[u8]) -> bool {
        let at = self.place(key, false);
        if at == self.len() || self.get(at) != key {
            return false;
        }
        let (start, end) = (self.start(at), self.ends[at] as usize);
        self.bytes.copy_within(end.., start);
        self.bytes.truncate(self.bytes.len() - (end - start));
        self.ends.remove(at);
        for place in &mut self.ends[at..] {
            *place -= (end - start) as u32;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn agrees_with_a_sorted_set() {
        let mut seed = 7u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        };
        let (mut piece, mut model) = (Piece::default(), BTreeSet::new());
        for _ in 0..4000 {
            // Keys of zero to eleven bytes, many with the same first eight, some with zeros at the end.
            let mut key = vec![(random() % 3) as u8; (random() % 12) as usize];
            if let Some(last) = key.last_mut() {
                *last = (random() % 4) as u8;
            }
            let (before, at) = (model.range(..key.clone()).count(), model.contains(&key));
            assert_eq!(piece.place(&key, false), before);
            assert_eq!(piece.place(&key, true), before + usize::from(at));
            if random() % 2 == 0 {
                assert_eq!(piece.insert(&key), model.insert(key));
            } else {
                assert_eq!(piece.remove(&key), model.remove(&key));
            }
            assert!(piece
                .keys(0, piece.len())
                .eq(model.iter().map(|key| &key[..])));
        }
        assert!(piece.len() > 10);
    }

    #[test]
    fn what_is_too_large_is_not_taken() {
        let mut piece = Piece::default();
        assert!(piece.push(b"a"));
        assert!(!piece.push(&vec![b'b'; LARGEST]));
        assert!(!piece.insert(&vec![b'b'; LARGEST]));
        assert!(piece.keys(0, piece.len()).eq([&b"a"[..]]));
    }
}
