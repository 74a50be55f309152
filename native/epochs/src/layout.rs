//! Laying an epoch out: intervals one after the other, their openings by several threads, pages into a matrix.
//!
//! **Theory.** A page keeps its column from epoch to epoch; one that has to be cut goes on in a column behind the last.
//!
//! **Invariant.** At most a few pages for each thread are in memory beside the matrix.

use crate::contents::{Contents, LAST};
use crate::nodes::Recent;
use crate::packing::{Packer, Piece, Room};
use crate::page::{Page, TRAILER};
use hyperdb_frames::{refused, AppView, Error, Result};
use hyperdb_pir::matrix::Matrix;
use hyperdb_verkle::proof::{Draft, Source};
use parking_lot::Mutex;
use std::sync::mpsc::{sync_channel, Receiver};

/// Drafts that wait for each thread.
const WAITING: usize = 4;
/// Pages between two calls of a plan's `go_on`.
const STRIDE: usize = 64;

/// Where an interval begins, and the column of its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The least key.
    pub fence: Vec<u8>,
    /// The column.
    pub column: usize,
}

/// How to lay out.
pub struct Plan<'p> {
    /// Bytes of a page.
    pub size: usize,
    /// Bytes that a proof may have.
    pub room: usize,
    /// Bytes that pages leave free when they are cut anew.
    pub spare: usize,
    /// The last epoch's intervals, ascending, and how many columns it has.
    pub last: Option<(&'p [Interval], usize)>,
    /// Threads, at least one; with one the caller's does everything.
    pub threads: usize,
    /// Rows at the front of pages that hold no proof; if not told, there is room for proofs that grow with the app.
    pub stable: Option<usize>,
    /// Called with the number of pages now and then; false gives up.
    pub go_on: &'p (dyn Fn(usize) -> bool + Sync),
}

/// What was laid out.
pub struct Layout {
    /// Pages, ascending by their fences.
    pub intervals: Vec<Interval>,
    /// Pages as columns, cut into their `stable` rows and the rest.
    pub matrices: (Matrix, Matrix),
    /// Rows that did not fit, by column, ascending.
    pub rests: Vec<(usize, Vec<u8>)>,
    /// Elements of the app.
    pub elements: u64,
}

/// What threads hand their pages to.
struct Sheets {
    matrix: Matrix,
    rests: Vec<(usize, Vec<u8>)>,
    failure: Option<Error>,
}

