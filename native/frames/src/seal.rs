//! Sealing one frame.
//!
//! ```text
//! expire what is due -> snapshot at c1, kept -> edits of the trees -> commits of nodes and lists of removes, the last with the header
//! ```
//! **Theory.** The data commit c1 of a frame is kept in the store; that is all it costs writers, one entry a hot key.
//! Nobody but sealing writes nodes, and c1 is kept before the first of them is written, so frames are read around a frame that
//! is being made ([`crate::view`]) and history needs no second kept commit. Nodes go in pieces, since the first frame of a
//! large store, or one after a bulk load, neither fits into memory nor into one commit ([`crate::output`]).
//!
//! **Invariant.** The header's commit makes the frame. A try that ended before it is undone before the next begins. The horizon moves
//! only with a frame, and what lies behind it is let go only after that frame is durable: when the next one is begun, with
//! the same write of the manifest.

use crate::changes::Changes;
use crate::edits::{is_note, Content, Contents, Editor, Piece};
use crate::error::{Error, Result};
use crate::forest::{Forest, Roots};
use crate::header::{Header, SignedHeader};
use crate::history;
use crate::leaf::SaltSecret;
use crate::names::Names;
use crate::options::{FramesOptions, Retention, Shares};
use crate::output::{Output as _, Pieces};
use crate::prove::Anchors;
use crate::readable::Readable;
use crate::records::{is_made_early, Cost, Records, Writing, SALT_SECRET, STORE_KEY};
use crate::removes::{leave, Entering};
use crate::sign::{SecretKey, SEED};
use crate::tree::Tree;
use crate::view::{kept_from, Held};
use hyperdb_graph::identity::Environment;
use hyperdb_graph::{AppId, Store};
use hyperdb_lsm::{Batch, Commit, Family, Snapshot};
use hyperdb_verkle::hash::Digest;
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

/// Elements removed at one go because their time has come.
const EXPIRE_AT_ONCE: usize = 256;

/// What is known of the newest frame.
#[derive(Clone)]
struct Newest {
    signed: SignedHeader,
    /// The commit that made it.
    made_by: Commit,
    /// It and those before it that can be read.
    readable: Readable,
    /// The apps that were there.
    names: Names,
}

struct Sealing {
    forest: Box<dyn Forest>,
    newest: Option<Newest>,
    /// A try may have left records.
    unfinished: bool,
}

/// The frames of a store.
pub struct Frames {
    store: Arc<Store>,
    retention: Retention,
    shares: Shares,
    key: SecretKey,
    secret: SaltSecret,
    environment: Mutex<Box<dyn Environment + Send>>,
    sealing: Mutex<Sealing>,
    newest: RwLock<Option<SignedHeader>>,
    /// Everything up to this commit is in a frame or is one, but for so many commits of others as came since.
    covered: AtomicU64,
    dirty: AtomicUsize,
    stopped: AtomicBool,
    opened_ms: i64,
    pub(crate) anchors: Anchors,
    pub(crate) held: Held,
}

impl Frames {
    /// The frames of `store`; the first time, draws the store's key and the secret of salts from `environment`.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a damaged record, else what the store fails with.
    pub fn open(
        store: Arc<Store>,
        options: FramesOptions,
        mut environment: Box<dyn Environment + Send>,
    ) -> Result<Frames> {
        let snapshot = store.db().snapshot();
        let (seed, secret) = secrets(&store, &snapshot, &mut *environment)?;
        let newest = restore(&store)?;
        let made_by = newest.as_ref().map_or(0, |newest| newest.made_by);
        Ok(Frames {
            retention: options.retention,
            shares: Shares::of(options.memory),
            key: SecretKey::from_seed(&seed),
            secret: SaltSecret::new(&secret),
            opened_ms: environment.now_ms(),
            environment: Mutex::new(environment),
            newest: RwLock::new(newest.as_ref().map(|newest| newest.signed.clone())),
            covered: AtomicU64::new(newest.as_ref().map_or(0, Newest::covers)),
            sealing: Mutex::new(Sealing {
                forest: options.forest,
                newest,
                unfinished: kept_from(store.db(), made_by).is_some(),
            }),
            dirty: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            store,
            anchors: Anchors::default(),
            held: Held::default(),
        })
    }

    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The key that signs frames.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// The secret of all salts.
    pub fn secret(&self) -> &SaltSecret {
        &self.secret
    }

