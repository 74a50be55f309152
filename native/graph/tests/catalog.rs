//! The catalog through transactions: what is written is found again, references hold, stale plans and racing DDL fail.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "catalog/images.rs"]
mod images;
#[path = "catalog/shop.rs"]
mod shop;
#[path = "catalog/storm.rs"]
mod storm;

use hyperdb_graph::catalog::objects::{Column, Label, Sequence, Table, Use, UserType, View};
use hyperdb_graph::catalog::words::{Action, ConstraintKind, TypeForm};
use hyperdb_graph::catalog::{pin, rows_id, Halt, Image, NameSpace, Object, Refusal, Why};
use hyperdb_graph::codec::types::{Named, Plain, Sized, Type};
use hyperdb_graph::{
    AppId, Conflict, Isolation, Kind, LockMode, Record, Step, Stop, Transaction,
    TransactionOptions, Turn,
};
use shop::{column, constraint, index, table, text, Shop};
use std::thread;

fn refused<T: std::fmt::Debug>(act: Result<T, Halt>) -> Refusal {
    match act {
        Err(Halt::Refused(refusal)) => refusal,
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

fn conflict<T: std::fmt::Debug>(act: Result<T, Halt>) -> Conflict {
    match act {
        Err(Halt::Stop(Stop::Conflict(conflict))) => conflict,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

fn rows_cid(transaction: &Transaction, app: AppId, number: u64) -> Option<u64> {
    let read = |record: &Record<'_>| match record {
        Record::Edge(header) => {
            assert!(matches!(header.kind, Kind::Table | Kind::Index));
            header.cid
        }
        Record::Vertex { .. } => panic!("rows are no vertex"),
    };
    transaction.element(app, &rows_id(number), read).unwrap()
}

#[test]
fn what_a_transaction_makes_it_sees_and_others_see_at_its_commit() {
    let shop = Shop::new();
    let mut making = shop.begin();
    let mut catalog = shop.catalog(&mut making);
    assert_eq!(catalog.version().unwrap(), Some(0));
    let number = catalog.create(table(shop.app, "orders")).unwrap();
    assert_eq!(
        catalog.version().unwrap(),
        None,
        "its own plans are its own"
    );
    let found = catalog
        .find(NameSpace::Relation, shop.app, "orders")
        .unwrap();
    assert_eq!(found, Some(number));
    assert_eq!(
        catalog.get(number).unwrap(),
        table(shop.app, "orders").into()
    );
    assert!(rows_cid(&making, shop.app, number).is_some());
    assert_eq!(shop.image().objects().count(), 0);
    shop.commit(making);
    let image = shop.image();
    assert_eq!(image.version(), 1);
    let found = image.find(NameSpace::Relation, shop.app, "orders");
    assert_eq!(found, Some((number, &table(shop.app, "orders").into())));
    assert_eq!(number % 4, 0);
}

#[test]
fn a_rollback_leaves_nothing_but_a_gap_in_the_numbers() {
    let shop = Shop::new();
    let mut making = shop.begin();
    let first = shop
        .catalog(&mut making)
        .create(table(shop.app, "t"))
        .unwrap();
    making.rollback();
    assert_eq!(shop.image().version(), 0);
    let second = shop.make(table(shop.app, "t"));
    assert_eq!(second, first + 4);
}

#[test]
fn names_are_unique_in_their_space_and_free_again_after_a_drop_or_rename() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    let mut second = shop.begin();
    let twice = shop.catalog(&mut second).create(table(shop.app, "t"));
    let refusal = refused(twice);
    assert_eq!(refusal.sqlstate(), "42P07");
    assert_eq!(refusal.to_string(), "table \"t\" already exists");
    second.rollback();
    shop.make(UserType {
        app: shop.app.0,
        name: "t".into(),
        ..UserType::default()
    });
    let mut third = shop.begin();
    let mut catalog = shop.catalog(&mut third);
    catalog.replace(number, table(shop.app, "u")).unwrap();
    let again = catalog.create(table(shop.app, "t")).unwrap();
    catalog.drop(again).unwrap();
    catalog.create(table(shop.app, "t")).unwrap();
    shop.commit(third);
    let image = shop.image();
    let names: Vec<&str> = image
        .names(NameSpace::Relation, shop.app)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["t", "u"]);
}

#[test]
fn a_name_raced_for_goes_to_one() {
    let shop = Shop::new();
    let mut first = shop.begin();
    shop.catalog(&mut first)
        .create(table(shop.app, "t"))
        .unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let mut second = shop.begin();
            let made = shop.catalog(&mut second).create(table(shop.app, "t"));
            refused(made)
        });
        shop.wait_for_a_waiter();
        shop.commit(first);
        assert_eq!(second.join().unwrap().sqlstate(), "42P07");
    });
}