/// Lays out an app at a frame.
///
/// # Errors
/// [`Error::NotProvable`] if an entry's proof has no room, or pages are more than a matrix has columns; [`Error::Stopped`] if told to give
/// up; what the store fails with.
pub fn lay_out(view: &AppView, plan: &Plan<'_>) -> Result<Layout> {
    if plan.size < TRAILER || plan.room + TRAILER > plan.size {
        return Err(Error::NotProvable(format!(
            "pages of {} bytes have no room for proofs of {}",
            plan.size, plan.room
        )));
    }
    let columns = plan.last.map_or(0, |(_, columns)| columns);
    let matrix = Matrix::new(plan.size, columns).map_err(|error| too_large(&error))?;
    let sheets = Mutex::new(Sheets {
        matrix,
        rests: Vec::new(),
        failure: None,
    });
    let room = Room {
        size: plan.size,
        proof: plan.room,
        spare: plan.spare,
    };
    let (intervals, longest, elements) = view.with(|source, anchor| {
        let recent = Recent::new(source.nodes);
        let source = Source {
            nodes: &recent,
            ..*source
        };
        let mut packer = Packer::new(Contents::of(view), &source, anchor, room);
        if plan.threads <= 1 {
            let mut put = |column, draft| finish(&sheets, plan.size, column, draft);
            return walk(&mut packer, plan, &mut put);
        }
        let (give, taken) = sync_channel::<(usize, Draft<'_>)>(WAITING * plan.threads);
        let taken = Mutex::new(taken);
        std::thread::scope(|scope| {
            // Dropped at the end, so that the others end.
            let give = give;
            // The thread that packs works as much as one that opens only now and then.
            for _ in 0..plan.threads {
                let (sheets, taken) = (&sheets, &taken);
                scope.spawn(move || {
                    while let Some((column, draft)) = next(taken) {
                        if let Err(error) = finish(sheets, plan.size, column, draft) {
                            sheets.lock().failure.get_or_insert(error);
                        }
                    }
                });
            }
            let mut put = |column, draft| {
                if let Some(error) = sheets.lock().failure.take() {
                    return Err(error);
                }
                give.send((column, draft)).map_err(|_| Error::Stopped)
            };
            walk(&mut packer, plan, &mut put)
        })
    })?;
    let mut sheets = sheets.into_inner();
    if let Some(error) = sheets.failure {
        return Err(error);
    }
    let stable = plan.stable.unwrap_or_else(|| stable(plan.size, longest));
    let matrices = sheets.matrix.split(stable);
    let matrices = matrices.map_err(|error| Error::NotProvable(error.to_string()))?;
    sheets.rests.sort_unstable_by_key(|(column, _)| *column);
    Ok(Layout {
        intervals,
        matrices,
        rests: sheets.rests,
        elements,
    })
}

/// Rows in front of proofs: these have an eighth more than the longest one has, and a quarter of the page at least.
fn stable(size: usize, longest: usize) -> usize {
    const TOGETHER: usize = 64;
    let behind = (longest + longest / 8 + TRAILER).max(size / 4);
    size.saturating_sub(behind.next_multiple_of(TOGETHER)) / TOGETHER * TOGETHER
}

fn next<T>(taken: &Mutex<Receiver<T>>) -> Option<T> {
    taken.lock().recv().ok()
}

fn too_large(error: &hyperdb_pir::Error) -> Error {
    Error::NotProvable(format!("pages are more than a matrix holds: {error}"))
}

/// Opens a draft and puts the page into its column.
fn finish(sheets: &Mutex<Sheets>, size: usize, column: usize, draft: Draft<'_>) -> Result<()> {
    let (rows, proof) = draft.open().map_err(refused)?;
    let page = Page::new(&rows, &proof, size);
    let mut sheets = sheets.lock();
    let columns = sheets.matrix.columns().max(column + 1);
    let put = sheets.matrix.grow(columns);
    put.and_then(|()| sheets.matrix.set(column, &page.bytes))
        .map_err(|error| too_large(&error))?;
    if !page.rest.is_empty() {
        sheets.rests.push((column, page.rest));
    }
    Ok(())
}

/// Intervals with their columns; drafts go to `put`. Also the longest proof, and how many elements there are.
fn walk<'a>(
    packer: &mut Packer<'a, '_>,
    plan: &Plan<'_>,
    put: &mut dyn FnMut(usize, Draft<'a>) -> Result<()>,
) -> Result<(Vec<Interval>, usize, u64)> {
    let whole = [Interval {
        fence: Vec::new(),
        column: 0,
    }];
    let (last, mut appended) = plan.last.unwrap_or((&whole, 1));
    let mut intervals: Vec<Interval> = Vec::new();
    let mut longest = 0;
    for (place, interval) in last.iter().enumerate() {
        let high = last.get(place + 1).map_or(&LAST[..], |next| &next.fence);
        let mut low = interval.fence.clone();
        let mut own = Some(interval.column);
        let mut keep = plan.last.is_some();
        while *low < *high {
            let (fence, piece) = packer.next(&low, high, keep)?;
            keep = false;
            low = fence;
            let Some(Piece { fence, draft }) = piece else {
                continue;
            };
            let column = own.take().unwrap_or_else(|| {
                appended += 1;
                appended - 1
            });
            longest = longest.max(draft.proof_bytes());
            intervals.push(Interval { fence, column });
            put(column, draft)?;
            if intervals.len().is_multiple_of(STRIDE) && !(plan.go_on)(intervals.len()) {
                return Err(Error::Stopped);
            }
        }
    }
    Ok((intervals, longest, packer.elements()))
}
