//! Native verification: what `docs/proof-format.md` asks, with this crate's signatures.
//!
//! **Theory.** Bundles of one frame carry one signature, and a reader meets it in each: what was found good once in this process is known
//! by a digest of key, message, signature and context, all four framed, so checking the same bytes again is looking the digest up.
//!
//! **Invariant.** Only what verified is remembered; whatever differs in a byte is checked.

use crate::sign;
use hyperdb_verkle::hash::to_digest;
use hyperdb_verkle::hash::Digest;
use hyperdb_verkle::proof::{self, Options, Seen, Trusted, VerificationError, Verified};
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Threads that make or check one bundle.
pub(crate) const THREADS: usize = 2;

/// Signatures that are remembered.
const KNOWN: usize = 64;

/// Digests of signatures that verified, the last used at the end.
static GOOD: Mutex<VecDeque<Digest>> = Mutex::new(VecDeque::new());

/// Whether the signature is good, remembered if it is.
fn is_good(public: &[u8; 57], message: &[u8], signature: &[u8; 114], context: &[u8]) -> bool {
    let digest = to_digest(
        "hyperdb/known-signature",
        &[public, message, signature, context],
    );
    let mut good = GOOD.lock();
    if let Some(at) = good.iter().position(|known| *known == digest) {
        if let Some(known) = good.remove(at) {
            good.push_back(known);
        }
        return true;
    }
    drop(good);
    if !sign::verify_in(context, public, message, signature) {
        return false;
    }
    let mut good = GOOD.lock();
    if good.len() >= KNOWN {
        good.pop_front();
    }
    good.push_back(digest);
    true
}

/// Checks a bundle against what is pinned. `app` refuses an answer about any other app, `seen` a frame that does not contain the
/// newest one that the caller saw.
///
/// # Errors
/// [`VerificationError`], naming the first check that failed.
pub fn verify(
    bundle: &[u8],
    trusted: &Trusted,
    app: Option<&[u8]>,
    seen: Option<Seen>,
) -> Result<Verified, VerificationError> {
    let mut options = Options::new(&is_good);
    options.app = app;
    options.seen = seen;
    options.threads = THREADS;
    proof::verify(bundle, trusted, &options)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::sign::{Purpose, SecretKey};

    #[test]
    fn a_known_signature_makes_no_other_one_good() {
        const FRAME: &[u8] = b"hyperdb/frame";
        let key = SecretKey::from_seed(&[5; 57]);
        let sign = |message: &[u8]| key.sign(Purpose::Frame, message).unwrap();
        let (public, signature) = (key.public(), sign(b"message"));
        for _ in 0..2 {
            assert!(is_good(&public, b"message", &signature, FRAME));
            for at in [0, 60, 113] {
                let mut other = signature;
                other[at] ^= 1;
                assert!(!is_good(&public, b"message", &other, FRAME));
            }
            assert!(!is_good(&public, b"message", &signature, b"hyperdb/attest"));
            assert!(!is_good(&public, b"messag", &signature, b"ehyperdb/frame"));
            let mut other = public;
            other[3] ^= 1;
            assert!(!is_good(&other, b"message", &signature, FRAME));
        }
        for number in 0..2 * KNOWN {
            let message = number.to_le_bytes();
            assert!(is_good(&public, &message, &sign(&message), FRAME));
        }
        assert_eq!(GOOD.lock().len(), KNOWN);
    }
}
