//! Keyspace notifications: what a command did to the keys that it touched.
//!
//! **Theory.** A command touches the keys that it changed, in the order in which it changed them; what the change is called follows
//! from the command and its words, and whether the key is still there. So handlers say little ([`Effects`]), and every way of running a
//! command tells the same.
//!
//! **Invariant.** A key that was not touched has no event but those of reading.

use crate::args::Args;
use crate::command::Effects;
use crate::key_places::only_gets;
use hyperdb_graph::heard::Change;
use hyperdb_graph::{AppId, Store, Turn};
use std::collections::HashSet;

/// Classes of events, by bit, as `notify-keyspace-events` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Classes(pub u64);

impl Classes {
    /// `K`: to channels of keys.
    pub const KEYSPACE: u64 = 1;
    /// `E`: to channels of events.
    pub const KEYEVENT: u64 = 1 << 1;
    /// `g`
    pub const GENERIC: u64 = 1 << 2;
    /// `$`
    pub const STRING: u64 = 1 << 3;
    /// `l`
    pub const LIST: u64 = 1 << 4;
    /// `s`
    pub const SET: u64 = 1 << 5;
    /// `h`
    pub const HASH: u64 = 1 << 6;
    /// `z`
    pub const SORTED_SET: u64 = 1 << 7;
    /// `x`
    pub const EXPIRED: u64 = 1 << 8;
    /// `t`
    pub const STREAM: u64 = 1 << 10;
    /// `m`
    pub const MISS: u64 = 1 << 11;
    /// `n`
    pub const NEW: u64 = 1 << 14;

    /// Whether events of a class are wanted, and anywhere.
    #[inline]
    pub fn wants(self, class: u64) -> bool {
        self.0 & class != 0 && self.0 & (Self::KEYSPACE | Self::KEYEVENT) != 0
    }

    /// Whether anything is.
    #[inline]
    pub fn any(self) -> bool {
        self.0 & (Self::KEYSPACE | Self::KEYEVENT) != 0 && self.0 >> 2 != 0
    }
}

/// One thing that can happen to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its class.
    pub class: u64,
    /// What it is called.
    pub name: &'static str,
}

/// A command, in its words, that has done its work.
#[derive(Clone, Copy)]
pub struct Done<'a> {
    /// Its row's name.
    pub name: &'static str,
    /// Its words.
    pub args: Args<'a>,
    /// What they do not say.
    pub effects: &'a Effects,
}

const fn generic(name: &'static str) -> Event {
    Event {
        class: Classes::GENERIC,
        name,
    }
}

/// A key was removed.
pub const DEL: Event = generic("del");
/// A key's time was over.
pub const EXPIRED: Event = Event {
    class: Classes::EXPIRED,
    name: "expired",
};
/// A key was looked for and is not there.
pub const MISS: Event = Event {
    class: Classes::MISS,
    name: "keymiss",
};
/// A key came to be.
pub const NEW: Event = Event {
    class: Classes::NEW,
    name: "new",
};
/// A string was set, by a transaction that says no more.
pub const CHANGED: Event = Event {
    class: Classes::STRING,
    name: "set",
};

