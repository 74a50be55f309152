//! The vectors that all verifiers read, `tests/golden/proofs`: verified natively, and made again by the native prover.
//!
//! **Theory.** The vectors come from a second implementation of trees, openings and proofs (`tests/commitment`). The native prover must
//! make the same bytes from the same entries; the native verifier must give the same answers and refuse by the same check.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use hyperdb_verkle::comb::Comb;
use hyperdb_verkle::domain::Values;
use hyperdb_verkle::hash::Mac;
use hyperdb_verkle::hash::{to_digest, to_scalar, Digest};
use hyperdb_verkle::proof::{
    address, address_key, branch_scalar, bundle, leaf_scalar, member, prove, row_salt, tree_key,
    value_digest, verify, Anchor, Answer, Below, Bounds, Branch, Check, Entries, Entry, Nodes,
    Options, Parts, Places, ProofError, Query, Row, Seen, Show, Source, Trusted, Verified, Which,
    LIMITS, MAX_BUNDLE,
};
use hyperdb_verkle::scalar::Scalar;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

fn golden(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/proofs");
    std::fs::read_to_string(path.join(name)).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn shown_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One object a line, all values strings without escapes.
fn vectors() -> Vec<HashMap<String, String>> {
    let text = golden("vectors.json");
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split('"').collect();
            words[1..]
                .chunks(4)
                .filter(|pair| pair.len() > 2)
                .map(|pair| (pair[0].to_owned(), pair[2].to_owned()))
                .collect()
        })
        .collect()
}

/// Ed448, as the vectors need it: the verification itself is tested where the signatures are made.
fn signature(public: &[u8; 57], message: &[u8], signature: &[u8; 114], context: &[u8]) -> bool {
    use ed448_goldilocks_plus::{Signature, VerifyingKey};
    let (Ok(key), Ok(signature)) = (
        VerifyingKey::from_bytes(public),
        Signature::from_bytes(signature),
    ) else {
        return false;
    };
    key.verify_ctx(&signature, context, message).is_ok()
}

fn shown_row(row: &Row) -> String {
    let mut text = format!("{}@{}", shown_hex(&row.key), row.version);
    if let Some(value) = &row.value {
        text += &format!("={}", shown_hex(value));
    }
    for column in &row.columns {
        let value = column
            .value
            .as_ref()
            .map_or("null".to_owned(), |value| shown_hex(value));
        text += &format!("/{}:{value}", column.id);
    }
    text
}

fn shown(verified: &Verified) -> String {
    let row = |row: &usize| shown_row(&verified.rows[*row]);
    let line = |answer: &Answer| match answer {
        Answer::Found { row: found } => format!("found {}", row(found)),
        Answer::Absent { collection: None } => "absent".into(),
        Answer::Absent {
            collection: Some(true),
        } => "absent in it".into(),
        Answer::Absent {
            collection: Some(false),
        } => "absent in nothing".into(),
        Answer::Removed { version } => format!("removed {version}"),
        Answer::Complete { rows, .. } => std::iter::once("complete".to_owned())
            .chain(rows.iter().map(row))
            .collect::<Vec<_>>()
            .join(" "),
        Answer::Attested { count, size, .. } => format!("attested {count} {size}"),
    };
    verified
        .answers
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join(";")
}

#[test]
fn every_vector_is_answered_or_refused_as_it_should_be() {
    let vectors = vectors();
    assert!(vectors.len() > 80);
    for vector in &vectors {
        let key = hex(&vector["trusted"]);
        let trusted = match &vector["pin"][..] {
            "root" => Trusted::Root(key.try_into().unwrap()),
            "store" => Trusted::StoreKey(key.try_into().unwrap()),
            _ => Trusted::OwnerKey(key.try_into().unwrap()),
        };
        let app = vector.get("app").map(|text| hex(text));
        let mut options = Options::new(&signature);
        options.app = app.as_deref();
        options.seen = vector.get("seen").map(|text| {
            let (number, root) = text.split_once(':').unwrap();
            Seen {
                number: number.parse().unwrap(),
                root: hex(root).try_into().unwrap(),
            }
        });
        let found = match verify(&hex(&vector["bundle"]), &trusted, &options) {
            Ok(verified) => {
                let answers = vector.get("answers").map(String::as_str);
                assert_eq!(Some(&shown(&verified)[..]), answers, "{}", vector["name"]);
                "ok".to_owned()
            }
            Err(error) => error.check.name().to_owned(),
        };
        assert_eq!(found, vector["expect"], "{}", vector["name"]);
    }
}

