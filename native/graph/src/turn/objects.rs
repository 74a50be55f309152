//! Numbers of catalog objects, given out in commits of their own so that no transaction waits for another's.

use super::{malformed, Turn};
use crate::catalog;
use crate::keys::meta;
use crate::step::Step;
use hyperdb_lsm::Family;

impl Turn<'_> {
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
