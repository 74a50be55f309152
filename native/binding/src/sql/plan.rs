//! Statements of the short way, from the plans that Python has bound.

use super::catalog::TableLayout;
use crate::errors::raise;
use hyperdb_graph::catalog::Object;
use hyperdb_graph::Store;
use hyperdb_sql::expression::Sign;
use hyperdb_sql::{
    Body, Description, Expression, Kind, Numbered, OnConflict, Output, Parent, Plan, Span,
    Statement, Steer,
};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;

/// A statement that lanes answer.
#[pyclass(frozen)]
pub(crate) struct LaneStatement(pub(super) Arc<Statement>);

/// An oid and a modifier.
pub(super) type Typed = (u32, i32);

/// The kind of a type; `None` inside if the short way does not know it.
fn kind((oid, modifier): Typed) -> Option<Kind> {
    Kind::of(oid, modifier)
}

fn wrong() -> PyErr {
    raise("InvalidError", "no expression of the short way")
}

/// An expression of tuples that begin with a word; `None` inside for a type that is not known.
fn expression(found: &Bound<'_, PyAny>) -> PyResult<Option<Expression>> {
    let parts = found.cast::<PyTuple>()?;
    let word: String = parts.get_item(0)?.extract()?;
    let inner = |at: usize| expression(&parts.get_item(at)?);
    let typed = |at: usize| Ok::<_, PyErr>(kind(parts.get_item(at)?.extract()?));
    Ok(match word.as_str() {
        "constant" => {
            let text: Option<Vec<u8>> = parts.get_item(2)?.extract()?;
            match (text, typed(1)?) {
                (None, _) => Some(Expression::Constant(None)),
                (Some(text), Some(kind)) => kind
                    .read(&text, false)
                    .map(|stored| Expression::Constant(Some(stored))),
                _ => None,
            }
        }
        "parameter" => Some(Expression::Parameter(parts.get_item(1)?.extract()?)),
        "slot" => Some(Expression::Slot(parts.get_item(1)?.extract()?)),
        "+" | "-" | "*" => {
            let sign = match word.as_str() {
                "+" => Sign::Plus,
                "-" => Sign::Minus,
                _ => Sign::Times,
            };
            let kinds = (typed(3)?, typed(4)?, typed(5)?);
            match (inner(1)?, inner(2)?, kinds) {
                (Some(left), Some(right), (Some(one), Some(other), Some(result)))
                    if one.is_integer() && other.is_integer() && result.is_integer() =>
                {
                    let kinds = [one, other, result];
                    Some(Expression::Integers(
                        sign,
                        Box::new(left),
                        Box::new(right),
                        kinds,
                    ))
                }
                _ => None,
            }
        }
        "negated" => match (inner(1)?, typed(2)?) {
            (Some(value), Some(kind)) if kind.is_integer() => {
                Some(Expression::Negated(Box::new(value), kind))
            }
            _ => None,
        },
        "integer" => match (inner(1)?, typed(2)?, typed(3)?) {
            (Some(value), Some(from), Some(to)) if from.is_integer() && to.is_integer() => {
                Some(Expression::Integer(Box::new(value), from, to))
            }
            _ => None,
        },
        "fitted" => match (inner(1)?, typed(2)?) {
            (Some(value), Some(kind @ (Kind::Varchar(_) | Kind::Char(_)))) => {
                Some(Expression::Fitted(Box::new(value), kind))
            }
            _ => None,
        },
        "now" => Some(Expression::Now),
        "row key" => Some(Expression::RowKey),
        "next" => {
            let record: Vec<u8> = parts.get_item(2)?.extract()?;
            let Some(Object::Sequence(sequence)) = Object::decode(&record) else {
                return Err(wrong());
            };
            let number = parts.get_item(1)?.extract()?;
            Some(Expression::Next(Arc::new(Numbered { number, sequence })))
        }
        _ => return Err(wrong()),
    })
}

pub(super) fn all(found: &[Bound<'_, PyAny>]) -> PyResult<Option<Vec<Expression>>> {
    found.iter().map(expression).collect()
}

#[pymethods]
impl LaneStatement {
    /// A statement that begins or ends a block; None if the text is no such.
    #[staticmethod]
    fn steering(text: &[u8]) -> Option<LaneStatement> {
        Steer::of(text).map(|steer| LaneStatement(Arc::new(Statement::Steer(steer))))
    }
}

/// What a statement does: its word, and what the word wants.
pub(super) struct Form<'py> {
    pub(super) word: &'py str,
    pub(super) index: Option<usize>,
    pub(super) body: Bound<'py, PyTuple>,
    /// Slots with how they are shown; none: no rows come back.
    pub(super) outputs: Option<Vec<(usize, Typed)>>,
    pub(super) required: Vec<usize>,
    /// Layouts, indexes and slots of foreign keys.
    pub(super) parents: Vec<(Py<TableLayout>, Option<usize>, Vec<usize>)>,
}

/// An expression as it is given.
type Given<'py> = Bound<'py, PyAny>;

