//! Functions of this server as Lua sees them: C functions that behave and raise errors as Lua's own do.
//!
//! **Purpose.** The binding gives scripts errors as opaque objects of its own, and knows no tables that cannot be changed. Scripts expect
//! what Redis has: errors that begin with the place of the call or are tables with the field `err`, raised by a C function directly
//! below the script's own frame. So functions of ours return what happened as their first result, and the lines here turn that
//! into Lua's way, inside Lua.
//!
//! **Invariant.** The C functions hold no Rust value with a destructor while they call into Lua or raise: Lua leaves them by `longjmp`.
//! They use the stack that Lua guarantees a C function (20 slots beyond its arguments), and no pointer outlives them. What other
//! functions answer is checked on the stack, not trusted.
#![allow(unsafe_code)]

use mlua::{ffi, Function, Lua, LuaOptions, Result, StdLib, Table, Thread};
use std::os::raw::{c_char, c_int};

/// A state with the libraries that the sandbox is cut from; `debug` is among them, so no script may see its globals as they are.
pub(super) fn state() -> Lua {
    let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS | StdLib::DEBUG;
    // Safety: `debug` is what makes this unsafe; the prelude takes it away before any script is loaded.
    unsafe { Lua::unsafe_new_with(libraries, LuaOptions::new()) }
}

/// A C function that calls the function at index 1 of `holder`, whatever it is then, and does what its first result says:
///
/// | first result | then |
/// |---|---|
/// | true | gives the others to the caller |
/// | false | raises the second as it is, or gives it if not to `raise` |
/// | nil | raises the second, text, behind the place of the call |
/// | a number | raises the second as what is wrong with that argument |
pub(super) fn calling(lua: &Lua, holder: &Table, raise: bool) -> Result<Function> {
    // Safety: the closure leaves one value, the C function, for the two that were pushed, its upvalues.
    unsafe {
        lua.exec_raw((holder, raise), |state| {
            ffi::lua_pushcclosure(state, call, 2)
        })
    }
}

unsafe extern "C-unwind" fn call(state: *mut ffi::lua_State) -> c_int {
    let arguments = ffi::lua_gettop(state);
    ffi::lua_rawgeti(state, ffi::lua_upvalueindex(1), 1);
    ffi::lua_insert(state, 1);
    ffi::lua_call(state, arguments, ffi::LUA_MULTRET);
    if ffi::lua_gettop(state) < 2 {
        return 0;
    }
    match ffi::lua_type(state, 1) {
        ffi::LUA_TBOOLEAN if ffi::lua_toboolean(state, 1) != 0 => ffi::lua_gettop(state) - 1,
        ffi::LUA_TBOOLEAN => {
            ffi::lua_settop(state, 2);
            if ffi::lua_toboolean(state, ffi::lua_upvalueindex(2)) == 0 {
                return 1;
            }
            ffi::lua_error(state)
        }
        ffi::LUA_TNUMBER => {
            ffi::lua_settop(state, 2);
            let text = ffi::lua_tostring(state, 2);
            if text.is_null() {
                ffi::lua_error(state);
            }
            ffi::luaL_argerror(state, ffi::lua_tointeger(state, 1) as c_int, text)
        }
        _ => {
            ffi::lua_settop(state, 2);
            ffi::luaL_where(state, 1);
            ffi::lua_insert(state, 2);
            ffi::lua_concat(state, 2);
            ffi::lua_error(state)
        }
    }
}

/// The C function `inner` of Lua's own that changes its first argument, refused with `text` if that one is a key of `kept`.
pub(super) fn guarded(lua: &Lua, kept: &Table, inner: &Function, text: &str) -> Result<Function> {
    // Safety: the closure leaves one value, the C function, for the three that were pushed, its upvalues.
    unsafe {
        lua.exec_raw((kept, inner, text), |state| {
            ffi::lua_pushcclosure(state, guard, 3);
        })
    }
}

/// Elements from which `table.sort` without an order of its own compares by a function of Lua.
const LONG: usize = 10_000;

/// [`guarded`] for `table.sort`: long tables without an order get `less`, a function of Lua in which the hook runs. Some orders of the
/// elements make this sort compare all with all, which in C alone nothing could stop.
pub(super) fn guarded_sort(
    lua: &Lua,
    kept: &Table,
    inner: &Function,
    text: &str,
    less: &Function,
) -> Result<Function> {
    // Safety: the closure leaves one value, the C function, for the four that were pushed, its upvalues.
    unsafe {
        lua.exec_raw((kept, inner, text, less), |state| {
            ffi::lua_pushcclosure(state, guard_sort, 4);
        })
    }
}

