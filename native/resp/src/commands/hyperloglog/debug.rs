//! PFDEBUG and PFSELFTEST: the inside of a sketch, and whether its arithmetic holds.

use super::{dense, estimate, sparse, Sketch, HEADER, REGISTERS};
use crate::command::{Abort, Context, Outcome};

/// How far the estimate may be off, in standard errors of 1.04 / sqrt(16384).
const ERRORS: f64 = 6.0;
const STANDARD_ERROR: f64 = 1.04 / 128.0;
/// How many elements the self test counts.
const COUNTED: u32 = 100_000;

/// PFDEBUG GETREG|DECODE|ENCODING|TODENSE key
pub(super) fn pfdebug(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(2);
    let Some(mut sketch) = Sketch::open(cx, key)? else {
        return Err(Abort::error("ERR The specified key does not exist"));
    };
    let was_dense = sketch.is_dense();
    if args.is(1, "GETREG") {
        make_dense(cx, key, &mut sketch)?;
        cx.reply.array(REGISTERS);
        for at in 0..REGISTERS {
            let count = dense::get(&sketch.bytes[HEADER..], at);
            cx.reply.integer(i64::from(count));
        }
    } else if args.is(1, "DECODE") {
        if was_dense {
            return Err(Abort::error("ERR HLL encoding is not sparse"));
        }
        let text = sparse::decode(&sketch.bytes[HEADER..])?;
        cx.reply.bulk(text.as_bytes());
    } else if args.is(1, "ENCODING") {
        cx.reply.simple(if was_dense { "dense" } else { "sparse" });
    } else if args.is(1, "TODENSE") {
        make_dense(cx, key, &mut sketch)?;
        cx.reply.integer(i64::from(!was_dense));
    } else {
        let shown = String::from_utf8_lossy(args.at(1)).into_owned();
        return Err(Abort::error(format!(
            "ERR Unknown PFDEBUG subcommand '{shown}'"
        )));
    }
    Ok(())
}

fn make_dense(cx: &mut Context<'_, '_>, key: &[u8], sketch: &mut Sketch) -> Outcome {
    if !sketch.is_dense() {
        sketch.make_dense()?;
        sketch.save(cx, key)?;
    }
    Ok(())
}

/// PFSELFTEST: registers keep what is put into them, both encodings agree, and the estimate is as good as it is to be
pub(super) fn pfselftest(cx: &mut Context<'_, '_>) -> Outcome {
    let mut registers = vec![0; dense::BYTES];
    let mut kept = [0; REGISTERS];
    for (at, register) in kept.iter_mut().enumerate() {
        *register = ((cx.random)() % 64) as u8;
        dense::raise(&mut registers, at, *register);
    }
    if (0..REGISTERS).any(|at| dense::get(&registers, at) != kept[at]) {
        return Err(failed("a register does not hold what was put into it"));
    }
    let (mut packed, mut plain) = (Sketch::new(cx), Sketch::new(cx));
    plain.make_dense()?;
    let seed = (cx.random)();
    for number in 0..COUNTED {
        let element = [seed.to_le_bytes(), u64::from(number).to_le_bytes()].concat();
        let (index, count) = estimate::place(&element);
        packed.raise(index, count)?;
        plain.raise(index, count)?;
        let seen = number + 1;
        let checked = seen.is_power_of_two() || seen == COUNTED;
        if checked {
            let (first, second) = (packed.count()?, plain.count()?);
            if first != second {
                return Err(failed("sparse and dense registers count differently"));
            }
            let allowed = f64::from(seen) * STANDARD_ERROR * ERRORS;
            if (first as f64 - f64::from(seen)).abs() > allowed.max(1.0) {
                return Err(failed("too large an error of the estimate"));
            }
        }
    }
    cx.reply.ok();
    Ok(())
}

fn failed(what: &str) -> Abort {
    Abort::error(format!("TESTFAILED {what}"))
}
