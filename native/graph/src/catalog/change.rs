//! Changing the catalog in a transaction.
//!
//! **Theory.** The record of an object is locked like any row, so references are foreign keys: who refers to an object
//! locks its record so that it cannot change or go until the reference is committed, and who drops it locks it alone and looks *then* for
//! those who refer to it, in the newest commit as well as in the transaction's own view. Over that lies one lock for the
//! object as a table, by which statements on its rows and DDL exclude each other, RESP commands included. The order is
//! table lock, record, name.
//!
//! **Invariant.** Every object has its name entry and, if it is a table or an index with entries of its own, the element
//! that holds its rows; all come and go in one commit, with one more in the catalog's version for each change.

use super::depend::{reasons, references, Dependent, Why};
use super::image::{find, object, object_key};
use super::objects::{Column, Index};
use super::{
    check, name_id, object_id, rows_id, sequence_id, version, Act, Image, NameSpace, Object,
    Refusal,
};
use crate::header::{Kind, Record};
use crate::keys::{self, meta, AppId};
use crate::sequencer::{Delta, LockMode, Target, Transaction, Wait};
use crate::step::Step;
use crate::store::Store;
use hyperdb_lsm::{Family, KeyRange};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The catalog as a transaction sees and changes it. After an error, go back to a savepoint or the begin of the statement.
pub struct Catalog<'c> {
    store: &'c Store,
    transaction: &'c mut Transaction,
}

impl<'c> Catalog<'c> {
    /// The catalog of `store` in `transaction`.
    pub fn new(store: &'c Store, transaction: &'c mut Transaction) -> Self {
        Self { store, transaction }
    }

