//! The sealing thread under a clock that the test sets: frames by time, by count and on request; frames that take long, that
//! fail, and that are given up half way.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use hyperdb_frames::{Error, Frames, Retention, Schedule, Sealer, SealerStats};
use hyperdb_lsm::fs::{Fault, FaultFs, FaultKind, FileSystem, SimFs};
use hyperdb_lsm::SyncMode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::clock::{Gate, Gated, SetClock};
use support::{act, check, open_with, Act, Maps, World};

const SECOND: Duration = Duration::from_secs(1);
const BY_COUNT: Schedule = Schedule {
    interval: None,
    commits: Some(3),
};

struct Bench {
    clock: Arc<SetClock>,
    gate: Arc<Gate>,
    frames: Arc<Frames>,
}

impl Bench {
    fn on(fs: impl FileSystem + 'static, memory: usize) -> Bench {
        let gate = Arc::new(Gate::default());
        let forest = Box::new(Gated(Maps::default(), gate.clone()));
        let (retention, world) = (Retention::default(), World::default());
        let sync = SyncMode::Always;
        let frames = open_with(Arc::new(fs), sync, retention, memory, &world, forest).unwrap();
        Bench {
            clock: Arc::default(),
            gate,
            frames: Arc::new(frames),
        }
    }

    fn new() -> Bench {
        Self::on(SimFs::new(), 4 << 20)
    }

    fn start(&self, schedule: Schedule) -> Sealer {
        let sealer = Sealer::start(self.frames.clone(), schedule, self.clock.clone()).unwrap();
        if schedule.interval.is_some() {
            self.clock.sleeping();
        }
        sealer
    }

    fn write(&self, n: u8) -> u64 {
        let mut turn = self.frames.store().turn(0);
        act(&mut turn, &Act::Text(1, n, n));
        act(&mut turn, &Act::Field(1, 3, n, 1));
        let commit = turn.commit().unwrap();
        drop(turn);
        self.frames.store().db().wait_durable(commit).unwrap();
        commit
    }

    fn number(&self) -> u64 {
        self.frames
            .newest()
            .map_or(0, |signed| signed.header.number)
    }

    fn newest_commit(&self) -> u64 {
        self.frames.newest().unwrap().header.commit
    }
}

/// Waits for what a thread does without a clock.
fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < 30 * SECOND, "stuck: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn by_time_when_there_is_something_to_seal() {
    let bench = Bench::new();
    let sealer = bench.start(Schedule::default());
    let commit = bench.write(1);
    assert_eq!(sealer.stats().frame, 0);
    assert!(sealer.stats().lag_commits > 0);
    bench.clock.pass(SECOND / 2);
    assert_eq!(bench.number(), 0);
    bench.clock.pass(SECOND / 2);
    assert_eq!(bench.number(), 1);
    assert_eq!(bench.newest_commit(), commit);
    let sealed = sealer.stats();
    assert_eq!((sealed.lag_commits, sealed.lag_ms), (0, 0));
    for _ in 0..5 {
        bench.clock.pass(SECOND);
        assert_eq!(bench.number(), 1, "nothing is to be sealed");
    }
    bench.write(2);
    bench.clock.pass(SECOND);
    assert_eq!(bench.number(), 2);
    let expected = SealerStats {
        frame: 2,
        sealed: 2,
        ..SealerStats::default()
    };
    let stats = sealer.stats();
    let timeless = SealerStats {
        sealing_micros: 0,
        ..stats
    };
    assert_eq!(timeless, expected);
    check(&bench.frames);
}

#[test]
fn by_count_of_commits() {
    let bench = Bench::new();
    let begin = bench.frames.store().db().latest();
    let sealer = bench.start(BY_COUNT);
    for n in 0..3 {
        bench.write(n);
    }
    until("three commits make a frame", || sealer.stats().sealed == 1);
    assert_eq!(bench.newest_commit(), begin + 3);
    // What was written while a frame was made counts for the next.
    let next = bench.frames.store().db().latest() + 3;
    while bench.frames.store().db().latest() < next {
        bench.write(7);
    }
    until("and so do the next", || sealer.stats().sealed == 2);
    assert!(bench.newest_commit() >= next);
    check(&bench.frames);
}

#[test]
fn on_request_also_when_nothing_changed() {
    let bench = Bench::new();
    let sealer = Arc::new(bench.start(Schedule::OFF));
    let commit = bench.write(1);
    assert_eq!(sealer.seal().unwrap().header.commit, commit);
    assert_eq!(sealer.seal().unwrap().header.number, 2);
    let asked: Vec<_> = (0..8u8)
        .map(|n| {
            let (sealer, commit) = (sealer.clone(), bench.write(n));
            std::thread::spawn(move || (commit, sealer.seal().unwrap().header.commit))
        })
        .collect();
    for thread in asked {
        let (written, sealed) = thread.join().unwrap();
        assert!(
            sealed >= written,
            "what was durable at a request is in its frame"
        );
    }
    check(&bench.frames);
}

