//! Publish and subscribe.
//!
//! **Theory.** A message is appended to the output of everyone subscribed, as a push in RESP3 and an array in
//! RESP2, and goes out with the turn's replies. A slow subscriber is closed by its output limit.
//!
//! **Invariant.** The hub and the clients' own sets of names agree.

use super::clients::Slot;
use super::core::Core;
use super::execute::{After, Call, Ran};
use crate::acl::User;
use crate::command::Abort;
use crate::commands::arguments::misused;
use crate::commands::glob;
use crate::reply::Reply;
use hashbrown::HashMap;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Channel,
    Pattern,
    Shard,
}

/// The words of replies and messages about each topic.
struct Words {
    subscribe: &'static [u8],
    unsubscribe: &'static [u8],
}

impl Topic {
    fn words(self) -> Words {
        match self {
            Topic::Channel => Words {
                subscribe: b"subscribe",
                unsubscribe: b"unsubscribe",
            },
            Topic::Pattern => Words {
                subscribe: b"psubscribe",
                unsubscribe: b"punsubscribe",
            },
            Topic::Shard => Words {
                subscribe: b"ssubscribe",
                unsubscribe: b"sunsubscribe",
            },
        }
    }
}

type Names = HashMap<Box<[u8]>, Vec<Slot>>;

/// Who listens to what.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    channels: Names,
    patterns: Names,
    shards: Names,
}

impl Hub {
    fn names(&mut self, topic: Topic) -> &mut Names {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::Shard => &mut self.shards,
        }
    }

    /// Numbers of channels, patterns and shard channels that somebody listens to.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (self.channels.len(), self.patterns.len(), self.shards.len())
    }
}

/// A message that waits for the end of a transaction.
#[derive(Debug)]
pub(crate) struct Deferred {
    topic: Topic,
    channel: Box<[u8]>,
    message: Box<[u8]>,
}

fn own_names(
    core: &mut Core,
    slot: Slot,
    topic: Topic,
) -> &mut std::collections::BTreeSet<Box<[u8]>> {
    let client = core.clients.at(slot);
    match topic {
        Topic::Channel => &mut client.channels,
        Topic::Pattern => &mut client.patterns,
        Topic::Shard => &mut client.shard_channels,
    }
}

fn confirm(core: &mut Core, slot: Slot, topic: Topic, word: &[u8], name: Option<&[u8]>) {
    let client = core.clients.at(slot);
    let count = match topic {
        Topic::Shard => client.shard_channels.len(),
        _ => client.subscriptions(),
    };
    let reply = &mut client.output.reply;
    let start = reply.buffer.len();
    reply.push(3);
    reply.bulk(word);
    reply.bulk_or_null(name);
    reply.integer(count as i64);
    client.pushed(start);
}

fn subscribe_to(call: &mut Call<'_, '_>, topic: Topic) -> Ran {
    for name in call.args.from(1).iter() {
        if own_names(call.core, call.slot, topic).insert(name.into()) {
            let listeners = call.core.hub.names(topic).entry(name.into()).or_default();
            listeners.push(call.slot);
        }
        confirm(
            call.core,
            call.slot,
            topic,
            topic.words().subscribe,
            Some(name),
        );
    }
    Ok(After::Done)
}

fn leave(core: &mut Core, slot: Slot, topic: Topic, name: &[u8]) {
    if own_names(core, slot, topic).remove(name) {
        drop_listener(core, slot, topic, name);
    }
}

fn drop_listener(core: &mut Core, slot: Slot, topic: Topic, name: &[u8]) {
    let names = core.hub.names(topic);
    if let Some(listeners) = names.get_mut(name) {
        listeners.retain(|other| *other != slot);
        if listeners.is_empty() {
            names.remove(name);
        }
    }
}

fn unsubscribe_from(call: &mut Call<'_, '_>, topic: Topic) -> Ran {
    let word = topic.words().unsubscribe;
    let names: Vec<Box<[u8]>> = if call.args.len() > 1 {
        call.args.from(1).iter().map(Into::into).collect()
    } else {
        own_names(call.core, call.slot, topic)
            .iter()
            .cloned()
            .collect()
    };
    if names.is_empty() {
        confirm(call.core, call.slot, topic, word, None);
    }
    for name in names {
        leave(call.core, call.slot, topic, &name);
        confirm(call.core, call.slot, topic, word, Some(&name));
    }
    Ok(After::Done)
}

