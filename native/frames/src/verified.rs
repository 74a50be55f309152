//! Native verification: what `docs/proof-format.md` asks, with this crate's signatures.

use crate::sign;
use hyperdb_verkle::proof::{self, Options, Seen, Trusted, VerificationError, Verified};

/// Threads that make or check one bundle.
pub(crate) const THREADS: usize = 2;

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
    let signature = |public: &[u8; 57], message: &[u8], signature: &[u8; 114], context: &[u8]| {
        sign::verify_in(context, public, message, signature)
    };
    let mut options = Options::new(&signature);
    options.app = app;
    options.seen = seen;
    options.threads = THREADS;
    proof::verify(bundle, trusted, &options)
}