#[test]
fn frames_stretch_and_writers_go_on() {
    let bench = Bench::new();
    let sealer = bench.start(Schedule::default());
    bench.write(1);
    bench.gate.shut();
    bench.clock.advance(SECOND);
    bench.gate.arrived();
    let mut last = 0;
    for n in 0..100 {
        last = bench.write(n);
    }
    assert!(sealer.stats().lag_commits >= 100);
    bench.clock.advance(3 * SECOND);
    bench.gate.open();
    until("the first frame is made", || sealer.stats().sealed == 1);
    // It took three seconds, the rest after it takes three times as long.
    for _ in 0..8 {
        bench.clock.pass(SECOND);
    }
    assert_eq!(bench.number(), 1);
    bench.clock.pass(SECOND);
    assert_eq!(bench.number(), 2);
    assert!(
        bench.newest_commit() >= last,
        "one frame holds all that came meanwhile"
    );
    assert_eq!(sealer.stats().lag_commits, 0);
    // Twelve texts and six fields, each once, however often they were written.
    assert!(bench.frames.cost(2).unwrap().changed < 25);
    check(&bench.frames);
}

#[test]
fn a_failure_is_shown_and_overcome() {
    let fs = FaultFs::new(Arc::new(SimFs::new()));
    let bench = Bench::on(fs.clone(), 4 << 20);
    let sealer = bench.start(Schedule::default());
    bench.write(1);
    bench.clock.pass(SECOND);
    bench.write(2);
    fs.fail(Fault {
        at: 1,
        kind: FaultKind::NoSpace,
        sticky: true,
    });
    bench.clock.pass(SECOND);
    let failed = sealer.stats();
    assert_eq!((failed.failures, failed.frame), (1, 1));
    assert!(failed.failure.unwrap().contains("no space"));
    let told = sealer.seal().unwrap_err();
    assert!(
        matches!(told, Error::Store(hyperdb_lsm::Error::NoSpace)),
        "{told}"
    );
    check(&bench.frames);
    // The third try comes two seconds after the second, with which nobody but who asked for it is bothered.
    bench.clock.pass(SECOND);
    assert_eq!(sealer.stats().failures, 2);
    fs.heal();
    bench.clock.pass(SECOND);
    let sealed = sealer.stats();
    assert_eq!((sealed.failures, sealed.frame), (2, 2));
    assert_eq!(sealed.failure, None);
    bench.write(3);
    bench.clock.pass(SECOND);
    assert_eq!(bench.number(), 3);
    check(&bench.frames);
}

#[test]
fn a_frame_is_given_up_half_way_and_made_again() {
    let disk = SimFs::new();
    // So little memory that every few edits are written.
    let bench = Bench::on(disk.clone(), 400);
    let sealer = Arc::new(bench.start(Schedule::default()));
    bench.write(1);
    bench.clock.pass(SECOND);
    for n in 0..50 {
        bench.write(n);
    }
    let written = bench.frames.store().db().latest();
    bench.gate.shut();
    let asking = {
        let sealer = sealer.clone();
        std::thread::spawn(move || sealer.seal())
    };
    bench.gate.arrived();
    let stopping = {
        let sealer = sealer.clone();
        std::thread::spawn(move || sealer.stop())
    };
    until("it is told to stop", || bench.frames.is_stopped());
    bench.gate.open();
    stopping.join().unwrap();
    let answer = asking.join().unwrap();
    assert!(matches!(answer, Err(Error::Stopped)), "{answer:?}");
    assert!(matches!(sealer.seal(), Err(Error::Stopped)));
    assert_eq!(bench.number(), 1);
    check(&bench.frames);
    // The same frames go on with another thread.
    let again = bench.start(Schedule::OFF);
    assert_eq!(again.seal().unwrap().header.number, 2);
    assert!(bench.newest_commit() >= written);
    check(&bench.frames);
}

#[test]
fn whoever_waits_is_told_when_the_thread_dies() {
    let bench = Bench::new();
    let sealer = bench.start(Schedule::OFF);
    bench.write(1);
    bench.gate.mine();
    assert!(matches!(sealer.seal(), Err(Error::Stopped)));
    assert!(sealer.stats().failure.is_some());
    assert!(matches!(sealer.seal(), Err(Error::Stopped)));
}
