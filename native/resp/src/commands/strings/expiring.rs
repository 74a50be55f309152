//! SET with its options and the commands that set a value or read it together with an expiry.

use super::plain::reply_value;
use super::with;
use crate::args::Args;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::integer;

/// What becomes of the key's expiry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expire<'a> {
    /// Nothing was said: SET clears it, GETEX leaves it.
    Unsaid,
    /// KEEPTTL.
    Keep,
    /// PERSIST.
    Clear,
    /// EX, PX, EXAT, PXAT with their argument.
    At(Unit, &'a [u8]),
}

/// How the argument of an expiry option counts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Unit {
    seconds: bool,
    absolute: bool,
}

const EX: Unit = Unit {
    seconds: true,
    absolute: false,
};
const PX: Unit = Unit {
    seconds: false,
    absolute: false,
};
const UNITS: [(&str, Unit); 4] = [
    ("EX", EX),
    ("PX", PX),
    (
        "EXAT",
        Unit {
            seconds: true,
            absolute: true,
        },
    ),
    (
        "PXAT",
        Unit {
            seconds: false,
            absolute: true,
        },
    ),
];

/// The options of SET.
struct SetOptions<'a> {
    only_absent: bool,
    only_present: bool,
    get: bool,
    expire: Expire<'a>,
}

/// SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]
pub fn set(cx: &mut Context<'_, '_>) -> Outcome {
    let (key, value) = (cx.args.at(1), cx.args.at(2));
    if cx.args.len() == 3 {
        cx.turn.put_vertex(cx.app, key, value, None)?;
        cx.reply.ok();
        return Ok(());
    }
    let options = set_options(&cx.args)?;
    let mut expiry = deadline(options.expire, cx.turn.now_ms(), "set")?;
    if options.get {
        reply_value(cx)?;
    }
    if options.only_absent || options.only_present || options.expire == Expire::Keep {
        let old = match cx.turn.element(cx.app, key)? {
            Some(element) => Some(element.record()?.expiry()),
            None => None,
        };
        let refused =
            (options.only_absent && old.is_some()) || (options.only_present && old.is_none());
        if refused {
            if !options.get {
                cx.reply.null();
            }
            return Ok(());
        }
        if options.expire == Expire::Keep {
            expiry = old.flatten();
        }
    }
    cx.turn.put_vertex(cx.app, key, value, expiry)?;
    if !options.get {
        cx.reply.ok();
    }
    Ok(())
}

/// SETEX key seconds value
pub fn setex(cx: &mut Context<'_, '_>) -> Outcome {
    set_expiring(cx, EX, "setex")
}

/// PSETEX key milliseconds value
pub fn psetex(cx: &mut Context<'_, '_>) -> Outcome {
    set_expiring(cx, PX, "psetex")
}

fn set_expiring(cx: &mut Context<'_, '_>, unit: Unit, command: &str) -> Outcome {
    let expire = Expire::At(unit, cx.args.at(2));
    let expiry = deadline(expire, cx.turn.now_ms(), command)?;
    cx.turn
        .put_vertex(cx.app, cx.args.at(1), cx.args.at(3), expiry)?;
    cx.reply.ok();
    Ok(())
}

/// GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]
pub fn getex(cx: &mut Context<'_, '_>) -> Outcome {
    let key = cx.args.at(1);
    let expire = getex_options(&cx.args)?;
    let found = with(cx.turn, cx.app, key, |text| text.map(|text| text.expiry))?;
    let Some(old) = found else {
        cx.reply.null();
        return Ok(());
    };
    let expiry = deadline(expire, cx.turn.now_ms(), "getex")?;
    reply_value(cx)?;
    match expire {
        Expire::Unsaid | Expire::Keep => {}
        Expire::Clear if old.is_none() => {}
        Expire::Clear => {
            cx.turn.set_expiry(cx.app, key, None)?;
        }
        Expire::At(..) if expiry.is_some_and(|at| at <= cx.turn.now_ms()) => {
            cx.turn.remove_element(cx.app, key)?;
        }
        Expire::At(..) => {
            cx.turn.set_expiry(cx.app, key, expiry)?;
        }
    }
    Ok(())
}