#[test]
fn what_others_need_does_not_go_and_parts_go_along() {
    let shop = Shop::new();
    let parent = shop.make(table(shop.app, "customers"));
    let by_name = shop.make(index(shop.app, "by_name", parent, 2));
    let serial = shop.make(Sequence {
        app: shop.app.0,
        name: "customers_id_seq".into(),
        start: 1,
        increment: 1,
        min: 1,
        max: i64::MAX,
        table: parent,
        column: 1,
        ..Sequence::default()
    });
    let mut child = table(shop.app, "orders");
    child.constraints = vec![constraint("orders_customer", |constraint| {
        constraint.kind = ConstraintKind::Foreign;
        constraint.columns = vec![1];
        constraint.parent = parent;
        constraint.parent_columns = vec![1];
        constraint.on_delete = Action::Cascade;
    })];
    let child = shop.make(child);
    let mut dropping = shop.begin();
    let Refusal::Dependents(dependents) = refused(shop.catalog(&mut dropping).drop(parent)) else {
        panic!("dependents were expected");
    };
    assert_eq!(dependents.len(), 1);
    assert_eq!(dependents[0].number, child);
    assert_eq!(dependents[0].why, Why::Constraint("orders_customer".into()));
    dropping.rollback();
    let mut dropping = shop.begin();
    let mut catalog = shop.catalog(&mut dropping);
    catalog.drop(child).unwrap();
    catalog.drop(parent).unwrap();
    for number in [parent, by_name, serial] {
        let gone = shop.catalog(&mut dropping).get(number);
        assert_eq!(refused(gone).sqlstate(), "42704");
        assert_eq!(rows_cid(&dropping, shop.app, number), None);
    }
    shop.commit(dropping);
    assert_eq!(shop.image().objects().count(), 0);
}

#[test]
fn limits_of_a_type_change_under_an_index_and_not_under_a_view() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    shop.make(index(shop.app, "i", number, 2));
    let sized = |kind: Type| {
        let mut changed = table(shop.app, "t");
        changed.columns[1].kind = Some(kind);
        changed
    };
    let mut changing = shop.begin();
    let mut catalog = shop.catalog(&mut changing);
    let other = catalog.replace(number, sized(Type::Plain(Plain::Int8)));
    assert!(refused(other).to_string().contains("new id"));
    catalog
        .replace(number, sized(Type::Sized(Sized::Varchar, 9)))
        .unwrap();
    shop.commit(changing);
    let mut view = View {
        app: shop.app.0,
        name: "v".into(),
        ..View::default()
    };
    view.query.text = "SELECT name FROM t".into();
    view.query.uses = vec![Use {
        object: number,
        columns: vec![2],
        ..Use::default()
    }];
    shop.make(view);
    let mut changing = shop.begin();
    let back = shop
        .catalog(&mut changing)
        .replace(number, sized(Type::Plain(Plain::Text)));
    let Refusal::Dependents(dependents) = refused(back) else {
        panic!("dependents were expected");
    };
    let names: Vec<_> = dependents.iter().map(|found| &found.name[..]).collect();
    assert_eq!(names, ["v"]);
}

