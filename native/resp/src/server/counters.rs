//! What the loop counts, and how others come to see it.
//!
//! **Invariant.** Only the loop counts; other threads read what it published at the end of its last round.

use super::client::State;
use super::core::Core;
use super::shared::{CommandUsage, ServerStats};
use std::collections::VecDeque;

/// Counters since the start or CONFIG RESETSTAT.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counters {
    pub commands: u64,
    pub protocol_errors: u64,
    pub connections: u64,
    pub rejected: u64,
    pub turns: u64,
    pub expired: u64,
    /// Keys that commands looked for and found, and those that were not there.
    pub hits: u64,
    pub misses: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub loads: u64,
    pub closed_for_output: u64,
    pub closed_for_memory: u64,
    pub evicted_clients: u64,
    /// Rounds of the loop, and nanoseconds that they took but for waiting: all together, of commands, of commits, of housekeeping.
    pub cycles: u64,
    pub cycle_nanos: u64,
    pub turn_nanos: u64,
    pub commit_nanos: u64,
    pub tick_nanos: u64,
    pub longest_cycle_nanos: u64,
    /// Most commands in one round.
    pub most_commands: u64,
}

impl Counters {
    /// A command looked for a key.
    #[inline]
    pub(crate) fn note_lookup(&mut self, found: bool) {
        self.note_lookups(u64::from(found), u64::from(!found));
    }

    pub(crate) fn note_lookups(&mut self, found: u64, missed: u64) {
        self.hits += found;
        self.misses += missed;
    }
}

/// How much the server does a second, as the mean of the last ones.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// When, in milliseconds of the loop's clock, and what had been counted then.
    samples: VecDeque<(i64, [u64; 5])>,
}

impl Rates {
    /// Samples that are kept: a tick apart, as in Redis.
    const SAMPLES: usize = 16;

    /// Notes what was counted until now.
    pub(crate) fn note(&mut self, now: i64, counters: &Counters) {
        if self.samples.len() > Self::SAMPLES {
            self.samples.pop_front();
        }
        let counts = [
            counters.commands,
            counters.bytes_in,
            counters.bytes_out,
            counters.cycles,
            counters.cycle_nanos,
        ];
        self.samples.push_back((now, counts));
    }

    /// Commands, bytes in, bytes out and rounds a second; and nanoseconds that a round took.
    fn per_second(&self) -> [u64; 5] {
        let (Some((from, first)), Some((to, last))) = (self.samples.front(), self.samples.back())
        else {
            return [0; 5];
        };
        let millis = u64::try_from(to - from).unwrap_or(0).max(1);
        // CONFIG RESETSTAT sets the counters back.
        let passed = [0, 1, 2, 3, 4].map(|at| last[at].saturating_sub(first[at]));
        let a_second = |at: usize| passed[at].saturating_mul(1000) / millis;
        let a_round = passed[4] / passed[3].max(1);
        [a_second(0), a_second(1), a_second(2), a_second(3), a_round]
    }
}

impl Core {
    /// What is known of the commands that were called.
    fn usage(&self) -> Vec<CommandUsage> {
        let rows = self.commands.table.rows().iter().zip(&self.observed.usage);
        rows.filter(|(_, usage)| usage.calls + usage.rejected > 0)
            .map(|(row, usage)| CommandUsage {
                name: row.name,
                calls: usage.calls,
                micros: usage.nanos / 1000,
                rejected: usage.rejected,
                failed: usage.failed,
            })
            .collect()
    }

    /// Nanoseconds within which these percentages of the calls of each command ended.
    pub(crate) fn latencies(&self, percents: &[f64]) -> Vec<(&'static str, Vec<u64>)> {
        let rows = self.commands.table.rows().iter().zip(&self.observed.usage);
        rows.filter_map(|(row, usage)| {
            let times = usage.times.as_ref()?;
            let found = percents.iter().map(|percent| times.percentile(*percent));
            Some((row.name, found.collect()))
        })
        .collect()
    }

