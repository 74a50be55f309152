//! What the catalog describes, as plain values.
//!
//! **Theory.** Everything that refers to a column does so by its stable id, to a table or type by its object number, so that
//! renaming touches one record. Expressions are kept as the text that their language was given, with what they name: plans
//! are made from the text and never stored, and whoever renames or drops finds the texts that would be wrong by `uses`.
//! From these records pg_catalog, information_schema and system_schema are generated; nothing of them is stored.

use super::record::record;
use super::words::{
    Action, CollectionPart, ConstraintKind, Generation, Language, NullOrder, RowOrder, TypeForm,
    ViewCheck,
};
use crate::codec::types::Type;

record! {
    /// A word and its value: an option of an app, table, index or view, in the words of the language that gave it.
    Setting {
        /// The word.
        1 name: String,
        /// Its value.
        2 value: String,
    }
}

record! {
    /// What an expression names.
    Use {
        /// Number of the object.
        1 object: u64,
        /// Which of its columns, ascending; none: the object as a whole.
        2 columns: Vec<u32>,
    }
}

record! {
    /// An expression or a query. Without text there is none.
    Expression {
        /// The text as given.
        1 text: String,
        /// The language that it is in.
        2 language: Language,
        /// Names that were looked up when it was made resolve in these apps, in this order.
        3 path: Vec<String>,
        /// What it names, besides columns of the object that it belongs to.
        4 uses: Vec<Use>,
        /// Which columns of the object that it belongs to.
        5 columns: Vec<u32>,
    }
}

record! {
    /// A namespace: what CQL calls a keyspace, SQL a schema.
    App {
        /// The app's number in keys.
        1 number: u32,
        /// Its name.
        2 name: String,
        /// Owner: name of a role.
        3 owner: String,
        /// Replication of a keyspace and the like.
        4 options: Vec<Setting>,
        /// For people.
        5 comment: String,
    }
}

record! {
    /// A column of a key.
    KeyColumn {
        /// Its id; 0 where an index has an expression instead.
        1 column: u32,
        /// What is indexed instead of a column.
        2 expression: Expression,
        /// From the largest down.
        3 descending: bool,
        /// Where nulls go.
        4 nulls: NullOrder,
        /// What of a collection.
        5 part: CollectionPart,
        /// Collation; empty: that of the column.
        6 collation: String,
    }
}

record! {
    /// A column of a table, a view or a type.
    Column {
        /// Stable id, from 1, given out once per table.
        1 id: u32,
        /// Name.
        2 name: String,
        /// Type.
        3 kind: Option<Type>,
        /// Takes no null.
        4 not_null: bool,
        /// The default, or what generates it.
        5 default: Expression,
        /// Who says what it holds.
        6 generation: Generation,
        /// The sequence of an identity column.
        7 sequence: u64,
        /// One value a partition.
        8 is_static: bool,
        /// Dropped: the id stays taken, rows may still hold it.
        9 dropped: bool,
        /// Its place among the columns as people see them; 0: the order of ids.
        10 place: u32,
        /// Collation; empty: C.
        11 collation: String,
        /// Stored form of what rows from before the column hold; none: null. Fixed when the column is added, whatever
        /// becomes of the default.
        12 missing: Option<Vec<u8>>,
        /// Not shown: the row number of a table without primary key.
        13 hidden: bool,
        /// Of a dropped column: when, in microseconds since 1970. Older cells of CQL do not come back with its name.
        14 dropped_at: i64,
        /// For people.
        15 comment: String,
    }
}

record! {
    /// A constraint of a table or a domain.
    Constraint {
        /// Its own number among objects.
        1 number: u64,
        /// Name, unique in its table.
        2 name: String,
        /// Kind.
        3 kind: ConstraintKind,
        /// Columns, by id, in order.
        4 columns: Vec<u32>,
        /// What a check wants.
        5 check: Expression,
        /// The index that keeps a primary key or unique constraint; of a foreign key, the parent's.
        6 index: u64,
        /// The table referred to.
        7 parent: u64,
        /// Its columns, in the order of `columns`.
        8 parent_columns: Vec<u32>,
        /// When the parent row goes.
        9 on_delete: Action,
        /// When the parent's key changes.
        10 on_update: Action,
        /// Columns that SET NULL and SET DEFAULT are for; none: all.
        11 set_columns: Vec<u32>,
        /// Whether it may wait for the commit, and does.
        12 deferrable: bool,
        /// It waits unless told otherwise.
        13 deferred: bool,
        /// Nulls are equal to each other.
        14 nulls_equal: bool,
        /// A null among the columns refers to nothing only if all are (MATCH FULL).
        15 match_full: bool,
        /// Not yet checked against rows from before.
        16 unvalidated: bool,
        /// For people.
        17 comment: String,
    }
}