/// Indexes by their places (None: the key), then what is set.
type Conflicting<'py> = (Vec<Option<usize>>, Option<Vec<(usize, Given<'py>)>>);

/// Slots and expressions.
fn sets(found: Vec<(usize, Given<'_>)>) -> PyResult<Option<Vec<(usize, Expression)>>> {
    let (slots, values): (Vec<usize>, Vec<_>) = found.into_iter().unzip();
    Ok(all(&values)?.map(|values| slots.into_iter().zip(values).collect()))
}

/// One end of a range, or none.
#[allow(clippy::option_option)]
fn end(found: Option<(Given<'_>, bool)>) -> PyResult<Option<Option<(Expression, bool)>>> {
    let Some((value, is_in)) = found else {
        return Ok(Some(None));
    };
    Ok(expression(&value)?.map(|value| Some((value, is_in))))
}

/// What the word wants, and the words before the count in its tag; `None` inside for a type that is not known.
fn body(word: &str, given: &Bound<'_, PyTuple>) -> PyResult<Option<(Body, &'static str)>> {
    let key = || -> PyResult<_> { all(&given.get_item(0)?.extract::<Vec<Given<'_>>>()?) };
    Ok(match word {
        "get" => key()?.map(|key| (Body::Get { key }, "SELECT ")),
        "delete" => key()?.map(|key| (Body::Delete { key }, "DELETE ")),
        "update" => {
            let sets = sets(given.get_item(1)?.extract()?)?;
            key()?
                .zip(sets)
                .map(|(key, sets)| (Body::Update { key, sets }, "UPDATE "))
        }
        "insert" => {
            let rows: Vec<Vec<Given<'_>>> = given.get_item(0)?.extract()?;
            let rows = rows
                .iter()
                .map(|row| all(row))
                .collect::<PyResult<Option<Vec<_>>>>()?;
            let conflict: Option<Conflicting<'_>> = given.get_item(1)?.extract()?;
            let conflict = match conflict {
                None => Some(None),
                Some((arbiters, None)) => Some(Some(OnConflict {
                    arbiters,
                    sets: None,
                })),
                Some((arbiters, Some(given))) => sets(given)?.map(|sets| {
                    let sets = Some(sets);
                    Some(OnConflict { arbiters, sets })
                }),
            };
            let both = rows.zip(conflict);
            both.map(|(rows, conflict)| (Body::Insert { rows, conflict }, "INSERT 0 "))
        }
        "range" => {
            let (low, high) = (
                end(given.get_item(1)?.extract()?)?,
                end(given.get_item(2)?.extract()?)?,
            );
            let reverse: bool = given.get_item(3)?.extract()?;
            let limit: Option<Given<'_>> = given.get_item(4)?.extract()?;
            let limit = match limit {
                None => Some(None),
                Some(limit) => expression(&limit)?.map(Some),
            };
            match (key()?, low, high, limit) {
                (Some(equal), Some(low), Some(high), Some(limit)) => {
                    let span = Span {
                        equal,
                        low,
                        high,
                        reverse,
                        limit,
                    };
                    Some((Body::Range(span), "SELECT "))
                }
                _ => None,
            }
        }
        _ => return Err(wrong()),
    })
}

/// A statement on rows of one table; `None` inside if it has a type that the short way does not know.
pub(super) fn row(
    graph: &Store,
    layout: &TableLayout,
    version: i64,
    parameters: Vec<u32>,
    form: Form<'_>,
    description: Option<Vec<u8>>,
) -> PyResult<Option<LaneStatement>> {
    let layout = layout.0.clone();
    let kinds = parameters.into_iter().map(|oid| Kind::of(oid, -1));
    let Some(parameters) = kinds.collect::<Option<Vec<Kind>>>() else {
        return Ok(None);
    };
    let Some((body, tag)) = body(form.word, &form.body)? else {
        return Ok(None);
    };
    let output = |(slot, typed): (usize, Typed)| {
        let kind = kind(typed)?;
        let is_stored = layout
            .kind(slot)
            .is_some_and(|column| kind.is_stored_as(column));
        is_stored.then_some(Output { slot, kind })
    };
    let outputs = match form.outputs {
        None => None,
        Some(outputs) => match outputs.into_iter().map(output).collect::<Option<Vec<_>>>() {
            None => return Ok(None),
            found => found,
        },
    };
    let description = match description {
        None => Description::none(),
        Some(bytes) => Description::of(bytes).ok_or_else(wrong)?,
    };
    let parents = form
        .parents
        .into_iter()
        .map(|(layout, index, slots)| Parent {
            layout: layout.get().0.clone(),
            index,
            slots,
        });
    let plan = Plan {
        version,
        parameters,
        header_key: layout.header_key(graph.hash_key())[..].into(),
        layout,
        index: form.index,
        required: form.required,
        parents: parents.collect(),
        outputs,
        body,
    };
    Ok(Some(LaneStatement(Arc::new(Statement::Plan {
        plan: Box::new(plan),
        description,
        tag,
    }))))
}
