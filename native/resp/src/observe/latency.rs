//! The latency monitor: when something made clients wait for longer than a bound.
//!
//! **Theory.** Events are classes of things that keep the loop from serving: a command, the commit of a turn, its sync, expiry. Each keeps the
//! newest 160 seconds in which one was seen, with the worst of that second, and the worst of all. Names are Redis's where the
//! meaning is the same.

use std::collections::VecDeque;
use std::fmt::Write;

/// Seconds that are kept of an event.
const SAMPLES: usize = 160;
/// Rows of a graph.
const ROWS: usize = 4;
/// Columns of a graph's rule.
const RULE: usize = 80;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A command that may be slow.
    Command,
    /// A command that should take constant time.
    FastCommand,
    /// The commit of a turn: its record is written to the log.
    LogWrite,
    /// The sync of a turn's commit, which replies wait for.
    LogSync,
    /// What has expired is removed.
    Expiry,
}

impl Event {
    const ALL: [Event; 5] = [
        Event::Command,
        Event::FastCommand,
        Event::LogWrite,
        Event::LogSync,
        Event::Expiry,
    ];

    /// As clients name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Event::Command => "command",
            Event::FastCommand => "fast-command",
            Event::LogWrite => "aof-write",
            Event::LogSync => "aof-fsync-always",
            Event::Expiry => "expire-cycle",
        }
    }

    /// What may be done about it.
    fn advice(self) -> &'static str {
        match self {
            Event::Command => "Look at SLOWLOG for the commands, and do less at once: SCAN for KEYS, ranges for whole collections.",
            Event::FastCommand => "These take constant time, so the machine is short of processor time, or a value is very large.",
            Event::LogWrite => "The log's disk is busy, or a turn wrote very much: look at the sizes of values and of pipelines.",
            Event::LogSync => "The disk takes long to make a commit durable: it is busy or slow; --sync everysec does not wait for it.",
            Event::Expiry => "Very many keys expire at the same time: spread the times at which they do.",
        }
    }
}

/// The worst of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Unix seconds.
    pub at: i64,
    pub millis: u64,
}

/// What was seen of one event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    samples: VecDeque<Sample>,
    /// The worst of all, milliseconds.
    pub worst: u64,
}

impl Series {
    fn add(&mut self, at: i64, millis: u64) {
        self.worst = self.worst.max(millis);
        match self.samples.back_mut() {
            Some(last) if last.at == at => last.millis = last.millis.max(millis),
            _ => {
                if self.samples.len() == SAMPLES {
                    self.samples.pop_front();
                }
                self.samples.push_back(Sample { at, millis });
            }
        }
    }

    /// Oldest first.
    pub(crate) fn samples(&self) -> impl ExactSizeIterator<Item = &Sample> {
        self.samples.iter()
    }

    fn range(&self) -> (u64, u64) {
        let millis = self.samples.iter().map(|sample| sample.millis);
        (millis.clone().min().unwrap_or(0), millis.max().unwrap_or(0))
    }

    /// The last sample.
    pub(crate) fn latest(&self) -> Option<Sample> {
        self.samples.back().copied()
    }
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    series: [Series; Event::ALL.len()],
}

impl Latency {
    /// Notes an event of so many milliseconds.
    pub(crate) fn add(&mut self, event: Event, at: i64, millis: u64) {
        self.series[event as usize].add(at, millis);
    }

    /// The events that were seen.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (Event, &Series)> {
        Event::ALL
            .into_iter()
            .zip(&self.series)
            .filter(|(_, series)| !series.samples.is_empty())
    }

    /// What was seen of the event that clients call by this name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<(Event, &Series)> {
        self.seen()
            .find(|(event, _)| event.name().as_bytes() == name)
    }

    /// Forgets the named events, or all if none is named; how many there were.
    pub(crate) fn reset<'a>(&mut self, names: impl ExactSizeIterator<Item = &'a [u8]>) -> usize {
        let all = names.len() == 0;
        let names: Vec<&[u8]> = names.collect();
        let mut count = 0;
        for (event, series) in Event::ALL.into_iter().zip(&mut self.series) {
            let is_named = all || names.contains(&event.name().as_bytes());
            if is_named && !series.samples.is_empty() {
                *series = Series::default();
                count += 1;
            }
        }
        count
    }
}

