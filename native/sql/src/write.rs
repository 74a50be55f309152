//! Statements that change rows.
//!
//! **Theory.** Each does what the ordinary way does, in its order: rows first, then what they refer to, so that rows of one statement
//! may refer to each other. Whatever would be an error is left ([`Halt::Stray`]) with the statement taken back.

use crate::expression::{Moment, Stored};
use crate::plan::{evaluated, Body, Formats, Halt, OnConflict, Plan};
use crate::Expression;
use hyperdb_graph::relation::{Opened, Slots, Violation};
use hyperdb_graph::{Conflict, LockMode, Stop, Transaction};

/// What expressions are over.
struct Given<'g> {
    parameters: &'g [Stored],
    moment: &'g dyn Moment,
}

fn borrowed(row: &Slots) -> Vec<Option<&[u8]>> {
    row.iter().map(Option::as_deref).collect()
}

impl Plan {
    pub(crate) fn write(
        &self,
        transaction: &mut Transaction,
        parameters: &[Stored],
        formats: Formats<'_>,
        moment: &dyn Moment,
        out: &mut Vec<u8>,
    ) -> Result<u64, Halt> {
        let given = Given { parameters, moment };
        self.layout.claim(transaction)?;
        let mut opened = self.layout.open(transaction)?;
        let written = match &self.body {
            Body::Insert { rows, conflict } => {
                self.insert(transaction, &mut opened, rows, conflict.as_ref(), &given)?
            }
            Body::Update { key, sets } => {
                let key = evaluated(key, parameters, moment)?;
                let found = self.changed(transaction, &mut opened, &key, sets, &given)?;
                found.into_iter().collect()
            }
            Body::Delete { key } => {
                let key = evaluated(key, parameters, moment)?;
                let found = self.locked(transaction, &opened, &key, LockMode::Update)?;
                if let Some(row) = &found {
                    self.layout.remove(transaction, &mut opened, row)?;
                }
                found.into_iter().collect()
            }
            Body::Get { .. } | Body::Range(_) => return Err(Halt::Stray),
        };
        for row in &written {
            self.answer(&borrowed(row), formats, out)?;
        }
        u64::try_from(written.len()).map_err(|_| Halt::Stray)
    }

    /// The rows that were added, or changed in place of that.
    fn insert(
        &self,
        transaction: &mut Transaction,
        opened: &mut Opened,
        rows: &[Vec<Expression>],
        conflict: Option<&OnConflict>,
        given: &Given<'_>,
    ) -> Result<Vec<Slots>, Halt> {
        let values = rows
            .iter()
            .map(|row| evaluated(row, given.parameters, given.moment));
        let proposed: Vec<Slots> = values.collect::<Result<_, _>>()?;
        let mut written: Vec<Slots> = Vec::with_capacity(proposed.len());
        for row in proposed {
            self.check(&row)?;
            if let Some(conflict) = conflict {
                match self.conflicting(transaction, opened, conflict, &row, &written, given)? {
                    Met::Nobody => {}
                    Met::Left => continue,
                    Met::Changed(row) => {
                        written.push(row);
                        continue;
                    }
                }
            }
            match self.layout.insert(transaction, opened, &row)? {
                Ok(()) => written.push(row),
                Err(violation) => return Err(beaten(conflict, violation, self)),
            }
        }
        for row in &written {
            self.hold_parents(transaction, row)?;
        }
        Ok(written)
    }

