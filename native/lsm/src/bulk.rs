//! Tables that are written beside the log and join the store with one commit.
//!
//! **Purpose.** What comes in bulk needs neither log nor memtables: it is written once, sorted, into tables, takes no more memory than
//! a table under way, holds up nobody while it is written, and is there whole or not at all.
//!
//! **Theory.** As other stores ingest files, with one difference: entries carry no versions of their own, since the commit that they
//! will belong to has no number yet. They are written as of commit 0; the log's record of the commit names the tables, and a
//! table that was adopted says that commit of all its entries. The record is what counts: before it the files are
//! orphans, from it on they are found by a replay, until a manifest names them.
//!
//! **Invariant.** Of a key in an adopted table nothing older lies in memory, so tables may be asked last as ever; who loads sees to
//! that (a new collection, or keys without a trace, and nobody else who may write them). The manifest is held from before the commit
//! until it is durable and named, so no manifest names what the log may lose, and no merge sees it earlier.

use crate::db::{Db, Shared};
use crate::error::{Error, Result};
use crate::log::record::{push_adopted, Adopted};
use crate::manifest::Manifest;
use crate::table::{table_file_name, Builder, Stream, Table, TableId};
use crate::types::{Commit, Family, Op};
use crate::version::{Version, VersionEdit};
use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// Writes entries of one family in ascending order of their keys. What is dropped unfinished leaves no file.
pub struct Loader {
    shared: Arc<Shared>,
    family: Family,
    builder: Option<(Box<Builder>, TableId)>,
    tables: Vec<Arc<Table>>,
}

/// Entries in tables that nobody sees yet. Dropped, they are gone.
pub struct Loaded {
    tables: Vec<Arc<Table>>,
}

/// The right to let tables join with the next commit; nothing else is flushed, merged or copied meanwhile.
pub struct Adoption<'db> {
    shared: &'db Shared,
    manifest: MutexGuard<'db, Manifest>,
    tables: Mutex<Vec<Arc<Table>>>,
}

impl Db {
    /// Begins to write tables of `family`.
    pub fn loader(&self, family: Family) -> Loader {
        Loader {
            shared: self.shared.clone(),
            family,
            builder: None,
            tables: Vec::new(),
        }
    }

    /// Prepares tables for a commit ([`crate::Writer::commit_adopting`]); call it without holding a writer.
    ///
    /// # Errors
    /// What the file system fails with.
    pub fn adoption(&self, loaded: Vec<Loaded>) -> Result<Adoption<'_>> {
        self.shared.fs.sync_dir(&self.shared.dir)?;
        Ok(Adoption {
            manifest: self.shared.manifest.lock(),
            shared: &self.shared,
            tables: Mutex::new(loaded.into_iter().flat_map(|some| some.tables).collect()),
        })
    }
}

impl Loader {
    /// Adds an entry behind all before.
    ///
    /// # Errors
    /// [`Error::Invalid`] out of order; what the file system fails with.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let most = self.shared.limits.table_bytes;
        if self
            .builder
            .as_ref()
            .is_some_and(|(builder, _)| builder.bytes() >= most)
        {
            self.end_table()?;
        }
        let (builder, _) = match &mut self.builder {
            Some(open) => open,
            None => {
                let id = self.shared.next_table.fetch_add(1, Ordering::Relaxed);
                let file = self
                    .shared
                    .fs
                    .create(&self.shared.dir.join(table_file_name(id)))?;
                let builder = Box::new(Builder::new(file, id, self.family).flushed());
                self.builder.insert((builder, id))
            }
        };
        builder.add(key, 0, Op::Add, value)
    }

    /// Ends the writing: all entries are on the disk.
    ///
    /// # Errors
    /// What the file system fails with.
    pub fn finish(mut self) -> Result<Loaded> {
        self.end_table()?;
        Ok(Loaded {
            tables: std::mem::take(&mut self.tables),
        })
    }

    fn end_table(&mut self) -> Result<()> {
        let Some((builder, id)) = self.builder.take() else {
            return Ok(());
        };
        let opened = builder.finish().and_then(|at| {
            let at = at.ok_or_else(|| Error::Invalid("a table without entries".into()))?;
            Table::open(&self.shared.fs, &self.shared.dir, at, &self.shared.cache)
        });
        match opened {
            Ok(table) => {
                // Until it is adopted its file goes with it.
                table.doom();
                self.tables.push(table);
                Ok(())
            }
            Err(error) => {
                self.remove(id);
                Err(error)
            }
        }
    }

    fn remove(&self, id: TableId) {
        // A file that stays is an orphan; orphans are removed at the next open.
        let _ = self
            .shared
            .fs
            .remove(&self.shared.dir.join(table_file_name(id)));
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        if let Some((builder, id)) = self.builder.take() {
            drop(builder);
            self.remove(id);
        }
    }
}

