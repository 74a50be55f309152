//! What the tables hold of keys that are about to be read.
//!
//! **Purpose.** Requests that came together are known before the first of them runs: what they will look up is brought near for all of
//! them at once, and what the tables say of their keys is kept for their turn.
//!
//! **Theory.** Tables do not change while a writer holds the state, so their answer for a key stays right until the commit, whatever the writer
//! does meanwhile: what it writes lies in memtables, which are asked first each time.
//!
//! **Invariant.** Kept are answers of the state's version at the writer's commit; whatever may change either forgets them.

use crate::hash::key_hash;
use crate::probe::Sought;
use crate::table::{Found, ReadMode};
use crate::types::Family;
use crate::writer::Writer;

/// Most keys that are looked up ahead together.
pub const AHEAD: usize = 32;

/// Fewer entries than these are near anyway: what they take fits into a processor's own cache.
const FEW: usize = 4096;

/// Fewer look-ups have little to wait for together.
const FEWEST: usize = 2;

/// See the module's head.
#[derive(Default)]
pub(crate) struct Ahead {
    family: Option<Family>,
    hashes: Vec<u64>,
    /// The keys one after the other, and where each ends.
    keys: Vec<u8>,
    ends: Vec<usize>,
    found: Vec<Option<Found>>,
}

impl Ahead {
    /// Forgets all.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if !self.hashes.is_empty() {
            self.hashes.clear();
            self.keys.clear();
            self.ends.clear();
            // These keep blocks alive.
            self.found.clear();
        }
    }

    fn add(&mut self, hash: u64, key: &[u8], found: Option<Found>) {
        self.hashes.push(hash);
        self.keys.extend_from_slice(key);
        self.ends.push(self.keys.len());
        self.found.push(found);
    }

    /// What the tables hold of a key, if that is known.
    #[inline]
    pub(crate) fn get(&self, family: Family, hash: u64, key: &[u8]) -> Option<&Option<Found>> {
        if self.family != Some(family) {
            return None;
        }
        let at = self.hashes.iter().position(|other| *other == hash)?;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        (self.keys[start..self.ends[at]] == *key).then(|| &self.found[at])
    }
}

impl Writer<'_> {
    /// Whether there is so much in a family that [`Writer::look_ahead`] is worth its time.
    pub fn is_worth_looking_ahead(&self, family: Family) -> bool {
        let f = usize::from(family.0);
        let layers = self.state.layers.iter().map(|layer| &layer.memtables[f]);
        let entries = self.state.active[f].len() + layers.map(|one| one.len()).sum::<usize>();
        entries >= FEW || !self.state.version.is_empty(family)
    }

    /// Brings near what reading these keys, at most [`AHEAD`] of them, will touch: reading them right after is faster. Nothing else comes
    /// of it.
    pub fn look_ahead(&mut self, family: Family, keys: &[&[u8]]) {
        self.ahead.clear();
        let mut hashes = [0; AHEAD];
        let keys = &keys[..keys.len().min(AHEAD)];
        for (hash, key) in hashes.iter_mut().zip(keys) {
            *hash = key_hash(key);
        }
        let hashes = &hashes[..keys.len()];
        let mut met = [false; AHEAD];
        let f = usize::from(family.0);
        let state = &*self.state;
        let active = state.active.iter().skip(f).take(1);
        let layers = state.layers.iter().map(|layer| &layer.memtables[f]);
        for memtable in active.chain(layers) {
            memtable.warm(hashes, &mut met);
        }
        if state.version.is_empty(family) {
            return;
        }
        state.rows.lock().warm(hashes, &mut met);
        // Of those that memory has not, what the tables say.
        let mut left = (0..keys.len()).filter(|i| !met[*i]);
        let mut places = [0; AHEAD];
        let mut count = 0;
        for (place, i) in places.iter_mut().zip(&mut left) {
            *place = i;
            count += 1;
        }
        if count < FEWEST {
            return;
        }
        let (mut sought_keys, mut sought_hashes) = ([&[][..]; AHEAD], [0; AHEAD]);
        for (n, place) in places[..count].iter().enumerate() {
            (sought_keys[n], sought_hashes[n]) = (keys[*place], hashes[*place]);
        }
        let sought = Sought {
            family,
            keys: &sought_keys[..count],
            hashes: &sought_hashes[..count],
            at: self.at,
            mode: ReadMode::CachedOnly,
        };
        let (mut found, mut known) = ([const { None }; AHEAD], [false; AHEAD]);
        let answers = (&mut found[..count], &mut known[..count]);
        state.version.look_ahead(&sought, answers.0, answers.1);
        self.ahead.family = Some(family);
        for (n, found) in found.into_iter().enumerate().take(count) {
            if known[n] {
                self.ahead.add(sought_hashes[n], sought_keys[n], found);
            }
        }
    }

    /// The version that tables hold of a key, if it was looked up ahead.
    #[inline]
    pub(crate) fn known_ahead(
        &self,
        family: Family,
        hash: u64,
        key: &[u8],
    ) -> Option<Option<Found>> {
        self.ahead.get(family, hash, key).cloned()
    }
}
