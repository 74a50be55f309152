//! Files: what is written is read again, whatever the window, and nothing that is cut or changed is taken.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::{crc64, Edition, Size, Value};
use super::{FileReader, FileWriter, Part, Problem};
use proptest::prelude::*;
use std::io::Read;

/// Gives a byte at a time, so that every part begins outside of what was read in.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = into.len().min(1).min(self.0.len());
        into[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        Ok(len)
    }
}

fn parts(bytes: &[u8]) -> Result<Vec<Part>, Problem> {
    let mut reader = FileReader::new(Drops(bytes), bytes.len() as u64)?;
    let mut found = Vec::new();
    while let Some(part) = reader.next()? {
        found.push(part);
    }
    assert_eq!(reader.offset(), bytes.len() as u64);
    Ok(found)
}

/// A text that does not get shorter.
fn noise(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn sample(large: usize) -> Vec<u8> {
    let facts = [("redis-ver", "7.0.15".to_owned())];
    let mut writer = FileWriter::new(Vec::new(), Edition::default(), &facts).unwrap();
    writer.library(b"#!lua name=l\n").unwrap();
    writer.database(3, 2, 1).unwrap();
    let text = Value::Text(noise(large));
    writer
        .entry(b"text", Some(1_700_000_000_123), &text, Size::Small)
        .unwrap();
    let list = Value::List(
        (0..40)
            .map(|each: u32| each.to_string().into_bytes())
            .collect(),
    );
    writer.entry(b"list", None, &list, Size::Small).unwrap();
    let (bytes, written) = writer.finish().unwrap();
    assert_eq!(bytes.len() as u64, written);
    bytes
}

/// A file of these bytes behind its head, with its end and its sum.
fn file(body: &[u8]) -> Vec<u8> {
    let mut bytes = [b"REDIS0010", body, &[0xff]].concat();
    let sum = crc64::of(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn fault(bytes: &[u8]) -> String {
    match parts(bytes) {
        Err(Problem::Fault(fault)) => fault.to_string(),
        other => panic!("taken: {other:?}"),
    }
}

#[test]
fn what_is_written_is_read() {
    for large in [0, 10, 300 << 10, 700 << 10] {
        let found = parts(&sample(large)).unwrap();
        assert_eq!(found.len(), 4);
        let Part::Entry(entry) = &found[2] else {
            panic!("{found:?}");
        };
        assert_eq!((entry.db, &entry.key[..]), (3, &b"text"[..]));
        assert_eq!(entry.expiry, Some(1_700_000_000_123));
        assert_eq!(entry.value, Value::Text(noise(large)));
    }
}

#[test]
fn what_is_cut_anywhere_is_refused() {
    let whole = sample(10);
    for end in 0..whole.len() {
        let text = fault(&whole[..end]);
        assert!(text.starts_with("byte "), "{end}: {text}");
    }
    assert!(fault(&[&whole[..], b"x"].concat()).contains("1 bytes behind the end"));
}

#[test]
fn a_sum_of_zero_was_not_computed() {
    let mut whole = sample(10);
    let at = whole.len() - 8;
    whole[at..].fill(0);
    assert_eq!(parts(&whole).unwrap().len(), 4);
    whole[at] = 1;
    assert!(fault(&whole).contains("the sum is"));
}

#[test]
fn faults_are_named_with_their_byte() {
    assert_eq!(
        fault(b"RUBBISH 12"),
        "byte 0: no RDB file: it does not begin with REDIS"
    );
    assert!(fault(b"REDIS0099...").starts_with("byte 5: version 99"));
    assert_eq!(fault(b"REDISabcd..."), "byte 5: the version is no number");
    let claims = file(b"\x00\x01k\x81\x10\0\0\0\0\0\0\0");
    assert!(
        fault(&claims).starts_with("byte 21: a string under the key 'k' needs more"),
        "{}",
        fault(&claims)
    );
    let module = fault(&file(b"\x06\x01k\0"));
    assert!(
        module.contains("a module's value under the key 'k'"),
        "{module}"
    );
    assert!(fault(&file(b"\x18\x01k\0")).contains("fields expire"));
    assert!(fault(&file(b"\x63")).starts_with("byte 9: there is no type or part 99"));
    let log = file(b"");
    let commands = b"*1\r\n$4\r\nPING\r\n";
    assert!(fault(&[&log[..], commands].concat()).contains("14 bytes behind the end, commands of"));
    assert!(fault(commands).starts_with("byte 0: no RDB file but an append-only log: let its"));
}

#[test]
fn collections_that_hold_nothing_are_passed_over_as_redis_does() {
    for kind in [1, 2, 4, 5] {
        let found = parts(&file(&[kind, 1, b'k', 0])).unwrap();
        assert_eq!(found, [Part::Empty(0, b"k".to_vec())]);
    }
}

#[test]
fn modules_are_named_and_passed_over() {
    // `ReJSON-RL`, version 3.
    let id = 0x4601_0D1F_FFFF_FFFF_u64 & !0x3ff | 3;
    let value = [
        &[7, 1, b'k', 0x81][..],
        &id.to_be_bytes(),
        &[5, 2, b'{', b'}', 2, 7, 0],
    ]
    .concat();
    let found = parts(&file(&value)).unwrap();
    assert!(
        matches!(&found[0], Part::Foreign(9, 0, key, name) if key == b"k" && name.ends_with("(encoding version 3)"))
    );
}

#[test]
fn strings_that_expand_are_bounded() {
    const MOST: usize = 4 << 20;
    // Blocks of LZF that become 264 times as long, more and more of them, would take more than one value may.
    let block: Vec<u8> = [&[0, b'x'][..], &[0xe0, 0xff, 0].repeat(1 << 10)].concat();
    let len = 1 + 264 * (1 << 10);
    let mut value = vec![1, 1, b'k'];
    let count = MOST / len + 2;
    value.extend([&[0x80][..], &u32::try_from(count).unwrap().to_be_bytes()].concat());
    for _ in 0..count {
        value.extend(
            [
                &[0xc3, 0x80][..],
                &u32::try_from(block.len()).unwrap().to_be_bytes(),
            ]
            .concat(),
        );
        value.extend([&[0x80][..], &u32::try_from(len).unwrap().to_be_bytes()].concat());
        value.extend(&block);
    }
    let bytes = file(&value);
    let mut reader = FileReader::new(&bytes[..], bytes.len() as u64).unwrap();
    reader.bound(MOST);
    match reader.next() {
        Err(Problem::Fault(fault)) => assert!(fault.what.contains("bytes of memory"), "{fault}"),
        other => panic!("{:?}", other.is_ok()),
    }
}

proptest! {
    #[test]
    fn anything_is_taken(body in prop::collection::vec(any::<u8>(), 0..200), digit in b'1'..=b'9') {
        let whole = [b"REDIS000", &[digit][..], &body].concat();
        let _ = parts(&whole);
        let _ = parts(&file(&body));
    }

    #[test]
    fn a_changed_byte_is_found(at in any::<prop::sample::Index>(), by in 1u8..) {
        let mut whole = sample(10);
        let at = at.index(whole.len() - 8);
        whole[at] ^= by;
        prop_assert!(parts(&whole).is_err());
    }
}
