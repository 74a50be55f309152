//! What the fuzzer needs of the table's private parts: seeds, and decoders that say which path they took.
#![allow(clippy::unwrap_used)]

use super::block::{BlockBuilder, Layout, Lookup};
use super::bloom::Bloom;
use super::footer::{Footer, Properties, FOOTER};
use super::frame;
use super::index::{Index, IndexBuilder};
use crate::hash::key_hash;
use crate::types::{Family, Op};

fn shape(n: usize) -> u32 {
    usize::BITS - n.leading_zeros()
}

pub(crate) fn block_seeds() -> Vec<Vec<u8>> {
    [(1u64, 10usize), (40, 60), (3, 40_000)]
        .into_iter()
        .map(|(count, len)| {
            let mut builder = BlockBuilder::default();
            for n in 0..count {
                let key = format!("user:{:04}", n / 3).into_bytes();
                let op = if n % 4 == 0 { Op::Remove } else { Op::Add };
                builder.add(&key, key_hash(&key), 900 - n, op, &vec![n as u8; len]);
            }
            let mut out = Vec::new();
            builder.finish(&mut out);
            out
        })
        .collect()
}

pub(crate) fn block_signature(input: &[u8]) -> String {
    let layout = match Layout::check(input) {
        Ok(layout) => layout,
        Err(what) => return what.to_owned(),
    };
    let mut bytes = 0;
    for i in 0..layout.count() {
        let entry = layout.entry(input, i);
        bytes += input[entry.suffix].len() + input[entry.value].len();
    }
    let key = b"user:0003";
    let found = matches!(
        layout.find(input, key, key_hash(key), 899),
        Lookup::Found(_)
    );
    format!(
        "{} entries of {}, {found}, {}",
        shape(layout.count()),
        shape(bytes),
        shape(layout.lower_bound(input, key))
    )
}

pub(crate) fn index_seeds() -> Vec<Vec<u8>> {
    [1usize, 50]
        .into_iter()
        .map(|count| {
            let mut builder = IndexBuilder::default();
            (0..count).for_each(|n| builder.add(format!("prefix {n:05}").as_bytes(), 4000 + n));
            builder.finish()
        })
        .collect()
}

pub(crate) fn index_signature(input: &[u8]) -> String {
    match Index::decode(input) {
        Err(what) => what.to_owned(),
        Ok(index) => {
            let places =
                [&b""[..], b"prefix 00020", b"prefix", b"q"].map(|key| shape(index.seek(key)));
            let last = index.place(index.len() - 1);
            format!(
                "{} blocks, {places:?}, {}",
                shape(index.len()),
                last.offset == index.data_bytes()
            )
        }
    }
}

pub(crate) fn bloom_signature(input: &[u8]) -> String {
    Bloom::decode(input).map_or("refused".to_owned(), |bloom| {
        let passed = (0..64u64)
            .filter(|n| bloom.may_hold(key_hash(&n.to_le_bytes())))
            .count();
        format!("{} of {}", shape(passed), shape(input.len()))
    })
}

pub(crate) fn footer_seeds() -> Vec<Vec<u8>> {
    let properties = Properties {
        id: 7,
        family: Family::META,
        entries: 1 << 40,
        removes: 3,
        superseded: 2,
        settles: 99,
        raw_bytes: 12345,
        min_version: 5,
        max_version: 100,
        bloom_offset: 1 << 33,
        bloom_bytes: 41,
        index_bytes: 17,
        smallest: b"a".to_vec(),
        largest: b"b".to_vec(),
    };
    let footer = Footer {
        properties_offset: 77,
        properties_bytes: 50,
    };
    vec![properties.encode(), footer.encode().to_vec()]
}

pub(crate) fn footer_signature(input: &[u8]) -> String {
    let properties = Properties::decode(input)
        .map(|read| (shape(read.entries as usize), shape(read.largest.len())));
    let footer = input
        .first_chunk::<FOOTER>()
        .map(|bytes| Footer::decode(bytes).map_err(|what| what.len()));
    format!("{properties:?} {:?}", footer.map(|footer| footer.is_ok()))
}

/// Makes the checksums right again that the lengths in a table file lead to: footer, properties, filter, index and
/// each block of the index, as far as they are inside the file.
pub(crate) fn reseal(input: &[u8]) -> Vec<u8> {
    let mut file = input.to_vec();
    let Some(footer_at) = file.len().checked_sub(FOOTER) else {
        return file;
    };
    let crc = crc32c::crc32c(&file[footer_at..footer_at + 16]);
    file[footer_at + 16..footer_at + 20].copy_from_slice(&crc.to_le_bytes());
    let Some(footer) = file
        .last_chunk::<FOOTER>()
        .and_then(|bytes| Footer::decode(bytes).ok())
    else {
        return file;
    };
    let Some(properties) = part(
        &mut file,
        footer.properties_offset,
        u64::from(footer.properties_bytes),
    ) else {
        return file;
    };
    let Some(properties) = Properties::decode(&properties) else {
        return file;
    };
    part(&mut file, properties.bloom_offset, properties.bloom_bytes);
    let index_at = properties
        .bloom_offset
        .saturating_add(properties.bloom_bytes);
    let Some(Ok(index)) =
        part(&mut file, index_at, properties.index_bytes).map(|bytes| Index::decode(&bytes))
    else {
        return file;
    };
    for i in 0..index.len() {
        let place = index.place(i);
        part(&mut file, place.offset, place.bytes as u64);
    }
    file
}

/// Puts the right checksum at the end of a part; its payload, if it opens.
fn part(file: &mut [u8], offset: u64, bytes: u64) -> Option<Vec<u8>> {
    let (start, end) = (
        usize::try_from(offset).ok()?,
        usize::try_from(offset.checked_add(bytes)?).ok()?,
    );
    let sealed = file.get_mut(start..end)?;
    let body = sealed.len().checked_sub(4)?;
    let crc = crc32c::crc32c(&sealed[..body]);
    sealed[body..].copy_from_slice(&crc.to_le_bytes());
    frame::open(sealed)
        .ok()
        .map(|opened| opened.bytes().to_vec())
}
