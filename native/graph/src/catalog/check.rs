//! Whether a record makes sense by itself, and as the successor of what was there.
//!
//! **Invariant.** Column ids and label numbers outlive their columns and labels: rows and keys hold them.

use super::objects::{
    Column, Constraint, Index, KeyColumn, Label, Sequence, Table, UserType, View,
};
use super::words::{ConstraintKind, Generation, RowOrder, TypeForm};
use super::{Object, Refusal};
use std::collections::BTreeSet;

type Checked = Result<(), Refusal>;

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Checked {
    match holds {
        true => Ok(()),
        false => Err(Refusal::Invalid(why())),
    }
}

/// What must hold of `object` whatever else there is.
pub(super) fn record(object: &Object) -> Checked {
    ensure(!object.name().2.is_empty(), || {
        format!("a {} needs a name", object.kind())
    })?;
    match object {
        Object::App(_) => Ok(()),
        Object::Table(table) => check_table(table),
        Object::Index(index) => check_index(index),
        Object::View(view) => check_view(view),
        Object::Sequence(sequence) => check_sequence(sequence),
        Object::UserType(kind) => check_type(kind),
    }
}

/// What must hold of `new` because `old` was there.
/// Whether a table may be redefined by one whose rows are all written anew.
pub(super) fn rekeyed(old: &Object, new: &Object) -> Checked {
    match (old, new) {
        (Object::Table(before), Object::Table(after)) => {
            let mut before = before.clone();
            before.key.clone_from(&after.key);
            successor(&Object::Table(before), &Object::Table(after.clone()))
        }
        _ => Err(Refusal::Invalid("only tables have a key".into())),
    }
}

pub(super) fn successor(old: &Object, new: &Object) -> Checked {
    let same_place = old.kind() == new.kind() && old.app() == new.app();
    ensure(same_place, || "an object keeps its kind and app".into())?;
    match (old, new) {
        (Object::Table(old), Object::Table(new)) => {
            let same = |holds, what| ensure(holds, || format!("a table keeps its {what}"));
            same(old.order == new.order, "order")?;
            same(old.partition == new.partition, "partition key")?;
            same(old.key == new.key, "key")?;
            kept_columns(&old.columns, &new.columns, old.next_column, new.next_column)
        }
        (Object::Index(old), Object::Index(new)) => {
            let same = old.table == new.table && old.columns == new.columns;
            ensure(same, || "an index keeps its table and columns".into())
        }
        (Object::UserType(old), Object::UserType(new)) => {
            ensure(old.form == new.form && old.base == new.base, || {
                "a type keeps its form".into()
            })?;
            kept_labels(old, new)?;
            kept_columns(&old.fields, &new.fields, old.next_field, new.next_field)
        }
        _ => Ok(()),
    }
}

fn kept_columns(old: &[Column], new: &[Column], old_next: u32, new_next: u32) -> Checked {
    ensure(old_next <= new_next, || {
        "column ids are given out once".into()
    })?;
    for column in old {
        let place = new.binary_search_by_key(&column.id, |column| column.id);
        let Some(after) = place.ok().and_then(|place| new.get(place)) else {
            return Err(Refusal::Invalid(format!(
                "column {} is dropped by its mark, not left out",
                column.name
            )));
        };
        ensure(after.dropped || !column.dropped, || {
            format!("column {} does not come back", column.name)
        })?;
        let same_form = match (&column.kind, &after.kind) {
            (Some(before), Some(after)) => before.is_stored_like(after),
            (before, after) => before == after,
        };
        ensure(same_form && column.missing == after.missing, || {
            format!(
                "column {} would be read otherwise than it was written: give it a new id",
                column.name
            )
        })?;
    }
    let fresh = new
        .iter()
        .filter(|new| old.iter().all(|old| old.id != new.id));
    for column in fresh {
        ensure(column.id >= old_next, || {
            format!("column {} has an id from before", column.name)
        })?;
    }
    Ok(())
}

fn kept_labels(old: &UserType, new: &UserType) -> Checked {
    ensure(old.next_label <= new.next_label, || {
        "label numbers are given out once".into()
    })?;
    let place = |label: &Label| (label.number, label.position);
    let after: BTreeSet<_> = new.labels.iter().map(place).collect();
    for label in &old.labels {
        ensure(after.contains(&place(label)), || {
            format!("label {} stays where it is", label.name)
        })?;
    }
    Ok(())
}

fn check_columns(columns: &[Column], next: u32) -> Checked {
    let mut last = 0;
    let mut names = BTreeSet::new();
    for column in columns {
        let ascending = column.id > last && column.id < next;
        ensure(ascending, || {
            format!(
                "column {}: ids ascend from 1 and stay below the next",
                column.name
            )
        })?;
        last = column.id;
        if column.dropped {
            continue;
        }
        ensure(!column.name.is_empty() && column.kind.is_some(), || {
            "a column needs a name and a type".into()
        })?;
        if !names.insert(&column.name) {
            return Err(Refusal::duplicate("column", &column.name));
        }
        let generated = match column.generation {
            Generation::Default => true,
            Generation::Stored => !column.default.text.is_empty(),
            Generation::IdentityByDefault | Generation::IdentityAlways => column.sequence != 0,
        };
        ensure(generated, || {
            format!("column {} lacks what generates it", column.name)
        })?;
    }
    Ok(())
}

