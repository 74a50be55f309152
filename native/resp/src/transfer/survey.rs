//! Reading a whole file before anything is written: is it sound, and does it go together with the store?

use super::compare::Views;
use super::mark::{self, Mark};
use super::{now_ms, Failure, Options, Phase, Policy, Progress, DATABASES};
use crate::rdb::file::{shown, Entry, Fault, FileReader, Part};
use crate::scripting::adopt;
use hyperdb_graph::Store;
use std::collections::hash_map::RandomState;
use std::collections::BTreeMap;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::{Seek, SeekFrom};

/// Keys of one database of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub keys: u64,
    /// Those that have an expiry.
    pub expiring: u64,
    /// Those whose time is over.
    pub expired: u64,
    /// Those that do not match the pattern.
    pub unmatched: u64,
}

/// What was learnt of a file.
#[derive(Debug)]
pub(super) struct Survey {
    pub size: u64,
    pub sum: u64,
    pub version: u32,
    pub facts: Vec<(Vec<u8>, Vec<u8>)>,
    pub databases: BTreeMap<u64, Tally>,
    pub libraries: Vec<Vec<u8>>,
    /// Keys of modules that are left out, and what modules keep beside.
    pub foreign: u64,
    /// Keys that hold nothing.
    pub empty: u64,
    /// Where an import was cut off.
    pub mark: Option<Mark>,
    /// Where its mark is.
    pub mark_id: Vec<u8>,
}

/// Bytes between two reports of progress.
const STEP: u64 = 1 << 20;
/// Keys that a refusal names.
const NAMED: usize = 3;
const MOST_FACTS: usize = 64;

/// Reads a file whole.
///
/// # Errors
/// The first thing that is wrong with it, or why the store does not take it.
pub(super) fn survey(
    store: &Store,
    file: &mut File,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Survey, Failure> {
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(0))?;
    let mut reader = FileReader::new(&mut *file, size)?;
    let mut found = Survey {
        size,
        sum: 0,
        version: reader.version(),
        facts: Vec::new(),
        databases: BTreeMap::new(),
        libraries: Vec::new(),
        foreign: 0,
        empty: 0,
        mark: None,
        mark_id: Vec::new(),
    };
    let hasher = RandomState::new();
    let now = now_ms();
    let mut seen: Vec<(u64, u64)> = Vec::new();
    let mut told = 0;
    while let Some(part) = reader.next()? {
        match part {
            Part::Entry(entry) => {
                note(&mut found, options, now, &entry)?;
                refuse_row(store, &entry)?;
                seen.push((hasher.hash_one((entry.db, &entry.key)), entry.at));
            }
            Part::Library(_, code) if !options.pass_functions => found.libraries.push(code),
            Part::Library(..) => {}
            Part::Fact(name, value) => {
                if found.facts.len() < MOST_FACTS {
                    found.facts.push((name, value));
                }
            }
            Part::Foreign(at, db, key, module) => {
                if !options.pass_modules {
                    let what = format!(
                        "the key '{}' of database {db} holds a value of the module {module}: there are no modules here (they can be left out)",
                        shown(&key)
                    );
                    return Err(Failure::Fault(Fault { at, what }));
                }
                found.foreign += 1;
            }
            Part::Empty(..) => found.empty += 1,
            // Facts for the module itself: no key is lost with them.
            Part::ForeignFact(_) => {}
        }
        let at = reader.offset();
        if at >= told + STEP {
            told = at;
            if !progress(Phase::Verify, at, size) {
                return Err(Failure::Stopped);
            }
        }
    }
    found.sum = reader.sum().unwrap_or_default();
    drop(reader);
    refuse_twice(file, &found, seen)?;
    found.mark_id = mark::id(found.sum, size, options);
    if !options.restart {
        let (mark, _) = store.run(now, None, |turn| Mark::find(turn, &found.mark_id))?;
        found.mark = mark;
    }
    if options.policy == Policy::Refuse {
        refuse_taken(store, file, options, &found)?;
    }
    if !found.libraries.is_empty() && found.mark.is_none() {
        adopt::check(store, &found.libraries, options.policy)?;
    }
    if !progress(Phase::Verify, size, size) {
        return Err(Failure::Stopped);
    }
    Ok(found)
}

