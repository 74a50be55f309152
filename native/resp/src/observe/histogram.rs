//! How long calls of one command took: counts by logarithmic steps, so that a percentile is right to less than a hundredth.
//!
//! **Theory.** HdrHistogram with two significant digits (Tene; hdrhistogram.org): every doubling is cut into 128 equal steps. What
//! Redis's LATENCY HISTOGRAM and INFO show follows from the same steps, so dashboards read the same bounds.

/// Steps within one doubling, as a power of two.
const STEP_BITS: u32 = 7;
/// Values below are counted exactly.
const EXACT: u64 = 2 << STEP_BITS;
/// Nothing longer is told apart: a second, in nanoseconds, as in Redis.
const LONGEST: u64 = 1_000_000_000;
/// The first bound that LATENCY HISTOGRAM shows, nanoseconds; the next ones are its doublings.
const FIRST_BOUND: u64 = 1024;

/// See the module's head.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Box<[u64]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; place(LONGEST) + 1].into(),
            total: 0,
        }
    }
}

/// The step of a value.
#[inline]
fn place(value: u64) -> usize {
    let doubling = value.max(EXACT / 2).ilog2() - STEP_BITS;
    let base = u64::from(doubling) << STEP_BITS;
    (base + (value >> doubling)) as usize
}

/// The largest value of a step.
fn highest(place: usize) -> u64 {
    let place = place as u64;
    if place < EXACT {
        return place;
    }
    let doubling = (place >> STEP_BITS) - 1;
    let lowest = (place - (doubling << STEP_BITS)) << doubling;
    lowest + (1 << doubling) - 1
}

impl Histogram {
    /// Counts one call of so many nanoseconds.
    #[inline]
    pub(crate) fn record(&mut self, nanos: u64) {
        if let Some(count) = self.counts.get_mut(place(nanos.min(LONGEST))) {
            *count += 1;
            self.total += 1;
        }
    }

    /// How many calls were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Nanoseconds within which this percentage of the calls ended.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        let wanted = (percent.clamp(0.0, 100.0) / 100.0 * self.total as f64 + 0.5) as u64;
        let wanted = wanted.max(1);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map_or(0, highest)
    }

    /// Bounds in microseconds, each with how many calls took no longer; those at which nothing is added are left out.
    pub(crate) fn cumulative(&self) -> Vec<(u64, u64)> {
        let mut shown = Vec::new();
        let (mut next, mut sum, mut bound) = (0, 0, FIRST_BOUND);
        while sum < self.total {
            let end = place(bound);
            let before = sum;
            while next <= end && next < self.counts.len() {
                sum += self.counts[next];
                next += 1;
            }
            if sum > before {
                shown.push((highest(end) / 1000, sum));
            }
            bound *= 2;
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_step_and_steps_are_narrow() {
        for shift in 0..30 {
            for value in [(1u64 << shift) - 1, 1 << shift, (1 << shift) + 1] {
                let at = place(value);
                let upper = highest(at);
                let lower = at.checked_sub(1).map_or(0, |below| highest(below) + 1);
                assert!(lower <= value && value <= upper, "{lower} {value} {upper}");
                assert!(
                    (upper - lower) * 128 <= value,
                    "{value} within {lower}..{upper}"
                );
            }
        }
        assert!((1..4096).all(|at| highest(at - 1) < highest(at)));
    }

    #[test]
    fn percentiles_and_bounds_are_those_of_redis() {
        let mut histogram = Histogram::default();
        assert_eq!(
            (histogram.percentile(50.0), histogram.cumulative()),
            (0, vec![])
        );
        for nanos in [900, 1500, 20_000, 20_000, 2_000_000_000] {
            histogram.record(nanos);
        }
        assert_eq!(histogram.percentile(0.0), 903);
        assert_eq!(histogram.percentile(50.0), 20_095);
        assert_eq!(histogram.percentile(80.0), 20_095);
        assert!(histogram.percentile(99.0) >= LONGEST);
        let shown = histogram.cumulative();
        assert_eq!(shown[..3], [(1, 1), (2, 2), (33, 4)]);
        assert_eq!(shown[3].1, 5);
    }
}
