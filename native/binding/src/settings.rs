//! Live settings of the RESP server as Python names and values.
//!
//! **Invariant.** One table of names serves reading and writing, so what CONFIG shows is what it can set.

use crate::errors::raise;
use hyperdb_resp::events::Classes;
use hyperdb_resp::server::{Debugging, Settings};
use pyo3::prelude::*;
use std::collections::HashMap;

type Read = fn(&Settings) -> u64;
type Write = fn(&mut Settings, u64);

/// Stands for none.
const NEVER: u64 = u64::MAX;

/// Numbers by name. Bytes, seconds and counts, as the names of the fields say.
const NUMBERS: &[(&str, Read, Write)] = &[
    (
        "max_clients",
        |s| s.max_clients as u64,
        |s, v| s.max_clients = v as usize,
    ),
    ("timeout", |s| s.timeout, |s, v| s.timeout = v),
    (
        "tcp_keepalive",
        |s| s.tcp_keepalive,
        |s, v| s.tcp_keepalive = v,
    ),
    (
        "max_bulk",
        |s| s.max_bulk as u64,
        |s, v| s.max_bulk = v as usize,
    ),
    (
        "query_buffer",
        |s| s.query_buffer as u64,
        |s, v| s.query_buffer = v as usize,
    ),
    (
        "client_memory",
        |s| s.client_memory as u64,
        |s, v| s.client_memory = v as usize,
    ),
    (
        "client_percent",
        |s| s.client_percent,
        |s, v| s.client_percent = v,
    ),
    (
        "busy_reply_ms",
        |s| s.busy_reply_ms,
        |s, v| s.busy_reply_ms = v,
    ),
    (
        "output_normal_hard",
        |s| s.output_normal.hard as u64,
        |s, v| s.output_normal.hard = v as usize,
    ),
    (
        "output_normal_soft",
        |s| s.output_normal.soft as u64,
        |s, v| s.output_normal.soft = v as usize,
    ),
    (
        "output_normal_seconds",
        |s| s.output_normal.soft_seconds,
        |s, v| s.output_normal.soft_seconds = v,
    ),
    (
        "output_replica_hard",
        |s| s.output_replica.hard as u64,
        |s, v| s.output_replica.hard = v as usize,
    ),
    (
        "output_replica_soft",
        |s| s.output_replica.soft as u64,
        |s, v| s.output_replica.soft = v as usize,
    ),
    (
        "output_replica_seconds",
        |s| s.output_replica.soft_seconds,
        |s, v| s.output_replica.soft_seconds = v,
    ),
    (
        "output_pubsub_hard",
        |s| s.output_pubsub.hard as u64,
        |s, v| s.output_pubsub.hard = v as usize,
    ),
    (
        "output_pubsub_soft",
        |s| s.output_pubsub.soft as u64,
        |s, v| s.output_pubsub.soft = v as usize,
    ),
    (
        "output_pubsub_seconds",
        |s| s.output_pubsub.soft_seconds,
        |s, v| s.output_pubsub.soft_seconds = v,
    ),
    (
        "databases",
        |s| u64::from(s.databases),
        |s, v| s.databases = u32::try_from(v).unwrap_or(u32::MAX),
    ),
    (
        "tracked_keys",
        |s| s.tracked_keys as u64,
        |s, v| s.tracked_keys = v as usize,
    ),
    ("events", |s| s.events.0, |s, v| s.events = Classes(v)),
    (
        "acl_log_most",
        |s| s.acl_log_most as u64,
        |s, v| s.acl_log_most = v as usize,
    ),
    (
        "slow_micros",
        |s| s.slow_micros.unwrap_or(NEVER),
        |s, v| s.slow_micros = Some(v).filter(|v| *v != NEVER),
    ),
    (
        "slow_most",
        |s| s.slow_most as u64,
        |s, v| s.slow_most = usize::try_from(v).unwrap_or(usize::MAX),
    ),
    (
        "latency_threshold_ms",
        |s| s.latency_threshold_ms,
        |s, v| s.latency_threshold_ms = v,
    ),
    (
        "latency_tracking",
        |s| u64::from(s.latency_tracking),
        |s, v| s.latency_tracking = v != 0,
    ),
    (
        "max_memory",
        |s| s.max_memory as u64,
        |s, v| s.max_memory = usize::try_from(v).unwrap_or(usize::MAX),
    ),
    (
        "hash_entries",
        |s| s.forms.hash_entries,
        |s, v| s.forms.hash_entries = v,
    ),
    (
        "hash_value",
        |s| s.forms.hash_value,
        |s, v| s.forms.hash_value = v,
    ),
    (
        "list_size",
        |s| s.forms.list_size as u64,
        |s, v| s.forms.list_size = v as i64,
    ),
    (
        "list_depth",
        |s| s.forms.list_depth,
        |s, v| s.forms.list_depth = v,
    ),
    (
        "set_integers",
        |s| s.forms.set_integers,
        |s, v| s.forms.set_integers = v,
    ),
    (
        "set_entries",
        |s| s.forms.set_entries,
        |s, v| s.forms.set_entries = v,
    ),
    (
        "set_value",
        |s| s.forms.set_value,
        |s, v| s.forms.set_value = v,
    ),
    (
        "sorted_entries",
        |s| s.forms.sorted_entries,
        |s, v| s.forms.sorted_entries = v,
    ),
    (
        "sorted_value",
        |s| s.forms.sorted_value,
        |s, v| s.forms.sorted_value = v,
    ),
    (
        "stream_entries",
        |s| s.forms.stream_entries,
        |s, v| s.forms.stream_entries = v,
    ),
    (
        "stream_bytes",
        |s| s.forms.stream_bytes,
        |s, v| s.forms.stream_bytes = v,
    ),
    (
        "sketch_bytes",
        |s| s.forms.sketch_bytes,
        |s, v| s.forms.sketch_bytes = v,
    ),
    (
        "debug",
        |s| s.debug as u64,
        |s, v| {
            s.debug = match v {
                0 => Debugging::Never,
                1 => Debugging::Local,
                _ => Debugging::Always,
            }
        },
    ),
    ("hz", |s| s.hz, |s, v| s.hz = v),
    (
        "min_replicas",
        |s| s.min_replicas as u64,
        |s, v| s.min_replicas = v as usize,
    ),
    ("replica_lag", |s| s.replica_lag, |s, v| s.replica_lag = v),
    (
        "protected",
        |s| u64::from(s.protected),
        |s, v| s.protected = v != 0,
    ),
];

/// All numbers of `settings`, by name.
pub(crate) fn read(settings: &Settings) -> Vec<(&'static str, u64)> {
    NUMBERS
        .iter()
        .map(|(name, read, _)| (*name, read(settings)))
        .collect()
}

/// `settings` with the changes.
pub(crate) fn change(settings: &Settings, changes: &HashMap<String, u64>) -> PyResult<Settings> {
    let mut changed = settings.clone();
    for (name, value) in changes {
        match NUMBERS.iter().find(|(known, _, _)| known == name) {
            Some((_, _, write)) => write(&mut changed, *value),
            None => {
                return Err(raise(
                    "InvalidError",
                    &format!("the server has no setting '{name}'"),
                ))
            }
        }
    }
    Ok(changed)
}
