//! A small secret without a cipher: 54 bytes in one ciphertext of 113, with a proof beside it.
//!
//! **Theory.** The bytes are a number m. What is proved is about C = m G + s H, which hides an m that could be guessed (Pedersen 1991), with
//! both m and s shared. The ciphertext is hashed ElGamal, R = r G and c = m + H(R, r P), and the same hash gives s: so the
//! recipient opens 113 bytes and sees by C whether they are what was proved. If not, the proof gives m all the same, since C
//! binds to one.
//!
//! **Invariant.** The ciphertext is part of the proof's context: neither can be taken from the other.

use crate::error::{exactly, Refusal, Result};
use crate::proof::{proof_bytes, Reader};
use crate::prove::prove;
use crate::recipient::{Recipient, SecretKey, PUBLIC_KEY};
use crate::recover::recover;
use crate::statement::{commit, Statement};
use crate::transcript::Transcript;
use crate::verify::verify;
use hyperdb_ed448::{base, Point, Scalar, SCALAR};
use zeroize::{Zeroize, Zeroizing};

/// Bytes that a chunk holds.
pub const PAYLOAD: usize = 54;
/// Bytes of its ciphertext.
pub const CIPHERTEXT: usize = PUBLIC_KEY + SCALAR;
/// Bytes of the commitment, the ciphertext and the proof.
pub const CHUNK: usize = PUBLIC_KEY + CIPHERTEXT + proof_bytes(2);

/// Encrypts 54 bytes: commitment, ciphertext, proof.
///
/// `randomness`: 32 bytes that nobody can guess, and that are used once.
///
/// # Errors
/// Never for a recipient that is one: what fails is the arithmetic's own check.
pub fn encrypt(
    recipient: &Recipient,
    payload: &[u8; PAYLOAD],
    context: &[u8],
    randomness: &[u8; 32],
) -> Result<Vec<u8>> {
    let mut nonce = Transcript::new("hyperdb/verenc/chunk/nonce")
        .part(&recipient.bytes)
        .part(context)
        .part(randomness)
        .part(payload)
        .stream()
        .scalar();
    let mut shared = recipient.multiples.times(&nonce);
    let point = base().times(&nonce).encode();
    let encoded = Zeroizing::new(shared.encode());
    nonce.zeroize();
    shared.zeroize();
    let [mask, second] = *masks(&recipient.bytes, context, &point, &encoded);
    let secrets = Zeroizing::new([number_of(payload), second]);
    let mut out = commit(&secrets).encode().to_vec();
    out.extend(point);
    out.extend((secrets[0] + mask).to_bytes());
    let (commitment, ciphertext) = out.split_at(PUBLIC_KEY);
    let bound = bound(context, ciphertext);
    let statement = Statement::<2>::new(recipient, commitment, &bound)?;
    let proof = prove(&statement, &secrets, randomness)?;
    out.extend(proof);
    Ok(out)
}

/// Checks a chunk without any secret.
///
/// # Errors
/// Why it shows nothing.
pub fn check(recipient: &Recipient, context: &[u8], chunk: &[u8]) -> Result<()> {
    let parts = Parts::new(chunk)?;
    let bound = bound(context, parts.ciphertext);
    let statement = Statement::<2>::new(recipient, parts.commitment, &bound)?;
    verify(&statement, parts.proof)
}

/// The 54 bytes of a chunk.
///
/// # Errors
/// The chunk does not hold, is for another key, or is of more than 54 bytes.
pub fn decrypt(key: &SecretKey, context: &[u8], chunk: &[u8]) -> Result<Zeroizing<[u8; PAYLOAD]>> {
    let parts = Parts::new(chunk)?;
    let recipient = Recipient::new(key.public())?;
    let bound = bound(context, parts.ciphertext);
    let statement = Statement::<2>::new(&recipient, parts.commitment, &bound)?;
    let shared = key.agree(&parts.point);
    let [mask, second] = *masks(&recipient.bytes, context, &parts.nonce, &shared);
    let direct = Zeroizing::new([parts.masked - mask, second]);
    let matches = commit(&direct).times_four() == statement.point.times_four();
    let secrets = match matches {
        true => direct,
        // The writer lied in the ciphertext, or the chunk is for another key: the proof decides.
        false => recover(key, &statement, parts.proof)?,
    };
    payload_of(&secrets[0]).ok_or(Refusal::Payload)
}

