//! A clock that tests set, and trees that wait until a test lets them go on.
#![allow(clippy::unwrap_used, dead_code)]

use super::Maps;
use hyperdb_frames::edits::Piece;
use hyperdb_frames::output::Output;
use hyperdb_frames::schedule::{Clock, Wake};
use hyperdb_frames::{Forest, Names, Result, Roots};
use hyperdb_lsm::Snapshot;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// How long a test waits for a thread that is stuck.
const STUCK: Duration = Duration::from_secs(30);

/// Waits until `done` holds of what is guarded.
fn wait<T>(guarded: &Mutex<T>, changed: &Condvar, what: &str, done: impl Fn(&T) -> bool) {
    let mut state = guarded.lock();
    while !done(&state) {
        let late = changed.wait_for(&mut state, STUCK).timed_out();
        assert!(!late || done(&state), "stuck: {what}");
    }
}

#[derive(Default)]
struct Time {
    now: Duration,
    /// How often somebody went to sleep by this clock.
    sleeps: u64,
    wake: Option<Wake>,
}

/// Goes forward when it is told to.
#[derive(Default)]
pub struct SetClock {
    time: Mutex<Time>,
    changed: Condvar,
}

impl SetClock {
    /// Goes forward; does not wait for anybody.
    pub fn advance(&self, by: Duration) {
        let wake = {
            let mut time = self.time.lock();
            time.now += by;
            time.wake.clone()
        };
        if let Some(wake) = wake {
            wake();
        }
    }

    /// Goes forward, and waits until the sleeper has done what was due and sleeps again.
    pub fn pass(&self, by: Duration) {
        self.sleeping();
        let before = self.time.lock().sleeps;
        self.advance(by);
        wait(&self.time, &self.changed, "nobody looks", |time| {
            time.sleeps > before
        });
    }

    /// Waits until somebody sleeps by this clock.
    pub fn sleeping(&self) {
        wait(&self.time, &self.changed, "nobody sleeps", |time| {
            time.sleeps > 0
        });
    }
}

impl Clock for SetClock {
    fn now(&self) -> Duration {
        self.time.lock().now
    }

    /// Whoever works by this clock does nothing else.
    fn busy(&self) -> Duration {
        self.now()
    }

    fn sleep(&self, _until: Duration) -> Option<Duration> {
        self.time.lock().sleeps += 1;
        self.changed.notify_all();
        None
    }

    fn attach(&self, wake: Wake) {
        self.time.lock().wake = Some(wake);
    }
}

#[derive(Default)]
struct Door {
    shut: bool,
    /// How often somebody came to the door while it was shut.
    waits: u64,
    panics: bool,
}

/// Where trees wait before they take a piece of edits.
#[derive(Default)]
pub struct Gate {
    door: Mutex<Door>,
    changed: Condvar,
}

impl Gate {
    pub fn shut(&self) {
        let mut door = self.door.lock();
        (door.shut, door.waits) = (true, 0);
    }

    pub fn open(&self) {
        self.door.lock().shut = false;
        self.changed.notify_all();
    }

    /// Whoever passes from now on panics.
    pub fn mine(&self) {
        self.door.lock().panics = true;
    }

    /// Waits until somebody waits at the gate.
    pub fn arrived(&self) {
        wait(&self.door, &self.changed, "nobody comes", |door| {
            door.waits > 0
        });
    }

    fn pass(&self) {
        let mut door = self.door.lock();
        assert!(!door.panics, "as the test wishes");
        if door.shut {
            door.waits += 1;
            self.changed.notify_all();
        }
        while door.shut {
            self.changed.wait(&mut door);
        }
    }
}

/// Trees behind a gate.
pub struct Gated(pub Maps, pub Arc<Gate>);

impl Forest for Gated {
    fn apply(&mut self, nodes: &Snapshot, piece: Piece) -> Result<()> {
        self.1.pass();
        self.0.apply(nodes, piece)
    }

    fn write(&mut self, nodes: &Snapshot, out: &mut dyn Output) -> Result<()> {
        self.0.write(nodes, out)
    }

    fn finish(
        &mut self,
        nodes: &Snapshot,
        before: Option<&Names>,
        names: &Names,
        out: &mut dyn Output,
    ) -> Result<Roots> {
        self.0.finish(nodes, before, names, out)
    }

    fn sealed(&mut self) {
        self.0.sealed();
    }

    fn abandon(&mut self) {
        self.0.abandon();
    }

    fn dirty_bytes(&self) -> usize {
        self.0.dirty_bytes()
    }
}
