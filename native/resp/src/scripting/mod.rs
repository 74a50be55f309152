//! Scripts and functions in Lua: EVAL, SCRIPT, FUNCTION, FCALL.
//!
//! **Theory.** A script is one command on the loop's turn, like EXEC: what it calls runs by the very handlers that serve clients, one
//! after another, and is committed with the turn. When one of them must stop for a block that is not in memory or for a row lock, all
//! that the script did is taken back, and it runs again from its start when the client is woken; scripts keep nothing between runs.
//! An error of a script, as in Redis, leaves what it had written before.
//!
//! **Invariant.** Lua runs on the loop's thread alone, and only inside [`run::run`]. Whatever a script does, that ends: a hook looks at the
//! time and at other clients, memory is bounded, and errors of ours end it for good, caught or not.

pub(crate) mod adopt;
mod api;
mod bits;
mod bridge;
mod cache;
mod convert;
mod engine;
mod eval;
mod functions;
#[cfg(test)]
mod fuzzing;
mod json;
mod kernel;
mod libraries;
mod message_pack;
mod native;
mod patterns;
mod run;
pub(crate) mod sha1;
mod shebang;
mod structs;
mod text;

use crate::args::Args;
use crate::reply::Reply;
use crate::server::execute::SessionHandler;
use crate::session::help;
use crate::table::Flags;
use cache::Scripts;
use libraries::Libraries;
use run::Running;
use std::time::Instant;

/// Every command of scripts by lower-case name.
pub(crate) const HANDLERS: &[(&str, SessionHandler)] = &[
    ("eval", eval::eval),
    ("eval_ro", eval::eval_ro),
    ("evalsha", eval::evalsha),
    ("evalsha_ro", eval::evalsha_ro),
    ("script|load", eval::load),
    ("script|exists", eval::exists),
    ("script|flush", eval::flush),
    ("script|debug", eval::debug),
    ("script|kill", functions::kill_script),
    ("script|help", help::help),
    ("fcall", functions::fcall),
    ("fcall_ro", functions::fcall_ro),
    ("function|load", functions::load),
    ("function|delete", functions::delete),
    ("function|flush", functions::flush),
    ("function|list", functions::list),
    ("function|stats", functions::stats),
    ("function|dump", functions::dump),
    ("function|restore", functions::restore),
    ("function|kill", functions::kill_function),
    ("function|help", help::help),
];

/// What the loop keeps of scripts; Lua is not started before the first one comes.
#[derive(Default)]
pub(crate) struct Scripting {
    scripts: Scripts,
    libraries: Libraries,
    /// The run that others are told of; a short one is not noted.
    running: Option<Running>,
    /// When the script that runs now began.
    started: Option<Instant>,
    /// Where commands that scripts call reply, kept for the next run.
    room: Reply,
}

impl Scripting {
    /// The run that keeps other clients waiting.
    pub(crate) fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Whether one does.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// How many scripts are kept.
    pub(crate) fn script_count(&self) -> usize {
        self.scripts.len()
    }

    /// How many libraries are loaded, and functions in them.
    pub(crate) fn library_counts(&self) -> [usize; 2] {
        [self.libraries.all().len(), self.libraries.function_count()]
    }

    fn running_mut(&mut self) -> Option<&mut Running> {
        self.running.as_mut()
    }

    fn note_running(&mut self, note: impl FnOnce() -> Running) -> &mut Running {
        self.running.get_or_insert_with(note)
    }

    fn end_run(&mut self) {
        self.running = None;
        self.started = None;
    }

    /// What a command that runs a script does: by the command's flags, or by those that the script declares.
    pub(crate) fn declared(&self, name: &str, args: Args<'_>, flags: Flags) -> Flags {
        let said = args.get(1).and_then(|given| match name {
            "eval" | "eval_ro" => shebang::of_script(given).ok().map(|parts| parts.promises),
            "evalsha" | "evalsha_ro" => self.scripts.of_digest(given).map(|found| found.promises),
            "fcall" | "fcall_ro" => self.libraries.function(given).map(|found| found.promises()),
            _ => None,
        });
        match said {
            Some(promises) if !promises.unsaid => promises.applied_to(flags),
            _ => flags,
        }
    }

    /// For how long the script that runs has run, milliseconds: the turn's clock stands, a script's must not.
    pub(crate) fn elapsed_ms(&self) -> i64 {
        let elapsed = self
            .started
            .map_or(0, |started| started.elapsed().as_millis());
        i64::try_from(elapsed).unwrap_or(i64::MAX)
    }
}
