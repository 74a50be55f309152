//! Images made one after another: each is the one that would have been made alone, and says what is other in it.

use crate::shop::{index, table, Shop};
use hyperdb_graph::catalog::{Image, NameSpace, Object};
use std::sync::Arc;

/// Whether both hold the same, found the same way.
fn assert_same(shop: &Shop, one: &Image, other: &Image) {
    assert_eq!(one.version(), other.version());
    let all = |image: &Image| -> Vec<(u64, Object)> {
        let objects = image.objects();
        objects
            .map(|(number, each)| (number, each.clone()))
            .collect()
    };
    assert_eq!(all(one), all(other));
    for space in [NameSpace::Relation, NameSpace::Type] {
        let names = |image: &Image| -> Vec<(String, u64)> {
            let found = image.names(space, shop.app);
            found
                .map(|(name, number)| (name.to_owned(), number))
                .collect()
        };
        assert_eq!(names(one), names(other));
    }
}

fn shared(shop: &Shop) -> Arc<Image> {
    shop.store.image(shop.store.db().snapshot()).unwrap()
}

#[test]
fn an_image_after_another_is_the_one_made_alone() {
    let shop = Shop::new();
    let mut numbers = Vec::new();
    let mut last = shared(&shop);
    // What is done comes from the bits of a number: made, renamed (also to a name that was just left), indexed, dropped.
    let mut bits = 0x2545_f491_4f6c_dd1d_u64;
    for step in 0..60_u64 {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        let place = usize::try_from(bits % 5).unwrap();
        match (bits / 8 % 4, numbers.get(place).copied()) {
            (1, Some(number)) => {
                let name = format!("r{}", bits / 64 % 3);
                if last.find(NameSpace::Relation, shop.app, &name).is_none() {
                    shop.change(number, table(shop.app, &name));
                }
            }
            (2, Some(number)) => {
                shop.make(index(shop.app, &format!("i{step}"), number, 2));
            }
            (3, Some(number)) => {
                let mut dropping = shop.begin();
                shop.catalog(&mut dropping).drop(number).unwrap();
                shop.commit(dropping);
                numbers.remove(place);
            }
            _ => numbers.push(shop.make(table(shop.app, &format!("t{step}")))),
        }
        let (now, alone) = (shared(&shop), shop.image());
        assert_same(&shop, &now, &alone);
        for (number, object) in now.changes(&last) {
            assert_eq!(now.get(number), object);
            assert_ne!(last.get(number), object);
        }
        let named: Vec<u64> = now.changes(&last).into_iter().map(|each| each.0).collect();
        for number in 0..=now.objects().map(|each| each.0).max().unwrap_or(0) {
            assert_eq!(now.get(number) != last.get(number), named.contains(&number));
        }
        last = now;
    }
}

#[test]
fn what_is_as_it_was_is_the_same_object() {
    let shop = Shop::new();
    let one = shop.make(table(shop.app, "one"));
    let before = shared(&shop);
    let other = shop.make(table(shop.app, "other"));
    let after = shared(&shop);
    assert!(std::ptr::eq(
        before.get(one).unwrap(),
        after.get(one).unwrap()
    ));
    let changed: Vec<u64> = after
        .changes(&before)
        .into_iter()
        .map(|each| each.0)
        .collect();
    assert_eq!(changed, [other]);
    assert!(Arc::ptr_eq(&after, &shared(&shop)), "nothing has changed");
}

#[test]
fn a_transaction_has_an_image_of_its_own_and_nobody_else_gets_it() {
    let shop = Shop::new();
    shop.make(table(shop.app, "one"));
    let before = shared(&shop);
    let mut changing = shop.begin();
    let mut catalog = shop.catalog(&mut changing);
    let other = catalog.create(table(shop.app, "other")).unwrap();
    let own = catalog.image().unwrap();
    assert!(own.get(other).is_some());
    assert!(Arc::ptr_eq(&before, &shared(&shop)));
    // Of the same version as the transaction's own, and not the same.
    shop.make(table(shop.app, "third"));
    let third = shared(&shop);
    assert_eq!(third.version(), own.version());
    assert!(third.get(other).is_none());
    let own = shop.catalog(&mut changing).image().unwrap();
    assert!(own.get(other).is_some());
    assert!(own.find(NameSpace::Relation, shop.app, "third").is_none());
    changing.rollback();
    assert!(shared(&shop).get(other).is_none());
}

#[test]
fn the_past_is_read_beside_the_newest() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    let before = shop.store.db().snapshot();
    shop.change(number, table(shop.app, "u"));
    let newest = shared(&shop);
    let past = shop.store.image(before).unwrap();
    assert!(past.find(NameSpace::Relation, shop.app, "t").is_some());
    assert!(past.find(NameSpace::Relation, shop.app, "u").is_none());
    assert!(
        Arc::ptr_eq(&newest, &shared(&shop)),
        "the past is not kept in its place"
    );
}
