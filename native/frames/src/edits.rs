//! From what changed to what changes in the trees.
//!
//! **Theory.** Every change of a hyperedge's members writes its header, so among the changes of an app the headers name
//! exactly those collections that are there and whose members changed; elements sort before members. A member whose
//! collection is not among them belongs to one that is gone: the collection's whole prefix leaves the trees.
//! Notes of drops name the collections that went with nothing else to show for it; nodes of those are left to compaction.
//!
//! **Invariant.** Applied to the trees of the frame before, the edits give what [`crate::settlement`] finds in the data.

use crate::changes::{Changed, Changes};
use crate::error::{Error, Result};
use crate::leaf::{value_digest, AppSalt, SaltSecret};
use crate::names::Names;
use crate::settlement::{collection_of, side};
use crate::tree::{Place, Tree};
use hashbrown::{HashMap, HashSet};
use hyperdb_graph::keys::{self, meta};
use hyperdb_graph::AppId;
use hyperdb_lsm::{Commit, Op};
use std::collections::BTreeSet;

/// What a leaf says of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// The commit that added or removed it.
    pub version: Commit,
    /// Bytes of logical key and value.
    pub bytes: u64,
    /// The salted digest of its value.
    pub digest: [u8; 32],
}

/// One leaf of a tree is set or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Its logical key.
    pub logical: Vec<u8>,
    /// `None`: it goes, if it is there.
    pub content: Option<Content>,
}

/// Edits of one app's trees, those of each tree in the order of store keys.
#[derive(Debug)]
pub struct Piece {
    /// Whose.
    pub app: AppId,
    /// By tree.
    pub edits: [Vec<Edit>; 4],
    /// Collections whose members leave all trees.
    pub dropped: BTreeSet<u64>,
    /// Those of them whose nodes compaction removes, since the store notes their drop.
    pub noted: BTreeSet<u64>,
}

impl Piece {
    pub(crate) fn of(app: AppId) -> Piece {
        Piece {
            app,
            edits: Default::default(),
            dropped: BTreeSet::new(),
            noted: BTreeSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        let edits: usize = self.edits.iter().map(Vec::len).sum();
        edits + self.dropped.len() + self.noted.len()
    }

    fn push(&mut self, tree: Tree, logical: &[u8], content: Option<Content>) {
        self.edits[tree as usize].push(Edit {
            logical: logical.to_vec(),
            content,
        });
    }
}

/// Computes what leaves say.
pub(crate) struct Contents<'s> {
    secret: &'s SaltSecret,
    app: Option<(AppId, AppSalt)>,
}

impl<'s> Contents<'s> {
    pub(crate) fn new(secret: &'s SaltSecret) -> Self {
        Self { secret, app: None }
    }

    pub(crate) fn of(
        &mut self,
        (app, tree): (AppId, Tree),
        logical: &[u8],
        version: Commit,
        value: &[u8],
    ) -> Result<Content> {
        let salts = match &mut self.app {
            Some((known, salts)) if *known == app => &*salts,
            place => &place.insert((app, self.secret.app(app.0))).1,
        };
        let salt = salts.row(logical, version);
        Ok(Content {
            version,
            bytes: (logical.len() + value.len()) as u64,
            digest: value_digest(tree, logical, &salt, value).ok_or(Error::Malformed("row"))?,
        })
    }
}

/// Collections of an app that were dropped whole.
#[derive(Default)]
struct Notes {
    /// Their members and nodes go at compaction.
    left: BTreeSet<u64>,
    /// Generic hyperedges: somebody has to see to their members before.
    edges: BTreeSet<u64>,
}

/// Turns changes into edits.
pub(crate) struct Editor<'e> {
    names: &'e Names,
    removes_from: Commit,
    contents: Contents<'e>,
    notes: HashMap<AppId, Notes>,
    /// So many edits are handed on together, at most about.
    piece: usize,
    pub(crate) changed: u64,
}

/// Whether a META key is a note of a drop.
pub(crate) fn is_note(key: &[u8]) -> bool {
    matches!(key.first(), Some(&(meta::DROPPED | meta::DROPPED_EDGE)))
}

