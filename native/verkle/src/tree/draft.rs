//! The shape of a tree after a batch of edits, before its commitments are known.
//!
//! **Theory.** Edits, sorted by place, are handed down to the slots they concern. A leaf that meets others grows into a branch at
//! their longest common prefix; a branch whose path an added leaf leaves gets a branch above it, and stays as it is, since its
//! slot binds its whole path; a branch with one slot left gives way to what that slot holds.
//!
//! **Invariant.** A draft is made only where something changes, and every branch but the root has two occupied slots at least.

use super::error::TreeError;
use super::nodes::NodeStore;
use super::record::{load_named, Branch, Content, Summary};
use super::steps::Steps;
use super::update::Edit;
use super::{shared, Path};
use crate::scalar::Canonical;

/// Fewer edits are not worth a thread.
const FORK: usize = 1024;

/// A leaf with its whole place.
#[derive(Clone)]
pub(crate) struct Leaf<'e> {
    key: std::borrow::Cow<'e, [u8]>,
    scalar: Canonical,
    bytes: u64,
}

/// A branch that stays as it is.
pub(crate) struct Kept {
    pub(crate) path: Path,
    pub(crate) summary: Summary,
}

/// What a slot, or the tree, holds.
pub(crate) enum Node<'e> {
    Empty,
    Leaf(Leaf<'e>),
    Kept(Kept),
    Draft(Box<Draft>),
}

/// A branch that is new or changes.
pub(crate) struct Draft {
    /// With the new contents; slots of drafts below hold a blank in its place.
    pub(crate) branch: Branch,
    /// Slots that change, and their scalars before: zero if empty.
    pub(crate) before: Vec<(u8, Canonical)>,
    pub(crate) children: Vec<(u8, Box<Draft>)>,
}

/// Edits for one slot.
struct Job<'e> {
    slot: u8,
    old: Node<'e>,
    edits: &'e [Edit],
}

/// What an update reads, and what it leaves behind.
pub(crate) struct Context<'n> {
    nodes: &'n dyn NodeStore,
    pub(crate) removed: Vec<Path>,
    pub(crate) dropped: Vec<Path>,
}

