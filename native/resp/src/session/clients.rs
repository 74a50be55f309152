//! CLIENT, but for its lists.

use crate::command::{errors, Abort};
use crate::commands::arguments::{integer, misused};
use crate::server::blocking::{give_up, Reason};
use crate::server::client::{Client, ReplyMode};
use crate::server::core::Pause;
use crate::server::execute::{After, Call, Ran};
use crate::server::housekeeping;
use crate::server::login::client_name;

fn ok(call: &mut Call<'_, '_>) -> Ran {
    call.client().output.reply.ok();
    Ok(After::Done)
}

/// CLIENT ID
pub(super) fn id(call: &mut Call<'_, '_>) -> Ran {
    let client = call.client();
    let id = client.id;
    client.output.reply.integer(id as i64);
    Ok(After::Done)
}

/// CLIENT SETNAME name
pub(super) fn setname(call: &mut Call<'_, '_>) -> Ran {
    call.client().name = client_name(call.args.at(2))?;
    ok(call)
}

/// CLIENT GETNAME
pub(super) fn getname(call: &mut Call<'_, '_>) -> Ran {
    let client = call.client();
    let name = Some(client.name.as_slice()).filter(|name| !name.is_empty());
    client.output.reply.bulk_or_null(name);
    Ok(After::Done)
}

/// CLIENT SETINFO LIB-NAME name | LIB-VER version
pub(super) fn setinfo(call: &mut Call<'_, '_>) -> Ran {
    let given = String::from_utf8_lossy(call.args.at(2)).into_owned();
    let is_name = call.args.is(2, "lib-name");
    if !is_name && !call.args.is(2, "lib-ver") {
        return Err(Abort::error(format!("ERR Unrecognized option '{given}'")));
    }
    let value = client_name(call.args.at(3)).map_err(|_| {
        Abort::error(format!(
            "ERR {given} cannot contain spaces, newlines or special characters."
        ))
    })?;
    match is_name {
        true => call.client().library = value,
        false => call.client().library_version = value,
    }
    ok(call)
}

/// CLIENT NO-EVICT ON | OFF
pub(super) fn no_evict(call: &mut Call<'_, '_>) -> Ran {
    let on = call.args.is(2, "ON");
    if !on && !call.args.is(2, "OFF") {
        return Err(errors::syntax());
    }
    call.client().no_evict = on;
    ok(call)
}

/// CLIENT REPLY ON | OFF | SKIP
pub(super) fn reply(call: &mut Call<'_, '_>) -> Ran {
    if call.args.is(2, "ON") {
        call.client().reply_mode = ReplyMode::On;
        return ok(call);
    }
    let mode = if call.args.is(2, "OFF") {
        ReplyMode::Off
    } else if call.args.is(2, "SKIP") {
        ReplyMode::SkipNext
    } else {
        return Err(errors::syntax());
    };
    let client = call.client();
    // SKIP inside OFF changes nothing.
    if client.reply_mode != ReplyMode::Off || mode == ReplyMode::Off {
        client.reply_mode = mode;
    }
    Ok(After::Done)
}

