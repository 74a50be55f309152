//! Queries run on trees: by the verifier on what a proof shows, by the prover on the store, noting what is touched.
//!
//! **Theory.** A query is data, and to verify it is to run it again where every slot that is needed was opened. Places are computed
//! from ids and names, and the number of a collection is taken from its header, itself a row of the answer.

use super::error::{fail, Check, VerificationError};
use super::place::{
    collection_tree, member, parse, Places, Zone, HYPEREDGE_ADDS, HYPEREDGE_REMOVES, VERTEX_ADDS,
    VERTEX_REMOVES,
};
use super::query::{Bounds, Query};

/// Four trees of an app, to be asked. Rows are named by numbers.
pub(crate) trait Trees {
    /// What asking may fail with.
    type Error: From<VerificationError>;

    /// The row of a key, or none if the tree does not hold it.
    fn get(&mut self, tree: usize, key: &[u8]) -> Result<Option<usize>, Self::Error>;
    /// All rows of a zone, in order.
    fn rows(&mut self, tree: usize, zone: &Zone) -> Result<Vec<usize>, Self::Error>;
    /// Leaves of a zone, and their bytes.
    fn count(&mut self, tree: usize, zone: &Zone) -> Result<(u64, u64), Self::Error>;
    /// Whether a row that is a member of a hash, a set or a sorted set lies at the hash of its name.
    fn is_member_in_place(&mut self, row: usize) -> bool;
    /// A row's commit.
    fn version(&self, row: usize) -> u64;
    /// A row's value, shown whole: the header of a collection, or of an element if it is shown at all.
    fn header(&mut self, row: usize) -> Option<&[u8]>;
}

/// What a query's answer is; rows are numbers of the verified rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The entry is there.
    Found {
        /// Its row.
        row: usize,
    },
    /// There is no such entry.
    Absent {
        /// Whether its collection is there, if one was asked.
        collection: Option<bool>,
    },
    /// There is no such entry, and its newest removal happened at this commit.
    Removed {
        /// The commit.
        version: u64,
    },
    /// These rows and no others.
    Complete {
        /// In the order of their places.
        rows: Vec<usize>,
        /// Whether the collection is there, if one was asked.
        collection: Option<bool>,
    },
    /// A count and bytes that the signer is bound to: attested, not proved against a signer who lies.
    Attested {
        /// Leaves.
        count: u64,
        /// Their bytes, keys and values.
        size: u64,
        /// Whether the collection is there, if one was asked.
        collection: Option<bool>,
    },
}

/// A collection's header record, as far as queries need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Collection {
    kind: u8,
    cid: u64,
    head: i64,
}

const VERTEX: u8 = 1;
const KINDS: u8 = 10;
const LIST: u8 = 5;
const HASHED: [u8; 3] = [3, 4, 6];

/// Kind and the record behind kind, flags and expiry (`docs/file-format.md`, Records of DATA).
fn read_record(record: &[u8]) -> Option<(u8, &[u8])> {
    let (kind, flags) = (*record.first()?, *record.get(1)?);
    let body = record.get(if flags == 1 { 10 } else { 2 }..)?;
    (flags <= 1 && (1..=KINDS).contains(&kind) && (kind == VERTEX || body.len() == 40))
        .then_some((kind, body))
}

fn read_collection(record: &[u8]) -> Option<Collection> {
    let (kind, body) = read_record(record).filter(|(kind, _)| *kind != VERTEX)?;
    let word = |at: usize| body.get(at..at + 8)?.try_into().ok();
    let cid = u64::from_le_bytes(word(0)?);
    (cid < u64::MAX).then_some(Collection {
        kind,
        cid,
        head: i64::from_le_bytes(word(24)?),
    })
}

/// Answers a query.
pub(crate) fn run<T: Trees>(
    trees: &mut T,
    places: &Places,
    query: &Query,
) -> Result<Answer, T::Error> {
    let absent = |collection| Ok(Answer::Absent { collection });
    match query {
        Query::Element { id } => match element(trees, &places.element(id))? {
            Some(row) => Ok(Answer::Found { row }),
            None => absent(None),
        },
        Query::RemovedElement { id, hyperedge } => {
            let key = places.element(id);
            if element(trees, &key)?.is_some() {
                return Ok(fail(
                    Check::Claim,
                    "an element that was to be removed is there",
                )?);
            }
            removal(
                trees,
                if *hyperedge {
                    HYPEREDGE_REMOVES
                } else {
                    VERTEX_REMOVES
                },
                &key,
            )
        }
        Query::Member { collection, name } => {
            let Some(header) = self::collection(trees, places, collection)? else {
                return absent(Some(false));
            };
            let key = member_key(places, &header, name)?;
            match trees.get(collection_tree(header.cid), &key)? {
                Some(row) => Ok(Answer::Found { row }),
                None => absent(Some(true)),
            }
        }
        Query::RemovedMember { collection, name } => {
            let Some(header) = self::collection(trees, places, collection)? else {
                return Ok(fail(
                    Check::Claim,
                    "a member that was to be removed belongs to no live collection",
                )?);
            };
            let (tree, key) = (
                collection_tree(header.cid),
                member_key(places, &header, name)?,
            );
            if trees.get(tree, &key)?.is_some() {
                return Ok(fail(
                    Check::Claim,
                    "a member that was to be removed is there",
                )?);
            }
            removal(trees, tree + 1, &key)
        }
        Query::Rows { collection, bounds } => {
            let Some(header) = self::collection(trees, places, collection)? else {
                return complete(Vec::new(), Some(false));
            };
            let (tree, zone) = zone(&header, bounds);
            let rows = trees.rows(tree, &zone)?;
            let hashed = HASHED.contains(&header.kind) && !bounds.companion;
            if hashed && !rows.iter().all(|row| trees.is_member_in_place(*row)) {
                return Ok(fail(
                    Check::Place,
                    "a member that does not lie at its hash",
                )?);
            }
            complete(rows, Some(true))
        }
        Query::Count { collection, bounds } => {
            let Some(header) = self::collection(trees, places, collection)? else {
                return attested((0, 0), Some(false));
            };
            let (tree, zone) = zone(&header, bounds);
            attested(count(trees, tree, &zone)?, Some(true))
        }
        Query::Elements { bounds } => {
            let zone = Zone::elements(&bounds.low, &bounds.below);
            let mut rows = trees.rows(VERTEX_ADDS, &zone)?;
            rows.extend(trees.rows(HYPEREDGE_ADDS, &zone)?);
            complete(rows, None)
        }
        Query::ElementCount { bounds } => {
            let zone = Zone::elements(&bounds.low, &bounds.below);
            let vertices = count(trees, VERTEX_ADDS, &zone)?;
            let hyperedges = count(trees, HYPEREDGE_ADDS, &zone)?;
            let sum = |a: u64, b: u64| a.saturating_add(b);
            attested(
                (sum(vertices.0, hyperedges.0), sum(vertices.1, hyperedges.1)),
                None,
            )
        }
        Query::Incidence { id } => {
            let rows = trees.rows(HYPEREDGE_ADDS, &Zone::incidence(places, id))?;
            complete(rows, None)
        }
        Query::IncidenceCount { id } => attested(
            count(trees, HYPEREDGE_ADDS, &Zone::incidence(places, id))?,
            None,
        ),
    }
}

