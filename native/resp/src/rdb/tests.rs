//! Payloads: what is written is read again, what other versions write is read, and nothing else is.

#![allow(clippy::unwrap_used)]

use super::*;
use hyperdb_graph::stream::Id;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..90),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        (-70_000i64..70_000).prop_map(|number| number.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 4000..20_000),
    ]
}

fn different() -> impl Strategy<Value = Vec<Text>> {
    prop::collection::btree_set(text(), 1..20).prop_map(|names| names.into_iter().collect())
}

fn stream() -> impl Strategy<Value = Value> {
    let id = (0u64..9, 1u64..99).prop_map(|(ms, seq)| Id { ms, seq });
    let words = prop::collection::vec(text(), 1..4);
    let entries = prop::collection::btree_map(id.clone(), words, 0..130);
    let held = prop::collection::btree_map(id.clone(), (any::<i64>(), any::<u64>()), 0..9);
    (entries, held, different(), any::<u32>(), id).prop_map(|(entries, held, names, more, last)| {
        let entries: Vec<(Id, Vec<Text>)> = entries
            .into_iter()
            .map(|(id, words)| {
                (
                    id,
                    words
                        .iter()
                        .flat_map(|word| [word.clone(), word.clone()])
                        .collect(),
                )
            })
            .collect();
        let last = entries.last().map_or(last, |(id, _)| last.max(*id));
        let seen = i64::from(more);
        let mut consumers: Vec<StreamReader> = names
            .into_iter()
            .map(|name| StreamReader {
                name,
                seen,
                active: seen,
                pending: Vec::new(),
            })
            .collect();
        let count = consumers.len();
        for (at, (id, (delivered, deliveries))) in held.into_iter().enumerate() {
            consumers[at % count]
                .pending
                .push((id, delivered, deliveries));
        }
        let group = |name: &[u8], read| StreamGroup {
            name: name.to_vec(),
            last,
            read,
            consumers: consumers.clone(),
        };
        Value::Stream(StreamValue {
            added: entries.len() as u64 + u64::from(more),
            entries,
            last,
            max_removed: Id::MIN,
            groups: vec![group(b"g", None), group(b"", Some(7))],
        })
    })
}

fn value() -> impl Strategy<Value = Value> {
    let scores = prop_oneof![
        any::<f64>().prop_filter("a number", |score| !score.is_nan()),
        Just(f64::INFINITY)
    ];
    prop_oneof![
        text().prop_map(Value::Text),
        prop::collection::vec(text(), 1..20).prop_map(Value::List),
        different().prop_map(Value::Set),
        (different(), text()).prop_map(|(names, value)| {
            Value::Hash(
                names
                    .into_iter()
                    .map(|name| (name, value.clone()))
                    .collect(),
            )
        }),
        (different(), scores).prop_map(|(names, score)| {
            Value::SortedSet(names.into_iter().map(|name| (name, score)).collect())
        }),
        stream(),
    ]
}

/// A payload around a body, as if it had not been touched.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut payload = [body, &Edition::default().version().to_le_bytes()].concat();
    let sum = crc64::of(&payload);
    payload.extend_from_slice(&sum.to_le_bytes());
    payload
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![
        Just(Size::Small),
        Just(Size::Packed),
        Just(Size::Large),
        Just(Size::Unknown)
    ]
}

/// Without the order of what has none: sets of integers are written ascending, large sorted sets descending.
fn ordered(mut value: Value) -> Value {
    match &mut value {
        Value::Set(members) => members.sort(),
        Value::SortedSet(members) => members.sort_by(|one, other| one.0.cmp(&other.0)),
        Value::Stream(stream) => stream
            .groups
            .sort_by(|one, other| one.name.cmp(&other.name)),
        Value::Text(_) | Value::List(_) | Value::Hash(_) => {}
    }
    value
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(value in value(), size in size()) {
        let found = parse(&dump(&value, size)).map(ordered);
        prop_assert_eq!(found, Ok(ordered(value)));
    }

    #[test]
    fn a_changed_payload_is_refused(value in value(), size in size(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut payload = dump(&value, size);
        let at = at.index(payload.len());
        payload[at] ^= 1 << bit;
        prop_assert_eq!(parse(&payload), Err(Refusal::Footer));
    }

    /// With a right checksum over it, whatever became of the body is a value or is refused, and what is read can be written.
    #[test]
    fn damage_under_a_right_sum_does_no_harm(value in value(), size in size(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5), cut in any::<prop::sample::Index>(), do_cut in any::<bool>()) {
        let payload = dump(&value, size);
        let mut body = payload[..payload.len() - FOOTER].to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if do_cut {
            body.truncate(cut.index(body.len()));
        }
        if let Ok(found) = parse(&sealed(&body)) {
            prop_assert_eq!(parse(&dump(&found, size)).is_ok(), true);
        }
    }

    #[test]
    fn noise_of_every_type_does_no_harm(kind in 0u8..30, noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&sealed(&[&[kind][..], &noise].concat()));
        // The same as the packed part of a string.
        let packed = [&[kind, 0x80][..], &(noise.len() as u32).to_be_bytes(), &noise].concat();
        let _ = parse(&sealed(&packed));
        let _ = parse(&noise);
    }
}

