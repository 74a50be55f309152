//! Sealing one frame, and reading frames that are sealed.
//!
//! ```text
//! expire what is due -> snapshot at c1, kept -> edits of the trees -> one batch at c2: nodes, removes lists, header
//! ```
//! **Theory.** The data commit c1 of a frame is kept in the store; that is all it costs writers, one entry a hot key.
//! Nobody but sealing writes nodes, so the nodes of frame n are what the store shows at any commit from c2(n) up to
//! c2(n + 1); c1(n + 1) is such a commit and is kept anyway, so history needs no second kept commit. c1 is kept
//! before the batch is written: a crash between leaves a kept commit that no frame names, which goes when the
//! horizon passes it.
//!
//! **Invariant.** The horizon moves only with a frame, and what lies behind it is released only after that frame is
//! durable: when the next one is begun, with the same write of the manifest.

use crate::changes::Changes;
use crate::digest::Digest;
use crate::edits::{is_note, Content, Contents, Edit, Editor, Piece};
use crate::error::{Error, Result};
use crate::forest::{Forest, Roots};
use crate::header::{Header, SignedHeader};
use crate::history::{self, Path};
use crate::leaf::SaltSecret;
use crate::names::Names;
use crate::prove::Anchors;
use crate::records::{Cost, Records, Writing, SALT_SECRET, STORE_KEY};
use crate::sign::{SecretKey, SEED};
use crate::tree::Tree;
use hyperdb_graph::identity::Environment;
use hyperdb_graph::keys::app_prefix;
use hyperdb_graph::{AppId, Store};
use hyperdb_lsm::{Batch, Commit, Family, Op, Snapshot};
use parking_lot::{Mutex, RwLock};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Instant;

/// How much of the past can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// So many frames at most.
    pub frames: u64,
    /// Bytes of superseded entries at most, about.
    pub bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            frames: 64,
            bytes: 256 << 20,
        }
    }
}

/// Elements removed at one go because their time has come.
const EXPIRE_AT_ONCE: usize = 256;

/// What is known of the newest frame.
#[derive(Clone)]
struct Newest {
    signed: SignedHeader,
    /// What each frame after the horizon superseded, oldest first.
    superseded: VecDeque<u64>,
    /// The apps that were there.
    names: Names,
}

struct Sealing {
    forest: Box<dyn Forest>,
    newest: Option<Newest>,
}

/// The frames of a store.
pub struct Frames {
    store: Arc<Store>,
    retention: Retention,
    /// Bytes that changes may take in memory before they are walked instead.
    change_memory: usize,
    key: SecretKey,
    secret: SaltSecret,
    environment: Mutex<Box<dyn Environment + Send>>,
    sealing: Mutex<Sealing>,
    newest: RwLock<Option<SignedHeader>>,
    /// The newest commit that a try to seal has looked at, its own included.
    sealed_at: AtomicU64,
    pub(crate) anchors: Anchors,
}

/// What a frame lets read: its header, the data, and the nodes of its trees.
pub struct View {
    /// The frame.
    pub signed: SignedHeader,
    /// The store at the frame's commit.
    pub data: Snapshot,
    /// A commit at which the NODE family holds the frame's trees.
    pub nodes: Snapshot,
}

