//! Bundles: from bytes and a pin to verified answers. The order of checks is that of `docs/proof-format.md`.

use super::answer::Answer;
use super::error::{fail, Check, VerificationError};
use super::header::{check_history, Frame, HEADER_BYTES, SCHEME};
use super::query::Query;
use super::row::Row;
use super::shown::Anchor;
use super::wire::{Limits, Reader, LIMITS};
use crate::hash::{to_digest, Digest};

pub(crate) const MAGIC: &[u8] = b"HDBP\x01";
pub(crate) const SIGNED: u8 = 1;
pub(crate) const ATTESTED: u8 = 2;
pub(crate) const HISTORY: u8 = 4;
pub(crate) const APP: u8 = 8;
pub(crate) const APP_TREE: u8 = 16;

/// What the caller trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// One frame: the digest of its header.
    Root(Digest),
    /// The key that signs a store's frames.
    StoreKey([u8; 57]),
    /// The key of an app's owner, who signs what an own copy says.
    OwnerKey([u8; 57]),
}

/// The newest frame that the caller saw: later ones must contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub number: u64,
    /// Its header's digest.
    pub root: Digest,
}

/// Verifies an Ed448 signature (RFC 8032, pure): public key, message, signature, context.
pub type VerifySignature<'a> = &'a dyn Fn(&[u8; 57], &[u8], &[u8; 114], &[u8]) -> bool;

/// How to verify.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Refuse an answer about any other app.
    pub app: Option<&'a [u8]>,
    /// Refuse a frame that does not contain this one.
    pub seen: Option<Seen>,
    /// How much work a stranger may cause.
    pub limits: Limits,
    /// Ed448.
    pub signature: VerifySignature<'a>,
    /// Threads for checking points, at least 1.
    pub threads: usize,
}

impl<'a> Options<'a> {
    /// The format's limits, two threads, nothing expected.
    pub fn new(signature: VerifySignature<'a>) -> Self {
        Self {
            app: None,
            seen: None,
            limits: LIMITS,
            signature,
            threads: 2,
        }
    }
}

/// What an owner signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The owner's key.
    pub owner: [u8; 57],
    /// Zeros: none.
    pub manifest: Digest,
}

/// What a bundle shows, under what was pinned.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The frame; under an owner key only its number and hash key are the owner's word.
    pub frame: Frame,
    /// The key that signed the header, if the bundle has a signature.
    pub signer: Option<[u8; 57]>,
    /// The owner's word, if the bundle has it.
    pub attestation: Option<Attestation>,
    /// An earlier frame that this frame's history holds.
    pub contains: Option<Frame>,
    /// The app's name, if the bundle is about one.
    pub app: Option<Vec<u8>>,
    /// The queries.
    pub queries: Vec<Query>,
    /// An answer to each.
    pub answers: Vec<Answer>,
    /// Verified rows, which answers name by number.
    pub rows: Vec<Row>,
}