/// What a command does to every key that it touches, where that is all there is to say.
const PLAIN: &[(&str, u64, &str)] = &[
    ("append", Classes::STRING, "append"),
    ("bitfield", Classes::STRING, "setbit"),
    ("bitop", Classes::STRING, "set"),
    ("decr", Classes::STRING, "incrby"),
    ("decrby", Classes::STRING, "incrby"),
    ("getset", Classes::STRING, "set"),
    ("incr", Classes::STRING, "incrby"),
    ("incrby", Classes::STRING, "incrby"),
    ("incrbyfloat", Classes::STRING, "incrbyfloat"),
    ("mset", Classes::STRING, "set"),
    ("msetnx", Classes::STRING, "set"),
    ("pfadd", Classes::STRING, "pfadd"),
    ("pfmerge", Classes::STRING, "pfadd"),
    ("setbit", Classes::STRING, "setbit"),
    ("setnx", Classes::STRING, "set"),
    ("setrange", Classes::STRING, "setrange"),
    ("blpop", Classes::LIST, "lpop"),
    ("brpop", Classes::LIST, "rpop"),
    ("linsert", Classes::LIST, "linsert"),
    ("lpop", Classes::LIST, "lpop"),
    ("lpush", Classes::LIST, "lpush"),
    ("lpushx", Classes::LIST, "lpush"),
    ("lrem", Classes::LIST, "lrem"),
    ("lset", Classes::LIST, "lset"),
    ("ltrim", Classes::LIST, "ltrim"),
    ("rpop", Classes::LIST, "rpop"),
    ("rpush", Classes::LIST, "rpush"),
    ("rpushx", Classes::LIST, "rpush"),
    ("sort", Classes::LIST, "sortstore"),
    ("sadd", Classes::SET, "sadd"),
    ("sdiffstore", Classes::SET, "sdiffstore"),
    ("sinterstore", Classes::SET, "sinterstore"),
    ("spop", Classes::SET, "spop"),
    ("srem", Classes::SET, "srem"),
    ("sunionstore", Classes::SET, "sunionstore"),
    ("bzpopmax", Classes::SORTED_SET, "zpopmax"),
    ("bzpopmin", Classes::SORTED_SET, "zpopmin"),
    ("geoadd", Classes::SORTED_SET, "zadd"),
    ("georadius", Classes::SORTED_SET, "georadiusstore"),
    ("georadiusbymember", Classes::SORTED_SET, "georadiusstore"),
    ("geosearchstore", Classes::SORTED_SET, "geosearchstore"),
    ("zdiffstore", Classes::SORTED_SET, "zdiffstore"),
    ("zincrby", Classes::SORTED_SET, "zincr"),
    ("zinterstore", Classes::SORTED_SET, "zinterstore"),
    ("zpopmax", Classes::SORTED_SET, "zpopmax"),
    ("zpopmin", Classes::SORTED_SET, "zpopmin"),
    ("zrangestore", Classes::SORTED_SET, "zrangestore"),
    ("zrem", Classes::SORTED_SET, "zrem"),
    ("zremrangebylex", Classes::SORTED_SET, "zremrangebylex"),
    ("zremrangebyrank", Classes::SORTED_SET, "zremrangebyrank"),
    ("zremrangebyscore", Classes::SORTED_SET, "zremrangebyscore"),
    ("zunionstore", Classes::SORTED_SET, "zunionstore"),
    ("hdel", Classes::HASH, "hdel"),
    ("hincrby", Classes::HASH, "hincrby"),
    ("hincrbyfloat", Classes::HASH, "hincrbyfloat"),
    ("hmset", Classes::HASH, "hset"),
    ("hset", Classes::HASH, "hset"),
    ("hsetnx", Classes::HASH, "hset"),
    ("xdel", Classes::STREAM, "xdel"),
    ("xgroup|create", Classes::STREAM, "xgroup-create"),
    (
        "xgroup|createconsumer",
        Classes::STREAM,
        "xgroup-createconsumer",
    ),
    ("xgroup|delconsumer", Classes::STREAM, "xgroup-delconsumer"),
    ("xgroup|destroy", Classes::STREAM, "xgroup-destroy"),
    ("xgroup|setid", Classes::STREAM, "xgroup-setid"),
    ("xsetid", Classes::STREAM, "xsetid"),
    ("xtrim", Classes::STREAM, "xtrim"),
    ("copy", Classes::GENERIC, "copy_to"),
    ("del", Classes::GENERIC, "del"),
    ("expire", Classes::GENERIC, "expire"),
    ("expireat", Classes::GENERIC, "expire"),
    ("getdel", Classes::GENERIC, "del"),
    ("persist", Classes::GENERIC, "persist"),
    ("pexpire", Classes::GENERIC, "expire"),
    ("pexpireat", Classes::GENERIC, "expire"),
    ("restore", Classes::GENERIC, "restore"),
    ("unlink", Classes::GENERIC, "del"),
];

/// Commands whose own event is not told of a key that they left empty or removed: what they stored was nothing.
const NOTHING_STORED: &[&str] = &[
    "bitop",
    "expire",
    "expireat",
    "georadius",
    "georadiusbymember",
    "geosearchstore",
    "pexpire",
    "pexpireat",
    "sdiffstore",
    "sinterstore",
    "sort",
    "sunionstore",
    "zdiffstore",
    "zinterstore",
    "zrangestore",
    "zunionstore",
];

