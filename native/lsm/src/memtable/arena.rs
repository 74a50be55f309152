//! Room for keys and values of a memtable.
//!
//! **Theory.** Slots come in size classes (steps of 16 bytes, then four to each doubling), are cut from chunks by
//! moving a pointer and go to a free list of their class. A value that is overwritten a million times therefore
//! takes one slot, and no write calls the system's allocator. Slots beyond the largest class have a chunk of
//! their own.

use crate::near;

const FIRST_CHUNK: usize = 16 << 10;
const LARGEST_CHUNK: usize = 1 << 20;
const CLASSES: usize = 8 + 4 * 11;
/// Class of slots that have their own chunk.
const OWN: u8 = 254;
/// Class of the empty slot, which takes no room.
const NONE: u8 = 255;

/// Where some bytes lie. The length is kept by whoever holds the slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    chunk: u32,
    offset: u32,
    class: u8,
}

impl Slot {
    pub(super) const EMPTY: Slot = Slot {
        chunk: 0,
        offset: 0,
        class: NONE,
    };
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Arena {
    chunks: Vec<Box<[u8]>>,
    /// The chunk being cut, and how much of it is used.
    open: Option<usize>,
    used: usize,
    free: Vec<Vec<(u32, u32)>>,
    free_own: Vec<u32>,
    bytes: usize,
}

fn class_of(len: usize) -> usize {
    if len <= 128 {
        return len.div_ceil(16) - 1;
    }
    let log = (usize::BITS - 1 - (len - 1).leading_zeros()) as usize;
    8 + (log - 7) * 4 + (((len - 1) >> (log - 2)) & 3)
}

fn class_size(class: usize) -> usize {
    if class < 8 {
        return (class + 1) * 16;
    }
    let log = 7 + (class - 8) / 4;
    (1 << log) + (((class - 8) % 4 + 1) << (log - 2))
}

impl Arena {
    /// Bytes taken from the system.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether `len` bytes fit a slot that is there.
    #[inline]
    pub(super) fn fits(&self, slot: Slot, len: usize) -> bool {
        match slot.class {
            NONE => len == 0,
            OWN => len <= self.chunks[slot.chunk as usize].len(),
            class => len <= class_size(usize::from(class)),
        }
    }

    /// A slot with a copy of `key` and then `value`: side by side, so that a hit touches one place.
    pub(super) fn store(&mut self, key: &[u8], value: &[u8]) -> Slot {
        let len = key.len() + value.len();
        if len == 0 {
            return Slot::EMPTY;
        }
        let class = class_of(len);
        let slot = if class >= CLASSES {
            self.own_chunk(len)
        } else {
            let (chunk, offset) = match self.free.get_mut(class).and_then(Vec::pop) {
                Some(place) => place,
                None => self.cut(class_size(class)),
            };
            Slot {
                chunk,
                offset,
                class: class as u8,
            }
        };
        self.write(slot, 0, key);
        self.write(slot, key.len(), value);
        slot
    }

    /// A slot with the key that `from` begins with, and `value`.
    pub(super) fn move_key(&mut self, from: Slot, key_len: u32, value: &[u8]) -> Slot {
        const SHORT: usize = 128;
        let mut short = [0; SHORT];
        let key = self.read(from, 0, key_len);
        if let Some(copy) = short.get_mut(..key.len()) {
            copy.copy_from_slice(key);
            return self.store(copy, value);
        }
        let key = key.to_vec();
        self.store(&key, value)
    }

    fn own_chunk(&mut self, len: usize) -> Slot {
        let boxed = vec![0; len].into_boxed_slice();
        self.bytes += len;
        let chunk = match self.free_own.pop() {
            Some(chunk) => {
                self.chunks[chunk as usize] = boxed;
                chunk
            }
            None => {
                self.chunks.push(boxed);
                (self.chunks.len() - 1) as u32
            }
        };
        Slot {
            chunk,
            offset: 0,
            class: OWN,
        }
    }

    fn cut(&mut self, size: usize) -> (u32, u32) {
        let open = self
            .open
            .filter(|open| self.used + size <= self.chunks[*open].len());
        let open = open.unwrap_or_else(|| {
            let want = (self.bytes / 2).clamp(FIRST_CHUNK, LARGEST_CHUNK).max(size);
            self.chunks.push(vec![0; want].into_boxed_slice());
            self.bytes += want;
            self.used = 0;
            self.chunks.len() - 1
        });
        self.open = Some(open);
        let place = (open as u32, self.used as u32);
        self.used += size;
        place
    }

    /// Copies `bytes` to offset `at` of a slot that they fit.
    #[inline]
    pub(super) fn write(&mut self, slot: Slot, at: usize, bytes: &[u8]) {
        if slot.class == NONE {
            return;
        }
        let start = slot.offset as usize + at;
        self.chunks[slot.chunk as usize][start..start + bytes.len()].copy_from_slice(bytes);
    }

    /// `len` bytes of a slot from offset `at` on.
    #[inline]
    pub(super) fn read(&self, slot: Slot, at: u32, len: u32) -> &[u8] {
        if slot.class == NONE {
            return &[];
        }
        let start = slot.offset as usize + at as usize;
        &self.chunks[slot.chunk as usize][start..start + len as usize]
    }

    /// Asks for the first cache lines of a slot.
    #[inline]
    pub(super) fn ask(&self, slot: Slot, len: u32) {
        const LINES: usize = 4;
        near::ask_bytes(self.read(slot, 0, len), LINES);
    }

    /// Gives a slot back.
    pub(super) fn release(&mut self, slot: Slot) {
        match slot.class {
            NONE => {}
            OWN => {
                let chunk = &mut self.chunks[slot.chunk as usize];
                self.bytes -= chunk.len();
                *chunk = Box::default();
                self.free_own.push(slot.chunk);
            }
            class => {
                let class = usize::from(class);
                if self.free.len() <= class {
                    self.free.resize_with(class + 1, Vec::new);
                }
                self.free[class].push((slot.chunk, slot.offset));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_the_smallest_that_fit() {
        let mut previous = 0;
        for class in 0..CLASSES {
            let size = class_size(class);
            assert_eq!(class_of(previous + 1), class);
            assert_eq!(class_of(size), class);
            previous = size;
        }
    }

    #[test]
    fn a_large_first_value_has_its_chunk_for_itself() {
        let mut arena = Arena::default();
        let large = arena.store(b"key", &[7; 300_000]);
        let small = arena.store(b"other", b"value");
        arena.release(large);
        assert_eq!(arena.read(small, 5, 5), b"value");
    }

    #[test]
    fn slots_are_used_again() {
        let mut arena = Arena::default();
        for len in [1usize, 100, 5000, 400_000] {
            let slot = arena.store(&[], &vec![7; len]);
            let bytes = arena.bytes();
            arena.release(slot);
            for _ in 0..100 {
                let slot = arena.store(&[9], &vec![9; len - 1]);
                assert_eq!(arena.read(slot, 0, len as u32), &vec![9; len][..]);
                arena.release(slot);
            }
            assert!(arena.bytes() <= bytes);
        }
    }
}
