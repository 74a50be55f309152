//! HELP of the native containers, from the command table.

use crate::server::execute::{After, Call, Ran};

/// CLIENT HELP, PUBSUB HELP and others
pub(crate) fn help(call: &mut Call<'_, '_>) -> Ran {
    let container = String::from_utf8_lossy(call.args.at(0)).to_lowercase();
    let prefix = format!("{container}|");
    let mut lines = vec![format!(
        "{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        container.to_uppercase()
    )];
    let commands = &call.core.commands;
    for (id, row) in commands.table.iter() {
        if row.name.starts_with(&prefix) && commands.exists(id) {
            lines.push(row.syntax[container.len() + 1..].to_owned());
            lines.push(format!("    {}", row.summary));
        }
    }
    let reply = &mut call.client().output.reply;
    reply.array(lines.len());
    lines.iter().for_each(|line| reply.simple(line));
    Ok(After::Done)
}
