//! A client's bytes through a lane: what is answered, what is left, however the bytes are cut.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod bench;

use bench::{envelope, execute, int, packed, row, rows, table, Bench, Seen, QUERY, VOID};
use hyperdb_graph::catalog::objects::Table;
use proptest::prelude::*;

#[test]
fn rows_are_written_read_and_removed() {
    let bench = Bench::new();
    for version in [4, 5] {
        let mut lane = bench.lane(version);
        let p = int(i32::from(version));
        let insert = |stream, a, x: &[u8]| {
            execute(
                version,
                stream,
                b"insert",
                &[p.clone(), int(a), Some(x.to_vec())],
                10,
            )
        };
        let write = packed(
            version,
            &[
                insert(1, 1, b"one"),
                insert(2, 2, b"two"),
                insert(3, 3, b""),
                execute(
                    version,
                    4,
                    b"count",
                    &[p.clone(), Some(5i64.to_be_bytes().to_vec())],
                    10,
                ),
                execute(
                    version,
                    5,
                    b"count",
                    &[p.clone(), Some(2i64.to_be_bytes().to_vec())],
                    10,
                ),
            ],
        );
        let seen = Seen::of(&bench, &mut lane, version, &[&write]);
        assert_eq!(seen.left, Vec::<Vec<u8>>::new());
        for stream in 1..=5 {
            assert_eq!(seen.answer(stream), Some(&VOID[..]), "{stream}");
        }
        let first = bench.store.db().durable();
        let remove = packed(
            version,
            &[execute(version, 1, b"delete", &[p.clone(), int(1)], 10)],
        );
        Seen::of(&bench, &mut lane, version, &[&remove]);
        assert!(bench.store.db().durable() > first);
        let read = |limit: i32, page: i32| {
            let request = execute(
                version,
                9,
                b"select",
                &[p.clone(), int(0), int(limit)],
                page,
            );
            packed(version, &[request])
        };
        let seen = Seen::of(&bench, &mut lane, version, &[&read(100, 100)]);
        let answer = seen.answer(9).unwrap();
        let times = [answer, &[]].concat();
        let two = row(&[Some(&2i32.to_be_bytes()), Some(b"two")]);
        assert!(times.windows(two.len()).any(|part| part == two));
        let seven = row(&[
            Some(&7i32.to_be_bytes()),
            None,
            None,
            Some(&7i64.to_be_bytes()),
        ]);
        assert!(answer.ends_with(&seven));
        assert_eq!(answer[12..16], 3i32.to_be_bytes());
        // As many as the limit says are no page too many; one more than a page is.
        assert_eq!(
            Seen::of(&bench, &mut lane, version, &[&read(2, 2)])
                .answers
                .len(),
            1
        );
        assert_eq!(
            Seen::of(&bench, &mut lane, version, &[&read(3, 2)])
                .left
                .len(),
            1
        );
        for limit in [0, -1] {
            assert_eq!(
                Seen::of(&bench, &mut lane, version, &[&read(limit, 2)])
                    .left
                    .len(),
                1
            );
        }
    }
}

#[test]
fn what_is_not_known_is_left_as_it_came() {
    for version in [4, 5] {
        let bench = Bench::new();
        let mut lane = bench.lane(version);
        let good = execute(
            version,
            1,
            b"insert",
            &[int(1), int(1), Some(b"x".to_vec())],
            10,
        );
        let mut traced = good.clone();
        traced[1] = 2;
        let strays = [
            envelope(version, 2, QUERY, b"SELECT"),
            traced,
            execute(version, 4, b"unknown", &[int(1)], 10),
            // A null in a key, a value of three bytes, a text that is none, a marker too few.
            execute(version, 5, b"insert", &[None, int(1), None], 10),
            execute(
                version,
                6,
                b"insert",
                &[int(1), Some(vec![1, 2, 3]), None],
                10,
            ),
            execute(
                version,
                7,
                b"insert",
                &[int(1), int(1), Some(vec![0xff])],
                10,
            ),
            execute(version, 8, b"insert", &[int(1), int(1)], 10),
        ];
        let mut all = vec![good.clone()];
        all.extend(strays.iter().cloned());
        all.push(good.clone());
        let seen = Seen::of(&bench, &mut lane, version, &[&packed(version, &all)]);
        assert_eq!(seen.left, strays);
        assert_eq!(seen.answers.len(), 2);
        // Another version of the catalog.
        Bench::made(
            &bench.store,
            Table {
                name: "more".into(),
                ..table(bench.app)
            },
        );
        let seen = Seen::of(
            &bench,
            &mut lane,
            version,
            &[&packed(version, std::slice::from_ref(&good))],
        );
        assert_eq!(seen.left, [good]);
        // From where nothing is understood nothing is looked at.
        let noise = [&packed(version, &strays[..1])[..], &[9; 40]].concat();
        let turn = lane.answer(&noise);
        assert_eq!(turn.left, noise);
        assert_eq!(lane.answer(b"more").left, b"more");
        let mut lane = bench.lane(version);
        lane.forget();
    }
}

#[test]
fn long_requests_pass_by() {
    let bench = Bench::new();
    let mut lane = bench.lane(4);
    let long = envelope(4, 1, QUERY, &vec![b'x'; 300 << 10]);
    let good = execute(4, 2, b"insert", &[int(1), int(1), Some(b"x".to_vec())], 10);
    let mut left = Vec::new();
    for piece in long.chunks(100_000) {
        left.extend(lane.answer(piece).left);
    }
    assert_eq!(left, long);
    let seen = Seen::of(&bench, &mut lane, 4, &[&good]);
    assert_eq!(seen.answer(2), Some(&VOID[..]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn however_bytes_are_cut_the_same_comes_of_them(
        version in 4u8..6,
        kinds in proptest::collection::vec(0u8..4, 1..12),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bench = Bench::new();
        let requests: Vec<Vec<u8>> = (1u8..).zip(&kinds).map(|(stream, kind)| match kind {
            0 => execute(version, stream, b"insert", &[int(1), int(i32::from(stream)), Some(vec![b'a'; 40])], 10),
            1 => execute(version, stream, b"select", &[int(2), int(0), int(5)], 10),
            2 => envelope(version, stream, QUERY, b"text"),
            _ => execute(version, stream, b"count", &[int(1), Some(1i64.to_be_bytes().to_vec())], 10),
        }).collect();
        let bytes = match version {
            5 => requests.chunks(3).flat_map(|some| packed(5, some)).collect(),
            _ => packed(version, &requests),
        };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let mut lane = bench.lane(version);
        let mut seen = Seen::of(&bench, &mut lane, version, &pieces);
        let is_query = |request: &&Vec<u8>| request[4] == QUERY;
        let strays: Vec<Vec<u8>> = requests.iter().filter(is_query).cloned().collect();
        prop_assert_eq!(&seen.left, &strays);
        seen.answers.sort_by_key(|answer| answer[3]);
        let expected: Vec<Vec<u8>> = requests.iter().zip(&kinds).filter(|(_, kind)| **kind != 2).map(|(request, kind)| {
            let body = if *kind == 1 { rows(&[]) } else { VOID.to_vec() };
            let mut answer = envelope(version | 0x80, request[3], 8, &body);
            answer[1] = 0;
            answer
        }).collect();
        prop_assert_eq!(seen.answers, expected);
    }
}
