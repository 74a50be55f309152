//! Bringing entries near before they are looked at.
//!
//! **Theory.** A look-up waits for memory several times: for the hash table's bucket, the entry, the key and value in the arena. Looking up
//! many keys one after the other waits for each of these one after the other. Here each stage is run for all keys before the next, and
//! the processor waits for them together; the look-ups that follow find all near.
//!
//! **Invariant.** Nothing is changed and nothing is found: what is read is thrown away.

use super::arena::Slot;
use super::{short, spread, EntryId, Memtable};

/// So many entries are brought near at a time: about as many as a processor waits for at once, and few enough to stay near.
const WARMED: usize = 32;

impl Memtable {
    /// Brings near what looking up keys with these hashes will touch.
    pub(crate) fn warm(&self, hashes: &[u64]) {
        let mut ids = [0; WARMED];
        for hashes in hashes.chunks(WARMED) {
            let mut found = 0;
            for hash in hashes {
                let spread = spread(short(*hash));
                // The first entry whose tag agrees is nearly always the one.
                if let Some(id) = self.index.find(spread, |_| true) {
                    ids[found] = *id;
                    found += 1;
                }
            }
            self.warm_entries(&ids[..found]);
        }
    }

    /// The same for entries that are known.
    pub(super) fn warm_entries(&self, ids: &[EntryId]) {
        let mut places = [(Slot::EMPTY, 0); WARMED];
        let mut sum = 0u32;
        for ids in ids.chunks(WARMED) {
            for (id, place) in ids.iter().zip(&mut places) {
                let entry = &self.entries[*id as usize];
                *place = (entry.data, entry.key_len + entry.value_len);
            }
            for (slot, len) in places.iter().take(ids.len()) {
                sum = sum.wrapping_add(self.arena.touch(*slot, *len));
            }
        }
        std::hint::black_box(sum);
    }
}