    /// The salt key of an app: whoever has it can open every leaf of the app.
    pub fn salt_key(&self, app: AppId) -> [u8; 64] {
        self.secret.app_key(app.0)
    }

    /// What the leaf of an entry in a tree of an app says: `version` added or removed it, `value` is its value or note.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a member of a table that is no packed row.
    pub fn content(
        &self,
        (app, tree): (AppId, Tree),
        logical: &[u8],
        version: Commit,
        value: &[u8],
    ) -> Result<Content> {
        Contents::new(&self.secret).of((app, tree), logical, version, value)
    }

    /// The newest frame.
    pub fn newest(&self) -> Option<SignedHeader> {
        self.newest.read().clone()
    }

    /// Bytes of memory that a frame in the making holds, 0 while none is.
    pub fn dirty_bytes(&self) -> usize {
        self.dirty.load(Ordering::Relaxed)
    }

    /// Commits that no frame holds yet.
    pub fn lag(&self) -> Commit {
        let latest = self.store.db().latest();
        latest.saturating_sub(self.covered.load(Ordering::Acquire))
    }

    /// Milliseconds from the newest frame until now, 0 if it holds everything.
    pub fn lag_ms(&self) -> u64 {
        if self.lag() == 0 {
            return 0;
        }
        let newest = self.newest.read().as_ref().map(|new| new.header.time_ms);
        let opened = u64::try_from(self.opened_ms).unwrap_or(0);
        let now = u64::try_from(self.environment.lock().now_ms()).unwrap_or(0);
        now.saturating_sub(newest.unwrap_or(opened))
    }

    /// Whether nothing was committed since the newest frame was sealed, but for what does not change it.
    pub fn is_sealed(&self) -> bool {
        self.lag() == 0
    }

    /// A frame in the making ends with [`Error::Stopped`], and so does every one that is begun.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// The opposite of [`Frames::stop`].
    pub fn go_on(&self) {
        self.stopped.store(false, Ordering::Relaxed);
    }

