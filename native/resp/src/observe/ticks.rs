//! A clock for single commands: the processor's own counter where the kernel keeps time by it, else the system's clock.
//!
//! **Theory.** The end of every command is read. A call of the system's clock costs 25 ns, a twentieth of a short command in a pipeline; the
//! counter costs a third of that. Linux takes it for its clock only while it runs at one rate on all processors, and says so in
//! `/sys`; its rate is measured once, against the system's clock.
//!
//! **Invariant.** Times are differences of two readings of one [`Ticks`]; one that would be negative is 0.
#![allow(unsafe_code)]

use super::nanos;
use std::time::{Duration, Instant};

/// Where Linux says what it keeps time by.
const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
/// For how long the counter's rate is measured.
const MEASURED: Duration = Duration::from_millis(2);
/// Tries to read both clocks with nothing between.
const TRIES: usize = 16;

/// See the module's head.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ticks {
    /// The processor's counter; nanoseconds of 2^32 ticks.
    Counter(u64),
    /// Nanoseconds since then.
    System(Instant),
}

/// The processor's counter.
#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // Safety: every processor of this architecture has the instruction; it reads no memory and has no other effect.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    0
}

/// Both clocks at the same moment, or nearly: of some tries the one with the least between.
fn both() -> (u64, Instant) {
    let once = || {
        let before = counter();
        let at = Instant::now();
        let after = counter();
        (after.saturating_sub(before), after, at)
    };
    let best = (1..TRIES)
        .map(|_| once())
        .fold(once(), |best, one| if one.0 < best.0 { one } else { best });
    (best.1, best.2)
}

impl Ticks {
    /// Chooses a clock; takes some milliseconds.
    pub(crate) fn start() -> Ticks {
        let source = std::fs::read_to_string(SOURCE).unwrap_or_default();
        if cfg!(not(target_arch = "x86_64")) || source.trim() != "tsc" {
            return Ticks::System(Instant::now());
        }
        let (first, from) = both();
        std::thread::sleep(MEASURED);
        let (last, to) = both();
        let (ticks, took) = (last.saturating_sub(first), nanos(to.duration_since(from)));
        match (u128::from(took) << 32).checked_div(u128::from(ticks)) {
            Some(scale) => Ticks::Counter(u64::try_from(scale).unwrap_or(u64::MAX)),
            None => Ticks::System(Instant::now()),
        }
    }

    /// A reading, in units of its own.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        match self {
            Ticks::Counter(_) => counter(),
            Ticks::System(since) => nanos(since.elapsed()),
        }
    }

    /// Nanoseconds between two readings.
    #[inline]
    pub(crate) fn between(&self, from: u64, to: u64) -> u64 {
        let ticks = to.saturating_sub(from);
        match self {
            Ticks::Counter(scale) => {
                let scaled = (u128::from(ticks) * u128::from(*scale)) >> 32;
                u64::try_from(scaled).unwrap_or(u64::MAX)
            }
            Ticks::System(_) => ticks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_lie_between_those_of_the_system_s_clock() {
        for ticks in [Ticks::start(), Ticks::System(Instant::now())] {
            let outer = Instant::now();
            let from = ticks.now();
            let inner = Instant::now();
            std::thread::sleep(Duration::from_millis(5));
            let least = nanos(inner.elapsed());
            let to = ticks.now();
            let most = nanos(outer.elapsed());
            let measured = ticks.between(from, to);
            // A hundredth either way for the measured rate.
            assert!(least - least / 100 <= measured, "{least} {measured}");
            assert!(measured <= most + most / 100, "{measured} {most}");
            assert_eq!(ticks.between(to, from), 0);
        }
    }
}