/// What touches a stream's record although Redis has no event for it, but for consumers that come to be.
const SILENT: &[&str] = &["xack", "xreadgroup", "xclaim", "xautoclaim"];

/// Of the keys of a command, those that it looks for only to read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looked {
    None,
    All,
    First,
    /// All but the one that is written, which comes first.
    Sources,
}

/// Commands that write, and which of their keys they look for only to read.
const READING_WRITERS: &[(&str, Looked)] = &[
    ("bitop", Looked::Sources),
    ("copy", Looked::First),
    ("georadius", Looked::First),
    ("georadiusbymember", Looked::First),
    ("geosearchstore", Looked::Sources),
    ("getdel", Looked::All),
    ("getex", Looked::All),
    ("getset", Looked::All),
    ("pfmerge", Looked::All),
    ("sdiffstore", Looked::Sources),
    ("sinterstore", Looked::Sources),
    ("sort", Looked::First),
    ("sunionstore", Looked::Sources),
    ("xack", Looked::All),
    ("xautoclaim", Looked::All),
    ("xclaim", Looked::All),
    ("xreadgroup", Looked::All),
    ("zdiffstore", Looked::Sources),
    ("zinterstore", Looked::Sources),
    ("zrangestore", Looked::Sources),
    ("zunionstore", Looked::Sources),
];

/// Commands that read keys without being said to look for them.
const UNNOTICED: &[&str] = &[
    "memory|usage",
    "object|encoding",
    "object|freq",
    "object|idletime",
    "object|refcount",
];

/// Which keys of a command count as missed when they are not there.
pub(crate) fn looked(name: &str, writes: bool, args: Args<'_>) -> Looked {
    let known = READING_WRITERS.iter().find(|(known, _)| *known == name);
    match known {
        Some((_, looked)) => *looked,
        None if name == "bitfield" && only_gets(args) => Looked::All,
        None if name == "set" && (3..args.len()).any(|at| args.is(at, "GET")) => Looked::All,
        None if writes || UNNOTICED.contains(&name) => Looked::None,
        None => Looked::All,
    }
}

fn list_end(front: bool, push: bool) -> Event {
    let name = match (front, push) {
        (true, true) => "lpush",
        (true, false) => "lpop",
        (false, true) => "rpush",
        (false, false) => "rpop",
    };
    Event {
        class: Classes::LIST,
        name,
    }
}

