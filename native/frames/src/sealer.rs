//! The sealing thread: frames by time, by number of commits, and on request.
//!
//! **Theory.** Sealing runs beside writers at a lower priority and never holds them up. If they outrun it, frames stretch
//! ([`crate::schedule`]): each takes whatever changed since the last one.
//!
//! **Invariant.** It ends with its owner, also in the middle of a frame, which then is not sealed; a request waits until a frame is
//! sealed that began after it. A frame that fails is shown and tried again, and nobody but who asked for it is told.

use crate::error::{Error, Result};
use crate::header::SignedHeader;
use crate::options::SealerOptions;
use crate::schedule::{Clock, MonotonicClock, Outcome, Pace, Schedule};
use crate::seal::Frames;
use hyperdb_graph::identity::System;
use hyperdb_graph::Store;
use hyperdb_lsm::Commit;
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

#[derive(Default)]
struct State {
    stop: bool,
    /// The thread has ended.
    ended: bool,
    /// Requests made so far, and those a frame has begun after.
    asked: u64,
    answered: u64,
    answer: Option<Result<SignedHeader>>,
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

impl Shared {
    /// To be called once a change of the state has been made where the thread looks.
    fn wake(&self) {
        // Who is about to wait holds the lock from looking to waiting.
        drop(self.state.lock());
        self.changed.notify_all();
    }
}

/// Gauges and counters of sealing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealerStats {
    /// The newest frame's number, 0 if there is none.
    pub frame: u64,
    /// Its time, Unix milliseconds.
    pub time_ms: u64,
    /// Commits that no frame holds yet.
    pub lag_commits: u64,
    /// Milliseconds from the newest frame until now, 0 if it holds everything.
    pub lag_ms: u64,
    /// Bytes of memory that the frame in the making holds.
    pub dirty_bytes: u64,
    /// Frames sealed by this process.
    pub sealed: u64,
    /// Microseconds that took.
    pub sealing_micros: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Why the last try failed, if it did.
    pub failure: Option<String>,
}

impl SealerStats {
    /// The numbers by name, for INFO, metrics and `hyperdb stats`.
    pub fn rows(&self) -> [(&'static str, u64); 8] {
        [
            ("frame_number", self.frame),
            ("frame_time_ms", self.time_ms),
            ("frame_lag_commits", self.lag_commits),
            ("frame_lag_ms", self.lag_ms),
            ("frame_dirty_bytes", self.dirty_bytes),
            ("frames_sealed", self.sealed),
            ("frame_sealing_micros", self.sealing_micros),
            ("frame_failures", self.failures),
        ]
    }
}

/// The running thread; stops it when dropped.
pub struct Sealer {
    frames: Arc<Frames>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Sealer {
    /// The frames of a store with the Verkle trees, sealed on schedule.
    ///
    /// # Errors
    /// As [`Frames::open`] and [`Sealer::start`].
    pub fn open(store: Arc<Store>, options: SealerOptions) -> Result<Sealer> {
        let frames = Frames::open(store, options.frames(), Box::new(System))?;
        Self::start(
            Arc::new(frames),
            options.schedule,
            Arc::new(MonotonicClock::new()),
        )
    }

    /// Seals frames on schedule by `clock`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(frames: Arc<Frames>, schedule: Schedule, clock: Arc<dyn Clock>) -> Result<Sealer> {
        let shared = Arc::new(Shared::default());
        shared.due_at.store(u64::MAX, Ordering::Relaxed);
        if let Some(count) = schedule.commits {
            let theirs = Arc::downgrade(&shared);
            let db = frames.store().db();
            shared
                .due_at
                .store(db.latest().saturating_add(count), Ordering::Relaxed);
            db.on_commit(Arc::new(move |commit: Commit| {
                if let Some(shared) = theirs.upgrade() {
                    if commit >= shared.due_at.load(Ordering::Relaxed) {
                        shared.due_at.store(u64::MAX, Ordering::Relaxed);
                        shared.state.lock().commits_due = true;
                        shared.changed.notify_all();
                    }
                }
            }));
        }
        let woken = Arc::downgrade(&shared);
        clock.attach(Arc::new(move || {
            if let Some(shared) = woken.upgrade() {
                shared.wake();
            }
        }));
        frames.go_on();
        let work = Work {
            frames: frames.clone(),
            shared: shared.clone(),
            schedule,
            clock,
        };
        let thread = std::thread::Builder::new()
            .name("hyperdb-seal".into())
            .spawn(move || work.run())
            .map_err(|error| Error::NoThread(error.to_string()))?;
        Ok(Sealer {
            frames,
            shared,
            thread: Mutex::new(Some(thread)),
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
        state.answer.clone().unwrap_or(Err(Error::Stopped))
    }

    /// Gauges and counters.
    pub fn stats(&self) -> SealerStats {
        let newest = self.frames.newest().map(|signed| signed.header);
        let shared = &*self.shared;
        let failure = shared.state.lock().failure.clone();
        SealerStats {
            frame: newest.map_or(0, |header| header.number),
            time_ms: newest.map_or(0, |header| header.time_ms),
            lag_commits: self.frames.lag(),
            lag_ms: self.frames.lag_ms(),
            dirty_bytes: self.frames.dirty_bytes() as u64,
            sealed: shared.frames.load(Ordering::Relaxed),
            sealing_micros: shared.micros.load(Ordering::Relaxed),
            failures: shared.failures.load(Ordering::Relaxed),
            failure: failure.as_ref().map(Error::to_string),
        }
    }

    /// Ends the thread and waits for it; a frame in the making is given up. A second call does nothing.
    pub fn stop(&self) {
        self.shared.state.lock().stop = true;
        self.frames.stop();
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // A thread that panicked leaves the newest frame as it was.
            let _ended = thread.join();
        }
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Tells those who wait, however the thread ends.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.ended = true;
        if !state.stop {
            state.failure = Some(Error::Stopped);
        }
        self.0.changed.notify_all();
    }
}

/// What the thread works with.
struct Work {
    frames: Arc<Frames>,
    shared: Arc<Shared>,
    schedule: Schedule,
    clock: Arc<dyn Clock>,
}

impl Work {
    fn run(self) {
        let _ending = Ending(self.shared.clone());
        lower_priority();
        let mut pace = Pace::new(self.schedule, self.clock.now());
        while let Some(asked) = self.wait(&pace) {
            let (began, busy) = (self.clock.now(), self.clock.busy());
            // Nothing to do costs nothing: no writer is held, no time passes in the store.
            let sealed = match asked {
                None if self.frames.is_sealed() => Ok(None),
                asked => self.frames.seal(asked.is_some()),
            };
            let ended = self.clock.now();
            let outcome = match self.count(&sealed, ended - began) {
                true => Outcome::Sealed(self.clock.busy() - busy),
                false if sealed.is_err() => Outcome::Failed,
                false => Outcome::Nothing,
            };
            pace.tried(began, ended, outcome);
            self.answer(asked, sealed);
        }
    }

