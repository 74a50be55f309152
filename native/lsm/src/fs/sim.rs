//! A file system in memory that remembers every change, so that a crash can be tried after each.
//!
//! **Theory.** The disk is a journal of changes. A crash after the first `n` of them keeps every change that a
//! sync among them covered and, of the others, what [`CrashMode`] says: a real disk may have written any of
//! them, in any order, and half of a write.

use super::{io_error, Append, DirLock, FileSystem, LogFile, ReadAt};
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which unsynced changes a crash leaves on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashMode {
    /// None: the strictest disk.
    DropUnsynced,
    /// All: as after a kill of the process alone.
    KeepUnsynced,
    /// A subset chosen by the seed, writes possibly cut in the middle, sectors of 512 bytes out of order.
    Torn(u64),
}

type Inode = u64;

#[derive(Clone, Debug)]
enum Change {
    Write(Inode, u64, Vec<u8>),
    SetLen(Inode, u64),
    Sync(Inode),
    Link(PathBuf, Inode),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
    CreateDir(PathBuf),
}

#[derive(Clone, Default)]
struct Disk {
    files: BTreeMap<Inode, Vec<u8>>,
    names: BTreeMap<PathBuf, Inode>,
    dirs: BTreeSet<PathBuf>,
}

#[derive(Default)]
struct Inner {
    disk: Disk,
    base: Disk,
    journal: Vec<Change>,
    recording: bool,
    locked: BTreeSet<PathBuf>,
    next: Inode,
    room: Option<u64>,
}

/// See the module's head. Clones share the disk.
#[derive(Clone, Default)]
pub struct SimFs {
    inner: Arc<Mutex<Inner>>,
}

impl Disk {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Write(inode, offset, bytes) => {
                let file = self.files.entry(*inode).or_default();
                let start = *offset as usize;
                if file.len() < start + bytes.len() {
                    file.resize(start + bytes.len(), 0);
                }
                file[start..start + bytes.len()].copy_from_slice(bytes);
            }
            Change::SetLen(inode, len) => self
                .files
                .entry(*inode)
                .or_default()
                .resize(*len as usize, 0),
            Change::Link(path, inode) => {
                self.files.entry(*inode).or_default();
                self.names.insert(path.clone(), *inode);
            }
            Change::Rename(from, to) => {
                if let Some(inode) = self.names.remove(from) {
                    self.names.insert(to.clone(), inode);
                }
            }
            Change::Remove(path) => {
                self.names.remove(path);
            }
            Change::CreateDir(dir) => {
                self.dirs.insert(dir.clone());
            }
            Change::Sync(_) | Change::SyncDir(_) => {}
        }
    }
}

impl SimFs {
    /// An empty disk that keeps no journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty disk that keeps a journal for [`SimFs::crash`].
    pub fn recording() -> Self {
        let fs = Self::default();
        fs.inner.lock().recording = true;
        fs
    }

    /// Limits the bytes that files may hold together; beyond it writes fail with [`Error::NoSpace`].
    pub fn set_room(&self, bytes: Option<u64>) {
        self.inner.lock().room = bytes;
    }

    /// How many changes were recorded.
    pub fn changes(&self) -> usize {
        self.inner.lock().journal.len()
    }

    /// A disk as a crash after the first `upto` changes might leave it; it records anew.
    pub fn crash(&self, upto: usize, mode: CrashMode) -> SimFs {
        let inner = self.inner.lock();
        let journal = &inner.journal[..upto.min(inner.journal.len())];
        let mut disk = inner.base.clone();
        let mut random = match mode {
            CrashMode::Torn(seed) => seed | 1,
            _ => 1,
        };
        let mut next = move || {
            // xorshift64: any sequence will do, it only has to come from the seed.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for (at, change) in journal.iter().enumerate() {
            let kept = mode == CrashMode::KeepUnsynced || is_synced(change, &journal[at + 1..]);
            if kept || matches!(change, Change::CreateDir(_)) {
                disk.apply(change);
                continue;
            }
            if mode == CrashMode::DropUnsynced {
                continue;
            }
            if let Change::Write(inode, offset, bytes) = change {
                for (i, sector) in bytes.chunks(512).enumerate() {
                    match next() % 4 {
                        0 | 1 => {
                            disk.apply(&Change::Write(
                                *inode,
                                offset + (i * 512) as u64,
                                sector.to_vec(),
                            ));
                        }
                        2 => {
                            let cut = next() as usize % (sector.len() + 1);
                            disk.apply(&Change::Write(
                                *inode,
                                offset + (i * 512) as u64,
                                sector[..cut].to_vec(),
                            ));
                        }
                        _ => {}
                    }
                }
            } else if next() % 2 == 0 {
                disk.apply(change);
            }
        }
        let next_inode = inner.next;
        SimFs {
            inner: Arc::new(Mutex::new(Inner {
                base: disk.clone(),
                disk,
                recording: true,
                next: next_inode,
                ..Inner::default()
            })),
        }
    }

