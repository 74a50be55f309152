//! Owners' attestations: an app's root at a frame, signed by a key that the store never has.
//!
//! ```text
//! message  frame(address) || frame(hash key) || u64 LE frame || frame(app root) || frame(manifest digest, zeros for none)
//! record   app root 32 | manifest 32 | public key 57 | signature 114
//! ```
//! **Theory.** The store's signature says only that the store does not contradict itself. An owner builds the app's trees
//! from its own copy of the data ([`crate::Frames::plant`]) and signs what it found, so a client that trusts the
//! owner need not trust the store. The hash key is in the message since it decides where every key lies.

use crate::error::{Error, Result};
use crate::header::Header;
use crate::records::{attestation_key, Records};
use crate::seal::Frames;
use crate::sign::{self, Purpose, SecretKey, PUBLIC_KEY, SIGNATURE};
use hyperdb_lsm::{Batch, Family};
use hyperdb_verkle::hash::Digest;
use hyperdb_verkle::tree::apps::address;

/// What an owner says of an app at a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The app's root.
    pub app_root: Digest,
    /// Digest of the manifest of an epoch; zeros for none.
    pub manifest: Digest,
    /// The owner's key.
    pub public: [u8; PUBLIC_KEY],
    /// Its signature.
    pub signature: [u8; SIGNATURE],
}

const RECORD: usize = 32 + 32 + PUBLIC_KEY + SIGNATURE;

/// The bytes that an owner signs.
pub fn message(name: &[u8], header: &Header, app_root: &Digest, manifest: &Digest) -> Vec<u8> {
    let mut out = Vec::new();
    let mut framed = |bytes: &[u8]| {
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    framed(&address(name));
    framed(&header.hash_key);
    out.extend_from_slice(&header.number.to_le_bytes());
    for digest in [app_root, manifest] {
        out.extend_from_slice(&(digest.len() as u32).to_le_bytes());
        out.extend_from_slice(digest);
    }
    out
}

impl Attestation {
    /// Signs an app's root, which the caller has computed itself.
    ///
    /// # Errors
    /// As [`SecretKey::sign`].
    pub fn sign(
        key: &SecretKey,
        name: &[u8],
        header: &Header,
        app_root: Digest,
        manifest: Digest,
    ) -> Result<Attestation> {
        let message = message(name, header, &app_root, &manifest);
        Ok(Attestation {
            signature: key.sign(Purpose::Attest, &message)?,
            public: key.public(),
            app_root,
            manifest,
        })
    }

    /// Whether the key that it names signed this of the app `name` at the frame of `header`.
    pub fn is_signed(&self, name: &[u8], header: &Header) -> bool {
        let message = message(name, header, &self.app_root, &self.manifest);
        sign::verify(Purpose::Attest, &self.public, &message, &self.signature)
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        [
            &self.app_root[..],
            &self.manifest,
            &self.public,
            &self.signature,
        ]
        .concat()
    }

    /// Back from [`Attestation::encode`]; the signature is not looked at.
    pub fn decode(bytes: &[u8]) -> Option<Attestation> {
        if bytes.len() != RECORD {
            return None;
        }
        let (app_root, rest) = bytes.split_first_chunk()?;
        let (manifest, rest) = rest.split_first_chunk()?;
        let (public, rest) = rest.split_first_chunk()?;
        Some(Attestation {
            app_root: *app_root,
            manifest: *manifest,
            public: *public,
            signature: rest.try_into().ok()?,
        })
    }
}

impl Frames {
    /// Keeps an owner's attestation beside its frame.
    ///
    /// # Errors
    /// [`Error::NotSealed`]; [`Error::Malformed`] if its signature is not by the key it names.
    pub fn keep_attestation(
        &self,
        name: &[u8],
        frame: u64,
        attestation: &Attestation,
    ) -> Result<()> {
        let header = self.header(frame)?.header;
        if !attestation.is_signed(name, &header) {
            return Err(Error::Malformed("attestation"));
        }
        let key = attestation_key(&address(name), frame);
        let mut batch = Batch::new();
        batch.put(Family::NODE, &key, &attestation.encode());
        self.store().db().write_durable(&batch)?;
        Ok(())
    }

    /// Recomputes an app's root at a frame from the data alone, signs it with the owner's key of that seed, and keeps what was said;
    /// the frame's number with it. To be run on the owner's copy: it is worth what that copy is.
    ///
    /// # Errors
    /// As [`Frames::view`]; [`Error::NotProvable`] if there is no such app, or if its trees are not what the data say.
    pub fn attest(
        &self,
        frame: Option<u64>,
        name: &[u8],
        seed: &[u8; sign::SEED],
        manifest: Digest,
    ) -> Result<(u64, Attestation)> {
        let view = self.view(frame)?;
        let header = view.signed.header;
        let absent = || Error::NotProvable("there is no such app at this frame".into());
        let sealed = self.app_at(Some(header.number), name)?.ok_or_else(absent)?;
        let rebuilt = self.rebuild(&view, name, &mut |_| {})?.ok_or_else(absent)?;
        if rebuilt.root != sealed.root {
            return Err(Error::NotProvable(format!(
                "the app's root at frame {} is not what this copy's data say: nothing was signed",
                header.number
            )));
        }
        let key = SecretKey::from_seed(seed);
        let made = Attestation::sign(&key, name, &header, rebuilt.root, manifest)?;
        self.keep_attestation(name, header.number, &made)?;
        Ok((header.number, made))
    }

    /// What an owner said of an app at a frame, if it did.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn attestation(&self, name: &[u8], frame: u64) -> Result<Option<Attestation>> {
        let snapshot = self.store().db().snapshot();
        let raw = Records(&snapshot).attestation(&address(name), frame)?;
        raw.map(|raw| Attestation::decode(&raw).ok_or(Error::Malformed("attestation")))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::header::tests::header;

    #[test]
    fn an_attestation_holds_for_one_app_frame_and_root() {
        let key = SecretKey::from_seed(&[3; sign::SEED]);
        let made = Attestation::sign(&key, b"shop", &header(4), [1; 32], [0; 32]).unwrap();
        assert!(made.is_signed(b"shop", &header(4)));
        assert!(!made.is_signed(b"shop2", &header(4)));
        assert!(!made.is_signed(b"shop", &header(5)));
        let mut moved = header(4);
        moved.hash_key[0] ^= 1;
        assert!(!made.is_signed(b"shop", &moved));
        let other = Attestation {
            app_root: [2; 32],
            ..made.clone()
        };
        assert!(!other.is_signed(b"shop", &header(4)));
        let bytes = made.encode();
        assert_eq!(Attestation::decode(&bytes), Some(made));
        assert_eq!(Attestation::decode(&bytes[1..]), None);
    }
}
