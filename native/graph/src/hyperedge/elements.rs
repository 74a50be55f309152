//! Vertices and hyperedges as a whole: add, remove, detach.

use super::incident::{incident, Incidence};
use super::member::Member;
use super::members::{add_members, held_header, record, remove_members, wrong_kind};
use super::refusal::{Act, Refusal};
use super::space::{Space, View};
use crate::header::{Kind, Record};
use crate::keys::AppId;

/// Hyperedges named in a refusal.
const MOST_NAMED: usize = 8;
/// Memberships taken off at a time.
const PAGE: usize = 1024;

/// Adds vertex `id` with `value` and no expiry; false if it is there like that.
///
/// # Errors
/// [`Refusal::WrongKind`] if the id names a hyperedge.
pub fn add_vertex<S: Space>(space: &mut S, app: AppId, id: &[u8], value: &[u8]) -> Act<bool> {
    if let Some(stored) = record(space, app, id)? {
        match stored.record()? {
            Record::Vertex {
                value: old,
                expiry: None,
            } if old == value => return Ok(false),
            Record::Vertex { .. } => {}
            Record::Edge(header) => return Err(wrong_kind(id, header.kind).into()),
        }
    }
    space.put_vertex(app, id, value)?;
    Ok(true)
}

/// Removes vertex `id`, with its memberships if `detach`; whether it was there.
///
/// # Errors
/// [`Refusal::WrongKind`] if the id names a hyperedge; [`Refusal::Referenced`] without `detach`.
pub fn remove_vertex<S: Space>(space: &mut S, app: AppId, id: &[u8], detach: bool) -> Act<bool> {
    remove(space, app, id, detach, |kind| kind == Kind::Vertex)
}

/// Adds generic hyperedge `id` and these members to it; other members that it has stay. False if all was there.
///
/// # Errors
/// As [`add_members`].
pub fn add_hyperedge<S: Space>(
    space: &mut S,
    app: AppId,
    id: &[u8],
    members: &[(Vec<u8>, Member)],
) -> Act<bool> {
    let new = held_header(space, app, id)?.is_none();
    if new {
        space.create_edge(app, id, Kind::Edge)?;
    }
    let changed = add_members(space, app, id, members)?;
    Ok(new || changed > 0)
}

/// Removes hyperedge `id` (of any kind) and its members, with its memberships if `detach`; whether it was there.
/// What its members name stays.
///
/// # Errors
/// [`Refusal::WrongKind`] if the id names a vertex; [`Refusal::Referenced`] without `detach`.
pub fn remove_hyperedge<S: Space>(space: &mut S, app: AppId, id: &[u8], detach: bool) -> Act<bool> {
    remove(space, app, id, detach, |kind| kind != Kind::Vertex)
}

fn remove<S: Space>(
    space: &mut S,
    app: AppId,
    id: &[u8],
    detach: bool,
    is_right: fn(Kind) -> bool,
) -> Act<bool> {
    let found = match record(space, app, id)? {
        None => return Ok(false),
        Some(stored) => stored.record()?.kind(),
    };
    if !is_right(found) {
        return Err(wrong_kind(id, found).into());
    }
    space.rely_on_memberships(app, id);
    if detach {
        take_off(space, app, id)?;
    } else {
        refuse_if_referenced(space, app, id)?;
    }
    Ok(space.remove_element(app, id)?)
}

fn refuse_if_referenced<V: View>(view: &V, app: AppId, id: &[u8]) -> Act<()> {
    let mut by: Vec<Vec<u8>> = Vec::new();
    for incidence in incident(view, app, id, None, MOST_NAMED)? {
        if by.last() != Some(&incidence.edge) {
            by.push(incidence.edge);
        }
    }
    if by.is_empty() {
        return Ok(());
    }
    let id = id.to_vec();
    Err(Refusal::Referenced { id, by }.into())
}

/// Removes all memberships of `id`.
fn take_off<S: Space>(space: &mut S, app: AppId, id: &[u8]) -> Act<()> {
    loop {
        let page = incident(space, app, id, None, PAGE)?;
        let full = page.len() == PAGE;
        for same_edge in page.chunk_by(|one, next| one.edge == next.edge) {
            let Some(first) = same_edge.first() else {
                continue;
            };
            let order_key = |incidence: &Incidence| incidence.order_key.clone();
            let order_keys: Vec<Vec<u8>> = same_edge.iter().map(order_key).collect();
            remove_members(space, app, &first.edge, &order_keys)?;
        }
        if !full {
            return Ok(());
        }
    }
}
