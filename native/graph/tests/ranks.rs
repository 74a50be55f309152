//! Ranks and ranges by index against a sorted set in memory, under histories with everything that takes changes back.

#![allow(clippy::unwrap_used)]

use hyperdb_graph::{
    keys, AppId, Direction, Family, Options, Store, SyncMode, TransactionOptions, Turn,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};
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
    /// Reads a range, again and again, so that indexes begin, grow and keep keys.
    Walk {
        range: Range,
        times: u8,
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

/// A range of keys: its ends by number with what kind of end they are, and how many keys are wanted.
#[derive(Clone, Debug)]
struct Range {
    ends: [(u16, u8); 2],
    limit: u16,
    reverse: bool,
}

impl Range {
    fn bounds(&self) -> [Bound<Vec<u8>>; 2] {
        self.ends.map(|(number, kind)| match kind {
            0 => Bound::Included(key(number)),
            1 => Bound::Excluded(key(number)),
            _ => Bound::Unbounded,
        })
    }
}

fn range() -> impl Strategy<Value = Range> {
    let limit = prop_oneof![1..5u16, 1..400u16, Just(u16::MAX)];
    let ends = [(0..2100u16, 0..3u8), (0..2100u16, 0..3u8)];
    (ends, limit, any::<bool>()).prop_map(|(mut ends, limit, reverse)| {
        // Mostly the right way round.
        if ends[0].0 % 16 != 0 && ends[0].0 > ends[1].0 {
            ends.swap(0, 1);
        }
        Range {
            ends,
            limit,
            reverse,
        }
    })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (range(), prop_oneof![Just(1u8), 1..40u8]).prop_map(|(range, times)| Action::Walk { range, times }),
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

/// The keys of a range as a model has them.
fn expected(model: &Model, range: &Range) -> Vec<Vec<u8>> {
    let [start, end] = range.bounds();
    let above = |key: &[u8]| match &start {
        Bound::Included(start) => key >= &start[..],
        Bound::Excluded(start) => key > &start[..],
        Bound::Unbounded => true,
    };
    let below = |key: &[u8]| match &end {
        Bound::Included(end) => key <= &end[..],
        Bound::Excluded(end) => key < &end[..],
        Bound::Unbounded => true,
    };
    let within = model.iter().filter(|key| above(key) && below(key)).cloned();
    let limit = usize::from(range.limit);
    match range.reverse {
        false => within.take(limit).collect(),
        true => within.rev().take(limit).collect(),
    }
}

fn walk(turn: &Turn<'_>, model: &Model, range: &Range) -> Vec<Vec<u8>> {
    let [start, end] = range.bounds();
    let ends = (
        start.as_ref().map(|key| &key[..]),
        end.as_ref().map(|key| &key[..]),
    );
    let direction = match range.reverse {
        false => Direction::Forward,
        true => Direction::Reverse,
    };
    let mut found = Vec::new();
    let order = (APP, ORDER, model.len() as u64);
    turn.walk_order(order, ends, direction, |key| {
        found.push(key.to_vec());
        match found.len() < usize::from(range.limit) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })
    .unwrap();
    found
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
                Action::Walk { range, times } => {
                    for _ in 0..*times {
                        assert_eq!(
                            walk(&turn, &states.now, range),
                            expected(&states.now, range)
                        );
                    }
                }
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

/// Ranges of a set too large for its keys to be kept whole, while it changes: what is kept stays within its bound, and right.
#[test]
fn ranges_of_more_than_there_is_room_for() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let most = store.db().memory() / 16;
    let long = |number: u32| [&number.to_be_bytes()[..], &[b'm'; 100]].concat();
    let (mut model, count) = (Model::new(), 2 * most as u32 / 100);
    let mut turn = store.turn(0);
    for number in 0..count {
        turn.insert_member(APP, ORDER, &long(number), &[]).unwrap();
        model.insert(long(number));
    }
    let mut filled = 0;
    for step in 0..4 * count {
        let at = step.wrapping_mul(0x9e37_79b9) % count;
        let key = long(at);
        let mut found = Vec::new();
        let ends = (Bound::Included(&key[..]), Bound::Unbounded);
        let order = (APP, ORDER, model.len() as u64);
        turn.walk_order(order, ends, Direction::Forward, |key| {
            found.push(key.to_vec());
            match found.len() < 3 {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })
        .unwrap();
        assert!(found.iter().eq(model.range(key.clone()..).take(3)));
        if step % 5 == 0 && model.remove(&key) {
            turn.remove_member(APP, ORDER, &key).unwrap();
        }
        filled = filled.max(store.order_cache_bytes());
        assert!(store.order_cache_bytes() <= most);
    }
    // It was full, or nothing was shown.
    assert!(filled > most / 2);
    turn.commit().unwrap();
}
