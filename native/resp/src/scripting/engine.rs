//! A Lua state for scripts: its sandbox, its limits, and the way in.
//!
//! **Theory.** The state is Lua 5.1. [`prelude.lua`](prelude.lua) cuts the sandbox out of the libraries. What a script may ask of the server
//! goes to whom the [`Bridge`] leads for the time of a run, so functions given to Lua once serve every run.
//!
//! **Invariant.** Memory is bounded while a script runs: an allocation beyond [`MEMORY`] fails inside Lua. A hook runs in every coroutine
//! and may end the script; nothing that a script catches keeps it alive then. Between two hooks lie [`FIRST_PACE`] instructions, and so many
//! more as pass quickly: an instruction may be a call that moves all of memory.

use super::bridge::{self, Bridge, Entry, Session};
use super::native;
use super::run::Target;
use super::{api, bits, json, kernel, message_pack, structs, text};
use crate::args::Args;
use mlua::{ChunkMode, Debug, Function, HookTriggers, Lua, Table, Thread, Value, VmState, WeakLua};
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Most bytes that Lua may take while a script runs.
pub(super) const MEMORY: usize = 256 << 20;
/// More than so much left over by a script is collected at once.
const LEFT_OVER: usize = 64 << 20;
/// Instructions before the first look at the time.
const FIRST_PACE: u32 = 64;
/// Most and fewest instructions between two looks.
const PACES: (u32, u32) = (4, 100_000);
/// By how much that changes, when looks follow each other faster or slower than these.
const CHANGE: u32 = 16;
const FAST: Duration = Duration::from_micros(500);
const SLOW: Duration = Duration::from_millis(8);

/// The prelude's name, as Lua writes it.
const PRELUDE: &str = "=hyperdb";
/// What a run that was ended is told, and cannot catch.
const STOPPED: &str = "the script was stopped";

/// What a run of a script sets for itself and functions of Lua read.
#[derive(Default)]
pub(super) struct Flags {
    /// `redis.setresp(3)` was called.
    pub resp3: Cell<bool>,
    /// State of `math.random`.
    pub random: Cell<u64>,
    /// The run must end; nothing may go on.
    pub ending: Cell<bool>,
    /// Instructions between two looks, when the last one was, and whether it was of this run.
    pub pace: Cell<u32>,
    pub looked: Cell<Option<Instant>>,
    pub has_looked: Cell<bool>,
    /// Where it was when the hook ended it: source and line.
    pub place: Cell<Option<(String, usize)>>,
}

impl Flags {
    /// Another pace, if the one that was is too fast or too slow. The first look of a run tells little of what is to come.
    fn next_pace(&self) -> Option<u32> {
        let now = Instant::now();
        let before = self.looked.replace(Some(now)).unwrap_or(now);
        let (passed, pace) = (now - before, self.pace.get());
        let is_first = !self.has_looked.replace(true);
        let next = if passed > SLOW {
            (pace / CHANGE).max(PACES.0)
        } else if passed < FAST && !is_first {
            (pace * CHANGE).min(PACES.1)
        } else {
            pace
        };
        self.pace.set(next);
        (next != pace).then_some(next)
    }
}

/// What the hook looks at, for functions that work for long without running Lua.
pub(super) struct Meter {
    lua: WeakLua,
    bridge: Rc<Bridge>,
    flags: Rc<Flags>,
    main: Thread,
}

impl Meter {
    /// Asks whether the run may go on; an error if it must end.
    pub(super) fn look(&self) -> Result<(), native::Raise> {
        let Some(lua) = self.lua.try_upgrade() else {
            return Ok(());
        };
        ask(&self.bridge, &self.flags, || script_place(&lua));
        if self.flags.ending.get() {
            kernel::set_pace(&lua, &self.main, 1)?;
            return Err(native::Raise::text(STOPPED));
        }
        Ok(())
    }
}

/// What the prelude gives: globals, their stand-in, how scripts and functions are run, and what limits a library while it loads.
type Prelude = (Table, Table, Function, Function, Function);

