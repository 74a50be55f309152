//! One client's short way: its messages in, its answers out, its transaction in between.
//!
//! **Theory.** A lane is lent the client's transaction while only messages of known forms come, and gives it back as soon as
//! something else does; so of lane and session exactly one owns the transaction, and both see the same one. A statement runs
//! whole or leaves no trace, whatever stops it. Nothing here waits: where a lock is not free or a commit not yet durable, the
//! transaction keeps its place, and the client's next turn is when the bell rings.
//!
//! **Invariant.** Whatever [`Lane::answer`] has taken is answered in [`Lane::take_output`], or will be once it is resumed;
//! the rest is untouched.

use crate::expression::{Moment, Numbered, Stored};
use crate::kind::Kind;
use crate::message::{self, Description, Execution};
use crate::numbers::Numbers;
use crate::plan::{Halt, Plan};
use crate::texts::{Seen, Texts};
use hashbrown::HashMap;
use hyperdb_graph::{Commit, Conflict, Stop, Store, Transaction, TransactionOptions};
use std::cell::RefCell;
use std::sync::Arc;

/// Bytes of answers at which a lane rests, so that one client's pipeline leaves room for the others.
const MOST_OUTPUT: usize = 1 << 20;

/// How often a statement begins again because a row changed under it, before the ordinary way does it.
const MOST_RESTARTS: usize = 100;

/// A statement that begins or ends a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    /// BEGIN
    Begin,
    /// COMMIT and END
    Commit,
    /// ROLLBACK
    Rollback,
}

impl Steer {
    /// What the text says, if it is just that.
    pub fn of(text: &[u8]) -> Option<Steer> {
        let text = text.trim_ascii();
        let text = text.strip_suffix(b";").map_or(text, <[u8]>::trim_ascii_end);
        let known: [(&[u8], Steer); 5] = [
            (b"begin", Steer::Begin),
            (b"begin transaction", Steer::Begin),
            (b"commit", Steer::Commit),
            (b"end", Steer::Commit),
            (b"rollback", Steer::Rollback),
        ];
        let found = known
            .iter()
            .find(|(word, _)| text.eq_ignore_ascii_case(word));
        found.map(|(_, steer)| *steer)
    }
}

/// A statement that is answered here.
#[derive(Debug)]
pub enum Statement {
    /// Reads or changes rows.
    Plan {
        /// What is done.
        plan: Box<Plan>,
        /// What the answer looks like.
        description: Description,
        /// The words before the count in its tag: `SELECT `, `INSERT 0 `.
        tag: &'static str,
    },
    /// Begins or ends a block.
    Steer(Steer),
}

impl Statement {
    fn parameters(&self) -> &[Kind] {
        match self {
            Statement::Plan { plan, .. } => &plan.parameters,
            Statement::Steer(_) => &[],
        }
    }
}

/// What a lane needs of the world: the time and keys for rows.
pub trait World: Send + Sync {
    /// Microseconds since 1970.
    fn now(&self) -> i64;
    /// A key that no row has: ascending in time.
    fn row_key(&self) -> [u8; 16];
}

/// Called when a lock that a lane waits for is its own.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// The client's block.
pub enum Block {
    /// None is open.
    None,
    /// BEGIN came at this time (microseconds since 1970), and nothing since.
    Begun(i64),
    /// A transaction is open since that time.
    Open(Box<Transaction>, i64),
}

/// Where an answer ended.
#[derive(Debug)]
pub enum End {
    /// With the bytes.
    All,
    /// Before something that the ordinary way does.
    Stray,
    /// Enough was said for once: the rest may be given again.
    Full,
    /// Behind a commit: what is answered to it is held back until it is durable and the lane resumed.
    Commit(Commit),
    /// Before a statement that runs again when this commit is durable.
    After(Commit),
    /// Before a statement that runs again when the bell has rung.
    Lock,
    /// Behind a statement that failed; the session tells the client.
    Failed(Stop),
}

