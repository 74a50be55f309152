//! What the crash and fault tests share: a load drawn from a seed, and what the store must hold after each commit.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use hyperdb_lsm::fs::FileSystem;
use hyperdb_lsm::{
    Commit, Db, Direction, Error, Family, KeyRange, Options, Result, Snapshot, Stop, SyncMode,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub const DIR: &str = "/db";

/// Numbers from a seed (xorshift64).
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `n`.
    pub fn roll(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

pub type Families = [BTreeMap<Vec<u8>, Vec<u8>>; 3];

/// One change: family, key, and the value, or `None` for a remove.
pub type Change = (Family, Vec<u8>, Option<Vec<u8>>);

/// The content of one commit. Every commit sets a marker, so that two states are never alike.
pub fn changes(dice: &mut Dice, number: u64) -> Vec<Change> {
    let mut out = vec![(
        Family::META,
        b"marker".to_vec(),
        Some(number.to_be_bytes().to_vec()),
    )];
    for _ in 0..=dice.roll(5) {
        let family = Family(dice.roll(2) as u8);
        let key = format!("key {:03}", dice.roll(60)).into_bytes();
        let len = if dice.roll(12) == 0 {
            3000
        } else {
            dice.roll(200)
        };
        let value = (dice.roll(4) > 0).then(|| (0..len).map(|i| (i ^ number) as u8).collect());
        out.push((family, key, value));
    }
    out
}

/// What the store holds after each commit, by number; 0 is the empty store.
#[derive(Clone)]
pub struct History {
    pub states: BTreeMap<Commit, Families>,
}

impl History {
    pub fn new() -> Self {
        Self {
            states: BTreeMap::from([(0, Families::default())]),
        }
    }

    pub fn push(&mut self, commit: Commit, changes: &[Change]) {
        let mut state = self.states.values().next_back().unwrap().clone();
        for (family, key, value) in changes {
            let map = &mut state[usize::from(family.0)];
            match value {
                Some(value) => map.insert(key.clone(), value.clone()),
                None => map.remove(key),
            };
        }
        self.states.insert(commit, state);
    }

    /// The newest commit.
    pub fn last(&self) -> Commit {
        *self.states.keys().next_back().unwrap()
    }

    /// Commits above `commit` never happened.
    pub fn truncate(&mut self, commit: Commit) {
        self.states.retain(|&c, _| c <= commit);
    }
}

pub fn options(sync: SyncMode) -> Options {
    Options {
        sync,
        memory: 1 << 20,
        create: true,
    }
}

pub fn open(fs: &Arc<dyn FileSystem>, sync: SyncMode) -> Result<Db> {
    Db::open_in(fs.clone(), Path::new(DIR), options(sync))
}

/// Writes one commit; its number. On an error nothing was committed.
pub fn commit(db: &Db, changes: &[Change]) -> Result<Commit> {
    let mut writer = db.writer();
    for (family, key, value) in changes {
        let step = match value {
            Some(value) => writer.put(*family, key, value),
            None => writer.remove(*family, key, b""),
        };
        match step {
            Ok(()) => {}
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Miss(_)) => return Err(Error::Invalid("a blocking writer missed".into())),
        }
    }
    writer.commit()
}

/// Everything that `snapshot` sees.
pub fn content(snapshot: &Snapshot) -> Result<Families> {
    let mut out = Families::default();
    for (family, map) in out.iter_mut().enumerate() {
        for entry in snapshot.iter(Family(family as u8), KeyRange::all(), Direction::Forward) {
            let (key, value) = entry?;
            map.insert(key, value);
        }
    }
    Ok(out)
}

/// Asserts that a recovered store is at a commit of `history`, not before `acknowledged`, and whole; which one.
pub fn assert_recovered(db: &Db, history: &History, acknowledged: Commit, context: &str) -> Commit {
    let latest = db.latest();
    assert!(
        latest >= acknowledged,
        "{context}: commit {acknowledged} was acknowledged, the store is at {latest}"
    );
    let expected = history
        .states
        .get(&latest)
        .unwrap_or_else(|| panic!("{context}: commit {latest} was never made"));
    let snapshot = db.snapshot();
    assert_eq!(snapshot.commit(), latest, "{context}");
    let got = content(&snapshot).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert!(
        got == *expected,
        "{context}: the store is not what it was at commit {latest}"
    );
    let findings = db
        .check(&mut |_, _| {})
        .unwrap_or_else(|error| panic!("{context}: {error}"));
    assert!(findings.is_empty(), "{context}: {findings:?}");
    latest
}

/// Whether the long forms were asked for (`make torture`).
pub fn torture() -> bool {
    std::env::var_os("TORTURE").is_some()
}
