//! The prover: runs queries on the trees of a frame, notes the slots they touch, and opens these.
//!
//! **Theory.** Touched is what the verifier will need, for both run the same queries (`answer.rs`). One opening serves all slots of all
//! four trees. What the leaves stand for is fetched from the entries, since trees keep digests only.
//!
//! **Invariant.** The bytes are those of `docs/proof-format.md` and follow from frame, queries and what is shown: the same question
//! gives the same proof.

use super::anchor::{Anchor, Top};
use super::answer::{run, Trees};
use super::error::ProofError;
use super::header::HEADER_BYTES;
use super::place::{logical_key, parse, tree_key, Places, Zone, ELEMENT};
use super::query::Query;
use super::row::{encode_row, value_digest, Show};
use super::source::{Branch, Entry, Source, Which};
use super::touched::Touched;
use super::verify::{context, APP, ATTESTED, HISTORY, MAGIC, SIGNED};
use super::wire::{put_blob, put_number, spend, Limits, LIMITS};
use crate::comb::Comb;
use crate::hash::Mac;
use crate::hash::{to_digest, Digest};
use crate::opening::{sum_all, Helper, Summed};
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

/// From so many queries on they are run by two threads, if there are two to be used.
const MANY_QUERIES: usize = 128;
/// D and pi.
const OPENING_POINTS: usize = 2;
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
    let about = context(&to_digest("hyperdb/header", &[source.header]));
    let comb = Comb::ceremony().map_err(|error| ProofError::Store(error.to_string()))?;
    let (call, called) = channel();
    let apart = threads > 1 && prover.shown() >= MANY_SLOTS;
    let (out, summed) = beside(
        apart.then_some(|| prover.sum_opened(anchor, &about, Some(call))),
        || {
            let mut out = Query::encode_all(queries);
            prover.encode(anchor, show, &mut out, None)?;
            // The opening's thread has called, or ended.
            if apart {
                called.into_iter().take(1).for_each(Helper::help);
            }
            Ok::<_, ProofError>(out)
        },
    );
    let mut out = out?;
    let summed = summed.unwrap_or_else(|| prover.sum_opened(anchor, &about, None))?;
    // The values of thousands of branches take as long to be given back as a commitment takes to be made.
    let (opening, _) = beside(apart.then_some(|| drop(prover)), || {
        summed.map(|summed| summed.open(comb))
    });
    match opening {
        None => Ok(out),
        Some(Some(opening)) => {
            out.extend(opening.to_bytes());
            Ok(out)
        }
        Some(None) => Err(ProofError::Store("a challenge fell on the domain".into())),
    }
}

/// A proof that is not opened yet: how large it becomes is known, at a fraction of the price of the whole.
///
/// Its claimed rows are kept apart from the rest, which changes with every frame (docs/epoch-format.md).
pub struct Draft<'a> {
    prover: Prover<'a>,
    anchor: &'a Anchor,
    rows: Vec<u8>,
    proof: Vec<u8>,
    opened: bool,
}

/// What proofs of app and frame end with.
const OPENING: usize = 96;

impl<'a> Draft<'a> {
    /// Answers queries as [`prove`] does, rows whole.
    ///
    /// # Errors
    /// As [`prove`].
    pub fn new(
        source: &'a Source<'a>,
        anchor: &'a Anchor,
        queries: &[Query],
    ) -> Result<Self, ProofError> {
        let mut limits = LIMITS;
        spend(&mut limits.queries, queries.len(), "queries")?;
        let prover = Prover::answering(source, queries, queries.len() == 1, limits)?;
        let mut proof = Query::encode_all(queries);
        let mut rows = Vec::new();
        prover.encode(anchor, &Show::Whole, &mut proof, Some(&mut rows))?;
        let opened = !anchor.opened.is_empty() || prover.shown() > 0;
        Ok(Draft {
            prover,
            anchor,
            rows,
            proof,
            opened,
        })
    }

    /// The claimed rows, one after the other.
    pub fn rows(&self) -> &[u8] {
        &self.rows
    }

    /// Bytes of all but the rows.
    pub fn proof_bytes(&self) -> usize {
        self.proof.len() + if self.opened { OPENING } else { 0 }
    }

