//! Importing a file: surveyed, then written, then compared.

use super::batch;
use super::compare::Views;
use super::mark::{self, Mark};
use super::survey::{survey, Survey, Tally};
use super::{Failure, Options, Phase, Policy, Progress};
use crate::rdb::file::{shown, Entry, FileReader, Part};
use crate::rdb::Value;
use crate::scripting::adopt;
use hyperdb_graph::Store;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom};

/// Keys of a commit at most, and bytes after which it goes out: so long others wait.
const KEYS: usize = 512;
const BYTES: usize = 256 << 10;
/// Bytes that may wait for the disk before the next ones do.
const AHEAD: usize = 8 << 20;
/// Keys that a summary names.
const NAMED: usize = 8;

/// What an import did.
#[derive(Debug)]
pub struct Imported {
    /// The version of the file's format.
    pub version: u32,
    /// Its bytes.
    pub size: u64,
    /// Facts that were in it.
    pub facts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Its keys by database.
    pub databases: BTreeMap<u64, Tally>,
    /// Keys written, those that replaced others included; of all runs, if it was cut off.
    pub written: u64,
    /// Keys that replaced others.
    pub replaced: u64,
    /// Keys kept as they were in the store.
    pub kept: u64,
    /// Keys left out since their time was over.
    pub expired: u64,
    /// Libraries of functions added.
    pub libraries: u64,
    /// Keys of modules left out.
    pub foreign: u64,
    /// Keys left out that hold nothing, as Redis leaves them out.
    pub empty: u64,
    /// Where it went on, if it had been cut off.
    pub resumed_at: Option<u64>,
    /// Keys compared with the file, and those that differ.
    pub compared: Option<(u64, u64)>,
    /// Some of these.
    pub differing: Vec<(u64, Vec<u8>)>,
}

/// About how many bytes a value takes.
fn weight(value: &Value) -> usize {
    let pair = |one: &[u8], other: usize| one.len() + other + 32;
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) | Value::Set(items) => items.iter().map(|item| pair(item, 0)).sum(),
        Value::Hash(fields) => fields
            .iter()
            .map(|(one, other)| pair(one, other.len()))
            .sum(),
        Value::SortedSet(members) => members.iter().map(|(member, _)| pair(member, 8)).sum(),
        Value::Stream(stream) => stream
            .entries
            .iter()
            .flat_map(|(_, words)| words)
            .map(|word| pair(word, 0))
            .sum(),
    }
}

/// Imports an open file.
///
/// # Errors
/// What is wrong with the file, or why the store does not take it: then nothing was written. What the file system or the store
/// fails with, or that it was stopped: what was written stays, and the next import of this file goes on there.
pub fn import(
    store: &Store,
    file: &mut File,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Imported, Failure> {
    let survey = survey(store, file, options, progress)?;
    let begun = survey.mark.unwrap_or_default();
    let mut done = Imported {
        version: survey.version,
        size: survey.size,
        facts: survey.facts.clone(),
        databases: survey.databases.clone(),
        written: 0,
        replaced: 0,
        kept: 0,
        expired: 0,
        libraries: 0,
        foreign: survey.foreign,
        empty: survey.empty,
        resumed_at: survey.mark.map(|mark| mark.at),
        compared: None,
        differing: Vec::new(),
    };
    if options.dry {
        return Ok(done);
    }
    if !survey.libraries.is_empty() && survey.mark.is_none() {
        done.libraries = adopt::adopt(store, &survey.libraries, options.policy)?;
    }
    let mark = fill(store, file, options, &survey, begun, progress)?;
    done.written = mark.written;
    done.replaced = mark.replaced;
    done.kept = mark.kept;
    done.expired = mark.expired;
    if options.compare {
        compare(store, file, options, &survey, &mut done, progress)?;
    }
    Ok(done)
}

/// A reader that stands where an import begins or goes on.
fn reader_at<'f>(
    file: &'f mut File,
    survey: &Survey,
    mark: &Mark,
) -> Result<FileReader<&'f mut File>, Failure> {
    file.seek(SeekFrom::Start(mark.at))?;
    Ok(match mark.at {
        0 => FileReader::new(file, survey.size)?,
        at => FileReader::from_part(file, survey.size, survey.version, at, mark.db),
    })
}

fn fill(
    store: &Store,
    file: &mut File,
    options: &Options,
    survey: &Survey,
    begun: Mark,
    progress: Progress<'_>,
) -> Result<Mark, Failure> {
    let mut reader = reader_at(file, survey, &begun)?;
    let mut mark = begun;
    let mut entries: Vec<Entry> = Vec::with_capacity(KEYS);
    let mut bytes = 0;
    let mut db = begun.db;
    // The commit that is waited for next, and the bytes behind it.
    let (mut before, mut ahead) = (0, 0);
    loop {
        let part = reader.next()?;
        let is_end = part.is_none();
        if let Some(Part::Entry(entry)) = part {
            db = entry.db;
            if options.takes(&entry.key) {
                bytes += entry.key.len() + weight(&entry.value) + 64;
                entries.push(entry);
            }
        }
        if entries.len() < KEYS && bytes < BYTES && !is_end {
            continue;
        }
        let behind = (reader.offset(), db);
        let last = batch::write(
            store,
            &entries,
            options.policy,
            &mut mark,
            behind,
            &mut |turn, mark| {
                if is_end && mark.at == behind.0 {
                    return mark::remove(turn, &survey.mark_id);
                }
                mark.put(turn, &survey.mark_id)
            },
        )?;
        entries.clear();
        ahead += bytes;
        bytes = 0;
        if ahead >= AHEAD {
            // So much may wait for the disk, not all of it.
            store.db().wait_durable(before)?;
            (before, ahead) = (last, 0);
        }
        if is_end {
            store.db().wait_durable(last)?;
            progress(Phase::Write, survey.size, survey.size);
            return Ok(mark);
        }
        if !progress(Phase::Write, reader.offset(), survey.size) {
            store.db().wait_durable(last)?;
            return Err(Failure::Stopped);
        }
    }
}

fn compare(
    store: &Store,
    file: &mut File,
    options: &Options,
    survey: &Survey,
    done: &mut Imported,
    progress: Progress<'_>,
) -> Result<(), Failure> {
    const STEP: u64 = 1 << 20;
    let mut reader = reader_at(file, survey, &Mark::default())?;
    let mut views = Views::now(store);
    let (mut compared, mut differing, mut told) = (0, 0, 0);
    while let Some(part) = reader.next()? {
        let Part::Entry(entry) = part else { continue };
        if !options.takes(&entry.key) {
            continue;
        }
        compared += 1;
        let is_same = match options.policy {
            // What was there has been kept.
            Policy::Keep => views.has(entry.db, &entry.key)? || entry.expiry.is_some(),
            _ => views.equals(entry.db, &entry.key, Some((entry.expiry, entry.value)))?,
        };
        if !is_same {
            differing += 1;
            if done.differing.len() < NAMED {
                done.differing
                    .push((entry.db, shown(&entry.key).into_bytes()));
            }
        }
        if reader.offset() >= told + STEP {
            told = reader.offset();
            if !progress(Phase::Compare, told, survey.size) {
                return Err(Failure::Stopped);
            }
        }
    }
    done.compared = Some((compared, differing));
    progress(Phase::Compare, survey.size, survey.size);
    Ok(())
}
