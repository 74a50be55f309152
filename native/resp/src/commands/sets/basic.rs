//! Members one by one.

use super::{add, contains, hash_order, remove};
use crate::command::{Context, Outcome};
use crate::commands::{arguments, edge, numbers};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::Kind;

/// SADD key member [member ...]
pub(super) fn sadd(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let mut set = edge::open_or_create(cx, key, Kind::Set)?;
    let before = set.count;
    let mut place = KeyBuf::new();
    for member in args.from(2).iter() {
        add(cx, &mut set, member, &mut place)?;
    }
    if set.count != before {
        cx.turn.put_header(cx.app, key, &set)?;
    }
    cx.reply.integer((set.count - before) as i64);
    Ok(())
}

/// SREM key member [member ...]
pub(super) fn srem(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let Some(mut set) = edge::open(cx, key, Kind::Set)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let before = set.count;
    let mut place = KeyBuf::new();
    for member in args.from(2).iter() {
        remove(cx.turn, cx.app, &mut set, member, &mut place)?;
    }
    if set.count != before {
        edge::close(cx, key, &set)?;
    }
    cx.reply.integer((before - set.count) as i64);
    Ok(())
}

/// SMEMBERS key
pub(super) fn smembers(cx: &mut Context<'_, '_>) -> Outcome {
    let Some(set) = edge::open(cx, cx.args.at(1), Kind::Set)? else {
        cx.reply.set(0);
        return Ok(());
    };
    let reply = &mut *cx.reply;
    reply.set(set.count as usize);
    if set.head == 0 {
        let mut members = super::all(cx.turn, cx.app, &set)?;
        members.sort_by_key(|member| numbers::parse_i64(member));
        members.iter().for_each(|member| reply.bulk(member));
        return Ok(());
    }
    hash_order::each(cx.turn, cx.app, set.cid, |member, _| reply.bulk(member))?;
    Ok(())
}

/// SISMEMBER key member
pub(super) fn sismember(cx: &mut Context<'_, '_>) -> Outcome {
    let found = match edge::open(cx, cx.args.at(1), Kind::Set)? {
        Some(set) => contains(cx.turn, cx.app, &set, cx.args.at(2), &mut KeyBuf::new())?,
        None => false,
    };
    cx.reply.integer(i64::from(found));
    Ok(())
}

/// SMISMEMBER key member [member ...]
pub(super) fn smismember(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let set = edge::open(cx, args.at(1), Kind::Set)?;
    cx.reply.array(args.len() - 2);
    let mut place = KeyBuf::new();
    for member in args.from(2).iter() {
        let found = match &set {
            Some(set) => contains(cx.turn, cx.app, set, member, &mut place)?,
            None => false,
        };
        cx.reply.integer(i64::from(found));
    }
    Ok(())
}

/// SCARD key
pub(super) fn scard(cx: &mut Context<'_, '_>) -> Outcome {
    let set = edge::open(cx, cx.args.at(1), Kind::Set)?;
    cx.reply.integer(set.map_or(0, |set| set.count as i64));
    Ok(())
}

/// SMOVE source destination member
pub(super) fn smove(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let (source, destination, member) = (args.at(1), args.at(2), args.at(3));
    let mut place = KeyBuf::new();
    let Some(mut from) = edge::open(cx, source, Kind::Set)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let to = edge::open(cx, destination, Kind::Set)?;
    if source == destination {
        let found = contains(cx.turn, cx.app, &from, member, &mut place)?;
        cx.reply.integer(i64::from(found));
        return Ok(());
    }
    if !remove(cx.turn, cx.app, &mut from, member, &mut place)? {
        cx.reply.integer(0);
        return Ok(());
    }
    edge::close(cx, source, &from)?;
    let mut to = match to {
        Some(to) => to,
        None => cx.turn.draft_edge(Kind::Set),
    };
    if add(cx, &mut to, member, &mut place)? {
        cx.turn.put_header(cx.app, destination, &to)?;
    }
    cx.reply.integer(1);
    Ok(())
}

/// SSCAN key cursor [MATCH pattern] [COUNT count]
pub(super) fn sscan(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let cursor = arguments::cursor(args.at(2))?;
    let Some(set) = edge::open(cx, args.at(1), Kind::Set)? else {
        hash_order::reply_page(cx.reply, 0, &[]);
        return Ok(());
    };
    let options = hash_order::ScanOptions::parse(&args)?;
    let mut page = hash_order::Picks::default();
    let next = hash_order::scan(cx.turn, cx.app, &set, cursor, &options, |member, _| {
        page.push(member, &[]);
    })?;
    let mut members: Vec<&[u8]> = page.iter().map(|(member, _)| member).collect();
    if set.head == 0 {
        // A small set of integers comes whole, and in their order.
        members.sort_by_key(|member| numbers::parse_i64(member));
    }
    hash_order::reply_page(cx.reply, next, &members);
    Ok(())
}
