//! What Redis packed small collections in before listpacks: ziplists, zipmaps, and sets of integers.

use super::listpack::Element;

/// The first `N` bytes as an integer, LE, sign extended.
fn integer<const N: usize>(bytes: &[u8]) -> Option<i64> {
    let raw = bytes.get(..N)?;
    let mut wide = [0; 8];
    wide[8 - N..].copy_from_slice(raw);
    Some(i64::from_le_bytes(wide) >> (64 - 8 * N))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(raw.try_into().ok()?)).ok()
}

/// The elements of a ziplist: bytes u32, offset of the last u32, count u16, elements, FF.
pub(super) fn elements(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    const HEADER: usize = 10;
    let count = u16::from_le_bytes(bytes.get(8..HEADER)?.try_into().ok()?);
    if word(bytes, 0)? != bytes.len() || *bytes.last()? != 0xff {
        return None;
    }
    let (mut at, end) = (HEADER, bytes.len().checked_sub(1)?);
    let mut found = Vec::new();
    let (mut before, mut last) = (0, HEADER);
    while at < end {
        // How long the one before is: a byte, or FE and u32.
        let (length, used) = match bytes[at] {
            0xfe => (word(bytes, at + 1)?, 5),
            short => (usize::from(short), 1),
        };
        if length != before {
            return None;
        }
        let body = bytes.get(at + used..end)?;
        let (element, len) = element(body)?;
        found.push(element);
        last = at;
        before = used + len;
        at += before;
    }
    let is_counted = count == u16::MAX || usize::from(count) == found.len();
    (at == end && is_counted && word(bytes, 4)? == last).then_some(found)
}

/// One element behind the length of the one before.
fn element(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let first = *bytes.first()?;
    let rest = &bytes[1..];
    let text = |from: usize, len: usize| {
        let end = from.checked_add(len)?;
        Some((Element::Text(bytes.get(from..end)?), end))
    };
    let number = |value: Option<i64>, len: usize| Some((Element::Integer(value?), len));
    match first {
        0..=0x3f => text(1, usize::from(first)),
        0x40..=0x7f => text(
            2,
            (usize::from(first & 0x3f) << 8) | usize::from(*rest.first()?),
        ),
        0x80 => {
            let len = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
            text(5, usize::try_from(len).ok()?)
        }
        0xc0 => number(integer::<2>(rest), 3),
        0xd0 => number(integer::<4>(rest), 5),
        0xe0 => number(integer::<8>(rest), 9),
        0xf0 => number(integer::<3>(rest), 4),
        0xfe => number(integer::<1>(rest), 2),
        0xf1..=0xfd => number(Some(i64::from(first & 0xf) - 1), 1),
        _ => None,
    }
}

/// The members of a set of integers: their width u32, count u32, members ascending.
pub(super) fn intset(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (width, count) = (word(bytes, 0)?, word(bytes, 4)?);
    let body = bytes.get(8..)?;
    if !matches!(width, 2 | 4 | 8) || body.len() != width.checked_mul(count)? {
        return None;
    }
    let mut found = Vec::with_capacity(count);
    let mut last = None;
    for chunk in body.chunks_exact(width) {
        let value = match width {
            2 => integer::<2>(chunk)?,
            4 => integer::<4>(chunk)?,
            _ => integer::<8>(chunk)?,
        };
        if last.is_some_and(|last| value <= last) {
            return None;
        }
        last = Some(value);
        found.push(value.to_string().into_bytes());
    }
    Some(found)
}

/// The fields and values of a zipmap in turn: count u8, then length, field, length, free u8, value, free bytes; FF.
pub(super) fn zipmap(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut at = 1;
    let mut found = Vec::new();
    loop {
        let length = match *bytes.get(at)? {
            0xff => break,
            0xfe => {
                at += 5;
                word(bytes, at - 4)?
            }
            short => {
                at += 1;
                usize::from(short)
            }
        };
        let is_value = found.len() % 2 == 1;
        let mut free = 0;
        if is_value {
            free = usize::from(*bytes.get(at)?);
            at += 1;
        }
        let end = at.checked_add(length)?;
        found.push(bytes.get(at..end)?.to_vec());
        at = end.checked_add(free)?;
    }
    (at + 1 == bytes.len() && found.len() % 2 == 0).then_some(found)
}
