//! How large proofs are and how long they take: a tree of hashed, integer and text keys each, by the real prover and verifier.
//!
//! Run: `cargo run --release -p hyperdb-verkle --example proofs -- [thousand leaves [directory]]`; `bench/proofs.py` runs it and prints
//! the table. A bundle of each kind is written to the directory, if one is given.
//! *Proof* is the bundle without header, anchor, keys, values and the claim's queries: what is beside the payload.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use hyperdb_verkle::comb::Comb;
use hyperdb_verkle::hash::Mac;
use hyperdb_verkle::hash::{to_digest, Digest};
use hyperdb_verkle::proof::{
    address, address_key, bundle, leaf_scalar, member, prove, row_salt, tree_key, value_digest,
    verify, Anchor, Bounds, Branch, Entries, Entry, Frame, Nodes, Options, Parts, Places,
    ProofError, Query, Show, Source, Trusted, Which,
};
use hyperdb_verkle::tree::build::Builder;
use hyperdb_verkle::tree::nodes::MemoryNodes;
use hyperdb_verkle::tree::{apply, raw::read_raw, root, Edit, Root, TreeKey};
use std::collections::BTreeMap;
use std::time::Instant;

/// As the frames of a store prove and verify.
const THREADS: usize = 2;
const NAME: &[u8] = b"bench";
const SALT: [u8; 64] = [7; 64];
const TABLE: &[u8] = b"table";
/// A table: multiples of 4, plus 2 for packed rows.
const CID: u64 = 300 * 4 + 2;

/// An app of one data set under one header.
struct Store {
    header: [u8; 206],
    trees: [MemoryNodes; 4],
    roots: [Root; 4],
    apps: MemoryNodes,
    entries: [BTreeMap<Vec<u8>, Entry>; 4],
}

/// Makes the key of a row.
type Name = fn(u64) -> Vec<u8>;

type Data = [BTreeMap<Vec<u8>, Entry>; 4];

fn leaf(tree: usize, key: &[u8], entry: &Entry) -> (TreeKey, [u8; 32], u64) {
    let salt = row_salt(&Mac::new(&SALT), key, entry.version);
    let digest = value_digest(key, &entry.value, &salt, tree.is_multiple_of(2)).unwrap();
    let bytes = (key.len() + entry.value.len()) as u64;
    let slot = leaf_scalar(key, &digest, entry.version, bytes).to_bytes();
    (TreeKey::from_steps(tree_key(key).unwrap()), slot, bytes)
}

impl Store {
    fn new(entries: Data, hash_key: [u8; 16]) -> Store {
        let comb = Comb::ceremony().unwrap();
        let mut trees: [MemoryNodes; 4] = Default::default();
        let mut roots = [Root::empty(); 4];
        for (tree, entries) in entries.iter().enumerate().filter(|(_, e)| !e.is_empty()) {
            let nodes = &mut trees[tree].0;
            let mut sink = |path: &[u8], record: &[u8]| {
                nodes.insert(path.to_vec(), record.into());
                Ok(())
            };
            let mut builder = Builder::new(comb, 2, &mut sink);
            for (key, entry) in entries {
                let (key, slot, bytes) = leaf(tree, key, entry);
                builder.push(key, slot, bytes).unwrap();
            }
            roots[tree] = builder.finish().unwrap();
        }
        let app = hyperdb_verkle::tree::apps::App::new(address(NAME), &roots);
        let mut apps = MemoryNodes::default();
        // Fifteen others, as a server of sixteen databases has.
        let mut edits = vec![app.edit()];
        edits.extend((0..15u8).map(|n| Edit::Set {
            key: TreeKey::from_steps(address_key(&address(&[n])).unwrap()),
            slot: to_digest("bench", &[&[n]]).map(|byte| byte / 4),
            bytes: 100,
        }));
        let update = apply(&apps, comb, edits, 1).unwrap();
        apps.take(&update);
        let header = Frame {
            root: [0; 32],
            store: [1; 16],
            hash_key,
            number: 9,
            time_ms: 1_760_000_000_000,
            commit: 1_000_000,
            horizon: 1,
            removes_from: 0,
            app_tree: update.root.digest,
            globals: [2; 32],
            history: [3; 32],
            hash_root: update.root.hash,
        };
        Store {
            header: header.encode(),
            trees,
            roots,
            apps,
            entries,
        }
    }

