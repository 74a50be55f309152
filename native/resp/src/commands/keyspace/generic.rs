//! Whether keys are there, of what type they are, and their removal.

use super::{kind_name, look};
use crate::command::{Context, Outcome};

/// DEL key [key ...], UNLINK key [key ...]: removal takes O(1) a key, so both are the same
pub fn del(cx: &mut Context<'_, '_>) -> Outcome {
    let mut removed = 0;
    for key in cx.args.from(1).iter() {
        removed += i64::from(cx.turn.remove_element(cx.app, key)?);
    }
    cx.reply.integer(removed);
    Ok(())
}

/// EXISTS key [key ...], TOUCH key [key ...]: accesses are not tracked, so both only count
pub fn exists(cx: &mut Context<'_, '_>) -> Outcome {
    let mut found = 0;
    for key in cx.args.from(1).iter() {
        found += i64::from(cx.turn.element(cx.app, key)?.is_some());
    }
    cx.reply.integer(found);
    let found = u64::try_from(found).unwrap_or(0);
    cx.effects.looked_up = Some((found, cx.args.len() as u64 - 1 - found));
    Ok(())
}

/// TYPE key
pub fn kind(cx: &mut Context<'_, '_>) -> Outcome {
    let found = look(cx, cx.args.at(1))?;
    cx.reply
        .simple(found.map_or("none", |(kind, _)| kind_name(kind)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn presence_and_removal() {
        Client::new().script(
            "set s v => +OK
             hset h f v => :1
             exists s h no s => :3
             touch s no => :1
             type s => +string
             type h => +hash
             type no => +none
             del s no s => :1
             unlink h h => :1
             exists s h => :0",
        );
    }

    #[test]
    fn what_expired_is_gone() {
        let mut client = Client::new();
        client.script("set s v px 10 => +OK");
        client.now_ms += 10;
        client.script(
            "exists s => :0
             type s => +none
             del s => :0
             ttl s => :-2",
        );
    }
}
