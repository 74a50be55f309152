//! The sealing thread: frames by time, by number of commits, and on request.
//!
//! **Theory.** Sealing runs beside writers at the lowest priority and never holds them up. If they outrun it, the next frame
//! begins when the last one ends and takes whatever changed meanwhile: frames stretch. A key written a thousand
//! times in that time is one edit, so a longer frame costs less a write.
//!
//! **Invariant.** It ends with its owner; a request waits until a frame is sealed that began after it.

use crate::error::{Error, Result};
use crate::header::SignedHeader;
use crate::seal::Frames;
use hyperdb_lsm::Commit;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// When frames are sealed of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// So long after the last one began, if there is something to seal; `None`: not by time.
    pub interval: Option<Duration>,
    /// After so many commits; `None`: not by count.
    pub commits: Option<u64>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            interval: Some(Duration::from_secs(1)),
            commits: None,
        }
    }
}

/// After a failure sealing is tried again so much later.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    stop: bool,
    /// The thread has ended.
    ended: bool,
    /// Requests made so far, and those a frame has begun after.
    asked: u64,
    answered: u64,
    answer: Option<Result<Option<SignedHeader>>>,
    commits_due: bool,
    failure: Option<Error>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Commit beyond which a frame is due by count.
    due_at: AtomicU64,
    frames: AtomicU64,
    micros: AtomicU64,
    failures: AtomicU64,
}

/// Gauges of sealing.
#[derive(Clone, Debug, Default)]
pub struct SealerStats {
    /// The newest frame's number, 0 if there is none.
    pub frame: u64,
    /// Its time, Unix milliseconds.
    pub time_ms: u64,
    /// Commits since its data commit, its own batch included.
    pub lag_commits: u64,
    /// Bytes of memory that the frame in the making holds.
    pub dirty_bytes: u64,
    /// Frames sealed by this process.
    pub sealed: u64,
    /// Microseconds that took.
    pub sealing_micros: u64,
    /// Tries that failed, and why the last one did.
    pub failures: u64,
    /// See `failures`.
    pub failure: Option<String>,
}

/// The running thread; stops it when dropped.
pub struct Sealer {
    frames: Arc<Frames>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Sealer {
    /// Seals frames on schedule.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(frames: Arc<Frames>, schedule: Schedule) -> io::Result<Sealer> {
        let shared = Arc::new(Shared::default());
        shared.due_at.store(u64::MAX, Ordering::Relaxed);
        if let Some(count) = schedule.commits {
            let theirs = Arc::downgrade(&shared);
            let latest = frames.store().db().latest();
            shared
                .due_at
                .store(latest.saturating_add(count), Ordering::Relaxed);
            frames
                .store()
                .db()
                .on_commit(Arc::new(move |commit: Commit| {
                    if let Some(shared) = theirs.upgrade() {
                        if commit >= shared.due_at.load(Ordering::Relaxed) {
                            shared.due_at.store(u64::MAX, Ordering::Relaxed);
                            shared.state.lock().commits_due = true;
                            shared.changed.notify_all();
                        }
                    }
                }));
        }
        let (mine, theirs) = (frames.clone(), shared.clone());
        let thread = std::thread::Builder::new()
            .name("hyperdb-seal".into())
            .spawn(move || {
                lower_priority();
                run(&mine, &theirs, schedule);
                theirs.state.lock().ended = true;
                theirs.changed.notify_all();
            })?;
        Ok(Sealer {
            frames,
            shared,
            thread: Some(thread),
        })
    }

    /// The frames that it seals.
    pub fn frames(&self) -> &Arc<Frames> {
        &self.frames
    }

    /// Seals a frame now, also if nothing changed, and waits for it: everything durable at this moment is in it.
    ///
    /// # Errors
    /// What sealing fails with; [`Error::Stopped`] if the thread has ended.
    pub fn seal(&self) -> Result<SignedHeader> {
        let mut state = self.shared.state.lock();
        state.asked += 1;
        let mine = state.asked;
        self.shared.changed.notify_all();
        while state.answered < mine {
            if state.ended {
                return Err(Error::Stopped);
            }
            self.shared.changed.wait(&mut state);
        }
        match state.answer.clone() {
            Some(Ok(Some(signed))) => Ok(signed),
            Some(Err(error)) => Err(error),
            _ => Err(Error::Stopped),
        }
    }

    /// Gauges.
    pub fn stats(&self) -> SealerStats {
        let newest = self.frames.newest().map(|signed| signed.header);
        SealerStats {
            frame: newest.map_or(0, |header| header.number),
            time_ms: newest.map_or(0, |header| header.time_ms),
            lag_commits: self.frames.lag(),
            dirty_bytes: self.frames.dirty_bytes() as u64,
            sealed: self.shared.frames.load(Ordering::Relaxed),
            sealing_micros: self.shared.micros.load(Ordering::Relaxed),
            failures: self.shared.failures.load(Ordering::Relaxed),
            failure: self
                .shared
                .state
                .lock()
                .failure
                .as_ref()
                .map(Error::to_string),
        }
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.shared.state.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked leaves the newest frame as it was.
            let _ended = thread.join();
        }
    }
}

fn run(frames: &Frames, shared: &Shared, schedule: Schedule) {
    let mut next = schedule.interval.map(|interval| Instant::now() + interval);
    loop {
        let (asked, requested) = {
            let mut state = shared.state.lock();
            while !state.stop
                && state.asked == state.answered
                && !state.commits_due
                && next.is_none_or(|next| Instant::now() < next)
            {
                match next {
                    Some(next) => {
                        let _waited = shared.changed.wait_until(&mut state, next);
                    }
                    None => shared.changed.wait(&mut state),
                }
            }
            if state.stop {
                return;
            }
            state.commits_due = false;
            (state.asked, state.asked > state.answered)
        };
        let began = Instant::now();
        // Nothing to do costs nothing: no writer is held, no time passes in the store.
        let idle = !requested && frames.is_sealed();
        let sealed = if idle {
            Ok(None)
        } else {
            frames.seal(requested)
        };
        let took = began.elapsed();
        if matches!(sealed, Ok(Some(_))) {
            shared.frames.fetch_add(1, Ordering::Relaxed);
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            shared.micros.fetch_add(micros, Ordering::Relaxed);
        }
        let failed = sealed.as_ref().err().cloned();
        next = schedule.interval.map(|interval| match failed {
            Some(_) => Instant::now() + interval.max(RETRY),
            None => (began + interval).max(Instant::now()),
        });
        if let Some(count) = schedule.commits {
            let latest = frames.store().db().latest();
            shared
                .due_at
                .store(latest.saturating_add(count), Ordering::Relaxed);
        }
        let mut state = shared.state.lock();
        shared
            .failures
            .fetch_add(u64::from(failed.is_some()), Ordering::Relaxed);
        state.failure = failed;
        if requested {
            state.answer = Some(sealed);
            state.answered = asked;
            shared.changed.notify_all();
        }
    }
}

/// Gives way to everything else on the machine, where the system lets a thread do that.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        const NICEST: i32 = 19;
        // On Linux the number of a thread serves as that of a process here. A refusal costs no more than priority.
        let _refused = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICEST);
    }
}
