//! Provers that cheat: each forgery is refused, or harmless, and the check that refuses it is the one meant for it.
//!
//! **Theory.** A cheat may do all that an honest prover does and anything beside: draw, encrypt and commit as it likes. What it cannot do is
//! choose the shares shown, which a hash of all that does.
#![allow(clippy::unwrap_used)]

use crate::coins::{draw, Drawn};
use crate::parameters::{DIGEST, SHARES};
use crate::proof::{challenge, proof_bytes, shown, Proof};
use crate::share::{seal, Sealed, Share};
use crate::statement::{commit, Statement};
use crate::{key_statement, prove, recover, verify, Recipient, Refusal, SecretKey};
use hyperdb_ed448::{encode_all, Point, Scalar, POINT};

/// Randomness of the tests.
pub(crate) const RANDOM: [u8; 32] = [42; 32];

/// A proof by an honest prover.
pub(crate) struct Honest {
    pub(crate) statement: [u8; POINT],
    pub(crate) proof: Vec<u8>,
}

pub(crate) fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 57]).unwrap()
}

fn secret() -> Scalar {
    Scalar::reduce(&[9; 114])
}

pub(crate) fn honest() -> Honest {
    let recipient = Recipient::new(key(1).public()).unwrap();
    let statement = key_statement(&secret());
    let about = Statement::new(&recipient, &statement, b"here").unwrap();
    let proof = prove(&about, &[secret()], &RANDOM).unwrap();
    Honest { statement, proof }
}

/// The point (1, 0), of order four.
fn torsion() -> Point {
    Point::decode(&[0; POINT]).unwrap()
}

/// What a cheat may change before the challenge is known.
struct Cheat {
    drawn: Drawn<1>,
    commitments: Vec<[u8; POINT]>,
    sealed: Vec<Sealed<1>>,
}

impl Cheat {
    fn new(about: &Statement<'_, 1>, randomness: u8) -> Cheat {
        let drawn = draw(&[secret()], &about.digest, &[randomness; 32]);
        let points: Vec<Point> = drawn.coefficients.iter().map(commit).collect();
        let commitments = encode_all(&points);
        let mut cheat = Cheat {
            drawn,
            commitments,
            sealed: Vec::new(),
        };
        cheat.seal(about);
        cheat
    }

    fn seal(&mut self, about: &Statement<'_, 1>) {
        let shares: Vec<(u8, &Share<1>)> = (1u8..).zip(&self.drawn.shares).collect();
        self.sealed = seal(about.recipient, &about.digest, &shares);
    }

    /// The proof, and which shares it shows.
    fn finish(&self, digest: &[u8; DIGEST]) -> (Vec<u8>, [bool; SHARES]) {
        let challenge = challenge(digest, &self.commitments, &self.sealed);
        let chosen = shown(digest, &challenge);
        let all = self.sealed.iter().zip(&self.drawn.shares).zip(chosen);
        let (open, closed): (Vec<_>, Vec<_>) = all.partition(|(_, chosen)| *chosen);
        let proof = Proof {
            commitments: self.commitments.clone(),
            challenge,
            hidden: closed
                .into_iter()
                .map(|((sealed, _), _)| sealed.clone())
                .collect(),
            shown: open
                .into_iter()
                .map(|((_, share), _)| share.clone())
                .collect(),
        };
        (proof.encode(), chosen)
    }
}

