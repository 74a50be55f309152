//! `string.find`, `match`, `gmatch` and `gsub` over [`super::patterns`], with Lua 5.1's arguments and results.

use super::engine::{Meter, MEMORY};
use super::native::{as_c_integer, function, Arguments, Raise, Returned};
use super::patterns::{as_c, is_plain, Capture, Matcher};
use mlua::{Lua, MultiValue, Table, Value};
use std::cell::Cell;
use std::rc::Rc;

/// What `find` and `match` do with a match.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Place,
    Captures,
}

/// Puts the functions into `given`. The prelude makes `gsub` of `gsub_text` and, where functions or tables are asked for replacements,
/// of `gsub_begin` and `gsub_next`: what those raise passes through Lua alone.
pub(super) fn give(lua: &Lua, given: &Table, meter: &Rc<Meter>) -> mlua::Result<()> {
    let give = |name: &str, run: fn(&Lua, &Arguments, &Rc<Meter>) -> Returned| {
        let meter = meter.clone();
        let made = function(lua, move |lua, arguments| run(lua, arguments, &meter))?;
        given.raw_set(name, made)
    };
    give("find", |lua, arguments, meter| {
        search(lua, arguments, meter, Wish::Place)
    })?;
    give("match", |lua, arguments, meter| {
        search(lua, arguments, meter, Wish::Captures)
    })?;
    give("gmatch", gmatch)?;
    give("rep", |lua, arguments, _| repeated(lua, arguments))?;
    let inner = |run: fn(&Lua, &Arguments, &Rc<Meter>) -> Returned| {
        let meter = meter.clone();
        lua.create_function(move |lua, values: MultiValue| {
            let returned = run(lua, &Arguments(values), &meter);
            super::native::flagged(lua, returned)
        })
    };
    given.raw_set("gsub_text", inner(gsub_text)?)?;
    given.raw_set("gsub_begin", inner(gsub_begin)?)?;
    given.raw_set("gsub_next", inner(gsub_next)?)
}

/// `string.rep`, which asks for the room first: Lua's own appends piece by piece until there is none.
fn repeated(lua: &Lua, arguments: &Arguments) -> Returned {
    let text = arguments.bytes(lua, 1)?;
    let times = as_c_integer(arguments.number(2)?) as i32;
    let times = usize::try_from(times).unwrap_or(0);
    let length = text.as_bytes().len().saturating_mul(times);
    if lua.used_memory().saturating_add(length) > MEMORY {
        lua.gc_collect()?;
        if lua.used_memory().saturating_add(length) > MEMORY {
            return Err(Raise::text("not enough memory"));
        }
    }
    super::native::bytes(lua, &text.as_bytes().repeat(times))
}

/// A place counted from 1, or from the end if negative, as an offset.
fn offset(place: i64, len: usize) -> usize {
    let length = i64::try_from(len).unwrap_or(i64::MAX);
    let place = if place < 0 {
        place.saturating_add(length).saturating_add(1)
    } else {
        place
    };
    usize::try_from(place.max(1) - 1).unwrap_or(len).min(len)
}

fn value(lua: &Lua, capture: Capture<'_>) -> Result<Value, Raise> {
    Ok(match capture {
        Capture::Text(text) => Value::String(lua.create_string(text)?),
        Capture::Position(place) => Value::Number(place as f64),
    })
}

/// Adds the captures of a match.
fn push(
    lua: &Lua,
    matcher: &Matcher<'_, '_>,
    (start, end): (usize, usize),
    whole: bool,
    values: &mut MultiValue,
) -> Result<(), Raise> {
    for index in 0..matcher.count_captures(whole) {
        values.push_back(value(lua, matcher.capture(index, start, end)?)?);
    }
    Ok(())
}

fn search(lua: &Lua, arguments: &Arguments, meter: &Meter, wish: Wish) -> Returned {
    let (subject, pattern) = (arguments.bytes(lua, 1)?, arguments.bytes(lua, 2)?);
    let (subject, pattern) = (&*subject.as_bytes(), &*pattern.as_bytes());
    let from = offset(arguments.integer_or(3, 1)?, subject.len());
    let mut matcher = Matcher::new(subject, pattern, meter);
    let mut values = MultiValue::new();
    let is_told_plain = !matches!(
        arguments.get(4),
        None | Some(Value::Nil | Value::Boolean(false))
    );
    let place = |at: usize| Value::Number(at as f64);
    if wish == Wish::Place && (is_told_plain || is_plain(pattern)) {
        if let Some(at) = matcher.find_plain(pattern, from)? {
            values.push_back(place(at + 1));
            values.push_back(place(at + pattern.len()));
            return Ok(values);
        }
    } else {
        let anchor = usize::from(pattern.first() == Some(&b'^'));
        for at in from..=subject.len() {
            if let Some(end) = matcher.try_at(at, anchor)? {
                if wish == Wish::Place {
                    values.push_back(place(at + 1));
                    values.push_back(place(end));
                }
                push(
                    lua,
                    &matcher,
                    (at, end),
                    wish == Wish::Captures,
                    &mut values,
                )?;
                return Ok(values);
            }
            if anchor == 1 {
                break;
            }
        }
    }
    values.push_back(Value::Nil);
    Ok(values)
}

/// The next match from `from` on: its start and end.
fn next_match(
    matcher: &mut Matcher<'_, '_>,
    len: usize,
    from: usize,
) -> Result<Option<(usize, usize)>, Raise> {
    for at in from..=len {
        if let Some(end) = matcher.try_at(at, 0)? {
            return Ok(Some((at, end)));
        }
    }
    Ok(None)
}

