//! The way from a script to the run that it belongs to, and of replies back.
//!
//! **Purpose.** `redis.call` is what scripts do most. Here it is a C function that takes its arguments from Lua's stack, has the run execute
//! the command, and puts the reply back there as values: no value of the binding is made on the way, and nothing is set up for each run.
//!
//! **Theory.** Lua keeps the functions for ever and a run lasts as long as its command, so what they share is a cell with the run's address,
//! filled by [`Bridge::lend`] for the length of a call. The address is taken out while the run is at work: whatever Lua might do
//! then, it meets nobody.
//!
//! **Invariant.** Lua leaves a function by `longjmp` when it raises an error, as it does for want of memory. So functions that push values hold
//! no Rust value with a destructor; what they need lies in the bridge, or in the run. Nothing unwinds into Lua: a panic of the run
//! ends the script and goes on behind it. The bridge outlives its state, which keeps a reference to it.
#![allow(unsafe_code)]

use super::native::as_c_integer;
use crate::args::{Args, Span};
use crate::commands::numbers;
use mlua::{ffi, Function, Lua, Result, Table, Value};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::ptr::NonNull;
use std::rc::Rc;

/// Bytes of arguments kept for the next call.
const KEPT: usize = 16 << 10;
/// Deepest that a reply is followed; commands' replies are far from it.
const DEEPEST: usize = 64;

/// What a run offers to the functions of Lua.
pub(super) trait Session {
    /// Runs a command.
    fn command(&mut self, args: Args<'_>) -> Came;
    /// What the last command replied.
    fn reply(&self) -> &[u8];
    /// Whether the run must end.
    fn look(&mut self) -> bool;
    /// Whether the client could run a command; the text of an error if there is none such.
    fn may_call(&mut self, args: Args<'_>) -> std::result::Result<bool, &'static str>;
}

/// What came of a command.
pub(super) enum Came {
    /// It replied.
    Replied,
    /// It may not be called: the error, with its code.
    Refused(String),
    /// The run is at its end.
    Stopped,
    /// There is nobody to run commands.
    Outside,
}

/// The same without what must be dropped.
#[derive(Clone, Copy)]
enum Verdict {
    Replied,
    Refused,
    Stopped,
    Outside,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Bridge {
    session: Cell<Option<NonNull<dyn Session>>>,
    room: RefCell<Room>,
    /// What the last call was refused with; only its own call looks at it.
    refusal: RefCell<Vec<u8>>,
    panic: Cell<Option<Box<dyn Any + Send>>>,
}

/// Arguments of a call.
#[derive(Default)]
struct Room {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// Takes the session back when a call into Lua ends, however it does.
struct Lent<'b>(&'b Bridge);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.session.set(None);
    }
}

impl Bridge {
    /// Lends a session to Lua's functions while `during` runs.
    pub(super) fn lend<R>(&self, session: &mut dyn Session, during: impl FnOnce() -> R) -> R {
        let address: NonNull<dyn Session + '_> = NonNull::from(session);
        // Safety: only the lifetime changes. The address is in the cell no longer than the exclusive borrow lasts, since `Lent` takes it
        // out before this returns.
        let address: NonNull<dyn Session> = unsafe { std::mem::transmute(address) };
        self.session.set(Some(address));
        let lent = Lent(self);
        let result = during();
        drop(lent);
        if let Some(panic) = self.panic.take() {
            resume_unwind(panic);
        }
        result
    }

    /// Asks the session, which nobody else can reach meanwhile; `None` if there is none.
    fn with<R>(&self, ask: impl FnOnce(&mut dyn Session) -> R) -> Option<R> {
        let mut address = self.session.take()?;
        // Safety: it was lent exclusively and is still, see `lend`; and it was taken out of the cell, so this is the only reference.
        let result = ask(unsafe { address.as_mut() });
        self.session.set(Some(address));
        Some(result)
    }

    /// What the hook asks now and then: whether the run must end.
    pub(super) fn look(&self) -> bool {
        self.with(|session| session.look()).unwrap_or_default()
    }

