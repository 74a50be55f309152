//! Savepoints and marks: what each way back takes back, alone and one after the other.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Db, Family, Options, Writer};
use std::path::Path;
use std::sync::Arc;

fn there(writer: &Writer<'_>) -> Vec<&'static str> {
    let keys = ["before", "a", "b", "c"];
    let found = |key: &&str| writer.get(Family::DATA, key.as_bytes()).unwrap().is_some();
    keys.into_iter().filter(found).collect()
}

fn put(writer: &mut Writer<'_>, key: &str) {
    writer.put(Family::DATA, key.as_bytes(), b"").unwrap();
}

#[test]
fn an_older_savepoint_outlives_a_rollback_to_a_mark() {
    let db = Db::open_in(Arc::new(SimFs::new()), Path::new("/db"), Options::default()).unwrap();
    let mut writer = db.writer();
    put(&mut writer, "before");
    writer.savepoint();
    put(&mut writer, "a");
    let mark = writer.mark();
    put(&mut writer, "b");
    writer.rollback_to(mark);
    assert_eq!(there(&writer), ["before", "a"]);
    writer.rollback();
    assert_eq!(there(&writer), ["before"]);
}

#[test]
fn a_mark_takes_back_what_later_savepoints_would_keep() {
    let db = Db::open_in(Arc::new(SimFs::new()), Path::new("/db"), Options::default()).unwrap();
    let mut writer = db.writer();
    put(&mut writer, "before");
    let mark = writer.mark();
    put(&mut writer, "a");
    writer.savepoint();
    put(&mut writer, "b");
    writer.rollback_to(mark);
    assert_eq!(there(&writer), ["before"]);
    put(&mut writer, "c");
    writer.rollback();
    assert_eq!(there(&writer), ["before"]);
}
