//! The prover: runs queries on the trees of a frame, notes the slots they touch, and opens these.
//!
//! **Theory.** Touched is what the verifier will need, for both run the same queries (`answer.rs`). One opening serves all slots of all
//! four trees. What the leaves stand for is fetched from the entries, since trees keep digests only.
//!
//! **Invariant.** The bytes are those of `docs/proof-format.md` and follow from frame, queries and what is shown: the same question
//! gives the same proof.

use super::answer::{run, Trees};
use super::error::ProofError;
use super::header::HEADER_BYTES;
use super::place::{address_key, logical_key, parse, tree_key, Places, Zone, ELEMENT};
use super::query::Query;
use super::row::{encode_row, value_digest, Show};
use super::source::{Below, Branch, Entry, Nodes, Source, Which};
use super::touched::{put_root, put_steps, Touched};
use super::verify::{context, APP, APP_TREE, ATTESTED, HISTORY, MAGIC, SIGNED};
use super::wire::{put_blob, put_number, spend, Limits, LIMITS};
use crate::comb::Comb;
use crate::hash::Mac;
use crate::hash::{to_digest, Digest};
use crate::opening::{open_helped, Helper, Opening, Witness};
use crate::tree::apps::address;
use crate::tree::leaf;
use hashbrown::HashMap;
use std::sync::mpsc::{channel, Sender};

/// The parts of a bundle beside the app's.
#[derive(Clone, Copy, Default)]
pub struct Parts<'a> {
    /// The store's public key and its signature of the header.
    pub signature: Option<(&'a [u8; 57], &'a [u8; 114])>,
    /// Owner's key, manifest digest, signature.
    pub attestation: Option<(&'a [u8; 57], &'a Digest, &'a [u8; 114])>,
    /// An earlier header, the siblings in its mountain from the leaf up, the other peaks in order.
    pub history: Option<(&'a [u8; HEADER_BYTES], &'a [Digest])>,
    /// Anchor and proof: [`Anchor::bytes`], [`prove`].
    pub app: Option<(&'a [u8], &'a [u8])>,
}

/// Puts a bundle together.
pub fn bundle(header: &[u8; HEADER_BYTES], parts: &Parts<'_>) -> Vec<u8> {
    let flag = |there: bool, flag: u8| if there { flag } else { 0 };
    let mut out = MAGIC.to_vec();
    out.push(
        flag(parts.signature.is_some(), SIGNED)
            | flag(parts.attestation.is_some(), ATTESTED)
            | flag(parts.history.is_some(), HISTORY)
            | flag(parts.app.is_some(), APP),
    );
    out.extend(header);
    if let Some((public, signature)) = parts.signature {
        out.extend(public);
        out.extend(signature);
    }
    if let Some((owner, manifest, signature)) = parts.attestation {
        out.extend(owner);
        out.extend(manifest);
        out.extend(signature);
    }
    if let Some((earlier, path)) = parts.history {
        out.extend(earlier);
        path.iter().for_each(|digest| out.extend(digest));
    }
    if let Some((anchor, proof)) = parts.app {
        out.extend(anchor);
        out.extend(proof);
    }
    out
}

fn four(tag: &str, address: &Digest, digests: &[Digest; 4]) -> Digest {
    let mut parts: Vec<&[u8]> = vec![address];
    parts.extend(digests.iter().map(<[u8; 32]>::as_slice));
    to_digest(tag, &parts)
}

fn roots(nodes: &dyn Nodes) -> Result<[Option<Branch>; 4], ProofError> {
    let mut roots = [const { None }; 4];
    for (tree, root) in roots.iter_mut().enumerate() {
        *root = nodes.branch(Which::App(tree), &[])?;
    }
    Ok(roots)
}

/// The app's place under the header: the same for all proofs of one app and frame, so keep it.
pub struct Anchor {
    bytes: Vec<u8>,
    /// Branches of the app tree and the slot of each that is opened.
    opened: Vec<(Branch, u8)>,
    trees: [Top; 4],
}

