//! Commands on the connection and on the loop's own state: no keys, or keys only watched.

use crate::scripting;
use crate::server::clients::Slot;
use crate::server::core::Core;
use crate::server::execute::SessionHandler;
use crate::server::{login, multi, pubsub};

mod acl;
mod client_list;
mod clients;
mod connection;
mod data_set;
mod debug;
mod debug_values;
pub(crate) mod help;
mod latency;
mod monitor;
mod slow_log;
mod tracking;

/// Every session command by lower-case name.
const HANDLERS: &[(&str, SessionHandler)] = &[
    ("acl|cat", acl::cat),
    ("acl|dryrun", acl::dryrun),
    ("acl|getuser", acl::getuser),
    ("acl|list", acl::list),
    ("acl|log", acl::log),
    ("acl|users", acl::users),
    ("acl|whoami", acl::whoami),
    ("auth", login::auth),
    ("hello", login::hello),
    ("ping", connection::ping),
    ("echo", connection::echo),
    ("select", connection::select),
    ("quit", connection::quit),
    ("reset", connection::reset),
    ("time", connection::time),
    ("wait", connection::wait),
    ("multi", multi::multi),
    ("exec", multi::exec),
    ("discard", multi::discard),
    ("watch", multi::watch),
    ("unwatch", multi::unwatch),
    ("subscribe", pubsub::subscribe),
    ("psubscribe", pubsub::psubscribe),
    ("ssubscribe", pubsub::ssubscribe),
    ("unsubscribe", pubsub::unsubscribe),
    ("punsubscribe", pubsub::punsubscribe),
    ("sunsubscribe", pubsub::sunsubscribe),
    ("publish", pubsub::publish),
    ("spublish", pubsub::spublish),
    ("pubsub|channels", pubsub::pubsub_channels),
    ("pubsub|shardchannels", pubsub::pubsub_shardchannels),
    ("pubsub|numsub", pubsub::pubsub_numsub),
    ("pubsub|shardnumsub", pubsub::pubsub_shardnumsub),
    ("pubsub|numpat", pubsub::pubsub_numpat),
    ("pubsub|help", help::help),
    ("client|id", clients::id),
    ("client|info", client_list::info),
    ("client|list", client_list::list),
    ("client|setname", clients::setname),
    ("client|getname", clients::getname),
    ("client|setinfo", clients::setinfo),
    ("client|kill", clients::kill),
    ("client|no-evict", clients::no_evict),
    ("client|reply", clients::reply),
    ("client|pause", clients::pause),
    ("client|unpause", clients::unpause),
    ("client|unblock", clients::unblock),
    ("client|no-touch", clients::no_touch),
    ("client|caching", tracking::caching),
    ("client|getredir", tracking::getredir),
    ("client|tracking", tracking::tracking),
    ("client|trackinginfo", tracking::trackinginfo),
    ("client|help", help::help),
    ("debug", debug::debug),
    ("latency|doctor", latency::doctor),
    ("latency|graph", latency::graph),
    ("latency|help", help::help),
    ("latency|histogram", latency::histogram),
    ("latency|history", latency::history),
    ("latency|latest", latency::latest),
    ("latency|reset", latency::reset),
    ("monitor", monitor::monitor),
    ("slowlog|get", slow_log::get),
    ("slowlog|help", help::help),
    ("slowlog|len", slow_log::len),
    ("slowlog|reset", slow_log::reset),
];

/// A client as CLIENT LIST shows it.
pub(crate) fn described(core: &Core, slot: Slot) -> String {
    let client = core.clients.get(slot);
    client.map_or_else(String::new, |client| client_list::line(core, client))
}

/// Every session command.
pub(crate) fn handlers() -> impl Iterator<Item = (&'static str, SessionHandler)> {
    HANDLERS.iter().chain(scripting::HANDLERS).copied()
}
