//! Committing: validation, application and logging under one writer.

use super::buffer::{Families, Pending};
use super::conflict::Conflict;
use super::reads::ReadSet;
use super::transaction::Fresh;
use super::Sequencer;
use crate::keys::{self, meta, AppId};
use crate::step::{Step, Stop};
use hyperdb_lsm::{Commit, Family, KeyRange, Loaded, Writer};
use std::sync::atomic::Ordering;

/// A key that must not be newer at commit than the commit beside it.
pub(super) type Pin = (Family, Box<[u8]>, Commit);

/// A range in which nothing must be newer at commit than the commit beside it.
pub(super) type PinnedRange = (Family, KeyRange, Commit);

impl Sequencer {
    /// Validates reads made at `since`, applies `entries`, logs them as one commit.
    pub(super) fn commit(
        &self,
        entries: &Families<Pending>,
        reads: &ReadSet,
        since: Commit,
        pinned: &[Pin],
        relied_on: &[PinnedRange],
        loaded: Vec<Loaded>,
    ) -> Step<Commit> {
        let spans: Vec<(Vec<u8>, Vec<u8>)> = loaded
            .iter()
            .flat_map(Loaded::spans)
            .map(|(low, high)| (low.to_vec(), high.to_vec()))
            .collect();
        let adoption = match spans.is_empty() {
            true => None,
            false => Some(self.db.adoption(loaded)?),
        };
        let commit = self.with_writer(|writer| {
            validate(writer, reads, since, pinned)?;
            validate_ranges(writer, relied_on)?;
            apply(writer, entries)?;
            let written = entries.iter().map(|(family, key, _)| (family, &**key));
            self.shared.ranks.forget_written(written);
            let covered = self.shared.numbers.cover(writer)?;
            let data = entries
                .iter()
                .filter(|(family, ..)| *family == Family::DATA);
            let data = data.map(|(_, key, _)| &key[..]);
            self.shared.ranges.mark(writer.next_commit(), data);
            for (low, high) in &spans {
                self.shared
                    .ranges
                    .mark_between(writer.next_commit(), low, high);
            }
            if self.shared.heard.is_on() {
                let written = entries.iter().map(|(family, key, pending)| {
                    (family, &**key, matches!(pending, Pending::Remove(_)))
                });
                self.shared.heard.add_written(written);
            }
            let commit = match &adoption {
                None => writer.commit()?,
                Some(adoption) => writer.commit_adopting(adoption)?,
            };
            self.shared.numbers.covered(covered);
            self.shared.dropped.add(commit, drops(entries));
            if drops_edges(entries) {
                self.shared.unswept.store(true, Ordering::Relaxed);
            }
            Ok(commit)
        })?;
        if let Some(adoption) = adoption {
            adoption.finish()?;
        }
        Ok(commit)
    }

    /// The newest version and value of `key`, if newer than `since`. It may not be durable yet, and then must not be seen.
    pub(super) fn newest(
        &self,
        family: Family,
        key: &[u8],
        since: Commit,
    ) -> Step<Option<(Commit, Fresh)>> {
        self.with_writer(|writer| {
            if !writer.changed_since(family, key, since)? {
                return Ok(None);
            }
            let value = writer.get(family, key)?.map(|value| value[..].into());
            Ok(writer.version(family, key)?.map(|version| (version, value)))
        })
    }

    /// Runs `body` under the writer; again from its start as often as a block has to be loaded first.
    pub(super) fn with_writer<T>(&self, body: impl Fn(&mut Writer<'_>) -> Step<T>) -> Step<T> {
        loop {
            let mut writer = self.db.writer();
            writer.savepoint();
            let outcome = body(&mut writer);
            if outcome.is_err() {
                writer.rollback();
            }
            drop(writer);
            match outcome {
                Err(Stop::Miss(miss)) => self.db.load(&miss)?,
                outcome => return outcome,
            }
        }
    }
}

/// Backward validation (Kung and Robinson, "On optimistic methods for concurrency control", TODS 1981): what was
/// read at `since` would read the same now, so all of it may be thought to have happened at this commit.
fn validate(writer: &Writer<'_>, reads: &ReadSet, since: Commit, pinned: &[Pin]) -> Step<()> {
    for (family, key, since) in pinned {
        if writer.changed_since(*family, key, *since)? {
            return Err(Conflict::Serialization("a definition it relies on was changed").into());
        }
    }
    for (family, key) in reads.keys() {
        if writer.changed_since(family, key, since)? {
            return Err(
                Conflict::Serialization("another transaction changed a row it read").into(),
            );
        }
    }
    for (family, range) in reads.ranges() {
        if writer.range_changed_since(family, range, since)? {
            return Err(
                Conflict::Serialization("another transaction changed a range it read").into(),
            );
        }
    }
    Ok(())
}

/// What operations of the hypergraph rely on at every level.
fn validate_ranges(writer: &Writer<'_>, relied_on: &[PinnedRange]) -> Step<()> {
    for (family, range, since) in relied_on {
        if writer.range_changed_since(*family, range, *since)? {
            return Err(
                Conflict::Serialization("memberships that it relies on were changed").into(),
            );
        }
    }
    Ok(())
}

/// The collections that `entries` note as dropped.
fn drops(entries: &Families<Pending>) -> impl Iterator<Item = (AppId, u64)> + '_ {
    let notes = KeyRange::prefix(&[meta::DROPPED]);
    entries
        .range(Family::META, &notes)
        .filter_map(|(key, _)| keys::parse_dropped(key))
}

/// Whether `entries` note a dropped generic hyperedge.
fn drops_edges(entries: &Families<Pending>) -> bool {
    let notes = KeyRange::prefix(&[meta::DROPPED_EDGE]);
    entries.range(Family::META, &notes).next().is_some()
}

fn apply(writer: &mut Writer<'_>, entries: &Families<Pending>) -> Step<()> {
    for (family, key, pending) in entries.iter() {
        match pending {
            Pending::Put(value) => writer.put(family, key, value)?,
            Pending::Insert(value) => writer.insert(family, key, value)?,
            Pending::Remove(note) => writer.remove(family, key, note)?,
            Pending::Add(delta) => {
                let sum = delta.apply(writer.get(family, key)?.as_deref())?;
                writer.put(family, key, &sum)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::{keys, Kind, Options, Store, TransactionOptions};
    use hyperdb_lsm::{CompactionFilter, Family};

    #[test]
    fn compaction_hears_of_what_a_transaction_dropped() {
        let dir = std::env::temp_dir().join(format!("hyperdb-drops-{}", std::process::id()));
        let store = Store::open(&dir, Options::default()).unwrap();
        let mut setup = store.begin(TransactionOptions::default());
        let app = setup.app(&store, b"a").unwrap().unwrap();
        let mut header = setup.create_edge(app, b"s", Kind::Set).unwrap();
        header.count = 1;
        setup.put_header(app, b"s", &header).unwrap();
        let made = setup.commit().unwrap();
        store.db().wait_durable(made).unwrap();
        let goes = |horizon| {
            let member = keys::member(app, header.cid, b"m");
            store.dropped.discard(Family::DATA, &member, made, horizon)
        };
        let mut dropping = store.begin(TransactionOptions::default());
        assert!(dropping.remove_element(app, b"s").unwrap());
        assert!(!goes(u64::MAX), "not before the commit");
        let dropped = dropping.commit().unwrap();
        assert!(goes(dropped) && !goes(made));
        drop(store);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
