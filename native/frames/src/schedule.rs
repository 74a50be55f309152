//! When the next frame is due.
//!
//! **Theory.** A frame by time begins so long after the last one began. One that was much work is followed by a rest three times as
//! long as the processor was at it: writers that outrun sealing then pay at most a quarter of a core, and the next frame, which
//! takes what changed meanwhile, is longer. A key written a thousand times in that time is one edit, so longer frames cost less a write. Time that the
//! thread had to wait for a processor counts for nothing, or frames would get rare just where they are long already. A failure is
//! tried again later and later: a disk that is full stays so for a while.
//!
//! **Invariant.** No clock is read here; whoever asks says what time it is.

use rustix::time::{clock_gettime, ClockId};
use std::sync::Arc;
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

impl Schedule {
    /// Frames on request only.
    pub const OFF: Schedule = Schedule {
        interval: None,
        commits: None,
    };
}

/// Wakes the thread that waits for a clock.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Time that only goes forward.
pub trait Clock: Send + Sync {
    /// Since some fixed moment.
    fn now(&self) -> Duration;

    /// Processor time of the calling thread.
    fn busy(&self) -> Duration;

    /// How long to sleep until then; `None`: until woken, by the clock too.
    fn sleep(&self, until: Duration) -> Option<Duration>;

    /// Tells the clock whom to wake when its time was set. Clocks that run need nobody.
    fn attach(&self, wake: Wake) {
        drop(wake);
    }
}

/// The machine's.
pub struct MonotonicClock(Instant);

impl MonotonicClock {
    /// From now on.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn busy(&self) -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let part = |number: i64| u64::try_from(number).unwrap_or(0);
        Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
    }

    fn sleep(&self, until: Duration) -> Option<Duration> {
        Some(until.saturating_sub(self.now()))
    }
}

/// What a try to seal came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// After so much processor time.
    Sealed(Duration),
    Nothing,
    Failed,
}

/// Frames are not begun more often, whatever is asked for.
const SHORTEST: Duration = Duration::from_millis(10);
/// Of the processor time that a frame took.
const REST: u32 = 3;
/// The first pause after a failure, and the longest.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(32);

/// Follows a schedule.
#[derive(Debug)]
pub(crate) struct Pace {
    schedule: Schedule,
    next: Option<Duration>,
    retry: Duration,
}

impl Pace {
    pub(crate) fn new(schedule: Schedule, now: Duration) -> Pace {
        let schedule = Schedule {
            interval: schedule.interval.map(|interval| interval.max(SHORTEST)),
            ..schedule
        };
        Pace {
            schedule,
            next: schedule.interval.map(|interval| now + interval),
            retry: RETRY,
        }
    }

    /// When a frame is due by time.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.next
    }

    pub(crate) fn tried(&mut self, began: Duration, ended: Duration, outcome: Outcome) {
        if outcome == Outcome::Failed {
            // On request only: whoever asked is told, and may ask again.
            let alone = self.schedule != Schedule::OFF;
            let pause = self.retry.max(self.schedule.interval.unwrap_or_default());
            self.next = alone.then(|| ended + pause);
            self.retry = (self.retry * 2).min(LONGEST_RETRY);
            return;
        }
        self.retry = RETRY;
        let rest = match outcome {
            Outcome::Sealed(busy) => busy * REST,
            Outcome::Nothing | Outcome::Failed => Duration::ZERO,
        };
        let interval = self.schedule.interval;
        self.next = interval.map(|interval| (began + interval).max(ended + rest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn frames_that_take_long_are_followed_by_a_rest() {
        let mut pace = Pace::new(Schedule::default(), at(10));
        assert_eq!(pace.next(), Some(at(11)));
        pace.tried(at(11), at(11), Outcome::Nothing);
        assert_eq!(pace.next(), Some(at(12)));
        pace.tried(at(12), at(12), Outcome::Sealed(at(0)));
        assert_eq!(pace.next(), Some(at(13)));
        pace.tried(at(13), at(16), Outcome::Sealed(at(3)));
        assert_eq!(pace.next(), Some(at(25)));
        // It had to wait for a processor.
        pace.tried(at(25), at(35), Outcome::Sealed(at(1)));
        assert_eq!(pace.next(), Some(at(38)));
    }

    #[test]
    fn nobody_can_ask_for_frames_without_a_pause() {
        let endless = Schedule {
            interval: Some(Duration::ZERO),
            commits: None,
        };
        let mut pace = Pace::new(endless, at(0));
        pace.tried(at(1), at(1), Outcome::Nothing);
        assert_eq!(pace.next(), Some(at(1) + SHORTEST));
    }

    #[test]
    fn failures_are_tried_again_later_and_later() {
        let mut pace = Pace::new(Schedule::default(), at(0));
        let mut now = at(1);
        for pause in [1, 2, 4, 8, 16, 32, 32] {
            pace.tried(now, now, Outcome::Failed);
            assert_eq!(pace.next(), Some(now + at(pause)));
            now += at(pause);
        }
        pace.tried(now, now, Outcome::Sealed(at(0)));
        pace.tried(now, now, Outcome::Failed);
        assert_eq!(pace.next(), Some(now + at(1)));
    }

    #[test]
    fn what_is_sealed_by_count_is_tried_again_by_time() {
        let by_count = Schedule {
            interval: None,
            commits: Some(9),
        };
        let mut pace = Pace::new(by_count, at(0));
        assert_eq!(pace.next(), None);
        pace.tried(at(5), at(5), Outcome::Failed);
        assert_eq!(pace.next(), Some(at(6)));
        pace.tried(at(6), at(6), Outcome::Sealed(at(0)));
        assert_eq!(pace.next(), None);
        let mut off = Pace::new(Schedule::OFF, at(0));
        off.tried(at(5), at(5), Outcome::Failed);
        assert_eq!(off.next(), None);
    }
}
