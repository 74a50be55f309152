//! The directory of apps: names in the system's app, kept at hand for the commands of a loop.
//!
//! ```text
//! DATA  app 0, element 0x01 NAME  ->  vertex: app number u32 LE
//! ```
//! **Invariant.** What is kept here is what the newest commit says; a turn that changes the directory empties it
//! at once and goes without it until its commit.

use crate::keys::AppId;
use hashbrown::HashMap;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Numbered databases with a place of their own.
const NUMBERED: usize = 16;
/// Stands for "not known": the system's app is no numbered database.
const UNKNOWN: u32 = AppId::SYSTEM.0;

#[derive(Default)]
pub(crate) struct Directory {
    names: RwLock<HashMap<Box<[u8]>, AppId>>,
    numbered: [AtomicU32; NUMBERED],
}

impl Directory {
    pub(crate) fn get(&self, name: &[u8]) -> Option<AppId> {
        self.names.read().get(name).copied()
    }

    pub(crate) fn keep(&self, name: &[u8], app: AppId) {
        self.names.write().insert(name.into(), app);
    }

    #[inline]
    pub(crate) fn numbered(&self, number: u32) -> Option<AppId> {
        let app = self.numbered.get(number as usize)?.load(Ordering::Relaxed);
        (app != UNKNOWN).then_some(AppId(app))
    }

    pub(crate) fn keep_numbered(&self, number: u32, app: AppId) {
        if let Some(place) = self.numbered.get(number as usize) {
            place.store(app.0, Ordering::Relaxed);
        }
    }

    pub(crate) fn clear(&self) {
        self.names.write().clear();
        for place in &self.numbered {
            place.store(UNKNOWN, Ordering::Relaxed);
        }
    }
}
