//! Streams as values: for DUMP and RESTORE.

use super::entries::{Stream, ID};
use super::groups::{self, Open};
use crate::command::Context;
use crate::commands::edge;
use crate::rdb::{StreamGroup, StreamReader, StreamValue};
use hyperdb_graph::stream::{
    decode_fields, encode_fields, set_last_id, Consumer, Id, Pending, State,
};
use hyperdb_graph::{AppId, Direction, Header, Kind, Step, Turn};
use std::ops::ControlFlow;

/// All that a stream holds.
pub fn read(turn: &Turn<'_>, app: AppId, header: &Header) -> Step<StreamValue> {
    let stream = Stream::load(turn, app, *header)?;
    let mut value = StreamValue {
        last: stream.last(),
        max_removed: stream.state.max_removed,
        added: stream.added(),
        ..StreamValue::default()
    };
    let mut malformed = false;
    stream.walk(turn, Id::MIN, Id::MAX, Direction::Forward, |id, record| {
        match decode_fields(record) {
            Some(words) => {
                let words = words.into_iter().map(<[u8]>::to_vec).collect();
                value.entries.push((id, words));
            }
            None => malformed = true,
        }
        ControlFlow::Continue(())
    })?;
    if malformed {
        return Err(edge::malformed("a stream's entry"));
    }
    for (name, group) in groups::all(turn, &stream)? {
        let open = Open { name: &name, group };
        let mut consumers = Vec::new();
        for (reader, consumer) in open.consumers(turn, &stream)? {
            let mut pending = Vec::new();
            let all = (Id::MIN, Id::MAX);
            open.walk_pending(turn, &stream, Some(&reader), all, |id, entry| {
                pending.push((id, entry.delivered, entry.deliveries));
                ControlFlow::Continue(())
            })?;
            consumers.push(StreamReader {
                name: reader,
                seen: consumer.seen,
                active: consumer.active,
                pending,
            });
        }
        value.groups.push(StreamGroup {
            last: group.last,
            read: group.read,
            consumers,
            name,
        });
    }
    Ok(value)
}

/// Makes the stream at `key` anew, replacing what was there.
pub fn store(cx: &mut Context<'_, '_>, key: &[u8], value: &StreamValue) -> Step<()> {
    let mut header = cx.turn.draft_edge(Kind::Stream);
    for (id, words) in &value.entries {
        let record = encode_fields(words.len() / 2, words.iter().map(Vec::as_slice));
        cx.turn
            .insert_member(cx.app, header.cid, &id.to_bytes(), &record)?;
        header.count += 1;
        header.bytes += ID + record.len() as u64;
    }
    set_last_id(&mut header, value.last);
    let stream = Stream {
        app: cx.app,
        state: State {
            removed: value.added.saturating_sub(header.count),
            max_removed: value.max_removed,
            floor: Id::MIN,
        },
        header,
    };
    for group in &value.groups {
        groups::create(cx.turn, &stream, &group.name, group.last, group.read)?;
        if let Some(mut open) = groups::find(cx.turn, &stream, &group.name)? {
            for reader in &group.consumers {
                store_reader(cx, &stream, &mut open, reader)?;
            }
            open.save(cx.turn, &stream)?;
        }
    }
    stream.save(cx.turn, key)
}

fn store_reader(
    cx: &mut Context<'_, '_>,
    stream: &Stream,
    open: &mut Open<'_>,
    reader: &StreamReader,
) -> Step<()> {
    let mut greeted = open.greet(cx.turn, stream, &reader.name)?;
    greeted.consumer = Consumer {
        seen: reader.seen,
        active: reader.active,
        pending: 0,
    };
    for (id, delivered, deliveries) in &reader.pending {
        let pending = Pending {
            delivered: *delivered,
            deliveries: *deliveries,
            consumer: reader.name.clone(),
        };
        let consumer = &mut greeted.consumer;
        open.assign(cx.turn, stream, (*id, None), &pending, consumer)?;
    }
    open.put_consumer(cx.turn, stream, &reader.name, &greeted)
}