/// How a tree's root is told.
#[derive(Clone, Debug)]
enum Top {
    Empty,
    /// By its commitment.
    Many,
    /// By what lies in its one slot.
    One(Below),
}

impl Anchor {
    /// Of the app and the frame of a source.
    ///
    /// # Errors
    /// [`ProofError::Store`].
    pub fn new(source: &Source<'_>) -> Result<Anchor, ProofError> {
        let roots = roots(source.nodes)?;
        let own = address(source.name);
        let empty = to_digest("hyperdb/empty-tree", &[]);
        let mut hashes = [empty; 4];
        for (tree, hash) in hashes.iter_mut().enumerate() {
            *hash = source.nodes.hash(Which::App(tree))?.unwrap_or(empty);
        }
        let hash_root = four("hyperdb/app-hash-root", &own, &hashes);
        let trees = roots.each_ref().map(|root| Top::of(root.as_ref()));
        let bits = |of: fn(&Top) -> bool| {
            let those = (0..4).filter(|tree| of(&trees[*tree]));
            those.fold(0, |bits, tree| bits | 1 << tree)
        };
        let present: u8 = bits(|top| !matches!(top, Top::Empty));
        let apps = source.nodes.branch(Which::Apps, &[])?;
        let mut out = Vec::new();
        put_blob(&mut out, source.name);
        out.push(present | if apps.is_some() { APP_TREE } else { 0 });
        if present != 0 {
            out.push(bits(|top| matches!(top, Top::One(_))));
        }
        for (tree, root) in roots.iter().enumerate() {
            if let Some(root) = root {
                trees[tree].put(&mut out, source.nodes, Which::App(tree), root)?;
            }
        }
        if present != 0 {
            out.extend(hash_root);
        }
        let mut anchor = Anchor {
            bytes: out,
            opened: Vec::new(),
            trees,
        };
        if let Some(apps) = apps {
            put_root(&mut anchor.bytes, &apps);
            anchor.show_app(source, &own)?;
        }
        Ok(anchor)
    }

    /// Its bytes, which begin the app's part of a bundle.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Shows the app's leaf in the app tree, or that it has none.
    fn show_app(&mut self, source: &Source<'_>, own: &Digest) -> Result<(), ProofError> {
        let mut touched = Touched::new(source.nodes, Which::Apps);
        touched.get(&address_key(own)?, &mut { LIMITS.visits })?;
        let mut leaf = |steps: &[u8]| -> Result<(bool, Vec<u8>), ProofError> {
            let other = address_of(steps);
            let mut out = Vec::new();
            if other == *own {
                return Ok((true, out));
            }
            let Some((digest, size)) = source.entries.app(&other)? else {
                return Err(ProofError::Store(
                    "the tree of apps holds an app that is not there".into(),
                ));
            };
            put_blob(&mut out, &other);
            out.extend(digest);
            put_number(&mut out, 0);
            put_number(&mut out, size);
            Ok((false, out))
        };
        touched.encode(None, &mut self.bytes, &mut leaf)?;
        let mut opened = Vec::new();
        touched.opened(None, &mut opened);
        let owned = opened
            .iter()
            .map(|(branch, slot)| ((*branch).clone(), *slot));
        self.opened = owned.collect();
        Ok(())
    }
}

impl Top {
    /// What stands in the place of the root.
    fn lone(&self) -> Option<&Below> {
        match self {
            Top::One(below) => Some(below),
            Top::Empty | Top::Many => None,
        }
    }

    fn of(root: Option<&Branch>) -> Top {
        match root {
            None => Top::Empty,
            Some(root) => match root.occupied()[..] {
                [slot] => root.below(slot).map_or(Top::Many, Top::One),
                _ => Top::Many,
            },
        }
    }