/// Runs a test with the recipient, the key and the statement.
fn with(test: impl FnOnce(&SecretKey, &Statement<'_, 1>)) {
    let key = key(1);
    let recipient = Recipient::new(key.public()).unwrap();
    let point = key_statement(&secret());
    test(&key, &Statement::new(&recipient, &point, b"here").unwrap());
}

#[test]
fn a_cheat_who_changes_nothing_is_honest() {
    with(|key, about| {
        let (proof, _) = Cheat::new(about, 42).finish(&about.digest);
        assert_eq!(proof, honest().proof);
        assert_eq!(recover(key, about, &proof).unwrap()[0], secret());
    });
}

/// Bad ciphertexts: seen if one of them is shown, and of no effect if none is.
#[test]
fn a_few_bad_shares_are_seen_or_do_no_harm() {
    with(|key, about| {
        let (mut seen, mut harmless) = (0, 0);
        for randomness in 0..24 {
            let mut cheat = Cheat::new(about, randomness);
            for bad in [0, 1] {
                let sealed = &mut cheat.sealed[bad];
                sealed.masked[0] = sealed.masked[0] + Scalar::ONE;
            }
            let (proof, chosen) = cheat.finish(&about.digest);
            if chosen[0] || chosen[1] {
                assert_eq!(verify(about, &proof), Err(Refusal::Challenge));
                seen += 1;
            } else {
                assert_eq!(verify(about, &proof), Ok(()));
                assert_eq!(recover(key, about, &proof).unwrap()[0], secret());
                harmless += 1;
            }
        }
        assert!(seen > 0 && harmless > 0);
    });
}

/// Good ciphertexts of a value that is not the polynomial's.
#[test]
fn a_share_beside_the_polynomial_is_refused_when_shown() {
    with(|_, about| {
        let refused = (0..8).any(|randomness| {
            let mut cheat = Cheat::new(about, randomness);
            let value = &mut cheat.drawn.shares[5].values[0];
            *value = *value + Scalar::ONE;
            cheat.seal(about);
            let (proof, chosen) = cheat.finish(&about.digest);
            let expected = if chosen[5] {
                Err(Refusal::Shares)
            } else {
                Ok(())
            };
            assert_eq!(verify(about, &proof), expected);
            chosen[5]
        });
        assert!(refused);
    });
}

/// Two wrongs that cancel in a plain sum of all shares.
#[test]
fn errors_that_cancel_are_refused() {
    with(|_, about| {
        let refused = (0..16).any(|randomness| {
            let mut cheat = Cheat::new(about, randomness);
            let shares = &mut cheat.drawn.shares;
            shares[5].values[0] = shares[5].values[0] + Scalar::ONE;
            shares[6].values[0] = shares[6].values[0] - Scalar::ONE;
            cheat.seal(about);
            let (proof, chosen) = cheat.finish(&about.digest);
            let both = chosen[5] && chosen[6];
            assert!(!both || verify(about, &proof) == Err(Refusal::Shares));
            both
        });
        assert!(refused);
    });
}

/// Shares of one secret under the statement of another.
#[test]
fn shares_of_another_secret_are_refused() {
    with(|_, about| {
        let mut cheat = Cheat::new(about, 1);
        for share in &mut cheat.drawn.shares {
            share.values[0] = share.values[0] + Scalar::ONE;
        }
        cheat.seal(about);
        let (proof, _) = cheat.finish(&about.digest);
        assert_eq!(verify(about, &proof), Err(Refusal::Shares));
    });
}

/// Commitments to other polynomials than those shared.
#[test]
fn a_commitment_to_something_else_is_refused() {
    with(|_, about| {
        let mut cheat = Cheat::new(about, 1);
        cheat.commitments.swap(3, 4);
        let (proof, _) = cheat.finish(&about.digest);
        assert_eq!(verify(about, &proof), Err(Refusal::Shares));
    });
}

/// Torsion in what the verifier does not hold to the group of prime order.
#[test]
fn torsion_has_no_effect() {
    with(|key, about| {
        for bad in 0..2 {
            let mut cheat = Cheat::new(about, 3);
            let moved =
                |bytes: &[u8; POINT]| Point::decode(bytes).unwrap().add(&torsion()).encode();
            for at in 0..cheat.commitments.len() {
                cheat.commitments[at] = moved(&cheat.commitments[at]);
            }
            let (proof, chosen) = cheat.finish(&about.digest);
            assert_eq!(verify(about, &proof), Ok(()));
            assert_eq!(recover(key, about, &proof).unwrap()[0], secret());
            if bad == 0 {
                continue;
            }
            // In a hidden share's point it changes the mask's hash, so that share is lost, and only that one.
            let hidden = chosen.iter().position(|chosen| !chosen).unwrap();
            cheat.sealed[hidden].point = moved(&cheat.sealed[hidden].point);
            let (proof, chosen) = cheat.finish(&about.digest);
            if !chosen[hidden] {
                assert_eq!(verify(about, &proof), Ok(()));
                assert_eq!(recover(key, about, &proof).unwrap()[0], secret());
            }
        }
    });
}

/// A point with torsion whose mask was made for it: the recipient multiplies by four first, and reads the share.
#[test]
fn torsion_gives_nothing_away_and_takes_nothing() {
    with(|key, about| {
        let cheat = Cheat::new(about, 3);
        let point = Point::decode(&cheat.sealed[0].point).unwrap();
        assert_eq!(key.agree(&point), key.agree(&point.add(&torsion())));
        assert_eq!(*key.agree(&torsion()), Point::NEUTRAL.encode());
    });
}

/// All hidden shares bad, as the one lucky cheat has it: the proof holds, and this is what its chance of 2^-128 is for.
#[test]
fn a_challenge_that_was_chosen_is_refused() {
    with(|_, about| {
        let mut cheat = Cheat::new(about, 5);
        let (_, wanted) = cheat.finish(&about.digest);
        for (sealed, chosen) in cheat.sealed.iter_mut().zip(wanted) {
            if !chosen {
                sealed.masked[0] = sealed.masked[0] + Scalar::ONE;
            }
        }
        // The challenge from before the change, for which all that is shown is good.
        let (forged, _) = cheat.finish(&about.digest);
        let honest = Cheat::new(about, 5).finish(&about.digest).0;
        let (mut proof, _) = Proof::<1>::decode(&honest).unwrap();
        let closed = cheat
            .sealed
            .iter()
            .zip(wanted)
            .filter(|(_, chosen)| !chosen);
        proof.hidden = closed.map(|(sealed, _)| sealed.clone()).collect();
        assert_eq!(verify(about, &proof.encode()), Err(Refusal::Challenge));
        assert_eq!(verify(about, &forged), Err(Refusal::Challenge));
    });
}

/// Every bit of a proof matters: one of each region, at each end.
#[test]
fn a_changed_proof_is_refused() {
    let made = honest();
    with(|key, about| {
        let bounds = [
            0,
            64 * 57,
            64 * 57 + 64,
            64 * 57 + 64 + 68 * 113,
            proof_bytes(1),
        ];
        for region in bounds.windows(2) {
            for at in [
                region[0],
                region[0] + 1,
                (region[0] + region[1]) / 2,
                region[1] - 1,
            ] {
                for bit in [0, 7] {
                    let mut forged = made.proof.clone();
                    forged[at] ^= 1 << bit;
                    assert!(verify(about, &forged).is_err(), "byte {at}");
                    assert!(recover(key, about, &forged).is_err(), "byte {at}");
                }
            }
        }
    });
}

#[test]
fn a_proof_of_another_length_is_refused() {
    let made = honest();
    with(|_, about| {
        for length in [0, 1, proof_bytes(1) - 1] {
            let refusal = verify(about, &made.proof[..length]).unwrap_err();
            assert!(matches!(refusal, Refusal::Length { is, .. } if is == length));
        }
        let more = [&made.proof[..], &[0]].concat();
        assert!(matches!(verify(about, &more), Err(Refusal::Length { .. })));
    });
}

/// Other forms of the numbers and points of a proof, and what is none.
#[test]
fn numbers_and_points_have_one_form() {
    let made = honest();
    let order: [u8; 56] = {
        let mut bytes = (-Scalar::ONE).to_bytes();
        bytes[0] += 1;
        bytes
    };
    let mut not_below_p = [0xff; POINT];
    not_below_p[56] = 0;
    let mut odd_zero = [0; POINT];
    (odd_zero[0], odd_zero[56]) = (1, 0x80);
    let mut spare = made.statement;
    spare[56] |= 1;
    let hidden = 64 * 57 + 64;
    let opened = hidden + 68 * 113;
    with(|_, about| {
        let place = |at: usize, bytes: &[u8]| {
            let mut forged = made.proof.clone();
            forged[at..at + bytes.len()].copy_from_slice(bytes);
            verify(about, &forged).unwrap_err()
        };
        for bytes in [not_below_p, odd_zero, spare] {
            assert_eq!(place(0, &bytes), Refusal::Point("a commitment"));
            assert_eq!(
                place(hidden, &bytes),
                Refusal::Point("a hidden share's point")
            );
        }
        for number in [order, [0xff; 56]] {
            assert_eq!(
                place(hidden + 57, &number),
                Refusal::Scalar("a hidden share")
            );
            assert_eq!(place(opened, &number), Refusal::Scalar("a share shown"));
        }
    });
}

#[test]
fn statements_and_keys_are_of_the_prime_group() {
    let good = Recipient::new(key(1).public()).unwrap();
    let point = Point::decode(&honest().statement).unwrap();
    let mut neutral = [0; POINT];
    neutral[0] = 1;
    let bad = [
        neutral,
        [0; POINT],
        point.add(&torsion()).encode(),
        [0xff; POINT],
    ];
    for bytes in bad {
        assert_eq!(
            Recipient::new(&bytes).err(),
            Some(Refusal::Point("the public key"))
        );
        let statement = Statement::<1>::new(&good, &bytes, b"").err();
        assert_eq!(statement, Some(Refusal::Point("the statement")));
    }
    assert!(Recipient::new(&neutral[..56]).is_err());
    assert!(SecretKey::from_seed(&[1; 56]).is_err());
}
