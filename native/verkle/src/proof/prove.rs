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
use super::source::{Branch, Entry, Nodes, Source, Which};
use super::touched::{put_root, Touched};
use super::verify::{address, context, APP, APP_TREE, ATTESTED, HISTORY, MAGIC, SIGNED};
use super::wire::{put_blob, put_varint, spend, Limits, LIMITS};
use crate::comb::Comb;
use crate::hash::{to_digest, to_scalar, Digest};
use crate::opening::{open, Witness};
use crate::tree::leaf::Mac;
use hashbrown::HashMap;

/// The parts of a bundle beside the app's.
#[derive(Clone, Copy, Default)]
pub struct Parts<'a> {
    /// The store's public key and its signature of the header.
    pub signature: Option<(&'a [u8; 57], &'a [u8; 114])>,
    /// Owner's key, manifest digest, signature.
    pub attestation: Option<(&'a [u8; 57], &'a Digest, &'a [u8; 114])>,
    /// An earlier header, the siblings in its mountain from the leaf up, the other peaks in order.
    pub history: Option<(&'a [u8; HEADER_BYTES], &'a [Digest])>,
    /// Anchor and proof: [`anchor`], [`prove`].
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

fn root_scalar(root: Option<&Branch>) -> Digest {
    match root {
        Some(root) => super::pruned::branch_scalar(&[], &root.commitment, root.count, root.size),
        None => to_scalar("hyperdb/empty-tree", &[]),
    }
    .to_bytes()
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

fn app_root(name: &[u8], roots: &[Option<Branch>; 4]) -> Digest {
    let digests = roots.each_ref().map(|root| root_scalar(root.as_ref()));
    four("hyperdb/app-root", &address(name), &digests)
}

/// The app's place under the header: the same for all proofs of one app and frame, so keep it.
///
/// # Errors
/// [`ProofError::Store`].
pub fn anchor(source: &Source<'_>) -> Result<Vec<u8>, ProofError> {
    let roots = roots(source.nodes)?;
    let own = address(source.name);
    let empty = to_digest("hyperdb/empty-tree", &[]);
    let mut hashes = [empty; 4];
    for (tree, hash) in hashes.iter_mut().enumerate() {
        *hash = source.nodes.hash(Which::App(tree))?.unwrap_or(empty);
    }
    let hash_root = four("hyperdb/app-hash-root", &own, &hashes);
    let present = (0..4)
        .filter(|tree| roots[*tree].is_some())
        .fold(0, |bits, tree| bits | 1 << tree);
    let apps = source.nodes.branch(Which::Apps, &[])?;
    let mut out = Vec::new();
    put_blob(&mut out, source.name);
    out.push(present | if apps.is_some() { APP_TREE } else { 0 });
    for root in roots.iter().flatten() {
        put_root(&mut out, root);
    }
    if present != 0 {
        out.extend(hash_root);
    }
    let Some(apps) = apps else {
        return Ok(out);
    };
    put_root(&mut out, &apps);
    let mut touched = Touched::new(source.nodes, Which::Apps);
    touched.get(&address_key(&own)?, &mut { LIMITS.visits })?;
    let mut witnesses = Vec::new();
    let mut leaf = |steps: &[u8], out: &mut Vec<u8>| -> Result<bool, ProofError> {
        let other = address_of(steps);
        if other == own {
            return Ok(true);
        }
        let Some((digest, size)) = source.entries.app(&other)? else {
            return Err(ProofError::Store(
                "the tree of apps holds an app that is not there".into(),
            ));
        };
        put_blob(out, &other);
        out.extend(digest);
        put_varint(out, 0);
        put_varint(out, size);
        Ok(false)
    };
    touched.encode(&mut out, &mut witnesses, &mut leaf)?;
    seal(
        &mut out,
        &to_digest("hyperdb/header", &[source.header]),
        &witnesses,
        &[&touched],
    )?;
    Ok(out)
}

fn address_of(steps: &[u8]) -> Digest {
    let bit = |at: usize| steps.get(at / 6).map_or(0, |step| step >> (5 - at % 6) & 1);
    std::array::from_fn(|byte| (0..8).fold(0, |acc, at| acc << 1 | bit(8 * byte + at)))
}

/// Answers queries: claim, trees and opening, to follow the [`anchor`].
///
/// # Errors
/// [`ProofError::Refused`] if something is not so that was to be shown (a removal), or if it is more than a verifier takes;
/// [`ProofError::Store`].
pub fn prove(source: &Source<'_>, queries: &[Query], show: &Show) -> Result<Vec<u8>, ProofError> {
    let roots = roots(source.nodes)?;
    let mut hash_key = [0; 16];
    hash_key.copy_from_slice(&source.header[22..38]);
    let places = Places::new(hash_key);
    let mut prover = Prover {
        source,
        trees: [0, 1, 2, 3].map(|tree| Touched::new(source.nodes, Which::App(tree))),
        rows: Vec::new(),
        salts: Mac::new(source.salt_key),
        known: Default::default(),
        // With one question alone nobody else's slots decide which side of a border is counted.
        alone: queries.len() == 1,
        left: LIMITS,
    };
    spend(&mut prover.left.queries, queries.len(), "queries")?;
    let mut answered = Query::encode_all(queries);
    for query in queries {
        run(&mut prover, &places, query)?;
    }
    let (mut trees, mut witnesses, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let mut mask = 0u8;
    for tree in 0..4 {
        if prover.trees[tree].branches.is_empty() {
            continue;
        }
        mask |= 1 << tree;
        let mut leaf =
            |steps: &[u8], out: &mut Vec<u8>| prover.leaf(tree, steps, show, &mut rows, out);
        prover.trees[tree].encode(&mut trees, &mut witnesses, &mut leaf)?;
    }
    let mut left = prover.left;
    spend(&mut left.slots, witnesses.len(), "slots")?;
    put_varint(&mut answered, rows.len() as u64);
    rows.iter().for_each(|row: &Vec<u8>| answered.extend(row));
    answered.push(mask);
    answered.extend(trees);
    if mask != 0 {
        let touched: Vec<&Touched<'_>> = (0..4)
            .filter(|tree| mask >> tree & 1 == 1)
            .map(|tree| &prover.trees[tree])
            .collect();
        seal(
            &mut answered,
            &app_root(source.name, &roots),
            &witnesses,
            &touched,
        )?;
    }
    Ok(answered)
}

/// Appends the opening of the slots noted: of which tree, at which path, which slot.
fn seal(
    out: &mut Vec<u8>,
    root: &Digest,
    noted: &[(Which, Vec<u8>, u8)],
    touched: &[&Touched<'_>],
) -> Result<(), ProofError> {
    let lost = || ProofError::Store("a branch was lost while it was proved".into());
    let mut witnesses = Vec::with_capacity(noted.len());
    for (tree, path, slot) in noted {
        let tree = touched
            .iter()
            .find(|one| one.tree == *tree)
            .ok_or_else(lost)?;
        let (branch, _) = tree.branches.get(path).ok_or_else(lost)?;
        witnesses.push(Witness {
            commitment: branch.commitment,
            values: branch,
            slot: *slot,
            value: branch.value(*slot),
        });
    }
    let comb = Comb::ceremony().map_err(|error| ProofError::Store(error.to_string()))?;
    let opening = open(comb, &context(root), &witnesses)
        .ok_or_else(|| ProofError::Store("a challenge fell on the domain".into()))?;
    out.extend(opening.to_bytes());
    Ok(())
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

    /// Puts a leaf that is not claimed; true: it is, and its row is appended.
    fn leaf(
        &self,
        tree: usize,
        steps: &[u8],
        show: &Show,
        rows: &mut Vec<Vec<u8>>,
        out: &mut Vec<u8>,
    ) -> Result<bool, ProofError> {
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
        let salt = self.salts.row_salt(key, entry.version);
        let adds = tree.is_multiple_of(2);
        if known.is_some() || self.row_of(tree, key).is_some() {
            let show = match is_header(key, &entry.value) {
                true => &Show::Whole,
                false => show,
            };
            let row = encode_row(key, &entry.value, entry.version, &salt, adds, show)?;
            rows.push(row);
            return Ok(true);
        }
        put_blob(out, key);
        out.extend(value_digest(key, &entry.value, &salt, adds)?);
        put_varint(out, entry.version);
        put_varint(out, (key.len() + entry.value.len()) as u64);
        Ok(false)
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

    fn key(&self, row: usize) -> &[u8] {
        &self.rows[row].key
    }

    fn version(&self, row: usize) -> u64 {
        self.rows[row].entry.version
    }

    fn header(&mut self, row: usize) -> Option<&[u8]> {
        Some(&self.rows[row].entry.value)
    }
}