record! {
    /// What a materialized view is filled from.
    Source {
        /// The query.
        1 query: Expression,
        /// The table it is kept up to date from with every write (CQL); 0: when refreshed (SQL).
        2 base: u64,
        /// All columns of the base, later ones too.
        3 all_columns: bool,
        /// Condition on the base's rows (CQL).
        4 filter: Expression,
        /// Not yet filled.
        5 unfilled: bool,
    }
}

record! {
    /// A table, or a materialized view: a table with a source.
    Table {
        /// Its app's number.
        1 app: u32,
        /// Name.
        2 name: String,
        /// How its rows lie.
        3 order: RowOrder,
        /// Columns, by id, dropped ones included.
        4 columns: Vec<Column>,
        /// The next column's id.
        5 next_column: u32,
        /// Partition key, in order; none if ordered by key.
        6 partition: Vec<u32>,
        /// What rows of a partition are ordered by, or the primary key (a hidden column if there is none).
        7 key: Vec<KeyColumn>,
        /// Constraints, in the order made.
        8 constraints: Vec<Constraint>,
        /// Options in their language's words.
        9 options: Vec<Setting>,
        /// Redis keys that begin so are its rows; empty: none.
        10 resp_prefix: String,
        /// Owner: name of a role.
        11 owner: String,
        /// For people.
        12 comment: String,
        /// Made in this language.
        13 language: Language,
        /// Goes at the end of the session.
        14 temporary: bool,
        /// What it is filled from, if it is a materialized view.
        15 source: Source,
    }
}

record! {
    /// An index of a table.
    Index {
        /// Its app's number.
        1 app: u32,
        /// Name.
        2 name: String,
        /// The table.
        3 table: u64,
        /// What is indexed, in order.
        4 columns: Vec<KeyColumn>,
        /// Further columns kept in its entries.
        5 included: Vec<u32>,
        /// No two entries with the same columns.
        6 unique: bool,
        /// Only rows for which this is true.
        7 predicate: Expression,
        /// Nulls are equal to each other.
        8 nulls_equal: bool,
        /// Still being built: written, not yet read.
        9 building: bool,
        /// The word for its kind, as given: btree, hash, gin, a class of CQL; empty: ordered.
        10 method: String,
        /// The table's rows are its entries: the index of a primary key by which they lie.
        11 clustered: bool,
        /// Options in their language's words.
        12 options: Vec<Setting>,
        /// For people.
        13 comment: String,
    }
}

record! {
    /// A view.
    View {
        /// Its app's number.
        1 app: u32,
        /// Name.
        2 name: String,
        /// The query.
        3 query: Expression,
        /// Names and types of its columns.
        4 columns: Vec<Column>,
        /// Which rows may be written through it.
        5 check: ViewCheck,
        /// Options in their language's words.
        6 options: Vec<Setting>,
        /// Owner: name of a role.
        7 owner: String,
        /// For people.
        8 comment: String,
    }
}

record! {
    /// A sequence. Its value is a record of its own, outside transactions.
    Sequence {
        /// Its app's number.
        1 app: u32,
        /// Name.
        2 name: String,
        /// Type of its values.
        3 kind: Option<Type>,
        /// The first value.
        4 start: i64,
        /// From one value to the next; not 0.
        5 increment: i64,
        /// Smallest.
        6 min: i64,
        /// Largest.
        7 max: i64,
        /// Values that a session takes at a time.
        8 cache: u64,
        /// Begins anew at its end.
        9 cycle: bool,
        /// The table that it goes with; 0: none.
        10 table: u64,
        /// The column of it.
        11 column: u32,
        /// Owner: name of a role.
        12 owner: String,
        /// For people.
        13 comment: String,
    }
}

record! {
    /// A label of an enum.
    Label {
        /// Stable number, as rows store it; from 1.
        1 number: u32,
        /// What people see.
        2 name: String,
        /// Its position in the order: bits of a finite f64, so that a label fits between two others.
        3 position: u64,
    }
}

record! {
    /// A type that users made.
    UserType {
        /// Its app's number.
        1 app: u32,
        /// Name.
        2 name: String,
        /// Which kind.
        3 form: TypeForm,
        /// Labels of an enum, by number.
        4 labels: Vec<Label>,
        /// The next label's number.
        5 next_label: u32,
        /// What a domain is of.
        6 base: Option<Type>,
        /// A domain takes no null.
        7 not_null: bool,
        /// A domain's default.
        8 default: Expression,
        /// Collation of a domain; empty: that of the base.
        9 collation: String,
        /// Checks of a domain.
        10 constraints: Vec<Constraint>,
        /// Fields of a composite type, by id, dropped ones included.
        11 fields: Vec<Column>,
        /// The next field's id.
        12 next_field: u32,
        /// Owner: name of a role.
        13 owner: String,
        /// For people.
        14 comment: String,
    }
}
