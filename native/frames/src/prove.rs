//! Bundles about the apps of a store: its frames' trees and data as the prover reads them.
//!
//! **Theory.** Trees keep digests and entries are kept once, in the data; the prover asks for both. A frame is immutable, so the
//! place of an app under it ([`Anchor`]) is made once and kept for the next proofs of the same app.
//!
//! **Invariant.** One view serves a whole bundle: nodes, entries and header are of the same frame, whatever is sealed meanwhile.

use crate::attest::Attestation;
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::header::Header;
use crate::history::Path;
use crate::names::Names;
use crate::seal::Frames;
use crate::settlement::side;
use crate::tree::{Place, Tree};
use crate::verified::THREADS;
use crate::verkle::{app_tree, tree_of_apps, Stored};
use crate::view::View;
use hyperdb_graph::hash::HashKey;
use hyperdb_graph::keys::{self, app_prefix};
use hyperdb_graph::AppId;
use hyperdb_lsm::{Direction, Family, KeyRange, Op, Snapshot};
use hyperdb_verkle::hash::Digest;
use hyperdb_verkle::proof::{
    self, Anchor, Branch, Entries, Entry, Nodes, Parts, ProofError, Query, Show, Source, Which,
    ELEMENT, MAX_BUNDLE, MEMBER,
};
use hyperdb_verkle::tree::apps::App;
use hyperdb_verkle::tree::shards::{self, shards};
use hyperdb_verkle::tree::{raw::read_raw, root, Root};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of changed keys and values that are held at once while they are listed.
const CHANGES: usize = 16 << 20;
/// Anchors that are kept.
const ANCHORS: usize = 64;

/// What a bundle is to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'r> {
    /// Under which frame; the newest if `None`.
    pub frame: Option<u64>,
    /// An earlier frame that is shown to belong to its history.
    pub contains: Option<u64>,
    /// App, queries, and how much of rows is disclosed.
    pub about: Option<(&'r [u8], &'r [Query], &'r Show)>,
}

/// A branch of one of an app's trees that is small enough to be a shard, as large as it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which tree.
    pub tree: Tree,
    /// The branch.
    pub shard: shards::Shard,
}

/// Frame, app, and the app's place under it.
type Kept = (u64, Vec<u8>, Arc<Anchor>);

/// Anchors by frame and app, the last used at the end.
#[derive(Default)]
pub(crate) struct Anchors(Mutex<VecDeque<Kept>>);

impl Anchors {
    fn get(&self, frame: u64, app: &[u8]) -> Option<Arc<Anchor>> {
        let mut kept = self.0.lock();
        let at = kept
            .iter()
            .position(|(number, name, _)| (*number, &name[..]) == (frame, app))?;
        let found = kept.remove(at)?;
        let anchor = found.2.clone();
        kept.push_back(found);
        Some(anchor)
    }

    fn keep(&self, frame: u64, app: &[u8], anchor: Arc<Anchor>) {
        let mut kept = self.0.lock();
        if kept.len() >= ANCHORS {
            kept.pop_front();
        }
        kept.push_back((frame, app.to_vec(), anchor));
    }
}

/// An app under a frame. `None` as its number: it is not there, which is what is to be shown then.
struct Subject<'v> {
    view: &'v View,
    app: Option<AppId>,
}

/// An app at a frame, held to be proved from many times: one view serves all of it.
pub struct AppView {
    view: View,
    app: AppId,
    name: Vec<u8>,
    header: [u8; 206],
    salt_key: [u8; 64],
    anchor: Arc<Anchor>,
}

impl AppView {
    /// What proofs are made from, and the app's place under the header.
    pub fn with<T>(&self, work: impl FnOnce(&Source<'_>, &Anchor) -> T) -> T {
        let subject = Subject {
            view: &self.view,
            app: Some(self.app),
        };
        let source = Source {
            header: &self.header,
            name: &self.name,
            salt_key: &self.salt_key,
            nodes: &subject,
            entries: &subject,
        };
        work(&source, &self.anchor)
    }

    /// The app's number in this store.
    pub fn app(&self) -> AppId {
        self.app
    }

    /// Frame, data and nodes.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The app's place under the header, as bundles have it.
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }
}

