//! One client's short way: its bytes in, answers and what is left out.
//!
//! **Theory.** Requests of a connection are answered in any order, each names its stream. So all that lie in a turn's bytes are taken
//! together: reads see one snapshot, writes are statements of one transaction, of which each is done or taken back by itself, and what
//! is answered to them is held until the commit is durable, while later turns go on. Nothing here waits: a row that
//! somebody else has locked is left to the ordinary way, one whose newest write is not yet durable is tried again when that is. **Invariant.** Of what came each request is in exactly one of: the answers, what is
//! left, what is held, what is tried again; and no byte of what is left is changed or out of its order.

use crate::envelope::{Answer, Batch, Execution, Header, Named, BATCH, EXECUTE, HEADER, QUERY};
use crate::forms::Slot;
use crate::known::Known;
use crate::plan::{Body, Halt, Plan};
use crate::segment::{self, Front};
use crate::Stray;
use hyperdb_graph::catalog;
use hyperdb_graph::wide::partition::WideOpened;
use hyperdb_graph::{
    Access, Commit, Conflict, Isolation, Stop, Store, Transaction, TransactionOptions,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bodies of requests that are read here; longer ones pass by.
const MOST_BODY: usize = 256 << 10;
/// How often a write begins again because its row changed, before the ordinary way does it.
const MOST_RESTARTS: usize = 100;
/// Requests that write in one transaction.
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
    held: VecDeque<(Commit, Vec<u8>)>,
    /// Requests that are tried again.
    again: VecDeque<(Commit, Vec<u8>)>,
}

/// What there is for the requests of one turn.
#[derive(Default)]
struct Here {
    /// Envelopes for the client, and how long each is.
    out: Vec<u8>,
    lengths: Vec<usize>,
    reader: Option<Reader>,
    writer: Option<Writer>,
    now: i64,
}

struct Reader {
    transaction: Transaction,
    version: i64,
    /// Tables by their layouts.
    opened: Vec<(Arc<Plan>, WideOpened)>,
}

/// What requests have written that are answered when it is durable.
struct Writer {
    transaction: Transaction,
    requests: Vec<(Header, Vec<u8>)>,
}

