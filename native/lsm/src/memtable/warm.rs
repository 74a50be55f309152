//! Bringing entries near before they are looked at.
//!
//! **Theory.** A look-up waits for memory several times: for the hash table's bucket, the entry, the key and value in the arena. Looking up
//! many keys one after the other waits for each of these one after the other. Here each stage is run for all keys before the next, and
//! the processor waits for them together; the look-ups that follow find all near.
//!
//! **Invariant.** Nothing is changed and nothing is found: what is read is thrown away.

use super::{short, spread, EntryId, Memtable};
use crate::near;

/// So many entries are brought near at a time: about as many as a processor waits for at once, and few enough to stay near.
const WARMED: usize = 32;

impl Memtable {
    /// Brings near what looking up keys with these hashes will touch; those that are `met` already are passed over, and those that
    /// are most likely here are from now on.
    pub(crate) fn warm(&self, hashes: &[u64], met: &mut [bool]) {
        if self.live == 0 {
            return;
        }
        for (hashes, met) in hashes.chunks(WARMED).zip(met.chunks_mut(WARMED)) {
            let spread = |hash: &u64| spread(short(*hash));
            for (hash, _) in hashes.iter().zip(&*met).filter(|(_, met)| !**met) {
                // The first entry whose tag agrees: mostly the one, if the key is here.
                if let Some(id) = self.index.find(spread(hash), |_| true) {
                    near::ask(&self.entries[*id as usize]);
                }
            }
            for (hash, met) in hashes.iter().zip(met).filter(|(_, met)| !**met) {
                let wanted = short(*hash);
                let same = |id: &EntryId| self.entries[*id as usize].hash == wanted;
                if let Some(id) = self.index.find(spread(hash), same) {
                    let entry = &self.entries[*id as usize];
                    self.arena.ask(entry.data, entry.key_len + entry.value_len);
                    *met = true;
                }
            }
        }
    }

    /// The same for entries that are known.
    pub(super) fn warm_entries(&self, ids: &[EntryId]) {
        for ids in ids.chunks(WARMED) {
            for id in ids {
                if let Some(entry) = self.entries.get(*id as usize) {
                    near::ask(entry);
                }
            }
            for id in ids {
                if let Some(entry) = self.entries.get(*id as usize) {
                    self.arena.ask(entry.data, entry.key_len + entry.value_len);
                }
            }
        }
    }
}