    fn source(&self) -> Source<'_> {
        Source {
            header: &self.header,
            name: NAME,
            salt_key: &SALT,
            nodes: self,
            entries: self,
        }
    }

    fn nodes(&self, tree: Which) -> &MemoryNodes {
        match tree {
            Which::Apps => &self.apps,
            Which::App(number) => &self.trees[number],
        }
    }
}

impl Nodes for Store {
    fn branch(&self, tree: Which, path: &[u8]) -> Result<Option<Branch>, ProofError> {
        let found = read_raw(self.nodes(tree), path).unwrap();
        Ok(found.map(Branch::from))
    }

    fn hash(&self, tree: Which) -> Result<Option<Digest>, ProofError> {
        let root = match tree {
            Which::Apps => root(&self.apps).unwrap(),
            Which::App(number) => self.roots[number],
        };
        Ok((root.count > 0).then_some(root.hash))
    }
}

impl Entries for Store {
    fn entry(&self, tree: usize, key: &[u8]) -> Result<Option<Entry>, ProofError> {
        Ok(self.entries[tree].get(key).cloned())
    }

    fn starting_with(
        &self,
        tree: usize,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], Entry) -> bool,
    ) -> Result<(), ProofError> {
        let from = self.entries[tree].range(prefix.to_vec()..);
        for (key, entry) in from.take_while(|(key, _)| key.starts_with(prefix)) {
            if !each(key, entry.clone()) {
                break;
            }
        }
        Ok(())
    }

    fn app(&self, _: &Digest) -> Result<Option<(Digest, u64)>, ProofError> {
        Err(ProofError::Store("the app is there".into()))
    }
}

fn id(n: u64) -> Vec<u8> {
    format!("key:{n:012}").into_bytes()
}

/// Elements under hashed keys, as Redis strings are.
fn hashed(places: &Places, leaves: u64) -> Data {
    let mut data = Data::default();
    for n in 0..leaves {
        let mut value = vec![1, 0];
        value.extend_from_slice(&[b'v'; 64]);
        let entry = Entry {
            version: 1 + n / 100,
            value,
        };
        data[0].insert(places.element(&id(n)), entry);
    }
    data
}

/// Rows of one table under the keys that `name` makes.
fn table(places: &Places, leaves: u64, name: Name) -> Data {
    let mut data = Data::default();
    // Kind 8, a table.
    let mut header = vec![8, 0];
    header.extend_from_slice(&CID.to_le_bytes());
    header.extend_from_slice(&leaves.to_le_bytes());
    header.extend_from_slice(&[0; 24]);
    let entry = Entry {
        version: 1,
        value: header,
    };
    data[2].insert(places.element(TABLE), entry);
    for n in 0..leaves {
        // Columns 1 (4 bytes) and 2 (variable), none null, no stamps.
        let mut value = vec![0, 2, 8 + 2, 8 + 5, 0];
        value.extend_from_slice(&(n as u32).to_le_bytes());
        value.push(40);
        value.extend_from_slice(&[b'v'; 40]);
        let entry = Entry {
            version: 1 + n / 100,
            value,
        };
        data[0].insert(member(CID, &name(n)), entry);
    }
    data
}

/// An integer key as SQL orders it.
fn integer(n: u64) -> Vec<u8> {
    ((n as i64) ^ i64::MIN).to_be_bytes().to_vec()
}

/// The clock, and the processor time of all threads: what else runs on the machine is in the first alone.
struct Times(Instant, f64);

impl Times {
    fn processor() -> f64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
    }

    fn now() -> Times {
        Times(Instant::now(), Self::processor())
    }

    /// Milliseconds.
    fn elapsed(&self) -> (f64, f64) {
        (
            self.0.elapsed().as_secs_f64() * 1e3,
            Self::processor() - self.1,
        )
    }
}

fn median(values: &[(f64, f64)]) -> (f64, f64) {
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (
        middle(values.iter().map(|pair| pair.0).collect()),
        middle(values.iter().map(|pair| pair.1).collect()),
    )
}

