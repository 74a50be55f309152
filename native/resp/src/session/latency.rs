//! LATENCY: the monitor's samples, and how the times of commands are distributed.

use crate::command::Abort;
use crate::observe::latency::{graph as drawn, report};
use crate::server::execute::{After, Call, Ran};
use crate::table::RowId;

fn now_seconds(call: &Call<'_, '_>) -> i64 {
    call.core.now_ms / 1000
}

/// LATENCY LATEST
pub(super) fn latest(call: &mut Call<'_, '_>) -> Ran {
    let seen = call.core.observed.latency.seen();
    let rows: Vec<_> = seen
        .filter_map(|(event, series)| Some((event.name(), series.latest()?, series.worst)))
        .collect();
    let reply = &mut call.client().output.reply;
    reply.array(rows.len());
    for (name, last, worst) in rows {
        reply.array(4);
        reply.bulk(name.as_bytes());
        reply.integer(last.at);
        reply.integer(last.millis as i64);
        reply.integer(worst as i64);
    }
    Ok(After::Done)
}

/// LATENCY HISTORY event
pub(super) fn history(call: &mut Call<'_, '_>) -> Ran {
    let found = call.core.observed.latency.find(call.args.at(2));
    let samples: Vec<_> =
        found.map_or_else(Vec::new, |(_, series)| series.samples().copied().collect());
    let reply = &mut call.client().output.reply;
    reply.array(samples.len());
    for sample in samples {
        reply.array(2);
        reply.integer(sample.at);
        reply.integer(sample.millis as i64);
    }
    Ok(After::Done)
}

/// LATENCY RESET [event ...]
pub(super) fn reset(call: &mut Call<'_, '_>) -> Ran {
    let names = call.args.from(2);
    let count = call.core.observed.latency.reset(names.iter());
    call.client().output.reply.integer(count as i64);
    Ok(After::Done)
}

/// LATENCY GRAPH event
pub(super) fn graph(call: &mut Call<'_, '_>) -> Ran {
    let name = call.args.at(2);
    let Some((event, series)) = call.core.observed.latency.find(name) else {
        let shown = String::from_utf8_lossy(name);
        let text = format!("ERR No samples available for event '{shown}'");
        return Err(Abort::error(text));
    };
    let text = drawn(event, series, now_seconds(call));
    call.client().output.reply.verbatim(text.as_bytes());
    Ok(After::Done)
}

/// LATENCY DOCTOR
pub(super) fn doctor(call: &mut Call<'_, '_>) -> Ran {
    let threshold = call.core.settings.latency_threshold_ms;
    let text = report(&call.core.observed.latency, threshold);
    call.client().output.reply.verbatim(text.as_bytes());
    Ok(After::Done)
}

/// LATENCY HISTOGRAM [command ...]
pub(super) fn histogram(call: &mut Call<'_, '_>) -> Ran {
    let names = call.args.from(2);
    let table = &call.core.commands.table;
    let mut rows: Vec<RowId> = Vec::new();
    if names.is_empty() {
        rows.extend(table.iter().map(|(id, _)| id));
    }
    for name in names.iter() {
        // A container stands for its subcommands.
        let Some(found) = table.find(name) else {
            continue;
        };
        let prefix = format!("{}|", table.row(found).name);
        rows.push(found);
        rows.extend(
            table
                .iter()
                .filter(|(_, row)| row.name.starts_with(&prefix))
                .map(|(id, _)| id),
        );
    }
    let shown: Vec<_> = rows
        .into_iter()
        .filter_map(|id| {
            let times = call.core.observed.usage[id.index()].times.as_ref()?;
            let name = call.core.commands.table.row(id).name;
            Some((name, times.total(), times.cumulative()))
        })
        .collect();
    let reply = &mut call.client().output.reply;
    reply.map(shown.len());
    for (name, calls, bounds) in shown {
        reply.bulk(name.as_bytes());
        reply.map(2);
        reply.bulk(b"calls");
        reply.integer(calls as i64);
        reply.bulk(b"histogram_usec");
        reply.map(bounds.len());
        for (micros, count) in bounds {
            reply.integer(micros as i64);
            reply.integer(count as i64);
        }
    }
    Ok(After::Done)
}
