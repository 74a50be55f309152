//! AUTH and HELLO: who a client is and which protocol it speaks.

use super::access;
use super::accounting;
use super::admin::{Attempt, Job, Login};
use super::client::{Asked, Hello, Question, State};
use super::clients::Slot;
use super::core::Core;
use super::execute::{After, Call, Ran};
use crate::acl::log::{Where, Why};
use crate::acl::DEFAULT_USER;
use crate::command::{errors, Abort};
use crate::commands::numbers;

const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";

/// AUTH [username] password
pub(crate) fn auth(call: &mut Call<'_, '_>) -> Ran {
    let (user, password) = match call.args.len() {
        2 if call.core.users.default_user().no_password => {
            return Err(Abort::error(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
            ));
        }
        2 => (DEFAULT_USER.as_bytes(), call.args.at(1)),
        3 => (call.args.at(1), call.args.at(2)),
        _ => return Err(errors::syntax()),
    };
    ask(call, user.to_vec(), password.to_vec(), None)
}

/// HELLO [protover [AUTH username password] [SETNAME clientname]]
pub(crate) fn hello(call: &mut Call<'_, '_>) -> Ran {
    let mut wish = Hello {
        resp3: None,
        name: None,
    };
    if let Some(version) = call.args.get(1) {
        wish.resp3 = Some(match version {
            b"2" => false,
            b"3" => true,
            other if numbers::parse_i64(other).is_some() => {
                return Err(Abort::error("NOPROTO unsupported protocol version"));
            }
            _ => {
                return Err(Abort::error(
                    "ERR Protocol version is not an integer or out of range",
                ));
            }
        });
    }
    let mut credentials = None;
    let mut at = 2;
    while at < call.args.len() {
        if call.args.is(at, "AUTH") && at + 2 < call.args.len() {
            credentials = Some((call.args.at(at + 1).to_vec(), call.args.at(at + 2).to_vec()));
            at += 3;
        } else if call.args.is(at, "SETNAME") && at + 1 < call.args.len() {
            wish.name = Some(client_name(call.args.at(at + 1))?);
            at += 2;
        } else {
            let option = String::from_utf8_lossy(call.args.at(at)).into_owned();
            return Err(Abort::error(format!(
                "ERR Syntax error in HELLO option '{option}'"
            )));
        }
    }
    if let Some((user, password)) = credentials {
        return ask(call, user, password, Some(wish));
    }
    if call.client().role.is_none() {
        return Err(Abort::error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    greet(call.core, call.slot, wish);
    Ok(After::Done)
}

/// A name for CLIENT SETNAME: no blanks, line breaks or other specials.
pub(crate) fn client_name(name: &[u8]) -> Result<Vec<u8>, Abort> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(name.to_vec());
    }
    Err(Abort::error(
        "ERR Client names cannot contain spaces, newlines or special characters.",
    ))
}

fn ask(call: &mut Call<'_, '_>, user: Vec<u8>, password: Vec<u8>, wish: Option<Hello>) -> Ran {
    if call.core.in_transaction {
        return Err(Abort::error("ERR Command not allowed inside a transaction"));
    }
    let open = call.core.users.find(&user).filter(|user| user.is_open());
    if let Some(name) = open.map(|user| user.name.clone()) {
        // Any password will do.
        become_role(call.core, call.slot, &name);
        welcome(call.core, call.slot, wish);
        return Ok(After::Done);
    }
    let word = call.args.at(0).to_vec();
    let client = call.client();
    client.state = State::Asking(Question::Login(Asked {
        wish,
        word,
        user: user.clone(),
    }));
    let (id, address) = (client.id, client.peer.address.clone());
    let attempt = Attempt {
        user,
        password,
        address,
        waited: false,
    };
    call.core.submit(Job::Login { id, attempt });
    Ok(After::Done)
}

/// Goes on when the password was checked.
pub(crate) fn finish(core: &mut Core, slot: Slot, login: Login, attempt: Attempt, spent: u64) {
    if let Login::Later(wait_ms) = login {
        let id = core.clients.at(slot).id;
        let due = core
            .tick_ms
            .saturating_add(i64::try_from(wait_ms).unwrap_or(i64::MAX));
        let attempt = Attempt {
            waited: true,
            ..attempt
        };
        core.late_logins
            .insert((due, id), Job::Login { id, attempt });
        return;
    }
    let client = core.clients.at(slot);
    let asked = match std::mem::take(&mut client.state) {
        State::Asking(Question::Login(asked)) => asked,
        other => {
            client.state = other;
            return;
        }
    };
    let start = client.output.reply.buffer.len();
    match login {
        Login::Role(role) if become_role(core, slot, &role) => welcome(core, slot, asked.wish),
        Login::Busy => {
            let reply = &mut core.clients.at(slot).output.reply;
            reply.error("ERR too many failed logins, try again later");
        }
        Login::Role(_) | Login::Denied | Login::Later(_) => {
            access::log(
                core,
                slot,
                Why::Auth,
                Where::Toplevel,
                asked.word,
                asked.user,
            );
            core.clients.at(slot).output.reply.error(WRONG);
        }
    }
    accounting::answered(core, slot, start, spent);
    core.flush_later(slot);
    core.run_later(slot);
}

/// Asks for the logins whose turn has come; who is gone has no turn.
pub(crate) fn retry_due(core: &mut Core) {
    while let Some(entry) = core.late_logins.first_entry() {
        let (due, id) = *entry.key();
        if due > core.tick_ms {
            return;
        }
        let job = entry.remove();
        if core.clients.slot_of(id).is_some() {
            core.submit(job);
        }
    }
}

/// Whether a client may be a role, which it then is.
fn become_role(core: &mut Core, slot: Slot, role: &str) -> bool {
    let found = core.users.find(role.as_bytes());
    let Some(user) = found.filter(|user| user.enabled).cloned() else {
        return false;
    };
    let client = core.clients.at(slot);
    client.role = Some(user.name.clone());
    client.user = user;
    true
}

fn welcome(core: &mut Core, slot: Slot, wish: Option<Hello>) {
    match wish {
        Some(wish) => greet(core, slot, wish),
        None => core.clients.at(slot).output.reply.ok(),
    }
}

/// Switches the protocol and introduces the server.
fn greet(core: &mut Core, slot: Slot, wish: Hello) {
    let version = core.settings.version.clone();
    let client = core.clients.at(slot);
    if let Some(name) = wish.name {
        client.name = name;
    }
    if let Some(resp3) = wish.resp3 {
        client.output.reply.resp3 = resp3;
    }
    let id = client.id;
    let reply = &mut client.output.reply;
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(version.as_bytes());
    reply.bulk(b"proto");
    reply.integer(if reply.resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(id as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}