struct Parts<'a> {
    commitment: &'a [u8],
    ciphertext: &'a [u8],
    nonce: [u8; PUBLIC_KEY],
    point: Point,
    masked: Scalar,
    proof: &'a [u8],
}

impl<'a> Parts<'a> {
    fn new(chunk: &'a [u8]) -> Result<Parts<'a>> {
        let chunk: &[u8; CHUNK] = exactly("a chunk", chunk)?;
        let (commitment, rest) = chunk.split_at(PUBLIC_KEY);
        let (ciphertext, proof) = rest.split_at(CIPHERTEXT);
        let mut reader = Reader(ciphertext);
        let nonce = reader.array()?;
        let [masked] = reader.scalars("a chunk's ciphertext")?;
        Ok(Parts {
            commitment,
            ciphertext,
            nonce,
            point: Point::decode(&nonce).ok_or(Refusal::Point("a chunk's point"))?,
            masked,
            proof,
        })
    }
}

/// The mask of m, and s.
fn masks(
    recipient: &[u8; PUBLIC_KEY],
    context: &[u8],
    point: &[u8; PUBLIC_KEY],
    shared: &[u8; PUBLIC_KEY],
) -> Zeroizing<[Scalar; 2]> {
    let mut stream = Transcript::new("hyperdb/verenc/chunk/mask")
        .part(recipient)
        .part(context)
        .part(point)
        .part(shared)
        .stream();
    Zeroizing::new(stream.scalars())
}

fn bound(context: &[u8], ciphertext: &[u8]) -> [u8; 64] {
    Transcript::new("hyperdb/verenc/chunk/context")
        .part(context)
        .part(ciphertext)
        .bytes()
}

fn number_of(payload: &[u8; PAYLOAD]) -> Scalar {
    let mut wide = [0; hyperdb_ed448::WIDE];
    wide[..PAYLOAD].copy_from_slice(payload);
    let number = Scalar::reduce(&wide);
    wide.zeroize();
    number
}

fn payload_of(number: &Scalar) -> Option<Zeroizing<[u8; PAYLOAD]>> {
    let bytes = Zeroizing::new(number.to_bytes());
    let (payload, above) = bytes.split_first_chunk()?;
    let any = above.iter().fold(0, |any, byte| any | byte);
    (any == 0).then(|| Zeroizing::new(*payload))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// What a writer may hand in whose number, and what it adds to the ciphertext, are as it likes.
    fn written(recipient: &Recipient, number: Scalar, lie: Scalar) -> Vec<u8> {
        let nonce = Scalar::from(77);
        let point = base().times(&nonce).encode();
        let shared = recipient.multiples.times(&nonce).encode();
        let [mask, second] = *masks(&recipient.bytes, b"here", &point, &shared);
        let commitment = commit(&[number, second]).encode();
        let ciphertext = [&point[..], &(number + mask + lie).to_bytes()].concat();
        let bound = bound(b"here", &ciphertext);
        let statement = Statement::<2>::new(recipient, &commitment, &bound).unwrap();
        let proof = prove(&statement, &[number, second], &[1; 32]).unwrap();
        [&commitment[..], &ciphertext, &proof].concat()
    }

    #[test]
    fn a_ciphertext_that_lies_yields_what_was_proved() {
        let key = SecretKey::from_seed(&[1; 57]).unwrap();
        let recipient = Recipient::new(key.public()).unwrap();
        let payload = [5; PAYLOAD];
        for lie in [Scalar::ZERO, Scalar::ONE] {
            let chunk = written(&recipient, number_of(&payload), lie);
            check(&recipient, b"here", &chunk).unwrap();
            assert_eq!(*decrypt(&key, b"here", &chunk).unwrap(), payload);
        }
    }

    #[test]
    fn a_number_above_54_bytes_is_shown_to_be_one() {
        let key = SecretKey::from_seed(&[1; 57]).unwrap();
        let recipient = Recipient::new(key.public()).unwrap();
        let first = number_of(&[0xff; PAYLOAD]) + Scalar::ONE;
        for (number, lie) in [(first, Scalar::ZERO), (-Scalar::ONE, Scalar::ONE)] {
            let chunk = written(&recipient, number, lie);
            check(&recipient, b"here", &chunk).unwrap();
            let refused = decrypt(&key, b"here", &chunk).err();
            assert_eq!(refused, Some(Refusal::Payload));
        }
    }
}