    /// Whether [`Frames::stop`] was called last.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn check_stopped(&self) -> Result<()> {
        if self.is_stopped() {
            return Err(Error::Stopped);
        }
        Ok(())
    }

    /// Seals a frame of what is durable now; `None` if nothing changed and `always` is not set.
    ///
    /// # Errors
    /// What the store fails with, [`Error::Stopped`]; the newest frame is then as before.
    pub fn seal(&self, always: bool) -> Result<Option<SignedHeader>> {
        let began = Instant::now();
        let mut sealing = self.sealing.lock();
        let time_ms = self.environment.lock().now_ms();
        self.expire(time_ms)?;
        if sealing.unfinished {
            self.undo(&mut sealing)?;
        }
        let sealed = self.seal_at(&mut sealing, time_ms, always, began);
        self.dirty.store(0, Ordering::Relaxed);
        match &sealed {
            Ok(Some(newest)) => {
                sealing.forest.sealed();
                *self.newest.write() = Some(newest.signed.clone());
                sealing.newest = Some(newest.clone());
            }
            Ok(None) => {}
            Err(_) => {
                sealing.forest.abandon();
                sealing.unfinished = true;
            }
        }
        Ok(sealed?.map(|newest| newest.signed))
    }

    /// Removes what has expired by `time_ms`, but for what a transaction has locked.
    fn expire(&self, time_ms: i64) -> Result<()> {
        if !self.store.expires_actively() {
            return Ok(());
        }
        while self
            .store
            .end_cells(time_ms.div_euclid(1000), EXPIRE_AT_ONCE)?
            == EXPIRE_AT_ONCE
        {
            self.check_stopped()?;
        }
        loop {
            self.check_stopped()?;
            let mut turn = self.store.turn(time_ms);
            let expired = turn
                .expire_due(EXPIRE_AT_ONCE)
                .map_err(|stop| stop.into_error())?;
            let commit = turn.commit()?;
            drop(turn);
            self.store.db().wait_durable(commit)?;
            if !expired.more || expired.removed == 0 {
                return Ok(());
            }
        }
    }

    /// Makes the nodes what they were at the newest frame, if a try to seal the next one has left any.
    fn undo(&self, sealing: &mut Sealing) -> Result<()> {
        let db = self.store.db();
        // A try whose last commit was written and not known to be durable may have come through.
        sealing.newest = restore(&self.store)?;
        *self.newest.write() = sealing.newest.as_ref().map(|newest| newest.signed.clone());
        let made_by = sealing.newest.as_ref().map_or(0, |newest| newest.made_by);
        if let Some(kept) = kept_from(db, made_by) {
            let old = db.snapshot_at(kept)?;
            let shares = &self.shares;
            Pieces::undo(db, &old, shares.commit, shares.changes, is_made_early)?;
        }
        sealing.unfinished = false;
        Ok(())
    }

    fn seal_at(
        &self,
        sealing: &mut Sealing,
        time_ms: i64,
        always: bool,
        began: Instant,
    ) -> Result<Option<Newest>> {
        let db = self.store.db();
        let data = db.snapshot();
        let before = sealing.newest.as_ref();
        let since = before.map_or(0, |newest| newest.signed.header.commit);
        let collect =
            |family, wanted| Changes::collect(&data, since, family, self.shares.changes, wanted);
        let changes = collect(Family::DATA, |_| true)?;
        if before.is_some() && changes.is_empty() && !always {
            self.covered.store(data.commit(), Ordering::Release);
            return Ok(None);
        }
        let notes = collect(Family::META, is_note)?;
        // The nodes of the newest frame are read at the first of these from the one on that made it.
        let made_by = before.map_or(0, |newest| newest.made_by);
        let readable = before.map(|newest| &newest.readable);
        let mut kept: Vec<Commit> = readable.into_iter().flat_map(Readable::commits).collect();
        kept.extend(kept_from(db, made_by));
        data.keep_for_frames(&kept)?;

        let number = before.map_or(1, |newest| newest.signed.header.number + 1);
        let old_horizon = readable.map_or(number, |readable| readable.first);
        let mut readable = match readable {
            Some(before) => before.next(data.commit(), changes.bytes(), &self.retention),
            None => Readable::new(data.commit()),
        };
        let removes_from = readable.horizon();
        let names = Names::read(&data)?;
        let edits = self.shares.edits;
        let mut editor = Editor::new(&names, removes_from, &self.secret, notes, edits)?;
        let mut making = Making {
            frames: self,
            forest: &mut *sealing.forest,
            nodes: data.clone(),
            pieces: Pieces::new(db, self.shares.commit),
            entering: Entering::new(number),
        };
        editor.run(changes, &mut |piece| making.apply(piece))?;
        making.entering.finish(&mut making.pieces)?;
        let leaving = old_horizon + 1..=readable.first;
        let apply = &mut |piece| making.apply(piece);
        let lists = leave(&data, &names, leaving, removes_from, edits, apply)?;
        let Making {
            forest,
            nodes,
            mut pieces,
            ..
        } = making;
        for key in lists {
            pieces.remove(&key)?;
        }
        let known = before.map(|newest| &newest.names);
        let roots = forest.finish(&nodes, known, &names, &mut pieces)?;
        readable.add(pieces.written);

        let history = append_history(&data, before, number, &mut pieces)?;
        let header = self.header_of(number, time_ms, &data, &readable, roots, history);
        let signed = SignedHeader::sign(header, &self.key)?;
        let cost = Cost {
            superseded: readable.newest_superseded(),
            changed: editor.changed,
            micros: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        };
        Writing(pieces.last()).header(&signed, cost);
        let (made_by, own) = pieces.finish()?;
        let covered = data.commit().saturating_add(own);
        self.covered.store(covered, Ordering::Release);
        Ok(Some(Newest {
            signed,
            made_by,
            readable,
            names,
        }))
    }

    fn header_of(
        &self,
        number: u64,
        time_ms: i64,
        data: &Snapshot,
        readable: &Readable,
        roots: Roots,
        history: Digest,
    ) -> Header {
        Header {
            store_id: self.store.identity().store_id,
            hash_key: self.store.hash_key().to_bytes(),
            number,
            time_ms: u64::try_from(time_ms).unwrap_or(0),
            commit: data.commit(),
            horizon: readable.first,
            removes_from: readable.horizon(),
            apps: roots.apps,
            globals: roots.globals,
            history,
            hash_root: roots.hash_root,
        }
    }
}

