//! Settlement from the data alone: what the trees of a frame hold.
//!
//! **Theory.** Of an app that has a name,
//! ```text
//! adds     every entry that is there: elements, incidence, and members of collections that are there
//! removes  the newest remove of each of those keys that was not added again, if it is newer than `removes_from`
//! ```
//! A collection is there while the header of an element has its number. Elements sort before members, so one walk in key
//! order knows, at every member, whether its collection is there. This is the definition; [`crate::changes`]
//! keeps to it at the price of what changed.

use crate::error::{Error, Result};
use crate::names::Names;
use crate::tree::{Place, Side, Tree};
use hashbrown::HashSet;
use hyperdb_graph::{keys, AppId, Record};
use hyperdb_lsm::{Commit, Direction, Family, KeyRange, Op, Snapshot};

/// An entry that a tree holds.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'e> {
    /// Whose.
    pub app: AppId,
    /// In which tree.
    pub tree: Tree,
    /// Its logical key.
    pub logical: &'e [u8],
    /// The commit that added or removed it.
    pub version: Commit,
    /// The value, or the remove's note.
    pub value: &'e [u8],
}

/// Calls `visit` with all that the trees of a frame at `snapshot` hold, in the order of store keys; of one app alone if
/// `only` names one.
///
/// # Errors
/// [`Error::Malformed`] naming what is damaged, else what the store or `visit` fails with.
pub fn settle(
    snapshot: &Snapshot,
    removes_from: Commit,
    names: &Names,
    only: Option<AppId>,
    visit: &mut dyn FnMut(Settled<'_>) -> Result<()>,
) -> Result<()> {
    for (app, _) in names.iter() {
        if only.is_none_or(|only| only == app) {
            settle_app(snapshot, removes_from, app, visit)?;
        }
    }
    Ok(())
}

fn settle_app(
    snapshot: &Snapshot,
    removes_from: Commit,
    app: AppId,
    visit: &mut dyn FnMut(Settled<'_>) -> Result<()>,
) -> Result<()> {
    let prefix = keys::app_prefix(app);
    let mut collections = HashSet::new();
    let range = KeyRange::prefix(&prefix);
    let mut entries = snapshot.entries(Family::DATA, range, Direction::Forward);
    while let Some(entry) = entries.step()? {
        let logical = &entry.key[prefix.len()..];
        let place = Place::of(logical).ok_or(Error::Malformed("data key"))?;
        if let (Place::Element, Op::Add) = (place, entry.op) {
            collections.extend(collection_of(&entry.value)?);
        }
        let Some(side) = side(place, &entry.value)? else {
            continue;
        };
        if matches!(place, Place::Member(cid) if !collections.contains(&cid)) {
            continue;
        }
        let tree = match entry.op {
            Op::Add => side.adds(),
            Op::Remove if entry.version > removes_from => side.removes(),
            Op::Remove => continue,
        };
        visit(Settled {
            app,
            tree,
            logical,
            version: entry.version,
            value: &entry.value,
        })?;
    }
    Ok(())
}

/// The number of the collection whose header a record is, if it is one.
pub(crate) fn collection_of(record: &[u8]) -> Result<Option<u64>> {
    match Record::decode(record) {
        Some(Record::Vertex { .. }) => Ok(None),
        Some(Record::Edge(header)) => Ok(Some(header.cid)),
        None => Err(Error::Malformed("element")),
    }
}

/// The side of an entry; `None` if it is not committed to.
pub(crate) fn side(place: Place, value: &[u8]) -> Result<Option<Side>> {
    Ok(match place {
        Place::Uncommitted => None,
        Place::Incidence => Some(Side::Edge),
        Place::Member(cid) => Some(Side::of_collection(cid)),
        Place::Element => Some(Side::of_element(value).ok_or(Error::Malformed("element"))?),
    })
}
