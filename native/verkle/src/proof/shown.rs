//! What a bundle shows of one app: its place under the header, its pruned trees, and the answers on them.
//!
//! **Invariant.** Nothing is answered before every opening was checked, and every root tied to the header's.

use super::answer::{lies_at_its_hash, run, Trees};
use super::error::{fail, Check, VerificationError};
use super::header::Frame;
use super::place::{address_key, tree_key, Places, Zone};
use super::pruned::{root_digest, Branch, Leaf, Opened, Pruned};
use super::query::Query;
use super::row::Row;
use super::verify::{address, context, Verified, APP_TREE};
use super::wire::Reader;
use crate::comb::Kernel;
use crate::hash::{to_digest, Digest};
use crate::opening::{prepare, settle, Claim, Opening};
use crate::point::Point;
use crate::setup::Setup;
use crate::subgroup::all_in_subgroup;
use std::collections::{HashMap, HashSet};

const LONGEST_NAME: usize = 1024;
/// Points to a thread: below this, starting one costs more than it saves.
const POINTS_A_THREAD: usize = 6;

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
pub(crate) struct Anchor {
    pub(crate) name: Vec<u8>,
    pub(crate) address: Digest,
    roots: [Pruned; 4],
    pub(crate) root: Digest,
    sealed: Option<Sealed>,
}

impl Anchor {
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        frame: &Frame,
    ) -> Result<Anchor, VerificationError> {
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
        // A leaf that is there and not the claimed one is another value of this very app: no absence.
        let claimed = found.as_ref().is_some_and(|leaf| leaf.row.is_some());
        if found.is_some() != claimed || claimed != hash_root.is_some() {
            return fail(
                Check::Claim,
                "the app tree does not hold the app as claimed",
            );
        }
        tree.check_all_seen()?;
        Ok(sealed)
    }

    pub(crate) fn answer(
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
    if settle(setup, &pending, threads) {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// Points, each in the subgroup; the work is shared by threads.
fn decode(encoded: &[[u8; 48]], threads: usize) -> Result<Vec<Point>, VerificationError> {
    let run = |part: &[[u8; 48]]| {
        let points: Option<Vec<Point>> =
            part.iter().map(Point::from_compressed_unchecked).collect();
        points.filter(|points| all_in_subgroup(Kernel::detect(), points))
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