impl Loaded {
    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Smallest and largest key of each table.
    pub fn spans(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.tables
            .iter()
            .map(|table| (table.smallest(), table.largest()))
    }

    /// Goes through the entries in order.
    pub fn walk(&self) -> Walk {
        let mut tables: VecDeque<Arc<Table>> = self.tables.iter().cloned().collect();
        Walk {
            stream: tables.pop_front().map(Stream::new),
            tables,
        }
    }
}

/// A walk over what was loaded.
pub struct Walk {
    stream: Option<Stream>,
    tables: VecDeque<Arc<Table>>,
}

impl Walk {
    /// Moves to the first, then to the next entry; false at the end.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn advance(&mut self) -> Result<bool> {
        while let Some(stream) = &mut self.stream {
            if stream.advance()? {
                return Ok(true);
            }
            self.stream = self.tables.pop_front().map(Stream::new);
        }
        Ok(false)
    }

    /// The present key.
    pub fn key(&self) -> &[u8] {
        self.stream.as_ref().map_or(&[], Stream::key)
    }

    /// The present value.
    pub fn value(&self) -> &[u8] {
        self.stream.as_ref().map_or(&[], Stream::value)
    }
}

impl Adoption<'_> {
    /// The version that has the tables too, as of `commit`.
    pub(crate) fn join(&self, version: &Version, commit: Commit) -> Result<Version> {
        let mut tables = self.tables.lock();
        for table in tables.iter_mut() {
            let table = Arc::get_mut(table);
            let table =
                table.ok_or_else(|| Error::Invalid("loaded entries are still read".into()))?;
            table.adopt(commit);
        }
        let edit = VersionEdit {
            add: tables.iter().map(|table| table.at()).collect(),
            remove: Vec::new(),
        };
        version.apply(&edit, &tables)
    }

    /// Names the tables in the record of their commit.
    pub(crate) fn log(&self, record: &mut Vec<u8>) {
        for table in self.tables.lock().iter() {
            let at = table.at();
            let (family, id, bytes) = (at.family, at.id, at.bytes);
            push_adopted(record, Adopted { family, id, bytes });
        }
    }

    /// The record is logged: the files stay.
    pub(crate) fn keep(&self) {
        self.tables.lock().iter().for_each(|table| table.spare());
    }

    /// Makes the commit durable, whatever the sync mode, and the tables part of the manifest.
    ///
    /// # Errors
    /// [`Error::Poisoned`]: the commit never will be durable.
    pub fn finish(mut self) -> Result<()> {
        self.shared.log.sync()?;
        let (version, adopted) = {
            let state = self.shared.state.read();
            (state.version.clone(), state.adopted)
        };
        let next = Manifest {
            tables: version.places(),
            adopted,
            ..self.manifest.clone()
        };
        // The log names them as well until a manifest does: if this fails, the next one is in time.
        let _ = self.shared.write_manifest(&mut self.manifest, next);
        self.shared.work.wake();
        Ok(())
    }
}
