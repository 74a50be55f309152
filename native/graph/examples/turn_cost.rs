//! What a turn adds to the store's own work: SET through `Turn` against get and put through `Writer`.
//!
//! `cargo run --release -p hyperdb-graph --example turn_cost -- DIR`: nanoseconds per operation, medians of rounds
//! that take turns; 100,000 ids, 64-byte values, 16 commands a commit.

use hyperdb_graph::keys::{self, AppId};
use hyperdb_graph::{Family, Options, Store, SyncMode};
use std::path::Path;
use std::time::Instant;

const IDS: u64 = 100_000;
const OPERATIONS: u64 = 400_000;
const COMMANDS: u64 = 16;
const ROUNDS: usize = 5;
const VALUE: [u8; 64] = [7; 64];

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn id(n: u64) -> String {
    let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % IDS;
    format!("key:{scattered:012}")
}

fn through_writer(store: &Store, ids: &[String]) -> Outcome {
    let app = AppId(1000);
    for batch in ids.chunks(COMMANDS as usize) {
        let mut writer = store.db().writer();
        for id in batch {
            let key = keys::element(app, store.hash_key().hash64(id.as_bytes()), id.as_bytes());
            writer.savepoint();
            let old = writer.get(Family::DATA, &key).map_err(stopped)?.is_some();
            let put = if old {
                writer.put(Family::DATA, &key, &VALUE)
            } else {
                writer.insert(Family::DATA, &key, &VALUE)
            };
            put.map_err(stopped)?;
        }
        writer.commit()?;
    }
    Ok(())
}

fn through_turn(store: &Store, ids: &[String]) -> Outcome {
    for batch in ids.chunks(COMMANDS as usize) {
        let mut turn = store.turn(0);
        for id in batch {
            turn.savepoint();
            let app = turn.redis_app(0)?;
            turn.put_vertex(app, id.as_bytes(), &VALUE, None)?;
        }
        turn.commit()?;
    }
    Ok(())
}

fn stopped(stop: hyperdb_lsm::Stop) -> hyperdb_graph::Stop {
    stop.into()
}

fn main() -> Outcome {
    let dir = std::env::args().nth(1).ok_or("usage: turn_cost DIR")?;
    let options = Options {
        sync: SyncMode::EverySec,
        ..Options::default()
    };
    let store = Store::open(Path::new(&dir), options)?;
    let ids: Vec<String> = (0..OPERATIONS).map(id).collect();
    let mut nanos = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (way, times) in [through_writer, through_turn].iter().zip(&mut nanos) {
            let start = Instant::now();
            way(&store, &ids)?;
            times.push(start.elapsed().as_nanos() as u64 / OPERATIONS);
        }
    }
    for (name, times) in ["writer", "turn"].iter().zip(&mut nanos) {
        times.sort_unstable();
        println!("{name:8} {:5} ns per SET  {times:?}", times[ROUNDS / 2]);
    }
    Ok(())
}