unsafe extern "C-unwind" fn guard_sort(state: *mut ffi::lua_State) -> c_int {
    if ffi::lua_type(state, 1) == ffi::LUA_TTABLE
        && ffi::lua_type(state, 2) <= ffi::LUA_TNIL
        && ffi::lua_rawlen(state, 1) > LONG
    {
        ffi::lua_settop(state, 1);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(4));
    }
    guard(state)
}

unsafe extern "C-unwind" fn guard(state: *mut ffi::lua_State) -> c_int {
    if ffi::lua_type(state, 1) == ffi::LUA_TTABLE {
        ffi::lua_pushvalue(state, 1);
        ffi::lua_rawget(state, ffi::lua_upvalueindex(1));
        if ffi::lua_type(state, -1) != ffi::LUA_TNIL {
            ffi::lua_pushvalue(state, ffi::lua_upvalueindex(3));
            ffi::lua_error(state);
        }
        ffi::lua_settop(state, -2);
    }
    // In this very frame, so that its errors name the place and the function as if it had been called itself. None of the
    // functions given has upvalues.
    match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(2)) {
        Some(inner) => inner(state),
        None => 0,
    }
}

/// `unpack`, whose count of values must not overflow: Lua's own goes on then until its stack is left.
pub(super) fn guarded_unpack(lua: &Lua, inner: &Function) -> Result<Function> {
    // Safety: the closure leaves one value, the C function, for the one that was pushed, its upvalue.
    unsafe {
        lua.exec_raw(inner, |state| {
            ffi::lua_pushcclosure(state, unpack, 1);
        })
    }
}

unsafe extern "C-unwind" fn unpack(state: *mut ffi::lua_State) -> c_int {
    // As C's `int`, which is what Lua's own makes of them; what is no number it refuses itself.
    let first = match ffi::lua_type(state, 2) <= ffi::LUA_TNIL {
        true => 1,
        false => i64::from(ffi::lua_tointeger(state, 2) as c_int),
    };
    let last = match ffi::lua_type(state, 3) <= ffi::LUA_TNIL {
        true => 0,
        false => i64::from(ffi::lua_tointeger(state, 3) as c_int),
    };
    if last - first >= i64::from(c_int::MAX) {
        ffi::luaL_where(state, 1);
        ffi::lua_pushliteral(state, c"too many results to unpack");
        ffi::lua_concat(state, 2);
        ffi::lua_error(state);
    }
    match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(1)) {
        Some(inner) => inner(state),
        None => 0,
    }
}

/// `pcall` as Redis has it: of an error that is a table with `err`, that text is given.
pub(super) fn protected_call(lua: &Lua) -> Result<Function> {
    // Safety: the function keeps to the module's invariant.
    unsafe { lua.create_c_function(pcall) }
}

unsafe extern "C-unwind" fn pcall(state: *mut ffi::lua_State) -> c_int {
    const ERR: *const c_char = c"err".as_ptr();
    ffi::luaL_checkany(state, 1);
    let arguments = ffi::lua_gettop(state) - 1;
    if ffi::lua_pcall(state, arguments, ffi::LUA_MULTRET, 0) == ffi::LUA_OK {
        // Many results leave no slot.
        if ffi::lua_checkstack(state, 1) == 0 {
            ffi::lua_settop(state, 0);
            ffi::lua_pushliteral(state, c"too many results");
            ffi::lua_error(state);
        }
        ffi::lua_pushboolean(state, 1);
        ffi::lua_insert(state, 1);
        return ffi::lua_gettop(state);
    }
    if ffi::lua_type(state, -1) == ffi::LUA_TTABLE {
        ffi::lua_getfield(state, -1, ERR);
        if ffi::lua_isstring(state, -1) != 0 {
            ffi::lua_replace(state, -2);
        } else {
            ffi::lua_settop(state, -2);
        }
    }
    ffi::lua_pushboolean(state, 0);
    ffi::lua_insert(state, -2);
    2
}

/// Has the hook run after so many instructions, in the thread that runs now and in the main one.
pub(super) fn set_pace(lua: &Lua, main: &Thread, instructions: c_int) -> Result<()> {
    // Safety: hooks that are set are the binding's own; the stack is left as the binding wants it, empty.
    unsafe {
        lua.exec_raw(main, |state| {
            let main = ffi::lua_tothread(state, -1);
            for thread in [state, main] {
                if !thread.is_null() {
                    let hook = ffi::lua_gethook(thread);
                    ffi::lua_sethook(thread, hook, ffi::LUA_MASKCOUNT, instructions);
                }
            }
            ffi::lua_settop(state, 0);
        })
    }
}