    fn put(
        &self,
        out: &mut Vec<u8>,
        nodes: &dyn Nodes,
        tree: Which,
        root: &Branch,
    ) -> Result<(), ProofError> {
        match self {
            Top::Empty => {}
            Top::Many => put_root(out, root),
            Top::One(Below::Branch(path)) => {
                let below = nodes.branch(tree, path)?.ok_or_else(lost)?;
                out.push(path.len() as u8);
                put_steps(out, path);
                put_root(out, &below);
            }
            Top::One(Below::Leaf(steps)) => {
                let slot = steps.first().copied().unwrap_or_default();
                out.extend([0, slot]);
                out.extend(root.value(slot).bytes());
                put_number(out, root.size);
            }
        }
        Ok(())
    }
}

fn lost() -> ProofError {
    ProofError::Store("a branch is missing".into())
}

fn address_of(steps: &[u8]) -> Digest {
    let bit = |at: usize| steps.get(at / 6).map_or(0, |step| step >> (5 - at % 6) & 1);
    std::array::from_fn(|byte| (0..8).fold(0, |acc, at| acc << 1 | bit(8 * byte + at)))
}

/// From so many queries on they are run by two threads, if there are two to be used.
const MANY_QUERIES: usize = 128;
/// From so many slots on the opening is made by a thread of its own.
const MANY_SLOTS: usize = 256;

/// Answers queries: claim, trees and opening, to follow the [`Anchor`] of the same source. By at most so many `threads`, at least one
/// and of no use above two: the bytes do not depend on them.
///
/// # Errors
/// [`ProofError::Refused`] if something is not so that was to be shown (a removal), or if it is more than a verifier takes;
/// [`ProofError::Store`].
pub fn prove(
    source: &Source<'_>,
    anchor: &Anchor,
    queries: &[Query],
    show: &Show,
    threads: usize,
) -> Result<Vec<u8>, ProofError> {
    let mut limits = LIMITS;
    spend(&mut limits.queries, queries.len(), "queries")?;
    // With one question alone nobody else's slots decide which side of a border is counted.
    let alone = queries.len() == 1;
    let first_share = match threads > 1 && queries.len() >= MANY_QUERIES {
        true => queries.len() / 2,
        false => queries.len(),
    };
    let (first, second) = queries.split_at(first_share);
    let (mut prover, others) = beside(
        (!second.is_empty()).then_some(|| Prover::answering(source, second, alone, limits)),
        || Prover::answering(source, first, alone, limits),
    );
    if let Some(others) = others {
        prover = prover.and_then(|mut prover| prover.absorb(others?).map(|()| prover));
    }
    let prover = prover?;
    let mut opened: Vec<(&Branch, u8)> = Vec::new();
    opened.extend(anchor.opened.iter().map(|(branch, slot)| (branch, *slot)));
    for (tree, top) in anchor.trees.iter().enumerate() {
        if !matches!(top, Top::Empty) {
            prover.trees[tree].opened(top.lone(), &mut opened);
        }
    }
    spend(&mut limits.slots, opened.len(), "slots")?;
    let about = context(&to_digest("hyperdb/header", &[source.header]));
    let witnesses: Vec<Witness<'_>> = opened
        .iter()
        .map(|(branch, slot)| branch.witness(*slot))
        .collect();
    let comb = Comb::ceremony().map_err(|error| ProofError::Store(error.to_string()))?;
    let (call, called) = channel();
    let apart = threads > 1 && witnesses.len() >= MANY_SLOTS;
    let (out, opening) = beside(
        apart.then_some(|| open_all(comb, &about, &witnesses, Some(call))),
        || {
            let mut out = Query::encode_all(queries);
            prover.encode(anchor, show, &mut out)?;
            // The opening's thread has called, or ended.
            if apart {
                called.recv().into_iter().for_each(Helper::help);
            }
            Ok::<_, ProofError>(out)
        },
    );
    let mut out = out?;
    if let Some(opening) = opening.unwrap_or_else(|| open_all(comb, &about, &witnesses, None))? {
        out.extend(opening.to_bytes());
    }
    Ok(out)
}

