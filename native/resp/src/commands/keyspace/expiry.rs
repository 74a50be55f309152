//! When keys expire.

use super::look;
use crate::args::Args;
use crate::command::{Abort, Context, Outcome};
use crate::commands::arguments::integer;
use crate::commands::strings::invalid_expire;

/// How the time argument of a command counts.
#[derive(Clone, Copy)]
struct Time {
    seconds: bool,
    absolute: bool,
}

/// The conditions under which an expiry is changed.
#[derive(Default)]
struct Conditions {
    absent: bool,
    present: bool,
    greater: bool,
    less: bool,
}

/// EXPIRE key seconds [NX | XX | GT | LT]
pub fn expire(cx: &mut Context<'_, '_>) -> Outcome {
    let time = Time {
        seconds: true,
        absolute: false,
    };
    set(cx, time, "expire")
}

/// PEXPIRE key milliseconds [NX | XX | GT | LT]
pub fn pexpire(cx: &mut Context<'_, '_>) -> Outcome {
    let time = Time {
        seconds: false,
        absolute: false,
    };
    set(cx, time, "pexpire")
}

/// EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
pub fn expireat(cx: &mut Context<'_, '_>) -> Outcome {
    let time = Time {
        seconds: true,
        absolute: true,
    };
    set(cx, time, "expireat")
}

/// PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
pub fn pexpireat(cx: &mut Context<'_, '_>) -> Outcome {
    let time = Time {
        seconds: false,
        absolute: true,
    };
    set(cx, time, "pexpireat")
}

fn set(cx: &mut Context<'_, '_>, time: Time, command: &str) -> Outcome {
    let key = cx.args.at(1);
    let conditions = conditions(&cx.args)?;
    let now = cx.turn.now_ms();
    let at = integer(cx.args.at(2))?
        .checked_mul(if time.seconds { 1000 } else { 1 })
        .and_then(|ms| ms.checked_add(if time.absolute { 0 } else { now }))
        .ok_or_else(|| invalid_expire(command))?;
    let Some((_, old)) = look(cx, key)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let allowed = conditions.allow(old, at);
    if allowed && at <= now {
        cx.turn.remove_element(cx.app, key)?;
    } else if allowed {
        cx.turn.set_expiry(cx.app, key, Some(at))?;
    }
    cx.reply.integer(i64::from(allowed));
    Ok(())
}

impl Conditions {
    /// A key without expiry counts as one that expires never.
    fn allow(&self, old: Option<i64>, new: i64) -> bool {
        !(self.absent && old.is_some()
            || self.present && old.is_none()
            || self.greater && old.is_none_or(|old| new <= old)
            || self.less && old.is_some_and(|old| new >= old))
    }
}

fn conditions(args: &Args<'_>) -> Result<Conditions, Abort> {
    let mut all = Conditions::default();
    for (at, text) in args.iter().enumerate().skip(3) {
        let flag = [
            ("NX", &mut all.absent),
            ("XX", &mut all.present),
            ("GT", &mut all.greater),
            ("LT", &mut all.less),
        ]
        .into_iter()
        .find(|(name, _)| args.is(at, name));
        match flag {
            Some((_, flag)) => *flag = true,
            None => {
                let text = String::from_utf8_lossy(text);
                return Err(Abort::error(format!("ERR Unsupported option {text}")));
            }
        }
    }
    if all.absent && (all.present || all.greater || all.less) {
        return Err(Abort::error(
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ));
    }
    if all.greater && all.less {
        return Err(Abort::error(
            "ERR GT and LT options at the same time are not compatible",
        ));
    }
    Ok(all)
}

/// PERSIST key
pub fn persist(cx: &mut Context<'_, '_>) -> Outcome {
    let key = cx.args.at(1);
    let had = matches!(look(cx, key)?, Some((_, Some(_))));
    if had {
        cx.turn.set_expiry(cx.app, key, None)?;
    }
    cx.reply.integer(i64::from(had));
    Ok(())
}

/// TTL key
pub fn ttl(cx: &mut Context<'_, '_>) -> Outcome {
    let now = cx.turn.now_ms();
    reply_time(cx, |at| round_to_seconds((at - now).max(0)))
}

/// PTTL key
pub fn pttl(cx: &mut Context<'_, '_>) -> Outcome {
    let now = cx.turn.now_ms();
    reply_time(cx, |at| (at - now).max(0))
}

/// EXPIRETIME key
pub fn expiretime(cx: &mut Context<'_, '_>) -> Outcome {
    reply_time(cx, round_to_seconds)
}

/// PEXPIRETIME key
pub fn pexpiretime(cx: &mut Context<'_, '_>) -> Outcome {
    reply_time(cx, |at| at)
}

/// Replies the expiry as `show` puts it; -2 without a key, -1 without an expiry.
fn reply_time(cx: &mut Context<'_, '_>, show: impl FnOnce(i64) -> i64) -> Outcome {
    let time = match look(cx, cx.args.at(1))? {
        None => -2,
        Some((_, None)) => -1,
        Some((_, Some(at))) => show(at),
    };
    cx.reply.integer(time);
    Ok(())
}

fn round_to_seconds(ms: i64) -> i64 {
    ms.saturating_add(500) / 1000
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn times_are_set_and_read() {
        let mut client = Client::new();
        client.script(
            "expire no 10 => :0
             set k v => +OK
             ttl k => :-1
             pttl no => :-2
             expire k 10 => :1
             ttl k => :10
             pexpire k 1499 => :1
             ttl k => :1
             pexpire k 1500 => :1
             ttl k => :2
             pttl k => :1500
             pexpiretime k => :1700000001500
             expiretime k => :1700000002
             expireat k 1700000100 => :1
             ttl k => :100
             pexpireat k 1700000000005 => :1
             pttl k => :5
             persist k => :1
             persist k => :0
             persist no => :0
             expire k -1 => :1
             exists k => :0
             hset h f v => :1
             pexpire h 100 => :1
             pttl h => :100",
        );
        client.now_ms += 100;
        client.script("hget h f => $-1");
    }

    #[test]
    fn conditions() {
        Client::new().script(
            "set k v => +OK
             expire k 10 xx => :0
             expire k 10 gt => :0
             expire k 10 lt => :1
             expire k 20 lt => :0
             expire k 20 nx => :0
             expire k 20 gt => :1
             expire k 30 xx gt => :1
             ttl k => :30
             expire k 1 nx xx => -ERR NX and XX, GT or LT options at the same time are not compatible
             expire k 1 gt lt => -ERR GT and LT options at the same time are not compatible
             expire k 1 what => -ERR Unsupported option what
             expire k x => -ERR value is not an integer or out of range
             expire k 9223372036854775807 => -ERR invalid expire time in 'expire' command
             pexpire k 9223372036854775807 => -ERR invalid expire time in 'pexpire' command
             pexpireat k 9223372036854775807 => :1",
        );
    }
}
