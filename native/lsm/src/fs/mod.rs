//! The seam between the store and the operating system's files.
//!
//! **Purpose.** Everything that touches a disk goes through [`FileSystem`], so that a test can put a disk there
//! that forgets what was not synced ([`SimFs`]) or that fails at a chosen call ([`FaultFs`]).
//!
//! **Theory.** The contract is the weakest one that real systems keep: written bytes are durable after `sync` of
//! their file, a created, renamed or removed name after `sync_dir` of its directory, and until then any part of
//! it may be lost in any order.
//!
//! **Invariant.** Errors come with the action and the path; "no room" is always [`Error::NoSpace`], whatever the
//! system calls it.

mod fault;
mod sim;
mod std_fs;

pub use fault::{Fault, FaultFs, FaultKind};
pub use sim::{CrashMode, SimFs};
pub use std_fs::StdFs;

use crate::error::{Error, Result};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is read at offsets.
#[allow(clippy::len_without_is_empty)]
pub trait ReadAt: Send + Sync {
    /// Fills `buf` from `offset` on; fails if the file ends before.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<()>;
    /// Fills `buf` from `offset` on if that needs no waiting for the disk; whether it did. What is wrong otherwise, a read that may
    /// wait will tell.
    fn read_now(&self, _buf: &mut [u8], _offset: u64) -> bool {
        false
    }
    /// Bytes in the file.
    fn len(&self) -> Result<u64>;
    /// Where it is, for error messages.
    fn path(&self) -> &Path;
}

/// A new file that is written from front to back.
pub trait Append: Send {
    /// Writes all of `bytes` at the end.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;
    /// Makes what was written durable (not the file's name: see [`FileSystem::sync_dir`]).
    fn sync(&mut self) -> Result<()>;
}

/// A file of the log: its room is reserved first, then it is written at offsets.
pub trait LogFile: ReadAt {
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()>;
    /// Makes what was written durable.
    fn sync(&self) -> Result<()>;
    /// Reserves room so that writes below `len` bytes cannot run out of space; the file reads as zeros there.
    fn preallocate(&self, len: u64) -> Result<()>;
    /// Cuts or extends the file.
    fn set_len(&self, len: u64) -> Result<()>;
}

/// Held as long as the directory is owned; dropping it gives the directory free.
pub trait DirLock: Send + Sync {}

/// What the store asks of a file system.
pub trait FileSystem: Send + Sync {
    /// Opens an existing file for reading.
    fn open_read(&self, path: &Path) -> Result<Arc<dyn ReadAt>>;
    /// Creates a file, or empties the one that is there, for writing front to back.
    fn create(&self, path: &Path) -> Result<Box<dyn Append>>;
    /// Opens a log file, creating it if needed; keeps its content.
    fn open_log(&self, path: &Path) -> Result<Arc<dyn LogFile>>;
    /// Gives a file another name, replacing what has it, atomically.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Gives a file a second name; an error where the file system cannot, and then the caller copies.
    fn link(&self, from: &Path, to: &Path) -> Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> Result<()>;
    /// Names of the files in a directory, in no order.
    fn list(&self, dir: &Path) -> Result<Vec<String>>;
    /// Whether a file or directory is there.
    fn exists(&self, path: &Path) -> Result<bool>;
    /// Creates a directory and its parents; fine if it is there.
    fn create_dir(&self, dir: &Path) -> Result<()>;
    /// Makes created, renamed and removed names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> Result<()>;
    /// Takes the directory for this process.
    ///
    /// # Errors
    /// [`Error::Locked`] with the owner's process id where it can be read.
    fn lock(&self, dir: &Path) -> Result<Box<dyn DirLock>>;

    /// The whole content of a small file.
    fn read_all(&self, path: &Path) -> Result<Vec<u8>> {
        let file = self.open_read(path)?;
        let mut bytes = vec![0; usize::try_from(file.len()?).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Puts `bytes` under `path` so that after a crash the old or the new content is there, whole.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        let dir = path.parent().unwrap_or(Path::new("."));
        // What an earlier attempt left must not be what a reordering disk renames in place of the new file.
        if self.exists(&temporary)? {
            self.remove(&temporary)?;
            self.sync_dir(dir)?;
        }
        let mut file = self.create(&temporary)?;
        file.append(bytes)?;
        file.sync()?;
        drop(file);
        self.rename(&temporary, path)?;
        self.sync_dir(dir)
    }
}

/// Name of the file that a directory's owner holds locked and writes its process id to.
pub const LOCK_FILE: &str = "LOCK";

/// An operating system error as the store's.
pub(crate) fn io_error(action: &'static str, path: &Path, error: &io::Error) -> Error {
    if matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        return Error::NoSpace;
    }
    Error::Io {
        action,
        path: path.to_owned(),
        kind: error.kind(),
        message: error.to_string(),
    }
}
