//! One client's short way: its bytes in, answers and what is left out.
//!
//! **Theory.** Requests of a connection are answered in any order, each names its stream. So all that lie in a turn's bytes are taken
//! together: reads see one snapshot, writes are one commit ([`crate::writes`]), and what is answered to them is held until that is
//! durable, while later turns go on. Nothing here waits: a row that somebody else has locked is left to the ordinary way.
//! **Invariant.** Of what came each request is in exactly one of: the answers, what is left, what is held; and no byte of
//! what is left is changed.

use crate::envelope::{Answer, Batch, Execution, Header, Named, BATCH, EXECUTE, HEADER, QUERY};
use crate::forms::Slot;
use crate::known::Known;
use crate::plan::{Body, Halt, Plan};
use crate::segment::{self, Front};
use crate::writes::{self, Aside, Change};
use crate::Stray;
use hyperdb_graph::catalog;
use hyperdb_graph::wide::partition::WideOpened;
use hyperdb_graph::{Access, Commit, Isolation, Store, Transaction, TransactionOptions};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bodies of requests that are read here; longer ones pass by.
const MOST_BODY: usize = 256 << 10;
/// Requests that write in one commit.
const MOST_TOGETHER: usize = 128;
/// Batches that weigh more are answered with a warning: bytes (Cassandra's `batch_size_warn_threshold`).
const LARGE_BATCH: usize = 5 << 10;
/// Kinds of batches.
const LOGGED: u8 = 0;
const UNLOGGED: u8 = 1;
const COUNTER: u8 = 2;
/// Versions of the protocol that are known here.
const VERSIONS: std::ops::RangeInclusive<u8> = 4..=5;

/// The time, in microseconds since 1970; never twice the same.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a turn gives.
#[derive(Debug, Default)]
pub struct Turn {
    /// Bytes for the client.
    pub out: Vec<u8>,
    /// Bytes for the ordinary way.
    pub left: Vec<u8>,
    /// The lane wants to be resumed when this is durable.
    pub waits: Option<Commit>,
}

/// One client.
pub struct Lane {
    store: Arc<Store>,
    clock: Clock,
    version: u8,
    known: Known,
    /// Bytes of a request, or of a segment, whose end has not come.
    begun: Vec<u8>,
    /// So many bytes more belong to a request that passes by.
    passing: usize,
    /// Nothing is looked at any more.
    is_blind: bool,
    held: VecDeque<Held>,
}

/// Answers that wait until a commit is durable: envelopes, and how long each is.
struct Held {
    commit: Commit,
    out: Vec<u8>,
    lengths: Vec<usize>,
}

/// What there is for the requests of one turn, which lie in `'d`.
#[derive(Default)]
struct Here<'d> {
    /// Envelopes for the client, and how long each is.
    out: Vec<u8>,
    lengths: Vec<usize>,
    reader: Option<Reader>,
    /// What is written at the end of the turn.
    aside: Vec<Aside<'d>>,
    now: i64,
}

struct Reader {
    transaction: Transaction,
    version: i64,
    /// Tables by their layouts.
    opened: Vec<(Arc<Plan>, WideOpened)>,
}

/// What came of a request.
enum Ran<'d> {
    /// It is answered.
    Answered(usize),
    /// It writes this.
    Aside(Vec<Change<'d>>),
}

impl Lane {
    /// A lane that has learned nothing.
    pub fn new(store: Arc<Store>, clock: Clock, version: u8) -> Lane {
        Lane {
            store,
            clock,
            version,
            known: Known::new(),
            begun: Vec::new(),
            passing: 0,
            is_blind: !VERSIONS.contains(&version),
            held: VecDeque::new(),
        }
    }

    /// From now on the prepared statement of this id is answered here.
    pub fn learn(&mut self, id: &[u8], plan: Arc<Plan>) {
        self.known.learn(id, plan);
    }

