//! What others than the RESP loop changed, for a loop whose clients keep copies of keys or wait for news of them.
//!
//! **Theory.** Changes are noted while the writer is held, before or with their commit. The loop takes them when it holds the writer
//! itself, so what it takes is committed, or was taken back: then it tells of a change too many, which harms nobody.
//!
//! **Invariant.** The list is bounded: beyond that all that is known is that there was more.

use crate::keys::{self, space, AppId};
use hyperdb_lsm::Family;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Changes kept until they are taken.
const MOST: usize = 100_000;

/// One element that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its app.
    pub app: AppId,
    /// Its id.
    pub id: Box<[u8]>,
    /// What happened to it, class and name in the words of who listens, if it was said.
    pub events: Option<Vec<(u64, &'static str)>>,
    /// It was removed.
    pub is_gone: bool,
}

/// What was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// In the order of their commits.
    pub changes: Vec<Change>,
    /// There were more than these.
    pub is_incomplete: bool,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Heard {
    on: AtomicBool,
    news: Mutex<News>,
}

impl Heard {
    /// Whether anybody listens.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Says whether anybody listens. To be called while the writer is held.
    pub fn listen(&self, on: bool) {
        if self.is_on() != on {
            self.on.store(on, Ordering::Relaxed);
            if !on {
                self.take();
            }
        }
    }

    /// Notes changes. To be called while the writer is held.
    pub fn add(&self, changes: impl IntoIterator<Item = Change>) {
        let mut news = self.news.lock();
        for change in changes {
            if news.changes.len() >= MOST {
                news.is_incomplete = true;
                return;
            }
            news.changes.push(change);
        }
    }

    /// What was noted since it was last taken.
    pub fn take(&self) -> News {
        std::mem::take(&mut *self.news.lock())
    }

    /// Notes the elements among what a transaction wrote: keys, and whether each was removed.
    pub(crate) fn add_written<'k>(&self, written: impl Iterator<Item = (Family, &'k [u8], bool)>) {
        const HASH: usize = 8;
        let elements = written.filter_map(|(family, key, is_gone)| {
            let (app, tag, rest) = keys::parse_data(key).filter(|_| family == Family::DATA)?;
            let id = rest.get(HASH..).filter(|_| tag == space::ELEMENT)?;
            (app != AppId::SYSTEM).then(|| Change {
                app,
                id: id.into(),
                events: None,
                is_gone,
            })
        });
        self.add(elements);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_noted_and_their_number_is_bounded() {
        let heard = Heard::default();
        let element = keys::element(AppId(7), 1, b"k");
        let member = keys::member(AppId(7), 1, b"m");
        let written = [
            (&element[..], false),
            (&member[..], false),
            (&element[..], true),
        ];
        heard.add_written(
            written
                .iter()
                .map(|(key, is_gone)| (Family::DATA, *key, *is_gone)),
        );
        let news = heard.take();
        let shown: Vec<_> = news
            .changes
            .iter()
            .map(|change| (change.app, &change.id[..], change.is_gone))
            .collect();
        assert_eq!(
            shown,
            [(AppId(7), &b"k"[..], false), (AppId(7), &b"k"[..], true)]
        );
        let change = &news.changes[0];
        heard.add(std::iter::repeat_n(change.clone(), MOST + 1));
        let news = heard.take();
        assert_eq!(news.changes.len(), MOST);
        assert!(news.is_incomplete && heard.take() == News::default());
    }
}