/// One line of the table: name, bytes beside the payload, of the whole bundle, milliseconds to prove and to verify.
fn measure(store: &Store, name: &str, queries: &[Query]) {
    let source = store.source();
    let place = Anchor::new(&source).unwrap();
    let trusted = Trusted::Root(to_digest("hyperdb/header", &[&store.header]));
    let nobody = |_: &[u8; 57], _: &[u8], _: &[u8; 114], _: &[u8]| false;
    let mut options = Options::new(&nobody);
    options.threads = THREADS;
    let (mut proving, mut checking) = (Vec::new(), Vec::new());
    let (mut beside, mut whole, mut kept) = (0, 0, Vec::new());
    for _ in 0..if queries.len() > 1 { 7 } else { 21 } {
        let start = Times::now();
        let proof = prove(&source, &place, queries, &Show::Whole, THREADS).unwrap();
        proving.push(start.elapsed());
        let parts = Parts {
            app: Some((place.bytes(), &proof)),
            ..Parts::default()
        };
        let bundle = bundle(&store.header, &parts);
        let start = Times::now();
        let verified = verify(&bundle, &trusted, &options).unwrap();
        checking.push(start.elapsed());
        let payload: usize = verified
            .rows
            .iter()
            .map(|row| row.key.len() + row.value.as_ref().map_or(0, Vec::len))
            .sum();
        beside = proof.len() - payload - Query::encode_all(queries).len();
        whole = bundle.len();
        kept = bundle;
    }
    if let Some(directory) = std::env::args().nth(2) {
        let place = std::path::Path::new(&directory).join(name);
        std::fs::write(place, kept).unwrap();
    }
    let (proving, checking) = (median(&proving), median(&checking));
    println!(
        "{name}\t{beside}\t{whole}\t{:.2}\t{:.2}\t{:.2}\t{:.2}",
        proving.0, proving.1, checking.0, checking.1
    );
}

fn main() {
    let thousand = std::env::args().nth(1).map_or(1000, |n| n.parse().unwrap());
    let leaves: u64 = thousand * 1000;
    let hash_key = [5; 16];
    let places = Places::new(hash_key);
    println!(
        "proof\tbytes beside payload\tbytes of the bundle\tprove ms\tcpu ms\tverify ms\tcpu ms"
    );
    let element = |n: u64| Query::Element { id: id(n) };
    let bounds = |low: &[u8], below: &[u8]| Bounds {
        low: low.to_vec(),
        below: below.to_vec(),
        companion: false,
    };
    let hash_count = |low: &[u8], below: &[u8]| Query::ElementCount {
        bounds: bounds(low, below),
    };
    let some = |count: u64| -> Vec<u64> {
        (0..count)
            .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % leaves)
            .collect()
    };
    {
        let store = Store::new(hashed(&places, leaves), hash_key);
        for n in some(3) {
            measure(&store, "hashed, 1 key", &[element(n)]);
        }
        measure(&store, "hashed, absent", &[element(leaves + 5)]);
        let many: Vec<Query> = some(1000).into_iter().map(element).collect();
        measure(&store, "hashed, 1,000 keys", &many);
        measure(
            &store,
            "hashed, count of an aligned prefix",
            &[hash_count(&[0x40], &[0x50])],
        );
        measure(
            &store,
            "hashed, count of a range",
            &[hash_count(
                &[0x13, 0x57, 0x9b, 0xdf, 1],
                &[0xc2, 0x46, 0x8a, 0xce, 1],
            )],
        );
    }
    for (kind, name) in [("integer", integer as Name), ("text", id)] {
        let store = Store::new(table(&places, leaves, name), hash_key);
        let row = |n: u64| Query::Member {
            collection: TABLE.to_vec(),
            name: name(n),
        };
        let collection = TABLE.to_vec();
        for n in some(4).into_iter().skip(1) {
            measure(&store, &format!("{kind}, 1 key"), &[row(n)]);
        }
        // A byte 00 is two bytes of a tree key; 0 itself has eight of them but for the sign.
        for (n, zeros) in [(0, "zero"), (0x1234, "a zero byte")] {
            if kind == "integer" {
                measure(&store, &format!("{kind}, {zeros}"), &[row(n)]);
            }
        }
        measure(&store, &format!("{kind}, absent"), &[row(leaves + 5)]);
        let many: Vec<Query> = some(1000).into_iter().map(row).collect();
        measure(&store, &format!("{kind}, 1,000 keys"), &many);
        let all = Query::Count {
            collection: collection.clone(),
            bounds: Bounds::default(),
        };
        measure(&store, &format!("{kind}, count of the table"), &[all]);
        let part = Query::Count {
            collection: collection.clone(),
            bounds: bounds(&name(leaves / 10 + 7), &name(leaves / 2 + 321)),
        };
        measure(&store, &format!("{kind}, count of a range"), &[part]);
        let rows = Query::Rows {
            collection,
            bounds: bounds(&name(leaves / 2), &name(leaves / 2 + 100)),
        };
        measure(&store, &format!("{kind}, 100 rows of a range"), &[rows]);
    }
}