/// Ends all subscriptions of a client that goes or resets, without a word.
pub(crate) fn leave_all(core: &mut Core, slot: Slot) {
    for topic in [Topic::Channel, Topic::Pattern, Topic::Shard] {
        for name in std::mem::take(own_names(core, slot, topic)) {
            drop_listener(core, slot, topic, &name);
        }
    }
}

/// SUBSCRIBE channel [channel ...]
pub(crate) fn subscribe(call: &mut Call<'_, '_>) -> Ran {
    subscribe_to(call, Topic::Channel)
}

/// PSUBSCRIBE pattern [pattern ...]
pub(crate) fn psubscribe(call: &mut Call<'_, '_>) -> Ran {
    subscribe_to(call, Topic::Pattern)
}

/// SSUBSCRIBE shardchannel [shardchannel ...]
pub(crate) fn ssubscribe(call: &mut Call<'_, '_>) -> Ran {
    if call.core.in_transaction {
        return Err(Abort::error(
            "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client",
        ));
    }
    subscribe_to(call, Topic::Shard)
}

/// UNSUBSCRIBE [channel ...]
pub(crate) fn unsubscribe(call: &mut Call<'_, '_>) -> Ran {
    unsubscribe_from(call, Topic::Channel)
}

/// PUNSUBSCRIBE [pattern ...]
pub(crate) fn punsubscribe(call: &mut Call<'_, '_>) -> Ran {
    unsubscribe_from(call, Topic::Pattern)
}

/// SUNSUBSCRIBE [shardchannel ...]
pub(crate) fn sunsubscribe(call: &mut Call<'_, '_>) -> Ran {
    unsubscribe_from(call, Topic::Shard)
}

/// The patterns that match a channel, with who listens to them.
fn matching<'c>(
    core: &'c Core,
    topic: Topic,
    channel: &'c [u8],
) -> impl Iterator<Item = (&'c Box<[u8]>, &'c Vec<Slot>)> {
    let patterns = (topic == Topic::Channel).then_some(&core.hub.patterns);
    let patterns = patterns.into_iter().flatten();
    patterns.filter(move |(pattern, _)| glob::matches(pattern, channel))
}

/// How many get a message, each counted for each way that it hears.
fn count_receivers(core: &Core, topic: Topic, channel: &[u8]) -> usize {
    let names = match topic {
        Topic::Shard => &core.hub.shards,
        _ => &core.hub.channels,
    };
    let by_pattern = matching(core, topic, channel).map(|(_, slots)| slots.len());
    names.get(channel).map_or(0, Vec::len) + by_pattern.sum::<usize>()
}

fn write_message(
    reply: &mut Reply,
    topic: Topic,
    pattern: Option<&[u8]>,
    channel: &[u8],
    message: &[u8],
) {
    match pattern {
        Some(pattern) => {
            reply.push(4);
            reply.bulk(b"pmessage");
            reply.bulk(pattern);
        }
        None => {
            reply.push(3);
            reply.bulk(if topic == Topic::Shard {
                b"smessage"
            } else {
                b"message"
            });
        }
    }
    reply.bulk(channel);
    reply.bulk(message);
}

/// Sends a message to all who listen to its channel.
pub(crate) fn deliver(core: &mut Core, topic: Topic, channel: &[u8], message: &[u8]) {
    deliver_to(core, topic, (channel, message), |_| true);
}

/// Tells of a key those listeners that may know its name.
pub(crate) fn deliver_about(core: &mut Core, key: &[u8], channel: &[u8], message: &[u8]) {
    deliver_to(core, Topic::Channel, (channel, message), |user| {
        user.may_name(key)
    });
}

fn deliver_to(
    core: &mut Core,
    topic: Topic,
    (channel, message): (&[u8], &[u8]),
    may: impl Fn(&User) -> bool,
) {
    let names = match topic {
        Topic::Shard => &core.hub.shards,
        _ => &core.hub.channels,
    };
    let direct = names.get(channel).cloned().unwrap_or_default();
    let patterns =
        matching(core, topic, channel).map(|(pattern, slots)| (pattern.clone(), slots.clone()));
    let patterns: Vec<(Box<[u8]>, Vec<Slot>)> = patterns.collect();
    send(core, &direct, &may, |reply| {
        write_message(reply, topic, None, channel, message)
    });
    for (pattern, slots) in patterns {
        send(core, &slots, &may, |reply| {
            write_message(reply, topic, Some(&pattern), channel, message)
        });
    }
}