    /// From now on texts that differ from this one in literals only are answered here, in this keyspace. The plan has a marker for each
    /// literal, behind those of the text. False: nothing was learned, for the text has not just as many literals as there are slots.
    pub fn learn_text(
        &mut self,
        keyspace: &str,
        text: &str,
        slots: Vec<Slot>,
        plan: Arc<Plan>,
    ) -> bool {
        self.known.learn_text(keyspace, text, slots, plan)
    }

    /// Texts are meant in this keyspace from now on; none has no letters.
    pub fn use_keyspace(&mut self, keyspace: &str) {
        self.known.use_keyspace(keyspace);
    }

    /// Forgets all statements.
    pub fn forget(&mut self) {
        self.known.forget();
    }

    /// Takes what came.
    pub fn answer(&mut self, data: &[u8]) -> Turn {
        let mut turn = Turn::default();
        let whole;
        let data = match self.begun.is_empty() {
            true => data,
            false => {
                self.begun.extend_from_slice(data);
                whole = std::mem::take(&mut self.begun);
                &whole
            }
        };
        let mut here = self.here();
        let used = match self.version {
            4 => self.envelopes(data, &mut here, &mut turn.left),
            _ => self.segments(data, &mut here, &mut turn.left),
        };
        self.begun
            .extend_from_slice(data.get(used..).unwrap_or_default());
        self.end(turn, here)
    }

    /// Goes on with what has become durable.
    pub fn resume(&mut self) -> Turn {
        let turn = Turn::default();
        let mut here = self.here();
        let durable = self.store.db().durable();
        while self.held.front().is_some_and(|held| held.commit <= durable) {
            if let Some(held) = self.held.pop_front() {
                here.lengths.extend_from_slice(&held.lengths);
                here.out.extend_from_slice(&held.out);
            }
        }
        self.end(turn, here)
    }

    fn here<'d>(&self) -> Here<'d> {
        Here {
            now: (self.clock)(),
            ..Here::default()
        }
    }

    fn end(&mut self, mut turn: Turn, mut here: Here<'_>) -> Turn {
        self.write(&mut here, &mut turn.left);
        turn.out = match self.version {
            4 => here.out,
            _ => segment::frame(&here.out, &here.lengths),
        };
        turn.waits = self.held.front().map(|held| held.commit);
        turn
    }

    /// Leaves a request to the ordinary way.
    fn leave(&self, request: &[u8], left: &mut Vec<u8>) {
        match self.version {
            4 => left.extend_from_slice(request),
            _ => left.extend_from_slice(&segment::frame(request, &[request.len()])),
        }
    }

    /// Leaves bytes behind whatever of the writes before them is left.
    fn pass(&mut self, bytes: &[u8], here: &mut Here<'_>, left: &mut Vec<u8>) {
        self.write(here, left);
        left.extend_from_slice(bytes);
    }

