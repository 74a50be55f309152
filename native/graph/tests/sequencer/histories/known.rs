//! The checker on histories that are known to be good or bad.

use super::checker::{check, Anomaly};
use super::record::{Op, Recorded};
use Op::{Append, Read};

/// All at the same time: no real-time order between them, except that the last one reads everything afterwards.
fn concurrent(transactions: Vec<Vec<Op>>, last: Vec<Op>) -> Vec<Recorded> {
    let mut history: Vec<Recorded> = transactions
        .into_iter()
        .enumerate()
        .map(|(client, ops)| Recorded {
            client: client as u32,
            begin: client as u64,
            end: 100 + client as u64,
            committed: true,
            ops,
        })
        .collect();
    history.push(Recorded {
        client: 99,
        begin: 1000,
        end: 1001,
        committed: true,
        ops: last,
    });
    history
}

fn anti_dependencies(history: &[Recorded]) -> usize {
    match check(history) {
        Err(Anomaly::Cycle {
            anti_dependencies, ..
        }) => anti_dependencies,
        other => panic!("a cycle was expected, not {other:?}"),
    }
}

#[test]
fn serial_histories_pass() {
    let history = concurrent(
        vec![
            vec![Append(1, 1), Read(2, vec![])],
            vec![
                Read(1, vec![1]),
                Append(2, 2),
                Append(1, 3),
                Read(1, vec![1, 3]),
            ],
        ],
        vec![Read(1, vec![1, 3]), Read(2, vec![2])],
    );
    assert_eq!(check(&history), Ok(()));
}

#[test]
fn write_skew_has_two_anti_dependencies() {
    let history = concurrent(
        vec![
            vec![Read(1, vec![]), Read(2, vec![]), Append(1, 1)],
            vec![Read(1, vec![]), Read(2, vec![]), Append(2, 2)],
        ],
        vec![Read(1, vec![1]), Read(2, vec![2])],
    );
    assert_eq!(anti_dependencies(&history), 2);
}

#[test]
fn read_skew_has_one_anti_dependency() {
    let history = concurrent(
        vec![
            vec![Append(1, 1), Append(2, 2)],
            vec![Read(1, vec![]), Read(2, vec![2])],
        ],
        vec![Read(1, vec![1]), Read(2, vec![2])],
    );
    assert_eq!(anti_dependencies(&history), 1);
}

#[test]
fn circular_information_flow_has_none() {
    let history = concurrent(
        vec![
            vec![Append(1, 1), Read(2, vec![2])],
            vec![Append(2, 2), Read(1, vec![1])],
        ],
        vec![Read(1, vec![1]), Read(2, vec![2])],
    );
    assert_eq!(anti_dependencies(&history), 0);
}

#[test]
fn the_read_only_anomaly_is_a_cycle() {
    let history = concurrent(
        vec![
            vec![Read(1, vec![]), Read(2, vec![]), Append(1, 1)],
            vec![Read(2, vec![]), Append(2, 2)],
            vec![Read(1, vec![]), Read(2, vec![2])],
        ],
        vec![Read(1, vec![1]), Read(2, vec![2])],
    );
    assert_eq!(anti_dependencies(&history), 2);
    let mut without_report = history;
    without_report.remove(2);
    assert_eq!(check(&without_report), Ok(()));
}

#[test]
fn a_stale_read_after_an_acknowledged_write_is_found() {
    let mut history = concurrent(
        vec![vec![Append(1, 1)], vec![Read(1, vec![])]],
        vec![Read(1, vec![1])],
    );
    assert_eq!(check(&history), Ok(()));
    history[0].end = 10;
    history[1].begin = 11;
    assert_eq!(anti_dependencies(&history), 1);
}

#[test]
fn lost_and_aborted_and_partial_appends_are_found() {
    let lost = concurrent(
        vec![vec![Append(1, 1)], vec![Append(1, 2)]],
        vec![Read(1, vec![2])],
    );
    assert_eq!(check(&lost), Err(Anomaly::LostAppend(1, 1)));

    let mut aborted = concurrent(vec![vec![Append(1, 1)]], vec![Read(1, vec![1])]);
    aborted[0].committed = false;
    assert_eq!(check(&aborted), Err(Anomaly::AbortedRead(1, 1)));

    let partial = concurrent(
        vec![vec![Append(1, 1), Append(1, 2)], vec![Read(1, vec![1])]],
        vec![Read(1, vec![1, 2])],
    );
    assert_eq!(check(&partial), Err(Anomaly::IntermediateRead(1, 1)));

    let forked = concurrent(
        vec![
            vec![Append(1, 1)],
            vec![Append(1, 2)],
            vec![Read(1, vec![2])],
        ],
        vec![Read(1, vec![1, 2])],
    );
    assert_eq!(check(&forked), Err(Anomaly::IncompatibleOrder(1)));

    let unfaithful = concurrent(
        vec![vec![Append(1, 1), Read(1, vec![])]],
        vec![Read(1, vec![1])],
    );
    assert_eq!(check(&unfaithful), Err(Anomaly::Internal(1)));
}