fn note(found: &mut Survey, options: &Options, now: i64, entry: &Entry) -> Result<(), Failure> {
    if entry.db >= DATABASES {
        let what = format!(
            "the key '{}' is of database {}: there are 0 to {} here",
            shown(&entry.key),
            entry.db,
            DATABASES - 1
        );
        return Err(Failure::Fault(Fault { at: entry.at, what }));
    }
    let tally = found.databases.entry(entry.db).or_default();
    tally.keys += 1;
    tally.expiring += u64::from(entry.expiry.is_some());
    if !options.takes(&entry.key) {
        tally.unmatched += 1;
    } else if entry.expiry.is_some_and(|at| at <= now) {
        tally.expired += 1;
    }
    Ok(())
}

fn refuse_row(store: &Store, entry: &Entry) -> Result<(), Failure> {
    let db = u32::try_from(entry.db).unwrap_or(u32::MAX);
    if !store.prefixes().cover(db, &entry.key) {
        return Ok(());
    }
    let text = format!(
        "the key '{}' of database {} would be a row of a table (resp_prefix): insert it with SQL, or leave it out by a pattern",
        shown(&entry.key),
        entry.db
    );
    Err(Failure::Refused(text))
}

/// The entry at a place.
fn entry_at(file: &mut File, found: &Survey, at: u64) -> Result<Option<Entry>, Failure> {
    file.seek(SeekFrom::Start(at))?;
    let mut reader = FileReader::from_part(&mut *file, found.size, found.version, at, 0);
    Ok(match reader.next()? {
        Some(Part::Entry(entry)) => Some(entry),
        _ => None,
    })
}

/// Refuses a file that has a key twice.
fn refuse_twice(file: &mut File, found: &Survey, mut seen: Vec<(u64, u64)>) -> Result<(), Failure> {
    seen.sort_unstable();
    for pair in seen.windows(2) {
        if pair[0].0 != pair[1].0 {
            continue;
        }
        let one = entry_at(file, found, pair[0].1)?;
        let Some((one, other)) = one.zip(entry_at(file, found, pair[1].1)?) else {
            continue;
        };
        if one.key == other.key {
            let what = format!("the key '{}' is there twice", shown(&one.key));
            return Err(Failure::Fault(Fault { at: other.at, what }));
        }
    }
    Ok(())
}

/// Refuses a file of which a key is in the store.
fn refuse_taken(
    store: &Store,
    file: &mut File,
    options: &Options,
    found: &Survey,
) -> Result<(), Failure> {
    let mut views = Views::now(store);
    let mut used = BTreeMap::new();
    for db in found.databases.keys() {
        let stats = views.of(*db)?.stats()?;
        used.insert(*db, stats.elements() > 0);
    }
    if !used.values().any(|used| *used) {
        return Ok(());
    }
    file.seek(SeekFrom::Start(0))?;
    let mut reader = FileReader::new(&mut *file, found.size)?;
    let begins = found.mark.map_or(0, |mark| mark.at);
    let now = now_ms();
    let (mut taken, mut named) = (0_u64, Vec::new());
    while let Some(part) = reader.next()? {
        let Part::Entry(entry) = part else { continue };
        let is_left_out = entry.at < begins
            || !options.takes(&entry.key)
            || entry.expiry.is_some_and(|at| at <= now);
        if is_left_out || used.get(&entry.db) != Some(&true) || !views.has(entry.db, &entry.key)? {
            continue;
        }
        taken += 1;
        if named.len() < NAMED {
            named.push(format!("'{}' in database {}", shown(&entry.key), entry.db));
        }
    }
    if taken == 0 {
        return Ok(());
    }
    let text = format!(
        "{taken} of the keys are there already ({}{}): say whether to replace or to skip those",
        named.join(", "),
        if taken > NAMED as u64 { ", ..." } else { "" }
    );
    Err(Failure::Refused(text))
}
