//! Running operations as one turn of their own.

use super::refusal::{Act, Halt, Refusal};
use crate::step::Step;
use crate::store::Store;
use crate::turn::Turn;
use hyperdb_lsm::Commit;

/// Records of dropped hyperedges removed beside an operation.
const SWEPT: usize = 64;

/// Runs `body` as one turn at `now_ms` and commits it: what it returned, and the commit to wait for before acknowledging.
/// A body that changes nothing makes no commit. Waits for blocks and row locks.
///
/// # Errors
/// What `body` is refused with; nothing is changed then.
pub fn run<T>(
    store: &Store,
    now_ms: i64,
    mut body: impl FnMut(&mut Turn<'_>) -> Act<T>,
) -> Act<(T, Commit)> {
    let outcome: Step<(Result<T, Refusal>, Commit)> = store.run(now_ms, None, |turn| {
        match body(turn) {
            Ok(value) => {
                // Who writes cleans up a little, so that a store without servers is swept too.
                if turn.is_dirty() {
                    turn.sweep_edges(SWEPT)?;
                }
                Ok(Ok(value))
            }
            Err(Halt::Stop(stop)) => Err(stop),
            Err(Halt::Refused(refusal)) => {
                // To the savepoint that the turn began with: the commit that follows has nothing to write.
                turn.rollback();
                Ok(Err(refusal))
            }
        }
    });
    match outcome? {
        (Ok(value), commit) => Ok((value, commit)),
        (Err(refusal), _) => Err(refusal.into()),
    }
}