fn gmatch(lua: &Lua, arguments: &Arguments, meter: &Rc<Meter>) -> Returned {
    let (subject, pattern) = (arguments.bytes(lua, 1)?, arguments.bytes(lua, 2)?);
    let (meter, from) = (meter.clone(), Cell::new(0));
    let iterator = function(lua, move |lua, _| {
        let (subject, pattern) = (&*subject.as_bytes(), &*pattern.as_bytes());
        let mut matcher = Matcher::new(subject, pattern, &meter);
        let mut values = MultiValue::new();
        if let Some((at, end)) = next_match(&mut matcher, subject.len(), from.get())? {
            from.set(if end == at { end + 1 } else { end });
            push(lua, &matcher, (at, end), true, &mut values)?;
        } else {
            from.set(subject.len() + 1);
        }
        Ok(values)
    })?;
    super::native::one(Value::Function(iterator))
}

/// Bytes that a result has grown by; Lua's own bound does not see them.
fn grown(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Raise> {
    if out.len() + bytes.len() > MEMORY {
        return Err(Raise::text("not enough memory"));
    }
    out.extend_from_slice(bytes);
    Ok(())
}

/// `gsub` whose replacement is text: the result and how many there were.
fn gsub_text(lua: &Lua, arguments: &Arguments, meter: &Rc<Meter>) -> Returned {
    let (subject, pattern) = (arguments.bytes(lua, 1)?, arguments.bytes(lua, 2)?);
    let (subject, pattern) = (&*subject.as_bytes(), &*pattern.as_bytes());
    let unbounded = i64::try_from(subject.len()).map_or(i64::MAX, |len| len + 1);
    if !matches!(
        arguments.get(3),
        Some(Value::String(_) | Value::Integer(_) | Value::Number(_))
    ) {
        arguments.integer_or(4, unbounded)?;
        return Err(Raise::Argument(3, "string/function/table expected".into()));
    }
    let replacement = arguments.bytes(lua, 3)?;
    let most = i64::from(arguments.integer_or(4, unbounded)? as i32);
    let anchor = usize::from(pattern.first() == Some(&b'^'));
    let mut matcher = Matcher::new(subject, pattern, meter);
    let (mut out, mut at, mut count) = (Vec::new(), 0, 0i64);
    while count < most {
        let end = matcher.try_at(at, anchor)?;
        if let Some(end) = end {
            count += 1;
            substitute(&matcher, &replacement.as_bytes(), (at, end), &mut out)?;
        }
        match end {
            Some(end) if end > at => at = end,
            _ if at < subject.len() => {
                grown(&mut out, &subject[at..=at])?;
                at += 1;
            }
            _ => break,
        }
        if anchor == 1 {
            break;
        }
    }
    grown(&mut out, subject.get(at..).unwrap_or_default())?;
    Ok(MultiValue::from_iter([
        Value::String(lua.create_string(&out)?),
        Value::Number(count as f64),
    ]))
}

/// Text that replaces a match: `%1` and its like are captures.
fn substitute(
    matcher: &Matcher<'_, '_>,
    replacement: &[u8],
    (start, end): (usize, usize),
    out: &mut Vec<u8>,
) -> Result<(), Raise> {
    let mut bytes = replacement.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            grown(out, &[*byte])?;
            continue;
        }
        // A last `%` stands before the zero byte that ends C's text.
        match bytes.next().copied().unwrap_or(0) {
            b'0' => grown(out, matcher.between(start, end))?,
            digit @ b'1'..=b'9' => match matcher.capture(usize::from(digit - b'1'), start, end)? {
                Capture::Text(text) => grown(out, text)?,
                Capture::Position(place) => grown(out, place.to_string().as_bytes())?,
            },
            other => grown(out, &[other])?,
        }
    }
    Ok(())
}

/// For the prelude: the subject as text and how many matches are to be replaced at most, all arguments being right.
fn gsub_begin(lua: &Lua, arguments: &Arguments, _: &Rc<Meter>) -> Returned {
    let subject = arguments.bytes(lua, 1)?;
    arguments.bytes(lua, 2)?;
    let unbounded = i64::try_from(subject.as_bytes().len()).map_or(i64::MAX, |len| len + 1);
    let most = f64::from(arguments.integer_or(4, unbounded)? as i32);
    Ok(MultiValue::from_iter([
        Value::String(subject),
        Value::Number(most),
    ]))
}

/// For the prelude: the match at or behind a place (from 0), as start, end (both from 0) and captures; nothing if there is none.
fn gsub_next(lua: &Lua, arguments: &Arguments, meter: &Rc<Meter>) -> Returned {
    let (subject, pattern) = (arguments.bytes(lua, 1)?, arguments.bytes(lua, 2)?);
    let (subject, pattern) = (&*subject.as_bytes(), &*pattern.as_bytes());
    let from = usize::try_from(as_c_integer(arguments.number(3)?)).unwrap_or(usize::MAX);
    let mut matcher = Matcher::new(subject, pattern, meter);
    let found = match as_c(pattern).first() {
        Some(b'^') if from > 0 => None,
        Some(b'^') => matcher.try_at(0, 1)?.map(|end| (0, end)),
        _ => next_match(&mut matcher, subject.len(), from)?,
    };
    let mut values = MultiValue::new();
    if let Some((start, end)) = found {
        values.push_back(Value::Number(start as f64));
        values.push_back(Value::Number(end as f64));
        push(lua, &matcher, (start, end), true, &mut values)?;
    }
    Ok(values)
}
