//! Whole histories: concurrent random transactions, recorded as their clients saw them, checked for cycles.
//!
//! Short here; `HYPERDB_HISTORY_TRANSACTIONS` makes them longer, `HYPERDB_HISTORY_SEED` other ones,
//! `HYPERDB_HISTORY_OUT` writes the threaded one to a file for the porcupine checker in `tests/histories`.

mod checker;
mod known;
mod record;
mod workload;

use checker::{check, Anomaly};
use hyperdb_graph::Isolation;
use workload::{interleaved, threaded, Plan};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

fn plan(isolation: Isolation) -> Plan {
    Plan {
        isolation,
        clients: 6,
        transactions: setting("HYPERDB_HISTORY_TRANSACTIONS", 400),
        keys: 5,
        turns: true,
    }
}

/// By the seed alone: the same seed gives the same interleaving.
#[test]
fn interleaved_serializable_histories_have_no_cycle() {
    let first = setting("HYPERDB_HISTORY_SEED", 1);
    for seed in first..first + 20 {
        let history = interleaved(&plan(Isolation::Serializable), seed);
        assert!(
            history.iter().any(|t| !t.committed),
            "nothing ever conflicted: seed {seed}"
        );
        assert_eq!(check(&history), Ok(()), "seed {seed}");
    }
}

/// The checker can fail: one level lower the same workload has cycles, each with anti-dependencies at two places
/// (write skew), since first committer wins rules out the rest.
#[test]
fn repeatable_read_histories_show_write_skew_and_nothing_worse() {
    let skewed = (1..=20)
        .filter(|seed| {
            let history = interleaved(&plan(Isolation::RepeatableRead), *seed);
            match check(&history) {
                Ok(()) => false,
                Err(Anomaly::Cycle {
                    anti_dependencies, ..
                }) => {
                    assert!(anti_dependencies >= 2, "seed {seed}");
                    true
                }
                Err(other) => panic!("seed {seed}: {other:?}"),
            }
        })
        .count();
    assert!(skewed > 0, "no write skew in 20 histories");
}

#[test]
fn threaded_serializable_histories_have_no_cycle() {
    let history = threaded(
        &plan(Isolation::Serializable),
        setting("HYPERDB_HISTORY_SEED", 1),
    );
    if let Ok(path) = std::env::var("HYPERDB_HISTORY_OUT") {
        std::fs::write(path, record::to_json_lines(&history)).unwrap();
    }
    assert_eq!(check(&history), Ok(()));
}
