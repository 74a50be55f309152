//! Scripts by their digest, compiled.
//!
//! **Theory.** Scripts are kept until SCRIPT FLUSH or the end of the process, as in Redis, but those that only EVAL brought are bounded:
//! an application that builds a new text for every call would fill the memory. The oldest of them goes first; clients know NOSCRIPT.
//!
//! **Invariant.** `by_body` has the digest of each script that EVAL brought, and nothing else.

use super::engine::{Engine, Flavour};
use super::sha1;
use super::shebang::{self, Promises};
use crate::command::Abort;
use hashbrown::HashMap;
use mlua::Function;
use std::collections::VecDeque;
use std::rc::Rc;

/// Most scripts kept that only EVAL brought.
const MOST: usize = 5_000;
/// The name of every script in errors.
const CHUNK: &str = "@user_script";

/// A digest as clients write it.
pub(super) type Digest = [u8; 40];

/// A compiled script.
#[derive(Clone)]
pub(super) struct Script {
    pub digest: Digest,
    pub function: Function,
    pub promises: Promises,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Scripts {
    engine: Option<Rc<Engine>>,
    by_digest: HashMap<Digest, Rc<Script>>,
    by_body: HashMap<Box<[u8]>, Digest>,
    /// Bodies in `by_body`, oldest first.
    order: VecDeque<Box<[u8]>>,
}

impl Scripts {
    /// The state that scripts run in.
    pub(super) fn engine(&mut self) -> Result<Rc<Engine>, Abort> {
        if let Some(engine) = &self.engine {
            return Ok(engine.clone());
        }
        let engine = Engine::new(Flavour::Scripts).map(Rc::new);
        let engine = engine.map_err(|error| Abort::error(format!("ERR {error}")))?;
        self.engine = Some(engine.clone());
        Ok(engine)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_digest.len()
    }

    /// The script of EVAL.
    pub(super) fn of_body(&mut self, body: &[u8]) -> Result<Rc<Script>, Abort> {
        if let Some(script) = self
            .by_body
            .get(body)
            .and_then(|digest| self.by_digest.get(digest))
        {
            return Ok(script.clone());
        }
        let script = self.compile(body)?;
        if self.order.len() >= MOST {
            if let Some(digest) = self
                .order
                .pop_front()
                .and_then(|oldest| self.by_body.remove(&oldest))
            {
                self.by_digest.remove(&digest);
            }
        }
        self.by_body.insert(body.into(), script.digest);
        self.order.push_back(body.into());
        Ok(script)
    }

    /// The script of EVALSHA.
    pub(super) fn of_digest(&self, digest: &[u8]) -> Option<Rc<Script>> {
        let digest: Digest = digest.to_ascii_lowercase().try_into().ok()?;
        self.by_digest.get(&digest).cloned()
    }

    /// SCRIPT LOAD: this script stays.
    pub(super) fn load(&mut self, body: &[u8]) -> Result<Rc<Script>, Abort> {
        if self.by_body.remove(body).is_some() {
            self.order.retain(|other| **other != *body);
        }
        self.compile(body)
    }

    /// SCRIPT FLUSH: a new state for what comes.
    pub(super) fn flush(&mut self) {
        *self = Scripts::default();
    }

    fn compile(&mut self, body: &[u8]) -> Result<Rc<Script>, Abort> {
        let digest = sha1::hex(body);
        if let Some(script) = self.by_digest.get(&digest) {
            return Ok(script.clone());
        }
        let parts = shebang::of_script(body)?;
        let function = self.engine()?.compile(parts.body, CHUNK);
        let function = function.map_err(|text| {
            Abort::error(format!("ERR Error compiling script (new function): {text}"))
        })?;
        let script = Rc::new(Script {
            digest,
            function,
            promises: parts.promises,
        });
        self.by_digest.insert(digest, script.clone());
        Ok(script)
    }
}
