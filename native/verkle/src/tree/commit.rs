//! The commitments of a draft, from the deepest branches up.
//!
//! **Theory.** A branch's scalar needs its commitment, and that the scalars below. So drafts are taken by height above the deepest
//! changed ones, and all of one height are one batch for the curve ([`crate::comb::Comb::update_many`]): few, large batches
//! share inversions, and each changed slot costs one multiplication whatever became of the leaves below it.

use super::draft::Draft;
use super::record::{Branch, Content, Summary};
use super::Path;
use crate::comb::{Comb, Update};
use crate::scalar::{Canonical, Scalar};
use std::sync::Arc;

/// A draft on its way to a record.
struct Work {
    draft: Box<Draft>,
    /// Which draft holds it, in which slot; none holds the root.
    above: Option<(usize, u8)>,
    height: usize,
}

type Records = Vec<(Path, Option<Arc<[u8]>>)>;

/// Commits to a draft and all below it; their records are appended to `changed`.
pub(crate) fn commit(
    root: Box<Draft>,
    comb: &Comb,
    workers: usize,
    changed: &mut Records,
) -> Summary {
    let mut works: Vec<Option<Work>> = Vec::new();
    flatten(root, None, &mut works);
    let mut levels: Vec<Vec<usize>> = Vec::new();
    for at in (0..works.len()).rev() {
        let Some((height, above)) = works[at].as_ref().map(|work| (work.height, work.above)) else {
            continue;
        };
        if let Some(Some(above)) = above.map(|(above, _)| works[above].as_mut()) {
            above.height = above.height.max(height + 1);
        }
        levels.resize(levels.len().max(height + 1), Vec::new());
        levels[height].push(at);
    }
    let mut root = Summary::blank();
    for level in levels {
        let mut level: Vec<Work> = level.iter().filter_map(|at| works[*at].take()).collect();
        change(&mut level, comb, workers);
        let summaries = settle(&mut level, workers);
        for (work, (summary, record)) in level.into_iter().zip(summaries) {
            match work.above {
                Some((above, slot)) => {
                    if let Some(above) = works[above].as_mut() {
                        above.draft.branch.fill(slot, &summary);
                    }
                }
                None => root = summary,
            }
            changed.push((work.draft.branch.path, Some(record)));
        }
    }
    root
}

impl Branch {
    /// What a slot's draft has become.
    fn fill(&mut self, slot: u8, below: &Summary) {
        let slots = &mut self.slots;
        if let Ok(at) = slots.binary_search_by_key(&slot, |(slot, _)| *slot) {
            if let Content::Branch {
                scalar,
                hash,
                count,
                bytes,
                ..
            } = &mut slots[at].1
            {
                (*scalar, *hash) = (below.scalar, below.hash);
                (*count, *bytes) = (below.count, below.bytes);
            }
        }
    }
}

/// Parents before children.
fn flatten(mut draft: Box<Draft>, above: Option<(usize, u8)>, works: &mut Vec<Option<Work>>) {
    let at = works.len();
    let children = std::mem::take(&mut draft.children);
    works.push(Some(Work {
        draft,
        above,
        height: 0,
    }));
    for (slot, child) in children {
        flatten(child, Some((at, slot)), works);
    }
}

/// Brings the commitments of a level up to date.
fn change(level: &mut [Work], comb: &Comb, workers: usize) {
    let mut commitments: Vec<_> = level
        .iter()
        .map(|work| work.draft.branch.commitment)
        .collect();
    let mut updates = Vec::with_capacity(level.len());
    for (target, work) in level.iter().enumerate() {
        for (slot, before) in &work.draft.before {
            let now = work.draft.branch.content(*slot).map(Content::scalar);
            let now = now.unwrap_or(Canonical::ZERO);
            let delta = Scalar::from(now) - Scalar::from(*before);
            if !delta.is_zero() {
                updates.push(Update {
                    target: target as u32,
                    slot: *slot,
                    delta,
                });
            }
        }
    }
    comb.update_many(&mut commitments, &updates, workers);
    for (work, commitment) in level.iter_mut().zip(commitments) {
        work.draft.branch.commitment = commitment;
    }
}

/// Hashes the branches of a level and makes their records.
fn settle(level: &mut [Work], workers: usize) -> Vec<(Summary, Arc<[u8]>)> {
    fn all(works: &mut [Work]) -> Vec<(Summary, Arc<[u8]>)> {
        let mut record = Vec::new();
        let each = |work: &mut Work| {
            let summary = work.draft.branch.settle();
            record.clear();
            work.draft.branch.encode_into(&mut record);
            (summary, Arc::from(record.as_slice()))
        };
        works.iter_mut().map(each).collect()
    }
    const FORK: usize = 256;
    if workers < 2 || level.len() < FORK {
        return all(level);
    }
    let share = level.len().div_ceil(workers);
    std::thread::scope(|scope| {
        let parts: Vec<_> = level
            .chunks_mut(share)
            .map(|part| scope.spawn(|| all(part)))
            .collect();
        let mut out = Vec::new();
        for part in parts {
            match part.join() {
                Ok(done) => out.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        out
    })
}
