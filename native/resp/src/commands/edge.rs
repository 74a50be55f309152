//! The hyperedge under a key: opened as a kind, closed with its header written or itself removed.
//!
//! **Invariant.** What [`open`] or [`open_or_create`] gave and a command changed goes back through [`close`]:
//! an emptied collection removes its element, a new one begins to exist, and the header's version moves with every change of members.

use crate::command::{errors, Abort, Context};
use hyperdb_graph::{Error, Header, Kind, Stop};

/// The header of the collection at `key`; `None` if there is nothing, WRONGTYPE if it is another kind.
#[inline]
pub fn open(cx: &Context<'_, '_>, key: &[u8], kind: Kind) -> Result<Option<Header>, Abort> {
    match cx.turn.edge(cx.app, key, kind)? {
        None => Ok(None),
        Some(Ok(header)) => Ok(Some(header)),
        Some(Err(_)) => Err(errors::wrong_type()),
    }
}

/// Like [`open`], with a new, empty collection where there was nothing: it exists once [`close`] wrote it.
#[inline]
pub fn open_or_create(cx: &mut Context<'_, '_>, key: &[u8], kind: Kind) -> Result<Header, Abort> {
    match open(cx, key, kind)? {
        Some(header) => Ok(header),
        None => Ok(cx.turn.draft_edge(kind)),
    }
}

/// Ends a change of members: writes the header, or removes the element if no member is left.
#[inline]
pub fn close(cx: &mut Context<'_, '_>, key: &[u8], header: &Header) -> Result<(), Abort> {
    if header.count == 0 {
        cx.turn.remove_element(cx.app, key)?;
    } else {
        cx.turn.put_header(cx.app, key, header)?;
    }
    Ok(())
}

/// Members and header disagree: what is stored is not what this crate writes.
pub fn malformed(what: &str) -> Stop {
    Stop::Failed(Error::Invalid(format!("malformed collection: {what}")))
}