    /// Makes the counters visible to other threads.
    pub(crate) fn publish_stats(&self) {
        let (channels, patterns, shard_channels) = self.hub.counts();
        let (mut input, mut output, mut watching, mut subscribed, mut paused) = (0, 0, 0, 0, 0);
        let rates = self.rates.per_second();
        let denied = self.acl_log.denied();
        for (_, client) in self.clients.iter() {
            input += client.input.held();
            output += client.output.held();
            watching += usize::from(!client.watched.is_empty());
            subscribed += usize::from(client.is_subscriber());
            paused += usize::from(matches!(client.state, State::Paused));
        }
        let c = &self.counters;
        let [trackers, tracked_keys, tracked_items, tracked_prefixes] = self.tracked.counts();
        let seconds = (self.now_ms - self.started_ms).max(0) as u64 / 1000;
        self.shared.publish(ServerStats {
            rows: vec![
                ("uptime_in_seconds", seconds),
                ("connected_clients", self.clients.len() as u64),
                ("blocked_clients", (self.blocked + paused) as u64),
                ("watching_clients", watching as u64),
                ("pubsub_clients", subscribed as u64),
                ("clients_input_bytes", input as u64),
                ("clients_output_bytes", output as u64),
                ("total_connections_received", c.connections),
                ("rejected_connections", c.rejected),
                ("total_commands_processed", c.commands),
                ("total_error_replies", self.observed.errors.total),
                ("protocol_errors", c.protocol_errors),
                ("total_net_input_bytes", c.bytes_in),
                ("total_net_output_bytes", c.bytes_out),
                ("expired_keys", c.expired),
                ("keyspace_hits", c.hits),
                ("keyspace_misses", c.misses),
                ("loop_cycles", c.cycles),
                ("loop_micros", c.cycle_nanos / 1000),
                ("loop_command_micros", c.turn_nanos / 1000),
                ("loop_commit_micros", c.commit_nanos / 1000),
                ("loop_housekeeping_micros", c.tick_nanos / 1000),
                ("loop_longest_micros", c.longest_cycle_nanos / 1000),
                ("loop_most_commands", c.most_commands),
                ("turns", c.turns),
                ("block_loads", c.loads),
                ("pubsub_channels", channels as u64),
                ("pubsub_patterns", patterns as u64),
                ("pubsubshard_channels", shard_channels as u64),
                ("closed_for_output_limit", c.closed_for_output),
                ("closed_for_memory", c.closed_for_memory),
                ("changes", self.changes),
                ("evicted_clients", c.evicted_clients),
                ("clients_bytes", self.client_memory as u64),
                ("blocking_keys", self.waiters.key_count() as u64),
                (
                    "blocking_keys_if_gone",
                    self.waiters.keys_if_gone(&self.clients) as u64,
                ),
                ("monitors", self.observed.monitors.len() as u64),
                ("slowlog_entries", self.observed.slow.len() as u64),
                ("commands_per_second", rates[0]),
                ("input_bytes_per_second", rates[1]),
                ("output_bytes_per_second", rates[2]),
                ("cycles_per_second", rates[3]),
                ("micros_per_cycle", rates[4] / 1000),
                ("acl_denied_command", denied[0]),
                ("acl_denied_key", denied[1]),
                ("acl_denied_channel", denied[2]),
                ("acl_denied_auth", denied[3]),
                ("cached_scripts", self.scripting.script_count() as u64),
                ("libraries", self.scripting.library_counts()[0] as u64),
                ("functions", self.scripting.library_counts()[1] as u64),
                ("tracking_clients", trackers as u64),
                ("tracking_total_keys", tracked_keys as u64),
                ("tracking_total_items", tracked_items as u64),
                ("tracking_total_prefixes", tracked_prefixes as u64),
            ],
            usage: self.usage(),
            errors: self
                .observed
                .errors
                .iter()
                .map(|(class, count)| (class.to_owned(), count))
                .collect(),
        });
    }
}
