//! CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO.

use crate::command::{errors, Abort};
use crate::commands::arguments::integer;
use crate::server::clients::Slot;
use crate::server::core::Core;
use crate::server::execute::{After, Call, Ran};
use crate::server::tracking::{disable, enable, Mode, Tracking};

fn ok(call: &mut Call<'_, '_>) -> Ran {
    call.client().output.reply.ok();
    Ok(After::Done)
}

/// CLIENT TRACKING ON | OFF [REDIRECT client-id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]
pub(super) fn tracking(call: &mut Call<'_, '_>) -> Ran {
    let (wish, opts) = parse(call)?;
    if call.args.is(2, "OFF") {
        disable(call.core, call.slot);
        return ok(call);
    }
    if !call.args.is(2, "ON") {
        return Err(errors::syntax());
    }
    check(call.core, call.slot, &wish, opts)?;
    enable(call.core, call.slot, wish);
    // Also of what comes in this very turn.
    call.turn.observe(true);
    ok(call)
}

/// Whether OPTIN and OPTOUT were said.
#[derive(Clone, Copy)]
struct Opts {
    opt_in: bool,
    opt_out: bool,
}

fn parse(call: &Call<'_, '_>) -> Result<(Tracking, Opts), Abort> {
    let args = call.args;
    let mut wish = Tracking::default();
    let (mut opt_in, mut opt_out) = (false, false);
    let mut at = 3;
    while at < args.len() {
        let value = args.get(at + 1);
        match value {
            Some(id) if args.is(at, "REDIRECT") => {
                if wish.redirect.is_some() {
                    return Err(Abort::error(
                        "ERR A client can only redirect to a single other client",
                    ));
                }
                let id = u64::try_from(integer(id)?).ok();
                let id = id.filter(|id| call.core.clients.slot_of(*id).is_some());
                wish.redirect = Some(id.ok_or_else(|| {
                    Abort::error("ERR The client ID you want redirect to does not exist")
                })?);
                at += 1;
            }
            Some(prefix) if args.is(at, "PREFIX") => {
                wish.prefixes.push(prefix.into());
                at += 1;
            }
            _ if args.is(at, "BCAST") => wish.broadcasts = true,
            _ if args.is(at, "OPTIN") => opt_in = true,
            _ if args.is(at, "OPTOUT") => opt_out = true,
            _ if args.is(at, "NOLOOP") => wish.no_loop = true,
            _ => return Err(errors::syntax()),
        }
        at += 1;
    }
    wish.mode = match (opt_in, opt_out) {
        (true, _) => Mode::OptIn,
        (false, true) => Mode::OptOut,
        (false, false) => Mode::All,
    };
    Ok((wish, Opts { opt_in, opt_out }))
}

fn check(core: &Core, slot: Slot, wish: &Tracking, opts: Opts) -> Result<(), Abort> {
    let before = core
        .clients
        .get(slot)
        .and_then(|client| client.tracking.as_deref());
    let error = |text: &'static str| Err(Abort::error(text));
    if !wish.broadcasts && !wish.prefixes.is_empty() {
        return error("ERR PREFIX option requires BCAST mode to be enabled");
    }
    if before.is_some_and(|before| before.broadcasts != wish.broadcasts) {
        return error(
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
        );
    }
    if wish.broadcasts && (opts.opt_in || opts.opt_out) {
        return error("ERR OPTIN and OPTOUT are not compatible with BCAST");
    }
    if opts.opt_in && opts.opt_out {
        return error("ERR You can't specify both OPTIN mode and OPTOUT mode");
    }
    let mode = before.map(|before| before.mode);
    if (opts.opt_in && mode == Some(Mode::OptOut)) || (opts.opt_out && mode == Some(Mode::OptIn)) {
        return error(
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
        );
    }
    let kept = before.map_or(&[][..], |before| &before.prefixes);
    overlaps(&wish.prefixes, kept)
}

/// The first of these prefixes that begins another of these or of those, or is begun by one.
///
/// In their order, what a prefix begins follows it without a gap: one walk with the prefixes that are open finds all that meet.
fn first_to_meet(wished: &[Box<[u8]>], kept: &[Box<[u8]>]) -> Option<usize> {
    let wished = wished.iter().enumerate().map(|(at, own)| (&**own, at));
    let mut all: Vec<(&[u8], usize)> = kept.iter().map(|own| (&**own, usize::MAX)).collect();
    all.extend(wished);
    all.sort_unstable();
    let mut open: Vec<(&[u8], usize)> = Vec::new();
    let mut first = usize::MAX;
    for (prefix, at) in all {
        while open.last().is_some_and(|(own, _)| !prefix.starts_with(own)) {
            open.pop();
        }
        if let Some((_, other)) = open.last() {
            first = first.min(at).min(*other);
        }
        open.push((prefix, at));
    }
    (first != usize::MAX).then_some(first)
}