#[test]
fn references_are_to_what_is_there() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    let mut making = shop.begin();
    let mut catalog = shop.catalog(&mut making);
    let missing = catalog.create(index(shop.app, "i", number + 400, 1));
    assert!(matches!(refused(missing), Refusal::Missing { .. }));
    let no_column = catalog.create(index(shop.app, "i", number, 9));
    assert_eq!(refused(no_column).sqlstate(), "42703");
    let mut typed = table(shop.app, "typed");
    typed.columns[1].kind = Some(Type::Named(Named::Enum, 400));
    assert_eq!(refused(catalog.create(typed)).sqlstate(), "42704");
}

#[test]
fn a_type_in_use_stays_and_its_labels_stay_where_they_are() {
    let shop = Shop::new();
    let label = |number: u32, name: &str, position: f64| Label {
        number,
        name: name.into(),
        position: position.to_bits(),
        ..Label::default()
    };
    let mood = |labels: Vec<Label>| UserType {
        app: shop.app.0,
        name: "mood".into(),
        form: TypeForm::Enum,
        next_label: labels.len() as u32 + 1,
        labels,
        ..UserType::default()
    };
    let two = vec![label(1, "sad", 1.0), label(2, "happy", 2.0)];
    let number = shop.make(mood(two.clone()));
    let mut person = table(shop.app, "person");
    person.columns[1].kind = Some(Type::Named(Named::Enum, number));
    shop.make(person);
    let mut changing = shop.begin();
    let mut catalog = shop.catalog(&mut changing);
    let between = [two.clone(), vec![label(3, "calm", 1.5)]].concat();
    catalog.replace(number, mood(between)).unwrap();
    let fewer = catalog.replace(number, mood(two));
    assert_eq!(refused(fewer).sqlstate(), "42P16");
    let moved = vec![
        label(1, "sad", 3.0),
        label(2, "happy", 2.0),
        label(3, "calm", 1.5),
    ];
    assert_eq!(
        refused(catalog.replace(number, mood(moved))).sqlstate(),
        "42P16"
    );
    assert_eq!(refused(catalog.drop(number)).sqlstate(), "2BP01");
}

#[test]
fn column_ids_are_given_out_once() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    shop.make(index(shop.app, "by_name", number, 2));
    let mut altering = shop.begin();
    let mut catalog = shop.catalog(&mut altering);
    let change = |change: fn(&mut Table)| {
        let mut changed = table(shop.app, "t");
        change(&mut changed);
        changed
    };
    for bad in [
        change(|table| _ = table.columns.pop()),
        change(|table| table.next_column = 2),
        change(|table| table.columns[1].kind = Some(Type::Plain(Plain::Int8))),
        change(|table| table.columns[2].id = 7),
        change(|table| table.columns[2].missing = Some(vec![])),
        change(|table| table.key[0].column = 2),
        change(|table| table.columns[1].name = "id".into()),
    ] {
        let refusal = refused(catalog.replace(number, bad.clone()));
        assert!(
            matches!(refusal.sqlstate(), "42P16" | "42701"),
            "{refusal}: {bad:?}"
        );
    }
    let used = change(|table| table.columns[1].dropped = true);
    assert_eq!(refused(catalog.replace(number, used)).sqlstate(), "2BP01");
    let free = change(|table| {
        table.columns[2].dropped = true;
        table.columns.push(Column {
            missing: Some(b"none".to_vec()),
            ..column(4, "note", text())
        });
        table.next_column = 5;
    });
    catalog.replace(number, free.clone()).unwrap();
    let back = change(|table| table.next_column = 5);
    assert_eq!(refused(catalog.replace(number, back)).sqlstate(), "42P16");
    shop.commit(altering);
    assert_eq!(shop.image().get(number), Some(&free.into()));
}

