//! DUMP and RESTORE: a key's value as Redis serialises it.
//!
//! **Invariant.** A payload is read whole, and found to be a value, before anything is stored.

use super::look;
use crate::args::Args;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::integer;
use crate::commands::{hashes, lists, sets, sorted_sets, streams};
use crate::rdb::{self, Refusal, Size, Value};
use hyperdb_graph::{Direction, Header, Kind, Record, Step};
use std::ops::Bound;

/// DUMP key
pub fn dump(cx: &mut Context<'_, '_>) -> Outcome {
    let Some(element) = cx.turn.element(cx.app, cx.args.at(1))? else {
        cx.reply.null();
        return Ok(());
    };
    let record = match element.record()? {
        Record::Vertex { value, .. } => Err(value.to_vec()),
        Record::Edge(header) => Ok(header),
    };
    let (value, size) = match record {
        Err(text) => (Value::Text(text), Size::Small),
        Ok(header) => (collection(cx, &header)?, Size::of(&header)),
    };
    cx.reply.bulk(&rdb::dump(&value, size));
    Ok(())
}

fn collection(cx: &Context<'_, '_>, header: &Header) -> Result<Value, Abort> {
    Ok(match header.kind {
        Kind::List => Value::List(values(cx, header)?),
        Kind::Set => Value::Set(sets::all(cx.turn, cx.app, header)?),
        Kind::Hash => Value::Hash(hashes::all(cx.turn, cx.app, header)?),
        Kind::SortedSet => Value::SortedSet(sorted_sets::all(cx.turn, cx.app, header)?),
        Kind::Stream => Value::Stream(streams::whole(cx.turn, cx.app, header)?),
        _ => return Err(Abort::error("ERR this kind of key has no form of Redis")),
    })
}

/// The values of a list, from its head.
fn values(cx: &Context<'_, '_>, header: &Header) -> Step<Vec<Vec<u8>>> {
    let unbounded = Bound::Unbounded;
    let mut walk = cx
        .turn
        .members(cx.app, header.cid, unbounded, unbounded, Direction::Forward);
    let mut found = Vec::new();
    while let Some((_, value)) = walk.next()? {
        found.push(value.to_vec());
    }
    Ok(found)
}

/// The options of RESTORE.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
}

impl Options {
    /// Reads them. IDLETIME and FREQ are checked, and nothing is done with them: accesses are not tracked.
    fn parse(args: &Args<'_>) -> Result<Options, Abort> {
        let mut options = Options::default();
        let (mut has_idle, mut has_frequency) = (false, false);
        let mut i = 4;
        while i < args.len() {
            let value = args.get(i + 1);
            if args.is(i, "REPLACE") {
                options.replace = true;
            } else if args.is(i, "ABSTTL") {
                options.absolute = true;
            } else if let (true, Some(value)) = (args.is(i, "IDLETIME") && !has_frequency, value) {
                if integer(value)? < 0 {
                    return Err(Abort::error("ERR Invalid IDLETIME value, must be >= 0"));
                }
                has_idle = true;
                i += 1;
            } else if let (true, Some(value)) = (args.is(i, "FREQ") && !has_idle, value) {
                if !(0..=255).contains(&integer(value)?) {
                    return Err(Abort::error(
                        "ERR Invalid FREQ value, must be >= 0 and <= 255",
                    ));
                }
                has_frequency = true;
                i += 1;
            } else {
                return Err(errors::syntax());
            }
            i += 1;
        }
        Ok(options)
    }
}

/// RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
pub fn restore(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let options = Options::parse(&args)?;
    let is_taken = look(cx, key)?.is_some();
    if is_taken && !options.replace {
        return Err(Abort::error("BUSYKEY Target key name already exists."));
    }
    let ttl = integer(args.at(2))?;
    if ttl < 0 {
        return Err(Abort::error("ERR Invalid TTL value, must be >= 0"));
    }
    let value = rdb::parse(args.at(3)).map_err(|refusal| match refusal {
        Refusal::Footer => Abort::error("ERR DUMP payload version or checksum are wrong"),
        Refusal::Body => Abort::error("ERR Bad data format"),
    })?;
    let now = cx.turn.now_ms();
    let expiry = match ttl {
        0 => None,
        ttl if options.absolute => Some(ttl),
        ttl => Some(now.saturating_add(ttl)),
    };
    if is_taken {
        cx.turn.remove_element(cx.app, key)?;
    }
    if expiry.is_none_or(|at| at > now) {
        store(cx, key, &value)?;
        if expiry.is_some() {
            cx.turn.set_expiry(cx.app, key, expiry)?;
        }
    }
    cx.reply.ok();
    Ok(())
}