/// Checks a bundle.
///
/// # Errors
/// [`VerificationError`], naming the first check that failed.
pub fn verify(
    bundle: &[u8],
    trusted: &Trusted,
    options: &Options<'_>,
) -> Result<Verified, VerificationError> {
    if bundle.len() > options.limits.size {
        return fail(
            Check::Size,
            format!("{} bytes, more than {}", bundle.len(), options.limits.size),
        );
    }
    let mut reader = Reader::new(bundle, options.limits);
    if reader.take(MAGIC.len())? != MAGIC {
        return fail(Check::Format, "no proof, or of a format not known here");
    }
    let flags = reader.u8()?;
    if flags > 15 || (flags & ATTESTED != 0 && flags & APP == 0) {
        return fail(Check::Format, format!("unknown flags {flags}"));
    }
    let header: [u8; HEADER_BYTES] = reader.array()?;
    let frame = Frame::decode(&header)?;
    check_pin(trusted, &frame, flags)?;
    let signer = match flags & SIGNED {
        0 => None,
        _ => Some(check_signature(&mut reader, &header, options)?),
    };
    if matches!(trusted, Trusted::StoreKey(key) if signer != Some(*key)) {
        return fail(
            Check::Pin,
            "the header is signed by another key than the one pinned",
        );
    }
    let attested = match flags & ATTESTED {
        0 => None,
        _ => Some((
            reader.array::<57>()?,
            reader.array::<32>()?,
            reader.array::<114>()?,
        )),
    };
    let contains = match flags & HISTORY {
        0 => None,
        _ => Some(check_history(&mut reader, &frame)?),
    };
    check_seen(options.seen, &frame, contains.as_ref())?;
    let mut verified = Verified {
        frame,
        signer,
        attestation: None,
        contains,
        app: None,
        queries: Vec::new(),
        answers: Vec::new(),
        rows: Vec::new(),
    };
    if flags & APP == 0 {
        reader.end()?;
        return match options.app {
            Some(_) => fail(Check::Pin, "the bundle is about no app"),
            None => Ok(verified),
        };
    }
    let anchor = Anchor::read(&mut reader, &verified.frame)?;
    if options.app.is_some_and(|wanted| wanted != anchor.name) {
        return fail(Check::Pin, "the bundle is about another app");
    }
    if let Some((owner, manifest, signature)) = attested {
        let message =
            attestation_message(&anchor.address, &verified.frame, &anchor.root, &manifest);
        if !(options.signature)(&owner, &message, &signature, b"hyperdb/attest") {
            return fail(
                Check::Attestation,
                "the app's root at this frame was not signed by the owner's key beside it",
            );
        }
        verified.attestation = Some(Attestation { owner, manifest });
    }
    if matches!(trusted, Trusted::OwnerKey(key) if verified.attestation.is_none_or(|seen| seen.owner != *key))
    {
        return fail(
            Check::Pin,
            "the app's root is attested by another key than the one pinned",
        );
    }
    verified.app = Some(anchor.name.clone());
    anchor.answer(&mut reader, options.threads, &mut verified)?;
    Ok(verified)
}

/// What an owner signs: app, hash key, frame, app root, manifest digest.
pub fn attestation_message(
    address: &Digest,
    frame: &Frame,
    app_root: &Digest,
    manifest: &Digest,
) -> Vec<u8> {
    let mut message = Vec::new();
    let mut part = |bytes: &[u8], framed: bool| {
        if framed {
            message.extend((bytes.len() as u32).to_le_bytes());
        }
        message.extend_from_slice(bytes);
    };
    part(address, true);
    part(&frame.hash_key, true);
    part(&frame.number.to_le_bytes(), false);
    part(app_root, true);
    part(manifest, true);
    message
}

/// What an opening is about.
pub(crate) fn context(root: &Digest) -> Digest {
    to_digest("hyperdb/context", &[&[SCHEME], root])
}

fn check_pin(trusted: &Trusted, frame: &Frame, flags: u8) -> Result<(), VerificationError> {
    match trusted {
        Trusted::Root(root) if *root != frame.root => fail(
            Check::Pin,
            format!(
                "the bundle is about another root, of frame {}",
                frame.number
            ),
        ),
        Trusted::StoreKey(_) if flags & SIGNED == 0 => fail(
            Check::Pin,
            "a store key is pinned and the bundle has no signature",
        ),
        Trusted::OwnerKey(_) if flags & ATTESTED == 0 => fail(
            Check::Pin,
            "an owner key is pinned and the bundle has no attestation",
        ),
        _ => Ok(()),
    }
}

fn check_signature(
    reader: &mut Reader<'_>,
    header: &[u8],
    options: &Options<'_>,
) -> Result<[u8; 57], VerificationError> {
    let (public, signature) = (reader.array()?, reader.array()?);
    if (options.signature)(&public, header, &signature, b"hyperdb/frame") {
        return Ok(public);
    }
    fail(
        Check::Signature,
        "the header was not signed by the key beside it",
    )
}

fn check_seen(
    seen: Option<Seen>,
    frame: &Frame,
    contains: Option<&Frame>,
) -> Result<(), VerificationError> {
    let Some(seen) = seen.filter(|seen| seen.root != frame.root) else {
        return Ok(());
    };
    let detail = match frame.number.cmp(&seen.number) {
        std::cmp::Ordering::Less => format!(
            "frame {} is older than frame {}, which was seen",
            frame.number, seen.number
        ),
        std::cmp::Ordering::Equal => format!(
            "another frame {} than the one that was seen: the store was forked",
            seen.number
        ),
        std::cmp::Ordering::Greater if contains.is_some_and(|frame| frame.root == seen.root) => {
            return Ok(())
        }
        std::cmp::Ordering::Greater => format!(
            "frame {} is not shown to contain frame {}, which was seen",
            frame.number, seen.number
        ),
    };
    fail(Check::Rollback, detail)
}
