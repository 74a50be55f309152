//! The operating system's file system.

use super::{io_error, Append, DirLock, FileSystem, LogFile, ReadAt, LOCK_FILE};
use crate::error::{Error, Result};
use rustix::fs::{fallocate, flock, FallocateFlags, FlockOperation};
#[cfg(target_os = "linux")]
use rustix::io::{preadv2, ReadWriteFlags};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the module's head.
#[derive(Clone, Copy, Debug, Default)]
pub struct StdFs;

struct StdFile {
    file: File,
    path: PathBuf,
}

impl StdFile {
    fn fail(&self, action: &'static str) -> impl Fn(io::Error) -> Error + '_ {
        move |error| io_error(action, &self.path, &error)
    }
}

impl ReadAt for StdFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        self.file
            .read_exact_at(buf, offset)
            .map_err(self.fail("read"))
    }

    /// What the system has in its own cache is copied from there; not every system and file system can say so.
    #[cfg(target_os = "linux")]
    fn read_now(&self, buf: &mut [u8], offset: u64) -> bool {
        let len = buf.len();
        let mut parts = [io::IoSliceMut::new(buf)];
        let read = preadv2(&self.file, &mut parts, offset, ReadWriteFlags::NOWAIT);
        read == Ok(len)
    }

    fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(self.fail("look at"))?.len())
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Append for StdFile {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        (&self.file)
            .write_all(bytes)
            .map_err(self.fail("append to"))
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(self.fail("sync"))
    }
}

impl LogFile for StdFile {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(self.fail("write"))
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(self.fail("sync"))
    }

    fn preallocate(&self, len: u64) -> Result<()> {
        match fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            Ok(()) => Ok(()),
            // Not every file system can reserve: writing zeros does the same, slower.
            Err(rustix::io::Errno::OPNOTSUPP) => self.fill_with_zeros(len),
            Err(errno) => Err(io_error("reserve room for", &self.path, &errno.into())),
        }
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.file.set_len(len).map_err(self.fail("cut"))
    }
}

impl StdFile {
    fn fill_with_zeros(&self, len: u64) -> Result<()> {
        let zeros = [0u8; 64 << 10];
        let mut at = ReadAt::len(self)?;
        while at < len {
            let n = usize::try_from(len - at)
                .unwrap_or(usize::MAX)
                .min(zeros.len());
            self.write_all_at(&zeros[..n], at)?;
            at += n as u64;
        }
        Ok(())
    }
}

/// Holds `flock` on the open file.
struct StdLock {
    _file: File,
}

impl DirLock for StdLock {}

impl FileSystem for StdFs {
    fn open_read(&self, path: &Path) -> Result<Arc<dyn ReadAt>> {
        let file = File::open(path).map_err(|e| io_error("open", path, &e))?;
        Ok(Arc::new(StdFile {
            file,
            path: path.to_owned(),
        }))
    }

    fn create(&self, path: &Path) -> Result<Box<dyn Append>> {
        let file = File::create(path).map_err(|e| io_error("create", path, &e))?;
        Ok(Box::new(StdFile {
            file,
            path: path.to_owned(),
        }))
    }

    fn open_log(&self, path: &Path) -> Result<Arc<dyn LogFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| io_error("open", path, &e))?;
        Ok(Arc::new(StdFile {
            file,
            path: path.to_owned(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to).map_err(|e| io_error("rename", from, &e))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        fs::hard_link(from, to).map_err(|e| io_error("link", from, &e))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        fs::remove_file(path).map_err(|e| io_error("remove", path, &e))
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        let fail = |e: io::Error| io_error("list", dir, &e);
        let mut names = Vec::new();
        for entry in fs::read_dir(dir).map_err(fail)? {
            // A name that is not UTF-8 is none of the store's.
            if let Ok(name) = entry.map_err(fail)?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        path.try_exists().map_err(|e| io_error("look at", path, &e))
    }

    fn create_dir(&self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir).map_err(|e| io_error("create", dir, &e))
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        File::open(dir)
            .and_then(|file| file.sync_all())
            .map_err(|e| io_error("sync", dir, &e))
    }

    fn lock(&self, dir: &Path) -> Result<Box<dyn DirLock>> {
        let path = dir.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| io_error("open", &path, &e))?;
        if let Err(errno) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if errno != rustix::io::Errno::WOULDBLOCK {
                return Err(io_error("lock", &path, &errno.into()));
            }
            let mut text = String::new();
            // The owner's number only helps the message; without it the message says "another process".
            let read = file.read_to_string(&mut text).is_ok();
            return Err(Error::Locked {
                path: dir.to_owned(),
                owner: if read { text.trim().parse().ok() } else { None },
            });
        }
        let fail = |e: io::Error| io_error("write", &path, &e);
        file.set_len(0).map_err(fail)?;
        writeln!(file, "{}", std::process::id()).map_err(fail)?;
        Ok(Box::new(StdLock { _file: file }))
    }
}
