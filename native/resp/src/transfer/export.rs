//! Exporting one moment of the store as a file that Redis loads.

use super::{app_name, collect, now_ms, reader, Failure, Options, Phase, Progress, DATABASES};
use crate::rdb::file::FileWriter;
use crate::rdb::{Edition, Size};
use crate::scripting::adopt;
use hyperdb_graph::hyperedge::{View, Walk};
use hyperdb_graph::{keys, Direction, Error, Family, KeyRange, Reader, Record, Store};
use hyperdb_lsm::Snapshot;
use std::fs::File;
use std::io::BufWriter;

/// What a claimed version of Redis the file says that it is of; who reads it only shows it.
fn claimed(edition: Edition) -> &'static str {
    match edition {
        Edition::Redis70 => "7.0.15",
        Edition::Redis72 => "7.2.7",
    }
}
/// Keys between two reports of progress.
const STEP: u64 = 4096;
/// Bytes of the hash in front of an id.
const HASH: usize = 8;

/// What an export did.
#[derive(Debug, Default)]
pub struct Exported {
    /// Keys by database.
    pub databases: Vec<(u64, u64)>,
    /// Those that have an expiry.
    pub expiring: u64,
    /// Libraries of functions.
    pub libraries: u64,
    /// Elements that have no form of Redis: hyperedges of the graph.
    pub passed: u64,
    /// Bytes of the file.
    pub size: u64,
    /// The commit that the file shows.
    pub commit: u64,
}

/// Writes the file, and waits until it is on the disk.
///
/// # Errors
/// What the file system or the store fails with, or that it was stopped; then the file is not whole.
pub fn export(
    store: &Store,
    snapshot: &Snapshot,
    file: File,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Exported, Failure> {
    let facts = [
        ("redis-ver", claimed(options.edition).to_owned()),
        ("redis-bits", "64".to_owned()),
        ("ctime", (now_ms() / 1000).to_string()),
        ("aof-base", "0".to_owned()),
    ];
    let mut writer = FileWriter::new(BufWriter::new(file), options.edition, &facts)?;
    let mut done = Exported {
        commit: snapshot.commit(),
        ..Exported::default()
    };
    if !options.pass_functions {
        let functions = store.reader(snapshot.clone(), adopt::APP, None, snapshot.commit())?;
        for code in adopt::codes(&functions)? {
            writer.library(&code)?;
            done.libraries += 1;
        }
    }
    let readers = (0..DATABASES).map(|db| Ok((db, reader(store, snapshot, db)?)));
    let readers: Vec<(u64, Reader)> = readers.collect::<Result<_, Error>>()?;
    let mut total = 0;
    for (_, reader) in &readers {
        total += reader.stats()?.elements();
    }
    let mut seen = 0;
    for (db, reader) in &readers {
        let stats = reader.stats()?;
        let Some(app) = reader.app().filter(|_| stats.elements() > 0) else {
            continue;
        };
        writer.database(*db, stats.elements(), stats.expiring())?;
        let mut written = 0;
        let prefix = keys::element_prefix(app);
        let range = KeyRange::prefix(&prefix);
        let mut walk = reader.walk(Family::DATA, range, Direction::Forward)?;
        while let Some((place, raw)) = Walk::next(&mut walk)? {
            let name = String::from_utf8_lossy(&app_name(*db)).into_owned();
            let record = Record::decode(&raw)
                .ok_or_else(|| Error::Invalid(format!("malformed element in {name}")))?;
            let key = place.get(prefix.len() + HASH..).unwrap_or_default();
            seen += 1;
            if seen % STEP == 0 && !progress(Phase::Export, seen, total) {
                return Err(Failure::Stopped);
            }
            if !reader.is_live(record.expiry()) || !options.takes(key) {
                continue;
            }
            let Some(value) = collect::of(reader, app, &record)? else {
                done.passed += 1;
                continue;
            };
            let size = match &record {
                Record::Edge(header) => Size::of(header),
                Record::Vertex { .. } => Size::Small,
            };
            writer.entry(key, record.expiry(), &value, size)?;
            written += 1;
            done.expiring += u64::from(record.expiry().is_some());
        }
        done.databases.push((*db, written));
    }
    let (out, size) = writer.finish()?;
    done.size = size;
    let file = out
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    progress(Phase::Export, total, total);
    Ok(done)
}