    /// Takes whole envelopes from the front: how many bytes.
    fn envelopes<'d>(&mut self, data: &'d [u8], here: &mut Here<'d>, left: &mut Vec<u8>) -> usize {
        let mut at = 0;
        loop {
            let rest = data.get(at..).unwrap_or_default();
            if self.is_blind {
                self.pass(rest, here, left);
                return data.len();
            }
            if self.passing > 0 {
                let some = self.passing.min(rest.len());
                self.pass(rest.get(..some).unwrap_or_default(), here, left);
                self.passing -= some;
                at += some;
                if self.passing > 0 {
                    return data.len();
                }
                continue;
            }
            let Some(header) = Header::read(rest) else {
                return at;
            };
            let length = usize::try_from(header.length).ok();
            let Some(length) = length.filter(|_| header.version == self.version) else {
                self.is_blind = true;
                continue;
            };
            if length > MOST_BODY {
                self.passing = HEADER + length;
                continue;
            }
            let Some(request) = rest.get(..HEADER + length) else {
                return at;
            };
            if self.request(request, here, left).is_err() {
                self.pass(request, here, left);
            }
            at += request.len();
        }
    }

    /// Takes whole segments from the front: how many bytes.
    fn segments<'d>(&mut self, data: &'d [u8], here: &mut Here<'d>, left: &mut Vec<u8>) -> usize {
        let mut at = 0;
        loop {
            let rest = data.get(at..).unwrap_or_default();
            if self.is_blind {
                self.pass(rest, here, left);
                return data.len();
            }
            let used = match segment::front(rest) {
                Front::Partial => return at,
                Front::Broken => {
                    self.is_blind = true;
                    continue;
                }
                Front::Piece(used) => {
                    self.pass(rest.get(..used).unwrap_or_default(), here, left);
                    used
                }
                Front::Whole(payload, used) => {
                    match self.parts(payload) {
                        Some(requests) => self.taken(&requests, here, left),
                        None => self.pass(rest.get(..used).unwrap_or_default(), here, left),
                    }
                    used
                }
            };
            at += used;
        }
    }

    /// The envelopes of a segment, if it has whole ones of this version.
    fn parts<'d>(&self, mut payload: &'d [u8]) -> Option<Vec<&'d [u8]>> {
        let mut requests = Vec::new();
        while !payload.is_empty() {
            let header = Header::read(payload).filter(|header| header.version == self.version)?;
            let length = HEADER + usize::try_from(header.length).ok()?;
            let (request, rest) = payload.split_at_checked(length)?;
            requests.push(request);
            payload = rest;
        }
        Some(requests)
    }

    fn taken<'d>(&mut self, requests: &[&'d [u8]], here: &mut Here<'d>, left: &mut Vec<u8>) {
        let mut strays = Vec::new();
        let mut lengths = Vec::new();
        for request in requests {
            if self.request(request, here, left).is_err() {
                if !here.aside.is_empty() {
                    left.extend_from_slice(&segment::frame(&strays, &lengths));
                    strays.clear();
                    lengths.clear();
                    self.write(here, left);
                }
                strays.extend_from_slice(request);
                lengths.push(request.len());
            }
        }
        left.extend_from_slice(&segment::frame(&strays, &lengths));
    }

    /// Runs a request, or sets it aside. Such as were set aside before it may come to be left here.
    ///
    /// # Errors
    /// [`Stray`], with nothing done.
    fn request<'d>(
        &mut self,
        request: &'d [u8],
        here: &mut Here<'d>,
        left: &mut Vec<u8>,
    ) -> Result<(), Stray> {
        let header = Header::read(request).ok_or(Stray)?;
        if header.flags != 0 {
            return Err(Stray);
        }
        let body = request.get(HEADER..).unwrap_or_default();
        let start = here.out.len();
        let ran = match header.opcode {
            EXECUTE => {
                let execution = Execution::read(self.version, body)?;
                self.statement(header, Named::Id(execution.id), execution, here)
            }
            QUERY => {
                let (text, execution) = Execution::read_query(self.version, body)?;
                self.statement(header, Named::Text(text), execution, here)
            }
            BATCH => self.batch(Batch::read(self.version, body)?),
            _ => return Err(Stray),
        };
        match ran {
            Ok(Ran::Answered(length)) => here.lengths.push(length),
            Ok(Ran::Aside(changes)) => {
                // Each write has a time of its own: of two in one turn the second counts.
                let now = (self.clock)();
                here.aside.push(Aside {
                    header,
                    request,
                    changes,
                    now,
                });
                if here.aside.len() >= MOST_TOGETHER {
                    self.write(here, left);
                }
            }
            Err(_) => {
                here.out.truncate(start);
                return Err(Stray);
            }
        }
        Ok(())
    }

    /// Does what was set aside, and answers it or holds the answers until it is durable. What cannot be done here is left.
    fn write(&mut self, here: &mut Here<'_>, left: &mut Vec<u8>) {
        if here.aside.is_empty() {
            return;
        }
        // What it sees need not be kept beside what is written now.
        here.reader = None;
        let done = writes::perform(&self.store, std::mem::take(&mut here.aside), here.now);
        let durable = self.store.db().durable();
        for (commit, header) in done.written {
            if commit <= durable {
                here.lengths.push(Answer::void(header, &mut here.out));
                continue;
            }
            if self.held.back().is_none_or(|held| held.commit != commit) {
                self.held.push_back(Held {
                    commit,
                    out: Vec::new(),
                    lengths: Vec::new(),
                });
            }
            if let Some(held) = self.held.back_mut() {
                held.lengths.push(Answer::void(header, &mut held.out));
            }
        }
        for request in done.left {
            self.leave(request, left);
        }
    }

    fn statement<'d>(
        &self,
        header: Header,
        named: Named<'_>,
        mut execution: Execution<'d>,
        here: &mut Here<'d>,
    ) -> Result<Ran<'d>, Halt> {
        let (plan, lifted) = self.known.find(named)?;
        plan.check(&execution, lifted.count())?;
        let Body::Select(select) = &plan.body else {
            return Ok(Ran::Aside(vec![Change {
                plan,
                execution,
                lifted,
            }]));
        };
        let mut values = std::mem::take(&mut execution.values);
        lifted.give(&mut values);
        let Here {
            out, reader, now, ..
        } = here;
        let reader = self.reader(reader)?;
        let (transaction, opened) = reader.open(&plan)?;
        let request = (header, &execution);
        let answered = plan.select(select, transaction, opened, request, &values, *now, out);
        answered.map(Ran::Answered)
    }

    /// All of a batch is one statement.
    fn batch<'d>(&self, batch: Batch<'d>) -> Result<Ran<'d>, Halt> {
        let mut changes = Vec::with_capacity(batch.items.len());
        let mut weight = 0;
        let mut counts = 0;
        for (named, execution) in batch.items {
            let (plan, lifted) = self.known.find(named)?;
            plan.check(&execution, lifted.count())?;
            weight += plan.weight(&execution)? + lifted.bytes() + lifted.written;
            counts += usize::from(plan.counts());
            changes.push(Change {
                plan,
                execution,
                lifted,
            });
        }
        // What is mixed is refused, and what is large is warned of.
        let fits = match batch.kind {
            LOGGED => counts == 0,
            UNLOGGED => counts == 0 || counts == changes.len(),
            COUNTER => counts == changes.len(),
            _ => false,
        };
        if !fits || weight > LARGE_BATCH || changes.is_empty() {
            return Err(Halt::Stray);
        }
        Ok(Ran::Aside(changes))
    }

    /// The transaction that the reads of a turn share.
    fn reader<'h>(&self, reader: &'h mut Option<Reader>) -> Result<&'h mut Reader, Stray> {
        if reader.is_none() {
            let transaction = self.store.begin(TransactionOptions {
                isolation: Isolation::ReadCommitted,
                access: Access::ReadOnly,
                ..TransactionOptions::default()
            });
            *reader = Some(Reader {
                version: catalog::version(&transaction).map_err(|_| Stray)?,
                transaction,
                opened: Vec::new(),
            });
        }
        reader.as_mut().ok_or(Stray)
    }
}

impl Reader {
    /// The table of a plan, as this turn sees it.
    fn open(&mut self, plan: &Arc<Plan>) -> Result<(&Transaction, &WideOpened), Stray> {
        if self.version != plan.version {
            return Err(Stray);
        }
        let place = self
            .opened
            .iter()
            .position(|(known, _)| Arc::ptr_eq(known, plan));
        let place = match place {
            Some(place) => place,
            None => {
                let opened = plan.layout.open(&self.transaction).map_err(|_| Stray)?;
                self.opened.push((plan.clone(), opened));
                self.opened.len() - 1
            }
        };
        let (_, opened) = self.opened.get(place).ok_or(Stray)?;
        Ok((&self.transaction, opened))
    }
}
