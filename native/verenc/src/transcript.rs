//! Hashes of framed parts: SHAKE256 over a tag and parts, each behind its length as u32 LE.
//!
//! **Invariant.** A tag is used for one purpose, and no two lists of parts are the same bytes.

use hyperdb_ed448::{Scalar, WIDE};
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Shake256, Shake256Reader};
use zeroize::Zeroize;

/// Collects parts.
pub(crate) struct Transcript(Shake256);

impl Transcript {
    /// A transcript for one purpose.
    pub(crate) fn new(tag: &str) -> Transcript {
        Transcript(Shake256::default()).part(tag.as_bytes())
    }

    /// Adds a part.
    pub(crate) fn part(mut self, part: &[u8]) -> Transcript {
        self.0.update(&(part.len() as u32).to_le_bytes());
        self.0.update(part);
        self
    }

    /// What follows from the parts.
    pub(crate) fn stream(self) -> Stream {
        Stream(self.0.finalize_xof())
    }

    /// The first bytes of what follows.
    pub(crate) fn bytes<const N: usize>(self) -> [u8; N] {
        self.stream().bytes()
    }
}

/// As many bytes as are wanted.
pub(crate) struct Stream(Shake256Reader);

impl Stream {
    /// The next bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.0.read(&mut out);
        out
    }

    /// The next scalar, as good as evenly distributed: of 912 bits.
    pub(crate) fn scalar(&mut self) -> Scalar {
        let mut wide: [u8; WIDE] = self.bytes();
        let scalar = Scalar::reduce(&wide);
        wide.zeroize();
        scalar
    }

    /// The next scalars.
    pub(crate) fn scalars<const W: usize>(&mut self) -> [Scalar; W] {
        std::array::from_fn(|_| self.scalar())
    }
}