/// CLIENT PAUSE timeout [WRITE | ALL]
pub(super) fn pause(call: &mut Call<'_, '_>) -> Ran {
    let all = match call.args.get(3) {
        None => true,
        Some(_) if call.args.is(3, "ALL") => true,
        Some(_) if call.args.is(3, "WRITE") => false,
        Some(_) => return Err(Abort::error("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let timeout = integer(call.args.at(2))
        .map_err(|_| Abort::error("ERR timeout is not an integer or out of range"))?;
    if timeout < 0 {
        return Err(Abort::error("ERR timeout is negative"));
    }
    let Some(until) = call.core.tick_ms.checked_add(timeout) else {
        return Err(Abort::error("ERR timeout is out of range"));
    };
    // A pause is never made shorter or looser by another one.
    let before = call.core.pause;
    call.core.pause = Some(Pause {
        until: before.map_or(until, |before| before.until.max(until)),
        all: all || before.is_some_and(|before| before.all),
    });
    ok(call)
}

/// CLIENT UNPAUSE
pub(super) fn unpause(call: &mut Call<'_, '_>) -> Ran {
    if let Some(pause) = &mut call.core.pause {
        pause.until = call.core.tick_ms;
    }
    housekeeping::end_pause(call.core);
    ok(call)
}

/// CLIENT UNBLOCK client-id [TIMEOUT | ERROR]
pub(super) fn unblock(call: &mut Call<'_, '_>) -> Ran {
    if call.args.len() > 4 {
        return Err(misused(&call.args));
    }
    let reason = match call.args.get(3) {
        None => Reason::Timeout,
        Some(_) if call.args.is(3, "TIMEOUT") => Reason::Timeout,
        Some(_) if call.args.is(3, "ERROR") => Reason::Error,
        Some(_) => {
            return Err(Abort::error(
                "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            ));
        }
    };
    let id = integer(call.args.at(2))?;
    let slot = u64::try_from(id)
        .ok()
        .and_then(|id| call.core.clients.slot_of(id));
    let was_blocked = slot.is_some_and(|slot| give_up(call.core, slot, reason));
    call.client().output.reply.integer(i64::from(was_blocked));
    Ok(After::Done)
}

/// CLIENT NO-TOUCH ON | OFF
pub(super) fn no_touch(call: &mut Call<'_, '_>) -> Ran {
    let on = call.args.is(2, "ON");
    if !on && !call.args.is(2, "OFF") {
        return Err(errors::syntax());
    }
    call.client().no_touch = on;
    ok(call)
}

/// Which clients CLIENT KILL means.
#[derive(Default)]
struct Filter {
    id: Option<u64>,
    address: Option<Vec<u8>>,
    local: Option<Vec<u8>>,
    user: Option<Vec<u8>>,
    kind: Option<super::client_list::ClientType>,
    skip_me: bool,
}

impl Filter {
    fn parse(call: &Call<'_, '_>) -> Result<Filter, Abort> {
        let args = call.args;
        let mut filter = Filter {
            skip_me: true,
            ..Filter::default()
        };
        for at in (2..args.len()).step_by(2) {
            let Some(value) = args.get(at + 1) else {
                return Err(errors::syntax());
            };
            if args.is(at, "ID") {
                let id = integer(value).ok().and_then(|id| u64::try_from(id).ok());
                let id = id
                    .filter(|id| *id > 0)
                    .ok_or_else(|| Abort::error("ERR client-id should be greater than 0"))?;
                filter.id = Some(id);
            } else if args.is(at, "TYPE") {
                filter.kind = Some(super::client_list::ClientType::parse(value)?);
            } else if args.is(at, "ADDR") {
                filter.address = Some(value.to_vec());
            } else if args.is(at, "LADDR") {
                filter.local = Some(value.to_vec());
            } else if args.is(at, "USER") {
                if call.core.users.find(value).is_none() {
                    let shown = String::from_utf8_lossy(value);
                    return Err(Abort::error(format!("ERR No such user '{shown}'")));
                }
                filter.user = Some(value.to_vec());
            } else if args.is(at, "SKIPME") && args.is(at + 1, "YES") {
                filter.skip_me = true;
            } else if args.is(at, "SKIPME") && args.is(at + 1, "NO") {
                filter.skip_me = false;
            } else {
                return Err(errors::syntax());
            }
        }
        Ok(filter)
    }

    fn takes(&self, client: &Client) -> bool {
        fn is(wanted: &Option<Vec<u8>>, have: &str) -> bool {
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted == have.as_bytes())
        }
        self.id.is_none_or(|id| id == client.id)
            && is(&self.address, &client.peer.address)
            && is(&self.local, &client.peer.local)
            && is(&self.user, client.role.as_deref().unwrap_or_default())
            && self.kind.is_none_or(|kind| kind.is(client))
    }
}

/// CLIENT KILL ip:port, or with filters
pub(super) fn kill(call: &mut Call<'_, '_>) -> Ran {
    let old_form = call.args.len() == 3;
    let filter = if old_form {
        Filter {
            address: Some(call.args.at(2).to_vec()),
            ..Filter::default()
        }
    } else {
        Filter::parse(call)?
    };
    let chosen: Vec<usize> = call
        .core
        .clients
        .iter()
        .filter(|(slot, client)| filter.takes(client) && !(filter.skip_me && *slot == call.slot))
        .map(|(slot, _)| slot)
        .collect();
    for slot in &chosen {
        if *slot == call.slot {
            // Its own reply still goes out.
            call.client().closing = true;
        } else {
            call.core.kill(*slot);
        }
    }
    let reply = &mut call.client().output.reply;
    match (old_form, chosen.len()) {
        (true, 0) => return Err(Abort::error("ERR No such client")),
        (true, _) => reply.ok(),
        (false, count) => reply.integer(count as i64),
    }
    Ok(After::Done)
}
