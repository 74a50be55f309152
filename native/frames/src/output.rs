//! The records of a frame on their way into the store: in commits of bounded size, the last of which makes the frame.
//!
//! **Theory.** One commit of all records would hold up writers for as long as it takes to put them in place, need memory for
//! three copies of them, and have a limit. So they go in several; nobody reads them before the header is there, since the
//! nodes of the newest frame are read at the commit that was kept before the first of them ([`crate::view`]).
//!
//! **Invariant.** After the last commit all are there. Before it, whatever is there is put back to what it was ([`Pieces::undo`]) before
//! the next frame is begun.

use crate::changes::Changes;
use crate::error::Result;
use hyperdb_lsm::{Batch, Commit, Db, Family, Op, Snapshot};

/// Takes records of the NODE family.
pub trait Output {
    /// A record is to be written.
    ///
    /// # Errors
    /// What the store fails with.
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()>;

    /// A record is to be removed.
    ///
    /// # Errors
    /// What the store fails with.
    fn remove(&mut self, key: &[u8]) -> Result<()>;
}

/// See the module's head.
pub(crate) struct Pieces<'d> {
    db: &'d Db,
    limit: usize,
    batch: Batch,
    bytes: usize,
    /// Bytes of records so far.
    pub(crate) written: u64,
    /// Commits so far, and the newest of them.
    commits: u64,
    newest: Commit,
}

impl<'d> Pieces<'d> {
    /// Commits of about `limit` bytes.
    pub(crate) fn new(db: &'d Db, limit: usize) -> Self {
        Self {
            db,
            limit,
            batch: Batch::new(),
            bytes: 0,
            written: 0,
            commits: 0,
            newest: 0,
        }
    }

    fn took(&mut self, bytes: usize) -> Result<()> {
        self.bytes += bytes;
        self.written += bytes as u64;
        if self.bytes >= self.limit {
            self.commit()?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        if !self.batch.is_empty() {
            self.commits += 1;
            self.newest = self.db.write(&self.batch)?;
            self.batch.clear();
            self.bytes = 0;
        }
        Ok(())
    }

    /// A snapshot that shows all there is so far.
    pub(crate) fn settle(&mut self) -> Result<Snapshot> {
        self.commit()?;
        self.db.wait_durable(self.newest)?;
        Ok(self.db.snapshot())
    }

    /// The last commit: what is put here is in no other one.
    pub(crate) fn last(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// Writes the last commit, durably: its number, and how many there were.
    pub(crate) fn finish(mut self) -> Result<(Commit, u64)> {
        self.commits += u64::from(!self.batch.is_empty());
        Ok((self.db.write_durable(&self.batch)?, self.commits))
    }

    /// Puts every record for which `wanted` holds back to what it was at `old`, a kept commit.
    pub(crate) fn undo(
        db: &'d Db,
        old: &Snapshot,
        limit: usize,
        memory: usize,
        wanted: fn(&[u8]) -> bool,
    ) -> Result<()> {
        // What was queued when a frame failed may be seen only later.
        db.wait_durable(db.latest())?;
        let now = db.snapshot();
        let mut changes = Changes::collect(&now, old.commit(), Family::NODE, memory, wanted)?;
        let mut pieces = Pieces::new(db, limit);
        while let Some(change) = changes.next()? {
            match old.get(Family::NODE, change.key)? {
                Some(value) if change.op == Op::Add && *change.value == *value => {}
                Some(value) => pieces.put(change.key, &value)?,
                None if change.op == Op::Add => pieces.remove(change.key)?,
                None => {}
            }
        }
        pieces.finish()?;
        Ok(())
    }
}

impl Output for Pieces<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.batch.put(Family::NODE, key, value);
        self.took(key.len() + value.len())
    }

    fn remove(&mut self, key: &[u8]) -> Result<()> {
        self.batch.remove(Family::NODE, key, &[]);
        self.took(key.len())
    }
}

/// Records that nobody keeps: of trees that are built to compare their roots.
pub struct Discard;

impl Output for Discard {
    fn put(&mut self, _key: &[u8], _value: &[u8]) -> Result<()> {
        Ok(())
    }

    fn remove(&mut self, _key: &[u8]) -> Result<()> {
        Ok(())
    }
}
