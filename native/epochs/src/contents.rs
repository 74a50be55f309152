//! An app's live entries in the order of their logical keys, and the collections that members belong to.
//!
//! **Theory.** Entries are read once, from a cursor, into a window that begins at the page at work. Elements come first in the order of
//! keys, so all collections are known when the first member comes.
//!
//! **Invariant.** Members of collections that were dropped, which wait for compaction, are passed over; so are spaces behind members.

use hyperdb_frames::{AppView, Error, Result};
use hyperdb_graph::header::Record;
use hyperdb_graph::keys::{app_prefix, read_varint};
use hyperdb_lsm::{Direction, Family, Iter, KeyRange};
use hyperdb_verkle::proof::{ELEMENT, MEMBER};
use std::collections::{HashMap, VecDeque};
use std::ops::Bound;

/// Behind all keys of members.
pub(crate) const LAST: [u8; 1] = [MEMBER + 1];
/// Bytes of a row beside its key and value: salt, version, lengths, its slot.
const ROW_BYTES: usize = 28;
/// Of an element's key, what stands in front of its id: the space and hash64.
const ID_AT: usize = 9;

/// A live entry: its logical key, and about how many bytes its row has.
pub(crate) struct Item {
    pub(crate) key: Vec<u8>,
    pub(crate) size: usize,
}

/// Keys that one query ranges over: those of a collection, or of its companion.
pub(crate) struct Run {
    pub(crate) prefix: Vec<u8>,
    pub(crate) collection: Vec<u8>,
    pub(crate) companion: bool,
}

/// See the module.
pub(crate) struct Contents<'v> {
    view: &'v AppView,
    /// Bytes of the app's number, in front of logical keys.
    own: usize,
    cursor: Iter,
    window: VecDeque<Item>,
    /// Names by number, until the runs are made of them.
    collections: HashMap<u64, Vec<u8>>,
    /// Ascending; none before the first member was looked for.
    runs: Vec<Run>,
    among_members: bool,
    ended: bool,
    /// Elements that were read.
    pub(crate) elements: u64,
}

impl<'v> Contents<'v> {
    pub(crate) fn of(view: &'v AppView) -> Self {
        let own = app_prefix(view.app());
        Contents {
            view,
            own: own.len(),
            cursor: scan(view, &[ELEMENT], &[MEMBER]),
            window: VecDeque::new(),
            collections: HashMap::new(),
            runs: Vec::new(),
            among_members: false,
            ended: false,
            elements: 0,
        }
    }

    /// The entry at a place behind the window's begin, if it lies in front of a fence.
    pub(crate) fn item(&mut self, at: usize, below: &[u8]) -> Result<Option<&Item>> {
        while self.window.len() <= at && !self.ended {
            if self.window.back().is_some_and(|item| *item.key >= *below) {
                break;
            }
            self.read()?;
        }
        Ok(self.window.get(at).filter(|item| *item.key < *below))
    }

    /// Lets the window begin at a fence.
    pub(crate) fn forget(&mut self, fence: &[u8]) {
        while self.window.front().is_some_and(|item| *item.key < *fence) {
            self.window.pop_front();
        }
    }

    /// The runs that may hold keys from a fence up to another. They are known if a member, or the end, was looked for.
    pub(crate) fn runs(&self, low: &[u8], high: &[u8]) -> &[Run] {
        let first = self.runs.partition_point(|run| *run.prefix <= *low);
        let end = self.runs.partition_point(|run| *run.prefix < *high);
        &self.runs[first.saturating_sub(1).min(end)..end]
    }

    fn read(&mut self) -> Result<()> {
        let step = self.cursor.step()?;
        let Some((key, value, _)) = step else {
            if self.among_members {
                self.ended = true;
            } else {
                self.turn_to_members()?;
            }
            return Ok(());
        };
        let key = key.get(self.own..).unwrap_or_default();
        if self.among_members {
            let known = run_prefix(key).and_then(|prefix| find(&self.runs, prefix));
            if known.is_none() {
                return Ok(());
            }
        } else {
            self.elements += 1;
            let record = Record::decode(&value).ok_or(Error::Malformed("element"))?;
            if let Record::Edge(header) = record {
                let name = key.get(ID_AT..).unwrap_or_default();
                self.collections.insert(header.cid, name.to_vec());
            }
        }
        self.window.push_back(Item {
            size: key.len() + value.len() + ROW_BYTES,
            key: key.to_vec(),
        });
        Ok(())
    }

    /// Elements are at their end: makes the runs, and goes on with members.
    fn turn_to_members(&mut self) -> Result<()> {
        let collections = std::mem::take(&mut self.collections);
        for (cid, collection) in collections {
            for companion in [false, true] {
                self.runs.push(Run {
                    prefix: run_of(cid + u64::from(companion)),
                    collection: collection.clone(),
                    companion,
                });
            }
        }
        self.runs.sort_unstable_by(|a, b| a.prefix.cmp(&b.prefix));
        // A companion that holds nothing need not be shown to be empty: nobody is told to look there.
        let mut used = vec![false; self.runs.len()];
        let mut cursor = scan(self.view, &[MEMBER], &LAST);
        let mut last: Vec<u8> = Vec::new();
        while let Some((key, _, _)) = cursor.step()? {
            let key = key.get(self.own..).unwrap_or_default();
            let prefix = run_prefix(key).unwrap_or_default();
            if prefix != last {
                last = prefix.to_vec();
                if let Some(at) = find(&self.runs, prefix) {
                    used[at] = true;
                }
            }
        }
        let mut used = used.into_iter();
        self.runs
            .retain(|run| used.next().unwrap_or(false) || !run.companion);
        self.cursor = scan(self.view, &[MEMBER], &LAST);
        self.among_members = true;
        Ok(())
    }
}

/// The place of the run that keys with this begin belong to.
fn find(runs: &[Run], prefix: &[u8]) -> Option<usize> {
    runs.binary_search_by(|run| (*run.prefix).cmp(prefix)).ok()
}

/// Live entries of an app from a logical key up to another.
fn scan(view: &AppView, start: &[u8], end: &[u8]) -> Iter {
    let own = app_prefix(view.app());
    let range = KeyRange {
        start: Bound::Included([&own, start].concat()),
        end: Bound::Excluded([&own, end].concat()),
    };
    view.view()
        .data
        .iter(Family::DATA, range, Direction::Forward)
}

/// What the keys of a collection of this number begin with.
fn run_of(cid: u64) -> Vec<u8> {
    let mut key = hyperdb_graph::keys::KeyBuf::new();
    key.push(&[MEMBER]).push_varint(cid);
    key.to_vec()
}

/// What a member's key has in common with those of its collection.
fn run_prefix(key: &[u8]) -> Option<&[u8]> {
    let (_, length) = read_varint(key.get(1..)?)?;
    key.get(..1 + length)
}
