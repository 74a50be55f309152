//! The block cache: every open table has a slot per block, and one budget bounds them all.
//!
//! **Purpose.** Hand out a verified, decompressed block in constant time, without a lock that all readers
//! share, and keep the blocks in memory that are asked for again.
//!
//! **Theory.** A hit is: index into the table's slots, take that slot's own lock for the length of a reference
//! count, set its *touched* flag. Only a load goes to the shared state, a clock (second-chance) queue: while
//! the budget is exceeded the oldest block is evicted, or, if it was touched since, sent round again.
//!
//! **Invariant.** The bytes accounted for are those of the blocks in slots; they exceed the budget by at most
//! the block that is being loaded. A block in a slot has passed its checksum and [`Layout::check`].
//!
//! [`Layout::check`]: crate::table

use crate::near;
use parking_lot::{Mutex, RwLock};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// Below this a command that needs several blocks at once might never find them all in memory.
const MIN_BUDGET: usize = 1 << 20;

/// Bytes that a cached block takes besides its content: reference counts, slot, place in the queue.
const PER_BLOCK: usize = 64;

/// The budget and the queue that all tables of a store share.
pub struct BlockCache {
    budget: AtomicUsize,
    used: AtomicUsize,
    loads: AtomicU64,
    evictions: AtomicU64,
    clock: Mutex<VecDeque<Hand>>,
    blocks: AtomicUsize,
}

struct Hand {
    slots: Weak<Slots>,
    block: u32,
}

impl BlockCache {
    /// A cache that holds at most `budget` bytes (at least 1 MiB).
    pub fn new(budget: usize) -> Arc<Self> {
        Arc::new(Self {
            budget: AtomicUsize::new(budget.max(MIN_BUDGET)),
            used: AtomicUsize::new(0),
            loads: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            clock: Mutex::new(VecDeque::new()),
            blocks: AtomicUsize::new(0),
        })
    }

    /// Changes the budget; a smaller one is reached at once.
    pub fn set_budget(&self, budget: usize) {
        self.budget.store(budget.max(MIN_BUDGET), Ordering::Relaxed);
        self.shrink(&mut self.clock.lock());
    }

    /// Bytes that it may hold.
    pub fn budget(&self) -> usize {
        self.budget.load(Ordering::Relaxed)
    }

    /// Bytes held.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Blocks that came into the cache since the start: loaded, or kept when a merge wrote them.
    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// Blocks evicted since the start.
    pub fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    /// Whether more can be held without anything being evicted, with some room left for what is read.
    pub(crate) fn has_room(&self) -> bool {
        self.used() < self.budget() / 8 * 7
    }

    fn admit(&self, hand: Hand, bytes: usize) {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let mut clock = self.clock.lock();
        // Room is made first, so the newcomer is never its own victim.
        self.used.fetch_add(bytes, Ordering::Relaxed);
        self.shrink(&mut clock);
        clock.push_back(hand);
        let live = self.blocks.fetch_add(1, Ordering::Relaxed) + 1;
        // Blocks of closed tables leave their hands behind; swept once they are the majority.
        if clock.len() > 2 * live + 64 {
            clock.retain(|hand| hand.slots.strong_count() > 0);
        }
    }