/// What came of a request.
enum Ran {
    /// It is answered.
    Answered(usize),
    /// It has written.
    Written,
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
            again: VecDeque::new(),
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
        let mut here = self.here();
        let whole;
        let data = match self.begun.is_empty() {
            true => data,
            false => {
                self.begun.extend_from_slice(data);
                whole = std::mem::take(&mut self.begun);
                &whole
            }
        };
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
        let mut turn = Turn::default();
        let mut here = self.here();
        let durable = self.store.db().durable();
        while self
            .held
            .front()
            .is_some_and(|(commit, _)| *commit <= durable)
        {
            if let Some((_, answer)) = self.held.pop_front() {
                here.lengths.push(answer.len());
                here.out.extend_from_slice(&answer);
            }
        }
        for _ in 0..self.again.len() {
            let Some((commit, request)) = self.again.pop_front() else {
                break;
            };
            if commit > durable {
                self.again.push_back((commit, request));
            } else if self.request(&request, &mut here, &mut turn.left).is_err() {
                self.leave(&request, &mut turn.left);
            }
        }
        self.end(turn, here)
    }

    fn here(&self) -> Here {
        Here {
            now: (self.clock)(),
            ..Here::default()
        }
    }

    fn end(&mut self, mut turn: Turn, mut here: Here) -> Turn {
        self.commit(&mut here, &mut turn.left);
        turn.out = match self.version {
            4 => here.out,
            _ => segment::frame(&here.out, &here.lengths),
        };
        let held = self.held.front().map(|(commit, _)| *commit);
        let again = self.again.iter().map(|(commit, _)| *commit).min();
        turn.waits = [held, again].into_iter().flatten().min();
        turn
    }

    /// Leaves a request to the ordinary way.
    fn leave(&self, request: &[u8], left: &mut Vec<u8>) {
        match self.version {
            4 => left.extend_from_slice(request),
            _ => left.extend_from_slice(&segment::frame(request, &[request.len()])),
        }
    }

    /// Takes whole envelopes from the front: how many bytes.
    fn envelopes(&mut self, data: &[u8], here: &mut Here, left: &mut Vec<u8>) -> usize {
        let mut at = 0;
        loop {
            let rest = data.get(at..).unwrap_or_default();
            if self.is_blind {
                left.extend_from_slice(rest);
                return data.len();
            }
            if self.passing > 0 {
                let some = self.passing.min(rest.len());
                left.extend_from_slice(rest.get(..some).unwrap_or_default());
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
                left.extend_from_slice(request);
            }
            at += request.len();
        }
    }

    /// Takes whole segments from the front: how many bytes.
    fn segments(&mut self, data: &[u8], here: &mut Here, left: &mut Vec<u8>) -> usize {
        let mut at = 0;
        loop {
            let rest = data.get(at..).unwrap_or_default();
            if self.is_blind {
                left.extend_from_slice(rest);
                return data.len();
            }
            let used = match segment::front(rest) {
                Front::Partial => return at,
                Front::Broken => {
                    self.is_blind = true;
                    continue;
                }
                Front::Piece(used) => {
                    left.extend_from_slice(rest.get(..used).unwrap_or_default());
                    used
                }
                Front::Whole(payload, used) => {
                    match self.parts(payload) {
                        Some(requests) => self.taken(&requests, here, left),
                        None => left.extend_from_slice(rest.get(..used).unwrap_or_default()),
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

    fn taken(&mut self, requests: &[&[u8]], here: &mut Here, left: &mut Vec<u8>) {
        let mut strays = Vec::new();
        let mut lengths = Vec::new();
        for request in requests {
            if self.request(request, here, left).is_err() {
                strays.extend_from_slice(request);
                lengths.push(request.len());
            }
        }
        left.extend_from_slice(&segment::frame(&strays, &lengths));
    }

    /// Runs a request. Such as wrote before it may come to be left here.
    ///
    /// # Errors
    /// [`Stray`], with nothing done.
    fn request(
        &mut self,
        request: &[u8],
        here: &mut Here,
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
            BATCH => self.batch(Batch::read(self.version, body)?, here),
            _ => return Err(Stray),
        };
        match ran {
            Ok(Ran::Answered(length)) => here.lengths.push(length),
            Ok(Ran::Written) => {
                let requests = here.writer.as_mut().map(|writer| &mut writer.requests);
                let requests = requests.ok_or(Stray)?;
                requests.push((header, request.to_vec()));
                if requests.len() >= MOST_TOGETHER {
                    self.commit(here, left);
                }
            }
            Err(Halt::Stop(Stop::Conflict(Conflict::WouldWait(Some(commit))))) => {
                here.out.truncate(start);
                self.again.push_back((commit, request.to_vec()));
            }
            Err(_) => {
                here.out.truncate(start);
                return Err(Stray);
            }
        }
        Ok(())
    }

    /// Commits what was written so far, and answers it or holds the answers until it is durable. If that cannot be, nothing was written,
    /// and the requests are left, or are tried again.
    fn commit(&mut self, here: &mut Here, left: &mut Vec<u8>) {
        let Some(Writer {
            transaction,
            requests,
        }) = here.writer.take()
        else {
            return;
        };
        let committed = match requests.is_empty() {
            true => return,
            false => transaction.commit(),
        };
        let again = match committed {
            Ok(commit) => {
                let is_durable = self.store.db().durable() >= commit;
                for (header, _) in requests {
                    let mut answer = Vec::new();
                    Answer::void(header, &mut answer);
                    if is_durable {
                        here.lengths.push(answer.len());
                        here.out.extend_from_slice(&answer);
                    } else {
                        self.held.push_back((commit, answer));
                    }
                }
                return;
            }
            Err(Stop::Conflict(Conflict::WouldWait(commit))) => commit,
            Err(_) => None,
        };
        for (_, request) in requests {
            match again {
                Some(commit) => self.again.push_back((commit, request)),
                None => self.leave(&request, left),
            }
        }
    }

    fn statement(
        &self,
        header: Header,
        named: Named<'_>,
        execution: Execution<'_>,
        here: &mut Here,
    ) -> Result<Ran, Halt> {
        let (plan, lifted) = self.known.find(named)?;
        let mut execution = execution;
        lifted.give(&mut execution.values);
        plan.check(&execution)?;
        match &plan.body {
            Body::Select(select) => {
                let Here {
                    out, reader, now, ..
                } = here;
                let reader = self.reader(reader)?;
                let (transaction, opened) = reader.open(&plan)?;
                let request = (header, &execution);
                let answered = plan.select(select, transaction, opened, request, *now, out);
                answered.map(Ran::Answered)
            }
            Body::Write(_) => self.write(&[(plan, execution)], here),
        }
    }

    /// All of a batch is one statement.
    fn batch(&self, batch: Batch<'_>, here: &mut Here) -> Result<Ran, Halt> {
        let found = batch.items.iter().map(|(named, _)| self.known.find(*named));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let mut changes = Vec::with_capacity(found.len());
        let mut weight = 0;
        for ((_, mut execution), (plan, lifted)) in batch.items.into_iter().zip(&found) {
            lifted.give(&mut execution.values);
            plan.check(&execution)?;
            weight += plan.weight(&execution)? + lifted.written;
            changes.push((plan.clone(), execution));
        }
        // What is mixed is refused, and what is large is warned of.
        let counts = changes.iter().filter(|(plan, _)| plan.counts()).count();
        let fits = match batch.kind {
            LOGGED => counts == 0,
            UNLOGGED => counts == 0 || counts == changes.len(),
            COUNTER => counts == changes.len(),
            _ => false,
        };
        if !fits || weight > LARGE_BATCH || changes.is_empty() {
            return Err(Halt::Stray);
        }
        self.write(&changes, here)
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

    /// The changes of a request are a statement in the turn's transaction.
    fn write(&self, changes: &[(Arc<Plan>, Execution<'_>)], here: &mut Here) -> Result<Ran, Halt> {
        let now = (self.clock)();
        let writer = here.writer.get_or_insert_with(|| {
            let mut transaction = self.store.begin(TransactionOptions {
                now_ms: now / 1000,
                ..TransactionOptions::default()
            });
            transaction.set_bell(Arc::new(|| {}));
            Writer {
                transaction,
                requests: Vec::new(),
            }
        });
        let transaction = &mut writer.transaction;
        for _ in 0..MOST_RESTARTS {
            let statement = transaction.open_statement();
            let ran = Self::change(transaction, changes, now);
            transaction.close_statement(statement, ran.is_ok());
            match ran {
                Ok(()) => return Ok(Ran::Written),
                Err(Halt::Stop(Stop::Conflict(Conflict::RowChanged))) => {}
                Err(halt) => return Err(halt),
            }
        }
        Err(Halt::Stray)
    }

    fn change(
        transaction: &mut Transaction,
        changes: &[(Arc<Plan>, Execution<'_>)],
        now: i64,
    ) -> Result<(), Halt> {
        let version = catalog::version(transaction)?;
        for (plan, execution) in changes {
            if plan.version != version {
                return Err(Halt::Stray);
            }
            plan.write(transaction, execution, now)?;
        }
        Ok(())
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
