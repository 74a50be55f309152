//! The commits that must stay readable.
//!
//! **Theory.** A version may go when no retained point sees it. Points are kept commits (in the manifest, so they survive a
//! restart) and live snapshots (only here). Commits are kept for two who must not undo each other's: whoever called
//! [`crate::Db::retain`], and the sealing of frames.

use crate::types::Commit;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// The commits that are kept, and for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// For callers of [`crate::Db::retain`].
    pub(crate) asked: BTreeSet<Commit>,
    /// For frames: [`crate::Snapshot::keep_for_frames`].
    pub(crate) frames: BTreeSet<Commit>,
}

impl Kept {
    fn oldest(&self) -> Option<Commit> {
        least(self.asked.first().copied(), self.frames.first().copied())
    }

    fn newest(&self) -> Option<Commit> {
        self.asked.last().max(self.frames.last()).copied()
    }
}

#[derive(Default)]
struct Inner {
    live: BTreeMap<Commit, usize>,
    kept: Kept,
}

impl Inner {
    fn newest(&self) -> Option<Commit> {
        let live = self.live.keys().next_back().copied();
        live.max(self.kept.newest())
    }

    fn oldest(&self) -> Option<Commit> {
        least(self.live.keys().next().copied(), self.kept.oldest())
    }
}

fn least(a: Option<Commit>, b: Option<Commit>) -> Option<Commit> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
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
    pub(crate) fn new(kept: Kept) -> Self {
        let points = Points::default();
        points.set_kept(kept);
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
            let kept = &inner.kept;
            if kept.asked.contains(&commit)
                || kept.frames.contains(&commit)
                || inner.live.contains_key(&commit)
            {
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

    /// Replaces the kept commits.
    pub(crate) fn set_kept(&self, kept: Kept) {
        self.change(|inner| inner.kept = kept);
    }

    /// The kept commits: what the manifest names.
    pub(crate) fn kept(&self) -> Kept {
        self.inner.lock().kept.clone()
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
        let kept = inner.kept.asked.iter().chain(&inner.kept.frames);
        out.extend(kept.chain(inner.live.keys()));
        out.sort_unstable();
        out.dedup();
    }
}