/// Refused before anything in it is read; one byte less is read, and found to go on behind its end.
#[test]
fn longer_bundles_than_the_format_allows_are_refused() {
    let root = |vector: &&HashMap<_, _>| vector["pin"] == "root" && vector["expect"] == "ok";
    let vectors = vectors();
    let vector = vectors.iter().find(root).unwrap();
    let trusted = Trusted::Root(hex(&vector["trusted"]).try_into().unwrap());
    let mut bundle = hex(&vector["bundle"]);
    for (length, check) in [(MAX_BUNDLE + 1, Check::Size), (MAX_BUNDLE, Check::Format)] {
        bundle.resize(length, 0);
        let error = verify(&bundle, &trusted, &Options::new(&signature)).unwrap_err();
        assert_eq!(error.check, check);
    }
}

/// The sample's entries and trees, built the plain way.
struct Sample {
    header: [u8; 206],
    name: Vec<u8>,
    salt: [u8; 64],
    entries: [BTreeMap<Vec<u8>, Entry>; 4],
    apps: HashMap<Digest, (Digest, u64)>,
    nodes: HashMap<(Which, Vec<u8>), Branch>,
    hashes: HashMap<Which, Digest>,
}

type Leaves = Vec<(Vec<u8>, Scalar, u64)>;

