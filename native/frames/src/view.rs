//! Reading frames that are sealed.
//!
//! **Theory.** The data of frame n are what the store shows at its commit, which is kept. Its nodes are there from the commit that made
//! it until the first of the next frame's is written. The data commit of the next frame lies between, and is kept before any of
//! its nodes is written: so the nodes of a frame are what the store shows at the first commit kept for frames from the one on that made
//! it, or now if there is none. That also holds while the next frame is being made, and after one was given up half way.
//!
//! Whoever has to answer at a frame for longer than the horizon lets it (a published epoch) holds it: the store keeps what it shows for
//! as long as somebody has the handle, and every reader by number finds it there.
//!
//! **Invariant.** A view holds what it reads, however far the horizon moves meanwhile.

use crate::error::{Error, Result};
use crate::header::SignedHeader;
use crate::history::{self, Path};
use crate::records::{Cost, Records};
use crate::seal::Frames;
use hyperdb_lsm::{Commit, Db, Snapshot};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// What a frame lets read: its header, the data, and the nodes of its trees.
#[derive(Clone)]
pub struct View {
    /// The frame.
    pub signed: SignedHeader,
    /// The store at the frame's commit.
    pub data: Snapshot,
    /// A commit at which the NODE family holds the frame's trees.
    pub nodes: Snapshot,
}

/// Frames that somebody holds.
#[derive(Default)]
pub(crate) struct Held(Mutex<Vec<Weak<View>>>);

impl Held {
    fn add(&self, view: &Arc<View>) {
        let mut held = self.0.lock();
        held.retain(|each| each.strong_count() > 0);
        held.push(Arc::downgrade(view));
    }

    fn find(&self, number: u64) -> Option<View> {
        let held = self.0.lock();
        held.iter()
            .filter_map(Weak::upgrade)
            .find(|view| view.signed.header.number == number)
            .map(|view| View::clone(&view))
    }
}

/// The first commit kept for frames from `made_by` on.
pub(crate) fn kept_from(db: &Db, made_by: Commit) -> Option<Commit> {
    db.kept_for_frames()
        .into_iter()
        .find(|commit| *commit >= made_by)
}

impl Frames {
    /// What frame `number` lets read, the newest if `None`.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::BehindHorizon`] unless somebody holds it, else what the store fails with.
    pub fn view(&self, number: Option<u64>) -> Result<View> {
        match self.readable(number) {
            Err(Error::BehindHorizon { asked, oldest }) => self
                .held
                .find(asked)
                .ok_or(Error::BehindHorizon { asked, oldest }),
            other => other,
        }
    }

    /// Keeps a frame readable, wherever the horizon goes, for as long as the handle lives: what it shows is not compacted away.
    ///
    /// # Errors
    /// As [`Frames::view`].
    pub fn hold(&self, number: u64) -> Result<Arc<View>> {
        let view = Arc::new(self.view(Some(number))?);
        self.held.add(&view);
        Ok(view)
    }

    fn readable(&self, number: Option<u64>) -> Result<View> {
        let db = self.store().db();
        // Before the kept commits are looked at: if there is none to read the nodes at, none was written by then.
        let now = db.snapshot();
        let records = Records(&now);
        let newest = records.newest()?.map(|signed| signed.header);
        let (newest, horizon) = newest.map_or((0, 1), |header| (header.number, header.horizon));
        let asked = number.unwrap_or(newest);
        if asked == 0 || asked > newest {
            return Err(Error::NotSealed {
                asked: asked.max(1),
                newest,
            });
        }
        let behind = || Error::BehindHorizon {
            asked,
            oldest: horizon.max(asked + 1),
        };
        if asked < horizon {
            return Err(behind());
        }
        // Sealing may let it go at this moment.
        let at = |commit| match db.snapshot_at(commit) {
            Err(hyperdb_lsm::Error::BehindHorizon { .. }) => Err(behind()),
            other => Ok(other?),
        };
        let missing = || Error::Malformed("frame header");
        let signed = records.header(asked)?.ok_or_else(missing)?;
        let made_by = records.made_by(asked)?.ok_or_else(missing)?;
        let data = at(signed.header.commit)?;
        let nodes = match kept_from(db, made_by) {
            Some(kept) => at(kept)?,
            None => now,
        };
        // Had all kept commits up to a later frame's been let go meanwhile, that frame's nodes would be there.
        let shown = Records(&nodes).newest()?;
        if shown.is_none_or(|shown| shown.header.number != asked) {
            return Err(behind());
        }
        Ok(View {
            signed,
            data,
            nodes,
        })
    }

    /// Signed headers from frame `first` on, at most `limit`; those behind the horizon too.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn headers(&self, first: u64, limit: usize) -> Result<Vec<SignedHeader>> {
        Records(&self.store().db().snapshot()).headers(first, limit)
    }

    /// One signed header; behind the horizon too.
    ///
    /// # Errors
    /// [`Error::NotSealed`], else what the store fails with.
    pub fn header(&self, number: u64) -> Result<SignedHeader> {
        let newest = self.newest().map_or(0, |signed| signed.header.number);
        let found = Records(&self.store().db().snapshot()).header(number)?;
        found.ok_or(Error::NotSealed {
            asked: number,
            newest,
        })
    }

    /// What sealing a frame took.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn cost(&self, number: u64) -> Result<Cost> {
        Records(&self.store().db().snapshot()).cost(number)
    }

    /// Proves that frame `earlier` belongs to the history of frame `later`: its header and its path. `None` unless
    /// `earlier` comes first.
    ///
    /// # Errors
    /// [`Error::NotSealed`], else what the store fails with.
    pub fn consistency(&self, earlier: u64, later: u64) -> Result<Option<(SignedHeader, Path)>> {
        let signed = self.header(earlier)?;
        self.header(later)?;
        let snapshot = self.store().db().snapshot();
        let path = history::path(&Records(&snapshot), later - 1, earlier - 1)?;
        Ok(path.map(|path| (signed, path)))
    }
}