fn complete<E>(rows: Vec<usize>, collection: Option<bool>) -> Result<Answer, E> {
    Ok(Answer::Complete { rows, collection })
}

fn attested<E>((count, size): (u64, u64), collection: Option<bool>) -> Result<Answer, E> {
    Ok(Answer::Attested {
        count,
        size,
        collection,
    })
}

fn count<T: Trees>(trees: &mut T, tree: usize, zone: &Zone) -> Result<(u64, u64), T::Error> {
    if !zone.exact {
        return Ok(fail(
            Check::Claim,
            "the bounds are too long to count between",
        )?);
    }
    trees.count(tree, zone)
}

fn element<T: Trees>(trees: &mut T, key: &[u8]) -> Result<Option<usize>, T::Error> {
    for tree in [VERTEX_ADDS, HYPEREDGE_ADDS] {
        let Some(row) = trees.get(tree, key)? else {
            continue;
        };
        if let Some(record) = trees.header(row) {
            match read_record(record) {
                Some((kind, _)) if (kind == VERTEX) == (tree == VERTEX_ADDS) => {}
                Some(_) => return Ok(fail(Check::Claim, "an element in the tree of others")?),
                None => return Ok(fail(Check::Row, "no element record")?),
            }
        }
        return Ok(Some(row));
    }
    Ok(None)
}

fn removal<T: Trees>(trees: &mut T, tree: usize, key: &[u8]) -> Result<Answer, T::Error> {
    match trees.get(tree, key)? {
        Some(row) => Ok(Answer::Removed {
            version: trees.version(row),
        }),
        None => Ok(fail(Check::Claim, "the removal is not among the removes")?),
    }
}

fn collection<T: Trees>(
    trees: &mut T,
    places: &Places,
    id: &[u8],
) -> Result<Option<Collection>, T::Error> {
    let Some(row) = trees.get(HYPEREDGE_ADDS, &places.element(id))? else {
        return Ok(None);
    };
    match trees.header(row).and_then(read_collection) {
        Some(header) => Ok(Some(header)),
        None => Ok(fail(
            Check::Row,
            "a collection's header that is not shown whole, or is none",
        )?),
    }
}

fn member_key(
    places: &Places,
    header: &Collection,
    name: &[u8],
) -> Result<Vec<u8>, VerificationError> {
    if HASHED.contains(&header.kind) {
        return Ok(member(header.cid, &[&places.of(name), name].concat()));
    }
    if header.kind == LIST {
        let Ok(index) = name.try_into().map(i64::from_le_bytes) else {
            return fail(
                Check::Format,
                "the name of a list's item is its index, 8 bytes",
            );
        };
        let position = (header.head.wrapping_add(index) as u64) ^ (1 << 63);
        return Ok(member(header.cid, &position.to_be_bytes()));
    }
    Ok(member(header.cid, name))
}

fn zone(header: &Collection, bounds: &Bounds) -> (usize, Zone) {
    let cid = header.cid + u64::from(bounds.companion);
    (
        collection_tree(cid),
        Zone::collection(cid, &bounds.low, &bounds.below),
    )
}

/// Whether the hash in the key of a member of a hash, a set or a sorted set is that of its name.
pub(crate) fn member_lies_at_its_hash(places: &Places, key: &[u8]) -> bool {
    let rest = parse(key).map(|parsed| parsed.rest).unwrap_or_default();
    rest.split_at_checked(8)
        .is_some_and(|(hash, name)| hash == places.of(name))
}

/// Whether the hash in an element's key is that of its id.
pub(crate) fn lies_at_its_hash(places: &Places, key: &[u8]) -> bool {
    match key.first() {
        Some(&super::place::ELEMENT) => key
            .get(1..9)
            .is_some_and(|hash| hash == places.of(&key[9..])),
        _ => true,
    }
}
