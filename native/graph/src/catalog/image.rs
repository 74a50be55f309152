//! Reading the catalog: one object, or all of it at one commit.
//!
//! **Theory.** Statements need many objects and change none, so a frontend keeps an [`Image`] and makes another when the
//! version has moved. Images share their objects: one that is made after another decodes only the records that differ, and
//! tells which these are. Reading is written over [`View`]: a turn, a transaction and a snapshot share it.
//!
//! **Invariant.** An image made after another is the one that would have been made alone, whichever of both is the newer.

use super::objects::UserType;
use super::{name_id, object_id, parse_object_id, Act, NameSpace, Object, Refusal};
use crate::codec::order::value::UserTypes;
use crate::codec::types::Type;
use crate::header::Record;
use crate::hyperedge::{View, Walk};
use crate::keys::{self, meta, AppId};
use crate::sequencer::Transaction;
use crate::step::Step;
use crate::store::Store;
use crate::turn::malformed;
use hashbrown::HashMap;
use hyperdb_lsm::{Direction, Family, Glance, KeyRange, Snapshot};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The catalog at one commit.
#[derive(Clone, Debug, Default)]
pub struct Image {
    version: i64,
    objects: BTreeMap<u64, Arc<Kept>>,
    names: HashMap<(NameSpace, AppId), BTreeMap<String, u64>>,
    unreadable: Vec<u64>,
}

/// An object and the record that it was read from; empty where it was read from none.
#[derive(Debug)]
struct Kept {
    object: Object,
    raw: Box<[u8]>,
}

impl Image {
    /// All that `view` shows.
    ///
    /// # Errors
    /// What the view fails with. Objects that this build cannot read are no error: see [`Image::unreadable`].
    pub fn load<V: View>(view: &V) -> Step<Image> {
        Self::after(&Image::default(), view)
    }

    /// The same, with the objects that are as they were in another image.
    ///
    /// # Errors
    /// As [`Image::load`].
    pub fn after<V: View>(base: &Image, view: &V) -> Step<Image> {
        let mut same = Vec::with_capacity(base.objects.len());
        let mut other = Vec::new();
        let mut unreadable = Vec::new();
        let prefix = keys::element_prefix(AppId::SYSTEM);
        let mut walk = view.walk(Family::DATA, KeyRange::prefix(&prefix), Direction::Forward)?;
        while let Some((key, raw)) = walk.next()? {
            let id = key.get(prefix.len() + HASH..);
            let Some(number) = id.and_then(parse_object_id) else {
                continue;
            };
            let before = base.objects.get(&number);
            if before.is_some_and(|kept| *kept.raw == *raw) {
                same.push(number);
                continue;
            }
            match decode(&raw)? {
                Some(object) => other.push((
                    number,
                    Arc::new(Kept {
                        object,
                        raw: (*raw).into(),
                    }),
                )),
                None => unreadable.push(number),
            }
        }
        same.sort_unstable();
        unreadable.sort_unstable();
        let mut image = Image {
            version: version(view)?,
            unreadable,
            ..base.clone()
        };
        let gone = base
            .objects
            .keys()
            .filter(|number| same.binary_search(number).is_err());
        for number in gone {
            image.take_out(*number);
        }
        for (number, kept) in other {
            image.add(number, kept);
        }
        Ok(image)
    }

    /// Objects that are not those of an earlier image, by number; `None` for those that only the other one has.
    pub fn changes<'i>(&'i self, earlier: &'i Image) -> Vec<(u64, Option<&'i Object>)> {
        let is_other = |number: &u64, kept: &Arc<Kept>| {
            let before = earlier.objects.get(number);
            !before.is_some_and(|before| Arc::ptr_eq(before, kept))
        };
        let new = self
            .objects
            .iter()
            .filter(|(number, kept)| is_other(number, kept));
        let new = new.map(|(number, kept)| (*number, Some(&kept.object)));
        let gone = earlier
            .objects
            .keys()
            .filter(|number| !self.objects.contains_key(*number));
        let mut found: Vec<_> = new.chain(gone.map(|number| (*number, None))).collect();
        found.sort_unstable_by_key(|(number, _)| *number);
        found
    }

    /// The catalog as it is at `snapshot`.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn at(store: &Store, snapshot: Snapshot) -> Step<Image> {
        let horizon = snapshot.commit();
        Self::load(&store.reader(snapshot, b"", None, horizon)?)
    }

    /// A catalog of these objects alone, as somebody outside of the store knows them.
    pub fn of(version: i64, objects: impl IntoIterator<Item = (u64, Object)>) -> Image {
        let mut image = Image {
            version,
            ..Image::default()
        };
        for (number, object) in objects {
            let raw = Box::default();
            image.add(number, Arc::new(Kept { object, raw }));
        }
        image
    }

    fn add(&mut self, number: u64, kept: Arc<Kept>) {
        let (space, app, name) = kept.object.name();
        let names = self.names.entry((space, app)).or_default();
        names.insert(name.to_owned(), number);
        self.objects.insert(number, kept);
    }

    fn take_out(&mut self, number: u64) {
        let Some(kept) = self.objects.remove(&number) else {
            return;
        };
        let (space, app, name) = kept.object.name();
        if let Some(names) = self.names.get_mut(&(space, app)) {
            if names.get(name) == Some(&number) {
                names.remove(name);
            }
        }
    }

    /// The catalog's version: how many changes there were before.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Object `number`.
    pub fn get(&self, number: u64) -> Option<&Object> {
        Some(&self.objects.get(&number)?.object)
    }

    /// Number and object of a name.
    pub fn find(&self, space: NameSpace, app: AppId, name: &str) -> Option<(u64, &Object)> {
        let number = *self.names.get(&(space, app))?.get(name)?;
        Some((number, self.get(number)?))
    }

    /// All objects, by number.
    pub fn objects(&self) -> impl Iterator<Item = (u64, &Object)> {
        let objects = self.objects.iter();
        objects.map(|(number, kept)| (*number, &kept.object))
    }

    /// What an app has in one space of names, by name.
    pub fn names(&self, space: NameSpace, app: AppId) -> impl Iterator<Item = (&str, u64)> {
        let names = self.names.get(&(space, app)).into_iter().flatten();
        names.map(|(name, number)| (name.as_str(), *number))
    }

    /// Numbers of objects of a later version, or damaged.
    pub fn unreadable(&self) -> &[u64] {
        &self.unreadable
    }
}