#[test]
fn a_plan_is_void_when_its_table_changed_and_only_then() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    let other = shop.make(table(shop.app, "other"));
    let plan = || {
        let mut transaction = shop.begin();
        pin(&mut transaction, number);
        transaction
            .put_vertex(shop.app, b"row", b"1", None)
            .unwrap();
        transaction
    };
    let undisturbed = plan();
    shop.change(other, table(shop.app, "renamed"));
    undisturbed.commit().unwrap();
    let stale = plan();
    shop.change(number, table(shop.app, "u"));
    let lost = stale.commit().map_err(Halt::from);
    assert_eq!(conflict(lost).sqlstate(), "40001");
}

#[test]
fn ddl_waits_for_who_reads_the_table_and_shows_them_the_new_definition() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    let mut reading = shop.begin();
    shop.catalog(&mut reading)
        .lock(number, LockMode::AccessShare)
        .unwrap();
    thread::scope(|scope| {
        let altering = scope.spawn(|| shop.change(number, table(shop.app, "u")));
        shop.wait_for_a_waiter();
        let waiting = scope.spawn(|| {
            let mut late = shop.begin();
            let seen = shop.catalog(&mut late).lock(number, LockMode::RowExclusive);
            seen.unwrap().name().2.to_owned()
        });
        reading.rollback();
        altering.join().unwrap();
        assert_eq!(waiting.join().unwrap(), "u");
    });
}

#[test]
fn a_reference_made_while_its_object_goes_fails_or_holds_it() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    let mut indexing = shop.begin();
    let made = shop
        .catalog(&mut indexing)
        .create(index(shop.app, "i", number, 1));
    made.unwrap();
    thread::scope(|scope| {
        let dropping = scope.spawn(|| {
            let mut dropping = shop.begin();
            shop.catalog(&mut dropping).drop(number).unwrap();
            shop.commit(dropping);
        });
        shop.wait_for_a_waiter();
        shop.commit(indexing);
        dropping.join().unwrap();
    });
    // The index came between the drop's snapshot and its lock, and went along.
    assert_eq!(shop.image().objects().count(), 0);
    let gone = index(shop.app, "i", number, 1);
    let mut late = shop.begin();
    let refusal = refused(shop.catalog(&mut late).create(gone));
    assert!(matches!(refusal, Refusal::Missing { .. }));
}

#[test]
fn above_read_committed_a_definition_newer_than_the_snapshot_is_a_conflict() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    let mut old = shop.store.begin(TransactionOptions {
        isolation: Isolation::RepeatableRead,
        ..TransactionOptions::default()
    });
    shop.change(number, table(shop.app, "u"));
    let locked = shop.catalog(&mut old).lock(number, LockMode::AccessShare);
    assert_eq!(conflict(locked).sqlstate(), "40001");
}

#[test]
fn truncate_gives_fresh_rows_to_the_table_and_its_indexes() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    let by_name = shop.make(index(shop.app, "i", number, 2));
    let mut emptying = shop.begin();
    let before = [number, by_name].map(|number| rows_cid(&emptying, shop.app, number));
    shop.catalog(&mut emptying).truncate(number).unwrap();
    let after = [number, by_name].map(|number| rows_cid(&emptying, shop.app, number));
    assert!(after.iter().all(Option::is_some));
    assert!(before.iter().all(|cid| !after.contains(cid)));
}

#[test]
fn rows_of_a_table_are_dropped_with_its_definition_only() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    let id = rows_id(number);
    let app = shop.app;
    type Attempt<'a> = &'a mut dyn FnMut(&mut Turn<'_>) -> Step<()>;
    let attempts: [Attempt<'_>; 6] = [
        &mut |turn| turn.remove_element(app, &id).map(|_| ()),
        &mut |turn| turn.put_vertex(app, &id, b"v", None),
        &mut |turn| turn.set_expiry(app, &id, Some(1)).map(|_| ()),
        &mut |turn| turn.move_element(app, &id, b"t").map(|_| ()),
        &mut |turn| turn.flush_app(b"shop").map(|_| ()),
        &mut |turn| turn.swap_apps(b"shop", b"other"),
    ];
    for attempt in attempts {
        let step = shop.store.run(0, None, attempt);
        assert!(matches!(step, Err(Stop::Failed(_))), "{step:?}");
    }
    let mut transaction = shop.begin();
    let removed = transaction.remove_element(shop.app, &id);
    assert!(matches!(removed, Err(Stop::Failed(_))));
    let replaced = transaction.put_vertex(shop.app, &id, b"v", None);
    assert!(matches!(replaced, Err(Stop::Failed(_))));
    assert!(rows_cid(&transaction, shop.app, number).is_some());
    shop.catalog(&mut transaction).drop(number).unwrap();
    shop.commit(transaction);
    shop.store
        .run(0, None, |turn| turn.flush_app(b"shop"))
        .unwrap();
}