#[test]
fn packed_forms_of_redis_are_read() {
    let texts = |words: &[&str]| {
        words
            .iter()
            .map(|word| word.as_bytes().to_vec())
            .collect::<Vec<_>>()
    };
    let cases: [(&str, Value); 6] = [
        // intset of 1, 2, 3 (two bytes each)
        (
            "0b0e02000000030000000100020003 00",
            Value::Set(texts(&["1", "2", "3"])),
        ),
        // ziplist of "ab", 5
        (
            "0a1111000000 0e000000 0200 00 02 6162 04 f6 ff",
            Value::List(texts(&["ab", "5"])),
        ),
        // listpack hash of f: 300
        (
            "10 0d 0d000000 0200 81 66 02 c1 2c 02 ff",
            Value::Hash(vec![(b"f".to_vec(), b"300".to_vec())]),
        ),
        // strings: an integer of 16 bits, one that LZF shortened to "a" 30 times
        ("00c1 0a00", Value::Text(b"10".to_vec())),
        ("00c3 06 1e 01 61 61 e0 13 00", Value::Text(vec![b'a'; 30])),
        // a sorted set's old scores
        (
            "0301 016d 03 312e35",
            Value::SortedSet(vec![(b"m".to_vec(), 1.5)]),
        ),
    ];
    for (hex, expected) in cases {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let body: Vec<u8> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        assert_eq!(parse(&sealed(&body)), Ok(expected), "{hex}");
    }
}

/// What Redis 7.2.6 gives for the same commands.
#[test]
fn payloads_are_those_of_redis() {
    let texts = |words: &[&str]| -> Vec<Text> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    };
    let pairs = |names: &[&str]| {
        names
            .iter()
            .map(|name| (name.as_bytes().to_vec(), 1.5))
            .collect()
    };
    let cases: [(Value, Size, &[u8]); 8] = [
        (
            Value::Set(texts(&["a"])),
            Size::Large,
            b"\x02\x01\x01a\x0b\0",
        ),
        (
            Value::Text(b"hello".to_vec()),
            Size::Small,
            b"\x00\x05hello\x0b\0",
        ),
        (
            Value::List(texts(&["a", "5"])),
            Size::Small,
            b"\x12\x01\x02\x0c\x0c\0\0\0\x02\0\x81a\x02\x05\x01\xff\x0b\0",
        ),
        (
            Value::Set(texts(&["3", "1"])),
            Size::Small,
            b"\x0b\x0c\x02\0\0\0\x02\0\0\0\x01\0\x03\0\x0b\0",
        ),
        (
            Value::Set(texts(&["a"])),
            Size::Packed,
            b"\x14\x0a\x0a\0\0\0\x01\0\x81a\x02\xff\x0b\0",
        ),
        (
            Value::Hash(vec![(b"f".to_vec(), b"1".to_vec())]),
            Size::Small,
            b"\x10\x0c\x0c\0\0\0\x02\0\x81f\x02\x01\x01\xff\x0b\0",
        ),
        (
            Value::SortedSet(pairs(&["m"])),
            Size::Small,
            b"\x11\x0f\x0f\0\0\0\x02\0\x81m\x02\x831.5\x04\xff\x0b\0",
        ),
        (
            Value::SortedSet(pairs(&["a", "b"])),
            Size::Large,
            b"\x05\x02\x01b\0\0\0\0\0\0\xf8\x3f\x01a\0\0\0\0\0\0\xf8\x3f\x0b\0",
        ),
    ];
    for (value, size, expected) in cases {
        let payload = dump(&value, size);
        assert_eq!(&payload[..payload.len() - 8], expected, "{value:?}");
    }
}

