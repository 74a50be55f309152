//! Whether indexes and views are what the rows of their table make of them, for `check`.
//!
//! **Theory.** Both are functions of stored rows. Each row is read once, and all that follows from it is looked up; then what is
//! there is counted, so that what follows from no row is found too. **Invariant.** Nothing is written.

use super::layout::WideLayout;
use super::partition::WideOpened;
use crate::codec::row::Row;
use crate::keys;
use crate::sequencer::Transaction;
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Family, KeyRange};

const DATA: Family = Family::DATA;

/// What is wrong with a table, an index or a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Its number in the catalog.
    pub number: u64,
    /// What is wrong, to be read behind its name.
    pub text: String,
}

/// Of an index or view: what was looked for, and what of it is not there or is otherwise.
#[derive(Clone, Copy, Debug, Default)]
struct Followed {
    expected: u64,
    lacking: u64,
    different: u64,
}

impl WideLayout {
    /// What is wrong; nothing, where all is as it should be.
    ///
    /// # Errors
    /// What the store fails with, and rows that cannot be read.
    pub fn examine(&self, transaction: &Transaction, opened: &WideOpened) -> Step<Vec<Flaw>> {
        let mut rows = 0;
        let mut indexes = vec![Followed::default(); self.indexes.len()];
        let mut views = vec![Followed::default(); self.views.len()];
        let base = keys::member_prefix(self.app, opened.rows.cid);
        let mut walk = transaction.scan(DATA, KeyRange::prefix(&base), Direction::Forward)?;
        while let Some((key, packed)) = walk.next()? {
            rows += 1;
            let member = key.get(base.len()..).unwrap_or_default();
            let row = Row::decode(&packed).ok_or_else(|| malformed("row"))?;
            for ((index, header), found) in
                self.indexes.iter().zip(&opened.entries).zip(&mut indexes)
            {
                let forms = self.forms(index, &row, None);
                for form in forms.ok_or_else(|| malformed("index"))? {
                    found.expected += 1;
                    let key = keys::member(self.app, header.cid, &[&form[..], member].concat());
                    if transaction.get(DATA, &key)?.is_none() {
                        found.lacking += 1;
                    }
                }
            }
            for ((view, header), found) in self.views.iter().zip(&opened.views).zip(&mut views) {
                let Some((member, wanted)) = self.project(view, &row)? else {
                    continue;
                };
                found.expected += 1;
                match transaction.get(DATA, &keys::member(self.app, header.cid, &member))? {
                    None => found.lacking += 1,
                    Some(there) if there[..] != wanted[..] => found.different += 1,
                    Some(_) => {}
                }
            }
        }
        drop(walk);
        let mut flaws = Vec::new();
        let mut flaw = |number: u64, text: String| flaws.push(Flaw { number, text });
        if rows != opened.rows.count {
            let counted = opened.rows.count;
            flaw(
                self.number,
                format!("has {rows} rows, and {counted} by its count"),
            );
        }
        let of_indexes = self.indexes.iter().map(|index| index.number).zip(&indexes);
        for ((number, found), header) in of_indexes.zip(&opened.entries) {
            self.compare(transaction, header.cid, header.count, *found, |text| {
                flaw(number, text);
            })?;
        }
        let of_views = self.views.iter().map(|view| view.layout.number).zip(&views);
        for ((number, found), header) in of_views.zip(&opened.views) {
            self.compare(transaction, header.cid, header.count, *found, |text| {
                flaw(number, text);
            })?;
        }
        Ok(flaws)
    }

    /// Compares what follows from the rows with what is there.
    fn compare(
        &self,
        transaction: &Transaction,
        cid: u64,
        counted: u64,
        found: Followed,
        mut flaw: impl FnMut(String),
    ) -> Step<()> {
        let mut there = 0;
        let range = KeyRange::prefix(&keys::member_prefix(self.app, cid));
        let mut walk = transaction.scan(DATA, range, Direction::Forward)?;
        while walk.next()?.is_some() {
            there += 1;
        }
        if found.lacking > 0 {
            flaw(format!(
                "lacks {} of {} entries",
                found.lacking, found.expected
            ));
        }
        if found.different > 0 {
            flaw(format!(
                "has {} rows that are not as their table's",
                found.different
            ));
        }
        let stray = (there + found.lacking).saturating_sub(found.expected);
        if stray > 0 {
            flaw(format!("has {stray} entries of rows that are not there"));
        }
        if there != counted {
            flaw(format!("has {there} entries, and {counted} by its count"));
        }
        Ok(())
    }
}