impl Frames {
    /// The frames of `store`; the first time, draws the store's key and the secret of salts from `environment`.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a damaged record, else what the store fails with.
    pub fn open(
        store: Arc<Store>,
        forest: Box<dyn Forest>,
        retention: Retention,
        change_memory: usize,
        mut environment: Box<dyn Environment + Send>,
    ) -> Result<Frames> {
        let snapshot = store.db().snapshot();
        let (seed, secret) = secrets(&store, &snapshot, &mut *environment)?;
        let newest = restore(&store, &snapshot)?;
        Ok(Frames {
            store,
            retention,
            change_memory,
            key: SecretKey::from_seed(&seed),
            secret: SaltSecret::new(&secret),
            environment: Mutex::new(environment),
            newest: RwLock::new(newest.as_ref().map(|newest| newest.signed.clone())),
            sealing: Mutex::new(Sealing { forest, newest }),
            sealed_at: AtomicU64::new(0),
            anchors: Anchors::default(),
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
        self.sealing
            .try_lock()
            .map_or(0, |sealing| sealing.forest.dirty_bytes())
    }

    /// Commits since the newest frame's batch: 0 if nothing is to be sealed.
    pub fn lag(&self) -> Commit {
        let latest = self.store.db().latest();
        let sealed = self
            .newest
            .read()
            .as_ref()
            .map_or(0, |newest| newest.header.commit);
        latest.saturating_sub(sealed)
    }

    /// Whether nothing was committed since the newest frame was sealed.
    pub fn is_sealed(&self) -> bool {
        self.sealed_at.load(Ordering::Acquire) == self.store.db().latest()
    }

    /// Seals a frame of what is durable now; `None` if nothing changed and `always` is not set.
    ///
    /// # Errors
    /// What the store fails with; the trees are then as before.
    pub fn seal(&self, always: bool) -> Result<Option<SignedHeader>> {
        let began = Instant::now();
        let mut sealing = self.sealing.lock();
        let time_ms = self.environment.lock().now_ms();
        self.expire(time_ms)?;
        let sealed = self.seal_at(&mut sealing, time_ms, always, began);
        match &sealed {
            Ok(Some(newest)) => {
                sealing.forest.sealed();
                *self.newest.write() = Some(newest.signed.clone());
                sealing.newest = Some(newest.clone());
            }
            Ok(None) => {}
            Err(_) => sealing.forest.abandon(),
        }
        Ok(sealed?.map(|newest| newest.signed))
    }

    /// Removes what has expired by `time_ms`, but for what a transaction has locked.
    fn expire(&self, time_ms: i64) -> Result<()> {
        loop {
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
            |family, wanted| Changes::collect(&data, since, family, self.change_memory, wanted);
        let changes = collect(Family::DATA, |_| true)?;
        if before.is_some() && changes.is_empty() && !always {
            self.sealed_at.store(data.commit(), Ordering::Release);
            return Ok(None);
        }
        let notes = collect(Family::META, is_note)?;
        data.retain(before.map_or(0, |newest| newest.signed.header.removes_from))?;
        let names = Names::read(&data)?;
        let number = before.map_or(1, |newest| newest.signed.header.number + 1);
        let (horizon, superseded) = self.horizon(before, number, changes.bytes());
        let removes_from = if horizon < number {
            let oldest = Records(&data).header(horizon)?;
            oldest
                .ok_or(Error::Malformed("frame header"))?
                .header
                .commit
        } else {
            data.commit()
        };

        let mut batch = Batch::new();
        let forest = &mut *sealing.forest;
        let mut editor = Editor::new(&names, removes_from, &self.secret, notes)?;
        editor.run(changes, &mut |piece| forest.apply(&data, piece))?;
        let old_horizon = before.map_or(number, |newest| newest.signed.header.horizon);
        leave(
            &data,
            &names,
            old_horizon,
            horizon,
            removes_from,
            forest,
            &mut batch,
        )?;
        let Roots {
            apps,
            globals,
            hash_root,
        } = forest.finish(
            &data,
            before.map(|newest| &newest.names),
            &names,
            &mut batch,
        )?;

        let records = Records(&data);
        let mut writing = Writing(&mut batch);
        writing.removes(number, &editor.recorded);
        let earlier = number - 1;
        let history = match before {
            None => history::root(&records, 0)?,
            Some(newest) => {
                let leaf = newest.signed.header.digest();
                let made = history::append(&records, earlier - 1, leaf)?;
                for (position, node) in &made {
                    writing.history(*position, node);
                }
                history::root(&With(&records, &made), earlier)?
            }
        };
        let header = Header {
            store_id: self.store.identity().store_id,
            hash_key: self.store.hash_key().to_bytes(),
            number,
            time_ms: u64::try_from(time_ms).unwrap_or(0),
            commit: data.commit(),
            horizon,
            removes_from,
            apps,
            globals,
            history,
            hash_root,
        };
        let signed = SignedHeader::sign(header, &self.key)?;
        let cost = Cost {
            superseded: superseded.back().copied().unwrap_or(0),
            changed: editor.changed,
            micros: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        };
        writing.header(&signed, cost);
        let commit = db.write_durable(&batch)?;
        // What others committed between the two commits is still to be sealed.
        if commit == data.commit() + 1 {
            self.sealed_at.store(commit, Ordering::Release);
        }
        Ok(Some(Newest {
            signed,
            superseded,
            names,
        }))
    }

    /// The horizon of frame `number`, and what each frame after it superseded.
    fn horizon(&self, before: Option<&Newest>, number: u64, bytes: u64) -> (u64, VecDeque<u64>) {
        let Some(before) = before else {
            return (number, VecDeque::new());
        };
        let mut horizon = before.signed.header.horizon;
        let mut superseded = before.superseded.clone();
        superseded.push_back(bytes);
        let mut total: u64 = superseded.iter().fold(0, |sum, n| sum.saturating_add(*n));
        while horizon < number
            && (number - horizon >= self.retention.frames.max(1) || total > self.retention.bytes)
        {
            superseded.pop_front();
            total = superseded.iter().fold(0, |sum, n| sum.saturating_add(*n));
            horizon += 1;
        }
        (horizon, superseded)
    }

    /// What frame `number` lets read, the newest if `None`.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::BehindHorizon`], else what the store fails with.
    pub fn view(&self, number: Option<u64>) -> Result<View> {
        let db = self.store.db();
        let now = db.snapshot();
        let newest = Records(&now).newest()?.map(|signed| signed.header);
        let (newest, horizon) = newest.map_or((0, 1), |header| (header.number, header.horizon));
        let asked = number.unwrap_or(newest);
        if asked == 0 || asked > newest {
            return Err(Error::NotSealed {
                asked: asked.max(1),
                newest,
            });
        }
        let behind = || Error::BehindHorizon {
            asked,
            oldest: horizon,
        };
        if asked < horizon {
            return Err(behind());
        }
        let header = |number| {
            let signed = Records(&now).header(number)?;
            signed.ok_or(Error::Malformed("frame header"))
        };
        // Sealing may release it at this moment.
        let at = |commit| match db.snapshot_at(commit) {
            Err(hyperdb_lsm::Error::BehindHorizon { .. }) => Err(behind()),
            other => Ok(other?),
        };
        let signed = header(asked)?;
        let data = at(signed.header.commit)?;
        let nodes = if asked == newest {
            now
        } else {
            at(header(asked + 1)?.header.commit)?
        };
        Ok(View {
            signed,
            data,
            nodes,
        })
    }

    /// Signed headers from frame `first` on, at most `limit`; those behind the horizon too.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn headers(&self, first: u64, limit: usize) -> Result<Vec<SignedHeader>> {
        Records(&self.store.db().snapshot()).headers(first, limit)
    }

    /// One signed header; behind the horizon too.
    ///
    /// # Errors
    /// [`Error::NotSealed`], else what the store fails with.
    pub fn header(&self, number: u64) -> Result<SignedHeader> {
        let newest = self.newest().map_or(0, |signed| signed.header.number);
        let found = Records(&self.store.db().snapshot()).header(number)?;
        found.ok_or(Error::NotSealed {
            asked: number,
            newest,
        })
    }

    /// What sealing a frame took.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn cost(&self, number: u64) -> Result<Cost> {
        Records(&self.store.db().snapshot()).cost(number)
    }

    /// Proves that frame `earlier` belongs to the history of frame `later`: its header and its path. `None` unless
    /// `earlier` comes first.
    ///
    /// # Errors
    /// [`Error::NotSealed`], else what the store fails with.
    pub fn consistency(&self, earlier: u64, later: u64) -> Result<Option<(SignedHeader, Path)>> {
        let signed = self.header(earlier)?;
        self.header(later)?;
        let snapshot = self.store.db().snapshot();
        let path = history::path(&Records(&snapshot), later - 1, earlier - 1)?;
        Ok(path.map(|path| (signed, path)))
    }
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

/// Takes removes that the horizon has passed out of their trees, and their lists out of the store.
fn leave(
    data: &Snapshot,
    names: &Names,
    from: u64,
    horizon: u64,
    removes_from: Commit,
    forest: &mut dyn Forest,
    batch: &mut Batch,
) -> Result<()> {
    let mut lists = Vec::new();
    for number in from + 1..=horizon {
        let mut piece: Option<Piece> = None;
        let mut leaving: Vec<Piece> = Vec::new();
        Records(data).removes(number, &mut lists, &mut |app, tree, logical| {
            if names.name(app).is_none() || stays(data, app, logical, removes_from)? {
                return Ok(());
            }
            let mut now = match piece.take() {
                Some(now) if now.app == app => now,
                before => {
                    leaving.extend(before);
                    Piece::of(app)
                }
            };
            now.edits[tree as usize].push(Edit {
                logical: logical.to_vec(),
                content: None::<Content>,
            });
            piece = Some(now);
            Ok(())
        })?;
        for piece in leaving.into_iter().chain(piece) {
            forest.apply(data, piece)?;
        }
    }
    for key in lists {
        batch.remove(Family::NODE, &key, &[]);
    }
    Ok(())
}

/// Whether the newest remove of a key is newer than the horizon, so that its leaf stays.
fn stays(data: &Snapshot, app: AppId, logical: &[u8], removes_from: Commit) -> Result<bool> {
    let key = [&app_prefix(app)[..], logical].concat();
    Ok(match data.newest(Family::DATA, &key)? {
        Some((version, Op::Remove, _)) => version > removes_from,
        _ => false,
    })
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
fn restore(store: &Store, snapshot: &Snapshot) -> Result<Option<Newest>> {
    let records = Records(snapshot);
    let Some(signed) = records.newest()? else {
        return Ok(None);
    };
    let (number, horizon) = (signed.header.number, signed.header.horizon);
    let superseded = (horizon + 1..=number)
        .map(|number| Ok(records.cost(number)?.superseded))
        .collect::<Result<_>>()?;
    let data = store.db().snapshot_at(signed.header.commit)?;
    Ok(Some(Newest {
        superseded,
        names: Names::read(&data)?,
        signed,
    }))
}
