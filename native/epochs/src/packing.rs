//! Cutting contents into intervals that fit into pages.
//!
//! **Theory.** A fence is the shortest key that separates two neighbours. Where the next one stands is guessed from the sizes of rows and
//! what earlier pages left to them, then drafts tell: a page that does not fit gives back about a tenth of its entries, one that does
//! tries to take more.
//!
//! **Invariant.** The intervals of a packing lie side by side and cover every key of elements and members.

use crate::contents::{Contents, Run};
use crate::page;
use hyperdb_frames::{refused, Error, Result};
use hyperdb_verkle::proof::{
    Anchor, Bounds, Check, Draft, ProofError, Query, Source, ELEMENT, MEMBER,
};

/// Of an element's key, as far as ranges of elements can be told apart: the space and hash64.
const PLACE_BYTES: usize = 9;
/// How much of a page rows may take, as guessed before any was seen.
const FIRST_SHARE: f64 = 0.75;

/// What pages are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes of a page.
    pub(crate) size: usize,
    /// Bytes that a proof may have.
    pub(crate) proof: usize,
    /// Bytes that a page which is cut anew leaves, so that the next epoch's proof need not cut it again.
    pub(crate) spare: usize,
}

/// An interval from a fence on and what proves it.
pub(crate) struct Piece<'a> {
    pub(crate) fence: Vec<u8>,
    pub(crate) draft: Draft<'a>,
}

/// What was tried: where it ends, and what proves it, or that it does not fit.
struct Try<'a> {
    end: usize,
    fence: Vec<u8>,
    fits: bool,
    draft: Option<Draft<'a>>,
}

/// See the module.
pub(crate) struct Packer<'a, 'v> {
    contents: Contents<'v>,
    source: &'a Source<'a>,
    anchor: &'a Anchor,
    room: Room,
    share: f64,
}

impl<'a, 'v> Packer<'a, 'v> {
    pub(crate) fn new(
        contents: Contents<'v>,
        source: &'a Source<'a>,
        anchor: &'a Anchor,
        room: Room,
    ) -> Self {
        Packer {
            contents,
            source,
            anchor,
            room,
            share: FIRST_SHARE,
        }
    }

    /// Elements that were met.
    pub(crate) fn elements(&self) -> u64 {
        self.contents.elements
    }

    /// The next piece from `low` on and the fence behind it; no piece if nothing can lie there. `keep`: all up to `high`, if it fits.
    ///
    /// # Errors
    /// [`Error::NotProvable`] if a proof that cannot be cut has no room; what the store fails with.
    pub(crate) fn next(
        &mut self,
        low: &[u8],
        high: &[u8],
        keep: bool,
    ) -> Result<(Vec<u8>, Option<Piece<'a>>)> {
        let mut end = match keep {
            true => self.all(high)?,
            false => self.guess(high)?,
        };
        let mut best: Option<Try<'a>> = None;
        let found = loop {
            let tried = self.attempt(low, high, end, keep)?;
            if !tried.fits {
                if let Some(best) = best {
                    break best;
                }
                end = self.shorter(tried.end, high)?;
                continue;
            }
            let more = self.more(&tried, high)?;
            let further = more > tried.end && tried.fence != high;
            best = Some(tried);
            match best {
                Some(best) if !further => break best,
                _ => end = more,
            }
        };
        self.contents.forget(&found.fence);
        let piece = found.draft.map(|draft| {
            let used = draft.rows().len() as f64 / self.room.size as f64;
            self.share += (used.clamp(0.05, 0.95) - self.share) / 8.0;
            Piece {
                fence: low.to_vec(),
                draft,
            }
        });
        Ok((found.fence, piece))
    }

