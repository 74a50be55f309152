//! What a lane has learned: prepared statements by id, texts by shape.
//!
//! **Theory.** A text means what its shape means in the connection's keyspace, with its literals for values; so its plan has a marker for
//! each literal, behind those that the text itself has. **Invariant.** A shape is kept only where each of its literals is a value of
//! the plan; both tables are bounded.

use crate::envelope::{Given, Named};
use crate::forms::Slot;
use crate::plan::Plan;
use crate::text::lift;
use crate::Stray;
use hashbrown::HashMap;
use std::sync::Arc;

/// Statements of each kind that are kept; beyond that all are forgotten, and the busy ones are learned again.
const MOST_KEPT: usize = 10_000;
/// Ends the keyspace in a text's key; no byte of UTF-8 is this.
const END: u8 = 0xff;

#[derive(Debug)]
struct Shape {
    plan: Arc<Plan>,
    slots: Vec<Slot>,
}

/// Statements that are answered here.
#[derive(Debug)]
pub(crate) struct Known {
    prepared: HashMap<Box<[u8]>, Arc<Plan>>,
    texts: HashMap<Box<[u8]>, Shape>,
    /// What texts' keys begin with.
    keyspace: Vec<u8>,
}

/// The values of a text's literals.
#[derive(Debug, Default)]
pub(crate) struct Lifted {
    wires: Vec<u8>,
    ends: Vec<usize>,
    /// Bytes of the literals as they were written.
    pub(crate) written: usize,
}

impl Lifted {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of the values.
    pub(crate) fn bytes(&self) -> usize {
        self.wires.len()
    }

    /// Appends them to the values that came with the text.
    pub(crate) fn give<'d>(&'d self, values: &mut Vec<Given<'d>>) {
        let mut start = 0;
        for end in &self.ends {
            values.push(Given::Wire(self.wires.get(start..*end).unwrap_or_default()));
            start = *end;
        }
    }
}

impl Known {
    pub(crate) fn new() -> Known {
        Known {
            prepared: HashMap::new(),
            texts: HashMap::new(),
            keyspace: vec![END],
        }
    }

    pub(crate) fn learn(&mut self, id: &[u8], plan: Arc<Plan>) {
        if self.prepared.len() >= MOST_KEPT {
            self.prepared.clear();
        }
        self.prepared.insert(id.into(), plan);
    }

    /// Learns the shape of a text as it is meant in a keyspace. False: the slots are not those of its literals.
    pub(crate) fn learn_text(
        &mut self,
        keyspace: &str,
        text: &str,
        slots: Vec<Slot>,
        plan: Arc<Plan>,
    ) -> bool {
        let mut key = [keyspace.as_bytes(), &[END]].concat();
        match lift(text, &mut key) {
            Ok(literals) if literals.len() == slots.len() => {}
            _ => return false,
        }
        if self.texts.len() >= MOST_KEPT {
            self.texts.clear();
        }
        self.texts.insert(key.into(), Shape { plan, slots });
        true
    }

    /// Texts are meant in this keyspace from now on.
    pub(crate) fn use_keyspace(&mut self, keyspace: &str) {
        self.keyspace = [keyspace.as_bytes(), &[END]].concat();
    }

    pub(crate) fn forget(&mut self) {
        self.prepared.clear();
        self.texts.clear();
    }

    /// The plan of a statement, and the values of its literals.
    pub(crate) fn find(&self, named: Named<'_>) -> Result<(Arc<Plan>, Lifted), Stray> {
        let text = match named {
            Named::Id(id) => {
                let plan = self.prepared.get(id).ok_or(Stray)?;
                return Ok((plan.clone(), Lifted::default()));
            }
            Named::Text(text) => text,
        };
        if self.texts.is_empty() {
            return Err(Stray);
        }
        let mut key = Vec::with_capacity(self.keyspace.len() + text.len());
        key.extend_from_slice(&self.keyspace);
        let literals = lift(text, &mut key)?;
        let shape = self.texts.get(&key[..]).ok_or(Stray)?;
        let mut lifted = Lifted::default();
        for (slot, literal) in shape.slots.iter().zip(&literals) {
            slot.put(literal, &mut lifted.wires)?;
            lifted.ends.push(lifted.wires.len());
            lifted.written += literal.text.len();
        }
        Ok((shape.plan.clone(), lifted))
    }
}
