//! Statements of the short way, from the plans that Python has bound.

use super::catalog::TableLayout;
use crate::errors::raise;
use hyperdb_graph::Store;
use hyperdb_sql::expression::Sign;
use hyperdb_sql::{Body, Description, Expression, Kind, Output, Plan, Statement, Steer};
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

/// What a statement does: its word, the values of its key, slots with what is stored there, slots with how they are shown.
pub(super) struct Form<'py> {
    pub(super) word: &'py str,
    pub(super) index: Option<usize>,
    pub(super) key: Vec<Bound<'py, PyAny>>,
    pub(super) sets: Vec<(usize, Bound<'py, PyAny>)>,
    pub(super) outputs: Vec<(usize, Typed)>,
}

/// A statement on one row; `None` inside if it has a type that the short way does not know.
pub(super) fn row(
    graph: &Store,
    layout: &TableLayout,
    version: i64,
    parameters: Vec<u32>,
    form: Form<'_>,
    required: Vec<usize>,
    description: Option<Vec<u8>>,
) -> PyResult<Option<LaneStatement>> {
    let Form {
        word,
        index,
        key,
        sets,
        outputs,
    } = form;
    let layout = layout.0.clone();
    let kinds = parameters.into_iter().map(|oid| Kind::of(oid, -1));
    let Some(parameters) = kinds.collect::<Option<Vec<Kind>>>() else {
        return Ok(None);
    };
    let (slots, values): (Vec<usize>, Vec<_>) = sets.into_iter().unzip();
    let (Some(key), Some(values)) = (all(&key)?, all(&values)?) else {
        return Ok(None);
    };
    let output = |(slot, typed): (usize, Typed)| {
        let kind = kind(typed)?;
        let is_stored = layout
            .kind(slot)
            .is_some_and(|column| kind.is_stored_as(column));
        is_stored.then_some(Output { slot, kind })
    };
    let Some(outputs) = outputs.into_iter().map(output).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let (body, tag) = match word {
        "get" => (Body::Get { key, outputs }, "SELECT "),
        "insert" => (Body::Insert { values }, "INSERT 0 "),
        "update" => {
            let sets = slots.into_iter().zip(values).collect();
            (Body::Update { key, sets }, "UPDATE ")
        }
        "delete" => (Body::Delete { key }, "DELETE "),
        _ => return Err(wrong()),
    };
    let description = match description {
        None => Description::none(),
        Some(bytes) => Description::of(bytes).ok_or_else(wrong)?,
    };
    let plan = Plan {
        version,
        parameters,
        header_key: layout.header_key(graph.hash_key())[..].into(),
        layout,
        index,
        required,
        body,
    };
    Ok(Some(LaneStatement(Arc::new(Statement::Plan {
        plan: Box::new(plan),
        description,
        tag,
    }))))
}