fn unreadable(error: impl std::fmt::Display) -> ProofError {
    ProofError::Store(error.to_string())
}

impl Subject<'_> {
    fn prefix(&self, tree: Which) -> Option<Vec<u8>> {
        match tree {
            Which::Apps => Some(tree_of_apps()),
            Which::App(number) => {
                let tree = Tree::from_number(u8::try_from(number).ok()?)?;
                Some(app_tree(self.app?, tree))
            }
        }
    }
}

impl Nodes for Subject<'_> {
    fn branch(&self, tree: Which, path: &[u8]) -> std::result::Result<Option<Branch>, ProofError> {
        let Some(prefix) = self.prefix(tree) else {
            return Ok(None);
        };
        let stored = Stored::new(&self.view.nodes, &prefix);
        let found = read_raw(&stored, path).map_err(unreadable)?;
        Ok(found.map(Branch::from))
    }

    fn hash(&self, tree: Which) -> std::result::Result<Option<Digest>, ProofError> {
        let Some(prefix) = self.prefix(tree) else {
            return Ok(None);
        };
        let root = root(&Stored::new(&self.view.nodes, &prefix)).map_err(unreadable)?;
        Ok((root.count > 0).then_some(root.hash))
    }
}

/// What an entry of the data is in a tree, if it belongs there.
fn settled(
    tree: Tree,
    logical: &[u8],
    (version, op, value): (u64, Op, Vec<u8>),
) -> Result<Option<Entry>> {
    let place = Place::of(logical).ok_or(Error::Malformed("data key"))?;
    let Some(side) = side(place, &value)? else {
        return Ok(None);
    };
    let own = match op {
        Op::Add => side.adds(),
        Op::Remove => side.removes(),
    };
    Ok((own == tree).then_some(Entry { version, value }))
}

