//! What a bundle shows of one app: its place under the header, its pruned trees, and the answers on them.
//!
//! **Invariant.** Nothing is answered before every opening was checked, and every root tied to the header's.

use super::answer::{lies_at_its_hash, member_lies_at_its_hash, run, Trees};
use super::checking::check_opening;
use super::error::{fail, Check, VerificationError};
use super::header::Frame;
use super::place::{address_key, tree_key, Places, Zone};
use super::pruned::{root_digest, Leaf, Opened, Pruned};
use super::query::Query;
use super::row::Row;
use super::verify::{context, Verified, APP_TREE};
use super::wire::Reader;
use crate::hash::{to_digest, Digest};
use crate::tree::apps::address;

const LONGEST_NAME: usize = 1024;

/// An app's place under a header.
pub(crate) struct Anchor {
    pub(crate) name: Vec<u8>,
    pub(crate) address: Digest,
    roots: [Pruned; 4],
    pub(crate) root: Digest,
    /// Slots of the app tree.
    opened: Vec<Opened>,
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
        let lone = if present & 15 == 0 { 0 } else { reader.u8()? };
        if lone & !(present & 15) != 0 {
            return fail(Check::Format, format!("unknown roots {lone}"));
        }
        let mut roots: [Pruned; 4] = Default::default();
        for (tree, root) in roots.iter_mut().enumerate() {
            if lone >> tree & 1 == 1 {
                *root = Pruned::root_of_one(reader)?;
            } else if present >> tree & 1 == 1 {
                *root = Pruned::root_of_many(reader)?;
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
            opened: Vec::new(),
        };
        let hash_root = if present & 15 == 0 {
            None
        } else {
            Some(reader.array()?)
        };
        if present & APP_TREE != 0 {
            anchor.opened = anchor.read_path(reader, frame, hash_root)?;
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
    ) -> Result<Vec<Opened>, VerificationError> {
        let mut sizes = self.roots.iter().filter_map(Pruned::root);
        let Some(size) = sizes.try_fold(0u64, |sum, root| sum.checked_add(root.size())) else {
            return fail(
                Check::Format,
                "trees of more bytes than there are numbers for",
            );
        };
        let mut own = hash_root.map(|hash_root| Leaf {
            key: self.address.to_vec(),
            digest: to_digest("hyperdb/app-value", &[&self.root, &hash_root]),
            version: 0,
            size,
            row: Some(0),
        });
        let mut tree = Pruned::root_of_many(reader)?;
        let mut opened = Vec::new();
        let mut claimed = |_: &mut Reader<'_>| {
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
        Ok(opened)
    }

    pub(crate) fn answer(
        mut self,
        reader: &mut Reader<'_>,
        threads: usize,
        verified: &mut Verified,
    ) -> Result<(), VerificationError> {
        let queries = Query::read_all(reader)?;
        let mut rows = Vec::new();
        let mut opened = std::mem::take(&mut self.opened);
        for (tree, root) in self.roots.iter_mut().enumerate() {
            if root.root().is_none() {
                continue;
            }
            let mut claimed = |reader: &mut Reader<'_>| {
                let row = Row::read(reader)?;
                row.check_form(tree % 2 == 0)?;
                rows.push(row);
                let row = &rows[rows.len() - 1];
                Ok(Leaf {
                    key: row.key.clone(),
                    digest: row.digest,
                    version: row.version,
                    size: row.size,
                    row: Some(rows.len() - 1),
                })
            };
            root.read(reader, tree_key, &mut claimed, &mut opened)?;
        }
        if !opened.is_empty() {
            let proof = [reader.point()?, reader.point()?];
            reader.end()?;
            check_opening(&context(&verified.frame.root), &opened, &proof, threads)?;
        }
        reader.end()?;
        let places = Places::new(verified.frame.hash_key);
        let mut trees = Shown {
            trees: self.roots,
            places,
            used: vec![false; rows.len()],
            members_in_place: vec![false; rows.len()],
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

/// The verifier's trees.
struct Shown<'a> {
    trees: [Pruned; 4],
    places: Places,
    rows: &'a [Row],
    /// Rows that an answer rests on: an element among them lies at its hash.
    used: Vec<bool>,
    /// Rows that are known to be members at their hashes. A key may be as long as the bundle and be asked for a thousand times.
    members_in_place: Vec<bool>,
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
        if !self.used[row] && !lies_at_its_hash(&self.places, &leaf.key) {
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

    fn is_member_in_place(&mut self, row: usize) -> bool {
        let known = &mut self.members_in_place[row];
        *known = *known || member_lies_at_its_hash(&self.places, &self.rows[row].key);
        *known
    }

    fn version(&self, row: usize) -> u64 {
        self.rows[row].version
    }

    fn header(&mut self, row: usize) -> Option<&[u8]> {
        self.rows[row].value.as_deref()
    }
}
