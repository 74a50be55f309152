//! The commits that must stay readable.
//!
//! **Theory.** A version may go when no retained point sees it. Points are sealed commits ([`crate::Db::retain`],
//! kept in the manifest) and live snapshots (kept here).

use crate::types::Commit;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
struct Inner {
    live: BTreeMap<Commit, usize>,
    sealed: BTreeSet<Commit>,
}

impl Inner {
    fn newest(&self) -> Option<Commit> {
        let live = self.live.keys().next_back().copied();
        live.max(self.sealed.last().copied())
    }
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct Points {
    inner: Mutex<Inner>,
    /// One more than the newest point, 0 if there is none: the empty store, commit 0, can be retained too.
    above: AtomicU64,
}

impl Points {
    /// With the commits that the manifest names.
    pub(crate) fn new(sealed: &[Commit]) -> Self {
        let points = Points::default();
        points.change(|inner| inner.sealed.extend(sealed));
        points
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock();
        let result = change(&mut inner);
        let above = inner.newest().map_or(0, |newest| newest.saturating_add(1));
        self.above.store(above, Ordering::Release);
        result
    }

    /// A snapshot at `commit` begins to live.
    pub(crate) fn pin(&self, commit: Commit) {
        self.change(|inner| *inner.live.entry(commit).or_default() += 1);
    }

    /// A snapshot at `commit` is gone.
    pub(crate) fn unpin(&self, commit: Commit) {
        self.change(|inner| {
            if let Some(count) = inner.live.get_mut(&commit) {
                *count -= 1;
                if *count == 0 {
                    inner.live.remove(&commit);
                }
            }
        });
    }

    /// Pins `commit` if it is a retained point; else the oldest one.
    pub(crate) fn pin_retained(&self, commit: Commit) -> Result<(), Option<Commit>> {
        self.change(|inner| {
            if inner.sealed.contains(&commit) || inner.live.contains_key(&commit) {
                *inner.live.entry(commit).or_default() += 1;
                return Ok(());
            }
            Err(inner.oldest())
        })
    }

    /// The oldest of all, if there is one.
    pub(crate) fn oldest(&self) -> Option<Commit> {
        self.inner.lock().oldest()
    }

    /// Retains `commit` beyond a restart.
    pub(crate) fn seal(&self, commit: Commit) {
        self.change(|inner| inner.sealed.insert(commit));
    }

    /// Ends the retention of sealed commits below `commit`.
    pub(crate) fn release_below(&self, commit: Commit) {
        self.change(|inner| inner.sealed = inner.sealed.split_off(&commit));
    }

    /// Sets the sealed commits.
    pub(crate) fn set_sealed(&self, sealed: &[Commit]) {
        self.change(|inner| inner.sealed = sealed.iter().copied().collect());
    }

    /// Sealed commits, ascending: what the manifest keeps.
    pub(crate) fn sealed(&self) -> Vec<Commit> {
        self.inner.lock().sealed.iter().copied().collect()
    }

    /// The newest point, 0 if there is none.
    #[inline]
    pub(crate) fn newest(&self) -> Commit {
        self.above.load(Ordering::Acquire).saturating_sub(1)
    }

    /// All points, ascending, into `out`.
    pub(crate) fn collect(&self, out: &mut Vec<Commit>) {
        out.clear();
        if self.above.load(Ordering::Acquire) == 0 {
            return;
        }
        let inner = self.inner.lock();
        out.extend(inner.sealed.iter().chain(inner.live.keys()));
        out.sort_unstable();
        out.dedup();
    }
}

impl Inner {
    fn oldest(&self) -> Option<Commit> {
        let live = self.live.keys().next().copied();
        let sealed = self.sealed.first().copied();
        match (live, sealed) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}
