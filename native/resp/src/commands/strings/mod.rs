//! Commands on strings: vertices.

use crate::command::{errors, Context, Handler, Outcome};
use hyperdb_graph::Record;

/// Handlers of this file by command name.
pub const HANDLERS: &[(&str, Handler)] = &[("get", get)];

/// GET key
fn get(cx: &mut Context<'_, '_>) -> Outcome {
    match cx.turn.element(cx.app, &cx.args[1])? {
        None => cx.reply.null(),
        Some(element) => match element.record()? {
            Record::Vertex { value, .. } => cx.reply.bulk(value),
            Record::Edge(_) => return Err(errors::wrong_type()),
        },
    }
    Ok(())
}
