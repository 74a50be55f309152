//! DDL from many sides at once: whatever fails, fails whole, and what is left fits together.

use super::shop::{index, table, Shop};
use hyperdb_graph::catalog::objects::{Expression, Use, View};
use hyperdb_graph::catalog::{object_id, rows_id, Halt, Image, NameSpace, Object};
use hyperdb_graph::{
    keys, AppId, Conflict, Direction, Family, Isolation, KeyRange, Record, Stop, TransactionOptions,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

/// A small generator (xorshift64, Marsaglia 2003), so that a failure can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn view(app: AppId, name: &str, of: u64) -> View {
    let base = Use {
        object: of,
        columns: vec![2],
        ..Use::default()
    };
    let query = Expression {
        text: "SELECT name FROM t".into(),
        uses: vec![base],
        ..Expression::default()
    };
    View {
        app: app.0,
        name: name.into(),
        query,
        ..View::default()
    }
}

/// One statement in a transaction of its own; whether it was committed.
fn statement(shop: &Shop, random: &mut Random) -> bool {
    let isolation = [Isolation::ReadCommitted, Isolation::Serializable][random.below(2)];
    let mut transaction = shop.store.begin(TransactionOptions {
        isolation,
        lock_timeout: Some(Duration::from_secs(10)),
        ..TransactionOptions::default()
    });
    let mut catalog = shop.catalog(&mut transaction);
    let image = catalog.image().unwrap();
    let all: Vec<(u64, Object)> = image
        .objects()
        .map(|(number, object)| (number, object.clone()))
        .collect();
    let name = format!("n{}", random.below(6));
    let some = (!all.is_empty()).then(|| all[random.below(all.len())].clone());
    let outcome = match (random.below(5), some) {
        (0, _) | (_, None) => catalog.create(table(shop.app, &name)).map(|_| ()),
        (1, Some((of, Object::Table(_)))) => {
            catalog.create(index(shop.app, &name, of, 2)).map(|_| ())
        }
        (2, Some((of, Object::Table(_)))) => catalog.create(view(shop.app, &name, of)).map(|_| ()),
        (3, Some((number, Object::Table(_)))) => catalog.alter(number, |object| {
            if let Object::Table(table) = object {
                table.columns[1].dropped |= random.below(2) == 0;
                table.name = name;
            }
            Ok(())
        }),
        (_, Some((number, _))) => catalog.drop(number),
    };
    match outcome {
        Ok(()) => transaction.commit().is_ok(),
        Err(Halt::Refused(_)) => false,
        Err(Halt::Stop(Stop::Conflict(conflict))) => {
            let expected = matches!(
                conflict,
                Conflict::Deadlock(_) | Conflict::Serialization(_) | Conflict::RowChanged
            );
            assert!(expected, "{conflict}");
            false
        }
        Err(Halt::Stop(other)) => panic!("{other}"),
    }
}

#[test]
fn racing_ddl_leaves_a_catalog_that_fits_together() {
    let shop = Shop::new();
    let committed = AtomicI64::new(0);
    thread::scope(|scope| {
        for seed in 1..=4u64 {
            let (shop, committed) = (&shop, &committed);
            scope.spawn(move || {
                let mut random = Random(seed * 0x9e37_79b9);
                for _ in 0..60 {
                    let done = statement(shop, &mut random);
                    committed.fetch_add(i64::from(done), Ordering::Relaxed);
                }
            });
        }
    });
    let db = shop.store.db();
    db.wait_durable(db.latest()).unwrap();
    let image = shop.image();
    assert_eq!(image.version(), committed.load(Ordering::Relaxed));
    assert!(image.version() > 20, "most statements were refused");
    check(&shop, &image);
    for (gauge, value) in shop.store.lock_gauges() {
        assert_eq!(value, 0, "{gauge}");
    }
}

/// Names, rows and references are those of the objects, all of them and no others.
fn check(shop: &Shop, image: &Image) {
    let snapshot = shop.store.db().snapshot();
    let elements = |app: AppId| -> BTreeSet<Vec<u8>> {
        let prefix = keys::element_prefix(app);
        let range = KeyRange::prefix(&prefix);
        snapshot
            .iter(Family::DATA, range, Direction::Forward)
            .map(|entry| {
                let (key, raw) = entry.unwrap();
                assert!(Record::decode(&raw).is_some());
                key[prefix.len() + 8..].to_vec()
            })
            .collect()
    };
    let mut system = BTreeSet::from([b"\x01shop".to_vec()]);
    let mut rows = BTreeSet::new();
    for (number, object) in image.objects() {
        let (space, app, name) = object.name();
        assert_eq!(
            image.find(space, app, name).map(|found| found.0),
            Some(number)
        );
        system.insert(object_id(number).to_vec());
        system.insert(hyperdb_graph::catalog::name_id(space, app, name));
        if matches!(object, Object::Table(_) | Object::Index(_)) {
            rows.insert(rows_id(number).to_vec());
        }
        assert_eq!(space, NameSpace::Relation);
        let (of, columns) = match object {
            Object::Index(index) => (index.table, vec![index.columns[0].column]),
            Object::View(view) => (
                view.query.uses[0].object,
                view.query.uses[0].columns.clone(),
            ),
            _ => continue,
        };
        let Some(Object::Table(table)) = image.get(of) else {
            panic!("{name} refers to {of}, which is gone");
        };
        for id in columns {
            let column = table.columns.iter().find(|column| column.id == id);
            assert!(
                !column.unwrap().dropped,
                "{name} refers to a dropped column"
            );
        }
    }
    assert_eq!(elements(AppId::SYSTEM), system);
    assert_eq!(elements(shop.app), rows);
}