impl Sample {
    fn read(name: &str) -> Sample {
        let mut sample = Sample {
            header: [0; 206],
            name: Vec::new(),
            salt: [0; 64],
            entries: Default::default(),
            apps: HashMap::new(),
            nodes: HashMap::new(),
            hashes: HashMap::new(),
        };
        let text = golden(&format!("{name}.txt"));
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                "header" => sample.header = hex(words[1]).try_into().unwrap(),
                "name" => sample.name = hex(words[1]),
                "salt" => sample.salt = hex(words[1]).try_into().unwrap(),
                "app" => drop(sample.apps.insert(
                    hex(words[1]).try_into().unwrap(),
                    (hex(words[2]).try_into().unwrap(), words[3].parse().unwrap()),
                )),
                "entry" => {
                    let entry = Entry {
                        version: words[3].parse().unwrap(),
                        value: hex(words[4]),
                    };
                    sample.entries[words[1].parse::<usize>().unwrap()].insert(hex(words[2]), entry);
                }
                _ => {}
            }
        }
        sample.build();
        sample
    }

    fn build(&mut self) {
        let comb = Comb::ceremony().unwrap();
        let mut digests = Vec::new();
        let mut hashes = Vec::new();
        let mut size = 0;
        for tree in 0..4 {
            let leaves: Leaves = self.entries[tree]
                .iter()
                .map(|(key, entry)| {
                    let salt = row_salt(&Mac::new(&self.salt), key, entry.version);
                    let digest = value_digest(key, &entry.value, &salt, tree % 2 == 0).unwrap();
                    let bytes = (key.len() + entry.value.len()) as u64;
                    (
                        tree_key(key).unwrap(),
                        leaf_scalar(key, &digest, entry.version, bytes),
                        bytes,
                    )
                })
                .collect();
            if leaves.is_empty() {
                digests.push(to_scalar("hyperdb/empty-tree", &[]).to_bytes());
                hashes.push(to_digest("hyperdb/empty-tree", &[]));
                continue;
            }
            let (root, hash) = self.branch(comb, Which::App(tree), Vec::new(), leaves);
            digests.push(
                branch_scalar(&[], root.commitment(), root.weight().0, root.weight().1).to_bytes(),
            );
            hashes.push(hash);
            size += root.weight().1;
        }
        let own = address(&self.name);
        let parts = |digests: &[Digest]| -> Vec<Vec<u8>> {
            std::iter::once(own.to_vec())
                .chain(digests.iter().map(|digest| digest.to_vec()))
                .collect()
        };
        let joined = |tag: &str, parts: Vec<Vec<u8>>| {
            to_digest(tag, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        let root = joined("hyperdb/app-root", parts(&digests));
        let hash = joined("hyperdb/app-hash-root", parts(&hashes));
        let value = to_digest("hyperdb/app-value", &[&root, &hash]);
        let mut leaves: Leaves = vec![(
            address_key(&own).unwrap(),
            leaf_scalar(&own, &value, 0, size),
            size,
        )];
        for (other, (digest, size)) in &self.apps {
            leaves.push((
                address_key(other).unwrap(),
                leaf_scalar(other, digest, 0, *size),
                *size,
            ));
        }
        self.branch(comb, Which::Apps, Vec::new(), leaves);
    }

    /// The branch over `leaves`, and its hash digest.
    fn branch(
        &mut self,
        comb: &Comb,
        tree: Which,
        path: Vec<u8>,
        leaves: Leaves,
    ) -> (Branch, Digest) {
        let mut values: Box<Values> = Box::new([Scalar::ZERO; 64]);
        let (mut slots, mut hashes) = (Vec::new(), vec![None; 64]);
        let (count, size) = (leaves.len() as u64, leaves.iter().map(|leaf| leaf.2).sum());
        for slot in 0..64u8 {
            let below: Leaves = leaves
                .iter()
                .filter(|leaf| leaf.0[path.len()] == slot)
                .cloned()
                .collect();
            let at = usize::from(slot);
            match &below[..] {
                [] => {}
                [(steps, scalar, _)] => {
                    values[at] = *scalar;
                    hashes[at] = Some(scalar.to_bytes());
                    slots.push((slot, Below::Leaf(steps.clone())));
                }
                many => {
                    let first = &many[0].0;
                    let common = (path.len() + 1..)
                        .find(|at| many.iter().any(|leaf| leaf.0[*at] != first[*at]))
                        .unwrap();
                    let child_path = first[..common].to_vec();
                    let (child, hash) = self.branch(comb, tree, child_path.clone(), below);
                    values[at] = branch_scalar(
                        &child_path,
                        child.commitment(),
                        child.weight().0,
                        child.weight().1,
                    );
                    hashes[at] = Some(hash);
                    slots.push((slot, Below::Branch(child_path)));
                }
            }
        }
        while hashes.len() > 1 {
            hashes = hashes
                .chunks(2)
                .map(|pair| match pair {
                    [Some(left), Some(right)] => {
                        Some(to_digest("hyperdb/hash-node", &[left, right]))
                    }
                    [left, right] => left.or(*right),
                    _ => None,
                })
                .collect();
        }
        let inner = hashes[0].unwrap_or_default();
        let commitment = comb.commit(&values).to_compressed();
        let branch = Branch::new(commitment, (count, size), values, slots);
        let hash = to_digest(
            "hyperdb/hash-branch",
            &[&path, &inner, &count.to_le_bytes(), &size.to_le_bytes()],
        );
        if path.is_empty() {
            self.hashes.insert(tree, hash);
        }
        self.nodes.insert((tree, path), branch.clone());
        (branch, hash)
    }

    fn source(&self) -> Source<'_> {
        Source {
            header: &self.header,
            name: &self.name,
            salt_key: &self.salt,
            nodes: self,
            entries: self,
        }
    }
}

impl Nodes for Sample {
    fn branch(&self, tree: Which, path: &[u8]) -> Result<Option<Branch>, ProofError> {
        Ok(self.nodes.get(&(tree, path.to_vec())).cloned())
    }

    fn hash(&self, tree: Which) -> Result<Option<Digest>, ProofError> {
        Ok(self.hashes.get(&tree).copied())
    }
}

impl Entries for Sample {
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

    fn app(&self, address: &Digest) -> Result<Option<(Digest, u64)>, ProofError> {
        Ok(self.apps.get(address).copied())
    }
}

#[test]
fn the_native_prover_makes_the_same_bytes() {
    let mut made = 0;
    for name in ["sample", "lone"] {
        let sample = Sample::read(name);
        made += remade(name, &sample);
    }
    assert!(made > 40);
}

