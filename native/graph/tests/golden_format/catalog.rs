//! Catalog records: every kind of object and every kind of field is in some case.

use super::{case, compare, Cases};
use hyperdb_graph::catalog::objects::{
    App, Column, Constraint, Expression, Index, KeyColumn, Label, Sequence, Setting, Source, Table,
    Use, UserType, View,
};
use hyperdb_graph::catalog::sequence::Position;
use hyperdb_graph::catalog::words::{
    Action, CollectionPart, ConstraintKind, Generation, Language, NullOrder, RowOrder, TypeForm,
    ViewCheck,
};
use hyperdb_graph::catalog::{name_id, object_id, rows_id, sequence_id, NameSpace, Object};
use hyperdb_graph::codec::types::{Container, Named, Plain, Sized, Type};
use hyperdb_graph::AppId;

const APP: u32 = 300;

fn expression(text: &str) -> Expression {
    Expression {
        text: text.into(),
        ..Expression::default()
    }
}

fn setting(name: &str, value: &str) -> Setting {
    Setting {
        name: name.into(),
        value: value.into(),
        ..Setting::default()
    }
}

fn column(id: u32, name: &str, kind: Type) -> Column {
    Column {
        id,
        name: name.into(),
        kind: Some(kind),
        ..Column::default()
    }
}

fn by(column: u32) -> KeyColumn {
    KeyColumn {
        column,
        ..KeyColumn::default()
    }
}

fn sql_table() -> Table {
    let id = Column {
        not_null: true,
        generation: Generation::IdentityAlways,
        sequence: 16_388,
        ..column(1, "id", Type::Plain(Plain::Int8))
    };
    let total = Column {
        default: expression("0"),
        missing: Some(vec![0x30, 2, 0, 0, 0]),
        place: 2,
        ..column(3, "total", Type::Numeric(10, 2))
    };
    let gone = Column {
        dropped: true,
        dropped_at: 1_700_000_000_000_000,
        ..column(2, "old", Type::Sized(Sized::Varchar, 9))
    };
    let name = Column {
        collation: "de_DE".into(),
        comment: "Größe".into(),
        missing: Some(vec![]),
        ..column(4, "name", Type::Plain(Plain::Text))
    };
    let primary = Constraint {
        number: 16_396,
        name: "orders_pkey".into(),
        columns: vec![1],
        index: 16_400,
        ..Constraint::default()
    };
    let check = Constraint {
        number: 16_404,
        name: "positive".into(),
        kind: ConstraintKind::Check,
        check: Expression {
            path: vec!["shop".into(), "public".into()],
            columns: vec![3],
            ..expression("total >= 0")
        },
        ..Constraint::default()
    };
    let foreign = Constraint {
        number: 16_408,
        name: "orders_customer_fkey".into(),
        kind: ConstraintKind::Foreign,
        columns: vec![4],
        parent: 16_384,
        parent_columns: vec![2],
        on_delete: Action::SetNull,
        on_update: Action::Cascade,
        set_columns: vec![4],
        deferrable: true,
        deferred: true,
        match_full: true,
        unvalidated: true,
        ..Constraint::default()
    };
    Table {
        app: APP,
        name: "orders".into(),
        columns: vec![id, gone, total, name],
        next_column: 5,
        key: vec![by(1)],
        constraints: vec![primary, check, foreign],
        resp_prefix: "order:".into(),
        owner: "alice".into(),
        ..Table::default()
    }
}

fn cql_table() -> Table {
    let tags = Type::Of(Container::Set, Box::new(Type::Plain(Plain::Text)));
    let last = Column {
        is_static: true,
        ..column(3, "last", Type::Named(Named::FrozenUdt, 16_420))
    };
    let clustering = KeyColumn {
        descending: true,
        ..by(2)
    };
    Table {
        app: APP,
        name: "events".into(),
        order: RowOrder::Token,
        columns: vec![
            column(1, "day", Type::Plain(Plain::Date)),
            column(2, "at", Type::Plain(Plain::TimeUuid)),
            last,
            column(4, "tags", tags),
        ],
        next_column: 5,
        partition: vec![1],
        key: vec![clustering],
        options: vec![setting("gc_grace_seconds", "864000")],
        language: Language::Cql,
        ..Table::default()
    }
}

fn index() -> Index {
    let lower = KeyColumn {
        expression: Expression {
            columns: vec![4],
            ..expression("lower(name)")
        },
        nulls: NullOrder::Last,
        collation: "C".into(),
        ..KeyColumn::default()
    };
    let total = KeyColumn {
        descending: true,
        nulls: NullOrder::First,
        ..by(3)
    };
    Index {
        app: APP,
        name: "orders_by_name".into(),
        table: 16_392,
        columns: vec![lower, total],
        included: vec![1],
        unique: true,
        predicate: Expression {
            columns: vec![3],
            ..expression("total > 0")
        },
        nulls_equal: true,
        building: true,
        method: "btree".into(),
        ..Index::default()
    }
}