    /// Turns one bit of a file over.
    pub fn flip_bit(&self, path: &Path, bit: u64) {
        let mut inner = self.inner.lock();
        if let Some(inode) = inner.disk.names.get(path).copied() {
            if let Some(byte) = inner
                .disk
                .files
                .get_mut(&inode)
                .and_then(|file| file.get_mut((bit / 8) as usize))
            {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    /// An independent copy of the disk as it is now, without locks and journal.
    pub fn copy(&self) -> SimFs {
        let inner = self.inner.lock();
        SimFs {
            inner: Arc::new(Mutex::new(Inner {
                base: inner.disk.clone(),
                disk: inner.disk.clone(),
                recording: inner.recording,
                next: inner.next,
                ..Inner::default()
            })),
        }
    }

    fn file(&self, path: &Path, inode: Inode) -> SimFile {
        SimFile {
            fs: self.clone(),
            inode,
            path: path.to_owned(),
        }
    }

    fn change(&self, change: Change) -> Result<()> {
        let mut inner = self.inner.lock();
        inner.check_room(&change)?;
        inner.disk.apply(&change);
        if inner.recording {
            inner.journal.push(change);
        }
        Ok(())
    }

    fn lookup(&self, path: &Path) -> Option<Inode> {
        self.inner.lock().disk.names.get(path).copied()
    }

    fn new_inode(&self) -> Inode {
        let mut inner = self.inner.lock();
        inner.next += 1;
        inner.next
    }
}

impl Inner {
    fn check_room(&self, change: &Change) -> Result<()> {
        let Some(room) = self.room else {
            return Ok(());
        };
        let (inode, end) = match change {
            Change::Write(inode, offset, bytes) => (inode, offset + bytes.len() as u64),
            Change::SetLen(inode, len) => (inode, *len),
            _ => return Ok(()),
        };
        let before = self.disk.files.get(inode).map_or(0, Vec::len) as u64;
        let live: BTreeSet<Inode> = self.disk.names.values().copied().collect();
        let used: u64 = live
            .iter()
            .filter_map(|inode| self.disk.files.get(inode))
            .map(|file| file.len() as u64)
            .sum();
        if end > before && used + (end - before) > room {
            return Err(Error::NoSpace);
        }
        Ok(())
    }
}

/// Whether a later change made this one durable.
fn is_synced(change: &Change, later: &[Change]) -> bool {
    let dir_synced = |path: &Path| {
        later
            .iter()
            .any(|other| matches!(other, Change::SyncDir(dir) if path.parent() == Some(dir)))
    };
    match change {
        Change::Write(inode, ..) | Change::SetLen(inode, _) => later
            .iter()
            .any(|other| matches!(other, Change::Sync(synced) if synced == inode)),
        Change::Link(path, _) | Change::Remove(path) => dir_synced(path),
        Change::Rename(_, to) => dir_synced(to),
        Change::Sync(_) | Change::SyncDir(_) | Change::CreateDir(_) => true,
    }
}

struct SimFile {
    fs: SimFs,
    inode: Inode,
    path: PathBuf,
}

impl ReadAt for SimFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        let inner = self.fs.inner.lock();
        let found = inner.disk.files.get(&self.inode).and_then(|file| {
            let start = usize::try_from(offset).ok()?;
            file.get(start..start.checked_add(buf.len())?)
        });
        match found {
            Some(bytes) => {
                buf.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(io_error(
                "read",
                &self.path,
                &io::ErrorKind::UnexpectedEof.into(),
            )),
        }
    }

    fn len(&self) -> Result<u64> {
        let inner = self.fs.inner.lock();
        Ok(inner.disk.files.get(&self.inode).map_or(0, Vec::len) as u64)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Append for SimFile {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let end = ReadAt::len(self)?;
        self.write_all_at(bytes, end)
    }

    fn sync(&mut self) -> Result<()> {
        self.fs.change(Change::Sync(self.inode))
    }
}

impl LogFile for SimFile {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.fs
            .change(Change::Write(self.inode, offset, bytes.to_vec()))
    }

    fn sync(&self) -> Result<()> {
        self.fs.change(Change::Sync(self.inode))
    }

    fn preallocate(&self, len: u64) -> Result<()> {
        if ReadAt::len(self)? < len {
            self.set_len(len)?;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.fs.change(Change::SetLen(self.inode, len))
    }
}

struct SimLock {
    fs: SimFs,
    dir: PathBuf,
}

impl DirLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.fs.inner.lock().locked.remove(&self.dir);
    }
}

impl FileSystem for SimFs {
    fn open_read(&self, path: &Path) -> Result<Arc<dyn ReadAt>> {
        match self.lookup(path) {
            Some(inode) => Ok(Arc::new(self.file(path, inode))),
            None => Err(not_found("open", path)),
        }
    }