/// Stores a value under a key, where nothing is.
pub(crate) fn store(cx: &mut Context<'_, '_>, key: &[u8], value: &Value) -> Outcome {
    match value {
        Value::Text(text) => cx.turn.put_vertex(cx.app, key, text, None)?,
        Value::List(items) => lists::store(cx, key, items)?,
        Value::Set(members) => sets::store(cx, key, members)?,
        Value::Hash(fields) => hashes::store(cx, key, fields)?,
        Value::SortedSet(members) => {
            let members = members.iter().map(|(member, score)| (&member[..], *score));
            sorted_sets::store(cx, key, members)?;
        }
        Value::Stream(value) => streams::store(cx, key, value)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    /// The bytes of a bulk string reply.
    fn bulk(reply: &[u8]) -> &[u8] {
        let at = reply
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        &reply[at..reply.len() - 2]
    }

    #[test]
    fn every_kind_comes_back_whole() {
        let mut client = Client::new();
        client.script(
            "set s 12345 => +OK
             rpush l a b 3 => :3
             sadd i 1 2 3 => :3
             hset h zeta 1 alpha 2 => :2
             zadd z -inf low 1.5 mid inf high => :3
             xadd x 1-1 f v => $3 1-1
             xadd x 2-1 g w h y => $3 2-1
             xadd x 3-1 f v => $3 3-1
             xdel x 3-1 => :1
             xgroup create x g 0 => +OK
             xreadgroup group g c count 1 streams x > => *1 *2 $1 x *1 *2 $3 1-1 *2 $1 f $1 v",
        );
        let shows = [
            ("s", "get s"),
            ("l", "lrange l 0 -1"),
            ("i", "smembers i"),
            ("h", "hgetall h"),
            ("z", "zrange z 0 -1 withscores"),
            ("x", "xinfo stream x full"),
        ];
        for (key, show) in shows {
            let before = client.line(show);
            let reply = client.run_bytes(&[b"dump", key.as_bytes()]);
            let payload = bulk(&reply);
            let refused = client.run_bytes(&[b"restore", key.as_bytes(), b"0", payload]);
            assert!(refused.starts_with(b"-BUSYKEY Target key name already exists."));
            let encoding = client.run(&["object", "encoding", key]);
            client.run(&["del", key]);
            assert_eq!(
                client.run_bytes(&[b"restore", key.as_bytes(), b"5000", payload]),
                b"+OK\r\n"
            );
            assert_eq!(client.line(show), before, "{key}");
            assert_eq!(client.run(&["object", "encoding", key]), encoding);
            assert_eq!(client.run(&["pttl", key]), ":5000");
        }
        assert_eq!(client.line("dump none"), "$-1");
    }

    #[test]
    fn what_is_malformed_changes_nothing() {
        let mut client = Client::new();
        client.script(
            "set k v => +OK
             restore k 0 rubbish replace => -ERR DUMP payload version or checksum are wrong
             restore k -1 rubbish replace => -ERR Invalid TTL value, must be >= 0
             restore k x rubbish replace => -ERR value is not an integer or out of range
             restore k 0 rubbish idletime -1 => -ERR Invalid IDLETIME value, must be >= 0
             restore k 0 rubbish freq 256 => -ERR Invalid FREQ value, must be >= 0 and <= 255
             restore k 0 rubbish freq 1 idletime 1 => -ERR syntax error
             get k => $1 v",
        );
        let reply = client.run_bytes(&[b"dump", b"k"]);
        let mut payload = bulk(&reply).to_vec();
        let past = client.run_bytes(&[b"restore", b"k", b"1", &payload, b"absttl", b"replace"]);
        assert_eq!(past, b"+OK\r\n");
        assert_eq!(client.line("exists k"), ":0");
        payload[0] ^= 1;
        let reply = client.run_bytes(&[b"restore", b"k", b"0", &payload]);
        assert!(reply.starts_with(b"-ERR DUMP payload"));
    }
}