impl<'n> Context<'n> {
    pub(crate) fn new(nodes: &'n dyn NodeStore) -> Self {
        Self {
            nodes,
            removed: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// The whole tree after `edits`, which are sorted.
    pub(crate) fn root<'e>(
        &mut self,
        old: Option<Branch>,
        edits: &'e [Edit],
        workers: usize,
    ) -> Result<Node<'e>, TreeError> {
        if let Some(branch) = old {
            let summary = branch.summary();
            return self.visit(branch, summary, edits, workers);
        }
        let first = |node: &Node<'_>| match node {
            Node::Empty => None,
            Node::Leaf(leaf) => leaf.key.first().copied(),
            Node::Kept(kept) => kept.path.first().copied(),
            Node::Draft(draft) => draft.branch.path.first().copied(),
        };
        // The root is a branch whatever it holds.
        let node = self.grow(None, edits, 0)?;
        let Some(slot) = first(&node) else {
            return Ok(node);
        };
        let root = Branch::new(Path::new());
        Ok(self.finish(root, None, vec![(slot, node)]))
    }

    /// What a slot holds after edits that all share its path of `depth` steps.
    fn settle<'e>(
        &mut self,
        mut old: Node<'e>,
        mut edits: &'e [Edit],
        depth: usize,
        workers: usize,
    ) -> Result<Node<'e>, TreeError> {
        while let Some((Edit::RemoveAll { prefix }, rest)) = edits.split_first() {
            if prefix.len() > depth {
                break;
            }
            if let Node::Kept(kept) = std::mem::replace(&mut old, Node::Empty) {
                self.dropped.push(kept.path);
            }
            edits = rest;
        }
        match old {
            Node::Empty => self.grow(None, edits, depth),
            Node::Leaf(leaf) => self.grow(Some(leaf), edits, depth),
            Node::Kept(kept) => self.below(kept, edits, depth, workers),
            Node::Draft(_) => Ok(old),
        }
    }

    /// Grows a subtree from the leaf that was there and those that are added.
    fn grow<'e>(
        &mut self,
        old: Option<Leaf<'e>>,
        edits: &'e [Edit],
        depth: usize,
    ) -> Result<Node<'e>, TreeError> {
        let mut leaves: Vec<Leaf<'e>> = Vec::with_capacity(edits.len() + 1);
        let mut stays = old.is_some();
        for edit in edits {
            let there = old.as_ref().map_or(&[][..], |leaf| &leaf.key);
            match edit {
                Edit::Set { key, slot, bytes } => {
                    stays &= there != key.steps();
                    let scalar = Canonical::new(*slot).filter(|slot| *slot != Canonical::ZERO);
                    leaves.push(Leaf {
                        key: key.steps().into(),
                        scalar: scalar.ok_or_else(|| TreeError::Slot(key.steps().to_vec()))?,
                        bytes: *bytes,
                    });
                }
                Edit::Remove { key } => stays &= there != key.steps(),
                Edit::RemoveAll { prefix } => stays &= !there.starts_with(prefix),
            }
        }
        if let Some(old) = old.filter(|_| stays) {
            let place = leaves.partition_point(|leaf| leaf.key < old.key);
            leaves.insert(place, old);
        }
        self.build(leaves, depth)
    }

    /// The subtree of leaves that share `depth` steps.
    fn build<'e>(
        &mut self,
        mut leaves: Vec<Leaf<'e>>,
        depth: usize,
    ) -> Result<Node<'e>, TreeError> {
        let (Some(first), Some(last)) = (leaves.first(), leaves.last()) else {
            return Ok(Node::Empty);
        };
        if leaves.len() == 1 {
            return Ok(leaves.pop().map_or(Node::Empty, Node::Leaf));
        }
        let split = shared(&first.key, &last.key).max(depth);
        let branch = Branch::new(first.key.get(..split).unwrap_or_default().to_vec());
        let mut contents = Vec::new();
        let mut rest = leaves.into_iter().peekable();
        while let Some(leaf) = rest.next() {
            let slot = step(&leaf.key, split)?;
            let mut same = vec![leaf];
            while let Some(next) = rest.next_if(|next| next.key.get(split) == Some(&slot)) {
                same.push(next);
            }
            contents.push((slot, self.build(same, split + 1)?));
        }
        Ok(self.finish(branch, None, contents))
    }

    /// Edits around and within a branch that is there.
    fn below<'e>(
        &mut self,
        kept: Kept,
        edits: &'e [Edit],
        depth: usize,
        workers: usize,
    ) -> Result<Node<'e>, TreeError> {
        let path = &kept.path;
        let covers =
            |edit: &Edit| matches!(edit, Edit::RemoveAll { prefix } if path.starts_with(prefix));
        if edits.iter().any(covers) {
            self.dropped.push(kept.path);
            return self.grow(None, edits, depth);
        }
        let start = edits.partition_point(|edit| edit.steps() < path.as_slice());
        let inside = start + edits[start..].partition_point(|edit| edit.steps().starts_with(path));
        let outside = edits[..start].iter().chain(&edits[inside..]);
        let added = outside.filter(|edit| matches!(edit, Edit::Set { .. }));
        let split = added.map(|edit| shared(edit.steps(), path)).min();
        let Some(split) = split else {
            if start == inside {
                return Ok(Node::Kept(kept));
            }
            let branch = load_named(self.nodes, path)?;
            return self.visit(branch, kept.summary, &edits[start..inside], workers);
        };
        let (common, slot) = (path[..split].to_vec(), path[split]);
        // What does not share these steps can only remove what is not there.
        let start = edits.partition_point(|edit| edit.steps() < common.as_slice());
        let end = start + edits[start..].partition_point(|edit| edit.steps().starts_with(&common));
        let mut jobs = self.jobs(&edits[start..end], split, |_| Node::Empty)?;
        match jobs.binary_search_by_key(&slot, |job| job.slot) {
            Ok(at) => jobs[at].old = Node::Kept(kept),
            Err(at) => jobs.insert(
                at,
                Job {
                    slot,
                    old: Node::Kept(kept),
                    edits: &[],
                },
            ),
        }
        let contents = self.settle_all(jobs, split + 1, workers)?;
        Ok(self.finish(Branch::new(common), None, contents))
    }

    /// Edits within a branch.
    fn visit<'e>(
        &mut self,
        branch: Branch,
        summary: Summary,
        edits: &'e [Edit],
        workers: usize,
    ) -> Result<Node<'e>, TreeError> {
        let depth = branch.path.len();
        let jobs = self.jobs(edits, depth, |slot| {
            branch
                .content(slot)
                .map_or(Node::Empty, |content| node(content, &branch.path, slot))
        })?;
        let contents = self.settle_all(jobs, depth + 1, workers)?;
        Ok(self.finish(branch, Some(summary), contents))
    }

    fn jobs<'e>(
        &self,
        edits: &'e [Edit],
        depth: usize,
        old: impl Fn(u8) -> Node<'e>,
    ) -> Result<Vec<Job<'e>>, TreeError> {
        let mut jobs = Vec::new();
        for edits in edits.chunk_by(|a, b| a.steps().get(depth) == b.steps().get(depth)) {
            let slot = step(edits[0].steps(), depth)?;
            jobs.push(Job {
                slot,
                old: old(slot),
                edits,
            });
        }
        Ok(jobs)
    }

    /// Settles slots, in threads if that is worth it.
    fn settle_all<'e>(
        &mut self,
        mut jobs: Vec<Job<'e>>,
        depth: usize,
        workers: usize,
    ) -> Result<Vec<(u8, Node<'e>)>, TreeError> {
        let weight = |jobs: &[Job<'_>]| jobs.iter().map(|job| job.edits.len()).sum::<usize>();
        let all = weight(&jobs);
        if workers < 2 || jobs.len() < 2 || all < FORK {
            let settle = |job: Job<'e>| {
                let workers = if job.edits.len() == all { workers } else { 1 };
                Ok((job.slot, self.settle(job.old, job.edits, depth, workers)?))
            };
            return jobs.into_iter().map(settle).collect();
        }
        let (mut cut, mut sum) = (0, 0);
        while cut < jobs.len() - 1 && (cut == 0 || sum + jobs[cut].edits.len() / 2 < all / 2) {
            sum += jobs[cut].edits.len();
            cut += 1;
        }
        let right = jobs.split_off(cut);
        let share = (workers * sum / all.max(1)).clamp(1, workers - 1);
        let nodes = self.nodes;
        std::thread::scope(|scope| {
            let other = scope.spawn(move || {
                let mut context = Context::new(nodes);
                let settled = context.settle_all(right, depth, workers - share);
                (context, settled)
            });
            let left = self.settle_all(jobs, depth, share);
            let (context, right) = match other.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            self.removed.extend(context.removed);
            self.dropped.extend(context.dropped);
            let mut out = left?;
            out.extend(right?);
            Ok(out)
        })
    }

    /// Puts contents into a branch; `before`: what it was, if it was there.
    fn finish<'e>(
        &mut self,
        mut branch: Branch,
        before: Option<Summary>,
        contents: Vec<(u8, Node<'e>)>,
    ) -> Node<'e> {
        let depth = branch.path.len() + 1;
        let (mut changed, mut children) = (Vec::new(), Vec::new());
        for (slot, node) in contents {
            let place = branch.slots.binary_search_by_key(&slot, |(slot, _)| *slot);
            let known = place.ok().map(|at| &branch.slots[at].1);
            let content = match node {
                Node::Empty => None,
                Node::Leaf(leaf) => Some(Content::Leaf {
                    scalar: leaf.scalar,
                    bytes: leaf.bytes,
                    rest: Steps::pack(&leaf.key[depth..]),
                }),
                Node::Kept(kept) => {
                    Some(summarized(&kept.summary, Steps::pack(&kept.path[depth..])))
                }
                Node::Draft(draft) => {
                    let blank =
                        summarized(&Summary::blank(), Steps::pack(&draft.branch.path[depth..]));
                    children.push((slot, draft));
                    Some(blank)
                }
            };
            if content.as_ref() == known {
                continue;
            }
            changed.push((slot, known.map_or(Canonical::ZERO, Content::scalar)));
            branch.forget_group(slot);
            match (place, content) {
                (Ok(at), Some(content)) => branch.slots[at].1 = content,
                (Err(at), Some(content)) => branch.slots.insert(at, (slot, content)),
                (Ok(at), None) => drop(branch.slots.remove(at)),
                (Err(_), None) => {}
            }
        }
        let whole = branch.path.is_empty();
        if branch.slots.is_empty() || (branch.slots.len() == 1 && !whole) {
            if before.is_some() {
                self.removed.push(branch.path.clone());
            }
            if let Some((_, draft)) = children.pop() {
                return Node::Draft(draft);
            }
            let last = branch.slots.first();
            return last.map_or(Node::Empty, |(slot, content)| {
                node(content, &branch.path, *slot)
            });
        }
        match before {
            Some(summary) if changed.is_empty() => Node::Kept(Kept {
                path: branch.path,
                summary,
            }),
            _ => Node::Draft(Box::new(Draft {
                branch,
                before: changed,
                children,
            })),
        }
    }
}

fn step(key: &[u8], depth: usize) -> Result<u8, TreeError> {
    let step = key.get(depth).copied();
    step.ok_or_else(|| TreeError::Key(key.to_vec()))
}

/// What a slot holds, with its whole key or path.
fn node<'e>(content: &Content, path: &[u8], slot: u8) -> Node<'e> {
    let below = |rest: &Steps| rest.behind(path, slot);
    match content {
        Content::Leaf {
            scalar,
            bytes,
            rest,
        } => Node::Leaf(Leaf {
            key: below(rest).into(),
            scalar: *scalar,
            bytes: *bytes,
        }),
        Content::Branch {
            scalar,
            hash,
            count,
            bytes,
            skipped,
        } => Node::Kept(Kept {
            path: below(skipped),
            summary: Summary {
                scalar: *scalar,
                hash: *hash,
                count: *count,
                bytes: *bytes,
            },
        }),
    }
}

pub(crate) fn summarized(summary: &Summary, skipped: Steps) -> Content {
    Content::Branch {
        scalar: summary.scalar,
        hash: summary.hash,
        count: summary.count,
        bytes: summary.bytes,
        skipped,
    }
}