#[test]
fn an_app_with_objects_stays() {
    let shop = Shop::new();
    let app = shop.make(hyperdb_graph::catalog::objects::App {
        number: shop.app.0,
        name: "shop".into(),
        ..Default::default()
    });
    let number = shop.make(table(shop.app, "t"));
    let mut dropping = shop.begin();
    let mut catalog = shop.catalog(&mut dropping);
    let refusal = refused(catalog.drop(app));
    let Refusal::Dependents(inside) = refusal else {
        panic!("{refusal}");
    };
    assert_eq!((inside[0].number, &inside[0].why), (number, &Why::Inside));
    catalog.drop(number).unwrap();
    catalog.drop(app).unwrap();
}

#[test]
fn an_object_of_a_later_version_is_refused_and_the_rest_is_there() {
    let shop = Shop::new();
    let number = shop.make(table(shop.app, "t"));
    let other = shop.make(table(shop.app, "other"));
    let id = hyperdb_graph::catalog::object_id(number);
    let Some(mut bytes) = Object::from(table(shop.app, "t")).encode() else {
        panic!("it was stored");
    };
    bytes.extend_from_slice(&[100, 1, 1]);
    let mut newer = shop.begin();
    newer.put_vertex(AppId::SYSTEM, &id, &bytes, None).unwrap();
    shop.commit(newer);
    let image = shop.image();
    assert_eq!(image.unreadable(), [number]);
    assert!(image.get(other).is_some());
    let mut reading = shop.begin();
    let refusal = refused(shop.catalog(&mut reading).get(number));
    assert_eq!(refusal, Refusal::Unreadable { number });
}

#[test]
fn the_past_keeps_its_catalog() {
    let shop = Shop::new();
    shop.make(table(shop.app, "t"));
    let before = shop.store.db().snapshot();
    let number = shop.image().objects().next().unwrap().0;
    shop.change(number, table(shop.app, "u"));
    let past = Image::at(&shop.store, before).unwrap();
    assert!(past.find(NameSpace::Relation, shop.app, "t").is_some());
    assert!(past.find(NameSpace::Relation, shop.app, "u").is_none());
}

#[test]
fn values_of_a_sequence_are_taken_once_and_end() {
    let shop = Shop::new();
    let sequence = |increment: i64, cycle: bool| Sequence {
        app: shop.app.0,
        name: "s".into(),
        start: 3,
        increment,
        min: 1,
        max: 5,
        cycle,
        ..Sequence::default()
    };
    let take = |number: u64, sequence: &Sequence, count: u64| {
        let (taken, _) = shop
            .store
            .run(0, None, |turn| turn.take_values(number, sequence, count))
            .unwrap();
        taken.ok().map(|taken| (taken.first, taken.last))
    };
    let up = sequence(1, false);
    assert_eq!(take(1, &up, 2), Some((3, 4)));
    assert_eq!(take(1, &up, 2), Some((5, 5)));
    assert_eq!(take(1, &up, 1), None);
    let round = sequence(-2, true);
    assert_eq!(take(2, &round, 9), Some((3, 1)));
    assert_eq!(take(2, &round, 1), Some((5, 5)));
    assert_eq!(take(2, &round, 9), Some((3, 1)));
}
