//! HyperDB's tree: leaves as the store commits to them, branch records in memory, proofs and verification as clients have them.
//!
//! The frame's header and the app's place under it are made with each change and are the same for all its proofs, as are the roots of
//! the others: they are checked with each proof and not counted in its length.

use crate::{Contender, Key};
use hyperdb_frames::header::Header;
use hyperdb_frames::verify;
use hyperdb_verkle::comb::Comb;
use hyperdb_verkle::hash::Digest;
use hyperdb_verkle::proof::{
    anchor, bundle, prove, row_salt, value_digest, Answer, Branch, Entries, Entry, Nodes, Parts, Places, ProofError,
    Query, Show, Source, Trusted, Which,
};
use hyperdb_verkle::tree::apps::{address, App};
use hyperdb_verkle::tree::nodes::MemoryNodes;
use hyperdb_verkle::tree::{apply, leaf, read, root, Edit, Root, TreeKey};
use std::collections::HashMap;

const NAME: &[u8] = b"redis/0";
const SALT_KEY: [u8; 64] = [7; 64];
const HASH_KEY: [u8; 16] = [3; 16];

/// See the module's head.
pub struct Verkle {
    comb: &'static Comb,
    tree: MemoryNodes,
    apps: MemoryNodes,
    entries: HashMap<Vec<u8>, Entry>,
    header: Header,
    encoded: [u8; 206],
    anchor: Vec<u8>,
}

fn logical(key: &Key) -> Vec<u8> {
    Places::new(HASH_KEY).element(key)
}

/// A vertex without expiry.
fn record(value: &[u8]) -> Vec<u8> {
    [&[1, 0], value].concat()
}

impl Verkle {
    /// An empty one.
    pub fn new() -> Self {
        let header = Header {
            store_id: [1; 16],
            hash_key: HASH_KEY,
            number: 1,
            time_ms: 0,
            commit: 1,
            horizon: 1,
            removes_from: 1,
            apps: [0; 32],
            globals: [0; 32],
            history: [0; 32],
            hash_root: [0; 32],
        };
        Self {
            comb: Comb::ceremony().expect("the ceremony's setup"),
            tree: MemoryNodes::default(),
            apps: MemoryNodes::default(),
            entries: HashMap::new(),
            encoded: header.encode(),
            header,
            anchor: Vec::new(),
        }
    }

    fn source(&self) -> Source<'_> {
        Source {
            header: &self.encoded,
            name: NAME,
            salt_key: &SALT_KEY,
            nodes: self,
            entries: self,
        }
    }
}

impl Contender for Verkle {
    fn name(&self) -> &'static str {
        "HyperDB (memory)"
    }

    fn apply(&mut self, entries: &[(Key, Vec<u8>)]) {
        self.header.commit += 1;
        let version = self.header.commit;
        let edits = entries.iter().map(|(key, value)| {
            let (logical, value) = (logical(key), record(value));
            let salt = row_salt(&SALT_KEY, &logical, version);
            let digest = value_digest(&logical, &value, &salt, true).expect("a plain value");
            let bytes = (logical.len() + value.len()) as u64;
            let slot = leaf::slot(&logical, &digest, version, bytes);
            let key = TreeKey::of(&logical).expect("an element's key");
            self.entries.insert(logical, Entry { version, value });
            Edit::Set { key, slot, bytes }
        });
        let edits = edits.collect();
        let update = apply(&self.tree, self.comb, edits, 1).expect("applies");
        self.tree.take(&update);
        let own = root(&self.tree).expect("reads");
        let app = App::new(address(NAME), &[own, Root::empty(), Root::empty(), Root::empty()]);
        let update = apply(&self.apps, self.comb, vec![app.edit()], 1).expect("applies");
        self.apps.take(&update);
        let apps = root(&self.apps).expect("reads");
        (self.header.apps, self.header.hash_root) = (apps.digest, apps.hash);
        self.encoded = self.header.encode();
        self.anchor = anchor(&self.source()).expect("anchors");
    }

    fn prove(&mut self, keys: &[Key]) -> Vec<u8> {
        let queries: Vec<Query> = keys.iter().map(|key| Query::Element { id: key.to_vec() }).collect();
        prove(&self.source(), &queries, &Show::Whole).expect("proves")
    }

    fn verify(&mut self, proof: &[u8], entries: &[(Key, Vec<u8>)]) {
        let parts = Parts {
            app: Some((&self.anchor, proof)),
            ..Parts::default()
        };
        let trusted = Trusted::Root(self.header.digest());
        let shown = verify(&bundle(&self.encoded, &parts), &trusted, Some(NAME), None).expect("verifies");
        assert_eq!(shown.answers.len(), entries.len());
        for (answer, (_, value)) in shown.answers.iter().zip(entries) {
            let Answer::Found { row } = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(shown.rows[*row].value.as_deref(), Some(&record(value)[..]));
        }
    }

    /// The queries name the ids, the rows hold keys (9 bytes more than the id) and values (2 bytes more).
    fn payload(&self, entries: &[(Key, Vec<u8>)]) -> usize {
        entries
            .iter()
            .map(|(key, value)| 2 * key.len() + 9 + value.len() + 2)
            .sum()
    }
}

impl Nodes for Verkle {
    fn branch(&self, tree: Which, path: &[u8]) -> Result<Option<Branch>, ProofError> {
        let nodes = match tree {
            Which::Apps => &self.apps,
            Which::App(0) => &self.tree,
            Which::App(_) => return Ok(None),
        };
        let found = read::read(nodes, path).map_err(|error| ProofError::Store(error.to_string()))?;
        Ok(found.map(Branch::from))
    }

    fn hash(&self, tree: Which) -> Result<Option<Digest>, ProofError> {
        let nodes = match tree {
            Which::Apps => &self.apps,
            Which::App(0) => &self.tree,
            Which::App(_) => return Ok(None),
        };
        let found = root(nodes).map_err(|error| ProofError::Store(error.to_string()))?;
        Ok(Some(found.hash))
    }
}

impl Entries for Verkle {
    fn entry(&self, _tree: usize, key: &[u8]) -> Result<Option<Entry>, ProofError> {
        Ok(self.entries.get(key).cloned())
    }

    fn starting_with(
        &self,
        _tree: usize,
        _prefix: &[u8],
        _each: &mut dyn FnMut(&[u8], Entry) -> bool,
    ) -> Result<(), ProofError> {
        Err(ProofError::Store("no key here is so long".into()))
    }

    fn app(&self, _address: &Digest) -> Result<Option<(Digest, u64)>, ProofError> {
        Ok(None)
    }
}
