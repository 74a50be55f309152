//! Random transactions of appends, reads and walks over all keys, and turns among them.

use super::record::{Item, Key, Op, Recorded};
use crate::bench::{Bench, DATA};
use hyperdb_graph::{
    header, keys, AppId, Conflict, Direction, Isolation, KeyRange, Record, Step, Stop, Store,
    Transaction, TransactionOptions, Turn,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const APP: AppId = AppId(41);

pub struct Plan {
    pub isolation: Isolation,
    pub clients: u32,
    /// Of all clients together.
    pub transactions: u64,
    pub keys: Key,
    /// Whether some are turns instead.
    pub turns: bool,
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough to choose operations.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// The next thing that a transaction wants to do.
enum Wish {
    Append(Key),
    Read(Key),
    ReadAll,
}

impl Wish {
    fn any(dice: &mut Dice, keys: Key) -> Self {
        let key = dice.below(u64::from(keys)) as Key;
        match dice.below(10) {
            0..=3 => Wish::Append(key),
            4..=8 => Wish::Read(key),
            _ => Wish::ReadAll,
        }
    }
}

fn id(key: Key) -> [u8; 4] {
    key.to_be_bytes()
}

fn row(store: &Store, key: Key) -> keys::KeyBuf {
    keys::element(APP, store.hash_key().hash64(&id(key)), &id(key))
}

fn decode(record: Option<&[u8]>) -> Vec<Item> {
    let Some(record) = record else {
        return Vec::new();
    };
    let Some(Record::Vertex { value, .. }) = Record::decode(record) else {
        panic!("not a list");
    };
    value
        .chunks_exact(4)
        .map(|item| Item::from_le_bytes(item.try_into().unwrap()))
        .collect()
}

fn encode(items: &[Item]) -> Vec<u8> {
    items.iter().flat_map(|item| item.to_le_bytes()).collect()
}

fn perform(
    store: &Store,
    transaction: &mut Transaction,
    wish: &Wish,
    keys: Key,
    item: Item,
) -> Step<Vec<Op>> {
    let list = |transaction: &Transaction, key| -> Step<Vec<Item>> {
        let record = transaction.get(DATA, &row(store, key))?;
        Ok(decode(record.as_deref()))
    };
    Ok(match wish {
        Wish::Append(key) => {
            let mut items = list(transaction, *key)?;
            items.push(item);
            let mut record = Vec::new();
            header::encode_vertex(&encode(&items), None, &mut record);
            transaction.put(DATA, &row(store, *key), &record)?;
            vec![Op::Append(*key, item)]
        }
        Wish::Read(key) => vec![Op::Read(*key, list(transaction, *key)?)],
        Wish::ReadAll => {
            let prefix = keys::element_prefix(APP);
            let mut found = vec![Vec::new(); keys as usize];
            let mut walk = transaction.scan(DATA, KeyRange::prefix(&prefix), Direction::Forward)?;
            while let Some((key, record)) = walk.next()? {
                let id = &key[prefix.len() + 8..];
                let key = Key::from_be_bytes(id.try_into().unwrap());
                found[key as usize] = decode(Some(&record));
            }
            (0..)
                .zip(found)
                .map(|(key, items)| Op::Read(key, items))
                .collect()
        }
    })
}

/// Some keys read and appended to in one turn: RESP's way to change data.
fn take_turn(
    turn: &mut Turn<'_>,
    wishes: &[Wish],
    mut item: impl FnMut() -> Item,
) -> Step<Vec<Op>> {
    let mut ops = Vec::new();
    for wish in wishes {
        let (Wish::Append(key) | Wish::Read(key)) = wish else {
            continue;
        };
        let mut items = match turn.element(APP, &id(*key))? {
            None => Vec::new(),
            Some(element) => match element.record()? {
                Record::Vertex { value, .. } => {
                    let mut record = Vec::new();
                    header::encode_vertex(value, None, &mut record);
                    decode(Some(&record))
                }
                Record::Edge(_) => panic!("not a list"),
            },
        };
        if matches!(wish, Wish::Read(_)) {
            ops.push(Op::Read(*key, items));
            continue;
        }
        let item = item();
        items.push(item);
        turn.put_vertex(APP, &id(*key), &encode(&items), None)?;
        ops.push(Op::Append(*key, item));
    }
    Ok(ops)
}

struct Session {
    transaction: Option<Transaction>,
    record: Recorded,
    wishes: Vec<Wish>,
}

fn lost(stop: &Stop) -> bool {
    matches!(stop, Stop::Conflict(conflict) if conflict.is_transient())
}

fn final_read(bench: &Bench, keys: Key, begin: u64) -> Recorded {
    let mut transaction = bench.begin(Isolation::Serializable);
    let ops = perform(&bench.store, &mut transaction, &Wish::ReadAll, keys, 0).unwrap();
    Recorded {
        client: u32::MAX,
        begin,
        end: begin + 1,
        committed: true,
        ops,
    }
}

/// One thread plays all clients, step by step in an order that the seed gives. Nobody waits for a lock: whoever
/// would, rolls back.
pub fn interleaved(plan: &Plan, seed: u64) -> Vec<Recorded> {
    let bench = Bench::new();
    let mut dice = Dice(seed);
    let mut clock = 0;
    let mut item: Item = 0;
    let mut history = Vec::new();
    let mut sessions: Vec<Option<Session>> = (0..plan.clients).map(|_| None).collect();
    while (history.len() as u64) < plan.transactions {
        clock += 1;
        let client = dice.below(u64::from(plan.clients)) as usize;
        let Some(mut session) = sessions[client].take() else {
            let wishes = (0..=dice.below(4))
                .map(|_| Wish::any(&mut dice, plan.keys))
                .collect();
            let is_turn = plan.turns && dice.below(4) == 0;
            sessions[client] = Some(Session {
                transaction: (!is_turn).then(|| {
                    bench.store.begin(TransactionOptions {
                        isolation: plan.isolation,
                        lock_timeout: Some(Duration::ZERO),
                        ..TransactionOptions::default()
                    })
                }),
                record: Recorded {
                    client: client as u32,
                    begin: clock,
                    end: 0,
                    committed: false,
                    ops: Vec::new(),
                },
                wishes,
            });
            continue;
        };
        let mut fresh = || {
            item += 1;
            item
        };
        let outcome = match session.transaction.as_mut() {
            None => {
                let wishes = std::mem::take(&mut session.wishes);
                bench
                    .store
                    .run(0, Some(Duration::ZERO), |turn| {
                        take_turn(turn, &wishes, &mut fresh)
                    })
                    .and_then(|(ops, commit)| {
                        session.record.ops = ops;
                        Ok(bench.store.db().wait_durable(commit)?)
                    })
            }
            Some(transaction) => match session.wishes.pop() {
                Some(wish) => perform(&bench.store, transaction, &wish, plan.keys, fresh())
                    .map(|ops| session.record.ops.extend(ops)),
                None => session
                    .transaction
                    .take()
                    .map_or(Ok(()), |t| bench.commit(t).map(|_| ())),
            },
        };
        let done = session.transaction.is_none();
        match outcome {
            Ok(()) if !done => {
                sessions[client] = Some(session);
                continue;
            }
            Ok(()) => session.record.committed = true,
            Err(stop) => assert!(lost(&stop), "{stop}"),
        }
        session.record.end = clock;
        history.push(session.record);
    }
    drop(sessions);
    history.push(final_read(&bench, plan.keys, clock + 1));
    bench.assert_no_locks();
    history
}

/// Real threads, real waits.
pub fn threaded(plan: &Plan, seed: u64) -> Vec<Recorded> {
    let bench = Bench::new();
    let clock = AtomicU64::new(1);
    let items = AtomicU64::new(1);
    let tick = || clock.fetch_add(1, Ordering::SeqCst);
    let fresh = || items.fetch_add(1, Ordering::SeqCst) as Item;
    let mut history: Vec<Recorded> = thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.clients)
            .map(|client| {
                let (bench, tick, fresh) = (&bench, &tick, &fresh);
                scope.spawn(move || {
                    let mut dice = Dice(seed ^ (u64::from(client) << 32));
                    (0..plan.transactions / u64::from(plan.clients))
                        .map(|_| one(bench, plan, client, &mut dice, tick, fresh))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    });
    history.push(final_read(&bench, plan.keys, tick()));
    bench.assert_no_locks();
    history
}

fn one(
    bench: &Bench,
    plan: &Plan,
    client: u32,
    dice: &mut Dice,
    tick: &dyn Fn() -> u64,
    fresh: &dyn Fn() -> Item,
) -> Recorded {
    let wishes: Vec<Wish> = (0..=dice.below(4))
        .map(|_| Wish::any(dice, plan.keys))
        .collect();
    let begin = tick();
    let mut ops = Vec::new();
    let outcome = if plan.turns && dice.below(4) == 0 {
        let run = bench
            .store
            .run(0, None, |turn| take_turn(turn, &wishes, fresh));
        run.and_then(|(done, commit)| {
            ops = done;
            Ok(bench.store.db().wait_durable(commit)?)
        })
    } else {
        let mut transaction = bench.begin(plan.isolation);
        let body = wishes.iter().try_for_each(|wish| {
            thread::yield_now();
            ops.extend(perform(
                &bench.store,
                &mut transaction,
                wish,
                plan.keys,
                fresh(),
            )?);
            Ok(())
        });
        body.and_then(|()| bench.commit(transaction).map(|_| ()))
    };
    match &outcome {
        Ok(()) => {}
        Err(Stop::Conflict(Conflict::Serialization(_) | Conflict::Deadlock(_))) => {}
        Err(stop) => panic!("{stop}"),
    }
    Recorded {
        client,
        begin,
        end: tick(),
        committed: outcome.is_ok(),
        ops,
    }
}
