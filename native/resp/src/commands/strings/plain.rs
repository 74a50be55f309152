//! Whole values, one or many: GET and what only gets or sets.

use super::with;
use crate::command::{Context, Outcome};
use crate::commands::arguments::wrong_arity;
use hyperdb_graph::AHEAD;

/// GET key
pub fn get(cx: &mut Context<'_, '_>) -> Outcome {
    reply_value(cx).map(|_| ())
}

/// GETDEL key
pub fn getdel(cx: &mut Context<'_, '_>) -> Outcome {
    if reply_value(cx)? {
        cx.turn.remove_element(cx.app, cx.args.at(1))?;
    }
    Ok(())
}

/// GETSET key value
pub fn getset(cx: &mut Context<'_, '_>) -> Outcome {
    reply_value(cx)?;
    cx.turn
        .put_vertex(cx.app, cx.args.at(1), cx.args.at(2), None)?;
    Ok(())
}

/// SETNX key value
pub fn setnx(cx: &mut Context<'_, '_>) -> Outcome {
    let key = cx.args.at(1);
    let free = cx.turn.element(cx.app, key)?.is_none();
    if free {
        cx.turn.put_vertex(cx.app, key, cx.args.at(2), None)?;
    }
    cx.reply.integer(i64::from(free));
    Ok(())
}

/// MGET key [key ...]
pub fn mget(cx: &mut Context<'_, '_>) -> Outcome {
    let keys = cx.args.from(1);
    cx.reply.array(keys.len());
    let mut found = 0;
    for (at, key) in keys.iter().enumerate() {
        // Fewer than some are read as fast without.
        if at % AHEAD == 0 && keys.len() - at >= AHEAD / 4 {
            let app = cx.app;
            let ahead = keys.from(at).to(AHEAD);
            cx.turn.look_ahead(ahead.iter().map(|key| (app, key)));
        }
        let reply = &mut *cx.reply;
        // Another kind of value answers null here, not WRONGTYPE.
        let Some(element) = cx.turn.element(cx.app, key)? else {
            reply.null();
            continue;
        };
        found += 1;
        match element.record()? {
            hyperdb_graph::Record::Vertex { value, .. } => reply.bulk(value),
            hyperdb_graph::Record::Edge(_) => reply.null(),
        }
    }
    cx.effects.looked_up = Some((found, keys.len() as u64 - found));
    Ok(())
}

/// MSET key value [key value ...]
pub fn mset(cx: &mut Context<'_, '_>) -> Outcome {
    put_pairs(cx, "mset")?;
    cx.reply.ok();
    Ok(())
}

/// MSETNX key value [key value ...]
pub fn msetnx(cx: &mut Context<'_, '_>) -> Outcome {
    for key in cx.args.from(1).iter().step_by(2) {
        if cx.args.len() % 2 == 1 && cx.turn.element(cx.app, key)?.is_some() {
            cx.reply.integer(0);
            return Ok(());
        }
    }
    put_pairs(cx, "msetnx")?;
    cx.reply.integer(1);
    Ok(())
}

fn put_pairs(cx: &mut Context<'_, '_>, command: &str) -> Outcome {
    if cx.args.len().is_multiple_of(2) {
        return Err(wrong_arity(command));
    }
    for at in (1..cx.args.len()).step_by(2) {
        cx.turn
            .put_vertex(cx.app, cx.args.at(at), cx.args.at(at + 1), None)?;
    }
    Ok(())
}

/// Replies the string at the first key or null; whether there was one.
pub(super) fn reply_value(cx: &mut Context<'_, '_>) -> Result<bool, crate::command::Abort> {
    let reply = &mut *cx.reply;
    with(cx.turn, cx.app, cx.args.at(1), |text| {
        reply.bulk_or_null(text.map(|text| text.value));
        text.is_some()
    })
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn whole_values() {
        Client::new().script(
            "get k => $-1
             setnx k v => :1
             setnx k w => :0
             get k => $1 v
             getset k w => $1 v
             mget k nokey k => *3 $1 w $-1 $1 w
             mset a 1 b 2 a 3 => +OK
             get a => $1 3
             msetnx c 1 a 2 => :0
             get c => $-1
             msetnx c 1 d 2 => :1
             getdel c => $1 1
             getdel c => $-1
             mset a => -ERR wrong number of arguments for 'mset' command
             msetnx a 1 b => -ERR wrong number of arguments for 'msetnx' command",
        );
    }

    #[test]
    fn null_is_one_thing_in_resp3() {
        let mut client = Client::new();
        client.resp3 = true;
        assert_eq!(client.line("get k"), "_");
    }

    #[test]
    fn getset_clears_the_expiry() {
        Client::new().script(
            "set k v ex 100 => +OK
             getset k w => $1 v
             ttl k => :-1",
        );
    }
}
