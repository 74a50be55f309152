//! The records of frames beside the nodes of trees.
//!
//! ```text
//! NODE 03 number BE               signed header
//!      04 position BE             node of the history
//!      05 frame BE, app varint, part BE u32   removes that entered in the frame: (tree u8, length u32 LE, logical key) each
//!      06 address 32, frame BE    owner attestation
//!      07 number BE               what sealing it took: superseded, changed, micros, all u64 LE
//! META 05 salt secret 32          06 store key's seed 57
//! ```
//! The lists of removes exist so that a remove leaves its tree when the horizon passes it.

use crate::error::{Error, Result};
use crate::header::SignedHeader;
use crate::history::Nodes;
use crate::tree::Tree;
use hyperdb_graph::keys::{read_varint, KeyBuf};
use hyperdb_graph::AppId;
use hyperdb_lsm::{Batch, Commit, Direction, Family, KeyRange, Snapshot};
use hyperdb_verkle::hash::Digest;

/// First byte of the keys of branches of apps' trees.
pub(crate) const APP_TREES: u8 = 0x00;
/// Of the tree of apps.
pub(crate) const TREE_OF_APPS: u8 = 0x01;
/// Of the global trees.
pub(crate) const GLOBAL_TREES: u8 = 0x02;
const HEADER: u8 = 0x03;
const HISTORY: u8 = 0x04;
const REMOVES: u8 = 0x05;
const ATTESTATION: u8 = 0x06;
const COST: u8 = 0x07;
/// META key of the secret of all salts.
pub(crate) const SALT_SECRET: [u8; 1] = [0x05];
/// META key of the seed of the store's key.
pub(crate) const STORE_KEY: [u8; 1] = [0x06];

/// A list of removes is cut into records of about so many bytes.
pub(crate) const PART: usize = 64 << 10;