/// One client.
pub struct Lane {
    store: Arc<Store>,
    world: Arc<dyn World>,
    texts: Arc<Texts>,
    bell: Bell,
    statements: HashMap<Box<[u8]>, Arc<Statement>>,
    /// Under which path and role texts are bound.
    scope: u64,
    /// Whether a block may be begun and ended here.
    steers: bool,
    block: Block,
    /// A statement outside of a block that waits in a transaction of its own.
    waiting: Option<(Box<Transaction>, i64)>,
    out: Vec<u8>,
    held: Vec<u8>,
    missed: Option<Missed>,
    /// A simple query was answered since the client was lent.
    queried: bool,
    numbers: RefCell<Numbers>,
}

/// What was not known here, and may be worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// A prepared statement of this name.
    Name(Vec<u8>),
    /// A text without its literals, and how these are typed.
    Text(Vec<u8>, Vec<u32>),
}

struct Now<'w> {
    began: i64,
    world: &'w dyn World,
    store: &'w Store,
    numbers: &'w RefCell<Numbers>,
}

impl Moment for Now<'_> {
    fn now(&self) -> i64 {
        self.began
    }

    fn row_key(&self) -> [u8; 16] {
        self.world.row_key()
    }

    fn next_value(&self, sequence: &Numbered) -> Option<i64> {
        let mut numbers = self.numbers.borrow_mut();
        numbers.next(self.store, self.world.now(), sequence)
    }
}

/// What came of a statement, beside its answer.
enum Ran {
    Done,
    Commit(Commit),
}

impl Lane {
    /// A lane of no statements.
    pub fn new(store: Arc<Store>, world: Arc<dyn World>, texts: Arc<Texts>, bell: Bell) -> Lane {
        Lane {
            store,
            world,
            texts,
            bell,
            statements: HashMap::new(),
            scope: 0,
            steers: false,
            block: Block::None,
            waiting: None,
            out: Vec::new(),
            held: Vec::new(),
            missed: None,
            queried: false,
            numbers: RefCell::default(),
        }
    }

    /// Hands over the client: its block, whether the lane may begin and end one, and under which path and role it is.
    pub fn lend(&mut self, block: Block, steers: bool, scope: u64) {
        (self.block, self.steers, self.scope) = (block, steers, scope);
    }

    /// Gives the client back: its block as it is now, and whether a simple query was answered meanwhile.
    pub fn reclaim(&mut self) -> (Block, bool) {
        self.waiting = None;
        let mut block = std::mem::replace(&mut self.block, Block::None);
        if let Block::Open(transaction, _) = &mut block {
            transaction.set_patient();
        }
        (block, std::mem::take(&mut self.queried))
    }

    /// The values of sequences that statements took.
    pub fn numbers(&mut self) -> &mut Numbers {
        self.numbers.get_mut()
    }

    /// From now on the prepared statement of this name is answered here.
    pub fn learn(&mut self, name: &[u8], statement: Arc<Statement>) {
        self.statements.insert(name.into(), statement);
    }

    /// Forgets all prepared statements.
    pub fn forget(&mut self) {
        self.statements.clear();
    }

    /// What was not known at the last stray, if that was why.
    pub fn take_missed(&mut self) -> Option<Missed> {
        self.missed.take()
    }

    /// The answers so far.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// The commit that the answer was held back for is durable.
    pub fn resume(&mut self) {
        self.out.append(&mut self.held);
    }

    /// Ends the wait of a statement from outside: it fails when it runs again.
    pub fn cancel(&self) {
        let open = match &self.block {
            Block::Open(transaction, _) => Some(transaction),
            _ => self.waiting.as_ref().map(|(transaction, _)| transaction),
        };
        if let Some(transaction) = open {
            transaction.canceller().cancel();
        }
    }

