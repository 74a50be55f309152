//! Libraries of functions: in the store, and compiled.
//!
//! **Theory.** The app `redis/functions` has a vertex for each library, its code under its name, and one, [`GENERATION`], whose value is
//! drawn anew with every change. What is compiled belongs to one generation, so it is right after a restart, after a transaction
//! that was taken back, and after a commit that failed: whoever uses it compares first.
//!
//! **Invariant.** A name of a function belongs to one library, whatever its case.

use super::bridge::{Came, Session};
use super::engine::{Engine, Flavour};
use super::native::{self, Arguments, Raise, Returned};
use super::run::Target;
use super::shebang::{self, Promises, FLAGS};
use super::{api, run};
use crate::args::Args;
use crate::command::Abort;
use hashbrown::HashMap;
use hyperdb_graph::{AppId, Record, Step, Turn};
use mlua::{Function, Lua, MultiValue, Table, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The app of the libraries.
pub(super) const APP: &[u8] = b"redis/functions";
/// The vertex of the generation; no library has such a name.
pub(super) const GENERATION: &[u8] = b"#";
/// The name of every library in errors.
const CHUNK: &str = "@user_function";
/// Longest that a library may take to register its functions.
const PATIENCE: Duration = Duration::from_millis(500);
const BAD_NAME: &str = "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// A function of a library.
pub(super) struct Registered {
    pub name: Vec<u8>,
    pub function: Function,
    pub description: Option<Vec<u8>>,
    /// As they were given, each once.
    pub flags: Vec<&'static str>,
}

impl Registered {
    pub(super) fn writes_nothing(&self) -> bool {
        self.flags.contains(&"no-writes")
    }

    /// What its flags promise.
    pub(super) fn promises(&self) -> Promises {
        Promises {
            no_writes: self.writes_nothing(),
            allow_oom: self.flags.contains(&"allow-oom"),
            unsaid: false,
        }
    }
}

/// A library.
pub(super) struct Library {
    pub code: Vec<u8>,
    pub functions: Vec<Rc<Registered>>,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Libraries {
    engine: Option<Rc<Engine>>,
    loaded: BTreeMap<Vec<u8>, Library>,
    /// By name in lower case.
    functions: HashMap<Vec<u8>, Rc<Registered>>,
    generation: Option<Vec<u8>>,
}

/// The generation that the store has.
fn stored_generation(turn: &Turn<'_>) -> Step<Option<(AppId, Vec<u8>)>> {
    let Some(app) = turn.find_app(APP)? else {
        return Ok(None);
    };
    let Some(element) = turn.element(app, GENERATION)? else {
        return Ok(None);
    };
    Ok(match element.record()? {
        Record::Vertex { value, .. } => Some((app, value.to_vec())),
        Record::Edge(_) => None,
    })
}

/// A library's name and its text.
type Stored = (Vec<u8>, Vec<u8>);

/// All libraries of the store by name.
fn stored(turn: &Turn<'_>, app: AppId) -> Result<Vec<Stored>, Abort> {
    let mut libraries = Vec::new();
    let mut walk = turn.elements(app, 0);
    while let Some((place, raw)) = walk.next()? {
        let name = place.get(8..).unwrap_or_default();
        if let Some(Record::Vertex { value, .. }) = Record::decode(&raw) {
            if name != GENERATION {
                libraries.push((name.to_vec(), value.to_vec()));
            }
        }
    }
    Ok(libraries)
}

impl Libraries {
    /// Brings what is compiled up to what the store has.
    pub(super) fn follow(&mut self, turn: &Turn<'_>) -> Result<(), Abort> {
        let now = stored_generation(turn)?;
        if now.as_ref().map(|(_, generation)| generation) == self.generation.as_ref() {
            return Ok(());
        }
        let mut fresh = Libraries::default();
        if let Some((app, generation)) = now {
            for (name, code) in stored(turn, app)? {
                let library = fresh.compile(&code)?;
                fresh.take_in(name, library);
            }
            fresh.generation = Some(generation);
        }
        *self = fresh;
        Ok(())
    }

    /// Forgets what is compiled; the store has what there is.
    pub(super) fn forget(&mut self) {
        *self = Libraries {
            generation: Some(Vec::new()),
            ..Libraries::default()
        };
    }

    pub(super) fn engine(&mut self) -> Result<Rc<Engine>, Abort> {
        if let Some(engine) = &self.engine {
            return Ok(engine.clone());
        }
        let engine = Engine::new(Flavour::Libraries).map(Rc::new);
        let engine = engine.map_err(|error| Abort::error(format!("ERR {error}")))?;
        self.engine = Some(engine.clone());
        Ok(engine)
    }

    /// The libraries by name.
    pub(super) fn all(&self) -> &BTreeMap<Vec<u8>, Library> {
        &self.loaded
    }

    pub(super) fn function_count(&self) -> usize {
        self.functions.len()
    }

    /// The function of FCALL.
    pub(super) fn function(&self, name: &[u8]) -> Option<Rc<Registered>> {
        self.functions.get(&name.to_ascii_lowercase()).cloned()
    }

    /// Adds a library to the store and to what is compiled; one of its name goes if `replace`. Its name.
    pub(super) fn load(
        &mut self,
        turn: &mut Turn<'_>,
        code: &[u8],
        replace: bool,
        number: u64,
    ) -> Result<Vec<u8>, Abort> {
        let parts = shebang::of_library(code)?;
        let name = parts.name.unwrap_or_default();
        if !is_name(&name) {
            return Err(Abort::error(BAD_NAME));
        }
        let old = self.loaded.get(&name);
        if old.is_some() && !replace {
            return Err(exists(&name));
        }
        let old: Vec<Vec<u8>> = old
            .iter()
            .flat_map(|library| &library.functions)
            .map(|function| function.name.to_ascii_lowercase())
            .collect();
        let library = self.compile(code)?;
        for function in &library.functions {
            let key = function.name.to_ascii_lowercase();
            if self.functions.contains_key(&key) && !old.contains(&key) {
                let shown = String::from_utf8_lossy(&function.name).into_owned();
                return Err(Abort::error(format!("ERR Function {shown} already exists")));
            }
        }
        let app = turn.app(APP)?;
        turn.put_vertex(app, &name, code, None)?;
        self.renew(turn, app, number)?;
        self.drop_library(&name);
        self.take_in(name.clone(), library);
        Ok(name)
    }

    /// Removes a library; whether it was there.
    pub(super) fn delete(
        &mut self,
        turn: &mut Turn<'_>,
        name: &[u8],
        number: u64,
    ) -> Result<bool, Abort> {
        if !self.loaded.contains_key(name) {
            return Ok(false);
        }
        let app = turn.app(APP)?;
        turn.remove_element(app, name)?;
        self.renew(turn, app, number)?;
        self.drop_library(name);
        Ok(true)
    }

    fn renew(&mut self, turn: &mut Turn<'_>, app: AppId, number: u64) -> Result<(), Abort> {
        let generation = number.to_le_bytes();
        turn.put_vertex(app, GENERATION, &generation, None)?;
        self.generation = Some(generation.to_vec());
        Ok(())
    }

    fn drop_library(&mut self, name: &[u8]) {
        if let Some(library) = self.loaded.remove(name) {
            for function in library.functions {
                self.functions.remove(&function.name.to_ascii_lowercase());
            }
        }
    }

    fn take_in(&mut self, name: Vec<u8>, library: Library) {
        for function in &library.functions {
            let key = function.name.to_ascii_lowercase();
            self.functions.insert(key, function.clone());
        }
        self.loaded.insert(name, library);
    }

    /// Runs a library's code, which registers its functions.
    fn compile(&mut self, code: &[u8]) -> Result<Library, Abort> {
        let parts = shebang::of_library(code)?;
        let engine = self.engine()?;
        let script = engine
            .compile(parts.body, CHUNK)
            .map_err(|text| Abort::error(format!("ERR Error compiling function: {text}")))?;
        let functions = register_all(&engine, &script)?;
        if functions.is_empty() {
            return Err(Abort::error("ERR No functions registered"));
        }
        Ok(Library {
            code: code.to_vec(),
            functions,
        })
    }
}

/// The refusal of a library whose name is taken.
fn exists(name: &[u8]) -> Abort {
    let shown = String::from_utf8_lossy(name).into_owned();
    Abort::error(format!("ERR Library '{shown}' already exists"))
}

fn is_name(name: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    !name.is_empty() && name.iter().all(allowed)
}

fn failure(text: &str) -> Abort {
    Abort::error(format!("ERR Error registering functions: {text}"))
}

fn register_all(engine: &Engine, script: &Function) -> Result<Vec<Rc<Registered>>, Abort> {
    let found: Rc<RefCell<Vec<Rc<Registered>>>> = Rc::default();
    let plain = |error: mlua::Error| failure(&format!("ERR {error}"));
    let (result, late) = run_loading(engine, script, &found).map_err(plain)?;
    // What was stopped may end as an error that nobody caught.
    if late {
        return Err(failure("ERR FUNCTION LOAD timeout"));
    }
    match result.map_err(plain)? {
        (true, _) => Ok(found.take()),
        (false, Value::Table(table)) => {
            let text = run::error_text(&table);
            Err(failure(&String::from_utf8_lossy(&text)))
        }
        (false, other) => Err(failure(&format!("ERR {}", run::plain_text(&other)))),
    }
}

/// A library's code at work: it may do nothing but register functions, and not for long.
struct Loading {
    started: Instant,
}

impl Session for Loading {
    fn command(&mut self, _args: Args<'_>) -> Came {
        Came::Outside
    }

    fn reply(&self) -> &[u8] {
        &[]
    }

    fn look(&mut self) -> bool {
        self.started.elapsed() > PATIENCE
    }

    fn may_call(&mut self, _args: Args<'_>) -> Result<bool, &'static str> {
        Err("redis.acl_check_cmd() can only be called inside a script invocation")
    }
}

/// How a library's code ended, and whether it was stopped.
type Loaded = (mlua::Result<(bool, Value)>, bool);

fn run_loading(
    engine: &Engine,
    script: &Function,
    found: &Rc<RefCell<Vec<Rc<Registered>>>>,
) -> mlua::Result<Loaded> {
    let lua = &engine.lua;
    let registering = found.clone();
    let register = native::function(lua, move |lua, arguments| {
        register(lua, arguments, &mut registering.borrow_mut())
    })?;
    engine.let_register(Some(register))?;
    let none = Args::new(&[], &[]);
    let mut loading = Loading {
        started: Instant::now(),
    };
    let result = engine.run(&mut loading, &Target::Script(script), none, none);
    let late = engine.flags.ending.get();
    // Whatever ran on would be stopped, this too.
    let released = engine.release();
    engine.let_register(None)?;
    released?;
    Ok((result, late))
}

/// `redis.register_function(name, callback)` or with a table of named arguments.
fn register(lua: &Lua, arguments: &Arguments, found: &mut Vec<Rc<Registered>>) -> Returned {
    let refuse = |text: &str| api::refuse(lua, text);
    let registered = match arguments.len() {
        1 => match arguments.get(1) {
            Some(Value::Table(table)) => named(lua, table)?,
            _ => return Err(refuse("calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).")),
        },
        2 => {
            let name = function_name(arguments.get(1))
                .ok_or_else(|| refuse("first argument to redis.register_function must be a string"))?;
            let Some(Value::Function(function)) = arguments.get(2) else {
                return Err(refuse("second argument to redis.register_function must be a function"));
            };
            Registered { name, function: function.clone(), description: None, flags: Vec::new() }
        }
        _ => return Err(refuse("wrong number of arguments to redis.register_function")),
    };
    if !is_name(&registered.name) {
        return Err(refuse(BAD_NAME.trim_start_matches("ERR ")));
    }
    let taken = |other: &Rc<Registered>| other.name.eq_ignore_ascii_case(&registered.name);
    if found.iter().any(taken) {
        return Err(refuse("Function already exists in the library"));
    }
    found.push(Rc::new(registered));
    Ok(MultiValue::new())
}

fn function_name(value: Option<&Value>) -> Option<Vec<u8>> {
    match value? {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(number) => Some(number.to_string().into_bytes()),
        Value::Number(number) => Some(number.to_string().into_bytes()),
        _ => None,
    }
}

fn named(lua: &Lua, table: &Table) -> Result<Registered, Raise> {
    let refuse = |text: &str| api::refuse(lua, text);
    let (mut name, mut function, mut description) = (None, None, None);
    let mut flags = Vec::new();
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let Value::String(key) = key else {
            return Err(refuse(
                "named argument key given to redis.register_function is not a string",
            ));
        };
        match &key.as_bytes()[..] {
            b"function_name" => {
                let given = function_name(Some(&value));
                name = Some(given.ok_or_else(|| {
                    refuse(
                        "function_name argument given to redis.register_function must be a string",
                    )
                })?);
            }
            b"description" => {
                let given = function_name(Some(&value));
                description = Some(given.ok_or_else(|| {
                    refuse("description argument given to redis.register_function must be a string")
                })?);
            }
            b"callback" => match value {
                Value::Function(given) => function = Some(given),
                _ => {
                    return Err(refuse(
                        "callback argument given to redis.register_function must be a function",
                    ));
                }
            },
            b"flags" => flags = flags_of(lua, &value)?,
            _ => return Err(refuse("unknown argument given to redis.register_function")),
        }
    }
    let name =
        name.ok_or_else(|| refuse("redis.register_function must get a function name argument"))?;
    let function =
        function.ok_or_else(|| refuse("redis.register_function must get a callback argument"))?;
    Ok(Registered {
        name,
        function,
        description,
        flags,
    })
}

fn flags_of(lua: &Lua, value: &Value) -> Result<Vec<&'static str>, Raise> {
    let Value::Table(table) = value else {
        return Err(api::refuse(
            lua,
            "flags argument to redis.register_function must be a table representing function flags",
        ));
    };
    let mut flags = Vec::new();
    for at in 1.. {
        let known = match table.raw_get::<Value>(at)? {
            Value::Nil => break,
            Value::String(text) => {
                let text = text.as_bytes();
                FLAGS
                    .iter()
                    .find(|flag| flag.as_bytes() == &text[..])
                    .copied()
            }
            _ => None,
        };
        let known = known.ok_or_else(|| api::refuse(lua, "unknown flag given"))?;
        if !flags.contains(&known) {
            flags.push(known);
        }
    }
    Ok(flags)
}
