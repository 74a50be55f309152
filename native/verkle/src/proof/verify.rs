//! Bundles: from bytes and a pin to verified answers. The order of checks is that of `docs/proof-format.md`.

use super::answer::{lies_at_its_hash, run, Answer, Trees};
use super::error::{fail, Check, VerificationError};
use super::header::{check_history, Frame, HEADER_BYTES, SCHEME};
use super::place::{address_key, tree_key, Places, Zone};
use super::pruned::{root_digest, Branch, Leaf, Opened, Pruned};
use super::query::Query;
use super::row::Row;
use super::wire::{Limits, Reader, LIMITS};
use crate::hash::{to_digest, Digest};
use crate::opening::{prepare, settle, Claim, Opening};
use crate::point::Point;
use crate::setup::Setup;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};

pub(crate) const MAGIC: &[u8] = b"HDBP\x01";
pub(crate) const SIGNED: u8 = 1;
pub(crate) const ATTESTED: u8 = 2;
pub(crate) const HISTORY: u8 = 4;
pub(crate) const APP: u8 = 8;
pub(crate) const APP_TREE: u8 = 16;
const LONGEST_NAME: usize = 1024;
/// Points to a thread: below this, starting one costs more than it saves.
const POINTS_A_THREAD: usize = 12;

/// What the caller trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// One frame: the digest of its header.
    Root(Digest),
    /// The key that signs a store's frames.
    StoreKey([u8; 57]),
    /// The key of an app's owner, who signs what an own copy says.
    OwnerKey([u8; 57]),
}

/// The newest frame that the caller saw: later ones must contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub number: u64,
    /// Its header's digest.
    pub root: Digest,
}

/// Verifies an Ed448 signature (RFC 8032, pure): public key, message, signature, context.
pub type VerifySignature<'a> = &'a dyn Fn(&[u8; 57], &[u8], &[u8; 114], &[u8]) -> bool;

/// How to verify.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Refuse an answer about any other app.
    pub app: Option<&'a [u8]>,
    /// Refuse a frame that does not contain this one.
    pub seen: Option<Seen>,
    /// How much work a stranger may cause.
    pub limits: Limits,
    /// Ed448.
    pub signature: VerifySignature<'a>,
    /// Threads for checking points, at least 1.
    pub threads: usize,
}

impl<'a> Options<'a> {
    /// The format's limits, two threads, nothing expected.
    pub fn new(signature: VerifySignature<'a>) -> Self {
        Self {
            app: None,
            seen: None,
            limits: LIMITS,
            signature,
            threads: 2,
        }
    }
}

/// What an owner signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The owner's key.
    pub owner: [u8; 57],
    /// Zeros: none.
    pub manifest: Digest,
}

/// What a bundle shows, under what was pinned.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The frame; under an owner key only its number and hash key are the owner's word.
    pub frame: Frame,
    /// The key that signed the header, if the bundle has a signature.
    pub signer: Option<[u8; 57]>,
    /// The owner's word, if the bundle has it.
    pub attestation: Option<Attestation>,
    /// An earlier frame that this frame's history holds.
    pub contains: Option<Frame>,
    /// The app's name, if the bundle is about one.
    pub app: Option<Vec<u8>>,
    /// The queries.
    pub queries: Vec<Query>,
    /// An answer to each.
    pub answers: Vec<Answer>,
    /// Verified rows, which answers name by number.
    pub rows: Vec<Row>,
}

