//! ACL: what there is and who may do what. What changes users is administration's (`hyperdb/frontends/resp/acl.py`).

use crate::acl::{categories, Categories, Selector, User};
use crate::command::Abort;
use crate::commands::arguments::{integer, misused};
use crate::reply::Reply;
use crate::server::execute::{wrong_arity, After, Call, Ran};

/// Entries that ACL LOG shows unless told otherwise.
const LOG_ENTRIES: usize = 10;

fn bulks(reply: &mut Reply, texts: &[String]) {
    reply.array(texts.len());
    texts.iter().for_each(|text| reply.bulk(text.as_bytes()));
}

/// ACL WHOAMI
pub(super) fn whoami(call: &mut Call<'_, '_>) -> Ran {
    let client = call.client();
    let role = client.role.clone().unwrap_or_default();
    client.output.reply.bulk(role.as_bytes());
    Ok(After::Done)
}

/// ACL CAT [category]
pub(super) fn cat(call: &mut Call<'_, '_>) -> Ran {
    let names: Vec<String> = match (call.args.get(2), call.args.len()) {
        (None, _) => categories::NAMES.map(str::to_owned).into(),
        (Some(name), 3) => {
            let wanted = Categories::named(name).ok_or_else(|| {
                let shown = String::from_utf8_lossy(&name[..name.len().min(128)]).into_owned();
                Abort::error(format!("ERR Unknown category '{shown}'"))
            })?;
            let commands = &call.core.commands;
            categories::members(&commands.table, wanted)
                .filter(|row| commands.exists(*row))
                .map(|row| commands.table.row(row).name.to_owned())
                .collect()
        }
        _ => return Err(misused(&call.args)),
    };
    bulks(&mut call.client().output.reply, &names);
    Ok(After::Done)
}

/// ACL LIST
pub(super) fn list(call: &mut Call<'_, '_>) -> Ran {
    let users = call.core.users.iter();
    let lines: Vec<String> = users
        .map(|user| format!("user {} {}", user.name, user.describe()))
        .collect();
    bulks(&mut call.client().output.reply, &lines);
    Ok(After::Done)
}

/// ACL USERS
pub(super) fn users(call: &mut Call<'_, '_>) -> Ran {
    let names: Vec<String> = call
        .core
        .users
        .iter()
        .map(|user| user.name.clone())
        .collect();
    bulks(&mut call.client().output.reply, &names);
    Ok(After::Done)
}

fn selector_map(reply: &mut Reply, selector: &Selector) {
    reply.bulk(b"commands");
    reply.bulk(selector.commands_text().as_bytes());
    reply.bulk(b"keys");
    reply.bulk(selector.keys_text().as_bytes());
    reply.bulk(b"channels");
    reply.bulk(selector.channels_text().as_bytes());
}

fn user_map(reply: &mut Reply, user: &User) {
    let flags = user.flags();
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    let hashes: Vec<String> = user
        .hashes
        .iter()
        .map(|hash| crate::acl::hexadecimal(hash))
        .collect();
    bulks(reply, &hashes);
    let (own, others) = match user.selectors.split_first() {
        Some((own, others)) => (Some(own), others),
        None => (None, &[][..]),
    };
    if let Some(own) = own {
        selector_map(reply, own);
    }
    reply.bulk(b"selectors");
    reply.array(others.len());
    for selector in others {
        reply.map(3);
        selector_map(reply, selector);
    }
}

/// ACL GETUSER username
pub(super) fn getuser(call: &mut Call<'_, '_>) -> Ran {
    let found = call.core.users.find(call.args.at(2)).cloned();
    let reply = &mut call.client().output.reply;
    match found {
        Some(user) => user_map(reply, &user),
        None => reply.null(),
    }
    Ok(After::Done)
}

/// ACL DRYRUN username command [arg ...]
pub(super) fn dryrun(call: &mut Call<'_, '_>) -> Ran {
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(128)]).into_owned();
    let args = call.args;
    let user = call.core.users.find(args.at(2)).cloned();
    let user =
        user.ok_or_else(|| Abort::error(format!("ERR User '{}' not found", shown(args.at(2)))))?;
    let asked = args.from(3);
    let commands = &call.core.commands;
    let missing = || Abort::error(format!("ERR Command '{}' not found", shown(asked.at(0))));
    let row = commands
        .table
        .find(asked.at(0))
        .filter(|row| commands.exists(*row));
    let row = row.ok_or_else(missing)?;
    let row = match asked.get(1).filter(|_| commands.is_container(row)) {
        Some(sub) => commands
            .table
            .find_subcommand(row, sub)
            .ok_or_else(missing)?,
        None => row,
    };
    let facts = commands.table.row(row);
    if !facts.takes(asked.len()) {
        return Err(Abort::Error(wrong_arity(facts.name)));
    }
    let said = user
        .check(&commands.table, row, asked)
        .map_err(|denied| denied.full_text(&user.name, facts.name, asked));
    let reply = &mut call.client().output.reply;
    match said {
        Ok(()) => reply.ok(),
        Err(text) => reply.bulk(text.as_bytes()),
    }
    Ok(After::Done)
}

/// ACL LOG [count | RESET]
pub(super) fn log(call: &mut Call<'_, '_>) -> Ran {
    let count = match (call.args.get(2), call.args.len()) {
        (None, _) => LOG_ENTRIES,
        (Some(_), 3) if call.args.is(2, "RESET") => {
            call.core.acl_log.clear();
            call.client().output.reply.ok();
            return Ok(After::Done);
        }
        (Some(count), 3) => usize::try_from(integer(count)?.max(0)).unwrap_or(usize::MAX),
        _ => return Err(misused(&call.args)),
    };
    let now = call.core.now_ms;
    let entries: Vec<_> = call.core.acl_log.newest(count).cloned().collect();
    let reply = &mut call.client().output.reply;
    reply.array(entries.len());
    for entry in entries {
        let age = (now - entry.updated_ms).max(0) as f64 / 1000.0;
        let texts: [(&str, &[u8]); 4] = [
            ("reason", entry.why.name().as_bytes()),
            ("context", entry.context.name().as_bytes()),
            ("object", &entry.object),
            ("username", &entry.user),
        ];
        reply.map(10);
        reply.bulk(b"count");
        reply.integer(entry.count as i64);
        for (name, text) in texts {
            reply.bulk(name.as_bytes());
            reply.bulk(text);
        }
        reply.bulk(b"age-seconds");
        reply.double(age.to_string().as_bytes());
        reply.bulk(b"client-info");
        reply.bulk(entry.client.as_bytes());
        reply.bulk(b"entry-id");
        reply.integer(entry.id as i64);
        reply.bulk(b"timestamp-created");
        reply.integer(entry.created_ms);
        reply.bulk(b"timestamp-last-updated");
        reply.integer(entry.updated_ms);
    }
    Ok(After::Done)
}
