//! A file system that fails at a chosen call.

use super::{io_error, Append, DirLock, FileSystem, LogFile, ReadAt};
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Input/output error; nothing was done.
    Io,
    /// No room; nothing was done.
    NoSpace,
    /// Half of the bytes were written, then an input/output error; as [`FaultKind::Io`] for other calls.
    ShortWrite,
    /// Only syncs count and fail.
    Sync,
}

/// Which call fails, counted from 1 over the calls that `kind` concerns.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Number of the first failing call.
    pub at: u64,
    /// How it fails.
    pub kind: FaultKind,
    /// Whether all later ones fail too, until [`FaultFs::heal`].
    pub sticky: bool,
}

#[derive(Default)]
struct Plan {
    calls: u64,
    fault: Option<Fault>,
    fired: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Call {
    Write,
    Sync,
    Other,
}

impl Plan {
    /// Counts the call and says whether and how it fails.
    fn next(&mut self, call: Call) -> Option<FaultKind> {
        let concerned = match self.fault.map(|fault| fault.kind) {
            Some(FaultKind::Sync) => call == Call::Sync,
            Some(FaultKind::ShortWrite) => call == Call::Write,
            _ => true,
        };
        if !concerned {
            return None;
        }
        self.calls += 1;
        let fault = self.fault?;
        let fires = self.calls == fault.at || (fault.sticky && self.calls > fault.at);
        self.fired |= fires;
        fires.then_some(fault.kind)
    }
}

/// Passes calls that change the disk on to another file system, except those that the plan lets fail.
#[derive(Clone)]
pub struct FaultFs {
    inner: Arc<dyn FileSystem>,
    plan: Arc<Mutex<Plan>>,
}

impl FaultFs {
    /// Without a fault yet.
    pub fn new(inner: Arc<dyn FileSystem>) -> Self {
        Self {
            inner,
            plan: Arc::default(),
        }
    }

    /// Plans a fault; counting starts anew.
    pub fn fail(&self, fault: Fault) {
        *self.plan.lock() = Plan {
            fault: Some(fault),
            ..Plan::default()
        };
    }

    /// Ends a sticky fault.
    pub fn heal(&self) {
        self.plan.lock().fault = None;
    }

    /// How many calls were counted since the start or the last [`FaultFs::fail`].
    pub fn calls(&self) -> u64 {
        self.plan.lock().calls
    }

    /// Whether the planned fault has happened.
    pub fn fired(&self) -> bool {
        self.plan.lock().fired
    }

    fn check(&self, call: Call, action: &'static str, path: &Path) -> Result<()> {
        match self.plan.lock().next(call) {
            Some(kind) => Err(failure(kind, action, path)),
            None => Ok(()),
        }
    }
}

fn failure(kind: FaultKind, action: &'static str, path: &Path) -> Error {
    match kind {
        FaultKind::NoSpace => Error::NoSpace,
        _ => io_error(action, path, &io::Error::other("injected fault")),
    }
}

struct FaultAppend {
    fs: FaultFs,
    inner: Box<dyn Append>,
    path: std::path::PathBuf,
}

impl Append for FaultAppend {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let fault = self.fs.plan.lock().next(Call::Write);
        match fault {
            None => self.inner.append(bytes),
            Some(kind) => {
                if kind == FaultKind::ShortWrite {
                    self.inner.append(&bytes[..bytes.len() / 2])?;
                }
                Err(failure(kind, "append to", &self.path))
            }
        }
    }

    fn sync(&mut self) -> Result<()> {
        self.fs.check(Call::Sync, "sync", &self.path)?;
        self.inner.sync()
    }
}

struct FaultLog {
    fs: FaultFs,
    inner: Arc<dyn LogFile>,
}

impl ReadAt for FaultLog {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        self.inner.read_exact_at(buf, offset)
    }

    fn len(&self) -> Result<u64> {
        self.inner.len()
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }
}

impl LogFile for FaultLog {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let fault = self.fs.plan.lock().next(Call::Write);
        match fault {
            None => self.inner.write_all_at(bytes, offset),
            Some(kind) => {
                if kind == FaultKind::ShortWrite {
                    self.inner.write_all_at(&bytes[..bytes.len() / 2], offset)?;
                }
                Err(failure(kind, "write", self.path()))
            }
        }
    }

    fn sync(&self) -> Result<()> {
        self.fs.check(Call::Sync, "sync", self.path())?;
        self.inner.sync()
    }

    fn preallocate(&self, len: u64) -> Result<()> {
        self.fs
            .check(Call::Other, "reserve room for", self.path())?;
        self.inner.preallocate(len)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.fs.check(Call::Other, "cut", self.path())?;
        self.inner.set_len(len)
    }
}

impl FileSystem for FaultFs {
    fn open_read(&self, path: &Path) -> Result<Arc<dyn ReadAt>> {
        self.inner.open_read(path)
    }

    fn create(&self, path: &Path) -> Result<Box<dyn Append>> {
        self.check(Call::Other, "create", path)?;
        Ok(Box::new(FaultAppend {
            fs: self.clone(),
            inner: self.inner.create(path)?,
            path: path.to_owned(),
        }))
    }

    fn open_log(&self, path: &Path) -> Result<Arc<dyn LogFile>> {
        self.check(Call::Other, "open", path)?;
        Ok(Arc::new(FaultLog {
            fs: self.clone(),
            inner: self.inner.open_log(path)?,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.check(Call::Other, "rename", from)?;
        self.inner.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.check(Call::Other, "link", from)?;
        self.inner.link(from, to)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.check(Call::Other, "remove", path)?;
        self.inner.remove(path)
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        self.inner.exists(path)
    }

    fn create_dir(&self, dir: &Path) -> Result<()> {
        self.check(Call::Other, "create", dir)?;
        self.inner.create_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.check(Call::Sync, "sync", dir)?;
        self.inner.sync_dir(dir)
    }

    fn lock(&self, dir: &Path) -> Result<Box<dyn DirLock>> {
        self.inner.lock(dir)
    }
}