/// An event's samples as columns, the newest at the right; below each how long ago it was.
pub(crate) fn graph(event: Event, series: &Series, now: i64) -> String {
    let (low, high) = series.range();
    let mut text = format!(
        "{} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        event.name(),
        series.worst,
        "-".repeat(RULE)
    );
    // Each row has three heights, so that a column may be as high as twelve.
    let levels = (ROWS * 3) as u64;
    let heights: Vec<u64> = series
        .samples()
        .map(|sample| 1 + (sample.millis - low) * (levels - 1) / (high - low).max(1))
        .collect();
    for row in (0..ROWS as u64).rev() {
        let line: String = heights
            .iter()
            .map(|height| match height.saturating_sub(row * 3) {
                0 => ' ',
                1 => '_',
                2 => 'o',
                _ => '#',
            })
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let ages: Vec<String> = series
        .samples()
        .map(|sample| age(now - sample.at))
        .collect();
    let longest = ages.iter().map(String::len).max().unwrap_or(0);
    text.push('\n');
    for at in 0..longest {
        let line: String = ages
            .iter()
            .map(|age| age.as_bytes().get(at).map_or(' ', |byte| char::from(*byte)))
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds if seconds < 60 => format!("{seconds}s"),
        seconds if seconds < 3600 => format!("{}m", seconds / 60),
        seconds if seconds < 86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// What LATENCY DOCTOR says; `threshold` is milliseconds, 0 if nothing is watched.
pub(crate) fn report(latency: &Latency, threshold: u64) -> String {
    if threshold == 0 {
        return "Latency monitoring is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it on.\n".to_owned();
    }
    let mut text = String::new();
    for (number, (event, series)) in latency.seen().enumerate() {
        let samples = series.samples.len() as u64;
        let sum: u64 = series.samples().map(|sample| sample.millis).sum();
        let mean = sum / samples.max(1);
        let apart: u64 = series
            .samples()
            .map(|sample| sample.millis.abs_diff(mean))
            .sum();
        let span = series
            .samples
            .back()
            .zip(series.samples.front())
            .map_or(0, |(last, first)| last.at - first.at);
        // Writing to a string cannot fail.
        let _infallible = write!(
            text,
            "{}. {}: {samples} latency spikes (average {mean}ms, mean deviation {}ms, period {:.2} sec). Worst all time event {}ms.\n   {}\n",
            number + 1,
            event.name(),
            apart / samples.max(1),
            span as f64 / samples.max(1) as f64,
            series.worst,
            event.advice(),
        );
    }
    if text.is_empty() {
        return format!("No latency spike of {threshold} milliseconds or more was seen since the last LATENCY RESET.\n");
    }
    format!("Latency spikes of {threshold} milliseconds or more:\n\n{text}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_second_keeps_its_worst_and_the_newest_seconds_stay() {
        let mut latency = Latency::default();
        assert_eq!(latency.seen().count(), 0);
        latency.add(Event::Command, 7, 10);
        latency.add(Event::Command, 7, 30);
        latency.add(Event::Command, 7, 20);
        let (_, series) = latency.find(b"command").unwrap();
        assert_eq!(series.samples().len(), 1);
        assert_eq!(series.latest(), Some(Sample { at: 7, millis: 30 }));
        for at in 8..8 + SAMPLES as i64 {
            latency.add(Event::Command, at, 1);
        }
        let (_, series) = latency.find(b"command").unwrap();
        assert_eq!(series.samples().len(), SAMPLES);
        assert_eq!((series.range(), series.worst), ((1, 1), 30));
        latency.add(Event::Expiry, 1, 2);
        assert_eq!(
            latency.reset([&b"expire-cycle"[..], b"none"].into_iter()),
            1
        );
        assert!(latency.find(b"expire-cycle").is_none());
        assert_eq!(latency.reset([].into_iter()), 1);
        assert_eq!(latency.seen().count(), 0);
    }

    #[test]
    fn graphs_show_heights_and_ages() {
        let mut latency = Latency::default();
        for (at, millis) in [(1, 100), (61, 200), (99, 300)] {
            latency.add(Event::Command, at, millis);
        }
        let (event, series) = latency.find(b"command").unwrap();
        let text = graph(event, series, 100);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "command - high 300 ms, low 100 ms (all time high 300 ms)"
        );
        assert_eq!(lines[2..6], ["  #", "  #", " ##", "_##"]);
        assert_eq!(lines[7..], ["131", "m9s", " s"]);
    }

    #[test]
    fn the_doctor_says_what_was_seen() {
        let mut latency = Latency::default();
        assert!(report(&latency, 0).contains("latency-monitor-threshold"));
        assert!(report(&latency, 5).starts_with("No latency spike of 5 milliseconds"));
        latency.add(Event::LogSync, 1, 10);
        latency.add(Event::LogSync, 5, 30);
        let text = report(&latency, 5);
        assert!(text.contains("aof-fsync-always: 2 latency spikes (average 20ms, mean deviation 10ms, period 2.00 sec)"), "{text}");
    }
}