#[test]
fn a_list_is_cut_into_nodes_where_redis_cuts_it() {
    let items = vec![vec![b'x'; 100]; 200];
    let sizes: Vec<usize> = pack::nodes(&items).iter().map(Vec::len).collect();
    // Each takes 103 bytes; the first node is measured without what an entry is reckoned to take.
    assert_eq!(sizes, [8144, 8144, 4333]);
    let long = vec![vec![b'x'; 9000], b"y".to_vec(), vec![b'z'; 9000]];
    assert_eq!(pack::nodes(&long).len(), 3);
}

#[test]
fn what_redis_would_not_have_is_refused() {
    for body in [
        &b"\x02\x02\x01a\x01a"[..],
        b"\x01\x00",
        b"\x04\x01\x01f",
        b"\x05\x01\x01m\0\0\0\0\0\0\xf8\x7f",
        b"\x00\x01ab",
        b"\x06\x01",
        b"\x12\x01\x01\x00",
        b"",
        b"\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x00\xc3\x02\x81\0\0\0\0\x20\0\0\0ab",
    ] {
        assert_eq!(parse(&sealed(body)), Err(Refusal::Body), "{body:?}");
    }
    let newer = [&b"\x00\x01a"[..], &(NEWEST + 1).to_le_bytes(), &[0; 8]].concat();
    assert_eq!(parse(&newer), Err(Refusal::Footer));
}

/// One loop of the house's fuzzer; each input gets a right checksum, so that it comes as far as the decoders.
#[test]
fn fuzzing_payloads() {
    let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
    let long = vec![b'x'; 300];
    let entries = (1..=9).map(|seq| (Id { ms: 5, seq }, words(&[b"f", b"1", b"g", &long])));
    let reader = StreamReader {
        name: b"c".to_vec(),
        seen: 1,
        active: 1,
        pending: vec![(Id { ms: 5, seq: 1 }, 7, 1)],
    };
    let group = StreamGroup {
        name: b"g".to_vec(),
        last: Id { ms: 5, seq: 2 },
        read: Some(2),
        consumers: vec![reader],
    };
    let values = [
        Value::Text(long.clone()),
        Value::List(words(&[b"1", b"-70000", &long])),
        Value::Set(words(&[b"1", b"two"])),
        Value::Hash(vec![(b"f".to_vec(), b"v".to_vec())]),
        Value::SortedSet(vec![(b"m".to_vec(), 1.5)]),
        Value::Stream(StreamValue {
            entries: entries.collect(),
            last: Id { ms: 5, seq: 9 },
            max_removed: Id::MIN,
            added: 9,
            groups: vec![group],
        }),
    ];
    let mut seeds: Vec<Vec<u8>> = values
        .iter()
        .flat_map(|value| [Size::Small, Size::Large].map(|size| dump(value, size)))
        .map(|payload| payload[..payload.len() - FOOTER].to_vec())
        .collect();
    // A ziplist, which is never written, a listpack, integers, an LZF block.
    seeds.push(b"\x0a\x0f\x0f\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf6\xff".to_vec());
    seeds.push(b"\x10\x0e\x0e\0\0\0\x02\0\x81f\x02\xc1\x2c\x02\xff".to_vec());
    seeds.push(b"\x0b\x0c\x02\0\0\0\x02\0\0\0\x01\0\x02\0".to_vec());
    seeds.push(b"\x00\xc3\x06\x1e\x01aa\xe0\x13\x00".to_vec());
    let mut target = |bytes: &[u8]| match parse(&sealed(bytes)) {
        Err(refusal) => format!("{refusal:?} {:?}", bytes.first()),
        Ok(value) => {
            // What was read is written, and is then read as the same.
            let again = parse(&dump(&value, Size::Large));
            let is_same =
                again.is_ok_and(|again| format!("{again:?}").len() == format!("{value:?}").len());
            assert!(is_same, "{value:?}");
            format!("{:?} {}", bytes.first(), hyperdb_fuzz::shape(bytes.len()))
        }
    };
    hyperdb_fuzz::fuzz(env!("CARGO_MANIFEST_DIR"), "payloads", &mut target, seeds);
}