    fn create(&self, path: &Path) -> Result<Box<dyn Append>> {
        // A fresh inode: what a crash does to the new content cannot touch the old one's.
        let inode = self.new_inode();
        self.change(Change::Link(path.to_owned(), inode))?;
        Ok(Box::new(self.file(path, inode)))
    }

    fn open_log(&self, path: &Path) -> Result<Arc<dyn LogFile>> {
        let inode = match self.lookup(path) {
            Some(inode) => inode,
            None => {
                let inode = self.new_inode();
                self.change(Change::Link(path.to_owned(), inode))?;
                inode
            }
        };
        Ok(Arc::new(self.file(path, inode)))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        if self.lookup(from).is_none() {
            return Err(not_found("rename", from));
        }
        self.change(Change::Rename(from.to_owned(), to.to_owned()))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        match self.lookup(from) {
            Some(inode) => self.change(Change::Link(to.to_owned(), inode)),
            None => Err(not_found("link", from)),
        }
    }

    fn remove(&self, path: &Path) -> Result<()> {
        if self.lookup(path).is_none() {
            return Err(not_found("remove", path));
        }
        self.change(Change::Remove(path.to_owned()))
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        let inner = self.inner.lock();
        Ok(inner
            .disk
            .names
            .keys()
            .filter(|path| path.parent() == Some(dir))
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect())
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        let inner = self.inner.lock();
        Ok(inner.disk.names.contains_key(path) || inner.disk.dirs.contains(path))
    }

    fn create_dir(&self, dir: &Path) -> Result<()> {
        self.change(Change::CreateDir(dir.to_owned()))
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.change(Change::SyncDir(dir.to_owned()))
    }

    fn lock(&self, dir: &Path) -> Result<Box<dyn DirLock>> {
        if !self.inner.lock().locked.insert(dir.to_owned()) {
            return Err(Error::Locked {
                path: dir.to_owned(),
                owner: Some(std::process::id()),
            });
        }
        Ok(Box::new(SimLock {
            fs: self.clone(),
            dir: dir.to_owned(),
        }))
    }
}

fn not_found(action: &'static str, path: &Path) -> Error {
    io_error(action, path, &io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_crash_forgets_what_was_not_synced() {
        let fs = SimFs::recording();
        let dir = Path::new("/d");
        let path = dir.join("a");
        let mut file = fs.create(&path).unwrap();
        file.append(b"one").unwrap();
        file.sync().unwrap();
        let nameless = fs.changes();
        fs.sync_dir(dir).unwrap();
        file.append(b"two").unwrap();
        let end = fs.changes();

        let early = fs.crash(nameless, CrashMode::DropUnsynced);
        assert!(!early.exists(&path).unwrap());
        let late = fs.crash(end, CrashMode::DropUnsynced);
        assert_eq!(late.read_all(&path).unwrap(), b"one");
        let killed = fs.crash(end, CrashMode::KeepUnsynced);
        assert_eq!(killed.read_all(&path).unwrap(), b"onetwo");
    }

    #[test]
    fn replacing_a_file_leaves_the_old_or_the_new_content() {
        let fs = SimFs::recording();
        let path = Path::new("/d/a");
        fs.replace(path, b"old").unwrap();
        let first = fs.changes();
        fs.replace(path, b"new").unwrap();
        for upto in first..=fs.changes() {
            for seed in 0..20 {
                let content = fs
                    .crash(upto, CrashMode::Torn(seed))
                    .read_all(path)
                    .unwrap();
                assert!(content == b"old" || content == b"new");
            }
        }
    }
}