/// How many bundles of a sample's vectors were made again.
fn remade(name: &str, sample: &Sample) -> usize {
    let source = sample.source();
    let place = Anchor::new(&source).unwrap();
    let mut made = 0;
    for vector in vectors()
        .iter()
        .filter(|vector| vector.get("sample").is_some_and(|of| of == name))
    {
        let queries = Query::decode_all(&hex(&vector["queries"])).unwrap();
        assert_eq!(Query::encode_all(&queries), hex(&vector["queries"]));
        let show = match vector.get("show").map(String::as_str) {
            None => Show::Whole,
            Some("digest") => Show::Digests,
            Some(columns) => {
                Show::Columns(columns.split(',').map(|id| id.parse().unwrap()).collect())
            }
        };
        let proof = prove(&source, &place, &queries, &show, 1).unwrap();
        let parts = Parts {
            app: Some((place.bytes(), &proof)),
            ..Parts::default()
        };
        let made_bundle = bundle(&sample.header, &parts);
        assert_eq!(
            shown_hex(&made_bundle),
            vector["bundle"],
            "{}",
            vector["name"]
        );
        made += 1;
    }
    made
}

#[test]
fn what_is_not_so_is_not_proved() {
    let sample = Sample::read("sample");
    let removed = Query::RemovedElement {
        id: b"key:3".to_vec(),
        hyperedge: false,
    };
    let source = sample.source();
    let place = Anchor::new(&source).unwrap();
    let many = vec![removed.clone(); 200];
    for (queries, threads) in [(&[removed][..], 1), (&many, 2)] {
        let refused = prove(&source, &place, queries, &Show::Whole, threads);
        assert!(matches!(refused, Err(ProofError::Refused(error)) if error.check == Check::Claim));
    }
}

/// Enough queries and slots for threads of their own; half of the keys are asked for twice, by both threads.
#[test]
fn threads_change_no_byte() {
    let sample = Sample::read("sample");
    let source = sample.source();
    let place = Anchor::new(&source).unwrap();
    let id = |n: usize| format!("key:{}", n % 150).into_bytes();
    let element = |n: usize| Query::Element { id: id(n) };
    let mut queries: Vec<Query> = (0..300).map(element).collect();
    queries.push(Query::Elements {
        bounds: Bounds::default(),
    });
    let alone = prove(&source, &place, &queries, &Show::Whole, 1).unwrap();
    for threads in [2, 3] {
        let shared = prove(&source, &place, &queries, &Show::Whole, threads).unwrap();
        assert_eq!(shared, alone);
    }
    let parts = Parts {
        app: Some((place.bytes(), &alone)),
        ..Parts::default()
    };
    let bundle = bundle(&sample.header, &parts);
    let trusted = Trusted::Root(to_digest("hyperdb/header", &[&sample.header]));
    let verified = verify(&bundle, &trusted, &Options::new(&signature)).unwrap();
    assert_eq!(verified.answers.len(), queries.len());
}

/// A table of rows whose columns are all null: the fewest bytes that so much work can have.
#[test]
fn more_columns_than_a_verifier_takes_are_not_proved() {
    const CID: u64 = 6;
    let mut sample = Sample::read("sample");
    sample.nodes.clear();
    sample.entries = Default::default();
    let places = Places::new(sample.header[22..38].try_into().unwrap());
    let mut table = vec![8, 0];
    table.extend(CID.to_le_bytes());
    table.extend([0; 32]);
    let entry = |value: Vec<u8>| Entry { version: 1, value };
    sample.entries[2].insert(places.element(b"table"), entry(table));
    let columns = LIMITS.columns / 4;
    let mut row = vec![0, 249];
    row.extend((columns as u16).to_be_bytes());
    row.extend(vec![8; columns]);
    row.extend(vec![255; columns / 8]);
    for name in 1..5u8 {
        sample.entries[0].insert(member(CID, &[name]), entry(row.clone()));
    }
    sample.build();
    let source = sample.source();
    let place = Anchor::new(&source).unwrap();
    let below = |below: u8| Query::Rows {
        collection: b"table".to_vec(),
        bounds: Bounds {
            low: Vec::new(),
            below: vec![below],
            companion: false,
        },
    };
    let all = prove(&source, &place, &[below(5)], &Show::Whole, 1);
    assert!(matches!(all, Err(ProofError::Refused(error)) if error.check == Check::Size));
    for (queries, show) in [(below(4), Show::Whole), (below(5), Show::Columns(vec![1]))] {
        prove(&source, &place, &[queries], &show, 1).unwrap();
    }
}