/// A client is told of a key once: no prefix of its may begin with another.
fn overlaps(wished: &[Box<[u8]>], kept: &[Box<[u8]>]) -> Result<(), Abort> {
    let Some(at) = first_to_meet(wished, kept) else {
        return Ok(());
    };
    let (prefix, rest) = (&wished[at], &wished[at + 1..]);
    let meets = |other: &[u8]| prefix.starts_with(other) || other.starts_with(prefix);
    let existing = kept
        .iter()
        .find(|other| meets(other))
        .map(|other| ("an existing", other));
    let found = existing.or_else(|| {
        rest.iter()
            .find(|other| meets(other))
            .map(|other| ("another provided", other))
    });
    let Some((what, other)) = found else {
        return Ok(());
    };
    let shown = |prefix: &[u8]| String::from_utf8_lossy(prefix).into_owned();
    Err(Abort::error(format!(
        "ERR Prefix '{}' overlaps with {what} prefix '{}'. Prefixes for a single client must not overlap.",
        shown(prefix),
        shown(other)
    )))
}

/// CLIENT CACHING YES | NO
pub(super) fn caching(call: &mut Call<'_, '_>) -> Ran {
    let (yes, no) = (call.args.is(2, "YES"), call.args.is(2, "NO"));
    let Some(tracking) = &mut call.client().tracking else {
        return Err(Abort::error(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    if !yes && !no {
        return Err(errors::syntax());
    }
    if yes && tracking.mode != Mode::OptIn {
        return Err(Abort::error(
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
        ));
    }
    if no && tracking.mode != Mode::OptOut {
        return Err(Abort::error(
            "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        ));
    }
    tracking.caching = true;
    ok(call)
}

/// To whom a client redirects: 0 nobody, -1 it does not track.
pub(super) fn redirection(tracking: Option<&Tracking>) -> i64 {
    tracking.map_or(-1, |tracking| tracking.redirect.map_or(0, |id| id as i64))
}

/// CLIENT GETREDIR
pub(super) fn getredir(call: &mut Call<'_, '_>) -> Ran {
    let client = call.client();
    let to = redirection(client.tracking.as_deref());
    client.output.reply.integer(to);
    Ok(After::Done)
}

/// CLIENT TRACKINGINFO
pub(super) fn trackinginfo(call: &mut Call<'_, '_>) -> Ran {
    let client = call.client();
    let tracking = client.tracking.as_deref().cloned();
    let to = redirection(tracking.as_ref());
    let mut flags = vec![if tracking.is_some() { "on" } else { "off" }];
    let mut prefixes = Vec::new();
    if let Some(tracking) = tracking {
        let said = |on: bool, name: &'static str| on.then_some(name);
        let (opt_in, opt_out) = (tracking.mode == Mode::OptIn, tracking.mode == Mode::OptOut);
        let more = [
            said(tracking.broadcasts, "bcast"),
            said(opt_in, "optin"),
            said(opt_in && tracking.caching, "caching-yes"),
            said(opt_out, "optout"),
            said(opt_out && tracking.caching, "caching-no"),
            said(tracking.no_loop, "noloop"),
            said(tracking.is_broken, "broken_redirect"),
        ];
        flags.extend(more.into_iter().flatten());
        prefixes = tracking.prefixes;
    }
    let reply = &mut client.output.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(to);
    reply.bulk(b"prefixes");
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(After::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(wished: &str, kept: &str) -> String {
        let read = |text: &str| -> Vec<Box<[u8]>> {
            text.split_whitespace()
                .map(|word| word.as_bytes().into())
                .collect()
        };
        match overlaps(&read(wished), &read(kept)) {
            Ok(()) => String::new(),
            Err(Abort::Error(text)) => text.split('.').next().unwrap_or_default().to_owned(),
            Err(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn prefixes_that_meet_are_told_in_their_order() {
        for (wished, kept, text) in [
            ("a b c", "d e", ""),
            (
                "ab b",
                "a",
                "ERR Prefix 'ab' overlaps with an existing prefix 'a'",
            ),
            (
                "b ab",
                "abc",
                "ERR Prefix 'ab' overlaps with an existing prefix 'abc'",
            ),
            (
                "x abc b ab",
                "",
                "ERR Prefix 'abc' overlaps with another provided prefix 'ab'",
            ),
            (
                "a a",
                "",
                "ERR Prefix 'a' overlaps with another provided prefix 'a'",
            ),
            (
                "aa ab a",
                "",
                "ERR Prefix 'aa' overlaps with another provided prefix 'a'",
            ),
            (
                "a-1 a b a-2",
                "",
                "ERR Prefix 'a-1' overlaps with another provided prefix 'a'",
            ),
        ] {
            assert_eq!(told(wished, kept), text, "{wished} | {kept}");
        }
    }
}