    /// Entries in front of a fence.
    fn all(&mut self, high: &[u8]) -> Result<usize> {
        let mut count = 0;
        while self.contents.item(count, high)?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// How many entries about fill a page; at least one.
    fn guess(&mut self, high: &[u8]) -> Result<usize> {
        let room = (self.room.size as f64 * self.share) as usize;
        Ok(self.fill(0, room, high)?.max(1))
    }

    /// Where entries from `start` on end that take at most so many bytes.
    fn fill(&mut self, start: usize, room: usize, high: &[u8]) -> Result<usize> {
        let (mut end, mut taken) = (start, 0);
        while let Some(item) = self.contents.item(end, high)? {
            taken += item.size;
            if taken > room {
                break;
            }
            end += 1;
        }
        Ok(end)
    }

    /// Where a page that fits might end instead.
    fn more(&mut self, tried: &Try<'a>, high: &[u8]) -> Result<usize> {
        let Some(draft) = &tried.draft else {
            return Ok(tried.end);
        };
        let free = self.room.free(draft);
        let rest = usize::try_from(free).unwrap_or(0);
        let end = self.fill(tried.end, rest, high)?;
        Ok(if end > tried.end {
            self.cut(end, high)?.0
        } else {
            end
        })
    }

    /// Tries the interval of the first `end` entries.
    fn attempt(&mut self, low: &[u8], high: &[u8], end: usize, keep: bool) -> Result<Try<'a>> {
        let (end, fence) = self.cut(end, high)?;
        let queries = queries(&self.contents, low, &fence);
        if queries.is_empty() {
            return Ok(Try {
                end,
                fence,
                fits: true,
                draft: None,
            });
        }
        let whole = self.cut(1, high)?.0 >= end;
        let draft = match Draft::new(self.source, self.anchor, &queries) {
            Ok(draft) => Some(draft),
            Err(ProofError::Refused(error)) if error.check == Check::Size && !whole => None,
            Err(error) => return Err(refused(error)),
        };
        let fits = draft.as_ref().is_some_and(|draft| {
            let spare = if keep && fence == high {
                0
            } else {
                self.room.spare
            };
            let proof = draft.proof_bytes();
            proof <= self.room.proof && (whole || self.room.free(draft) >= spare as isize)
        });
        if whole && !fits {
            let size = draft.map_or(0, |draft| draft.proof_bytes());
            return Err(Error::NotProvable(format!(
                "a proof of {size} bytes has no room in a page of {}",
                self.room.size
            )));
        }
        Ok(Try {
            end,
            fence,
            fits,
            draft,
        })
    }

    /// A place in front of `end` where a fence can stand, about a tenth nearer to the begin; there is one.
    fn shorter(&mut self, end: usize, high: &[u8]) -> Result<usize> {
        let mut target = (end * 9 / 10).max(1);
        while target > 1 && self.cut(target, high)?.0 >= end {
            target -= 1;
        }
        Ok(target)
    }

    /// A place at or behind `end` where a fence can stand, and the fence.
    fn cut(&mut self, end: usize, high: &[u8]) -> Result<(usize, Vec<u8>)> {
        let mut end = end;
        let mut before = match end.checked_sub(1) {
            Some(last) => self.contents.item(last, high)?.map(|item| item.key.clone()),
            None => None,
        };
        while let Some(item) = self.contents.item(end, high)? {
            let fence = before
                .as_ref()
                .and_then(|before| separator(before, &item.key));
            if let Some(fence) = fence {
                return Ok((end, fence));
            }
            before = Some(item.key.clone());
            end += 1;
        }
        Ok((self.all(high)?, high.to_vec()))
    }
}

impl Room {
    /// Bytes left in a page that holds this; negative if rows have to go on elsewhere.
    fn free(&self, draft: &Draft<'_>) -> isize {
        let taken = page::TRAILER + draft.rows().len() + draft.proof_bytes();
        self.size as isize - taken as isize
    }
}

/// The shortest key above `before` that is not above `after`; `None` if no range can tell them apart.
fn separator(before: &[u8], after: &[u8]) -> Option<Vec<u8>> {
    let differ = before.iter().zip(after).position(|(a, b)| a != b);
    let same = differ.unwrap_or(before.len());
    let found = after.get(..=same)?;
    let element = found.first() == Some(&ELEMENT);
    (!element || found.len() <= PLACE_BYTES).then(|| found.to_vec())
}

/// What a page proves to show all keys from a fence up to another; none if nothing can lie there.
fn queries(contents: &Contents<'_>, low: &[u8], high: &[u8]) -> Vec<Query> {
    let mut queries = Vec::new();
    if low < &[MEMBER][..] {
        let below = match high < &[MEMBER][..] {
            true => high.get(1..).unwrap_or_default(),
            false => &[],
        };
        queries.push(Query::Elements {
            bounds: Bounds {
                low: low.get(1..).unwrap_or_default().to_vec(),
                below: below.to_vec(),
                companion: false,
            },
        });
    }
    let part = |run: &Run, bound: &[u8]| -> Vec<u8> {
        bound
            .strip_prefix(&run.prefix[..])
            .unwrap_or_default()
            .to_vec()
    };
    for run in contents.runs(low, high) {
        if *run.prefix < *low && !low.starts_with(&run.prefix) {
            continue;
        }
        queries.push(Query::Rows {
            collection: run.collection.clone(),
            bounds: Bounds {
                low: part(run, low),
                below: part(run, high),
                companion: run.companion,
            },
        });
    }
    queries
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn separators_are_short_and_separate() {
        for (before, after, expected) in [
            (&b"\x03abc"[..], &b"\x03abd"[..], Some(&b"\x03abd"[..])),
            (b"\x03ab", b"\x03abcd", Some(b"\x03abc")),
            (b"\x03a\x01\x02", b"\x03b\x01", Some(b"\x03b")),
            (b"\x0212345678a", b"\x0212345679b", Some(b"\x0212345679")),
            (b"\x0212345678a", b"\x0212345678b", None),
        ] {
            let found = separator(before, after);
            assert_eq!(found.as_deref(), expected);
            if let Some(found) = found {
                assert!(*before < *found && *found <= *after);
            }
        }
    }
}