    /// Until a frame is due: the number of the newest request, if there is one to answer. `None`: it is over.
    fn wait(&self, pace: &Pace) -> Option<Option<u64>> {
        let mut state = self.shared.state.lock();
        loop {
            if state.stop {
                return None;
            }
            let requested = state.asked > state.answered;
            let timely = pace.next().is_some_and(|next| self.clock.now() >= next);
            if requested || timely || std::mem::take(&mut state.commits_due) {
                state.commits_due = false;
                return Some(requested.then_some(state.asked));
            }
            match pace.next().and_then(|next| self.clock.sleep(next)) {
                Some(time) => {
                    let _woken = self.shared.changed.wait_for(&mut state, time);
                }
                None => self.shared.changed.wait(&mut state),
            }
        }
    }

    /// Counts a try; whether a frame came of it.
    fn count(&self, sealed: &Result<Option<SignedHeader>>, took: Duration) -> bool {
        let shared = &self.shared;
        if let Some(count) = self.schedule.commits {
            let latest = self.frames.store().db().latest();
            let due_at = latest.saturating_add(count);
            shared.due_at.store(due_at, Ordering::Relaxed);
        }
        match sealed {
            Ok(Some(_)) => {
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                shared.frames.fetch_add(1, Ordering::Relaxed);
                shared.micros.fetch_add(micros, Ordering::Relaxed);
                true
            }
            Ok(None) => false,
            Err(_) => {
                shared.failures.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    fn answer(&self, asked: Option<u64>, sealed: Result<Option<SignedHeader>>) {
        let mut state = self.shared.state.lock();
        state.failure = sealed.as_ref().err().cloned();
        if let Some(asked) = asked {
            state.answer = Some(sealed.and_then(|signed| signed.ok_or(Error::Stopped)));
            state.answered = asked;
            self.shared.changed.notify_all();
        }
    }
}

/// Gives way to everything else on the machine, where the system lets a thread do that.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // A third of a processor's time where everything is busy. With the least priority, frames would end to come there.
        const NICE: i32 = 5;
        // On Linux the number of a thread serves as that of a process here. A refusal costs no more than priority.
        let _refused = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
    }
}
