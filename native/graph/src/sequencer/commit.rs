//! Committing: validation, application and logging under one writer.

use super::buffer::{Families, Pending};
use super::conflict::Conflict;
use super::reads::ReadSet;
use super::transaction::Fresh;
use super::Sequencer;
use crate::step::{Step, Stop};
use hyperdb_lsm::{Commit, Family, Writer};

/// A key that must not be newer at commit than the commit beside it.
pub(super) type Pin = (Family, Box<[u8]>, Commit);

impl Sequencer {
    /// Validates reads made at `since`, applies `entries`, logs them as one commit.
    pub(super) fn commit(
        &self,
        entries: &Families<Pending>,
        reads: &ReadSet,
        since: Commit,
        pinned: &[Pin],
    ) -> Step<Commit> {
        self.with_writer(|writer| {
            validate(writer, reads, since, pinned)?;
            apply(writer, entries)?;
            let written = entries.iter().map(|(family, key, _)| (family, &**key));
            self.ranks.forget_written(written);
            Ok(writer.commit()?)
        })
    }

    /// The newest version and value of `key`, if newer than `since`.
    ///
    /// The newest may not be durable yet, and then must not be seen: this waits for it.
    pub(super) fn newest(
        &self,
        family: Family,
        key: &[u8],
        since: Commit,
    ) -> Step<Option<(Commit, Fresh)>> {
        let newest = self.with_writer(|writer| {
            if !writer.changed_since(family, key, since)? {
                return Ok(None);
            }
            let value = writer.get(family, key)?.map(|value| value[..].into());
            Ok(writer.version(family, key)?.map(|version| (version, value)))
        })?;
        if let Some((version, _)) = newest {
            self.db.wait_durable(version)?;
        }
        Ok(newest)
    }

    /// Runs `body` under the writer; again from its start as often as a block has to be loaded first.
    fn with_writer<T>(&self, body: impl Fn(&mut Writer<'_>) -> Step<T>) -> Step<T> {
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
