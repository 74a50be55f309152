//! Entries in any order to tables in order, within a bound of memory.
//!
//! **Theory.** Most of what is loaded comes in the order of its keys and goes straight to a table. From the first entry on that
//! does not, entries gather in memory and are written as sorted runs, which are merged at the end (external merge sort, Knuth,
//! The Art of Computer Programming 3, 5.4). Invariant: what is given out ascends strictly; an entry that came twice is told.

use hyperdb_lsm::{Db, Family, Loaded, Loader, Result, Walk};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const DATA: Family = Family::DATA;

/// Where a key and a value lie among the gathered bytes.
struct Place {
    start: usize,
    key_end: usize,
    end: usize,
}

/// See the module's head.
pub(super) struct Sorter {
    db: Db,
    /// Bytes that may gather.
    most: usize,
    ascending: Option<Loader>,
    last: Vec<u8>,
    bytes: Vec<u8>,
    places: Vec<Place>,
    runs: Vec<Loaded>,
    twice: Option<Vec<u8>>,
}

impl Sorter {
    pub(super) fn new(db: &Db, most: usize) -> Sorter {
        Sorter {
            ascending: Some(db.loader(DATA)),
            db: db.clone(),
            most,
            last: Vec::new(),
            bytes: Vec::new(),
            places: Vec::new(),
            runs: Vec::new(),
            twice: None,
        }
    }

    /// Adds an entry.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if let Some(loader) = &mut self.ascending {
            if key > &self.last[..] {
                self.last.clear();
                self.last.extend_from_slice(key);
                return loader.add(key, value);
            }
        }
        if let Some(loader) = self.ascending.take() {
            self.runs.push(loader.finish()?);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.places.push(Place {
            start,
            key_end,
            end: self.bytes.len(),
        });
        if self.bytes.len() + self.places.len() * size_of::<Place>() >= self.most {
            self.end_run()?;
        }
        Ok(())
    }

    fn end_run(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.bytes);
        let mut places = std::mem::take(&mut self.places);
        let key = |place: &Place| &bytes[place.start..place.key_end];
        places.sort_unstable_by(|one, other| key(one).cmp(key(other)));
        let mut loader = self.db.loader(DATA);
        let mut before: &[u8] = &[];
        for place in &places {
            if key(place) == before {
                self.twice.get_or_insert_with(|| before.to_vec());
                continue;
            }
            before = key(place);
            loader.add(before, &bytes[place.key_end..place.end])?;
        }
        self.runs.push(loader.finish()?);
        self.bytes = bytes;
        self.places = places;
        self.bytes.clear();
        self.places.clear();
        Ok(())
    }

    /// All entries in order.
    pub(super) fn finish(mut self) -> Result<Sorted> {
        if let Some(loader) = self.ascending.take() {
            self.runs.push(loader.finish()?);
        }
        if !self.places.is_empty() {
            self.end_run()?;
        }
        self.runs.retain(|run| !run.is_empty());
        Ok(Sorted {
            runs: self.runs,
            twice: self.twice,
        })
    }
}

/// Sorted runs.
pub(super) struct Sorted {
    pub(super) runs: Vec<Loaded>,
    /// A key that came twice within a run.
    pub(super) twice: Option<Vec<u8>>,
}

impl Sorted {
    /// The smallest key.
    pub(super) fn first(&self) -> Option<&[u8]> {
        self.runs
            .iter()
            .filter_map(|run| Some(run.spans().next()?.0))
            .min()
    }

    /// Goes through all runs in order; a key that is in several comes as often.
    pub(super) fn walk(&self) -> Result<MergedWalk> {
        let mut walk = MergedWalk {
            walks: self.runs.iter().map(Loaded::walk).collect(),
            heads: BinaryHeap::new(),
            present: None,
        };
        for at in 0..walk.walks.len() {
            walk.push(at)?;
        }
        Ok(walk)
    }
}

/// A walk over runs in the order of their keys.
pub(super) struct MergedWalk {
    walks: Vec<Walk>,
    heads: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    present: Option<(Vec<u8>, usize)>,
}

impl MergedWalk {
    fn push(&mut self, at: usize) -> Result<()> {
        if let Some(walk) = self.walks.get_mut(at) {
            if walk.advance()? {
                self.heads.push(Reverse((walk.key().to_vec(), at)));
            }
        }
        Ok(())
    }

    /// The next key and value.
    pub(super) fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if let Some((_, at)) = self.present.take() {
            self.push(at)?;
        }
        let Some(Reverse(head)) = self.heads.pop() else {
            return Ok(None);
        };
        let (key, at) = self.present.insert(head);
        let value = self.walks.get(*at).map_or(&[][..], Walk::value);
        Ok(Some((key, value)))
    }
}