    /// Whether the client could run a command; `None` outside of a run.
    pub(super) fn may_call(
        &self,
        args: Args<'_>,
    ) -> Option<std::result::Result<bool, &'static str>> {
        self.with(|session| session.may_call(args))
    }

    /// Runs the command whose words lie on the stack.
    fn command(&self, state: *mut ffi::lua_State) -> Verdict {
        let came = catch_unwind(AssertUnwindSafe(|| {
            let mut room = self.room.borrow_mut();
            let Room { bytes, spans } = &mut *room;
            bytes.clear();
            bytes.shrink_to(KEPT);
            spans.clear();
            // Safety: nothing that is called there raises an error.
            match unsafe { collect(state, bytes, spans) } {
                Ok(()) => self.with(|session| session.command(Args::new(bytes, spans))),
                Err(text) => Some(Came::Refused(format!("ERR {text}"))),
            }
        }));
        match came {
            Ok(Some(Came::Replied)) => Verdict::Replied,
            Ok(Some(Came::Refused(text))) => {
                self.refusal.replace(text.into_bytes());
                Verdict::Refused
            }
            Ok(Some(Came::Stopped)) => Verdict::Stopped,
            Ok(Some(Came::Outside) | None) => Verdict::Outside,
            Err(panic) => {
                self.panic.set(Some(panic));
                Verdict::Stopped
            }
        }
    }
}

/// `redis.call`, or `redis.pcall`, which gives errors rather than raising them.
pub(super) fn caller(lua: &Lua, bridge: &Rc<Bridge>, raises: bool) -> Result<Function> {
    let address: *const Bridge = Rc::as_ptr(bridge);
    // Safety: the closure leaves one value, the C function, with its two upvalues. The state keeps the bridge (`keep`).
    unsafe {
        lua.exec_raw((), |state| {
            ffi::lua_pushlightuserdata(state, address as *mut c_void);
            ffi::lua_pushboolean(state, c_int::from(raises));
            ffi::lua_pushcclosure(state, call, 2);
        })
    }
}

/// Has a state keep its bridge.
pub(super) fn keep(lua: &Lua, bridge: &Rc<Bridge>) {
    lua.set_app_data(bridge.clone());
}

unsafe extern "C-unwind" fn call(state: *mut ffi::lua_State) -> c_int {
    let bridge = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)) as *const Bridge;
    let raises = ffi::lua_toboolean(state, ffi::lua_upvalueindex(2)) != 0;
    if bridge.is_null() {
        return 0;
    }
    match (*bridge).command(state) {
        Verdict::Replied => {
            let (bytes, len) = reply_of(bridge);
            ffi::lua_settop(state, 0);
            let mut read = Read {
                state,
                bytes: std::slice::from_raw_parts(bytes, len),
                at: 0,
            };
            let is_error = read.bytes.first() == Some(&b'-');
            read.value(0);
            if is_error && raises {
                ffi::lua_error(state);
            }
            1
        }
        Verdict::Refused => {
            let (bytes, len) = {
                let text = (*bridge).refusal.borrow();
                (text.as_ptr(), text.len())
            };
            ffi::lua_settop(state, 0);
            push_error(state, std::slice::from_raw_parts(bytes, len));
            if raises {
                ffi::lua_error(state);
            }
            1
        }
        Verdict::Stopped => raise(state, c"the script was stopped".as_ptr()),
        Verdict::Outside => raise(
            state,
            c"redis.call/pcall can only be called inside a script invocation".as_ptr(),
        ),
    }
}

/// Where the last reply lies; it stays until the next command.
unsafe fn reply_of(bridge: *const Bridge) -> (*const u8, usize) {
    let found = (*bridge).with(|session| {
        let reply = session.reply();
        (reply.as_ptr(), reply.len())
    });
    found.unwrap_or((NonNull::dangling().as_ptr(), 0))
}

/// Raises text behind the place of the call.
unsafe fn raise(state: *mut ffi::lua_State, text: *const c_char) -> c_int {
    ffi::lua_settop(state, 0);
    ffi::luaL_where(state, 1);
    ffi::lua_pushstring(state, text);
    ffi::lua_concat(state, 2);
    ffi::lua_error(state)
}

