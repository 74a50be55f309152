//! Writes of a lane's turn: set aside while its requests are read, then done together under the writer.
//!
//! **Theory.** A [`Turn`] has the newest state and commits before anybody else writes, so what it does needs no snapshot and no locks of its
//! own; what it has to respect are those of transactions. All writes of a turn are one commit, each of them whole or taken
//! back by itself. **Invariant.** Each write is in exactly one of: done, with the commit that holds it; left, with nothing of
//! it done.

use crate::envelope::{Execution, Header};
use crate::known::Lifted;
use crate::plan::{Halt, Plan};
use hyperdb_graph::catalog;
use hyperdb_graph::wide::layout::WideLayout;
use hyperdb_graph::wide::partition::WideOpened;
use hyperdb_graph::{Commit, ReadMode, Step, Stop, Store, Turn};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

/// Microseconds of a millisecond.
const MICROS: i64 = 1_000;

/// A change of one row, with what it is made of.
pub(crate) struct Change<'d> {
    pub(crate) plan: Arc<Plan>,
    pub(crate) execution: Execution<'d>,
    pub(crate) lifted: Lifted,
}

/// A request that writes: its changes are done all or none.
pub(crate) struct Aside<'d> {
    pub(crate) header: Header,
    pub(crate) request: &'d [u8],
    pub(crate) changes: Vec<Change<'d>>,
    /// Its time, in microseconds since 1970.
    pub(crate) now: i64,
}

/// Tables that a turn writes to, by their numbers: claimed, and opened as its writes have left them.
#[derive(Default)]
struct Tables(Vec<(u64, WideOpened)>);

impl Tables {
    fn open(&mut self, turn: &mut Turn<'_>, layout: &WideLayout) -> Step<&mut WideOpened> {
        let number = layout.number;
        let known = self.0.iter().position(|(known, _)| *known == number);
        let at = match known {
            Some(at) => at,
            None => {
                layout.claim(turn)?;
                self.0.push((number, layout.open(turn)?));
                self.0.len() - 1
            }
        };
        Ok(&mut self.0[at].1)
    }
}

/// What came of requests.
#[derive(Default)]
pub(crate) struct Done<'d> {
    pub(crate) written: Vec<(Commit, Header)>,
    pub(crate) left: Vec<&'d [u8]>,
}

/// Does what requests write; `now` in microseconds since 1970.
pub(crate) fn perform<'d>(store: &Store, requests: Vec<Aside<'d>>, now: i64) -> Done<'d> {
    let mut done = Done::default();
    let mut requests = VecDeque::from(requests);
    while !requests.is_empty() {
        let mut turn = store.turn(now.div_euclid(MICROS));
        turn.set_read_mode(ReadMode::CachedOnly);
        let mut written = Vec::with_capacity(requests.len());
        let mut missed = None;
        let version = catalog::version(&turn);
        let mut tables = Tables::default();
        while let Some(request) = requests.pop_front() {
            turn.savepoint();
            let version = version.clone().map_err(Halt::Stop);
            match version.and_then(|version| change(&mut turn, &mut tables, &request, version)) {
                Ok(()) => written.push(request),
                Err(halt) => {
                    turn.rollback();
                    tables = Tables::default();
                    match halt {
                        Halt::Stop(Stop::Miss(miss)) => {
                            requests.push_front(request);
                            missed = Some(miss);
                            break;
                        }
                        _ => done.left.push(request.request),
                    }
                }
            }
        }
        match turn.commit() {
            Ok(commit) => {
                let written = written.iter().map(|request| (commit, request.header));
                done.written.extend(written);
            }
            Err(_) => done
                .left
                .extend(written.iter().map(|request| request.request)),
        }
        drop(turn);
        // What is not in memory is read while nobody has to wait for the writer.
        if missed.is_some_and(|miss| store.db().load(&miss).is_err()) {
            done.left
                .extend(requests.drain(..).map(|request| request.request));
        }
    }
    done
}

fn change(
    turn: &mut Turn<'_>,
    tables: &mut Tables,
    request: &Aside<'_>,
    version: i64,
) -> Result<(), Halt> {
    for change in &request.changes {
        if change.plan.version != version {
            return Err(Halt::Stray);
        }
        let Change {
            plan,
            execution,
            lifted,
        } = change;
        let opened = tables.open(turn, &plan.layout)?;
        let mut given = Cow::Borrowed(&execution.values);
        if !lifted.is_empty() {
            lifted.give(given.to_mut());
        }
        plan.write(turn, opened, &given, execution.timestamp, request.now)?;
    }
    Ok(())
}
