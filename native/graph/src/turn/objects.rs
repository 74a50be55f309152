//! What turns have to do with the catalog: they give out its numbers, in commits of their own so that no transaction waits for
//! another's, and leave alone what belongs to it.

use super::{malformed, Turn};
use crate::apps::Class;
use crate::catalog;
use crate::header::Kind;
use crate::keys::{meta, AppId};
use crate::step::{Step, Stop};
use hyperdb_lsm::{Error, Family};

/// Rows of tables and entries of indexes come and go with their definitions ([`crate::catalog`]): as elements they are not
/// replaced, renamed, removed or made to expire, or the catalog would name what is not there.
pub(crate) fn refuse_rows(kind: Kind) -> Step<()> {
    match kind {
        Kind::Table | Kind::Index | Kind::Partition => {
            let text = "these are rows of a table: change its definition instead";
            Err(Stop::Failed(Error::Invalid(text.into())))
        }
        _ => Ok(()),
    }
}

impl Turn<'_> {
    /// An app with tables keeps its number, and is emptied by dropping them.
    pub(super) fn refuse_tables(&mut self, app: AppId) -> Step<()> {
        if self.app_stats(app)?.count(Class::Table) == 0 {
            return Ok(());
        }
        let text = "the app has tables: drop them first";
        Err(Stop::Failed(Error::Invalid(text.into())))
    }

    /// A number for a catalog object, never given out before.
    pub(crate) fn take_object_number(&mut self) -> Step<u64> {
        let number = match self.writer.get(Family::META, &meta::NEXT_OBJECT)? {
            None => catalog::FIRST,
            Some(raw) => {
                let raw = (*raw).try_into().map_err(|_| malformed("object number"))?;
                u64::from_le_bytes(raw)
            }
        };
        let next = number + catalog::STEP;
        self.writer
            .put(Family::META, &meta::NEXT_OBJECT, &next.to_le_bytes())?;
        Ok(number)
    }
}
