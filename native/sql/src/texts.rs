//! What is known of texts without literals, for all clients of a store.
//!
//! **Theory.** A text is looked at closely when it comes for the second time: what is sent once is not worth a plan. What was
//! found not to be for the short way is remembered too. Invariant: there are at most so many; when they are too many all are
//! forgotten, which costs one look each.

use crate::lane::Statement;
use crate::text::Literal;
use hashbrown::HashMap;
use parking_lot::RwLock;
use std::sync::Arc;

/// Path and role, text, types of literals.
pub type Key = (u64, Vec<u8>, Vec<Literal>);

const MOST: usize = 4_096;

/// What is known of a text.
pub enum Seen {
    /// It has a plan.
    Statement(Arc<Statement>),
    /// It has been here before and nobody has looked at it, or its plan may be old.
    Before,
    /// It is left to the ordinary way, or is here for the first time.
    Never,
}

#[derive(Clone)]
enum Entry {
    Once,
    Known(Arc<Statement>),
    /// Under that version of the catalog.
    Refused(i64),
}

/// See the module's head.
#[derive(Default)]
pub struct Texts {
    known: RwLock<HashMap<Key, Entry>>,
}

impl Texts {
    /// Looks a text up, and notes that it came.
    pub fn find(&self, key: &Key) -> Seen {
        match self.known.read().get(key) {
            Some(Entry::Known(statement)) => return Seen::Statement(statement.clone()),
            Some(Entry::Refused(_)) => return Seen::Never,
            Some(Entry::Once) => return Seen::Before,
            None => {}
        }
        self.put(key.clone(), Entry::Once);
        Seen::Never
    }

    /// The text is answered by that statement from now on.
    pub fn learn(&self, key: Key, statement: Arc<Statement>) {
        self.put(key, Entry::Known(statement));
    }

    /// The text is left to the ordinary way, as long as the catalog has that version.
    pub fn refuse(&self, key: Key, version: i64) {
        self.put(key, Entry::Refused(version));
    }

    /// [`Texts::learn`] or, without a statement, [`Texts::refuse`], for a text as [`crate::Missed::Text`] tells it.
    pub fn learn_as(
        &self,
        scope: u64,
        text: &[u8],
        types: &[u32],
        statement: Option<Arc<Statement>>,
        version: i64,
    ) {
        let types: Option<Vec<Literal>> = types.iter().map(|oid| Literal::of(*oid)).collect();
        let Some(types) = types else {
            return;
        };
        let key = (scope, text.to_vec(), types);
        match statement {
            Some(statement) => self.learn(key, statement),
            None => self.refuse(key, version),
        }
    }

    /// The catalog has a new version: what was refused under another may do now.
    pub fn forget_refused(&self, version: i64) {
        let is_old = |entry: &Entry| matches!(entry, Entry::Refused(known) if *known != version);
        self.known.write().retain(|_, entry| !is_old(entry));
    }

    fn put(&self, key: Key, entry: Entry) {
        let mut known = self.known.write();
        if known.len() >= MOST && !known.contains_key(&key) {
            known.clear();
        }
        known.insert(key, entry);
    }
}
