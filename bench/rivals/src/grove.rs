//! GroveDB: one subtree (a Merk AVL tree) with all entries, on RocksDB in a temporary folder.

use crate::{Contender, Key};
use grovedb::batch::QualifiedGroveDbOp;
use grovedb::{Element, GroveDb, PathQuery, Query, SizedQuery};
use grovedb_version::version::GroveVersion;

const SUBTREE: &[u8] = b"entries";

/// See the module's head.
pub struct Grove {
    db: GroveDb,
    version: &'static GroveVersion,
    _dir: tempfile::TempDir,
}

impl Grove {
    /// An empty one.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let db = GroveDb::open(dir.path()).expect("opens");
        let version = GroveVersion::latest();
        let root: [&[u8]; 0] = [];
        db.insert(root.as_slice(), SUBTREE, Element::empty_tree(), None, None, version)
            .unwrap()
            .expect("the subtree");
        Self { db, version, _dir: dir }
    }

    fn query(keys: impl Iterator<Item = Key>) -> PathQuery {
        let mut query = Query::new();
        query.insert_keys(keys.map(|key| key.to_vec()).collect());
        PathQuery::new(vec![SUBTREE.to_vec()], SizedQuery::new(query, None, None))
    }
}

impl Contender for Grove {
    fn name(&self) -> &'static str {
        "GroveDB 3.1 (disk)"
    }

    fn apply(&mut self, entries: &[(Key, Vec<u8>)]) {
        let ops = entries
            .iter()
            .map(|(key, value)| {
                QualifiedGroveDbOp::insert_or_replace_op(
                    vec![SUBTREE.to_vec()],
                    key.to_vec(),
                    Element::new_item(value.clone()),
                )
            })
            .collect();
        self.db
            .apply_batch(ops, None, None, self.version)
            .unwrap()
            .expect("applies");
    }

    fn prove(&mut self, keys: &[Key]) -> Vec<u8> {
        let query = Self::query(keys.iter().copied());
        self.db
            .prove_query(&query, None, self.version)
            .unwrap()
            .expect("proves")
    }

    fn verify(&mut self, proof: &[u8], entries: &[(Key, Vec<u8>)]) {
        let query = Self::query(entries.iter().map(|(key, _)| *key));
        let (root, rows) = GroveDb::verify_query(proof, &query, self.version).expect("verifies");
        let trusted = self.db.root_hash(None, self.version).unwrap().expect("has a root");
        assert_eq!(root, trusted);
        assert_eq!(rows.len(), entries.len());
        for ((_, key, element), (wanted, value)) in rows.iter().zip(entries) {
            assert_eq!(key.as_slice(), wanted);
            assert!(matches!(element, Some(Element::Item(found, _)) if found == value));
        }
    }

    fn payload(&self, entries: &[(Key, Vec<u8>)]) -> usize {
        entries.iter().map(|(key, value)| key.len() + value.len()).sum()
    }
}