fn numbered(tag: u8, number: u64) -> [u8; 9] {
    let mut key = [tag; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// Key of an attestation of an app, by its address, at a frame.
pub(crate) fn attestation_key(address: &Digest, frame: u64) -> Vec<u8> {
    [&[ATTESTATION][..], address, &frame.to_be_bytes()].concat()
}

/// What sealing a frame took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes of entries that the frame replaced, about: kept for as long as an older frame can be read.
    pub superseded: u64,
    /// Entries that changed.
    pub changed: u64,
    /// Microseconds of sealing.
    pub micros: u64,
}

impl Cost {
    fn encode(self) -> [u8; 24] {
        let mut out = [0; 24];
        for (place, number) in [self.superseded, self.changed, self.micros]
            .iter()
            .enumerate()
        {
            out[8 * place..8 * place + 8].copy_from_slice(&number.to_le_bytes());
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<Cost> {
        let mut numbers = bytes.chunks_exact(8).map(|chunk| {
            let chunk = chunk.try_into().unwrap_or_default();
            u64::from_le_bytes(chunk)
        });
        let cost = Cost {
            superseded: numbers.next()?,
            changed: numbers.next()?,
            micros: numbers.next()?,
        };
        (bytes.len() == 24).then_some(cost)
    }
}

/// Takes one remove: whose, in which tree, its logical key.
pub(crate) type RemoveVisitor<'v> = dyn FnMut(AppId, Tree, &[u8]) -> Result<()> + 'v;

/// Reads records of frames at one commit.
pub(crate) struct Records<'s>(pub(crate) &'s Snapshot);

impl Records<'_> {
    /// The header of a frame, behind the horizon too.
    pub(crate) fn header(&self, number: u64) -> Result<Option<SignedHeader>> {
        let raw = self.0.get(Family::NODE, &numbered(HEADER, number))?;
        raw.map(|raw| decode_header(&raw)).transpose()
    }

    /// The commit that made a frame: the version of its header.
    pub(crate) fn made_by(&self, number: u64) -> Result<Option<Commit>> {
        Ok(self.0.version(Family::NODE, &numbered(HEADER, number))?)
    }

    /// The newest header.
    pub(crate) fn newest(&self) -> Result<Option<SignedHeader>> {
        let all = KeyRange::prefix(&[HEADER]);
        let mut walk = self.0.iter(Family::NODE, all, Direction::Reverse);
        match walk.step()? {
            Some((_, raw, _)) => decode_header(&raw).map(Some),
            None => Ok(None),
        }
    }

    /// Headers from `first` on, at most `limit`.
    pub(crate) fn headers(&self, first: u64, limit: usize) -> Result<Vec<SignedHeader>> {
        let range = KeyRange::between(&numbered(HEADER, first), &[HEADER + 1]);
        let mut walk = self.0.iter(Family::NODE, range, Direction::Forward);
        let mut headers = Vec::new();
        while headers.len() < limit {
            match walk.step()? {
                Some((_, raw, _)) => headers.push(decode_header(&raw)?),
                None => break,
            }
        }
        Ok(headers)
    }

    /// What sealing a frame took.
    pub(crate) fn cost(&self, number: u64) -> Result<Cost> {
        match self.0.get(Family::NODE, &numbered(COST, number))? {
            Some(raw) => Cost::decode(&raw).ok_or(Error::Malformed("cost")),
            None => Ok(Cost::default()),
        }
    }

    /// The removes that entered in frame `number`; the keys of their records go to `keys`.
    pub(crate) fn removes(
        &self,
        number: u64,
        keys: &mut Vec<Vec<u8>>,
        visit: &mut RemoveVisitor<'_>,
    ) -> Result<()> {
        let prefix = numbered(REMOVES, number);
        let mut walk = self
            .0
            .iter(Family::NODE, KeyRange::prefix(&prefix), Direction::Forward);
        let malformed = || Error::Malformed("list of removes");
        while let Some((key, raw, _)) = walk.step()? {
            let (app, _) = read_varint(&key[prefix.len()..]).ok_or_else(malformed)?;
            let app = AppId(u32::try_from(app).map_err(|_| malformed())?);
            let mut rest = &raw[..];
            while !rest.is_empty() {
                let (tree, length, after) = split_entry(rest).ok_or_else(malformed)?;
                let logical = after.get(..length).ok_or_else(malformed)?;
                visit(app, tree, logical)?;
                rest = &after[length..];
            }
            keys.push(key.to_vec());
        }
        Ok(())
    }

    /// The attestation of an app at a frame.
    pub(crate) fn attestation(&self, address: &Digest, frame: u64) -> Result<Option<Vec<u8>>> {
        Ok(self.0.get(Family::NODE, &attestation_key(address, frame))?)
    }
}

fn decode_header(raw: &[u8]) -> Result<SignedHeader> {
    SignedHeader::decode(raw).ok_or(Error::Malformed("frame header"))
}

fn split_entry(bytes: &[u8]) -> Option<(Tree, usize, &[u8])> {
    let (tree, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let tree = Tree::from_number(*tree)?;
    Some((tree, u32::from_le_bytes(*length) as usize, rest))
}

impl Nodes for Records<'_> {
    type Error = Error;

    fn node(&self, position: u64) -> Result<Digest> {
        let raw = self.0.get(Family::NODE, &numbered(HISTORY, position))?;
        raw.and_then(|raw| raw.try_into().ok())
            .ok_or(Error::Malformed("history"))
    }
}

/// Where part `part` of the removes of an app that entered in frame `number` lies.
pub(crate) fn removes_key(number: u64, app: AppId, part: u32) -> Vec<u8> {
    let mut key = KeyBuf::new();
    key.push(&numbered(REMOVES, number))
        .push_varint(u64::from(app.0))
        .push(&part.to_be_bytes());
    key.to_vec()
}

/// Appends a remove to a list.
pub(crate) fn encode_remove(list: &mut Vec<u8>, tree: Tree, logical: &[u8]) {
    list.push(tree as u8);
    list.extend_from_slice(&(logical.len() as u32).to_le_bytes());
    list.extend_from_slice(logical);
}

/// Whether a record is written while a frame is made, and not only with the commit that makes it.
pub(crate) fn is_made_early(key: &[u8]) -> bool {
    matches!(
        key.first(),
        Some(&(APP_TREES | TREE_OF_APPS | GLOBAL_TREES | REMOVES))
    )
}

/// Puts the records that make a frame into its last commit.
pub(crate) struct Writing<'b>(pub(crate) &'b mut Batch);

impl Writing<'_> {
    pub(crate) fn header(&mut self, header: &SignedHeader, cost: Cost) {
        let number = header.header.number;
        self.0
            .put(Family::NODE, &numbered(HEADER, number), &header.encode())
            .put(Family::NODE, &numbered(COST, number), &cost.encode());
    }

    pub(crate) fn history(&mut self, position: u64, node: &Digest) {
        self.0.put(Family::NODE, &numbered(HISTORY, position), node);
    }
}