/// The newest image of what was committed: others are made after it.
#[derive(Default)]
pub(crate) struct Newest(Mutex<Arc<Image>>);

impl Newest {
    /// The image of a view that shows what was committed, or more where `changed`.
    pub(crate) fn of<V: View>(&self, view: &V, changed: bool) -> Step<Arc<Image>> {
        let base = self.0.lock().clone();
        if !changed && base.version > 0 && version(view)? == base.version {
            return Ok(base);
        }
        let image = Arc::new(Image::after(&base, view)?);
        if !changed {
            let mut newest = self.0.lock();
            if newest.version < image.version {
                *newest = image.clone();
            }
        }
        Ok(image)
    }
}

impl Image {
    fn user_type(&self, id: u64) -> Option<&UserType> {
        match self.get(id)? {
            Object::UserType(kind) => Some(kind),
            _ => None,
        }
    }
}

impl UserTypes for Image {
    fn position(&self, id: u64, label: u32) -> Option<f64> {
        let labels = &self.user_type(id)?.labels;
        let place = labels.binary_search_by_key(&label, |label| label.number);
        let label = labels.get(place.ok()?)?;
        Some(f64::from_bits(label.position))
    }

    fn base(&self, id: u64) -> Option<Type> {
        self.user_type(id)?.base.clone()
    }

    fn fields(&self, id: u64) -> Option<Vec<(u32, Type)>> {
        let fields = self.user_type(id)?.fields.iter();
        let live = fields.filter(|field| !field.dropped);
        live.map(|field| Some((field.id, field.kind.clone()?)))
            .collect()
    }
}

/// Bytes of the hash between an app's prefix and an id.
const HASH: usize = 8;

/// The catalog's version as `view` shows it, the own changes of a transaction included.
///
/// # Errors
/// What the view fails with.
pub fn version<V: View>(view: &V) -> Step<i64> {
    version_of(view.get(Family::META, &meta::CATALOG_VERSION)?.as_deref())
}

/// The catalog's version at a glance; `None` where it would have to be waited for.
///
/// # Errors
/// What the store fails with.
pub fn peek_version(glance: &Glance<'_>) -> Step<Option<i64>> {
    let found = glance.get(Family::META, &meta::CATALOG_VERSION, version_of)?;
    found.transpose()
}

fn version_of(raw: Option<&[u8]>) -> Step<i64> {
    match raw {
        None => Ok(0),
        Some(raw) => {
            let raw = raw.try_into().map_err(|_| malformed("version"))?;
            Ok(i64::from_le_bytes(raw))
        }
    }
}

/// Object `number`, if there is one.
pub(super) fn object<V: View>(view: &V, number: u64) -> Act<Option<Object>> {
    let id = object_id(number);
    let key = keys::element(AppId::SYSTEM, view.hash64(&id), &id);
    match view.get(Family::DATA, &key)? {
        None => Ok(None),
        Some(raw) => match decode(&raw)? {
            None => Err(Refusal::Unreadable { number }.into()),
            object => Ok(object),
        },
    }
}

/// The number that a name stands for, if there is such a name.
pub(super) fn find<V: View>(
    view: &V,
    space: NameSpace,
    app: AppId,
    name: &str,
) -> Step<Option<u64>> {
    let id = name_id(space, app, name);
    let key = keys::element(AppId::SYSTEM, view.hash64(&id), &id);
    match view.get(Family::DATA, &key)? {
        None => Ok(None),
        Some(raw) => {
            let number = vertex(&raw)?.try_into().map_err(|_| malformed("name"))?;
            Ok(Some(u64::from_le_bytes(number)))
        }
    }
}

/// Makes the commit of `transaction` fail if object `number` is changed or dropped after its snapshot: what a cached
/// plan does with each object that it was made from, once it has seen that the plan's version is that of the snapshot.
pub fn pin(transaction: &mut Transaction, number: u64) {
    let key = object_key(transaction, number);
    transaction.pin(Family::DATA, &key);
}

pub(super) fn object_key<V: View>(view: &V, number: u64) -> keys::KeyBuf {
    let id = object_id(number);
    keys::element(AppId::SYSTEM, view.hash64(&id), &id)
}

fn decode(raw: &[u8]) -> Step<Option<Object>> {
    Ok(Object::decode(vertex(raw)?))
}

fn vertex(raw: &[u8]) -> Step<&[u8]> {
    match Record::decode(raw) {
        Some(Record::Vertex { value, .. }) => Ok(value),
        _ => Err(malformed("catalog")),
    }
}
