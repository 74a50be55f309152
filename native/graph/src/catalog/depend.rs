//! What refers to what, and so what stands in the way when something goes.
//!
//! **Theory.** References are in the records of those who refer; the way back is a walk over the catalog, which is small
//! and changes seldom. What is *part* of another goes with it; any other reference is an obstacle.

use super::objects::{Column, Constraint, Expression, KeyColumn, Use};
use super::words::ConstraintKind;
use super::{Image, Object};
use crate::codec::types::Type;
use std::collections::BTreeSet;
use std::fmt;

/// Why one object needs another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is part of the other and goes with it: an index of its table, a sequence of its column.
    Part,
    /// It lies in the app.
    Inside,
    /// The column of this name: its type, its default, its sequence.
    Column(String),
    /// The constraint of this name.
    Constraint(String),
    /// Its query, expression or definition.
    Definition,
}

/// Who needs an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependent {
    /// Its number.
    pub number: u64,
    /// What people call its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: Why,
}

impl fmt::Display for Dependent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Column(column) => write!(f, "column {column} of ")?,
            Why::Constraint(constraint) => write!(f, "constraint {constraint} of ")?,
            Why::Part | Why::Inside | Why::Definition => {}
        }
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// One reference that an object makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// To this object.
    pub(super) to: u64,
    /// To these columns of it; none: to the whole.
    pub(super) columns: Vec<u32>,
    /// What for.
    pub(super) why: Why,
    /// The other is made behind this one: the index of a constraint behind its table.
    pub(super) made_later: bool,
}

/// Everything that `object` refers to, apps aside.
pub(super) fn references(object: &Object) -> Vec<Reference> {
    let mut found = Collector(Vec::new());
    match object {
        Object::App(_) => {}
        Object::Table(table) => {
            found.columns(&table.columns);
            found.constraints(&table.constraints);
            found.expression(&table.source.query, &Why::Definition);
            found.expression(&table.source.filter, &Why::Definition);
            found.add(table.source.base, &[], &Why::Definition);
        }
        Object::Index(index) => {
            let mut columns: BTreeSet<u32> = index.included.iter().copied().collect();
            columns.extend(&index.predicate.columns);
            found.expression(&index.predicate, &Why::Definition);
            for KeyColumn {
                column, expression, ..
            } in &index.columns
            {
                columns.extend((*column != 0).then_some(*column));
                columns.extend(&expression.columns);
                found.expression(expression, &Why::Definition);
            }
            let columns: Vec<u32> = columns.into_iter().collect();
            found.add(index.table, &columns, &Why::Part);
        }
        Object::View(view) => {
            found.expression(&view.query, &Why::Definition);
            found.columns(&view.columns);
        }
        Object::Sequence(sequence) => {
            found.add(sequence.table, &[sequence.column], &Why::Part);
        }
        Object::UserType(kind) => {
            found.kind(kind.base.as_ref(), &Why::Definition);
            found.expression(&kind.default, &Why::Definition);
            found.constraints(&kind.constraints);
            found.columns(&kind.fields);
        }
    }
    found.0
}

struct Collector(Vec<Reference>);

impl Collector {
    fn add(&mut self, to: u64, columns: &[u32], why: &Why) {
        if to != 0 {
            self.0.push(Reference {
                to,
                columns: columns.to_vec(),
                why: why.clone(),
                made_later: false,
            });
        }
    }

    fn expression(&mut self, expression: &Expression, why: &Why) {
        for Use {
            object, columns, ..
        } in &expression.uses
        {
            self.add(*object, columns, why);
        }
    }

    fn kind(&mut self, kind: Option<&Type>, why: &Why) {
        let mut named = Vec::new();
        if let Some(kind) = kind {
            kind.named(&mut named);
        }
        named.into_iter().for_each(|id| self.add(id, &[], why));
    }

    fn columns(&mut self, columns: &[Column]) {
        for column in columns.iter().filter(|column| !column.dropped) {
            let why = Why::Column(column.name.clone());
            self.kind(column.kind.as_ref(), &why);
            self.expression(&column.default, &why);
            self.add(column.sequence, &[], &why);
        }
    }

    fn constraints(&mut self, constraints: &[Constraint]) {
        for constraint in constraints {
            let why = Why::Constraint(constraint.name.clone());
            self.add(constraint.index, &[], &why);
            if let (true, Some(index)) = (constraint.index != 0, self.0.last_mut()) {
                index.made_later = constraint.kind != ConstraintKind::Foreign;
            }
            self.expression(&constraint.check, &why);
            if constraint.kind == ConstraintKind::Foreign {
                self.add(constraint.parent, &constraint.parent_columns, &why);
            }
        }
    }
}

/// Why `object` needs object `to`, or one of its `columns` (`None`: any part of it).
pub(super) fn reasons(object: &Object, to: u64, columns: Option<&[u32]>) -> Vec<Why> {
    let touches = |reference: &Reference| match columns {
        None => true,
        Some(lost) => reference.columns.iter().any(|column| lost.contains(column)),
    };
    let mut whys: Vec<Why> = references(object)
        .into_iter()
        .filter(|reference| reference.to == to && touches(reference))
        .map(|reference| reference.why)
        .collect();
    whys.sort();
    whys.dedup();
    whys
}

impl Image {
    /// Who needs object `number`, itself aside.
    pub fn dependents(&self, number: u64) -> Vec<Dependent> {
        let app = match self.get(number) {
            Some(Object::App(app)) => Some(app.number),
            _ => None,
        };
        let mut found = Vec::new();
        for (other, object) in self.objects().filter(|(other, _)| *other != number) {
            let inside = app.is_some_and(|app| object.app().0 == app);
            let whys = reasons(object, number, None);
            let whys = whys.into_iter().chain(inside.then_some(Why::Inside));
            found.extend(whys.map(|why| Dependent {
                number: other,
                kind: object.kind(),
                name: object.name().2.to_owned(),
                why,
            }));
        }
        found
    }
}
