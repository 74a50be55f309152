//! LZF blocks (Lehmann): runs of literals, and references into what was written before.
//!
//! ```text
//! 000lllll, l + 1 literal bytes | lllooooo oooooooo: l + 2 bytes from o + 1 back (l from 1 to 6) | 111ooooo llllllll oooooooo: l + 9 bytes
//! ```
//! **Theory.** A block has many texts that it could be written from; [`shorten`] makes the choices of the library that Redis uses
//! (one candidate for each of 2^16 places, by the three bytes at a position; two positions noted behind each reference), since
//! applications compare payloads. What Redis finds in places that it never cleared it cannot follow.

use std::cell::RefCell;

/// Bytes that a block must save to be worth it.
const SAVED: usize = 4;
/// Literal bytes of a run at most.
const RUN: usize = 32;
/// A reference reaches back so far at most, and copies so many bytes at most.
const REACH: usize = 1 << 13;
const LONGEST: usize = 264;
/// Bytes of a reference and of the run behind it.
const REFERENCE: usize = 4;
/// Bytes that are compared before `LONGEST` is looked at, where so many are left.
const FIRST: usize = 19;
const PLACES: usize = 1 << 16;

/// Where each place's bytes were last seen. A mark of an earlier text lies below `begins`, so nothing is cleared between texts.
struct Seen {
    marks: Vec<u32>,
    begins: u32,
}

impl Seen {
    const NEW: Seen = Seen {
        marks: Vec::new(),
        begins: 1,
    };

    /// Makes room for the positions of a text; `None` if it has too many.
    fn open(&mut self, len: usize) -> Option<()> {
        let len = u32::try_from(len).ok()?;
        if self.marks.is_empty() || self.begins.checked_add(len).is_none() {
            self.marks.clear();
            self.marks.resize(PLACES, 0);
            self.begins = 1;
        }
        self.begins.checked_add(len).map(drop)
    }

    /// Notes that these three bytes are at a position; where they, or others of their place, were before.
    fn note(&mut self, bytes: [u8; 3], at: usize) -> Option<usize> {
        let [one, two, three] = bytes.map(u32::from);
        let place = ((one << 8) | two).wrapping_sub(5 * ((two << 8) | three)) as usize % PLACES;
        let mark = std::mem::replace(&mut self.marks[place], self.begins + at as u32);
        mark.checked_sub(self.begins).map(|before| before as usize)
    }
}

thread_local! {
    static SEEN: RefCell<Seen> = const { RefCell::new(Seen::NEW) };
}

/// A block under construction: what is in it, and how many literal bytes the run at its end has.
struct Block {
    bytes: Vec<u8>,
    run: usize,
}

impl Block {
    fn literal(&mut self, byte: u8) {
        self.run += 1;
        self.bytes.push(byte);
        if self.run == RUN {
            self.close();
            self.bytes.push(0);
        }
    }

    /// Writes how long the run at the end is, or takes it back if it is empty.
    fn close(&mut self) {
        let begins = self.bytes.len() - self.run - 1;
        match self.run {
            0 => self.bytes.truncate(begins),
            run => self.bytes[begins] = (run - 1) as u8,
        }
        self.run = 0;
    }
}

/// The block of a text; `None` if it would not be `SAVED` bytes shorter.
pub(super) fn shorten(text: &[u8]) -> Option<Vec<u8>> {
    let room = text.len().checked_sub(SAVED).filter(|room| *room > 0)?;
    SEEN.with_borrow_mut(|seen| {
        seen.open(text.len())?;
        let block = shorten_with(seen, text, room);
        seen.begins += text.len() as u32;
        block
    })
}

fn shorten_with(seen: &mut Seen, text: &[u8], room: usize) -> Option<Vec<u8>> {
    let three = |at: usize| [text[at], text[at + 1], text[at + 2]];
    let last = text.len().checked_sub(2)?;
    let mut block = Block {
        bytes: Vec::with_capacity(room + 1),
        run: 0,
    };
    block.bytes.push(0);
    let mut at = 0;
    while at < last {
        let before = seen
            .note(three(at), at)
            .filter(|before| *before > 0 && at - before <= REACH && three(*before) == three(at));
        let Some(before) = before else {
            if block.bytes.len() >= room {
                return None;
            }
            block.literal(text[at]);
            at += 1;
            continue;
        };
        if block.bytes.len() - usize::from(block.run == 0) + REFERENCE >= room {
            return None;
        }
        block.close();
        let most = (last - at).min(LONGEST);
        let most = if most > FIRST - 3 {
            most.max(FIRST)
        } else {
            most
        };
        let mut len = 3;
        while len < most && text[before + len] == text[at + len] {
            len += 1;
        }
        let back = at - before - 1;
        match len - 2 {
            short @ ..7 => block.bytes.push((short << 5 | back >> 8) as u8),
            long => block
                .bytes
                .extend([(7 << 5 | back >> 8) as u8, (long - 7) as u8]),
        }
        block.bytes.extend([back as u8, 0]);
        at += len;
        if at < last {
            for noted in [at - 2, at - 1] {
                seen.note(three(noted), noted);
            }
        }
    }
    if block.bytes.len() + 3 > room {
        return None;
    }
    text[at..].iter().for_each(|byte| block.literal(*byte));
    block.close();
    Some(block.bytes)
}

/// A block expands to at most so many times its length: a reference of three bytes copies 264.
const MOST_EXPANSION: usize = 264;

/// The text of a block, which must be `len` bytes long; `None` if it is not, or the block is malformed.
pub(super) fn expand(block: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > block.len().saturating_mul(MOST_EXPANSION) {
        return None;
    }
    let mut out = Vec::with_capacity(len);
    let mut at = 0;
    while at < block.len() {
        let control = usize::from(block[at]);
        at += 1;
        if control < 32 {
            let end = at + control + 1;
            out.extend_from_slice(block.get(at..end)?);
            at = end;
            continue;
        }
        let mut copied = control >> 5;
        if copied == 7 {
            copied += usize::from(*block.get(at)?);
            at += 1;
        }
        let back = ((control & 0x1f) << 8) + usize::from(*block.get(at)?) + 1;
        at += 1;
        let from = out.len().checked_sub(back)?;
        if out.len() + copied + 2 > len {
            return None;
        }
        // The copy may reach into what it writes.
        for i in 0..copied + 2 {
            out.push(*out.get(from + i)?);
        }
    }
    (out.len() == len).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_are_those_of_the_library() {
        // Values of Redis 7.2.6 as it dumps them.
        let words = b"the quick fox, the quick dog, the quick cow; ";
        for (text, block) in [
            (vec![b'a'; 30], &b"\x01aa\xe0\x11\x00\x01aa"[..]),
            (b"abcabd".repeat(4), b"\x06abcabda\xe0\x06\x05\x01bd"),
            (
                words.repeat(3),
                b"\x0fthe quick fox, t\xe0\x00\x0e\x02dog\xe0\x03\x0e\x03cow;\xe0\x02\x1d\xe0E,\x01; ",
            ),
        ] {
            assert_eq!(shorten(&text).as_deref(), Some(block));
        }
        assert_eq!(shorten(b"abcdefghijklmnopqrstuvwxyz"), None);
        assert_eq!(shorten(b"aaaa"), None);
    }

    proptest! {
        #[test]
        fn texts_come_back(text in prop::collection::vec(0u8..4, 0..600), times in 1usize..40) {
            let text = text.repeat(times);
            if let Some(block) = shorten(&text) {
                prop_assert!(block.len() + SAVED <= text.len());
                prop_assert_eq!(expand(&block, text.len()), Some(text));
            }
        }
    }
}
