//! What the server knows of its own work: SLOWLOG, LATENCY, MONITOR, and the counts that INFO tells.
//!
//! **Theory.** A client's commands run one after another, so the end of one is the beginning of the next: one look at the clock a command
//! gives the time of each. It begins with reading the request and ends with the reply written.
//!
//! **Invariant.** Nothing here knows clients or the store (`server/accounting.rs` does), and all of it is bounded.

pub(crate) mod histogram;
pub(crate) mod latency;
pub(crate) mod secrets;
pub(crate) mod slow_log;
mod ticks;
pub(crate) mod usage;

use std::fmt::Write;
use std::time::Duration;

/// See the module's head.
pub(crate) struct Observed {
    /// Along the rows of the command table.
    pub usage: Vec<usage::Usage>,
    pub errors: usage::Errors,
    pub slow: slow_log::SlowLog,
    pub latency: latency::Latency,
    /// Slots of the clients that MONITOR.
    pub monitors: Vec<usize>,
    /// Lines of a transaction or a script that is not through.
    pub held: Vec<Vec<u8>>,
    /// The last error of a command that a script or a transaction ran: it is not counted again when it becomes the reply.
    pub inner_error: Option<Vec<u8>>,
    /// Nanoseconds from which on a command is looked at: the least of what SLOWLOG and LATENCY want.
    pub notable: u64,
    clock: ticks::Ticks,
    /// When the last command ended, by `clock`.
    mark: u64,
}

impl Observed {
    /// Nothing was seen yet of so many commands.
    pub(crate) fn new(commands: usize) -> Self {
        let clock = ticks::Ticks::start();
        Self {
            usage: vec![usage::Usage::default(); commands],
            errors: usage::Errors::default(),
            slow: slow_log::SlowLog::default(),
            latency: latency::Latency::default(),
            monitors: Vec::new(),
            held: Vec::new(),
            inner_error: None,
            notable: u64::MAX,
            mark: clock.now(),
            clock,
        }
    }

    /// Begins the time of the next command.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.mark = self.clock.now();
    }

    /// A reading of the clock, for [`Observed::since`].
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Nanoseconds since a reading.
    #[inline]
    pub(crate) fn since(&self, from: u64) -> u64 {
        self.clock.between(from, self.clock.now())
    }

    /// Ends the time of a command and begins the next one's; nanoseconds.
    #[inline]
    pub(crate) fn lap(&mut self) -> u64 {
        let now = self.clock.now();
        let spent = self.clock.between(self.mark, now);
        self.mark = now;
        spent
    }

    /// When the command that runs began.
    pub(crate) fn mark(&self) -> u64 {
        self.mark
    }

    /// Goes on with a command that others ran inside of.
    pub(crate) fn resume(&mut self, mark: u64) {
        self.mark = mark;
    }

    /// Whether the end of a command may be of interest to more than the counters.
    #[inline]
    pub(crate) fn shows(&self) -> bool {
        !self.monitors.is_empty() || self.inner_error.is_some()
    }

    /// Takes what is to be looked at from the settings.
    pub(crate) fn watch(&mut self, slow_micros: Option<u64>, latency_threshold_ms: u64) {
        let slow = slow_micros.map_or(u64::MAX, |micros| micros.saturating_mul(1000));
        let latency = match latency_threshold_ms {
            0 => u64::MAX,
            millis => millis.saturating_mul(1_000_000),
        };
        self.notable = slow.min(latency);
    }

    /// Sets what is counted to nothing; logs and samples stay, as with CONFIG RESETSTAT.
    pub(crate) fn reset(&mut self) {
        self.usage.fill(usage::Usage::default());
        self.errors = usage::Errors::default();
    }
}

/// Nanoseconds of a duration.
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A line of MONITOR: when, in which database, from where, and the arguments quoted.
pub(crate) fn line<'a>(
    micros: i64,
    db: u32,
    from: &str,
    words: impl Iterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let mut text = format!(
        "+{}.{:06} [{db} {from}]",
        micros / 1_000_000,
        micros % 1_000_000
    );
    for word in words {
        text.push_str(" \"");
        for byte in word {
            // Writing to a string cannot fail.
            let _infallible = match byte {
                b'\\' | b'"' => write!(text, "\\{}", char::from(*byte)),
                b'\n' => write!(text, "\\n"),
                b'\r' => write!(text, "\\r"),
                b'\t' => write!(text, "\\t"),
                7 => write!(text, "\\a"),
                8 => write!(text, "\\b"),
                b' '..=b'~' => write!(text, "{}", char::from(*byte)),
                other => write!(text, "\\x{other:02x}"),
            };
        }
        text.push('"');
    }
    text.push_str("\r\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn lines_are_quoted_as_redis_quotes_them() {
        let words: [&[u8]; 3] = [b"set", b"a\\\"\n\x01\xff", b"\x07\x08 ~"];
        let text = line(
            1_339_518_083_107_412,
            3,
            "127.0.0.1:60866",
            words.into_iter(),
        );
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "+1339518083.107412 [3 127.0.0.1:60866] \"set\" \"a\\\\\\\"\\n\\x01\\xff\" \"\\a\\b ~\"\r\n"
        );
    }
}