    /// The version that the transaction's reads see; `None` once it has changed the catalog itself, since plans made then
    /// are nobody else's and must not be kept.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn version(&self) -> Step<Option<i64>> {
        let seen = version(&*self.transaction)?;
        let snapshot = self.transaction.snapshot().clone();
        let committed = version(&self.store.reader(snapshot, b"", None, 0)?)?;
        Ok((seen == committed).then_some(seen))
    }

    /// The catalog as the transaction sees it.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn image(&self) -> Step<Arc<Image>> {
        let changed = self.version()?.is_none();
        self.store.images.of(&*self.transaction, changed)
    }

    /// Object `number`.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::Unreadable`].
    pub fn get(&self, number: u64) -> Act<Object> {
        object(&*self.transaction, number)?.ok_or_else(|| Refusal::missing("object", number).into())
    }

    /// The number that a name stands for.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn find(&self, space: NameSpace, app: AppId, name: &str) -> Step<Option<u64>> {
        find(&*self.transaction, space, app, name)
    }

    /// A number for an object or constraint to come, never given out again.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn reserve(&self) -> Step<u64> {
        let options = self.transaction.options();
        let take = self
            .store
            .run(options.now_ms, options.lock_timeout, |turn| {
                turn.take_object_number()
            });
        Ok(take?.0)
    }

    /// Locks object `number` as a table until the end of the transaction, and gives its definition as it is from then on.
    ///
    /// # Errors
    /// As [`Transaction::lock`], [`Refusal::Missing`].
    pub fn lock(&mut self, number: u64, mode: LockMode) -> Act<Object> {
        self.lock_for(number, mode, LockMode::Share)
    }

    /// Makes an object; its number.
    ///
    /// # Errors
    /// [`Refusal`], and as [`Transaction::put`].
    pub fn create(&mut self, object: impl Into<Object>) -> Act<u64> {
        let number = self.reserve()?;
        self.create_as(number, object)?;
        Ok(number)
    }

    /// Makes an object under a number that was reserved for it.
    ///
    /// # Errors
    /// As [`Catalog::create`].
    pub fn create_as(&mut self, number: u64, object: impl Into<Object>) -> Act<()> {
        let object = object.into();
        let record = encoded(&object)?;
        self.settle_references(number, &object)?;
        self.take_name(number, &object)?;
        self.transaction
            .put_vertex(AppId::SYSTEM, &object_id(number), &record, None)?;
        if let Some(kind) = rows_kind(&object) {
            self.transaction
                .create_edge(object.app(), &rows_id(number), kind)?;
        }
        self.raise_version()?;
        Ok(())
    }

    /// Changes the definition of object `number` as it is once it is locked: ALTER and RENAME.
    ///
    /// # Errors
    /// [`Refusal`], those of `change` included, and as [`Transaction::put`].
    pub fn alter(
        &mut self,
        number: u64,
        change: impl FnOnce(&mut Object) -> Result<(), Refusal>,
    ) -> Act<()> {
        self.alter_if(number, change, check::successor)
    }

    fn alter_if(
        &mut self,
        number: u64,
        change: impl FnOnce(&mut Object) -> Result<(), Refusal>,
        may_follow: impl FnOnce(&Object, &Object) -> Result<(), Refusal>,
    ) -> Act<()> {
        let old = self.lock_for(number, LockMode::AccessExclusive, LockMode::Update)?;
        let mut object = old.clone();
        change(&mut object)?;
        let record = encoded(&object)?;
        may_follow(&old, &object)?;
        self.settle_references(number, &object)?;
        let going = BTreeSet::from([number]);
        let (lost, limited) = changed_columns(&old, &object);
        if !lost.is_empty() {
            self.refuse_dependents(&going, Some(&lost))?;
        }
        if !limited.is_empty() {
            // Keys and constraints read the values as before; a query tells its columns' types to others.
            let mut found = self.dependents(&going, Some(&limited))?;
            found.retain(|dependent| dependent.kind == "view");
            if !found.is_empty() {
                return Err(Refusal::Dependents(found).into());
            }
        }
        if old.name() != object.name() {
            self.take_name(number, &object)?;
            self.give_name(&old)?;
        }
        self.transaction
            .put_vertex(AppId::SYSTEM, &object_id(number), &record, None)?;
        self.raise_version()?;
        Ok(())
    }

    /// Replaces the definition of object `number` by one that was made from what [`Catalog::lock`] gave.
    ///
    /// # Errors
    /// As [`Catalog::alter`].
    pub fn replace(&mut self, number: u64, object: impl Into<Object>) -> Act<()> {
        let object = object.into();
        self.alter(number, |place| {
            *place = object;
            Ok(())
        })
    }

    /// Gives table `number` a definition with another key, and empties it: its rows lie by the old key, and the caller adds them
    /// again, in the same statement.
    ///
    /// # Errors
    /// As [`Catalog::alter`].
    pub fn rekey(&mut self, number: u64, table: impl Into<Object>) -> Act<()> {
        let table = table.into();
        let put = |place: &mut Object| {
            *place = table;
            Ok(())
        };
        self.alter_if(number, put, check::rekeyed)?;
        self.truncate(number)
    }

    /// Drops object `number` with its parts and rows. CASCADE is the caller's: it changes or drops the dependents first.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::Dependents`], and as [`Transaction::remove`].
    pub fn drop(&mut self, number: u64) -> Act<()> {
        let mut going = BTreeSet::from([number]);
        self.lock_for(number, LockMode::AccessExclusive, LockMode::Update)?;
        for part in self.dependents(&going, None)? {
            if part.why == Why::Part && going.insert(part.number) {
                self.lock_for(part.number, LockMode::AccessExclusive, LockMode::Update)?;
            }
        }
        self.refuse_dependents(&going, None)?;
        for number in going {
            let object = self.get(number)?;
            self.give_name(&object)?;
            if rows_kind(&object).is_some() {
                self.transaction
                    .remove_any(object.app(), &rows_id(number))?;
            }
            if matches!(object, Object::Sequence(_)) {
                self.transaction
                    .remove_element(AppId::SYSTEM, &sequence_id(number))?;
            }
            self.transaction
                .remove_element(AppId::SYSTEM, &object_id(number))?;
        }
        self.raise_version()?;
        Ok(())
    }

    /// Empties table `number` and its indexes in O(1).
    ///
    /// # Errors
    /// [`Refusal::Missing`], and as [`Transaction::put`].
    pub fn truncate(&mut self, number: u64) -> Act<()> {
        let table = self.lock_for(number, LockMode::AccessExclusive, LockMode::Share)?;
        let mut emptied = vec![(number, table)];
        for part in self.dependents(&BTreeSet::from([number]), None)? {
            let object = self.get(part.number)?;
            if part.why == Why::Part && rows_kind(&object).is_some() {
                emptied.push((part.number, object));
            }
        }
        for (number, object) in emptied {
            let kind = rows_kind(&object).ok_or_else(|| Refusal::missing("table", number))?;
            let (app, id) = (object.app(), rows_id(number));
            self.transaction.remove_any(app, &id)?;
            self.transaction.create_edge(app, &id, kind)?;
        }
        Ok(())
    }

    /// Table lock, then record; the definition as it is from then on. Who stops writers may look at all rows: the statement sees
    /// what they had committed, or begins again with the lock in hand.
    fn lock_for(&mut self, number: u64, table: LockMode, record: LockMode) -> Act<Object> {
        let before = self.get(number)?;
        let id = rows_id(number);
        let key = keys::element(before.app(), self.transaction.hash64(&id), &id);
        let target = Target::table(Family::DATA, &key);
        self.transaction.lock(target, table, Wait::Block)?;
        if matches!(table, LockMode::TableShare | LockMode::AccessExclusive) {
            self.settle_rows(before.app(), &key)?;
        }
        self.lock_record(number, record)?
            .ok_or_else(|| Refusal::missing(before.kind(), before.name().2).into())
    }

    /// Nothing of the collection under `key` is newer than the statement's snapshot: neither where its rows lie nor they.
    fn settle_rows(&mut self, app: AppId, key: &[u8]) -> Step<()> {
        let raw = self.transaction.get_untracked(Family::DATA, key)?;
        let header = match raw.as_deref().and_then(Record::decode) {
            Some(Record::Edge(header)) => header,
            _ => return Ok(()),
        };
        let itself = KeyRange::between(key, &[key, &[0]].concat());
        let rows = KeyRange::prefix(&keys::member_prefix(app, header.cid));
        drop(raw);
        self.transaction.settle_range(Family::DATA, &itself)?;
        self.transaction.settle_range(Family::DATA, &rows)
    }

    /// Locks a record and reads what it is now.
    fn lock_record(&mut self, number: u64, mode: LockMode) -> Act<Option<Object>> {
        let key = object_key(&*self.transaction, number);
        let target = Target::row(Family::DATA, &key);
        self.transaction.lock(target, mode, Wait::Block)?;
        object(&*self.transaction, number)
    }

    /// Everything that `object` refers to is there, and stays until this transaction has ended.
    fn settle_references(&mut self, number: u64, object: &Object) -> Act<()> {
        for reference in references(object) {
            if reference.to == number || reference.made_later {
                continue;
            }
            let writers_wait = match &reference.why {
                Why::Part => matches!(
                    object,
                    Object::Index(Index {
                        building: false,
                        ..
                    })
                ),
                Why::Constraint(_) => !reference.columns.is_empty(),
                _ => false,
            };
            let found = match writers_wait {
                true => Some(self.lock(reference.to, LockMode::TableShare)?),
                false => self.lock_record(reference.to, LockMode::Share)?,
            };
            let found = found.ok_or_else(|| Refusal::missing("object", reference.to))?;
            for id in &reference.columns {
                let columns = columns(&found).unwrap_or_default();
                let live = |column: &&Column| column.id == *id && !column.dropped;
                if columns.iter().find(live).is_none() {
                    return Err(Refusal::missing("column", id).into());
                }
            }
        }
        Ok(())
    }

    fn take_name(&mut self, number: u64, object: &Object) -> Act<()> {
        let (space, app, name) = object.name();
        let id = name_id(space, app, name);
        self.transaction
            .lock_element(AppId::SYSTEM, &id, LockMode::Update, Wait::Block)?;
        if find(&*self.transaction, space, app, name)?.is_some() {
            return Err(Refusal::duplicate(object.kind(), name).into());
        }
        self.transaction
            .put_vertex(AppId::SYSTEM, &id, &number.to_le_bytes(), None)?;
        Ok(())
    }

    fn give_name(&mut self, object: &Object) -> Step<()> {
        let (space, app, name) = object.name();
        self.transaction
            .remove_element(AppId::SYSTEM, &name_id(space, app, name))?;
        Ok(())
    }

    fn raise_version(&mut self) -> Step<()> {
        self.transaction
            .add_delta(Family::META, &meta::CATALOG_VERSION, Delta::Count(1))
    }

    fn refuse_dependents(&mut self, going: &BTreeSet<u64>, columns: Option<&[u32]>) -> Act<()> {
        let dependents = self.dependents(going, columns)?;
        match dependents.is_empty() {
            true => Ok(()),
            false => Err(Refusal::Dependents(dependents).into()),
        }
    }

    /// Who needs what is `going` (or one of its `columns`) and does not go itself. The records of `going` are locked, so
    /// nobody can begin to refer to them; who did, and has committed, may be newer than the statement's snapshot.
    fn dependents(
        &mut self,
        going: &BTreeSet<u64>,
        columns: Option<&[u32]>,
    ) -> Act<Vec<Dependent>> {
        let db = self.store.db();
        db.wait_durable(db.latest())?;
        let newest = self.store.image(db.snapshot())?;
        let own = self.image()?;
        let mut found = Vec::new();
        let mut asked = BTreeSet::new();
        for number in going {
            for image in [&own, &newest] {
                for dependent in image.dependents(*number) {
                    let other = dependent.number;
                    if going.contains(&other) || !asked.insert((other, *number)) {
                        continue;
                    }
                    let Some(object) = self.lock_record(other, LockMode::Share)? else {
                        continue;
                    };
                    let mut whys = reasons(&object, *number, columns);
                    whys.extend((dependent.why == Why::Inside).then_some(Why::Inside));
                    found.extend(whys.into_iter().map(|why| Dependent {
                        number: other,
                        kind: object.kind(),
                        name: object.name().2.to_owned(),
                        why,
                    }));
                }
            }
        }
        Ok(found)
    }
}