    /// Answers from the front of `data`: how many bytes, and why not more.
    pub fn answer(&mut self, data: &[u8]) -> (usize, End) {
        let mut at = 0;
        self.missed = None;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            let start = self.out.len();
            let (length, ran) = match rest[0] {
                b'B' => self.execution(rest),
                b'Q' => self.query(rest),
                _ => return (at, End::Stray),
            };
            self.queried |= rest[0] == b'Q' && ran.is_ok();
            match ran {
                Ok(Ran::Done) => at += length,
                Ok(Ran::Commit(commit)) => {
                    at += length;
                    if self.store.db().durable() < commit {
                        self.held = self.out.split_off(start);
                        return (at, End::Commit(commit));
                    }
                }
                Err(halt) => {
                    self.out.truncate(start);
                    return match halt {
                        Halt::Stray => (at, End::Stray),
                        Halt::Stop(Stop::Conflict(Conflict::WouldWait(Some(commit)))) => {
                            (at, End::After(commit))
                        }
                        Halt::Stop(Stop::Conflict(Conflict::WouldWait(None))) => (at, End::Lock),
                        Halt::Stop(stop) => (at + length, End::Failed(stop)),
                    };
                }
            }
            if self.out.len() > MOST_OUTPUT {
                return (at, End::Full);
            }
        }
        (at, End::All)
    }

    fn execution(&mut self, data: &[u8]) -> (usize, Result<Ran, Halt>) {
        let Some(execution) = Execution::read(data) else {
            return (0, Err(Halt::Stray));
        };
        let Some(statement) = self.statements.get(execution.name).cloned() else {
            self.missed = Some(Missed::Name(execution.name.to_vec()));
            return (0, Err(Halt::Stray));
        };
        let Some(values) = execution.stored(statement.parameters()) else {
            return (0, Err(Halt::Stray));
        };
        self.out.extend_from_slice(message::BIND_COMPLETE);
        if execution.is_described {
            match &*statement {
                Statement::Plan { description, .. } => {
                    description.write(&execution.results, &mut self.out);
                }
                Statement::Steer(_) => Description::none().write(&[], &mut self.out),
            }
        }
        let ran = self.statement(&statement, &values, &execution.results);
        if matches!(ran, Err(Halt::Stray)) {
            self.missed = Some(Missed::Name(execution.name.to_vec()));
        }
        (execution.length, ran)
    }

    fn query(&mut self, data: &[u8]) -> (usize, Result<Ran, Halt>) {
        let Some((_, body, length)) = message::message(data) else {
            return (0, Err(Halt::Stray));
        };
        let Some(text) = body.strip_suffix(b"\0") else {
            return (0, Err(Halt::Stray));
        };
        if let Some(steer) = Steer::of(text) {
            return (length, self.steer(steer));
        }
        let Some(stripped) = crate::text::strip(text) else {
            return (0, Err(Halt::Stray));
        };
        let key = (self.scope, stripped.text, stripped.types);
        let statement = match self.texts.find(&key) {
            Seen::Statement(statement) => statement,
            Seen::Never => return (0, Err(Halt::Stray)),
            Seen::Before => {
                let types = key.2.iter().map(|literal| *literal as u32).collect();
                self.missed = Some(Missed::Text(key.1, types));
                return (0, Err(Halt::Stray));
            }
        };
        let kinds = statement.parameters();
        let pairs = kinds.iter().zip(&stripped.values);
        let values: Option<Vec<Stored>> = pairs
            .map(|(kind, raw)| kind.read(raw, false).map(Some))
            .collect();
        let Some(values) = values.filter(|values| values.len() == stripped.values.len()) else {
            return (0, Err(Halt::Stray));
        };
        if let Statement::Plan { description, .. } = &*statement {
            if description.has_rows() {
                description.write(&[], &mut self.out);
            }
        }
        let ran = self.statement(&statement, &values, &[]);
        if matches!(ran, Err(Halt::Stray)) {
            let types = key.2.iter().map(|literal| *literal as u32).collect();
            self.missed = Some(Missed::Text(key.1, types));
        }
        (length, ran)
    }

    fn steer(&mut self, steer: Steer) -> Result<Ran, Halt> {
        if !self.steers {
            return Err(Halt::Stray);
        }
        let before = std::mem::replace(&mut self.block, Block::None);
        let (tag, ran): (&[u8], Ran) = match (steer, before) {
            (Steer::Begin, Block::None) => {
                self.block = Block::Begun(self.world.now());
                (b"BEGIN", Ran::Done)
            }
            (Steer::Commit, Block::Begun(_)) => (b"COMMIT", Ran::Done),
            (Steer::Commit, Block::Open(transaction, _)) => {
                (b"COMMIT", Ran::Commit(transaction.commit()?))
            }
            (Steer::Rollback, Block::Begun(_) | Block::Open(..)) => (b"ROLLBACK", Ran::Done),
            // A block in a block, or the end of none: that is a warning.
            (_, before) => {
                self.block = before;
                return Err(Halt::Stray);
            }
        };
        message::complete(tag, None, &mut self.out);
        self.ready();
        Ok(ran)
    }

    fn ready(&mut self) {
        message::ready(!matches!(self.block, Block::None), &mut self.out);
    }

    fn statement(
        &mut self,
        statement: &Statement,
        values: &[Stored],
        formats: &[bool],
    ) -> Result<Ran, Halt> {
        let (plan, tag) = match statement {
            Statement::Steer(steer) => return self.steer(*steer),
            Statement::Plan { plan, tag, .. } => (plan, *tag),
        };
        if formats.len() > 1 && plan.width().is_some_and(|width| width != formats.len()) {
            return Err(Halt::Stray);
        }
        let (count, ran) = match std::mem::replace(&mut self.block, Block::None) {
            Block::None if plan.reads_only() => (self.peek(plan, values, formats)?, Ran::Done),
            Block::None => {
                let (transaction, began) = match self.waiting.take() {
                    Some(waiting) => waiting,
                    None => (self.begin(), self.world.now()),
                };
                let (transaction, ran) = self.run(transaction, began, plan, values, formats);
                match ran {
                    Ok(count) => (count, Ran::Commit(transaction.commit()?)),
                    Err(halt) => {
                        if waits(&halt) {
                            self.waiting = Some((transaction, began));
                        }
                        return Err(halt);
                    }
                }
            }
            Block::Begun(began) => {
                let transaction = self.begin();
                (
                    self.in_block(transaction, began, plan, values, formats)?,
                    Ran::Done,
                )
            }
            Block::Open(transaction, began) => (
                self.in_block(transaction, began, plan, values, formats)?,
                Ran::Done,
            ),
        };
        message::complete(tag.as_bytes(), Some(count), &mut self.out);
        self.ready();
        Ok(ran)
    }

    fn begin(&self) -> Box<Transaction> {
        Box::new(self.store.begin(TransactionOptions {
            now_ms: self.world.now() / 1000,
            ..TransactionOptions::default()
        }))
    }

    fn peek(&mut self, plan: &Plan, values: &[Stored], formats: &[bool]) -> Result<u64, Halt> {
        let moment = Now {
            began: 0,
            world: &*self.world,
            store: &self.store,
            numbers: &self.numbers,
        };
        let out = &mut self.out;
        let found = self
            .store
            .db()
            .glance(|glance| plan.peek(glance, values, formats, &moment, out));
        match found {
            Some(Err(Halt::Stray)) | None => {
                let mut transaction = Box::new(self.store.begin(TransactionOptions {
                    now_ms: self.world.now() / 1000,
                    ..TransactionOptions::default()
                }));
                plan.run(&mut transaction, values, formats, &moment, &mut self.out)
            }
            Some(found) => found,
        }
    }

    fn in_block(
        &mut self,
        transaction: Box<Transaction>,
        began: i64,
        plan: &Plan,
        values: &[Stored],
        formats: &[bool],
    ) -> Result<u64, Halt> {
        let (transaction, ran) = self.run(transaction, began, plan, values, formats);
        self.block = Block::Open(transaction, began);
        ran
    }

    fn run(
        &mut self,
        mut transaction: Box<Transaction>,
        began: i64,
        plan: &Plan,
        values: &[Stored],
        formats: &[bool],
    ) -> (Box<Transaction>, Result<u64, Halt>) {
        transaction.set_bell(self.bell.clone());
        let moment = Now {
            began,
            world: &*self.world,
            store: &self.store,
            numbers: &self.numbers,
        };
        let start = self.out.len();
        for _ in 0..MOST_RESTARTS {
            let statement = transaction.open_statement();
            let ran = plan.run(&mut transaction, values, formats, &moment, &mut self.out);
            transaction.close_statement(statement, ran.is_ok());
            self.numbers.borrow_mut().settle(ran.is_ok());
            if !matches!(&ran, Err(Halt::Stop(Stop::Conflict(Conflict::RowChanged)))) {
                return (transaction, ran);
            }
            self.out.truncate(start);
        }
        (transaction, Err(Halt::Stray))
    }
}

fn waits(halt: &Halt) -> bool {
    matches!(halt, Halt::Stop(Stop::Conflict(Conflict::WouldWait(_))))
}
