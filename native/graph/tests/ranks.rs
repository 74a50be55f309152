//! Ranks by index against a sorted set in memory, under histories with everything that takes changes back.

#![allow(clippy::unwrap_used)]

use hyperdb_graph::{keys, AppId, Family, Options, Store, SyncMode, TransactionOptions, Turn};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

const APP: AppId = AppId(7);
/// An order: the companion of collection 10.
const ORDER: u64 = 11;

type Model = BTreeSet<Vec<u8>>;

struct Scratch(Option<Store>, PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("hyperdb-ranks-{}-{number}", std::process::id()));
        let options = Options {
            sync: SyncMode::EverySec,
            memory: 8 << 20,
            ..Options::default()
        };
        Self(Some(Store::open(&dir, options).unwrap()), dir)
    }

    fn store(&self) -> &Store {
        self.0.as_ref().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.0 = None;
        std::fs::remove_dir_all(&self.1).unwrap();
    }
}

#[derive(Clone, Debug)]
enum Action {
    /// Adds or, if it is there, removes each of a run of keys from `first` on.
    Flip {
        first: u16,
        len: u16,
    },
    Ask {
        key: u16,
        rank: u16,
    },
    Savepoint,
    Rollback,
    Mark,
    RollbackToMark,
    Commit,
    /// The turn ends without a commit.
    Abandon,
    /// A transaction flips a key.
    Transaction(u16),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..2000u16, prop_oneof![Just(1u16), 1..300u16]).prop_map(|(first, len)| Action::Flip { first, len }),
        6 => (0..2100u16, any::<u16>()).prop_map(|(key, rank)| Action::Ask { key, rank }),
        1 => Just(Action::Savepoint),
        1 => Just(Action::Rollback),
        1 => Just(Action::Mark),
        1 => Just(Action::RollbackToMark),
        2 => Just(Action::Commit),
        1 => Just(Action::Abandon),
        1 => (0..2000u16).prop_map(Action::Transaction),
    ]
}

/// Keys of different lengths, the order of numbers.
fn key(number: u16) -> Vec<u8> {
    let mut key = number.to_be_bytes().to_vec();
    key.resize(2 + usize::from(number % 5), b'x');
    key
}

fn flip(turn: &mut Turn<'_>, model: &mut Model, number: u16) {
    let key = key(number);
    if model.remove(&key) {
        turn.remove_member(APP, ORDER, &key).unwrap();
    } else {
        turn.insert_member(APP, ORDER, &key, &[]).unwrap();
        model.insert(key);
    }
}

fn ask(turn: &Turn<'_>, model: &Model, number: u16, rank: u16) {
    let (len, key) = (model.len() as u64, key(number));
    let before = model.range(..key.clone()).count() as u64;
    assert_eq!(turn.rank(APP, ORDER, len, &key).unwrap(), before);
    if len > 0 {
        let rank = u64::from(rank) % len;
        let found = turn.key_at(APP, ORDER, len, rank).unwrap();
        assert_eq!(found.as_ref(), model.iter().nth(rank as usize));
    }
}

/// The state at each point to which it may be taken back.
struct States {
    committed: Model,
    savepoint: Model,
    now: Model,
}

fn follow(store: &Store, history: &[Action]) {
    let mut states = States {
        committed: Model::new(),
        savepoint: Model::new(),
        now: Model::new(),
    };
    let mut actions = history.iter().peekable();
    while actions.peek().is_some() {
        let mut turn = store.turn(0);
        turn.savepoint();
        states.now = states.committed.clone();
        states.savepoint = states.now.clone();
        let mut mark = (turn.mark(), states.now.clone());
        let mut outside = None;
        for action in actions.by_ref() {
            match action {
                Action::Flip { first, len } => {
                    for number in *first..first + len {
                        flip(&mut turn, &mut states.now, number);
                    }
                }
                Action::Ask { key, rank } => ask(&turn, &states.now, *key, *rank),
                Action::Savepoint => {
                    turn.savepoint();
                    states.savepoint = states.now.clone();
                    mark = (turn.mark(), states.now.clone());
                }
                Action::Rollback => {
                    turn.rollback();
                    states.now = states.savepoint.clone();
                    mark = (turn.mark(), states.now.clone());
                }
                Action::Mark => mark = (turn.mark(), states.now.clone()),
                Action::RollbackToMark => {
                    turn.rollback_to(&mark.0);
                    states.now = mark.1.clone();
                }
                Action::Commit => {
                    turn.commit().unwrap();
                    states.committed = states.now.clone();
                    break;
                }
                Action::Abandon => break,
                Action::Transaction(number) => {
                    turn.commit().unwrap();
                    states.committed = states.now.clone();
                    outside = Some(*number);
                    break;
                }
            }
        }
        drop(turn);
        if let Some(number) = outside {
            let key = key(number);
            let mut transaction = store.begin(TransactionOptions::default());
            let place = keys::member(APP, ORDER, &key);
            if states.committed.remove(&key) {
                transaction.remove(Family::DATA, &place, &[]).unwrap();
            } else {
                transaction.insert(Family::DATA, &place, &[]).unwrap();
                states.committed.insert(key);
            }
            transaction.commit().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ranks_are_those_of_the_model(history in prop::collection::vec(action(), 1..60)) {
        follow(Scratch::new().store(), &history);
    }
}

/// Keys that always come at the end, and always at the start: blocks there grow and are cut.
#[test]
fn growth_at_the_ends() {
    let scratch = Scratch::new();
    let mut turn = scratch.store().turn(0);
    let mut model = Model::new();
    for number in 1000..1100 {
        flip(&mut turn, &mut model, number);
    }
    ask(&turn, &model, 1050, 50);
    for step in 0..900 {
        flip(&mut turn, &mut model, 1100 + step);
        flip(&mut turn, &mut model, 999 - step);
        if step % 177 == 0 {
            ask(&turn, &model, 1100 + step / 2, step * 3);
            ask(&turn, &model, 999 - step / 2, step * 7);
        }
    }
    for number in (150..1900).step_by(3) {
        ask(&turn, &model, number, number);
    }
    turn.commit().unwrap();
}