/// Checks a bundle.
///
/// # Errors
/// [`VerificationError`], naming the first check that failed.
pub fn verify(
    bundle: &[u8],
    trusted: &Trusted,
    options: &Options<'_>,
) -> Result<Verified, VerificationError> {
    if bundle.len() > options.limits.size {
        return fail(
            Check::Size,
            format!("{} bytes, more than {}", bundle.len(), options.limits.size),
        );
    }
    let mut reader = Reader::new(bundle, options.limits);
    if reader.take(MAGIC.len())? != MAGIC {
        return fail(Check::Format, "no proof, or of a format not known here");
    }
    let flags = reader.u8()?;
    if flags > 15 || (flags & ATTESTED != 0 && flags & APP == 0) {
        return fail(Check::Format, format!("unknown flags {flags}"));
    }
    let header: [u8; HEADER_BYTES] = reader.array()?;
    let frame = Frame::decode(&header)?;
    check_pin(trusted, &frame, flags)?;
    let signer = match flags & SIGNED {
        0 => None,
        _ => Some(check_signature(&mut reader, &header, options)?),
    };
    if matches!(trusted, Trusted::StoreKey(key) if signer != Some(*key)) {
        return fail(
            Check::Pin,
            "the header is signed by another key than the one pinned",
        );
    }
    let attested = match flags & ATTESTED {
        0 => None,
        _ => Some((
            reader.array::<57>()?,
            reader.array::<32>()?,
            reader.array::<114>()?,
        )),
    };
    let contains = match flags & HISTORY {
        0 => None,
        _ => Some(check_history(&mut reader, &frame)?),
    };
    check_seen(options.seen, &frame, contains.as_ref())?;
    let mut verified = Verified {
        frame,
        signer,
        attestation: None,
        contains,
        app: None,
        queries: Vec::new(),
        answers: Vec::new(),
        rows: Vec::new(),
    };
    if flags & APP == 0 {
        reader.end()?;
        return match options.app {
            Some(_) => fail(Check::Pin, "the bundle is about no app"),
            None => Ok(verified),
        };
    }
    let anchor = Anchor::read(&mut reader, &verified.frame)?;
    if options.app.is_some_and(|wanted| wanted != anchor.name) {
        return fail(Check::Pin, "the bundle is about another app");
    }
    if let Some((owner, manifest, signature)) = attested {
        let message =
            attestation_message(&anchor.address, &verified.frame, &anchor.root, &manifest);
        if !(options.signature)(&owner, &message, &signature, b"hyperdb/attest") {
            return fail(
                Check::Attestation,
                "the app's root at this frame was not signed by the owner's key beside it",
            );
        }
        verified.attestation = Some(Attestation { owner, manifest });
    }
    if matches!(trusted, Trusted::OwnerKey(key) if verified.attestation.is_none_or(|seen| seen.owner != *key))
    {
        return fail(
            Check::Pin,
            "the app's root is attested by another key than the one pinned",
        );
    }
    verified.app = Some(anchor.name.clone());
    anchor.answer(&mut reader, options.threads, &mut verified)?;
    Ok(verified)
}

/// What an owner signs: app, hash key, frame, app root, manifest digest.
pub fn attestation_message(
    address: &Digest,
    frame: &Frame,
    app_root: &Digest,
    manifest: &Digest,
) -> Vec<u8> {
    let mut message = Vec::new();
    let mut part = |bytes: &[u8], framed: bool| {
        if framed {
            message.extend((bytes.len() as u32).to_le_bytes());
        }
        message.extend_from_slice(bytes);
    };
    part(address, true);
    part(&frame.hash_key, true);
    part(&frame.number.to_le_bytes(), false);
    part(app_root, true);
    part(manifest, true);
    message
}

