//! The numbered databases as wholes: database N is the app named `redis/N`.

use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::numbers::parse_i64;
use hyperdb_graph::AppId;

/// How many numbered databases there are (Redis's default `databases`).
const DATABASES: u32 = 16;

/// The error for a number beyond the databases.
pub fn out_of_range() -> Abort {
    Abort::error("ERR DB index is out of range")
}

/// The app of database `db`.
pub fn app_of(cx: &mut Context<'_, '_>, db: u32) -> Result<AppId, Abort> {
    if db >= DATABASES {
        return Err(out_of_range());
    }
    Ok(cx.turn.redis_app(db)?)
}

fn name_of(db: u32) -> String {
    format!("redis/{db}")
}

/// DBSIZE: expired keys that nobody has met yet count, as in Redis
pub fn dbsize(cx: &mut Context<'_, '_>) -> Outcome {
    let elements = cx.turn.app_stats(cx.app)?.elements();
    cx.reply.integer(elements as i64);
    Ok(())
}

/// FLUSHDB [ASYNC | SYNC]: the name gets a fresh app, so both take O(1)
pub fn flushdb(cx: &mut Context<'_, '_>) -> Outcome {
    check_mode(cx)?;
    cx.turn.flush_app(name_of(cx.db).as_bytes())?;
    cx.reply.ok();
    Ok(())
}

/// FLUSHALL [ASYNC | SYNC]
pub fn flushall(cx: &mut Context<'_, '_>) -> Outcome {
    check_mode(cx)?;
    for db in 0..DATABASES {
        let name = name_of(db);
        if cx.turn.find_app(name.as_bytes())?.is_some() {
            cx.turn.flush_app(name.as_bytes())?;
        }
    }
    cx.reply.ok();
    Ok(())
}

/// SWAPDB index1 index2
pub fn swapdb(cx: &mut Context<'_, '_>) -> Outcome {
    let number = |at: usize, which: &str| {
        parse_i64(cx.args.at(at))
            .and_then(|number| i32::try_from(number).ok())
            .ok_or_else(|| Abort::error(format!("ERR invalid {which} DB index")))
    };
    let (one, other) = (number(1, "first")?, number(2, "second")?);
    let in_range = |number: i32| {
        u32::try_from(number)
            .ok()
            .filter(|db| *db < DATABASES)
            .ok_or_else(out_of_range)
    };
    let (one, other) = (in_range(one)?, in_range(other)?);
    cx.turn
        .swap_apps(name_of(one).as_bytes(), name_of(other).as_bytes())?;
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
             dbsize => :0
             set a 1 => +OK
             copy a a db 3 => :1
             set a 2 => +OK
             swapdb 0 3 => +OK
             get a => $1 1
             swapdb 3 0 => +OK
             get a => $1 2
             swapdb x 0 => -ERR invalid first DB index
             swapdb 0 x => -ERR invalid second DB index
             swapdb 0 16 => -ERR DB index is out of range",
        );
    }
}