/// See the module's head.
pub(super) struct Engine {
    pub lua: Lua,
    pub flags: Rc<Flags>,
    bridge: Rc<Bridge>,
    globals: Table,
    /// The library `redis` that a library finds while it loads, behind its stand-in.
    loading: Table,
    /// Whether it finds only that.
    limit: Function,
    /// What `register_function` is at any other time.
    no_register: Function,
    run: Function,
    run_with: Function,
    main: Thread,
}

/// Which functions a state has beside the libraries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// Scripts of EVAL.
    Scripts,
    /// Libraries of FUNCTION LOAD.
    Libraries,
}

impl Engine {
    pub(super) fn new(flavour: Flavour) -> mlua::Result<Engine> {
        let lua = kernel::state();
        let main = lua.current_thread();
        let flags = Rc::new(Flags::default());
        flags.pace.set(FIRST_PACE);
        let bridge = Rc::new(Bridge::default());
        bridge::keep(&lua, &bridge);
        let given = lua.create_table()?;
        let redis = api::library(&lua, &bridge, &flags, flavour)?;
        given.raw_set("redis", &redis)?;
        let (loading, no_register) = api::loading(&lua)?;
        given.raw_set("loading", &loading)?;
        given.raw_set("bit", bits::library(&lua)?)?;
        given.raw_set("cjson", json::library(&lua)?)?;
        given.raw_set("cmsgpack", message_pack::library(&lua)?)?;
        given.raw_set("struct", structs::library(&lua)?)?;
        api::give_random(&lua, &given, &flags)?;
        guard_functions(&lua, &given)?;
        let meter = Rc::new(Meter {
            lua: lua.weak(),
            bridge: bridge.clone(),
            flags: flags.clone(),
            main: main.clone(),
        });
        text::give(&lua, &given, &meter)?;
        let gsub = lua.create_table()?;
        given.raw_set("gsub", kernel::calling(&lua, &gsub, true)?)?;
        given.raw_set("gsub_holder", gsub)?;
        let (globals, seen, run, run_with, limit): Prelude = lua
            .load(include_str!("prelude.lua"))
            .set_name(PRELUDE)
            .set_mode(ChunkMode::Text)
            .call(given)?;
        lua.set_globals(seen)?;
        let hook = (bridge.clone(), flags.clone(), main.clone());
        lua.set_global_hook(
            HookTriggers::new().every_nth_instruction(FIRST_PACE),
            move |lua, at| {
                let (bridge, flags, main) = &hook;
                look(lua, at, bridge, flags, main)
            },
        )?;
        Ok(Engine {
            lua,
            flags,
            bridge,
            globals,
            loading,
            limit,
            no_register,
            run,
            run_with,
            main,
        })
    }

    /// Compiles a script; the error is Lua's text.
    pub(super) fn compile(&self, body: &[u8], name: &str) -> Result<Function, String> {
        let chunk = self.lua.load(body).set_name(name).set_mode(ChunkMode::Text);
        chunk.into_function().map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => message,
            mlua::Error::MemoryError(_) => "not enough memory".into(),
            other => other.to_string(),
        })
    }

    /// Runs a script or a function, which may ask `session` meanwhile: whether it came through, and its value, or what it raised. The
    /// caller ends with [`Engine::release`].
    pub(super) fn run(
        &self,
        session: &mut dyn Session,
        target: &Target<'_>,
        keys: Args<'_>,
        rest: Args<'_>,
    ) -> mlua::Result<(bool, Value)> {
        self.flags.resp3.set(false);
        self.flags.ending.set(false);
        self.flags.looked.set(Some(Instant::now()));
        self.flags.has_looked.set(false);
        let (entry, function) = match target {
            Target::Script(function) => {
                let (run, globals) = (&self.run, &self.globals);
                (Entry::Script { run, globals }, function)
            }
            Target::Function(function) => {
                let run_with = &self.run_with;
                (Entry::Function { run_with }, function)
            }
        };
        // What cannot be bounded now fails when it is let go again.
        let bound = || drop(self.bound_memory(true));
        let result = self.bridge.lend(session, || {
            bridge::enter(&self.lua, &entry, function, (keys, rest), bound)
        });
        self.bound_memory(false)?;
        result
    }

    /// What a run left is tidied up.
    pub(super) fn release(&self) -> mlua::Result<()> {
        self.bound_memory(false)?;
        if self.flags.ending.replace(false) | (self.flags.pace.get() != FIRST_PACE) {
            self.flags.pace.set(FIRST_PACE);
            kernel::set_pace(&self.lua, &self.main, FIRST_PACE as i32)?;
        }
        if self.lua.used_memory() > LEFT_OVER {
            self.lua.gc_collect()?;
        }
        Ok(())
    }

    /// Lets a library register functions, and find nothing else, or no longer.
    pub(super) fn let_register(&self, function: Option<Function>) -> mlua::Result<()> {
        self.limit.call::<()>(function.is_some())?;
        let function = function.unwrap_or_else(|| self.no_register.clone());
        self.loading.raw_set("register_function", function)
    }

    /// From now on every instruction ends the run.
    pub(super) fn end_now(&self) -> mlua::Result<()> {
        self.flags.ending.set(true);
        kernel::set_pace(&self.lua, &self.main, 1)
    }

    /// Bounds what Lua may allocate, or lets it go while what is allocated is known to be little.
    pub(super) fn bound_memory(&self, bounded: bool) -> mlua::Result<()> {
        let limit = if bounded { MEMORY } else { 0 };
        self.lua.set_memory_limit(limit).map(|_| ())
    }
}

