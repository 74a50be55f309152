//! The numbered databases as wholes.

use super::scan::split_place;
use crate::command::{errors, Abort, Context, Outcome};
use hyperdb_graph::AppId;

/// How many numbered databases there are (Redis's default `databases`).
const DATABASES: u32 = 16;
/// Keys removed between two looks at the store.
const CHUNK: usize = 1024;

/// The error for a number beyond the databases.
pub fn out_of_range() -> Abort {
    Abort::error("ERR DB index is out of range")
}

/// The app of database `db`.
pub fn app_of(_cx: &mut Context<'_, '_>, db: u32) -> Result<AppId, Abort> {
    if db >= DATABASES {
        return Err(out_of_range());
    }
    Ok(AppId(db + 1))
}

/// DBSIZE
pub fn dbsize(cx: &mut Context<'_, '_>) -> Outcome {
    let mut count = 0;
    let mut walk = cx.turn.elements(cx.app, 0);
    while walk.next()?.is_some() {
        count += 1;
    }
    cx.reply.integer(count);
    Ok(())
}

/// FLUSHDB [ASYNC | SYNC]
pub fn flushdb(cx: &mut Context<'_, '_>) -> Outcome {
    check_mode(cx)?;
    clear(cx, cx.app)?;
    cx.reply.ok();
    Ok(())
}

/// FLUSHALL [ASYNC | SYNC]
pub fn flushall(cx: &mut Context<'_, '_>) -> Outcome {
    check_mode(cx)?;
    for db in 0..DATABASES {
        let app = app_of(cx, db)?;
        clear(cx, app)?;
    }
    cx.reply.ok();
    Ok(())
}

fn check_mode(cx: &Context<'_, '_>) -> Outcome {
    match cx.args.len() {
        1 => Ok(()),
        2 if cx.args.is(1, "ASYNC") || cx.args.is(1, "SYNC") => Ok(()),
        _ => Err(errors::syntax()),
    }
}

fn clear(cx: &mut Context<'_, '_>, app: AppId) -> Outcome {
    loop {
        let mut ids: Vec<Box<[u8]>> = Vec::new();
        let mut walk = cx.turn.elements(app, 0);
        while ids.len() < CHUNK {
            let Some((place, _)) = walk.next()? else {
                break;
            };
            ids.push(split_place(place).1.into());
        }
        drop(walk);
        if ids.is_empty() {
            return Ok(());
        }
        for id in ids {
            cx.turn.remove_element(app, &id)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn flushing() {
        Client::new().script(
            "dbsize => :0
             mset a 1 b 2 => +OK
             hset h f v => :1
             dbsize => :3
             flushdb now => -ERR syntax error
             flushdb async => +OK
             dbsize => :0
             hlen h => :0
             set a 1 => +OK
             flushall => +OK
             dbsize => :0",
        );
    }
}
