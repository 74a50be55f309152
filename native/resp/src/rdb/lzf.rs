//! LZF blocks (Lehmann): runs of literals, and references into what was written before.

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