/// Sends the same to many who may hear it: it is encoded once for each version of the protocol.
fn send(core: &mut Core, slots: &[Slot], may: &impl Fn(&User) -> bool, write: impl Fn(&mut Reply)) {
    let mut encoded: [Option<Reply>; 2] = [None, None];
    for slot in slots {
        let client = core.clients.at(*slot);
        if !may(&client.user) {
            continue;
        }
        let reply = &mut client.output.reply;
        let resp3 = reply.resp3;
        let form = encoded[usize::from(resp3)].get_or_insert_with(|| {
            let mut form = Reply::new(resp3);
            write(&mut form);
            form
        });
        let start = reply.buffer.len();
        reply.buffer.extend_from_slice(&form.buffer);
        client.pushed(start);
        core.flush_later(*slot);
        core.check_output(*slot);
    }
}

/// Sends what a transaction published.
pub(crate) fn deliver_deferred(core: &mut Core) {
    for Deferred {
        topic,
        channel,
        message,
    } in std::mem::take(&mut core.deferred)
    {
        deliver(core, topic, &channel, &message);
    }
}

fn publish_to(call: &mut Call<'_, '_>, topic: Topic) -> Ran {
    let (channel, message) = (call.args.at(1), call.args.at(2));
    let count = count_receivers(call.core, topic, channel);
    // The reply comes first, so that a publisher who listens gets the message after it.
    call.client().output.reply.integer(count as i64);
    if call.core.in_transaction {
        call.core.deferred.push(Deferred {
            topic,
            channel: channel.into(),
            message: message.into(),
        });
    } else {
        deliver(call.core, topic, channel, message);
    }
    Ok(After::Done)
}

/// PUBLISH channel message
pub(crate) fn publish(call: &mut Call<'_, '_>) -> Ran {
    publish_to(call, Topic::Channel)
}

/// SPUBLISH shardchannel message
pub(crate) fn spublish(call: &mut Call<'_, '_>) -> Ran {
    publish_to(call, Topic::Shard)
}

fn list_names(call: &mut Call<'_, '_>, topic: Topic) -> Ran {
    if call.args.len() > 3 {
        return Err(misused(&call.args));
    }
    let pattern = call.args.get(2);
    let user = call.client().user.clone();
    let names = call.core.hub.names(topic);
    let chosen: Vec<Box<[u8]>> = names
        .keys()
        // Names of channels that a user may not use are not told, nor is a pattern held against them.
        .filter(|name| user.may_listen(name, false))
        .filter(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name)))
        .cloned()
        .collect();
    let reply = &mut call.client().output.reply;
    reply.array(chosen.len());
    chosen.iter().for_each(|name| reply.bulk(name));
    Ok(After::Done)
}

fn count_listeners(call: &mut Call<'_, '_>, topic: Topic) -> Ran {
    let channels = call.args.from(2);
    let user = call.client().user.clone();
    let names = call.core.hub.names(topic);
    let counts: Vec<usize> = channels
        .iter()
        .map(|name| names.get(name).filter(|_| user.may_listen(name, false)))
        .map(|listeners| listeners.map_or(0, Vec::len))
        .collect();
    let reply = &mut call.client().output.reply;
    reply.array(2 * counts.len());
    for (name, count) in channels.iter().zip(counts) {
        reply.bulk(name);
        reply.integer(count as i64);
    }
    Ok(After::Done)
}

/// PUBSUB CHANNELS [pattern]
pub(crate) fn pubsub_channels(call: &mut Call<'_, '_>) -> Ran {
    list_names(call, Topic::Channel)
}

/// PUBSUB SHARDCHANNELS [pattern]
pub(crate) fn pubsub_shardchannels(call: &mut Call<'_, '_>) -> Ran {
    list_names(call, Topic::Shard)
}

/// PUBSUB NUMSUB [channel ...]
pub(crate) fn pubsub_numsub(call: &mut Call<'_, '_>) -> Ran {
    count_listeners(call, Topic::Channel)
}

/// PUBSUB SHARDNUMSUB [shardchannel ...]
pub(crate) fn pubsub_shardnumsub(call: &mut Call<'_, '_>) -> Ran {
    count_listeners(call, Topic::Shard)
}

/// PUBSUB NUMPAT
pub(crate) fn pubsub_numpat(call: &mut Call<'_, '_>) -> Ran {
    let (_, patterns, _) = call.core.hub.counts();
    call.client().output.reply.integer(patterns as i64);
    Ok(After::Done)
}