impl<'e> Editor<'e> {
    /// `notes` are the changes of META for which [`is_note`] holds.
    pub(crate) fn new(
        names: &'e Names,
        removes_from: Commit,
        secret: &'e SaltSecret,
        mut notes: Changes,
        piece: usize,
    ) -> Result<Self> {
        let mut known: HashMap<AppId, Notes> = HashMap::new();
        while let Some(note) = notes.next()? {
            let edge = keys::parse_dropped_edge(note.key);
            let parsed = edge.or_else(|| keys::parse_dropped(note.key));
            let (app, cid) = parsed.ok_or(Error::Malformed("note of a drop"))?;
            if cid != 0 && names.name(app).is_some() {
                let notes = known.entry(app).or_default();
                let place = match edge {
                    Some(_) => &mut notes.edges,
                    None => &mut notes.left,
                };
                place.insert(cid & !1);
            }
        }
        Ok(Self {
            names,
            removes_from,
            contents: Contents::new(secret),
            notes: known,
            piece,
            changed: 0,
        })
    }

    /// Hands all edits to `apply`, app by app, in pieces.
    pub(crate) fn run(
        &mut self,
        mut changes: Changes,
        apply: &mut dyn FnMut(Piece) -> Result<()>,
    ) -> Result<()> {
        let mut piece: Option<Piece> = None;
        let mut live = HashSet::new();
        while let Some(change) = changes.next()? {
            let (number, used) =
                keys::read_varint(change.key).ok_or(Error::Malformed("data key"))?;
            let app = AppId(u32::try_from(number).map_err(|_| Error::Malformed("data key"))?);
            if self.names.name(app).is_none() {
                continue;
            }
            let mut now = match piece.take() {
                Some(now) if now.app == app => now,
                before => {
                    self.end_app(before, apply)?;
                    live.clear();
                    Piece::of(app)
                }
            };
            self.edit(&mut now, &change, used, &mut live)?;
            if now.len() >= self.piece {
                apply(now)?;
                now = Piece::of(app);
            }
            piece = Some(now);
        }
        self.end_app(piece, apply)?;
        let rest: Vec<AppId> = self.notes.keys().copied().collect();
        for app in rest {
            self.end_app(Some(Piece::of(app)), apply)?;
        }
        Ok(())
    }

    /// Hands on the last piece of an app, and what its notes say.
    fn end_app(
        &mut self,
        piece: Option<Piece>,
        apply: &mut dyn FnMut(Piece) -> Result<()>,
    ) -> Result<()> {
        let Some(mut piece) = piece else {
            return Ok(());
        };
        let app = piece.app;
        let notes = self.notes.remove(&app).unwrap_or_default();
        let left = notes.left.into_iter().map(|cid| (cid, true));
        let edges = notes.edges.into_iter().map(|cid| (cid, false));
        for (cid, noted) in left.chain(edges) {
            if piece.len() >= self.piece {
                apply(std::mem::replace(&mut piece, Piece::of(app)))?;
            }
            if noted {
                piece.noted.insert(cid);
            } else {
                piece.dropped.insert(cid);
            }
        }
        if piece.len() > 0 {
            apply(piece)?;
        }
        Ok(())
    }

    fn edit(
        &mut self,
        piece: &mut Piece,
        change: &Changed<'_>,
        used: usize,
        live: &mut HashSet<u64>,
    ) -> Result<()> {
        let logical = &change.key[used..];
        let place = Place::of(logical).ok_or(Error::Malformed("data key"))?;
        if let (Place::Element, Op::Add) = (place, change.op) {
            live.extend(collection_of(&change.value)?);
        }
        let Some(side) = side(place, &change.value)? else {
            return Ok(());
        };
        if let Place::Member(cid) = place {
            if !live.contains(&cid) {
                let notes = self.notes.get(&piece.app);
                if !notes.is_some_and(|notes| notes.left.contains(&cid)) {
                    piece.dropped.insert(cid);
                }
                return Ok(());
            }
        }
        self.changed += 1;
        let stays = change.op == Op::Add || change.version > self.removes_from;
        let content = if stays {
            let tree = match change.op {
                Op::Add => side.adds(),
                Op::Remove => side.removes(),
            };
            let place = (piece.app, tree);
            let value = &change.value;
            Some(self.contents.of(place, logical, change.version, value)?)
        } else {
            None
        };
        let (added, removed) = match change.op {
            Op::Add => (content, None),
            Op::Remove => (None, content),
        };
        piece.push(side.adds(), logical, added);
        piece.push(side.removes(), logical, removed);
        // What an id names may have come from the other side.
        if place == Place::Element {
            piece.push(side.other().adds(), logical, None);
            piece.push(side.other().removes(), logical, None);
        }
        Ok(())
    }
}