    /// The rows, and all else with the opening at its end.
    ///
    /// # Errors
    /// [`ProofError::Store`].
    pub fn open(mut self) -> Result<(Vec<u8>, Vec<u8>), ProofError> {
        let about = context(&to_digest("hyperdb/header", &[self.prover.source.header]));
        let comb = Comb::ceremony().map_err(|error| ProofError::Store(error.to_string()))?;
        if let Some(summed) = self.prover.sum_opened(self.anchor, &about, None)? {
            let opening = summed.open(comb);
            let opening = opening
                .ok_or_else(|| ProofError::Store("a challenge fell on the domain".into()))?;
            self.proof.extend(opening.to_bytes());
        }
        Ok((self.rows, self.proof))
    }
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

struct Prover<'a> {
    source: &'a Source<'a>,
    trees: [Touched<'a>; 4],
    /// What the rows of the answer hold.
    rows: Vec<Entry>,
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
        let mut rows: Vec<Option<Entry>> = others.rows.into_iter().map(Some).collect();
        for (tree, others) in others.known.into_iter().enumerate() {
            for (key, row) in others {
                if let Some(entry) = rows.get_mut(row).and_then(Option::take) {
                    self.add(tree, key, entry)?;
                }
            }
        }
        Ok(())
    }

    /// Slots that are shown of all four trees.
    fn shown(&self) -> usize {
        self.trees.iter().map(Touched::shown).sum()
    }

    /// What the opening of all slots that are shown is made from, if anything is; whoever reads `call` may help with it.
    fn sum_opened<'p>(
        &'p self,
        anchor: &'p Anchor,
        about: &Digest,
        call: Option<Sender<Helper<'p>>>,
    ) -> Result<Option<Summed>, ProofError> {
        let mut opened: Vec<(&Branch, u8)> = Vec::with_capacity(self.shown() + anchor.opened.len());
        opened.extend(anchor.opened.iter().map(|(branch, slot)| (branch, *slot)));
        for (tree, top) in anchor.trees.iter().enumerate() {
            if !matches!(top, Top::Empty) {
                self.trees[tree].opened(top.lone(), &mut opened);
            }
        }
        spend(&mut { LIMITS.slots }, opened.len(), "slots")?;
        if opened.is_empty() {
            return Ok(None);
        }
        let witnesses = opened.iter().map(|(branch, slot)| branch.witness(*slot));
        Ok(Some(sum_all(about, witnesses.collect(), |helper| {
            if let Some(call) = call {
                // Whoever has failed meanwhile does not read it.
                drop(call.send(helper));
            }
        })))
    }

    /// What is shown of all four trees; claimed rows apart, if there is a place for them.
    fn encode(
        &self,
        anchor: &Anchor,
        show: &Show,
        out: &mut Vec<u8>,
        mut apart: Option<&mut Vec<u8>>,
    ) -> Result<(), ProofError> {
        let mut left = LIMITS;
        spend(&mut left.points, anchor.points + OPENING_POINTS, "points")?;
        for (tree, top) in anchor.trees.iter().enumerate() {
            if !matches!(top, Top::Empty) {
                let columns = &mut left.columns;
                let mut leaf = |steps: &[u8]| {
                    let (claimed, bytes) = self.leaf(tree, steps, show, columns)?;
                    match &mut apart {
                        Some(rows) if claimed => {
                            rows.extend(bytes);
                            Ok((true, Vec::new()))
                        }
                        _ => Ok((claimed, bytes)),
                    }
                };
                self.trees[tree].encode(top.lone(), &mut left.points, out, &mut leaf)?;
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
        self.add(tree, key.to_vec(), entry)
    }

    /// The row of an entry, a new one if its key has none.
    fn add(&mut self, tree: usize, key: Vec<u8>, entry: Entry) -> Result<usize, ProofError> {
        let next = self.rows.len();
        let row = *self.known[tree].entry(key).or_insert(next);
        if row == next {
            spend(&mut self.left.rows, 1, "rows")?;
            self.rows.push(entry);
        }
        Ok(row)
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
    fn row_of(&self, tree: usize, key: &[u8]) -> Option<&Entry> {
        self.rows.get(*self.known[tree].get(key)?)
    }

    /// The bytes of a leaf, and whether it is claimed: its row, or what it commits to.
    fn leaf(
        &self,
        tree: usize,
        steps: &[u8],
        show: &Show,
        columns: &mut usize,
    ) -> Result<(bool, Vec<u8>), ProofError> {
        // A whole key is in its place, so the row is found without asking the store again.
        let whole = logical_key(steps).filter(|(_, whole)| *whole);
        let known = whole.and_then(|(key, _)| Some((self.row_of(tree, &key)?, key)));
        let read;
        let (key, entry) = match &known {
            Some((entry, key)) => (key, *entry),
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
            let row = (&key[..], &entry.value[..], entry.version);
            let row = encode_row(row, &salt, adds, show, columns)?;
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
        self.rows[row].version
    }

    fn header(&mut self, row: usize) -> Option<&[u8]> {
        Some(&self.rows[row].value)
    }
}