fn set_options<'a>(args: &Args<'a>) -> Result<SetOptions<'a>, Abort> {
    let mut options = SetOptions {
        only_absent: false,
        only_present: false,
        get: false,
        expire: Expire::Unsaid,
    };
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "NX") && !options.only_present {
            options.only_absent = true;
        } else if args.is(at, "XX") && !options.only_absent {
            options.only_present = true;
        } else if args.is(at, "GET") {
            options.get = true;
        } else if args.is(at, "KEEPTTL") && matches!(options.expire, Expire::Unsaid | Expire::Keep)
        {
            options.expire = Expire::Keep;
        } else {
            options.expire = timed_option(args, at, options.expire)?;
            at += 1;
        }
        at += 1;
    }
    Ok(options)
}

fn getex_options<'a>(args: &Args<'a>) -> Result<Expire<'a>, Abort> {
    let mut expire = Expire::Unsaid;
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "PERSIST") && matches!(expire, Expire::Unsaid | Expire::Clear) {
            expire = Expire::Clear;
        } else {
            expire = timed_option(args, at, expire)?;
            at += 1;
        }
        at += 1;
    }
    Ok(expire)
}

/// The expiry option at argument `at` and its value; the same unit may be given again, the last one counts.
fn timed_option<'a>(args: &Args<'a>, at: usize, before: Expire<'a>) -> Result<Expire<'a>, Abort> {
    let unit = UNITS
        .iter()
        .find(|(name, _)| args.is(at, name))
        .map(|(_, unit)| *unit);
    match (unit, args.get(at + 1), before) {
        (Some(unit), Some(value), Expire::Unsaid) => Ok(Expire::At(unit, value)),
        (Some(unit), Some(value), Expire::At(earlier, _)) if earlier == unit => {
            Ok(Expire::At(unit, value))
        }
        _ => Err(errors::syntax()),
    }
}

/// The moment an option names, Unix milliseconds.
fn deadline(expire: Expire<'_>, now_ms: i64, command: &str) -> Result<Option<i64>, Abort> {
    let Expire::At(unit, argument) = expire else {
        return Ok(None);
    };
    let given = integer(argument)?;
    let at = (given > 0)
        .then(|| given.checked_mul(if unit.seconds { 1000 } else { 1 }))
        .flatten()
        .and_then(|ms| ms.checked_add(if unit.absolute { 0 } else { now_ms }));
    match at {
        Some(at) => Ok(Some(at)),
        None => Err(invalid_expire(command)),
    }
}

/// The error for a time that is not positive where it must be, or beyond 64 bits of milliseconds.
pub fn invalid_expire(command: &str) -> Abort {
    Abort::error(format!("ERR invalid expire time in '{command}' command"))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn set_takes_its_options_together() {
        Client::new().script(
            "set k v xx => $-1
             set k v nx => +OK
             set k w nx => $-1
             set k w xx get => $1 v
             set k x nx get => $1 w
             get k => $1 w
             set new x get => $-1
             set k w nx xx => -ERR syntax error
             set k w ex => -ERR syntax error
             set k w ex 1 px 1 => -ERR syntax error
             set k w ex 1 keepttl => -ERR syntax error
             set k w persist => -ERR syntax error
             set k w ex 0 => -ERR invalid expire time in 'set' command
             set k w ex 9223372036854775807 => -ERR invalid expire time in 'set' command
             set k w px 9223372036854775807 => -ERR invalid expire time in 'set' command
             set k w ex x => -ERR value is not an integer or out of range
             setex k -1 v => -ERR invalid expire time in 'setex' command
             psetex k 0 v => -ERR invalid expire time in 'psetex' command",
        );
    }

    #[test]
    fn expiries_are_set_kept_and_cleared() {
        let mut client = Client::new();
        client.script(
            "set k v ex 10 => +OK
             pttl k => :10000
             set k w keepttl => +OK
             pttl k => :10000
             set k w ex 10 ex 20 => +OK
             pttl k => :20000
             getex k persist => $1 w
             pttl k => :-1
             getex k px 500 => $1 w
             pttl k => :500
             getex k => $1 w
             pttl k => :500
             set k w exat 1700000001 => +OK
             pttl k => :1000
             set k w pxat 1700000000001 => +OK",
        );
        client.now_ms += 1;
        assert_eq!(client.line("get k"), "$-1");
        client.script(
            "setex k 1 v => +OK
             pttl k => :1000
             psetex k 7 v => +OK
             pttl k => :7
             getex k exat 1 => $1 v
             exists k => :0
             getex k ex 0 => $-1",
        );
    }
}
