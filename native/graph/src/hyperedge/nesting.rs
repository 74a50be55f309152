//! What lies within what, and the guard against cycles.
//!
//! **Theory.** Nesting is reachability along references to hyperedges. The search goes upward, from the inner element by
//! incidence: an element lies in few hyperedges, while a hyperedge may hold millions of members, and a hyperedge that is
//! being filled mostly lies in none, so the guard costs one empty walk. Breadth first, each hyperedge once; the work
//! is bounded by [`MOST_VISITED`].

use super::incident::{incident, Incidence};
use super::member::Reference;
use super::members::record;
use super::refusal::{Act, Refusal};
use super::space::{Space, View};
use crate::header::Kind;
use crate::keys::AppId;
use std::collections::{HashSet, VecDeque};

/// Incidence records that one search looks at.
pub const MOST_VISITED: usize = 100_000;

const PAGE: usize = 256;

/// Whether `inner` is a member of `outer`, or of a hyperedge within it. False if either is not there.
///
/// # Errors
/// [`Refusal::TooDeep`].
pub fn within<V: View>(view: &V, app: AppId, inner: &[u8], outer: &[u8]) -> Act<bool> {
    let as_what = match record(view, app, inner)? {
        None => return Ok(false),
        Some(stored) => match stored.record()?.kind() {
            Kind::Vertex => Reference::Vertex,
            _ => Reference::Hyperedge,
        },
    };
    Ok(climb(view, app, inner, as_what, outer)?.is_none())
}

/// Refuses `inner` as a member of `outer` if a cycle would arise. Two nestings that make a cycle together read each
/// other's place on their way up, so what was passed must stay as it is until the commit.
pub(super) fn guard<S: Space>(space: &mut S, app: AppId, inner: &[u8], outer: &[u8]) -> Act<()> {
    if inner != outer {
        if let Some(passed) = climb(space, app, outer, Reference::Hyperedge, inner)? {
            for id in passed.iter().map(Vec::as_slice).chain([outer]) {
                space.rely_on_memberships(app, id);
            }
            return Ok(());
        }
    }
    let (inner, outer) = (inner.to_vec(), outer.to_vec());
    Err(Refusal::Cycle { inner, outer }.into())
}

/// `None` if `to` lies above `from`; otherwise all hyperedges that do.
fn climb<V: View>(
    view: &V,
    app: AppId,
    from: &[u8],
    as_what: Reference,
    to: &[u8],
) -> Act<Option<HashSet<Vec<u8>>>> {
    let mut known: HashSet<Vec<u8>> = HashSet::new();
    let mut open = VecDeque::from([(from.to_vec(), as_what)]);
    let mut visited = 0;
    while let Some((id, as_what)) = open.pop_front() {
        let mut last: Option<Incidence> = None;
        loop {
            let page = incident(view, app, &id, last.as_ref(), PAGE)?;
            visited += page.len();
            if visited > MOST_VISITED {
                return Err(Refusal::TooDeep { id: from.to_vec() }.into());
            }
            let full = page.len() == PAGE;
            for incidence in page.iter().filter(|incidence| incidence.kind == as_what) {
                if incidence.edge == to {
                    return Ok(None);
                }
                if known.insert(incidence.edge.clone()) {
                    open.push_back((incidence.edge.clone(), Reference::Hyperedge));
                }
            }
            last = page.into_iter().last();
            if !full {
                break;
            }
        }
    }
    Ok(Some(known))
}