impl Entries for Subject<'_> {
    fn entry(&self, tree: usize, logical: &[u8]) -> std::result::Result<Option<Entry>, ProofError> {
        let (Some(app), Some(tree)) = (self.app, number(tree)) else {
            return Ok(None);
        };
        let key = [&app_prefix(app)[..], logical].concat();
        match self.view.data.newest(Family::DATA, &key) {
            Ok(Some(found)) => settled(tree, logical, found).map_err(unreadable),
            Ok(None) => Ok(None),
            Err(error) => Err(unreadable(error)),
        }
    }

    fn starting_with(
        &self,
        tree: usize,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], Entry) -> bool,
    ) -> std::result::Result<(), ProofError> {
        let (Some(app), Some(tree)) = (self.app, number(tree)) else {
            return Ok(());
        };
        let own = app_prefix(app);
        let range = KeyRange::prefix(&[&own[..], prefix].concat());
        let data = &self.view.data;
        let mut walk = data.entries(Family::DATA, range, Direction::Forward);
        while let Some(entry) = walk.step().map_err(unreadable)? {
            let logical = &entry.key[own.len()..];
            let found = (entry.version, entry.op, entry.value.to_vec());
            if let Some(found) = settled(tree, logical, found).map_err(unreadable)? {
                if !each(logical, found) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn app(&self, address: &Digest) -> std::result::Result<Option<(Digest, u64)>, ProofError> {
        let names = Names::read(&self.view.data).map_err(unreadable)?;
        let mut apps = names.iter();
        let Some((app, name)) = apps.find(|(_, name)| proof::address(name) == *address) else {
            return Ok(None);
        };
        let app = app_of(&self.view.nodes, app, name).map_err(unreadable)?;
        Ok(Some((app.value_digest(), app.bytes)))
    }
}

fn number(tree: usize) -> Option<Tree> {
    Tree::from_number(u8::try_from(tree).ok()?)
}

/// The four trees of an app together, as the records say.
fn app_of(nodes: &Snapshot, app: AppId, name: &[u8]) -> Result<App> {
    let mut roots = [Root::empty(); 4];
    for (tree, place) in Tree::ALL.into_iter().zip(&mut roots) {
        let prefix = app_tree(app, tree);
        let found = root(&Stored::new(nodes, &prefix));
        *place = found.map_err(|error| Error::Tree(error.to_string()))?;
    }
    Ok(App::new(proof::address(name), &roots))
}

/// The app of a name at a frame.
fn find(view: &View, hash_key: HashKey, name: &[u8]) -> Result<Option<AppId>> {
    if name.is_empty() {
        return Ok(Some(AppId::SYSTEM));
    }
    let id = [&[keys::system::APP][..], name].concat();
    let key = keys::element(AppId::SYSTEM, hash_key.hash64(&id), &id);
    let entry = view.data.get(Family::DATA, &key)?;
    entry.map(|entry| Names::number(&entry)).transpose()
}

/// What the prover refused, as an error of frames.
pub fn refused(error: ProofError) -> Error {
    match error {
        ProofError::Refused(error) => Error::NotProvable(error.to_string()),
        ProofError::Store(what) => Error::Tree(what),
    }
}

impl Frames {
    /// A bundle by `docs/proof-format.md`: the frame, its signature, and what else is asked for. An attestation of the app by its owner
    /// is in it if there is one.
    ///
    /// # Errors
    /// As [`Frames::view`]; [`Error::NotProvable`] if something is not so that was to be shown, or is more than verifiers take.
    pub fn prove(&self, request: &Request<'_>) -> Result<Vec<u8>> {
        let view = self.view(request.frame)?;
        let header = view.signed.header;
        let encoded = header.encode();
        let earlier = match request.contains {
            None => None,
            Some(number) => Some(self.contained(number, &header)?),
        };
        let history = earlier.as_ref().map(|(header, path)| (header, &path[..]));
        let mut attestation = None;
        let mut app = None;
        if let Some((name, queries, show)) = request.about {
            attestation = self.attestation(name, header.number)?;
            app = Some(self.answer(&view, &encoded, name, queries, show)?);
        }
        let attested = |known: &Attestation| (known.public, known.manifest, known.signature);
        let attestation = attestation.as_ref().map(attested);
        let bundle = proof::bundle(
            &encoded,
            &Parts {
                signature: Some((&view.signed.public, &view.signed.signature)),
                attestation: attestation
                    .as_ref()
                    .map(|(owner, manifest, signature)| (owner, manifest, signature)),
                history,
                app: app
                    .as_ref()
                    .map(|(anchor, proof)| (anchor.bytes(), &proof[..])),
            },
        );
        if bundle.len() > MAX_BUNDLE {
            return Err(Error::NotProvable(format!(
                "the answer takes {} bytes and no verifier takes more than {MAX_BUNDLE}: ask for less at a time",
                bundle.len()
            )));
        }
        Ok(bundle)
    }

    fn contained(&self, number: u64, later: &Header) -> Result<([u8; 206], Vec<Digest>)> {
        let Some((earlier, path)) = self.consistency(number, later.number)? else {
            return Err(Error::NotProvable(format!(
                "frame {number} does not come before frame {}, so it is not in its history",
                later.number
            )));
        };
        let Path {
            siblings, peaks, ..
        } = path;
        Ok((earlier.header.encode(), [siblings, peaks].concat()))
    }

    fn answer(
        &self,
        view: &View,
        header: &[u8; 206],
        name: &[u8],
        queries: &[Query],
        show: &Show,
    ) -> Result<(Arc<Anchor>, Vec<u8>)> {
        let app = find(view, self.store().hash_key(), name)?;
        let subject = Subject { view, app };
        // Who is not there has no entries, and so no salts.
        let salt_key = app.map_or([0; 64], |app| self.salt_key(app));
        let source = Source {
            header,
            name,
            salt_key: &salt_key,
            nodes: &subject,
            entries: &subject,
        };
        let number = view.signed.header.number;
        let anchor = match self.anchors.get(number, name) {
            Some(anchor) => anchor,
            None => {
                let anchor = Arc::new(Anchor::new(&source).map_err(refused)?);
                self.anchors.keep(number, name, anchor.clone());
                anchor
            }
        };
        let proof = proof::prove(&source, &anchor, queries, show, THREADS).map_err(refused)?;
        Ok((anchor, proof))
    }

    /// An app at a frame, to be proved from many times. `None` if there was no such app.
    ///
    /// # Errors
    /// As [`Frames::view`].
    pub fn app_view(&self, frame: Option<u64>, name: &[u8]) -> Result<Option<AppView>> {
        let view = self.view(frame)?;
        let Some(app) = find(&view, self.store().hash_key(), name)? else {
            return Ok(None);
        };
        let header = view.signed.header.encode();
        let salt_key = self.salt_key(app);
        let subject = Subject {
            view: &view,
            app: Some(app),
        };
        let anchor = Anchor::new(&Source {
            header: &header,
            name,
            salt_key: &salt_key,
            nodes: &subject,
            entries: &subject,
        });
        let anchor = Arc::new(anchor.map_err(refused)?);
        Ok(Some(AppView {
            name: name.to_vec(),
            view,
            app,
            header,
            salt_key,
            anchor,
        }))
    }

    /// Logical keys of elements and members of an app that changed between two frames, ascending; `None` if they are more than `most`.
    ///
    /// Members that went with their collection are not among them; the collection is.
    ///
    /// # Errors
    /// As [`Frames::view`], of both frames.
    pub fn changed_keys(
        &self,
        name: &[u8],
        (since, until): (u64, Option<u64>),
        most: usize,
    ) -> Result<Option<Vec<Vec<u8>>>> {
        let (before, after) = (self.view(Some(since))?, self.view(until)?);
        let Some(app) = find(&after, self.store().hash_key(), name)? else {
            return Ok(Some(Vec::new()));
        };
        let own = app_prefix(app);
        let commit = before.signed.header.commit;
        let mut keys = Vec::new();
        let mut changes = Changes::collect(&after.data, commit, Family::DATA, CHANGES, |_| true)?;
        while let Some(change) = changes.next()? {
            let logical = change.key.strip_prefix(&own[..]);
            let shown = |key: &[u8]| matches!(key.first(), Some(&(ELEMENT | MEMBER)));
            if let Some(key) = logical.filter(|key| shown(key)) {
                if keys.len() == most {
                    return Ok(None);
                }
                keys.push(key.to_vec());
            }
        }
        Ok(Some(keys))
    }

    /// An app's trees at a frame: roots, leaves and bytes. `None` if there was no such app.
    ///
    /// # Errors
    /// As [`Frames::view`].
    pub fn app_at(&self, frame: Option<u64>, name: &[u8]) -> Result<Option<App>> {
        let view = self.view(frame)?;
        match find(&view, self.store().hash_key(), name)? {
            Some(app) => app_of(&view.nodes, app, name).map(Some),
            None => Ok(None),
        }
    }

    /// Names of the apps of a frame, the system's own (without a name) among them.
    ///
    /// # Errors
    /// As [`Frames::view`].
    pub fn apps(&self, frame: Option<u64>) -> Result<Vec<Vec<u8>>> {
        let names = Names::read(&self.view(frame)?.data)?;
        Ok(names.iter().map(|(_, name)| name.to_vec()).collect())
    }

    /// The shards of an app's four trees: their largest branches of at most `limit` bytes of keys and values each.
    ///
    /// # Errors
    /// As [`Frames::view`].
    pub fn shards(&self, frame: Option<u64>, name: &[u8], limit: u64) -> Result<Vec<Shard>> {
        let view = self.view(frame)?;
        let Some(app) = find(&view, self.store().hash_key(), name)? else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for tree in Tree::ALL {
            let prefix = app_tree(app, tree);
            let found = shards(&Stored::new(&view.nodes, &prefix), limit);
            let found = found.map_err(|error| Error::Tree(error.to_string()))?;
            all.extend(found.shards.into_iter().map(|shard| Shard { tree, shard }));
        }
        Ok(all)
    }
}
