//! Checking a store's tables: every checksum, every order, every promise that reads rely on.
//!
//! **Purpose.** `hyperdb check`: say what is wrong and where, all of it, instead of stopping at the first.
//!
//! **Theory.** Reads trust a block once its checksum held. This walk trusts nothing: it compares each entry with the
//! order, the index, the filter, the fingerprint and the properties that were derived from it when it was written, and
//! neighbouring levels with each other.

use crate::error::Error;
use crate::hash::key_hash;
use crate::table::{Stream, Table};
use crate::types::{Commit, Family, Op};
use crate::version::{Version, LEVELS};
use std::sync::Arc;

/// Reads and checks every table of `version`; `progress` is told the bytes done and the bytes in all.
///
/// One finding per broken table: what follows a wrong byte cannot be judged.
pub fn verify_tables(version: &Version, progress: &mut dyn FnMut(u64, u64)) -> Vec<Error> {
    let total = version.tables().map(|table| table.at().bytes).sum();
    let mut findings = Vec::new();
    let mut done = 0;
    for table in version.tables() {
        progress(done, total);
        findings.extend(verify_table(table, &mut |within| progress(done + within, total)).err());
        done += table.at().bytes;
    }
    for family in (0..Family::COUNT).map(|family| Family(family as u8)) {
        findings.extend(verify_levels(version, family));
    }
    progress(total, total);
    findings
}

/// Checks one table, entry by entry.
fn verify_table(table: &Arc<Table>, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
    let properties = table.properties();
    let index = table.index();
    let mut stream = Stream::new(table.clone());
    let mut last: Option<(Vec<u8>, Commit)> = None;
    let (mut entries, mut removes, mut superseded, mut raw_bytes) = (0u64, 0u64, 0u64, 0u64);
    let mut block = usize::MAX;
    let mut separator = Vec::new();
    while stream.advance()? {
        let (key, version) = (stream.key(), stream.version());
        if stream.block() != block {
            block = stream.block();
            separator = index.separator(block);
            progress(index.place(block).offset);
            if block > 0 && index.separator(block - 1).as_slice() > key {
                return Err(at_block(
                    table,
                    block,
                    "the index leads past the first entry",
                ));
            }
        }
        let broken = |what: &str| Err(at_block(table, block, what));
        let hash = key_hash(key);
        let same = last.as_ref().is_some_and(|(last, _)| last == key);
        if last
            .as_ref()
            .is_some_and(|(last, newer)| key < &last[..] || (same && version >= *newer))
        {
            return broken("entries are out of order");
        }
        if key > &separator[..] {
            return broken("the index ends the block too early");
        }
        if !table.bloom().may_hold(hash) {
            return broken("the filter denies a key that is there");
        }
        if stream.fingerprint() != (hash >> 56) as u8 {
            return broken("a fingerprint is not its key's");
        }
        if version < properties.min_version || version > properties.max_version {
            return broken("a version is outside the table's versions");
        }
        if !table.covers(key) {
            return broken("a key is outside the table's keys");
        }
        entries += 1;
        removes += u64::from(stream.op() == Op::Remove);
        superseded += u64::from(same);
        raw_bytes += (key.len() + stream.value().len()) as u64;
        last = Some((key.to_vec(), version));
    }
    let counted = (entries, removes, superseded, raw_bytes);
    if counted
        != (
            properties.entries,
            properties.removes,
            properties.superseded,
            properties.raw_bytes,
        )
    {
        return Err(table.corrupt(
            properties.bloom_offset,
            "the properties do not count what is there",
        ));
    }
    if last.is_none_or(|(key, _)| key != table.largest()) {
        return Err(table.corrupt(properties.bloom_offset, "the largest key is missing"));
    }
    Ok(())
}

fn at_block(table: &Table, block: usize, what: &str) -> Error {
    table.corrupt(table.index().place(block).offset, what)
}

/// Checks that the versions of each key get older from level to level.
fn verify_levels(version: &Version, family: Family) -> Option<Error> {
    let mut runs: Vec<Stream> = Vec::new();
    let mut chains: Vec<std::vec::IntoIter<Arc<Table>>> = Vec::new();
    for level in 0..LEVELS {
        let tables = version.level(family, level);
        let chunks: Vec<Vec<Arc<Table>>> = if level == 0 {
            tables.iter().map(|table| vec![table.clone()]).collect()
        } else {
            vec![tables.to_vec()]
        };
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
            let mut tables = chunk.into_iter();
            runs.extend(tables.next().map(Stream::new));
            chains.push(tables);
        }
    }
    let mut step = |runs: &mut Vec<Stream>, i: usize| -> Result<bool, Error> {
        while !runs[i].advance()? {
            match chains[i].next() {
                Some(table) => runs[i] = Stream::new(table),
                None => return Ok(false),
            }
        }
        Ok(true)
    };
    let mut live = Vec::new();
    for i in 0..runs.len() {
        match step(&mut runs, i) {
            Ok(true) => live.push(i),
            Ok(false) => {}
            // The table's own check has named this already.
            Err(_) => return None,
        }
    }
    let mut last: Option<(Vec<u8>, Commit, usize)> = None;
    while let Some(&first) = live
        .iter()
        .min_by(|&&a, &&b| runs[a].key().cmp(runs[b].key()).then(a.cmp(&b)))
    {
        let (key, at) = (runs[first].key(), runs[first].version());
        if let Some((last, newer, run)) = &last {
            if last == key && at >= *newer {
                let what = format!("level order is broken: version {at} of a key lies below version {newer} (run {run} above run {first})");
                return Some(Error::Invalid(format!("family {}: {what}", family.0)));
            }
        }
        last = Some((key.to_vec(), at, first));
        match step(&mut runs, first) {
            Ok(true) => {}
            Ok(false) => live.retain(|&i| i != first),
            Err(_) => return None,
        }
    }
    None
}
