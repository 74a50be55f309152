//! Golden files of the rules: what this build computes is what `tests/golden/commitment` holds (name, tab, hex).
//!
//! `GOLDEN_WRITE=1 cargo test -p hyperdb-verkle golden` writes them anew; for a released version, never.

use super::*;
use crate::hash::Mac;
use crate::tree::{apps, leaf};
use std::fmt::Write;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

fn check(subject: &str, lines: &[(String, Vec<u8>)]) {
    let text: String = lines
        .iter()
        .map(|(name, bytes)| format!("{name}\t{}\n", hex(bytes)))
        .collect();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden/commitment")
        .join(subject);
    if std::env::var_os("GOLDEN_WRITE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (line, wanted) in text.lines().zip(golden.lines()) {
        assert_eq!(line, wanted, "{subject}");
    }
    assert_eq!(text.lines().count(), golden.lines().count(), "{subject}");
}

fn logical_keys() -> Vec<(&'static str, Vec<u8>)> {
    let hash = [0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10];
    vec![
        ("element short", [&[2][..], &hash, b"id"].concat()),
        ("element empty", [&[2][..], &hash].concat()),
        ("element with zeros", [&[2][..], &hash, b"\0a\0\0"].concat()),
        ("member of 4", b"\x03\x04field".to_vec()),
        ("member of 300", b"\x03\xf9\x01\x2cfield".to_vec()),
        ("member of 126 bytes", [&[3, 6][..], &[b'x'; 126]].concat()),
        ("member of 127 bytes", [&[3, 6][..], &[b'x'; 127]].concat()),
        ("member of 200 zeros", [&[3, 6][..], &[0; 200]].concat()),
        ("incidence", [&[4][..], &hash, b"a\0\x01b\0\x01k"].concat()),
    ]
}

#[test]
fn golden_places_and_leaves() {
    let mut lines = Vec::new();
    for (name, key) in logical_keys() {
        lines.push((format!("{name}: key"), key.clone()));
        let place = TreeKey::of(&key).unwrap();
        lines.push((format!("{name}: steps"), place.steps().to_vec()));
        let salt_key = leaf::app_salt_key(&Mac::new(&[7; 32]), 3);
        let salt = leaf::row_salt(&Mac::new(&salt_key), &key, 9);
        let digest = leaf::value_digest(&salt, b"value");
        lines.push((format!("{name}: salt, app 3, version 9"), salt.to_vec()));
        lines.push((format!("{name}: digest of value"), digest.to_vec()));
        let bytes = key.len() as u64 + 5;
        let slot = leaf::slot(&key, &digest, 9, bytes);
        lines.push((format!("{name}: slot"), slot.to_vec()));
    }
    let columns: Vec<_> = (0..5u32)
        .map(|id| {
            let salt = leaf::ColumnSalts::of(&[5; 16]).salt(id);
            leaf::column_digest(id, &salt, &[u8::from(id > 0), id as u8])
        })
        .collect();
    for count in 1..=5 {
        let digest = leaf::row_digest(&columns[..count]);
        lines.push((format!("row of {count} columns"), digest.to_vec()));
    }
    check("leaves.hex", &lines);
}

#[test]
fn golden_trees_and_apps() {
    let mut lines = Vec::new();
    let mut trees = vec![Root::empty()];
    lines.push(("empty tree: digest".into(), Root::empty().digest.to_vec()));
    lines.push((
        "empty tree: hash digest".into(),
        Root::empty().hash.to_vec(),
    ));
    for count in [1, 2, 9] {
        let set = |(_, key): (&str, Vec<u8>)| Edit::Set {
            slot: leaf::slot(&key, &[1; 32], 2, key.len() as u64),
            bytes: key.len() as u64,
            key: TreeKey::of(&key).unwrap(),
        };
        let edits = logical_keys().into_iter().take(count).map(set).collect();
        let mut nodes = MemoryNodes::default();
        let update = apply(&nodes, comb(), edits, 1).unwrap();
        nodes.take(&update);
        let root = update.root;
        let name = format!("tree of the first {count} keys, digest 01.., version 2");
        lines.push((format!("{name}: digest"), root.digest.to_vec()));
        lines.push((format!("{name}: hash digest"), root.hash.to_vec()));
        lines.push((
            format!("{name}: record of the root"),
            nodes.0[&vec![]].to_vec(),
        ));
        trees.push(root);
    }
    let address = apps::address(b"shop");
    let app = apps::App::new(address, &[trees[0], trees[1], trees[2], trees[3]]);
    lines.push(("address of shop".into(), address.to_vec()));
    lines.push((
        "address of the system's app".into(),
        apps::address(b"").to_vec(),
    ));
    lines.push((
        "global places of shop".into(),
        apps::places(&address).to_vec(),
    ));
    lines.push((
        "app root of shop, trees of 0, 1, 2, 9 keys".into(),
        app.root.to_vec(),
    ));
    lines.push(("app hash root".into(), app.hash_root.to_vec()));
    lines.push(("app value digest".into(), app.value_digest().to_vec()));
    let globals = [Root::empty().digest; apps::GLOBALS];
    lines.push((
        "globals, all empty".into(),
        apps::global_digest(&globals).to_vec(),
    ));
    check("trees.hex", &lines);
}
