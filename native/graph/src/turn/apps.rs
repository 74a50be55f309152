//! Apps: their names, their numbers, what they hold, and dropping them whole.

use super::{malformed, Turn};
use crate::apps::{AppStats, Found};
use crate::header::Record;
use crate::keys::{self, meta, system, AppId};
use crate::sequencer::Intent;
use crate::step::{Step, Stop};
use hyperdb_lsm::{Error, Family};

/// An app's counts during a turn: read once, changed in memory, written at the commit.
pub(super) struct Account {
    app: AppId,
    now: AppStats,
    marked: AppStats,
    written: AppStats,
    /// Whether `now` may differ from `marked`.
    changed: bool,
}

impl Account {
    pub(super) fn mark(&mut self) {
        if self.changed {
            self.marked = self.now;
            self.changed = false;
        }
    }

    pub(super) fn stats(&self) -> AppStats {
        self.now
    }

    /// Goes back to `stats`, which becomes the mark.
    pub(super) fn reset(&mut self, stats: AppStats) {
        self.now = stats;
        self.marked = stats;
        self.changed = false;
    }

    pub(super) fn take_back(&mut self) {
        self.now = self.marked;
        self.changed = false;
    }

    #[inline]
    pub(super) fn replace(&mut self, id_len: usize, old: Option<&Found>, new: Option<&Found>) {
        self.changed = true;
        self.now.replace(id_len, old, new);
    }
}

impl Turn<'_> {
    /// The app called `name`; a new, empty one if there was none.
    pub fn app(&mut self, name: &[u8]) -> Step<AppId> {
        if let Some(app) = self.find_app(name)? {
            return Ok(app);
        }
        if name.is_empty() || name.len() > 255 {
            let text = "an app's name has 1 to 255 bytes";
            return Err(Error::Invalid(text.into()).into());
        }
        let app = self.new_app()?;
        self.name_app(name, app)?;
        Ok(app)
    }

    /// The app called `name`, if there is one.
    pub fn find_app(&self, name: &[u8]) -> Step<Option<AppId>> {
        if !self.directory_changed {
            if let Some(app) = self.store.directory.get(name) {
                return Ok(Some(app));
            }
        }
        let app = match self.element(AppId::SYSTEM, &directory_id(name))? {
            None => return Ok(None),
            Some(element) => directory_entry(&element.record()?)?,
        };
        if !self.directory_changed {
            self.store.directory.keep(name, app);
        }
        Ok(Some(app))
    }

    /// The app of a numbered database: `redis/N`.
    #[inline]
    pub fn redis_app(&mut self, number: u32) -> Step<AppId> {
        if !self.directory_changed {
            if let Some(app) = self.store.directory.numbered(number) {
                return Ok(app);
            }
        }
        let app = self.app(redis_name(number).as_bytes())?;
        if !self.directory_changed {
            self.store.directory.keep_numbered(number, app);
        }
        Ok(app)
    }

    /// All apps by name, in hash order.
    pub fn apps(&self) -> Step<Vec<(Box<[u8]>, AppId)>> {
        let mut apps = Vec::new();
        let mut walk = self.elements(AppId::SYSTEM, 0);
        while let Some((key, value)) = walk.next()? {
            let id = key.get(8..).ok_or_else(|| malformed("directory"))?;
            if let Some(name) = id.strip_prefix(&[system::APP]) {
                let record = Record::decode(&value).ok_or_else(|| malformed("directory"))?;
                apps.push((name.into(), directory_entry(&record)?));
            }
        }
        Ok(apps)
    }

    /// What `app` holds now, with what this turn has done.
    pub fn app_stats(&mut self, app: AppId) -> Step<AppStats> {
        Ok(self.account(app)?.now)
    }

    /// Empties the app called `name` in O(1): the name gets a fresh app, the old one goes at compaction.
    pub fn flush_app(&mut self, name: &[u8]) -> Step<AppId> {
        let old = self.app(name)?;
        if self.app_stats(old)?.elements() == 0 {
            return Ok(old);
        }
        self.refuse_tables(old)?;
        self.claim(Family::DATA, &keys::app_header(old), Intent::Drop)?;
        let fresh = self.new_app()?;
        self.name_app(name, fresh)?;
        self.writer.put(Family::META, &keys::dropped(old, 0), &[])?;
        self.dropped.push((old, 0));
        self.store.ranks.forget_app(old);
        Ok(fresh)
    }

    /// Gives each of two apps the name of the other.
    pub fn swap_apps(&mut self, one: &[u8], other: &[u8]) -> Step<()> {
        let (a, b) = (self.app(one)?, self.app(other)?);
        if a != b {
            self.refuse_tables(a)?;
            self.refuse_tables(b)?;
            self.name_app(one, b)?;
            self.name_app(other, a)?;
        }
        Ok(())
    }

    fn new_app(&mut self) -> Step<AppId> {
        let next = match self.writer.get(Family::META, &meta::NEXT_APP)? {
            None => AppId::SYSTEM.0 + 1,
            Some(raw) => {
                let raw = (*raw).try_into().map_err(|_| malformed("app number"))?;
                u32::from_le_bytes(raw)
            }
        };
        let after = next
            .checked_add(1)
            .ok_or_else(|| Stop::Failed(Error::Invalid("all app numbers are used up".into())))?;
        self.writer
            .put(Family::META, &meta::NEXT_APP, &after.to_le_bytes())?;
        Ok(AppId(next))
    }

    fn name_app(&mut self, name: &[u8], app: AppId) -> Step<()> {
        self.directory_changed = true;
        self.store.directory.clear();
        self.put_vertex(
            AppId::SYSTEM,
            &directory_id(name),
            &app.0.to_le_bytes(),
            None,
        )
    }

    /// The account of `app`, read at its first use in the turn.
    #[inline]
    pub(super) fn account(&mut self, app: AppId) -> Step<&mut Account> {
        let place = match self.accounts.iter().position(|account| account.app == app) {
            Some(place) => place,
            None => self.open_account(app)?,
        };
        Ok(&mut self.accounts[place])
    }

    #[cold]
    fn open_account(&mut self, app: AppId) -> Step<usize> {
        let stats = match self.writer.get(Family::DATA, &keys::app_header(app))? {
            None => AppStats::default(),
            Some(raw) => AppStats::decode(&raw).ok_or_else(|| malformed("app"))?,
        };
        self.accounts.push(Account {
            app,
            now: stats,
            marked: stats,
            written: stats,
            changed: false,
        });
        Ok(self.accounts.len() - 1)
    }

    /// Puts the counts that changed into the coming commit.
    pub(super) fn write_accounts(&mut self) -> Step<()> {
        for account in &mut self.accounts {
            account.mark();
            if account.now != account.written {
                let key = keys::app_header(account.app);
                self.writer.put(Family::DATA, &key, &account.now.encode())?;
                account.written = account.now;
            }
        }
        Ok(())
    }
}

/// The name of a numbered database's app.
fn redis_name(number: u32) -> String {
    format!("redis/{number}")
}

pub(crate) fn directory_id(name: &[u8]) -> Vec<u8> {
    [&[system::APP], name].concat()
}

pub(crate) fn directory_entry(record: &Record<'_>) -> Step<AppId> {
    match record {
        Record::Vertex { value, .. } => {
            let raw = (*value).try_into().map_err(|_| malformed("directory"))?;
            Ok(AppId(u32::from_le_bytes(raw)))
        }
        Record::Edge(_) => Err(malformed("directory")),
    }
}