impl Newest {
    /// Up to which commit it holds everything, itself included.
    fn covers(&self) -> Commit {
        let data = self.signed.header.commit;
        if self.made_by == data + 1 {
            self.made_by
        } else {
            data
        }
    }
}

/// A frame whose trees are being changed.
struct Making<'f> {
    frames: &'f Frames,
    forest: &'f mut dyn Forest,
    /// Shows the nodes of the frame before, and those that were written since.
    nodes: Snapshot,
    pieces: Pieces<'f>,
    entering: Entering,
}

impl Making<'_> {
    fn apply(&mut self, piece: Piece) -> Result<()> {
        self.frames.check_stopped()?;
        self.entering.take(&piece, &mut self.pieces)?;
        self.forest.apply(&self.nodes, piece)?;
        let dirty = self.forest.dirty_bytes();
        self.frames.dirty.store(dirty, Ordering::Relaxed);
        if dirty > self.frames.shares.dirty {
            self.forest.write(&self.nodes, &mut self.pieces)?;
            self.nodes = self.pieces.settle()?;
        }
        Ok(())
    }
}

/// Adds the header of the frame before to the history; its root.
fn append_history(
    data: &Snapshot,
    before: Option<&Newest>,
    number: u64,
    pieces: &mut Pieces<'_>,
) -> Result<Digest> {
    let records = Records(data);
    let earlier = number - 1;
    let Some(newest) = before else {
        return history::root(&records, 0);
    };
    let leaf = newest.signed.header.digest();
    let made = history::append(&records, earlier - 1, leaf)?;
    for (position, node) in &made {
        Writing(pieces.last()).history(*position, node);
    }
    history::root(&With(&records, &made), earlier)
}

/// Nodes of the history, some of them not written yet.
struct With<'n>(&'n Records<'n>, &'n [(u64, Digest)]);

impl history::Nodes for With<'_> {
    type Error = Error;

    fn node(&self, position: u64) -> Result<Digest> {
        match self.1.iter().find(|(made, _)| *made == position) {
            Some((_, node)) => Ok(*node),
            None => self.0.node(position),
        }
    }
}

/// The store's seed and the secret of salts; drawn and written durably the first time.
fn secrets(
    store: &Store,
    snapshot: &Snapshot,
    environment: &mut dyn Environment,
) -> Result<([u8; SEED], [u8; 32])> {
    let seed = snapshot.get(Family::META, &STORE_KEY)?;
    let secret = snapshot.get(Family::META, &SALT_SECRET)?;
    if let (Some(seed), Some(secret)) = (seed, secret) {
        let seed = seed.try_into().map_err(|_| Error::Malformed("store key"))?;
        let secret = secret
            .try_into()
            .map_err(|_| Error::Malformed("salt secret"))?;
        return Ok((seed, secret));
    }
    let (mut seed, mut secret) = ([0; SEED], [0; 32]);
    environment.random(&mut seed)?;
    environment.random(&mut secret)?;
    let mut batch = Batch::new();
    batch
        .put(Family::META, &STORE_KEY, &seed)
        .put(Family::META, &SALT_SECRET, &secret);
    store.db().write_durable(&batch)?;
    Ok((seed, secret))
}

/// What sealing must know of the newest frame.
fn restore(store: &Store) -> Result<Option<Newest>> {
    let now = store.db().snapshot();
    let records = Records(&now);
    let Some(signed) = records.newest()? else {
        return Ok(None);
    };
    let Header {
        number, horizon, ..
    } = signed.header;
    let missing = || Error::Malformed("frame header");
    let commits = (horizon..=number).map(|number| {
        let header = records.header(number)?.ok_or_else(missing)?;
        Ok(header.header.commit)
    });
    let superseded = (horizon + 1..=number).map(|number| Ok(records.cost(number)?.superseded));
    let data = store.db().snapshot_at(signed.header.commit)?;
    Ok(Some(Newest {
        made_by: records.made_by(number)?.ok_or_else(missing)?,
        readable: Readable::of(
            horizon,
            commits.collect::<Result<_>>()?,
            superseded.collect::<Result<_>>()?,
        ),
        names: Names::read(&data)?,
        signed,
    }))
}
