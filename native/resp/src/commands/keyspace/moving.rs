//! Keys under other names and in other databases.

use super::databases::app_of;
use super::look;
use crate::args::Args;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::{option_value, small_integer};
use hyperdb_graph::{AppId, Direction, Header, Kind, Record, Turn};
use std::ops::Bound;

/// Members copied at a time: bounds the memory a copy takes beside the store's.
const CHUNK: usize = 256;

/// RENAME key newkey
pub fn rename(cx: &mut Context<'_, '_>) -> Outcome {
    let (from, to) = (cx.args.at(1), cx.args.at(2));
    may_be_moved(look(cx, from)?.ok_or_else(no_such_key)?.0)?;
    if from != to {
        cx.turn.move_element(cx.app, from, to)?;
    }
    cx.reply.ok();
    Ok(())
}

/// RENAMENX key newkey
pub fn renamenx(cx: &mut Context<'_, '_>) -> Outcome {
    let (from, to) = (cx.args.at(1), cx.args.at(2));
    may_be_moved(look(cx, from)?.ok_or_else(no_such_key)?.0)?;
    let free = look(cx, to)?.is_none();
    if free {
        cx.turn.move_element(cx.app, from, to)?;
    }
    cx.reply.integer(i64::from(free));
    Ok(())
}

/// A generic hyperedge is found from its members by its name; those who move it would have to write to all of them.
fn may_be_moved(kind: Kind) -> Result<(), Abort> {
    if kind == Kind::Edge {
        return Err(Abort::error(
            "ERR a hyperedge of references cannot be moved or copied",
        ));
    }
    Ok(())
}

fn no_such_key() -> Abort {
    Abort::error("ERR no such key")
}

/// COPY source destination [DB destination-db] [REPLACE]
pub fn copy(cx: &mut Context<'_, '_>) -> Outcome {
    let (from, to) = (cx.args.at(1), cx.args.at(2));
    let (db, replace) = copy_options(&cx.args, cx.db)?;
    if db == cx.db && from == to {
        return Err(Abort::error(
            "ERR source and destination objects are the same",
        ));
    }
    let target = app_of(cx, db)?;
    let copied = transfer(cx.turn, (cx.app, from), (target, to), replace)?;
    cx.reply.integer(i64::from(copied));
    Ok(())
}

fn copy_options(args: &Args<'_>, own: u32) -> Result<(u32, bool), Abort> {
    let (mut db, mut replace) = (own, false);
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "REPLACE") {
            replace = true;
        } else if args.is(at, "DB") {
            db = database(option_value(args, at)?)?;
            at += 1;
        } else {
            return Err(errors::syntax());
        }
        at += 1;
    }
    Ok((db, replace))
}

/// MOVE key db
pub fn move_key(cx: &mut Context<'_, '_>) -> Outcome {
    let key = cx.args.at(1);
    let db = database(cx.args.at(2))?;
    if db == cx.db {
        return Err(Abort::error(
            "ERR source and destination objects are the same",
        ));
    }
    let target = app_of(cx, db)?;
    let moved = transfer(cx.turn, (cx.app, key), (target, key), false)?;
    if moved {
        cx.turn.remove_element(cx.app, key)?;
    }
    cx.reply.integer(i64::from(moved));
    Ok(())
}

fn database(text: &[u8]) -> Result<u32, Abort> {
    u32::try_from(small_integer(text)?).map_err(|_| super::databases::out_of_range())
}

/// Copies an element with its expiry; false if there is none, or the target is taken and may not be replaced.
fn transfer(
    turn: &mut Turn<'_>,
    (from_app, from): (AppId, &[u8]),
    (to_app, to): (AppId, &[u8]),
    replace: bool,
) -> Result<bool, Abort> {
    if !replace && turn.element(to_app, to)?.is_some() {
        return Ok(false);
    }
    let Some(element) = turn.element(from_app, from)? else {
        return Ok(false);
    };
    match element.record()? {
        Record::Vertex { value, expiry } => {
            let value = value.to_vec();
            turn.put_vertex(to_app, to, &value, expiry)?;
        }
        Record::Edge(header) => {
            may_be_moved(header.kind)?;
            let made = turn.create_edge(to_app, to, header.kind)?;
            copy_members(turn, (from_app, header.cid), (to_app, made.cid))?;
            if matches!(header.kind, Kind::SortedSet | Kind::Stream) {
                copy_members(turn, (from_app, header.cid + 1), (to_app, made.cid + 1))?;
            }
            let copy = Header {
                cid: made.cid,
                expiry: None,
                ..header
            };
            turn.put_header(to_app, to, &copy)?;
            if header.expiry.is_some() {
                turn.set_expiry(to_app, to, header.expiry)?;
            }
        }
    }
    Ok(true)
}

/// Copies all members of one collection number to another.
fn copy_members(
    turn: &mut Turn<'_>,
    (from_app, from): (AppId, u64),
    (to_app, to): (AppId, u64),
) -> Result<(), Abort> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let start = match &after {
            Some(last) => Bound::Excluded(last.as_slice()),
            None => Bound::Unbounded,
        };
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut walk = turn.members(from_app, from, start, Bound::Unbounded, Direction::Forward);
        while chunk.len() < CHUNK {
            let Some((member, value)) = walk.next()? else {
                break;
            };
            chunk.push((member.to_vec(), value.to_vec()));
        }
        drop(walk);
        for (member, value) in &chunk {
            turn.insert_member(to_app, to, member, value)?;
        }
        match chunk.pop() {
            Some((last, _)) if chunk.len() + 1 == CHUNK => after = Some(last),
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn renaming_moves_value_members_and_expiry() {
        Client::new().script(
            "rename no x => -ERR no such key
             renamenx no x => -ERR no such key
             set a 1 ex 100 => +OK
             rename a a => +OK
             renamenx a a => :0
             rename a b => +OK
             exists a => :0
             ttl b => :100
             hset h f v g w => :2
             rename h b => +OK
             type b => +hash
             ttl b => :-1
             hget b g => $1 w
             hlen b => :2
             set c 1 => +OK
             renamenx b c => :0
             renamenx b d => :1
             hset b x y => :1
             hmget d f g => *2 $1 v $1 w
             hlen d => :2
             hlen b => :1",
        );
    }

    #[test]
    fn a_copy_lives_on_its_own() {
        let mut client = Client::new();
        for i in 0..600 {
            client.run(&["hset", "h", &format!("f{i}"), "v"]);
        }
        client.script(
            "copy no x => :0
             copy h copy => :1
             hlen copy => :600
             hset copy f0 other => :0
             hget h f0 => $1 v
             del h => :1
             hget copy f599 => $1 v
             set s v ex 100 => +OK
             copy s t => :1
             ttl t => :100
             copy s copy => :0
             copy s copy replace => :1
             type copy => +string
             copy s s => -ERR source and destination objects are the same
             copy s t db x => -ERR value is not an integer or out of range
             copy s t db 2147483648 => -ERR value is out of range, value must between -2147483648 and 2147483647
             copy s t db -1 => -ERR DB index is out of range
             copy s t what => -ERR syntax error
             copy s s db 3 => :1
             move s 3 => :0
             move s 4 => :1
             exists s => :0
             move s 4 => :0
             move t 0 => -ERR source and destination objects are the same",
        );
    }
}
