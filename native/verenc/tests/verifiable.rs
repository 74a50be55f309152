//! What is encrypted is recovered, by the recipient alone, and what a proof is bound to cannot be swapped.
#![allow(clippy::unwrap_used)]

use hyperdb_verenc::chunk::{self, CHUNK, CIPHERTEXT, PAYLOAD};
use hyperdb_verenc::{
    key_statement, proof_bytes, prove, recover, verify, Recipient, Refusal, Scalar, SecretKey,
    Statement,
};

const RANDOM: [u8; 32] = [3; 32];

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 57]).unwrap()
}

fn secret(n: u8) -> Scalar {
    Scalar::reduce(&[n; 114])
}

#[test]
fn the_recipient_recovers_what_everybody_verified() {
    let key = key(1);
    let recipient = Recipient::new(key.public()).unwrap();
    for n in [1, 2] {
        let point = key_statement(&secret(n));
        let about = Statement::new(&recipient, &point, b"here").unwrap();
        let proof = prove(&about, &[secret(n)], &RANDOM).unwrap();
        assert_eq!(proof.len(), proof_bytes(1));
        verify(&about, &proof).unwrap();
        assert_eq!(recover(&key, &about, &proof).unwrap()[0], secret(n));
    }
}

#[test]
fn what_a_proof_is_bound_to_cannot_be_swapped() {
    let (own, other) = (key(1), key(2));
    let recipient = Recipient::new(own.public()).unwrap();
    let stranger = Recipient::new(other.public()).unwrap();
    let point = key_statement(&secret(1));
    let about = Statement::new(&recipient, &point, b"here").unwrap();
    let proof = prove(&about, &[secret(1)], &RANDOM).unwrap();
    let another = key_statement(&secret(2));
    let swapped = [
        Statement::<1>::new(&stranger, &point, b"here").unwrap(),
        Statement::new(&recipient, &another, b"here").unwrap(),
        Statement::new(&recipient, &point, b"there").unwrap(),
        Statement::new(&recipient, &point, b"").unwrap(),
    ];
    for about in &swapped {
        assert_eq!(verify(about, &proof), Err(Refusal::Challenge));
    }
    assert_eq!(
        recover(&other, &about, &proof).err(),
        Some(Refusal::WrongKey)
    );
    assert_eq!(
        recover(&other, &swapped[0], &proof).err(),
        Some(Refusal::Challenge)
    );
    assert_eq!(
        prove(&swapped[1], &[secret(1)], &RANDOM),
        Err(Refusal::WrongKey)
    );
}

#[test]
fn proofs_follow_from_their_randomness_and_hide_it() {
    let recipient = Recipient::new(key(1).public()).unwrap();
    let point = key_statement(&secret(1));
    let about = Statement::new(&recipient, &point, b"here").unwrap();
    let first = prove(&about, &[secret(1)], &RANDOM).unwrap();
    assert_eq!(first, prove(&about, &[secret(1)], &RANDOM).unwrap());
    assert_ne!(first, prove(&about, &[secret(1)], &[4; 32]).unwrap());
    let elsewhere = Statement::new(&recipient, &point, b"there").unwrap();
    let second = prove(&elsewhere, &[secret(1)], &RANDOM).unwrap();
    // Not even the polynomials are the same under the same randomness.
    assert_ne!(first[..57], second[..57]);
}

fn payload() -> [u8; PAYLOAD] {
    std::array::from_fn(|at| at as u8 ^ 0xff)
}

#[test]
fn a_chunk_is_a_ciphertext_of_113_bytes_with_a_proof() {
    assert_eq!((CIPHERTEXT, CHUNK), (113, 57 + 113 + 24_420));
    let key = key(1);
    let recipient = Recipient::new(key.public()).unwrap();
    for payload in [payload(), [0; PAYLOAD], [0xff; PAYLOAD]] {
        let chunk = chunk::encrypt(&recipient, &payload, b"here", &RANDOM).unwrap();
        assert_eq!(chunk.len(), CHUNK);
        chunk::check(&recipient, b"here", &chunk).unwrap();
        assert_eq!(*chunk::decrypt(&key, b"here", &chunk).unwrap(), payload);
        let again = chunk::encrypt(&recipient, &payload, b"here", &[4; 32]).unwrap();
        assert_ne!(
            chunk[..57],
            again[..57],
            "a commitment does not show equal payloads"
        );
    }
}

#[test]
fn a_chunk_that_was_changed_or_moved_is_refused() {
    let (own, other) = (key(1), key(2));
    let recipient = Recipient::new(own.public()).unwrap();
    let stranger = Recipient::new(other.public()).unwrap();
    let chunk = chunk::encrypt(&recipient, &payload(), b"here", &RANDOM).unwrap();
    let second = chunk::encrypt(&recipient, &[1; PAYLOAD], b"here", &RANDOM).unwrap();
    let swapped = |range: std::ops::Range<usize>| {
        let mut forged = chunk.clone();
        forged[range.clone()].copy_from_slice(&second[range]);
        forged
    };
    for forged in [swapped(0..57), swapped(57..170), swapped(170..CHUNK)] {
        let refused = chunk::check(&recipient, b"here", &forged);
        assert_eq!(refused, Err(Refusal::Challenge));
    }
    for at in [0, 60, 113, 169, 170, 5_000, CHUNK - 1] {
        let mut forged = chunk.clone();
        forged[at] ^= 1;
        assert!(
            chunk::check(&recipient, b"here", &forged).is_err(),
            "byte {at}"
        );
        if at < 170 {
            assert!(chunk::decrypt(&own, b"here", &forged).is_err(), "byte {at}");
        }
    }
    assert_eq!(
        chunk::check(&recipient, b"there", &chunk),
        Err(Refusal::Challenge)
    );
    assert_eq!(
        chunk::decrypt(&own, b"there", &chunk).err(),
        Some(Refusal::Challenge)
    );
    assert_eq!(
        chunk::check(&stranger, b"here", &chunk),
        Err(Refusal::Challenge)
    );
    assert_eq!(
        chunk::decrypt(&other, b"here", &chunk).err(),
        Some(Refusal::Challenge)
    );
    assert!(chunk::check(&recipient, b"here", &chunk[1..]).is_err());
    let mut order = (-Scalar::ONE).to_bytes();
    order[0] += 1;
    let mut forged = chunk.clone();
    forged[114..170].copy_from_slice(&order);
    let refused = chunk::check(&recipient, b"here", &forged);
    assert_eq!(refused, Err(Refusal::Scalar("a chunk's ciphertext")));
}