/// The arguments of a call as those of a command: text as it is, numbers as text. Raises nothing.
unsafe fn collect(
    state: *mut ffi::lua_State,
    bytes: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> std::result::Result<(), &'static str> {
    let count = ffi::lua_gettop(state);
    if count == 0 {
        return Err("Please specify at least one argument for this redis lib call");
    }
    for at in 1..=count {
        let start = bytes.len();
        match ffi::lua_type(state, at) {
            // Not a number, which would be made text in its place, for which memory may be wanting.
            ffi::LUA_TSTRING => {
                let mut len = 0;
                let text = ffi::lua_tolstring(state, at, &mut len);
                bytes.extend_from_slice(std::slice::from_raw_parts(text.cast(), len));
            }
            ffi::LUA_TNUMBER => {
                let number = ffi::lua_tonumber(state, at);
                let whole = as_c_integer(number);
                // Redis casts whole numbers, which takes the sign of zero away.
                if whole as f64 == number {
                    let mut room = [0; numbers::I64_TEXT];
                    bytes.extend_from_slice(numbers::format_i64(whole, &mut room));
                } else {
                    let mut room = [0; numbers::G17_TEXT];
                    bytes.extend_from_slice(numbers::format_double(number, &mut room));
                }
            }
            _ => return Err("Lua redis lib command arguments must be strings or integers"),
        }
        spans.push((start, bytes.len()));
    }
    Ok(())
}

unsafe fn push_bytes(state: *mut ffi::lua_State, bytes: &[u8]) {
    ffi::lua_pushlstring_(state, bytes.as_ptr().cast(), bytes.len());
}

/// Pushes `{name = the value on top}` in place of that value.
unsafe fn wrap(state: *mut ffi::lua_State, name: &[u8]) {
    ffi::lua_createtable(state, 0, 1);
    ffi::lua_insert(state, -2);
    push_bytes(state, name);
    ffi::lua_insert(state, -2);
    ffi::lua_rawset(state, -3);
}

/// Pushes the table of a command's error.
unsafe fn push_error(state: *mut ffi::lua_State, text: &[u8]) {
    push_bytes(state, text);
    wrap(state, b"err");
    push_bytes(state, b"ignore_error_stats_update");
    ffi::lua_pushboolean(state, 1);
    ffi::lua_rawset(state, -3);
}

