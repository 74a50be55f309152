//! CLUSTER COUNTKEYSINSLOT and GETKEYSINSLOT: which keys lie in a slot of Redis's cluster.
//!
//! This server is alone and has all slots; keys are not stored by them, so the answer is a walk over all keys.

use super::listing::{decode, is_live};
use super::scan::split_place;
use crate::command::{Abort, Context, Outcome};
use crate::commands::numbers::parse_i64;

/// Slots of a cluster.
const SLOTS: u16 = 16384;
/// CRC-16/XMODEM, as Redis's cluster specification says.
const POLYNOMIAL: u16 = 0x1021;

/// The slot of a key: of what is between its first braces, unless that is nothing.
fn slot(key: &[u8]) -> u16 {
    let open = key.iter().position(|byte| *byte == b'{');
    let tag = open.and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    let crc = tag.unwrap_or(key).iter().fold(0u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            let carry = crc & 0x8000 != 0;
            crc << 1 ^ if carry { POLYNOMIAL } else { 0 }
        })
    });
    crc % SLOTS
}

fn wanted(text: &[u8]) -> Result<Option<u16>, Abort> {
    let number = parse_i64(text).ok_or_else(crate::command::errors::not_an_integer)?;
    let slot = u16::try_from(number).ok();
    Ok(slot.filter(|slot| *slot < SLOTS))
}

/// The first `most` keys of a slot.
fn keys(cx: &Context<'_, '_>, wanted: u16, most: usize) -> Result<Vec<Box<[u8]>>, Abort> {
    let mut found = Vec::new();
    let mut walk = cx.turn.elements(cx.app, 0);
    while found.len() < most {
        let Some((place, record)) = walk.next()? else {
            break;
        };
        let id = split_place(place).1;
        if slot(id) == wanted && cx.may_name(id) && is_live(&decode(&record)?, cx.turn.now_ms()) {
            found.push(id.into());
        }
    }
    Ok(found)
}

/// CLUSTER COUNTKEYSINSLOT slot
pub fn count(cx: &mut Context<'_, '_>) -> Outcome {
    let Some(slot) = wanted(cx.args.at(2))? else {
        return Err(Abort::error("ERR Invalid slot"));
    };
    let count = keys(cx, slot, usize::MAX)?.len();
    cx.reply.integer(count as i64);
    Ok(())
}

/// CLUSTER GETKEYSINSLOT slot count
pub fn get(cx: &mut Context<'_, '_>) -> Outcome {
    let slot = wanted(cx.args.at(2))?;
    let most = parse_i64(cx.args.at(3)).ok_or_else(crate::command::errors::not_an_integer)?;
    let (Some(slot), Ok(most)) = (slot, usize::try_from(most)) else {
        return Err(Abort::error("ERR Invalid slot or number of keys"));
    };
    let found = keys(cx, slot, most)?;
    cx.reply.array(found.len());
    found.iter().for_each(|key| cx.reply.bulk(key));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::slot;
    use crate::commands::testing::Client;

    #[test]
    fn slots_are_those_of_redis() {
        let known: [(&[u8], u16); 6] = [
            (b"foo", 12182),
            (b"bar", 5061),
            (b"123456789", 0x31c3),
            (b"", 0),
            (b"{foo}x", 12182),
            (b"a{foo}{bar}", 12182),
        ];
        for (key, at) in known {
            assert_eq!(slot(key), at);
        }
        assert_ne!(slot(b"{}foo"), slot(b"foo"));
    }

    #[test]
    fn keys_of_a_slot() {
        let mut client = Client::new();
        client.script(
            "cluster countkeysinslot 12182 => :0
             mset foo 1 {foo}x 2 bar 3 => +OK
             cluster countkeysinslot 12182 => :2
             cluster getkeysinslot 5061 10 => *1 $3 bar
             cluster getkeysinslot 5061 0 => *0
             cluster countkeysinslot 16384 => -ERR Invalid slot
             cluster getkeysinslot 1 -1 => -ERR Invalid slot or number of keys
             cluster countkeysinslot x => -ERR value is not an integer or out of range",
        );
    }
}
