//! Places keep the order of keys, no place begins with another, and zones hold what their keys say.

use super::*;
use crate::tree::place::{Logical, LONGEST, MAX_STEPS};
use crate::tree::zone::{Side, Zone};

fn random_logical(dice: &mut Dice) -> Vec<u8> {
    let bytes = |dice: &mut Dice, most: usize| -> Vec<u8> {
        (0..dice.roll(most))
            .map(|_| [0, 0, 1, 2, 97, 254, 255][dice.roll(7)])
            .collect()
    };
    let mut rest = bytes(dice, 6);
    if dice.roll(6) == 0 {
        // Around the length at which keys are cut.
        rest = vec![[0, 1, 255][dice.roll(3)]; 61 + dice.roll(70)];
    }
    let space = [2, 3, 4][dice.roll(3)];
    let head = if space == 3 {
        let mut head = Vec::new();
        wire::put_varint(
            &mut head,
            [4, 5, 8, 248, 65_536, (1 << 56) - 1][dice.roll(6)],
        );
        head
    } else {
        vec![[0, 1, 255][dice.roll(3)]; 8]
    };
    [&[space][..], &head, &rest].concat()
}

#[test]
fn places_are_ordered_prefix_free_and_lead_back() {
    let mut dice = Dice::new(3);
    let mut keys: Vec<Vec<u8>> = (0..4000).map(|_| random_logical(&mut dice)).collect();
    keys.sort();
    keys.dedup();
    let places: Vec<TreeKey> = keys.iter().map(|key| TreeKey::of(key).unwrap()).collect();
    let cut = |place: &TreeKey| matches!(place.logical(), Some(Logical::Beginning(_)));
    for ((key, place), next) in keys.iter().zip(&places).zip(&places[1..]) {
        assert!(place < next || (cut(place) && cut(next)), "{key:?}");
        assert!(!next.steps().starts_with(place.steps()));
        match place.logical().unwrap() {
            Logical::Whole(found) => assert_eq!(&found, key),
            Logical::Beginning(found) => {
                assert!(key.starts_with(&found) && key.len() > LONGEST / 2);
            }
        }
    }
    assert!(places.iter().any(cut));
    assert!(places.iter().all(|place| place.steps().len() <= MAX_STEPS));
}

#[test]
fn what_is_no_logical_key_has_no_place() {
    for bad in [
        &b""[..],
        &[1],
        &[2, 1, 2, 3],
        &[3],
        &[3, 248, 1],
        &[3, 255, 1, 0, 0, 0, 0, 0, 0, 0],
        &[5, 1],
    ] {
        assert!(TreeKey::of(bad).is_none(), "{bad:?}");
    }
    assert_eq!(TreeKey::of_address(&[255; 32]).steps().len(), 43);
    assert_eq!(TreeKey::of_address(&[255; 32]).steps()[42], 0b11_1100);
}

#[test]
fn zones_are_what_their_keys_say() {
    let mut dice = Dice::new(4);
    for _ in 0..3000 {
        let bound = |dice: &mut Dice| random_logical(dice).split_off(2);
        let (low, below) = (bound(&mut dice), bound(&mut dice));
        let zone = Zone::collection(4, &low, &below).unwrap();
        for _ in 0..4 {
            let member = match dice.roll(3) {
                0 => low.clone(),
                1 => [&below[..], &[0]].concat(),
                _ => bound(&mut dice),
            };
            let logical = [&[3, 4][..], &member].concat();
            let within = low <= member && (below.is_empty() || member < below);
            assert_eq!(zone.holds(&logical), within);
            let place = TreeKey::of(&logical).unwrap();
            for depth in 0..=place.steps().len() {
                match zone.side(&place.steps()[..depth]) {
                    Side::Outside => assert!(!within, "{low:?} {below:?} {member:?} {depth}"),
                    Side::Inside if zone.exact() => assert!(within, "{low:?} {below:?} {member:?}"),
                    _ => {}
                }
            }
        }
        let other = TreeKey::of(&[&[3, 8][..], &low].concat()).unwrap();
        assert_eq!(zone.side(other.steps()), Side::Outside);
    }
}