/// Reads a reply and pushes it as a value; see [`super::convert`] for what stands for what. It was written by this server, so what is
/// malformed is a fault of ours, and becomes nil.
struct Read<'b> {
    state: *mut ffi::lua_State,
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Read<'b> {
    fn line(&mut self) -> &'b [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\r');
        let end = end.unwrap_or(rest.len());
        self.at += end + 2;
        &rest[..end]
    }

    fn number(&mut self) -> i64 {
        numbers::parse_i64(self.line()).unwrap_or_default()
    }

    fn text(&mut self, len: i64) -> &'b [u8] {
        let len = usize::try_from(len).unwrap_or_default();
        let end = self.at.saturating_add(len);
        let text = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end.saturating_add(2);
        text
    }

    unsafe fn value(&mut self, depth: usize) {
        let state = self.state;
        let Some(tag) = self.bytes.get(self.at).filter(|_| depth < DEEPEST) else {
            ffi::lua_pushnil(state);
            return;
        };
        self.at += 1;
        match tag {
            b':' => ffi::lua_pushnumber(state, self.number() as f64),
            b'$' => match self.number() {
                ..0 => ffi::lua_pushboolean(state, 0),
                len => push_bytes(state, self.text(len)),
            },
            b'+' => {
                push_bytes(state, self.line());
                wrap(state, b"ok");
            }
            b'-' => push_error(state, self.line()),
            b'*' | b'>' => match self.number() {
                ..0 => ffi::lua_pushboolean(state, 0),
                len => self.array(len, depth),
            },
            b'#' => ffi::lua_pushboolean(state, c_int::from(self.line() == b"t")),
            b',' => {
                let number = numbers::parse_f64(self.line()).unwrap_or(f64::NAN);
                ffi::lua_pushnumber(state, number);
                wrap(state, b"double");
            }
            b'(' => {
                push_bytes(state, self.line());
                wrap(state, b"big_number");
            }
            b'%' => {
                let pairs = self.number();
                self.pairs(pairs, depth, false);
                wrap(state, b"map");
            }
            b'~' => {
                let members = self.number();
                self.pairs(members, depth, true);
                wrap(state, b"set");
            }
            b'=' => {
                let len = self.number();
                let text = self.text(len);
                let (format, text) = text.split_at_checked(4).unwrap_or((b"txt:", text));
                push_bytes(state, text);
                wrap(state, b"string");
                push_bytes(state, b"format");
                push_bytes(state, &format[..3]);
                ffi::lua_rawset(state, -3);
                wrap(state, b"verbatim_string");
            }
            _ => {
                self.line();
                ffi::lua_pushnil(state);
            }
        }
    }

    unsafe fn array(&mut self, len: i64, depth: usize) {
        let len = c_int::try_from(len).unwrap_or_default();
        ffi::luaL_checkstack(self.state, 6, c"too deep a reply".as_ptr());
        ffi::lua_createtable(self.state, len, 0);
        for at in 1..=len {
            self.value(depth + 1);
            ffi::lua_rawseti_(self.state, -2, at);
        }
    }

    /// A table of keys and values, or of keys alone, which are true in it.
    unsafe fn pairs(&mut self, count: i64, depth: usize, keys_only: bool) {
        ffi::luaL_checkstack(self.state, 6, c"too deep a reply".as_ptr());
        ffi::lua_createtable(self.state, 0, 0);
        for _ in 0..count {
            self.value(depth + 1);
            if keys_only {
                ffi::lua_pushboolean(self.state, 1);
            } else {
                self.value(depth + 1);
            }
            ffi::lua_rawset(self.state, -3);
        }
    }
}

/// What to run: by which function of the prelude, and with its arguments where.
pub(super) enum Entry<'e> {
    /// A script, which finds them in the globals KEYS and ARGV.
    Script {
        run: &'e Function,
        globals: &'e Table,
    },
    /// A function of a library, which is given them.
    Function { run_with: &'e Function },
}

/// Calls a script or function: whether it came through, and its value, or what it raised. `bound` is called once the arguments are made.
pub(super) fn enter(
    lua: &Lua,
    entry: &Entry<'_>,
    function: &Function,
    (keys, rest): (Args<'_>, Args<'_>),
    bound: impl Fn(),
) -> Result<(bool, Value)> {
    let tables = |state| {
        // Safety: see the module's invariant; `Args` has no destructor.
        unsafe {
            push_table(state, keys);
            push_table(state, rest);
        }
        bound();
    };
    // Safety: the stack begins with what is given here, in its order, and ends with the two results of the call.
    unsafe {
        match entry {
            Entry::Script { run, globals } => lua.exec_raw((*globals, *run, function), |state| {
                tables(state);
                for (at, name) in [(5, &b"ARGV"[..]), (4, b"KEYS")] {
                    push_bytes(state, name);
                    ffi::lua_pushvalue(state, at);
                    ffi::lua_rawset(state, 1);
                }
                ffi::lua_settop(state, 3);
                ffi::lua_call(state, 1, 2);
                ffi::lua_remove(state, 1);
            }),
            Entry::Function { run_with } => lua.exec_raw((*run_with, function), |state| {
                tables(state);
                ffi::lua_call(state, 3, 2);
            }),
        }
    }
}

unsafe fn push_table(state: *mut ffi::lua_State, texts: Args<'_>) {
    let len = c_int::try_from(texts.len()).unwrap_or(c_int::MAX);
    ffi::lua_createtable(state, len, 0);
    for at in 1..=len {
        push_bytes(state, texts.at(at as usize - 1));
        ffi::lua_rawseti_(state, -2, at);
    }
}
