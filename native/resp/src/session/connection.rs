//! PING, ECHO, SELECT, QUIT, RESET, TIME, WAIT.

use crate::command::Abort;
use crate::commands::arguments::{integer, small_integer};
use crate::commands::blocking;
use crate::server::client::ReplyMode;
use crate::server::execute::{wrong_arity, After, Call, Ran};
use crate::server::{access, accounting, multi, pubsub, tracking};

/// PING [message]
pub(super) fn ping(call: &mut Call<'_, '_>) -> Ran {
    if call.args.len() > 2 {
        return Err(Abort::Error(wrong_arity("ping")));
    }
    let message = call.args.get(1);
    let client = call.client();
    let in_resp2_subscription = client.is_subscriber() && !client.output.reply.resp3;
    let reply = &mut client.output.reply;
    if in_resp2_subscription {
        reply.array(2);
        reply.bulk(b"pong");
        reply.bulk(message.unwrap_or_default());
    } else {
        match message {
            Some(message) => reply.bulk(message),
            None => reply.simple("PONG"),
        }
    }
    Ok(After::Done)
}

/// ECHO message
pub(super) fn echo(call: &mut Call<'_, '_>) -> Ran {
    let message = call.args.at(1);
    call.client().output.reply.bulk(message);
    Ok(After::Done)
}

/// SELECT index
pub(super) fn select(call: &mut Call<'_, '_>) -> Ran {
    let index = small_integer(call.args.at(1))?;
    let databases = call.core.settings.databases;
    let db = u32::try_from(index)
        .ok()
        .filter(|db| *db < databases)
        .ok_or_else(|| Abort::error("ERR DB index is out of range"))?;
    let client = call.client();
    client.db = db;
    client.output.reply.ok();
    Ok(After::Done)
}

/// QUIT
pub(super) fn quit(call: &mut Call<'_, '_>) -> Ran {
    let client = call.client();
    client.output.reply.ok();
    client.closing = true;
    Ok(After::Done)
}

/// RESET
pub(super) fn reset(call: &mut Call<'_, '_>) -> Ran {
    multi::forget(call.core, call.slot);
    pubsub::leave_all(call.core, call.slot);
    tracking::disable(call.core, call.slot);
    accounting::stop_monitor(call.core, call.slot);
    access::forget(call.core, call.slot);
    let client = call.client();
    client.db = 0;
    client.name.clear();
    client.reply_mode = ReplyMode::On;
    client.no_evict = false;
    client.no_touch = false;
    client.output.reply.resp3 = false;
    client.output.reply.simple("RESET");
    Ok(After::Done)
}

/// TIME
pub(super) fn time(call: &mut Call<'_, '_>) -> Ran {
    let now = call.turn.now_ms() + call.core.scripting.elapsed_ms();
    let reply = &mut call.client().output.reply;
    reply.array(2);
    reply.bulk((now / 1000).to_string().as_bytes());
    reply.bulk((now % 1000 * 1000).to_string().as_bytes());
    Ok(After::Done)
}

/// WAIT numreplicas timeout: there are no replicas, so none has anything.
pub(super) fn wait(call: &mut Call<'_, '_>) -> Ran {
    integer(call.args.at(1))?;
    blocking::milliseconds(call.args.at(2), call.turn.now_ms())?;
    call.client().output.reply.integer(0);
    Ok(After::Done)
}
