//! A disk that is full, and one that fails.

use super::support::Running;
use hyperdb_graph::identity::System;
use hyperdb_graph::{Db, Options, Store, SyncMode};
use hyperdb_lsm::fs::SimFs;
use hyperdb_resp::server::Settings;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[test]
fn a_full_disk_refuses_writes_reads_go_on_and_it_recovers() {
    for sync in [SyncMode::Always, SyncMode::EverySec] {
        let fs = SimFs::new();
        let options = Options {
            sync,
            ..Options::default()
        };
        let db = Db::open_in(Arc::new(fs.clone()), Path::new("/db"), options).unwrap();
        let store = Store::on(db, &mut System).unwrap();
        let running = Running::on(store, Settings::default(), PathBuf::from("/nowhere/at/all"));
        let mut client = running.client();
        assert_eq!(client.ask("set first 1"), "+OK");
        fs.set_room(Some(9 << 20));
        let value = "v".repeat(50_000);
        let mut written = 0;
        let refused = loop {
            let reply = client.ask(&format!("set k{written} {value}"));
            if reply != "+OK" {
                break reply;
            }
            written += 1;
            assert!(written < 2000, "the disk never fills");
        };
        assert!(refused.starts_with("-MISCONF no space left"), "{refused}");
        // A read may share its turn with a refused write only if another client wrote: nobody does.
        assert_eq!(client.ask("get first"), "1");
        assert_eq!(client.ask(&format!("strlen k{}", written - 1)), ":50000");
        assert_eq!(client.ask(&format!("exists k{written}")), ":0");
        assert_eq!(client.ask("multi"), "+OK");
        assert_eq!(client.ask("get first"), "+QUEUED");
        assert_eq!(client.ask("exec"), "[1]");
        fs.set_room(None);
        while client.ask("set again 1") != "+OK" {}
        assert_eq!(client.ask("get again"), "1");
    }
}