/// An app's address, from its name.
pub fn address(name: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    for part in [&b"hyperdb/app"[..], name] {
        hasher.update((part.len() as u32).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// What an opening is about.
pub(crate) fn context(root: &Digest) -> Digest {
    to_digest("hyperdb/context", &[&[SCHEME], root])
}

fn check_pin(trusted: &Trusted, frame: &Frame, flags: u8) -> Result<(), VerificationError> {
    match trusted {
        Trusted::Root(root) if *root != frame.root => fail(
            Check::Pin,
            format!(
                "the bundle is about another root, of frame {}",
                frame.number
            ),
        ),
        Trusted::StoreKey(_) if flags & SIGNED == 0 => fail(
            Check::Pin,
            "a store key is pinned and the bundle has no signature",
        ),
        Trusted::OwnerKey(_) if flags & ATTESTED == 0 => fail(
            Check::Pin,
            "an owner key is pinned and the bundle has no attestation",
        ),
        _ => Ok(()),
    }
}

fn check_signature(
    reader: &mut Reader<'_>,
    header: &[u8],
    options: &Options<'_>,
) -> Result<[u8; 57], VerificationError> {
    let (public, signature) = (reader.array()?, reader.array()?);
    if (options.signature)(&public, header, &signature, b"hyperdb/frame") {
        return Ok(public);
    }
    fail(
        Check::Signature,
        "the header was not signed by the key beside it",
    )
}

fn check_seen(
    seen: Option<Seen>,
    frame: &Frame,
    contains: Option<&Frame>,
) -> Result<(), VerificationError> {
    let Some(seen) = seen.filter(|seen| seen.root != frame.root) else {
        return Ok(());
    };
    let detail = match frame.number.cmp(&seen.number) {
        std::cmp::Ordering::Less => format!(
            "frame {} is older than frame {}, which was seen",
            frame.number, seen.number
        ),
        std::cmp::Ordering::Equal => format!(
            "another frame {} than the one that was seen: the store was forked",
            seen.number
        ),
        std::cmp::Ordering::Greater if contains.is_some_and(|frame| frame.root == seen.root) => {
            return Ok(())
        }
        std::cmp::Ordering::Greater => format!(
            "frame {} is not shown to contain frame {}, which was seen",
            frame.number, seen.number
        ),
    };
    fail(Check::Rollback, detail)
}

/// An opening and what it opens.
struct Sealed {
    context: Digest,
    opened: Vec<Opened>,
    proof: [[u8; 48]; 2],
}

impl Sealed {
    fn read(
        reader: &mut Reader<'_>,
        root: &Digest,
        opened: Vec<Opened>,
    ) -> Result<Sealed, VerificationError> {
        Ok(Sealed {
            context: context(root),
            opened,
            proof: [reader.point()?, reader.point()?],
        })
    }
}

/// An app's place under a header.
struct Anchor {
    name: Vec<u8>,
    address: Digest,
    roots: [Pruned; 4],
    root: Digest,
    sealed: Option<Sealed>,
}

impl Anchor {
    fn read(reader: &mut Reader<'_>, frame: &Frame) -> Result<Anchor, VerificationError> {
        let name = reader.blob()?.to_vec();
        if name.len() > LONGEST_NAME {
            return fail(
                Check::Size,
                format!("an app's name of more than {LONGEST_NAME} bytes"),
            );
        }
        let address = address(&name);
        let present = reader.u8()?;
        if present > 31 || (present & 15 != 0 && present & APP_TREE == 0) {
            return fail(Check::Format, format!("unknown trees {present}"));
        }
        let mut roots: [Pruned; 4] = Default::default();
        for (tree, root) in roots.iter_mut().enumerate() {
            if present >> tree & 1 == 1 {
                root.branches.push(Branch::root(reader)?);
            }
        }
        let digests = roots.each_ref().map(|tree| root_digest(tree.root()));
        let mut parts: Vec<&[u8]> = vec![&address];
        parts.extend(digests.iter().map(<[u8; 32]>::as_slice));
        let mut anchor = Anchor {
            root: to_digest("hyperdb/app-root", &parts),
            name,
            address,
            roots,
            sealed: None,
        };
        let hash_root = if present & 15 == 0 {
            None
        } else {
            Some(reader.array()?)
        };
        if present & APP_TREE != 0 {
            anchor.sealed = Some(anchor.read_path(reader, frame, hash_root)?);
        } else if frame.app_tree != root_digest(None) {
            return fail(Check::Root, "the app tree is not empty");
        }
        Ok(anchor)
    }

    /// The app tree: it holds the app's leaf, or none.
    fn read_path(
        &self,
        reader: &mut Reader<'_>,
        frame: &Frame,
        hash_root: Option<Digest>,
    ) -> Result<Sealed, VerificationError> {
        let mut own = hash_root.map(|hash_root| Leaf {
            key: self.address.to_vec(),
            digest: to_digest("hyperdb/app-value", &[&self.root, &hash_root]),
            version: 0,
            size: self
                .roots
                .iter()
                .filter_map(Pruned::root)
                .fold(0, |sum, root| sum.saturating_add(root.size())),
            row: Some(0),
        });
        let mut tree = Pruned {
            branches: vec![Branch::root(reader)?],
        };
        let mut opened = Vec::new();
        let mut claimed = || {
            own.take().map_or_else(
                || {
                    fail(
                        Check::Claim,
                        "the app tree shows another app's leaf as this one's",
                    )
                },
                Ok,
            )
        };
        tree.read(reader, address_key, &mut claimed, &mut opened)?;
        let sealed = Sealed::read(reader, &frame.root, opened)?;
        if root_digest(tree.root()) != frame.app_tree {
            return fail(
                Check::Root,
                "the app tree is not the one that the header commits to",
            );
        }
        let found = tree.get(
            &self.address,
            &address_key(&self.address)?,
            &mut reader.left.visits,
        )?;
        if found.and_then(|leaf| leaf.row).is_some() != hash_root.is_some() {
            return fail(
                Check::Claim,
                "the app tree does not hold the app as claimed",
            );
        }
        tree.check_all_seen()?;
        Ok(sealed)
    }

    fn answer(
        mut self,
        reader: &mut Reader<'_>,
        threads: usize,
        verified: &mut Verified,
    ) -> Result<(), VerificationError> {
        let queries = Query::read_all(reader)?;
        let count = reader.varint()?;
        let mut rows = Vec::new();
        for _ in 0..count {
            rows.push(Row::read(reader)?);
        }
        let mask = reader.u8()?;
        let mut opened = Vec::new();
        let mut taken = 0;
        for (tree, root) in self.roots.iter_mut().enumerate() {
            if mask >> tree & 1 == 0 {
                continue;
            }
            if root.branches.is_empty() {
                return fail(Check::Format, format!("unknown trees {mask}"));
            }
            let mut claimed = || {
                let Some(row) = rows.get(taken) else {
                    return fail(
                        Check::Claim,
                        "the trees show more claimed leaves than rows are claimed",
                    );
                };
                row.check_form(tree % 2 == 0)?;
                taken += 1;
                Ok(Leaf {
                    key: row.key.clone(),
                    digest: row.digest,
                    version: row.version,
                    size: row.size,
                    row: Some(taken - 1),
                })
            };
            root.read(reader, tree_key, &mut claimed, &mut opened)?;
        }
        if mask > 15 {
            return fail(Check::Format, format!("unknown trees {mask}"));
        }
        let mut sealed: Vec<Sealed> = self.sealed.take().into_iter().collect();
        if mask != 0 {
            sealed.push(Sealed::read(reader, &self.root, opened)?);
        }
        reader.end()?;
        check_openings(&sealed, threads)?;
        let places = Places::new(verified.frame.hash_key);
        let mut trees = Shown {
            trees: self.roots,
            places,
            used: vec![false; rows.len()],
            rows: &rows,
            visits: reader.left.visits,
        };
        for query in &queries {
            verified.answers.push(run(&mut trees, &places, query)?);
        }
        trees.trees.iter().try_for_each(Pruned::check_all_seen)?;
        if trees.used.contains(&false) {
            return fail(Check::Claim, "rows are claimed that no answer rests on");
        }
        verified.queries = queries;
        verified.rows = rows;
        Ok(())
    }
}

/// Decodes every point once, checks it, and settles all openings by one pairing equation.
fn check_openings(sealed: &[Sealed], threads: usize) -> Result<(), VerificationError> {
    let mut encoded: Vec<[u8; 48]> = Vec::new();
    let mut known = HashSet::new();
    for commitment in sealed
        .iter()
        .flat_map(|one| one.opened.iter().map(|opened| opened.commitment))
    {
        if known.insert(commitment) {
            encoded.push(commitment);
        }
    }
    let commitments = encoded.len();
    encoded.extend(sealed.iter().flat_map(|one| one.proof));
    let points = decode(&encoded, threads)?;
    if points[..commitments].iter().any(Point::is_infinity) {
        return fail(
            Check::Point,
            "the point at infinity, where no branch can have it",
        );
    }
    let by_bytes: HashMap<[u8; 48], Point> = encoded[..commitments]
        .iter()
        .copied()
        .zip(points.iter().copied())
        .collect();
    let wrong = || {
        VerificationError::new(
            Check::Opening,
            "the slots shown are not those that the commitments hold",
        )
    };
    let mut pending = Vec::new();
    for (one, proof) in sealed.iter().zip(points[commitments..].chunks(2)) {
        let claims: Vec<Claim> = one
            .opened
            .iter()
            .map(|opened| Claim {
                commitment: opened.commitment,
                point: by_bytes
                    .get(&opened.commitment)
                    .copied()
                    .unwrap_or_else(Point::infinity),
                slot: opened.slot,
                value: opened.value,
            })
            .collect();
        let opening = Opening {
            quotients: proof[0],
            evaluation: proof[1],
        };
        pending.push(prepare(&one.context, &claims, &opening).ok_or_else(wrong)?);
    }
    let Ok(setup) = Setup::ceremony() else {
        return fail(Check::Opening, "this build's trusted setup is damaged");
    };
    if settle(setup, &pending) {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// Points, each in the subgroup; the work is shared by threads.
fn decode(encoded: &[[u8; 48]], threads: usize) -> Result<Vec<Point>, VerificationError> {
    let run = |part: &[[u8; 48]]| {
        part.iter()
            .map(Point::from_compressed)
            .collect::<Option<Vec<_>>>()
    };
    let threads = threads.clamp(1, encoded.len().div_ceil(POINTS_A_THREAD).max(1));
    let decoded = if threads == 1 {
        run(encoded)
    } else {
        std::thread::scope(|scope| {
            let size = encoded.len().div_ceil(threads);
            let workers: Vec<_> = encoded
                .chunks(size)
                .map(|part| scope.spawn(move || run(part)))
                .collect();
            let parts: Option<Vec<Vec<Point>>> = workers
                .into_iter()
                .map(|worker| worker.join().ok().flatten())
                .collect();
            parts.map(|parts| parts.concat())
        })
    };
    decoded.ok_or_else(|| {
        VerificationError::new(
            Check::Point,
            "a point that is not canonical, not on the curve or not in the subgroup",
        )
    })
}

/// The verifier's trees.
struct Shown<'a> {
    trees: [Pruned; 4],
    places: Places,
    rows: &'a [Row],
    used: Vec<bool>,
    visits: usize,
}

impl Shown<'_> {
    fn claimed(&mut self, leaf: &Leaf) -> Result<usize, VerificationError> {
        let Some(row) = leaf.row else {
            return fail(
                Check::Claim,
                "a leaf that belongs to the answer was not claimed",
            );
        };
        if !lies_at_its_hash(&self.places, &leaf.key) {
            return fail(Check::Place, "an element that does not lie at its hash");
        }
        self.used[row] = true;
        Ok(row)
    }
}

impl Trees for Shown<'_> {
    type Error = VerificationError;

    fn get(&mut self, tree: usize, key: &[u8]) -> Result<Option<usize>, VerificationError> {
        let found = self.trees[tree].get(key, &tree_key(key)?, &mut self.visits)?;
        found.map(|leaf| self.claimed(&leaf)).transpose()
    }

    fn rows(&mut self, tree: usize, zone: &Zone) -> Result<Vec<usize>, VerificationError> {
        let leaves = self.trees[tree].rows(zone, &mut self.visits)?;
        leaves.iter().map(|leaf| self.claimed(leaf)).collect()
    }

    fn count(&mut self, tree: usize, zone: &Zone) -> Result<(u64, u64), VerificationError> {
        self.trees[tree].count(zone, &mut self.visits)
    }

    fn key(&self, row: usize) -> &[u8] {
        &self.rows[row].key
    }

    fn version(&self, row: usize) -> u64 {
        self.rows[row].version
    }

    fn header(&mut self, row: usize) -> Option<&[u8]> {
        self.rows[row].value.as_deref()
    }
}