    fn shrink(&self, clock: &mut VecDeque<Hand>) {
        let budget = self.budget.load(Ordering::Relaxed);
        // Readers may touch as fast as the hand goes round: two rounds are enough for everybody's flag.
        let mut steps = 2 * clock.len();
        while self.used() > budget && steps > 0 {
            steps -= 1;
            let Some(hand) = clock.pop_front() else {
                return;
            };
            let Some(slots) = hand.slots.upgrade() else {
                continue;
            };
            if slots.slots[hand.block as usize]
                .touched
                .swap(false, Ordering::Relaxed)
            {
                clock.push_back(hand);
            } else if slots.evict(hand.block) {
                self.evictions.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn forget(&self, bytes: usize, blocks: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.blocks.fetch_sub(blocks, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Slot {
    block: RwLock<Option<Arc<[u8]>>>,
    touched: AtomicBool,
}

/// The blocks of one table that are in memory.
pub(crate) struct Slots {
    cache: Arc<BlockCache>,
    slots: Box<[Slot]>,
}

impl Slots {
    /// Empty slots for a table of `blocks` blocks.
    pub(crate) fn new(cache: &Arc<BlockCache>, blocks: usize) -> Arc<Self> {
        Arc::new(Self {
            cache: cache.clone(),
            slots: (0..blocks).map(|_| Slot::default()).collect(),
        })
    }

    /// Block `i`, if it is in memory.
    #[inline]
    pub(crate) fn get(&self, i: u32) -> Option<Arc<[u8]>> {
        let slot = self.slots.get(i as usize)?;
        let block = slot.block.read().clone()?;
        // Written only when it changes: a hot block's cache line stays shared between cores.
        if !slot.touched.load(Ordering::Relaxed) {
            slot.touched.store(true, Ordering::Relaxed);
        }
        Some(block)
    }

    /// Asks for the slot of block `i`.
    #[inline]
    pub(crate) fn ask_slot(&self, i: u32) {
        if let Some(slot) = self.slots.get(i as usize) {
            near::ask(slot);
        }
    }

    /// The cache that these are part of.
    pub(crate) fn cache(&self) -> &BlockCache {
        &self.cache
    }

    /// Whether block `i` is in memory.
    pub(crate) fn has(&self, i: u32) -> bool {
        let slot = self.slots.get(i as usize);
        slot.is_some_and(|slot| slot.block.read().is_some())
    }

    /// Hands block `i` to `look`, if it is in memory; it is not touched by that.
    #[inline]
    pub(crate) fn glance(&self, i: u32, look: impl FnOnce(&[u8])) {
        if let Some(slot) = self.slots.get(i as usize) {
            if let Some(block) = &*slot.block.read() {
                look(block);
            }
        }
    }

    /// Puts a verified block into its slot; the one to use is returned (another thread may have been first).
    pub(crate) fn insert(self: &Arc<Self>, i: u32, block: Arc<[u8]>) -> Arc<[u8]> {
        let Some(slot) = self.slots.get(i as usize) else {
            return block;
        };
        {
            let mut present = slot.block.write();
            if let Some(present) = &*present {
                return present.clone();
            }
            *present = Some(block.clone());
        }
        let hand = Hand {
            slots: Arc::downgrade(self),
            block: i,
        };
        self.cache.admit(hand, block.len() + PER_BLOCK);
        block
    }

    fn evict(&self, i: u32) -> bool {
        let Some(block) = self.slots[i as usize].block.write().take() else {
            return false;
        };
        self.cache.forget(block.len() + PER_BLOCK, 1);
        true
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        let (mut bytes, mut blocks) = (0, 0);
        for slot in &mut self.slots {
            if let Some(block) = slot.block.get_mut() {
                bytes += block.len() + PER_BLOCK;
                blocks += 1;
            }
        }
        self.cache.forget(bytes, blocks);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn block(byte: u8) -> Arc<[u8]> {
        Arc::from(vec![byte; 10_000])
    }

    #[test]
    fn the_budget_holds_and_touched_blocks_survive() {
        let cache = BlockCache::new(MIN_BUDGET);
        let slots = Slots::new(&cache, 1000);
        for i in 0..1000 {
            slots.insert(i, block(i as u8));
            assert!(
                slots.get(0).is_some(),
                "the block asked for all the time left at {i}"
            );
            assert!(cache.used() <= MIN_BUDGET);
        }
        assert_eq!(cache.loads(), 1000);
        assert!(cache.evictions() > 850);
        assert_eq!(slots.get(999).unwrap()[0], 999u32 as u8);
        assert!(slots.get(500).is_none());
    }

    #[test]
    fn a_closed_table_gives_its_bytes_back() {
        let cache = BlockCache::new(64 << 20);
        for _ in 0..50 {
            let slots = Slots::new(&cache, 100);
            (0..100).for_each(|i| {
                slots.insert(i, block(1));
            });
            assert_eq!(cache.used(), 100 * (10_000 + PER_BLOCK));
        }
        assert_eq!(cache.used(), 0);
        assert!(cache.clock.lock().len() <= 400);
    }

    #[test]
    fn a_smaller_budget_is_reached_at_once() {
        let cache = BlockCache::new(64 << 20);
        let slots = Slots::new(&cache, 500);
        (0..500).for_each(|i| {
            slots.insert(i, block(1));
        });
        cache.set_budget(0);
        assert!(cache.used() <= MIN_BUDGET);
    }

    #[test]
    fn threads_that_load_the_same_blocks_count_them_once() {
        let cache = BlockCache::new(MIN_BUDGET);
        let slots = Slots::new(&cache, 300);
        std::thread::scope(|scope| {
            for t in 0..4u32 {
                let slots = &slots;
                scope.spawn(move || {
                    for n in 0..3000u32 {
                        let i = n.wrapping_mul(2_654_435_761).wrapping_add(t) % 300;
                        let got = slots
                            .get(i)
                            .unwrap_or_else(|| slots.insert(i, block(i as u8)));
                        assert_eq!(got[0], i as u8);
                    }
                });
            }
        });
        let held = slots
            .slots
            .iter()
            .filter(|slot| slot.block.read().is_some())
            .count();
        assert_eq!(cache.used(), held * (10_000 + PER_BLOCK));
        drop(slots);
        assert_eq!(cache.used(), 0);
    }
}
