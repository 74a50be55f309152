//! Words out of few, as the records of the catalog store them.
//!
//! **Invariant.** A number is never given another meaning. One that this build does not know makes its whole object
//! unreadable here: what it would mean cannot be guessed.

use super::record::word;

word! {
    /// How a table's rows lie.
    RowOrder {
        /// By primary key: tables made in SQL.
        Key = 0,
        /// By the token of the partition key: tables made in CQL.
        Token = 1,
    }
}

word! {
    /// Where nulls go in a key.
    NullOrder {
        /// There are none.
        Never = 0,
        /// Before all values.
        First = 1,
        /// Behind all values.
        Last = 2,
    }
}

word! {
    /// Who says what a column holds when a row does not.
    Generation {
        /// The default, else null.
        Default = 0,
        /// The expression, always: SQL's generated columns.
        Stored = 1,
        /// A sequence, unless a value is given.
        IdentityByDefault = 2,
        /// A sequence.
        IdentityAlways = 3,
    }
}

word! {
    /// The language that an expression is written in.
    Language {
        /// SQL.
        Sql = 0,
        /// CQL.
        Cql = 1,
    }
}

word! {
    /// Kinds of constraint. NOT NULL is a property of the column.
    ConstraintKind {
        /// The primary key.
        Primary = 0,
        /// No two rows with the same values.
        Unique = 1,
        /// An expression that is not false.
        Check = 2,
        /// The values are those of a row of another table.
        Foreign = 3,
    }
}

word! {
    /// What happens to the referring row.
    Action {
        /// The change is refused at the end of the statement.
        NoAction = 0,
        /// The change is refused at once.
        Restrict = 1,
        /// It goes, or changes, too.
        Cascade = 2,
        /// Its columns become null.
        SetNull = 3,
        /// Its columns take their defaults.
        SetDefault = 4,
    }
}

word! {
    /// What of a collection an index has entries for.
    CollectionPart {
        /// The column is no collection, or its whole frozen value.
        Whole = 0,
        /// Values of a list, set or map.
        Values = 1,
        /// Keys of a map.
        Keys = 2,
        /// Pairs of a map.
        Entries = 3,
    }
}

word! {
    /// What a view lets through it.
    ViewCheck {
        /// Any row.
        Unchecked = 0,
        /// Rows that this view shows.
        Local = 1,
        /// Rows that this view and those below it show.
        Cascaded = 2,
    }
}

word! {
    /// Kinds of user type.
    TypeForm {
        /// Labels in an order.
        Enum = 0,
        /// Another type with constraints.
        Domain = 1,
        /// Named fields.
        Composite = 2,
    }
}
