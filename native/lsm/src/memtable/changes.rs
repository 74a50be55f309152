//! What a memtable knows of a span of commits, found without its order.
//!
//! **Theory.** An entry keeps its place in the slab for as long as any retained commit sees its key, so a walk over
//! places, a piece at a time, misses nothing that a snapshot sees, whatever the writer does between two pieces:
//! new keys take new places, or places of keys that left no trace. The walk compares one number an entry; a
//! memtable is bounded, so its price is too, however large the store.

use super::{Found, Memtable, PURGED};
use crate::types::Commit;

impl Memtable {
    /// Places in the slab, those of forgotten entries included.
    pub(crate) fn places(&self) -> usize {
        self.entries.len()
    }

    /// Calls `visit` with the key and the version visible at `at` of each entry in `places` for which that version
    /// is newer than `since`.
    pub(crate) fn changed(
        &self,
        places: std::ops::Range<usize>,
        since: Commit,
        at: Commit,
        visit: &mut dyn FnMut(&[u8], Found<'_>),
    ) {
        let end = places.end.min(self.entries.len());
        for place in places.start..end {
            let entry = &self.entries[place];
            if entry.version <= since || entry.flags & PURGED != 0 {
                continue;
            }
            let id = place as u32;
            if let Some(found) = self.visible(id, at) {
                if found.version > since {
                    visit(self.key(id), found);
                }
            }
        }
    }
}
