//! CLIENT LIST and CLIENT INFO.

use super::tracking::redirection;
use crate::command::{errors, Abort};
use crate::commands::arguments::integer;
use crate::server::client::{Client, State};
use crate::server::core::Core;
use crate::server::execute::{After, Call, Ran};
use std::fmt::Write;

/// What CLIENT LIST TYPE distinguishes; there are no masters and replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientType {
    Normal,
    Pubsub,
    Replication,
}

impl ClientType {
    pub(super) fn parse(name: &[u8]) -> Result<ClientType, Abort> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(ClientType::Normal),
            b"pubsub" => Ok(ClientType::Pubsub),
            b"master" | b"replica" | b"slave" => Ok(ClientType::Replication),
            _ => Err(Abort::error(format!(
                "ERR Unknown client type '{}'",
                String::from_utf8_lossy(name)
            ))),
        }
    }

    pub(super) fn is(self, client: &Client) -> bool {
        match self {
            ClientType::Normal => !client.is_subscriber(),
            ClientType::Pubsub => client.is_subscriber(),
            ClientType::Replication => false,
        }
    }
}

/// One line about a client, in the fields that Redis 7 shows.
pub(super) fn line(core: &Core, client: &Client) -> String {
    let mut flags = String::new();
    if client.monitors {
        flags.push('O');
    }
    if client.is_subscriber() {
        flags.push('P');
    }
    if client.multi.is_some() {
        flags.push('x');
    }
    if matches!(client.state, State::Blocked(_) | State::Paused) {
        flags.push('b');
    }
    if client.dirty {
        flags.push('d');
    }
    if client.closing {
        flags.push('c');
    }
    if client.no_evict {
        flags.push('e');
    }
    if client.no_touch {
        flags.push('T');
    }
    if let Some(tracking) = &client.tracking {
        flags.push('t');
        if tracking.is_broken {
            flags.push('R');
        }
        if tracking.broadcasts {
            flags.push('B');
        }
    }
    if flags.is_empty() {
        flags.push('N');
    }
    let queued = client.multi.as_ref();
    // Whose command runs now has lent its buffer out.
    let waiting = match client.input.held() {
        0 => client.request_bytes,
        _ => client.input.unread(),
    };
    let events = if client.output.pending() > 0 {
        "rw"
    } else {
        "r"
    };
    let command = client
        .last_command
        .map_or("NULL", |row| core.commands.table.row(row).name);
    let mut text = String::with_capacity(256);
    // Writing to a string cannot fail.
    let _infallible = write!(
        text,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} \
         multi={} qbuf={} qbuf-free={} argv-mem=0 multi-mem={} rbs={} rbp=0 obl={} oll=0 omem=0 \
         tot-mem={} events={} cmd={} user={} redir={} resp={} lib-name={} lib-ver={}",
        client.id,
        client.peer.address,
        client.peer.local,
        client.stream.descriptor(),
        String::from_utf8_lossy(&client.name),
        (core.now_ms - client.created_ms).max(0) / 1000,
        (core.tick_ms - client.active_ms).max(0) / 1000,
        flags,
        client.db,
        client.channels.len(),
        client.patterns.len(),
        client.shard_channels.len(),
        queued.map_or(-1, |multi| multi.commands.len() as i64),
        waiting,
        client.input.held().saturating_sub(waiting),
        queued.map_or(0, |multi| multi.bytes),
        client.output.held(),
        client.output.pending(),
        client.held(),
        events,
        command,
        client.role.as_deref().unwrap_or("(none)"),
        redirection(client.tracking.as_deref()),
        if client.output.reply.resp3 { 3 } else { 2 },
        String::from_utf8_lossy(&client.library),
        String::from_utf8_lossy(&client.library_version),
    );
    text
}

/// CLIENT INFO
pub(super) fn info(call: &mut Call<'_, '_>) -> Ran {
    let slot = call.slot;
    let text = call
        .core
        .clients
        .get(slot)
        .map(|client| line(call.core, client));
    let text = text.unwrap_or_default() + "\n";
    call.client().output.reply.verbatim(text.as_bytes());
    Ok(After::Done)
}

/// CLIENT LIST [TYPE type] [ID client-id ...]
pub(super) fn list(call: &mut Call<'_, '_>) -> Ran {
    let mut kind = None;
    let mut ids = None;
    match call.args.len() {
        2 => {}
        4 if call.args.is(2, "TYPE") => kind = Some(ClientType::parse(call.args.at(3))?),
        n if n > 3 && call.args.is(2, "ID") => {
            let wanted: Result<Vec<i64>, Abort> = call.args.from(3).iter().map(integer).collect();
            ids = Some(wanted.map_err(|_| Abort::error("ERR Invalid client ID"))?);
        }
        _ => return Err(errors::syntax()),
    }
    let mut chosen: Vec<&Client> = call
        .core
        .clients
        .iter()
        .map(|(_, client)| client)
        .filter(|client| kind.is_none_or(|kind| kind.is(client)))
        .filter(|client| {
            let id = client.id as i64;
            ids.as_ref().is_none_or(|ids| ids.contains(&id))
        })
        .collect();
    chosen.sort_by_key(|client| client.id);
    let mut text = String::new();
    for client in chosen {
        text.push_str(&line(call.core, client));
        text.push('\n');
    }
    call.client().output.reply.verbatim(text.as_bytes());
    Ok(After::Done)
}