fn objects() -> Vec<(&'static str, Object)> {
    let base = Use {
        object: 16_392,
        columns: vec![1, 3],
        ..Use::default()
    };
    let query = Expression {
        uses: vec![base],
        ..expression("SELECT id, total FROM orders")
    };
    let source = Source {
        query: query.clone(),
        base: 16_392,
        filter: Expression {
            language: Language::Cql,
            ..expression("id IS NOT NULL")
        },
        unfilled: true,
        ..Source::default()
    };
    let by_tag = Index {
        app: APP,
        name: "events_by_tag".into(),
        table: 16_424,
        columns: vec![KeyColumn {
            part: CollectionPart::Values,
            ..by(4)
        }],
        method: "StorageAttachedIndex".into(),
        options: vec![setting("case_sensitive", "false")],
        ..Index::default()
    };
    let label = |number, name: &str, position: f64| Label {
        number,
        name: name.into(),
        position: position.to_bits(),
        ..Label::default()
    };
    let not_empty = Constraint {
        number: 16_440,
        name: "not_empty".into(),
        kind: ConstraintKind::Check,
        check: expression("VALUE <> ''"),
        ..Constraint::default()
    };
    vec![
        (
            "app",
            App {
                number: APP,
                name: "shop".into(),
                owner: "alice".into(),
                options: vec![setting("durable_writes", "true")],
                comment: "all of it".into(),
                ..App::default()
            }
            .into(),
        ),
        ("empty app", App::default().into()),
        ("sql table", sql_table().into()),
        ("cql table", cql_table().into()),
        (
            "materialized view",
            Table {
                name: "totals".into(),
                source,
                ..Table::default()
            }
            .into(),
        ),
        ("index", index().into()),
        ("collection index", by_tag.into()),
        (
            "view",
            View {
                app: APP,
                name: "big".into(),
                query,
                columns: vec![column(1, "id", Type::Plain(Plain::Int8))],
                check: ViewCheck::Cascaded,
                options: vec![setting("security_barrier", "true")],
                ..View::default()
            }
            .into(),
        ),
        (
            "sequence",
            Sequence {
                app: APP,
                name: "orders_id_seq".into(),
                kind: Some(Type::Plain(Plain::Int8)),
                start: 1,
                increment: -1,
                min: i64::MIN,
                max: i64::MAX,
                cache: 32,
                cycle: true,
                table: 16_392,
                column: 1,
                ..Sequence::default()
            }
            .into(),
        ),
        (
            "enum",
            UserType {
                app: APP,
                name: "mood".into(),
                labels: vec![
                    label(1, "sad", 1.0),
                    label(2, "happy", 2.0),
                    label(3, "ok", 1.5),
                ],
                next_label: 4,
                ..UserType::default()
            }
            .into(),
        ),
        (
            "domain",
            UserType {
                app: APP,
                name: "title".into(),
                form: TypeForm::Domain,
                base: Some(Type::Sized(Sized::Varchar, 80)),
                not_null: true,
                default: expression("'untitled'"),
                collation: "C".into(),
                constraints: vec![not_empty],
                ..UserType::default()
            }
            .into(),
        ),
        (
            "composite",
            UserType {
                app: APP,
                name: "address".into(),
                form: TypeForm::Composite,
                fields: vec![column(1, "city", Type::Plain(Plain::Text))],
                next_field: 2,
                owner: "alice".into(),
                ..UserType::default()
            }
            .into(),
        ),
    ]
}

#[test]
fn catalog_records_are_as_written_down() {
    let mut cases: Cases = vec![
        case("id of object 16384", &object_id(16_384)),
        case("id of rows 16384", &rows_id(16_384)),
        case("id of the value of sequence 16384", &sequence_id(16_384)),
        case(
            "id of relation orders in 300",
            &name_id(NameSpace::Relation, AppId(APP), "orders"),
        ),
        case(
            "id of type mood in 300",
            &name_id(NameSpace::Type, AppId(APP), "mood"),
        ),
        case("id of app shop", &name_id(NameSpace::App, AppId(0), "shop")),
        case(
            "position 7 called",
            &Position {
                last: 7,
                called: true,
            }
            .encode(),
        ),
    ];
    for (name, object) in objects() {
        cases.push((name.into(), object.encode().unwrap()));
    }
    compare("catalog", &cases);
    for (_, bytes) in &cases[7..] {
        let object = Object::decode(bytes).unwrap();
        assert_eq!(object.encode().as_ref(), Some(bytes));
    }
}
