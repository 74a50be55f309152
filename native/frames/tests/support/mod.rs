//! What the tests of sealing share: a fixed world, trees that are plain maps, and loads drawn from a seed.
#![allow(clippy::unwrap_used, clippy::panic, dead_code, missing_docs)]

pub mod clock;

use hyperdb_frames::edits::{Content, Piece};
use hyperdb_frames::output::Output;
use hyperdb_frames::settlement::settle;
use hyperdb_frames::tree::member_prefix;
use hyperdb_frames::{Forest, Frames, FramesOptions, Names, Result, Retention, Roots, View};
use hyperdb_graph::identity::Environment;
use hyperdb_graph::{AppId, Kind, Store, Turn};
use hyperdb_lsm::fs::FileSystem;
use hyperdb_lsm::{Db, Direction, Family, KeyRange, Options, Snapshot, SyncMode};
use hyperdb_verkle::hash::to_digest as digest;
use hyperdb_verkle::tree::apps::address;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;

/// A clock that tests set, and bytes that anybody can guess.
#[derive(Clone, Default)]
pub struct World(pub Arc<AtomicI64>);

impl Environment for World {
    fn random(&mut self, out: &mut [u8]) -> hyperdb_lsm::Result<()> {
        for (byte, value) in out.iter_mut().zip(1..) {
            *byte = value;
        }
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

type Leaves = BTreeMap<(u32, u8, Vec<u8>), Content>;

/// Trees without structure: leaves in a map, one record a leaf in the NODE family, roots over all of them.
#[derive(Default)]
pub struct Maps {
    leaves: Option<Leaves>,
    /// Those that are not written yet.
    changed: BTreeSet<(u32, u8, Vec<u8>)>,
}

const NODES: u8 = 0;

fn node_key((app, tree, logical): &(u32, u8, Vec<u8>)) -> Vec<u8> {
    [&[NODES][..], &app.to_be_bytes(), &[*tree], logical].concat()
}

pub fn stored_leaves(nodes: &Snapshot) -> Leaves {
    nodes
        .iter(Family::NODE, KeyRange::prefix(&[NODES]), Direction::Forward)
        .map(|row| {
            let (key, raw) = row.unwrap();
            let word = |at: usize| u64::from_le_bytes(raw[at..at + 8].try_into().unwrap());
            let content = Content {
                version: word(0),
                bytes: word(8),
                digest: raw[16..].try_into().unwrap(),
            };
            let app = u32::from_be_bytes(key[1..5].try_into().unwrap());
            ((app, key[5], key[6..].to_vec()), content)
        })
        .collect()
}

pub fn roots_of(leaves: &Leaves, names: &Names) -> Roots {
    let mut parts = Vec::new();
    for ((app, tree, logical), content) in leaves {
        if let Some(name) = names.name(AppId(*app)) {
            let version = content.version.to_le_bytes();
            let bytes = content.bytes.to_le_bytes();
            let fields: [&[u8]; 6] = [
                &address(name),
                &[*tree],
                logical,
                &version,
                &bytes,
                &content.digest,
            ];
            parts.push(digest("leaf", &fields).to_vec());
        }
    }
    parts.sort();
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let root = digest("maps", &parts);
    Roots {
        apps: root,
        globals: root,
        hash_root: root,
    }
}

impl Maps {
    fn set(&mut self, key: (u32, u8, Vec<u8>), content: Option<Content>) {
        let leaves = self.leaves.as_mut().unwrap();
        match content {
            Some(content) => leaves.insert(key.clone(), content),
            None => leaves.remove(&key),
        };
        self.changed.insert(key);
    }

    fn load(&mut self, nodes: &Snapshot) -> &Leaves {
        self.leaves.get_or_insert_with(|| stored_leaves(nodes))
    }
}

impl Forest for Maps {
    fn apply(&mut self, nodes: &Snapshot, piece: Piece) -> Result<()> {
        self.load(nodes);
        let app = piece.app.0;
        for (tree, edits) in piece.edits.into_iter().enumerate() {
            for edit in edits {
                self.set((app, tree as u8, edit.logical), edit.content);
            }
        }
        for cid in piece.dropped.into_iter().chain(piece.noted) {
            for prefix in [member_prefix(cid), member_prefix(cid + 1)] {
                let all = self.leaves.as_ref().unwrap().keys();
                let gone: Vec<_> = all
                    .filter(|(of, _, logical)| *of == app && logical.starts_with(&prefix))
                    .cloned()
                    .collect();
                for key in gone {
                    self.set(key, None);
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, nodes: &Snapshot, out: &mut dyn Output) -> Result<()> {
        self.load(nodes);
        let leaves = self.leaves.take().unwrap();
        for key in std::mem::take(&mut self.changed) {
            match leaves.get(&key) {
                Some(content) => {
                    let mut raw = content.version.to_le_bytes().to_vec();
                    raw.extend_from_slice(&content.bytes.to_le_bytes());
                    raw.extend_from_slice(&content.digest);
                    out.put(&node_key(&key), &raw)?;
                }
                None => out.remove(&node_key(&key))?,
            }
        }
        Ok(())
    }

    fn finish(
        &mut self,
        nodes: &Snapshot,
        _before: Option<&Names>,
        names: &Names,
        out: &mut dyn Output,
    ) -> Result<Roots> {
        let roots = roots_of(self.load(nodes), names);
        self.write(nodes, out)?;
        Ok(roots)
    }

    fn sealed(&mut self) {}

    fn abandon(&mut self) {
        self.leaves = None;
        self.changed.clear();
    }

    fn dirty_bytes(&self) -> usize {
        self.changed.len() * 80
    }
}

/// Opens the store and its frames on `fs`.
pub fn open(
    fs: Arc<dyn FileSystem>,
    sync: SyncMode,
    retention: Retention,
    memory: usize,
    world: &World,
) -> Result<Frames> {
    let forest = Box::<Maps>::default();
    open_with(fs, sync, retention, memory, world, forest)
}

/// As [`open`], with other trees.
pub fn open_with(
    fs: Arc<dyn FileSystem>,
    sync: SyncMode,
    retention: Retention,
    memory: usize,
    world: &World,
    forest: Box<dyn Forest>,
) -> Result<Frames> {
    let options = Options {
        sync,
        memory: 4 << 20,
        create: true,
    };
    let db = Db::open_in(fs, Path::new("/db"), options)?;
    let store = Arc::new(Store::on(db, &mut world.clone())?);
    let options = FramesOptions {
        forest,
        retention,
        memory,
    };
    Frames::open(store, options, Box::new(world.clone()))
}

/// The leaves of a frame by the definition, from the data alone.
pub fn settled(frames: &Frames, view: &View) -> (Leaves, Names) {
    let names = Names::read(&view.data).unwrap();
    let mut leaves = Leaves::new();
    let from = view.signed.header.removes_from;
    settle(&view.data, from, &names, None, &mut |entry| {
        let content = frames.content(
            (entry.app, entry.tree),
            entry.logical,
            entry.version,
            entry.value,
        )?;
        leaves.insert(
            (entry.app.0, entry.tree as u8, entry.logical.to_vec()),
            content,
        );
        Ok(())
    })
    .unwrap();
    (leaves, names)
}

/// The trees of every frame that can be read hold what its data say, and its header names their root.
pub fn check(frames: &Frames) {
    let Some(newest) = frames.newest() else {
        return;
    };
    for number in newest.header.horizon..=newest.header.number {
        let view = frames.view(Some(number)).unwrap();
        let header = view.signed.header;
        assert!(view.signed.is_signed());
        assert_eq!(header.number, number);
        let (data, names) = settled(frames, &view);
        let stored: Leaves = stored_leaves(&view.nodes)
            .into_iter()
            .filter(|((app, ..), _)| names.name(AppId(*app)).is_some())
            .collect();
        for (key, content) in &data {
            assert_eq!(stored.get(key), Some(content), "{key:?} of frame {number}");
        }
        for key in stored.keys() {
            assert!(
                data.contains_key(key),
                "{key:?} is in frame {number} and not in the data"
            );
        }
        assert_eq!(header.apps, roots_of(&data, &names).apps);
        for earlier in 1..number {
            let (signed, path) = frames.consistency(earlier, number).unwrap().unwrap();
            assert_eq!(path.root(signed.header.digest()), Some(header.history));
        }
    }
}

/// One change of the load. Ids, fields and apps are few, so that things meet.
#[derive(Clone, Debug)]
pub enum Act {
    Text(u8, u8, u8),
    Field(u8, u8, u8, u8),
    Score(u8, u8, u8, u8),
    Row(u8, u8, u8, u8),
    Remove(u8, u8),
    Move(u8, u8, u8),
    Expire(u8, u8, u8),
    Flush(u8),
    Swap,
}

fn app(n: u8) -> &'static [u8] {
    if n.is_multiple_of(4) {
        b"redis/1"
    } else {
        b"redis/0"
    }
}

pub fn id(n: u8) -> Vec<u8> {
    let mut id = format!("id {}", n % 12).into_bytes();
    if n % 12 == 5 {
        id.resize(200, b'x');
    }
    id
}

/// A collection of `kind` at `id`, made anew if there is none.
fn collection(turn: &mut Turn<'_>, app: AppId, id: &[u8], kind: Kind) -> hyperdb_graph::Header {
    match turn.edge(app, id, kind) {
        Ok(Some(Ok(header))) => header,
        // Of another kind: replaced, as SET and DEL before a write do.
        _ => turn.create_edge(app, id, kind).unwrap(),
    }
}

pub fn act(turn: &mut Turn<'_>, act: &Act) {
    match *act {
        Act::Text(a, i, v) => {
            let app = turn.app(app(a)).unwrap();
            let value = vec![v; if v % 16 == 3 { 700 } else { usize::from(v % 9) }];
            turn.put_vertex(app, &id(i), &value, None).unwrap();
        }
        Act::Field(a, i, f, v) => member(turn, app(a), &id(i), Kind::Hash, f, v),
        Act::Score(a, i, f, v) => member(turn, app(a), &id(i), Kind::SortedSet, f, v),
        // Rows go with their table's definition alone, so tables have an app and ids that nothing else touches.
        Act::Row(_, i, f, v) => member(turn, b"schema", &id(i), Kind::Table, f, v),
        Act::Remove(a, i) => {
            let app = turn.app(app(a)).unwrap();
            turn.remove_element(app, &id(i)).unwrap();
        }
        Act::Move(a, i, j) => {
            let app = turn.app(app(a)).unwrap();
            turn.move_element(app, &id(i), &id(j)).unwrap();
        }
        Act::Expire(a, i, t) => {
            let app = turn.app(app(a)).unwrap();
            let at = turn.now_ms() + i64::from(t % 8);
            turn.set_expiry(app, &id(i), Some(at)).unwrap();
        }
        Act::Flush(a) => {
            turn.flush_app(app(a)).unwrap();
        }
        Act::Swap => turn.swap_apps(app(0), app(1)).unwrap(),
    }
}

/// Sets or (every third value) removes a member, and for a sorted set its place in the companion.
fn member(turn: &mut Turn<'_>, name: &[u8], id: &[u8], kind: Kind, f: u8, v: u8) {
    let app = turn.app(name).unwrap();
    let mut header = collection(turn, app, id, kind);
    let name = [f % 6];
    // Members of unordered collections lie at their hash, as proofs expect.
    let field = match kind {
        Kind::Table => name.to_vec(),
        _ => [&turn.hash64(&name).to_be_bytes()[..], &name].concat(),
    };
    if v.is_multiple_of(3) {
        turn.unset_member(app, &mut header, &field).unwrap();
    } else if kind == Kind::Table {
        let value = [v; 2];
        let cell = hyperdb_graph::codec::row::Cell {
            id: 1,
            width: hyperdb_graph::codec::row::Width::Variable,
            value: Some(&value),
            stamp: None,
        };
        let row = hyperdb_graph::codec::row::Row {
            stamp: None,
            cells: vec![cell],
        };
        turn.set_member(app, &mut header, &field, &row.encode().unwrap())
            .unwrap();
    } else {
        turn.set_member(app, &mut header, &field, &[v]).unwrap();
    }
    if kind == Kind::SortedSet {
        let (order, place) = (header.cid + 1, [v % 4, f % 6]);
        if turn.member(app, order, &place).unwrap().is_some() {
            turn.remove_member(app, order, &place).unwrap();
        } else {
            turn.insert_member(app, order, &place, &[]).unwrap();
        }
    }
    // An empty table is still a table.
    if kind == Kind::Table {
        turn.put_header(app, id, &header).unwrap();
    } else {
        turn.close_edge(app, id, &header).unwrap();
    }
}
