//! Which commitment nodes go with a dropped collection or app.
//!
//! ```text
//! NODE  00 app tree path       branch of one of an app's four trees; path: a byte a step of six bits
//! ```
//! **Theory.** The members of a collection lie together in the trees: below the steps that are the bits 01, the bytes of its number as
//! a varint, and zero bits up to a whole step (docs/commitment.md, Place). A number is never used twice, so once its drop lies
//! behind the horizon nobody reads what lies there. The other nodes, and how they are made, are not this crate's business.

use crate::keys::{read_varint, AppId, KeyBuf};

const APP_TREES: u8 = 0x00;
/// The trees of rows, and those of all other members.
const VERTEX_TREES: [u8; 2] = [0, 1];
const EDGE_TREES: [u8; 2] = [2, 3];
const STEP: usize = 6;
const MEMBER: u8 = 0b01;

/// Beginning of the keys of an app's nodes.
pub fn app_prefix(app: AppId) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.push(&[APP_TREES]).push_varint(u64::from(app.0));
    key
}

/// Beginnings of the keys of nodes below which nothing but members of collection `cid` lies.
pub fn collection_prefixes(app: AppId, cid: u64) -> [KeyBuf; 2] {
    let mut number = KeyBuf::new();
    number.push_varint(cid);
    let bits = number.iter().fold(u128::from(MEMBER), |bits, byte| {
        bits << 8 | u128::from(*byte)
    });
    let length = 2 + 8 * number.len();
    let steps = length.div_ceil(STEP);
    let bits = bits << (steps * STEP - length);
    let trees = if cid % 4 >= 2 {
        VERTEX_TREES
    } else {
        EDGE_TREES
    };
    trees.map(|tree| {
        let mut key = app_prefix(app);
        key.push(&[tree]);
        for step in (0..steps).rev() {
            key.push(&[(bits >> (step * STEP)) as u8 & 63]);
        }
        key
    })
}

/// The app of a node, and the collection below whose place it lies; `None` for nodes of other trees.
pub fn parse(key: &[u8]) -> Option<(AppId, Option<u64>)> {
    let rest = key.strip_prefix(&[APP_TREES])?;
    let (app, used) = read_varint(rest)?;
    let path = rest.get(used + 1..)?;
    Some((AppId(u32::try_from(app).ok()?), collection(path)))
}

fn collection(path: &[u8]) -> Option<u64> {
    let (first, second) = (*path.first()?, *path.get(1)?);
    if first >> 4 != MEMBER {
        return None;
    }
    let head = (first & 15) << 4 | second >> 2;
    let size = 1 + usize::from(head.saturating_sub(247));
    let steps = (2 + 8 * size).div_ceil(STEP);
    let bits = path
        .get(..steps)?
        .iter()
        .fold(0u128, |bits, step| bits << STEP | u128::from(*step));
    let number = bits >> (steps * STEP - 2 - 8 * size);
    let bytes = number.to_be_bytes();
    let (cid, _) = read_varint(&bytes[bytes.len() - size..])?;
    Some(cid)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_node_below_a_collection_tells_which() {
        let app = AppId(300);
        for cid in [
            4,
            5,
            6,
            247,
            248,
            1000,
            65_538,
            (1 << 40) + 2,
            (1 << 56) - 1,
        ] {
            for prefix in collection_prefixes(app, cid) {
                assert_eq!(parse(&prefix), Some((app, Some(cid))));
                let below = [&prefix[..], &[7, 63, 0]].concat();
                assert_eq!(parse(&below), Some((app, Some(cid))));
                let above = &prefix[..prefix.len() - 1];
                assert_eq!(
                    parse(above),
                    Some((app, None)),
                    "a branch of several collections"
                );
            }
        }
        let element = [&app_prefix(app)[..], &[0, 3, 9, 9, 9, 9]].concat();
        assert_eq!(parse(&element), Some((app, None)));
        assert_eq!(parse(&[1, 17, 4]), None, "the tree of apps");
        assert_eq!(parse(&app_prefix(app)), None);
    }
}