fn live(columns: &[Column], id: u32) -> Checked {
    let found = columns
        .iter()
        .any(|column| column.id == id && !column.dropped);
    match found {
        true => Ok(()),
        false => Err(Refusal::missing("column", id)),
    }
}

fn check_table(table: &Table) -> Checked {
    check_columns(&table.columns, table.next_column)?;
    let by_token = table.order == RowOrder::Token;
    ensure(by_token != table.partition.is_empty(), || {
        "a table has a partition key if it is ordered by token, and only then".into()
    })?;
    ensure(by_token || !table.key.is_empty(), || {
        "a table ordered by key has a key".into()
    })?;
    let statics = table.columns.iter().any(|column| column.is_static);
    ensure(by_token || !statics, || {
        "only tables with partitions have static columns".into()
    })?;
    let key = table.key.iter().map(|part| part.column);
    let mut seen = BTreeSet::new();
    for id in table.partition.iter().copied().chain(key) {
        live(&table.columns, id)?;
        let kind = table.columns.iter().find(|column| column.id == id);
        let kind = kind.and_then(|column| column.kind.as_ref());
        ensure(
            seen.insert(id) && kind.is_some_and(|kind| kind.is_ordered()),
            || format!("column {id} cannot be part of the key"),
        )?;
    }
    for constraint in &table.constraints {
        check_constraint(constraint, &table.columns)?;
    }
    check_names(&table.constraints)
}

fn check_names(constraints: &[Constraint]) -> Checked {
    let mut names = BTreeSet::new();
    for constraint in constraints {
        if !names.insert(&constraint.name) {
            return Err(Refusal::duplicate("constraint", &constraint.name));
        }
    }
    let keys = constraints
        .iter()
        .filter(|constraint| constraint.kind == ConstraintKind::Primary);
    ensure(keys.count() < 2, || "a table has one primary key".into())
}

fn check_constraint(constraint: &Constraint, columns: &[Column]) -> Checked {
    let named = !constraint.name.is_empty() && constraint.number >= super::FIRST;
    ensure(named, || "a constraint needs a name and a number".into())?;
    for id in constraint.columns.iter().chain(&constraint.set_columns) {
        live(columns, *id)?;
    }
    let complete = match constraint.kind {
        ConstraintKind::Primary | ConstraintKind::Unique => {
            !constraint.columns.is_empty() && constraint.index != 0
        }
        ConstraintKind::Check => !constraint.check.text.is_empty(),
        ConstraintKind::Foreign => {
            constraint.parent != 0
                && !constraint.columns.is_empty()
                && constraint.columns.len() == constraint.parent_columns.len()
        }
    };
    ensure(complete, || {
        format!("constraint {} is incomplete", constraint.name)
    })
}

fn check_index(index: &Index) -> Checked {
    ensure(index.table != 0 && !index.columns.is_empty(), || {
        format!("index {} needs a table and columns", index.name)
    })?;
    let one = |part: &KeyColumn| (part.column == 0) != part.expression.text.is_empty();
    ensure(index.columns.iter().all(one), || {
        "an index has a column or an expression in each place".into()
    })
}

fn check_view(view: &View) -> Checked {
    ensure(!view.query.text.is_empty(), || {
        format!("view {} needs a query", view.name)
    })?;
    let next = view.columns.last().map_or(1, |last| last.id + 1);
    check_columns(&view.columns, next)
}

fn check_sequence(sequence: &Sequence) -> Checked {
    let Sequence {
        start, min, max, ..
    } = sequence;
    let within = min <= start && start <= max;
    ensure(within && sequence.increment != 0, || {
        format!("sequence {} starts out of its range", sequence.name)
    })?;
    ensure((sequence.table == 0) == (sequence.column == 0), || {
        "a sequence goes with a column of a table, or with none".into()
    })
}

fn check_type(kind: &UserType) -> Checked {
    let fits = match kind.form {
        TypeForm::Enum => kind.base.is_none() && kind.fields.is_empty(),
        TypeForm::Domain => kind.base.is_some() && kind.fields.is_empty(),
        TypeForm::Composite => kind.base.is_none() && kind.labels.is_empty(),
    };
    ensure(fits, || format!("type {} mixes kinds of types", kind.name))?;
    let mut last = 0;
    let (mut names, mut positions) = (BTreeSet::new(), BTreeSet::new());
    for label in &kind.labels {
        let position = f64::from_bits(label.position);
        let placed = position.is_finite() && positions.insert(label.position);
        let numbered = label.number > last && label.number < kind.next_label;
        ensure(placed && numbered, || {
            format!("label {} has no place of its own", label.name)
        })?;
        last = label.number;
        if !names.insert(&label.name) {
            return Err(Refusal::duplicate("label", &label.name));
        }
    }
    check_columns(&kind.fields, kind.next_field)?;
    for constraint in &kind.constraints {
        check_constraint(constraint, &[])?;
    }
    check_names(&kind.constraints)
}