    fn conflicting(
        &self,
        transaction: &mut Transaction,
        opened: &mut Opened,
        conflict: &OnConflict,
        row: &Slots,
        written: &[Slots],
        given: &Given<'_>,
    ) -> Result<Met, Halt> {
        for arbiter in &conflict.arbiters {
            let parts = match arbiter {
                None => &self.layout.key,
                Some(at) => &self.layout.indexes.get(*at).ok_or(Halt::Stray)?.parts,
            };
            let value = |slot: usize| row.get(slot).cloned().flatten();
            let key: Slots = parts.iter().map(|part| value(part.slot)).collect();
            if key.iter().any(Option::is_none) {
                continue;
            }
            let mode = conflict.sets.as_ref().map(|_| LockMode::NoKeyUpdate);
            let found = self
                .layout
                .find(transaction, opened, *arbiter, &key, mode)?;
            let (Some(packed), Some(sets)) = (&found, &conflict.sets) else {
                match found {
                    None => continue,
                    Some(_) => return Ok(Met::Left),
                }
            };
            let there = self.layout.unpack(packed).ok_or(Halt::Stray)?;
            let old: Slots = there
                .iter()
                .map(|value| value.map(<[u8]>::to_vec))
                .collect();
            // A row must not be changed twice by one statement: that is an error.
            if written.contains(&old) {
                return Err(Halt::Stray);
            }
            let both = [&there[..], &borrowed(row)[..there.len()]].concat();
            let mut new = old.clone();
            for (slot, value) in sets {
                let place = new.get_mut(*slot).ok_or(Halt::Stray)?;
                *place = value.value(given.parameters, &both, given.moment)?;
            }
            self.check(&new)?;
            return match self.layout.replace(transaction, opened, &old, &new)? {
                Ok(()) => Ok(Met::Changed(new)),
                Err(_) => Err(Halt::Stray),
            };
        }
        Ok(Met::Nobody)
    }

    /// The row of a key, locked for a change; the newest.
    fn locked(
        &self,
        transaction: &mut Transaction,
        opened: &Opened,
        key: &[Stored],
        mode: LockMode,
    ) -> Result<Option<Slots>, Halt> {
        if key.iter().any(Option::is_none) {
            return Ok(None);
        }
        let found = self
            .layout
            .find(transaction, opened, self.index, key, Some(mode))?;
        let Some(packed) = found else {
            return Ok(None);
        };
        let row = self.layout.unpack(&packed).ok_or(Halt::Stray)?;
        Ok(Some(
            row.iter().map(|value| value.map(<[u8]>::to_vec)).collect(),
        ))
    }

    /// The row of a key as it is after `sets`.
    fn changed(
        &self,
        transaction: &mut Transaction,
        opened: &mut Opened,
        key: &[Stored],
        sets: &[(usize, Expression)],
        given: &Given<'_>,
    ) -> Result<Option<Slots>, Halt> {
        let found = self.locked(transaction, opened, key, LockMode::NoKeyUpdate)?;
        let Some(old) = found else {
            // A literal that is no value of its column is an error even where no row gets it.
            for (_, value) in sets {
                value.settle(given.parameters, given.moment)?;
            }
            return Ok(None);
        };
        let row = borrowed(&old);
        let mut new = old.clone();
        for (slot, value) in sets {
            let place = new.get_mut(*slot).ok_or(Halt::Stray)?;
            *place = value.value(given.parameters, &row, given.moment)?;
        }
        self.check(&new)?;
        match self.layout.replace(transaction, opened, &old, &new)? {
            Ok(()) => Ok(Some(new)),
            Err(_) => Err(Halt::Stray),
        }
    }

    fn hold_parents(&self, transaction: &mut Transaction, row: &Slots) -> Result<(), Halt> {
        for parent in &self.parents {
            let value = |slot: &usize| row.get(*slot).cloned().flatten();
            let values: Slots = parent.slots.iter().map(value).collect();
            if values.iter().any(Option::is_none) {
                continue;
            }
            let opened = parent.layout.open(transaction)?;
            let is_there =
                parent
                    .layout
                    .hold_parent(transaction, &opened, parent.index, &values)?;
            if !is_there {
                return Err(Halt::Stray);
            }
        }
        Ok(())
    }

    /// What must not be null is not.
    fn check(&self, slots: &[Stored]) -> Result<(), Halt> {
        let is_null = |slot: &usize| slots.get(*slot).is_none_or(Option::is_none);
        match self.required.iter().any(is_null) {
            true => Err(Halt::Stray),
            false => Ok(()),
        }
    }
}

/// What a proposed row met.
enum Met {
    Nobody,
    /// A row that stays as it is.
    Left,
    /// A row that is this one now.
    Changed(Slots),
}

/// Somebody was faster: what was looked at and was not there is there now, so the statement begins again and finds it.
fn beaten(conflict: Option<&OnConflict>, violation: Violation, plan: &Plan) -> Halt {
    let place = plan
        .layout
        .indexes
        .iter()
        .position(|index| index.number == violation.index);
    match conflict {
        Some(conflict) if conflict.arbiters.contains(&place) => {
            Halt::Stop(Stop::Conflict(Conflict::RowChanged))
        }
        _ => Halt::Stray,
    }
}