impl Done<'_> {
    fn has(&self, from: usize, word: &str) -> bool {
        (from..self.args.len()).any(|at| self.args.is(at, word))
    }

    /// What happened to a key, the `nth` that was touched; in order.
    fn events(&self, nth: usize, key: &[u8], is_gone: bool) -> Vec<Event> {
        let string = |name| Event {
            class: Classes::STRING,
            name,
        };
        let of = |class, name| Event { class, name };
        let own: Vec<Event> = match self.name {
            "set" => {
                let timed = ["EX", "PX", "EXAT", "PXAT"];
                let mut events = vec![string("set")];
                if timed.iter().any(|word| self.has(3, word)) {
                    events.push(generic("expire"));
                }
                return events;
            }
            "setex" | "psetex" => vec![string("set"), generic("expire")],
            "getex" if is_gone => Vec::new(),
            "getex" if self.has(2, "PERSIST") => vec![generic("persist")],
            "getex" => vec![generic("expire")],
            "lmove" | "blmove" => {
                let place = if nth == 0 { 3 } else { 4 };
                vec![list_end(self.args.is(place, "LEFT"), nth != 0)]
            }
            "rpoplpush" | "brpoplpush" => vec![list_end(nth != 0, nth != 0)],
            "lmpop" => vec![list_end(self.has(3, "LEFT"), false)],
            "blmpop" => vec![list_end(self.has(4, "LEFT"), false)],
            "zmpop" | "bzmpop" => {
                let lowest = self.has(3, "MIN");
                vec![of(
                    Classes::SORTED_SET,
                    if lowest { "zpopmin" } else { "zpopmax" },
                )]
            }
            "zadd" => {
                let adds = self.has(2, "INCR");
                vec![of(Classes::SORTED_SET, if adds { "zincr" } else { "zadd" })]
            }
            "smove" => vec![of(Classes::SET, if nth == 0 { "srem" } else { "sadd" })],
            "rename" | "renamenx" => {
                return vec![generic(if nth == 0 { "rename_from" } else { "rename_to" })]
            }
            // The key is in one of the two databases.
            "move" => return vec![generic(if is_gone { "move_from" } else { "move_to" })],
            "xadd" => {
                let mut events = vec![of(Classes::STREAM, "xadd")];
                if self.effects.trimmed {
                    events.push(of(Classes::STREAM, "xtrim"));
                }
                events
            }
            name if SILENT.contains(&name) => {
                let made = &self.effects.made_consumers;
                let made = made.iter().find(|stream| ***stream == *key);
                made.map(|_| of(Classes::STREAM, "xgroup-createconsumer"))
                    .into_iter()
                    .collect()
            }
            name if is_gone && NOTHING_STORED.contains(&name) => Vec::new(),
            name => {
                let known = PLAIN.iter().find(|(known, ..)| *known == name);
                known
                    .map(|(_, class, event)| of(*class, event))
                    .into_iter()
                    .collect()
            }
        };
        let mut events = own;
        if is_gone && !events.contains(&DEL) {
            events.push(DEL);
        }
        events
    }

    /// Tells the servers of this store what happened, of all that was touched in this turn, if one of them wants to hear it: for
    /// commands that no server ran.
    pub fn tell(&self, store: &Store, turn: &mut Turn<'_>) {
        if !store.heard().is_on() {
            return;
        }
        let happened = self.happened(turn, 0);
        let changes = happened.into_iter().map(|(app, id, events)| Change {
            app,
            id,
            is_gone: events.iter().any(|event| event.name == DEL.name),
            events: Some(
                events
                    .iter()
                    .map(|event| (event.class, event.name))
                    .collect(),
            ),
        });
        store.heard().add(changes);
        // The commit has no more to tell.
        turn.take_touched();
    }

    /// What happened, of what was touched since `from`: app, key and events, in order.
    pub fn happened(&self, turn: &Turn<'_>, from: usize) -> Vec<(AppId, Box<[u8]>, Vec<Event>)> {
        if matches!(self.name, "mset" | "msetnx") {
            return self.set_in_turn(turn, from);
        }
        let mut places: Vec<&(AppId, Box<[u8]>)> = Vec::new();
        let mut seen = HashSet::new();
        for place in turn.touched().get(from..).unwrap_or_default() {
            // One command changes a key once, however often it writes.
            if place.0 != AppId::SYSTEM && seen.insert(place) {
                places.push(place);
            }
        }
        self.sort(&mut places);
        let moves_item = matches!(self.name, "lmove" | "rpoplpush" | "blmove" | "brpoplpush");
        let rotated = moves_item && self.args.get(1) == self.args.get(2);
        let told = places.into_iter().enumerate().map(|(nth, (app, key))| {
            // What cannot be told without the disk was just written, so it is there.
            let is_gone = matches!(turn.element(*app, key), Ok(None));
            let mut events = self.events(nth, key, is_gone);
            if rotated {
                events.splice(0..0, self.events(1, key, is_gone));
            }
            (*app, key.clone(), events)
        });
        let mut told: Vec<_> = told.collect();
        if moves_item {
            // The item is pushed before it is popped.
            told.reverse();
        } else if self.name == "move" {
            told.sort_by_key(|(.., events)| !events.iter().any(|event| event.name == "move_from"));
        }
        told
    }

    /// What MSET did: each of its keys is set as often as it is named.
    fn set_in_turn(&self, turn: &Turn<'_>, from: usize) -> Vec<(AppId, Box<[u8]>, Vec<Event>)> {
        let touched = turn.touched().get(from..).unwrap_or_default();
        let Some((app, _)) = touched.iter().find(|(app, _)| *app != AppId::SYSTEM) else {
            return Vec::new();
        };
        let keys = (1..self.args.len()).step_by(2);
        keys.map(|at| (*app, self.args.at(at).into(), vec![CHANGED]))
            .collect()
    }

    /// Whether these events tell of a key that took the place of another, which Redis removes first: it comes to be anew.
    pub(crate) fn makes_anew(&self, events: &[Event]) -> bool {
        let anew = ["rename_to", "copy_to", "restore"];
        events.iter().any(|event| anew.contains(&event.name))
    }

    /// Whether a key that comes to be is told of before anything else.
    pub(crate) fn names_new_first(&self) -> bool {
        matches!(self.name, "rename" | "renamenx" | "move")
    }

    /// Two keys in the order of the words, not of the writes.
    fn sort(&self, places: &mut [&(AppId, Box<[u8]>)]) {
        let first_is_source = matches!(
            self.name,
            "lmove" | "blmove" | "rpoplpush" | "brpoplpush" | "smove" | "rename" | "renamenx"
        );
        if let ([first, second], true) = (&mut *places, first_is_source) {
            let source = self.args.get(1);
            if source != Some(&first.1) && source == Some(&second.1) {
                places.swap(0, 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Span;
    use crate::table::Table;

    fn told(line: &str, nth: usize, is_gone: bool) -> String {
        let (mut buffer, mut spans) = (Vec::new(), Vec::<Span>::new());
        for word in line.split(' ') {
            spans.push((buffer.len(), buffer.len() + word.len()));
            buffer.extend_from_slice(word.as_bytes());
        }
        let args = Args::new(&buffer, &spans);
        let table = Table::new();
        let name = table.find(args.at(0)).map_or("", |row| table.row(row).name);
        // What was trimmed only the handler knows.
        let effects = Effects {
            trimmed: true,
            made_consumers: vec![b"s"[..].into()],
            ..Effects::default()
        };
        let done = Done {
            name,
            args,
            effects: &effects,
        };
        let events = done.events(nth, args.get(1).unwrap_or_default(), is_gone);
        events
            .iter()
            .map(|event| event.name)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn events_are_named_as_in_redis() {
        for (line, nth, is_gone, names) in [
            ("set k v", 0, false, "set"),
            ("set k v px 5", 0, false, "set expire"),
            ("setex k 5 v", 0, false, "set expire"),
            ("decr k", 0, false, "incrby"),
            ("getdel k", 0, true, "del"),
            ("getex k persist", 0, false, "persist"),
            ("getex k ex 5", 0, false, "expire"),
            ("lpop k", 0, true, "lpop del"),
            ("lmove a b left right", 0, false, "lpop"),
            ("lmove a b left right", 1, false, "rpush"),
            ("rpoplpush a b", 0, true, "rpop del"),
            ("rpoplpush a b", 1, false, "lpush"),
            ("smove a b m", 0, true, "srem del"),
            ("smove a b m", 1, false, "sadd"),
            ("zadd z 1 m", 0, false, "zadd"),
            ("zadd z incr 1 m", 0, false, "zincr"),
            ("zmpop 1 z max", 0, true, "zpopmax del"),
            ("sinterstore d a b", 0, true, "del"),
            ("sinterstore d a b", 0, false, "sinterstore"),
            ("expire k 5", 0, false, "expire"),
            ("expire k -5", 0, true, "del"),
            ("rename a b", 0, true, "rename_from"),
            ("rename a b", 1, false, "rename_to"),
            ("xadd s maxlen 5 * a b", 0, false, "xadd xtrim"),
            ("xclaim s g c 0 1-1", 0, false, "xgroup-createconsumer"),
            ("xclaim other g c 0 1-1", 0, false, ""),
            ("del k", 0, true, "del"),
            ("hdel h f", 0, true, "hdel del"),
        ] {
            assert_eq!(told(line, nth, is_gone), names, "{line}");
        }
    }

    #[test]
    fn all_of_them_are_commands() {
        let table = Table::new();
        let names = PLAIN.iter().map(|(name, ..)| name);
        let reading = READING_WRITERS.iter().map(|(name, _)| name);
        for name in names.chain(NOTHING_STORED).chain(SILENT).chain(reading) {
            assert!(table.find(name.as_bytes()).is_some(), "{name}");
        }
    }
}