fn encoded(object: &Object) -> Result<Vec<u8>, Refusal> {
    check::record(object)?;
    let too_deep = || {
        Refusal::Invalid(format!(
            "a {} with a type that nests too deep",
            object.kind()
        ))
    };
    object.encode().ok_or_else(too_deep)
}

/// The kind of element that holds an object's rows.
fn rows_kind(object: &Object) -> Option<Kind> {
    match object {
        Object::Table(_) => Some(Kind::Table),
        Object::Index(index) if !index.clustered => Some(Kind::Index),
        _ => None,
    }
}

fn columns(object: &Object) -> Option<&[Column]> {
    match object {
        Object::Table(table) => Some(&table.columns),
        Object::View(view) => Some(&view.columns),
        Object::UserType(kind) => Some(&kind.fields),
        _ => None,
    }
}

/// Columns of `old` that are dropped or of another type in `new`, and those whose type differs in its limits only.
fn changed_columns(old: &Object, new: &Object) -> (Vec<u32>, Vec<u32>) {
    let (old, new) = (
        columns(old).unwrap_or_default(),
        columns(new).unwrap_or_default(),
    );
    let (mut lost, mut limited) = (Vec::new(), Vec::new());
    for column in old.iter().filter(|column| !column.dropped) {
        let after = new
            .iter()
            .find(|after| after.id == column.id && !after.dropped);
        match (after.map(|after| &after.kind), &column.kind) {
            (Some(after), before) if after == before => {}
            (Some(Some(after)), Some(before)) if before.is_stored_like(after) => {
                limited.push(column.id);
            }
            _ => lost.push(column.id),
        }
    }
    (lost, limited)
}