/// The opening of what is to be opened, if anything is; whoever reads `call` may help with it.
fn open_all<'w>(
    comb: &Comb,
    about: &Digest,
    witnesses: &'w [Witness<'w>],
    call: Option<Sender<Helper<'w>>>,
) -> Result<Option<Opening>, ProofError> {
    if witnesses.is_empty() {
        return Ok(None);
    }
    let opening = open_helped(comb, about, witnesses, |helper| {
        if let Some(call) = call {
            // Whoever has failed meanwhile does not read it.
            drop(call.send(helper));
        }
    });
    opening
        .map(Some)
        .ok_or_else(|| ProofError::Store("a challenge fell on the domain".into()))
}

/// Runs both, the first one, if it is there, in a thread of its own.
fn beside<A: Send, B>(
    apart: Option<impl FnOnce() -> A + Send>,
    here: impl FnOnce() -> B,
) -> (B, Option<A>) {
    let Some(apart) = apart else {
        return (here(), None);
    };
    std::thread::scope(|scope| {
        let apart = scope.spawn(apart);
        let here = here();
        match apart.join() {
            Ok(apart) => (here, Some(apart)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// A row of the answer.
struct Claimed {
    key: Vec<u8>,
    entry: Entry,
}

struct Prover<'a> {
    source: &'a Source<'a>,
    trees: [Touched<'a>; 4],
    rows: Vec<Claimed>,
    salts: Mac,
    /// The rows of each tree by their keys.
    known: [HashMap<Vec<u8>, usize>; 4],
    alone: bool,
    /// What the verifier's limits leave.
    left: Limits,
}

impl<'a> Prover<'a> {
    /// With what it takes to answer some queries.
    fn answering(
        source: &'a Source<'a>,
        queries: &[Query],
        alone: bool,
        limits: Limits,
    ) -> Result<Self, ProofError> {
        let mut hash_key = [0; 16];
        hash_key.copy_from_slice(&source.header[22..38]);
        let places = Places::new(hash_key);
        let mut prover = Prover {
            source,
            trees: [0, 1, 2, 3].map(|tree| Touched::new(source.nodes, Which::App(tree))),
            rows: Vec::new(),
            salts: Mac::new(source.salt_key),
            known: Default::default(),
            alone,
            left: limits,
        };
        for query in queries {
            run(&mut prover, &places, query)?;
        }
        Ok(prover)
    }

    /// Takes over what another one answers with.
    fn absorb(&mut self, others: Self) -> Result<(), ProofError> {
        let spent = LIMITS.visits.saturating_sub(others.left.visits);
        spend(&mut self.left.visits, spent, "visits")?;
        for (known, branches) in self.trees.iter_mut().zip(others.trees) {
            known.absorb(branches);
        }
        let mut rows: Vec<Option<Claimed>> = others.rows.into_iter().map(Some).collect();
        for (tree, others) in others.known.into_iter().enumerate() {
            for (key, row) in others {
                let row = rows.get_mut(row).and_then(Option::take);
                let entry = row.map(|row| row.entry);
                self.claim(tree, &key, entry)?;
            }
        }
        Ok(())
    }

    /// What is shown of all four trees.
    fn encode(&self, anchor: &Anchor, show: &Show, out: &mut Vec<u8>) -> Result<(), ProofError> {
        for (tree, top) in anchor.trees.iter().enumerate() {
            if !matches!(top, Top::Empty) {
                let mut leaf = |steps: &[u8]| self.leaf(tree, steps, show);
                self.trees[tree].encode(top.lone(), out, &mut leaf)?;
            }
        }
        Ok(())
    }
}

fn disagree() -> ProofError {
    ProofError::Store("the tree holds a leaf of an entry that is not there".into())
}

impl Prover<'_> {
    fn claim(
        &mut self,
        tree: usize,
        key: &[u8],
        entry: Option<Entry>,
    ) -> Result<usize, ProofError> {
        if let Some(row) = self.known[tree].get(key) {
            return Ok(*row);
        }
        let entry = match entry {
            Some(entry) => entry,
            None => self.source.entries.entry(tree, key)?.ok_or_else(disagree)?,
        };
        spend(&mut self.left.rows, 1, "rows")?;
        self.rows.push(Claimed {
            key: key.to_vec(),
            entry,
        });
        self.known[tree].insert(key.to_vec(), self.rows.len() - 1);
        Ok(self.rows.len() - 1)
    }

    /// The logical key and the entry of the leaf at a tree key.
    fn resolve(&self, tree: usize, steps: &[u8]) -> Result<(Vec<u8>, Entry), ProofError> {
        let (key, whole) = logical_key(steps).ok_or_else(disagree)?;
        if whole {
            let entry = self
                .source
                .entries
                .entry(tree, &key)?
                .ok_or_else(disagree)?;
            return Ok((key, entry));
        }
        let mut found = None;
        self.source
            .entries
            .starting_with(tree, &key, &mut |key, entry| {
                if tree_key(key).is_ok_and(|own| own == steps) {
                    found = Some((key.to_vec(), entry));
                }
                found.is_none()
            })?;
        found.ok_or_else(disagree)
    }

    /// The claimed row of a key.
    fn row_of(&self, tree: usize, key: &[u8]) -> Option<&Claimed> {
        self.rows.get(*self.known[tree].get(key)?)
    }

    /// The bytes of a leaf, and whether it is claimed: its row, or what it commits to.
    fn leaf(&self, tree: usize, steps: &[u8], show: &Show) -> Result<(bool, Vec<u8>), ProofError> {
        // A whole key is in its place, so the row is found without asking the store again.
        let whole = logical_key(steps).filter(|(_, whole)| *whole);
        let known = whole.and_then(|(key, _)| self.row_of(tree, &key));
        let read;
        let (key, entry) = match known {
            Some(row) => (&row.key, &row.entry),
            None => {
                read = self.resolve(tree, steps)?;
                (&read.0, &read.1)
            }
        };
        let salt = leaf::row_salt(&self.salts, key, entry.version);
        let adds = tree.is_multiple_of(2);
        if known.is_some() || self.row_of(tree, key).is_some() {
            let show = match is_header(key, &entry.value) {
                true => &Show::Whole,
                false => show,
            };
            let row = encode_row(key, &entry.value, entry.version, &salt, adds, show)?;
            return Ok((true, row));
        }
        let mut out = Vec::new();
        put_blob(&mut out, key);
        out.extend(value_digest(key, &entry.value, &salt, adds)?);
        put_number(&mut out, entry.version);
        put_number(&mut out, (key.len() + entry.value.len()) as u64);
        Ok((false, out))
    }
}

/// Headers of collections are shown whole, for their number is needed.
fn is_header(key: &[u8], value: &[u8]) -> bool {
    matches!(parse(key), Ok(parsed) if parsed.space == ELEMENT) && value.first() != Some(&1)
}

impl Trees for Prover<'_> {
    type Error = ProofError;

    fn get(&mut self, tree: usize, key: &[u8]) -> Result<Option<usize>, ProofError> {
        match self.trees[tree].get(&tree_key(key)?, &mut self.left.visits)? {
            true => self.claim(tree, key, None).map(Some),
            false => Ok(None),
        }
    }

    fn rows(&mut self, tree: usize, zone: &Zone) -> Result<Vec<usize>, ProofError> {
        let mut rows = Vec::new();
        for steps in self.trees[tree].all_within(zone, &mut self.left.visits)? {
            let (key, entry) = self.resolve(tree, &steps)?;
            if zone.holds(&key) {
                rows.push(self.claim(tree, &key, Some(entry))?);
            }
        }
        Ok(rows)
    }

    fn count(&mut self, tree: usize, zone: &Zone) -> Result<(u64, u64), ProofError> {
        let alone = self.alone;
        self.trees[tree].borders(zone, alone, &mut self.left.visits)?;
        Ok((0, 0))
    }

    fn is_member_in_place(&mut self, _: usize) -> bool {
        // Keys of the own store are.
        true
    }

    fn version(&self, row: usize) -> u64 {
        self.rows[row].entry.version
    }

    fn header(&mut self, row: usize) -> Option<&[u8]> {
        Some(&self.rows[row].entry.value)
    }
}