/// Lua's functions that write into tables they are given, with those refused that must stay as they are.
fn guard_functions(lua: &Lua, given: &Table) -> mlua::Result<()> {
    const REFUSED: &str = "Attempt to modify a readonly table";
    let kept = lua.create_table()?;
    let globals = lua.globals();
    let unpack: Function = globals.raw_get("unpack")?;
    given.raw_set("unpack", kernel::guarded_unpack(lua, &unpack)?)?;
    for name in ["rawset", "setmetatable"] {
        let inner: Function = globals.raw_get(name)?;
        given.raw_set(name, kernel::guarded(lua, &kept, &inner, REFUSED)?)?;
    }
    let tables: Table = globals.raw_get("table")?;
    let guards = lua.create_table()?;
    for name in ["insert", "remove", "setn"] {
        let inner: Function = tables.raw_get(name)?;
        guards.raw_set(name, kernel::guarded(lua, &kept, &inner, REFUSED)?)?;
    }
    let less: Function = lua
        .load("local one, other = ... return one < other")
        .set_name(PRELUDE)
        .into_function()?;
    let sort: Function = tables.raw_get("sort")?;
    guards.raw_set(
        "sort",
        kernel::guarded_sort(lua, &kept, &sort, REFUSED, &less)?,
    )?;
    given.raw_set("tables", guards)?;
    given.raw_set("kept", kept)?;
    given.raw_set("pcall", kernel::protected_call(lua)?)
}

/// What the hook does: asks whether the run may go on, and from the time that it may not, stops every instruction.
fn look(
    lua: &Lua,
    at: &Debug,
    bridge: &Bridge,
    flags: &Flags,
    main: &Thread,
) -> mlua::Result<VmState> {
    ask(bridge, flags, || {
        Some(place(at))
            .filter(|(source, _)| source != PRELUDE)
            .or_else(|| script_place(lua))
    });
    if flags.ending.get() {
        kernel::set_pace(lua, main, 1)?;
        return Err(mlua::Error::runtime(STOPPED));
    }
    if let Some(pace) = flags.next_pace() {
        kernel::set_pace(lua, main, pace as i32)?;
    }
    Ok(VmState::Continue)
}

/// Where the script is: frames of functions of ours lie above it.
fn script_place(lua: &Lua) -> Option<(String, usize)> {
    (0..8).find_map(|level| {
        lua.inspect_stack(level, place)
            .filter(|(source, line)| *line > 0 && source != PRELUDE)
    })
}

/// Source and line of a frame.
fn place(at: &Debug<'_>) -> (String, usize) {
    let source = at.source().source.unwrap_or_default().into_owned();
    (source, at.current_line().unwrap_or_default())
}

/// Asks the run whether it must end, and notes where it was then.
fn ask(bridge: &Bridge, flags: &Flags, place: impl FnOnce() -> Option<(String, usize)>) {
    if !flags.ending.get() && bridge.look() {
        flags.ending.set(true);
        flags.place.set(place());
    }
}
