//! Single fields, one or several at a time.

use super::{field_key, open, open_or_create, put_field, value};
use crate::command::{Context, Outcome};
use crate::commands::arguments::wrong_arity;
use crate::commands::edge;

/// HSET key field value [field value ...]
pub fn hset(cx: &mut Context<'_, '_>) -> Outcome {
    let added = set_fields(cx, "hset")?;
    cx.reply.integer(added);
    Ok(())
}

/// HMSET key field value [field value ...]
pub fn hmset(cx: &mut Context<'_, '_>) -> Outcome {
    set_fields(cx, "hmset")?;
    cx.reply.ok();
    Ok(())
}

fn set_fields(cx: &mut Context<'_, '_>, command: &str) -> Result<i64, crate::command::Abort> {
    if cx.args.len() % 2 == 1 {
        return Err(wrong_arity(command));
    }
    let key = cx.args.at(1);
    let mut header = open_or_create(cx, key)?;
    let mut added = 0;
    for at in (2..cx.args.len()).step_by(2) {
        let (field, value) = (cx.args.at(at), cx.args.at(at + 1));
        added += i64::from(put_field(cx, &mut header, field, value)?);
    }
    cx.turn.put_header(cx.app, key, &header)?;
    Ok(added)
}

/// HSETNX key field value
pub fn hsetnx(cx: &mut Context<'_, '_>) -> Outcome {
    let (key, field) = (cx.args.at(1), cx.args.at(2));
    if let Some(header) = open(cx, key)? {
        let place = field_key(cx.turn, field);
        if cx.turn.member(cx.app, header.cid, &place)?.is_some() {
            cx.reply.integer(0);
            return Ok(());
        }
    }
    let mut header = open_or_create(cx, key)?;
    put_field(cx, &mut header, field, cx.args.at(3))?;
    cx.turn.put_header(cx.app, key, &header)?;
    cx.reply.integer(1);
    Ok(())
}

/// HGET key field
pub fn hget(cx: &mut Context<'_, '_>) -> Outcome {
    match open(cx, cx.args.at(1))? {
        None => cx.reply.null(),
        Some(header) => {
            let found = value(cx.turn, cx.app, &header, cx.args.at(2))?;
            cx.reply.bulk_or_null(found.as_deref());
        }
    }
    Ok(())
}

/// HMGET key field [field ...]
pub fn hmget(cx: &mut Context<'_, '_>) -> Outcome {
    let header = open(cx, cx.args.at(1))?;
    let fields = cx.args.from(2);
    cx.reply.array(fields.len());
    for field in fields.iter() {
        let Some(header) = &header else {
            cx.reply.null();
            continue;
        };
        let found = value(cx.turn, cx.app, header, field)?;
        cx.reply.bulk_or_null(found.as_deref());
    }
    Ok(())
}

/// HSTRLEN key field
pub fn hstrlen(cx: &mut Context<'_, '_>) -> Outcome {
    let length = match open(cx, cx.args.at(1))? {
        None => 0,
        Some(header) => {
            value(cx.turn, cx.app, &header, cx.args.at(2))?.map_or(0, |found| found.len())
        }
    };
    cx.reply.integer(length as i64);
    Ok(())
}

/// HEXISTS key field
pub fn hexists(cx: &mut Context<'_, '_>) -> Outcome {
    let found = match open(cx, cx.args.at(1))? {
        None => false,
        Some(header) => {
            let place = field_key(cx.turn, cx.args.at(2));
            cx.turn.member(cx.app, header.cid, &place)?.is_some()
        }
    };
    cx.reply.integer(i64::from(found));
    Ok(())
}

/// HDEL key field [field ...]
pub fn hdel(cx: &mut Context<'_, '_>) -> Outcome {
    let key = cx.args.at(1);
    let Some(mut header) = open(cx, key)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let before = header.count;
    for field in cx.args.from(2).iter() {
        let place = field_key(cx.turn, field);
        let record = cx
            .turn
            .member(cx.app, header.cid, &place)?
            .map(|record| record.len());
        let Some(length) = record else { continue };
        cx.turn.remove_member(cx.app, header.cid, &place)?;
        header.count -= 1;
        header.bytes -= (place.len() + length) as u64;
        if header.count == 0 {
            break;
        }
    }
    if header.count < before {
        edge::close(cx, key, &header)?;
    }
    cx.reply.integer((before - header.count) as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn fields_come_and_go() {
        Client::new().script(
            "hset h a 1 b 2 a 3 => :2
             hget h a => $1 3
             hget h no => $-1
             hget no a => $-1
             hset h a 4 c 5 => :1
             hlen h => :3
             hmget h a no b => *3 $1 4 $-1 $1 2
             hmget no a => *1 $-1
             hstrlen h a => :1
             hstrlen no a => :0
             hexists h a => :1
             hexists h no => :0
             hsetnx h a 9 => :0
             hsetnx h d 9 => :1
             hsetnx new f v => :1
             hdel h a a no => :1
             hdel h b c d => :3
             exists h => :0
             hdel h a => :0
             hmset h a 1 => +OK
             hset h a => -ERR wrong number of arguments for 'hset' command
             hmset h a 1 b => -ERR wrong number of arguments for 'hmset' command",
        );
    }

    #[test]
    fn a_new_hash_does_not_see_the_fields_of_the_one_before() {
        Client::new().script(
            "hset h a 1 b 2 => :2
             del h => :1
             hset h c 3 => :1
             hget h a => $-1
             hlen h => :1",
        );
    }
}
