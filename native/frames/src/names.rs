//! The apps that exist at a commit, by name.
//!
//! **Theory.** The directory is data: elements of the system's app. An app whose number no name leads to was dropped, and
//! nothing of it is committed to. The system's own app has number 0 and the empty name.

use crate::error::{Error, Result};
use hyperdb_graph::keys::{self, system};
use hyperdb_graph::{AppId, Record};
use hyperdb_lsm::{Direction, Family, KeyRange, Snapshot};
use std::collections::BTreeMap;

/// Names by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<AppId, Vec<u8>>);

impl Names {
    /// Those at `snapshot`.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a bad entry, else what the store fails with.
    pub fn read(snapshot: &Snapshot) -> Result<Names> {
        let prefix = keys::element_prefix(AppId::SYSTEM);
        let mut names = BTreeMap::from([(AppId::SYSTEM, Vec::new())]);
        let mut walk = snapshot.iter(Family::DATA, KeyRange::prefix(&prefix), Direction::Forward);
        while let Some((key, value, _)) = walk.step()? {
            let Some(id) = key.get(prefix.len() + 8..) else {
                return Err(Error::Malformed("directory"));
            };
            let Some(name) = id.strip_prefix(&[system::APP]) else {
                continue;
            };
            names.insert(Names::number(&value)?, name.to_vec());
        }
        Ok(Names(names))
    }

    /// The app that an entry of the directory names.
    pub(crate) fn number(entry: &[u8]) -> Result<AppId> {
        let Some(Record::Vertex { value, .. }) = Record::decode(entry) else {
            return Err(Error::Malformed("directory"));
        };
        let number = value.try_into();
        let number = number.map_err(|_| Error::Malformed("directory"))?;
        Ok(AppId(u32::from_le_bytes(number)))
    }

    /// The name of an app; `None` if it was dropped.
    pub fn name(&self, app: AppId) -> Option<&[u8]> {
        self.0.get(&app).map(Vec::as_slice)
    }

    /// Number and name of every app, by number.
    pub fn iter(&self) -> impl Iterator<Item = (AppId, &[u8])> {
        self.0.iter().map(|(app, name)| (*app, name.as_slice()))
    }

    /// The app of a name.
    pub fn app(&self, name: &[u8]) -> Option<AppId> {
        self.iter()
            .find(|(_, known)| *known == name)
            .map(|(app, _)| app)
    }
}
