//! How often each command ran, for how long, and with what errors.

use super::histogram::Histogram;
use std::collections::BTreeMap;

/// Classes of errors told apart; those of scripts are free to choose, so there must be a bound.
const CLASSES: usize = 128;
/// Counts the classes beyond the bound.
const OTHERS: &str = "OTHER_CLASSES";

/// What is known of one command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    pub calls: u64,
    pub nanos: u64,
    /// Refused before they ran.
    pub rejected: u64,
    /// Ran, and answered with an error.
    pub failed: u64,
    /// Made with the first call that is tracked.
    pub times: Option<Box<Histogram>>,
}

impl Usage {
    /// Counts a call.
    #[inline]
    pub(crate) fn add(&mut self, nanos: u64, tracked: bool) {
        self.calls += 1;
        self.nanos += nanos;
        if tracked {
            self.times.get_or_insert_default().record(nanos);
        }
    }
}

/// Errors by class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errors {
    by_class: BTreeMap<String, u64>,
    pub total: u64,
}

impl Errors {
    /// Counts an error, given from its class on.
    pub(crate) fn add(&mut self, text: &[u8]) {
        self.total += 1;
        let end = text
            .iter()
            .position(|byte| byte.is_ascii_whitespace())
            .unwrap_or(text.len());
        let class = String::from_utf8_lossy(&text[..end.min(128)]);
        if let Some(count) = self.by_class.get_mut(&*class) {
            *count += 1;
        } else if self.by_class.len() < CLASSES {
            self.by_class.insert(class.into_owned(), 1);
        } else {
            *self.by_class.entry(OTHERS.to_owned()).or_default() += 1;
        }
    }

    /// Class and count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.by_class
            .iter()
            .map(|(class, count)| (class.as_str(), *count))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn classes_of_errors_are_bounded() {
        let mut errors = Errors::default();
        errors.add(b"ERR one\r\n");
        errors.add(b"ERR");
        for number in 0..200 {
            errors.add(format!("CLASS{number} of a script").as_bytes());
        }
        assert_eq!(errors.total, 202);
        let counts: BTreeMap<&str, u64> = errors.iter().collect();
        assert_eq!((counts["ERR"], counts["CLASS0"]), (2, 1));
        assert_eq!((counts.len(), counts[OTHERS]), (129, 73));
    }

    #[test]
    fn calls_and_times_add_up() {
        let mut usage = Usage::default();
        usage.add(1500, false);
        assert!(usage.times.is_none());
        usage.add(2500, true);
        assert_eq!((usage.calls, usage.nanos), (2, 4000));
        assert_eq!(usage.times.unwrap().total(), 1);
    }
}
