//! No bytes make the decoders that scripts have panic, hang or take memory without bound.

#![allow(clippy::unwrap_used)]

use super::engine::{Engine, Flavour};
use mlua::{Function, MultiValue};

/// A function of the sandbox by an expression.
fn function(engine: &Engine, expression: &str) -> Function {
    let chunk = format!("return {expression}");
    engine.lua.load(chunk).eval().unwrap()
}

/// How a call ended, without what differs from input to input.
fn ending(result: &mlua::Result<MultiValue>) -> String {
    match result {
        Ok(values) => {
            let kinds: Vec<&str> = values.iter().take(4).map(|v| v.type_name()).collect();
            format!("{kinds:?} {}", hyperdb_fuzz::shape(values.len()))
        }
        Err(error) => {
            let text = error.to_string();
            text.chars()
                .filter(|c| !c.is_ascii_digit())
                .take(60)
                .collect()
        }
    }
}

#[test]
fn fuzzing_message_pack() {
    let engine = Engine::new(Flavour::Scripts).unwrap();
    engine.bound_memory(true).unwrap();
    let unpack = function(&engine, "cmsgpack.unpack");
    let pack = function(&engine, "cmsgpack.pack");
    let mut target = |bytes: &[u8]| {
        let text = engine.lua.create_string(bytes).unwrap();
        let read = unpack.call::<MultiValue>(text);
        if let Ok(values) = &read {
            if !values.is_empty() {
                pack.call::<MultiValue>(values.clone()).unwrap();
            }
        }
        ending(&read)
    };
    let seeds = [
        &b"\x93\x01\xa1a\xc0"[..],
        b"\x82\xa1a\x01\xa1b\xcb\x3f\xf8\0\0\0\0\0\0",
        b"\xdd\xff\xff\xff\xff",
        b"\xd3\xff\xff\xff\xff\xff\xff\xff\xfe\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    let seeds = seeds.into_iter().map(<[u8]>::to_vec).collect();
    hyperdb_fuzz::fuzz(
        env!("CARGO_MANIFEST_DIR"),
        "message_pack",
        &mut target,
        seeds,
    );
}

#[test]
fn fuzzing_structs() {
    let engine = Engine::new(Flavour::Scripts).unwrap();
    engine.bound_memory(true).unwrap();
    let unpack = function(&engine, "struct.unpack");
    let size = function(&engine, "struct.size");
    let mut target = |bytes: &[u8]| {
        let len = bytes.first().map_or(0, |byte| usize::from(*byte) % 32);
        let rest = bytes.get(1..).unwrap_or_default();
        let (format, data) = rest.split_at(len.min(rest.len()));
        let format = engine.lua.create_string(format).unwrap();
        let data = engine.lua.create_string(data).unwrap();
        let read = unpack.call::<MultiValue>((format.clone(), data));
        let sized = size.call::<MultiValue>(format);
        format!("{} {}", ending(&read), ending(&sized))
    };
    let seeds = [
        &b"\x05>I2hs\0\x01\xff\xfeabc\0"[..],
        b"\x06!4 b i\x01\0\0\0\x02\0\0\0",
        b"\x03Bc0\x03abcd",
        b"\x07i16fdx!\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ];
    let seeds = seeds.into_iter().map(<[u8]>::to_vec).collect();
    hyperdb_fuzz::fuzz(env!("CARGO_MANIFEST_DIR"), "structs", &mut target, seeds);
}

#[test]
fn fuzzing_json() {
    let engine = Engine::new(Flavour::Scripts).unwrap();
    engine.bound_memory(true).unwrap();
    let decode = function(&engine, "cjson.decode");
    let mut target = |bytes: &[u8]| {
        let text = engine.lua.create_string(bytes).unwrap();
        ending(&decode.call::<MultiValue>(text))
    };
    let seeds = [
        &br#"{"a":[1,2.5e3,null,true,"x\u00e9\n"],"b":{}}"#[..],
        br#"[0x1F,nan,-inf,"\ud83d\ude00"]"#,
        b"[[[[]]]]",
    ];
    let seeds = seeds.into_iter().map(<[u8]>::to_vec).collect();
    hyperdb_fuzz::fuzz(
        env!("CARGO_MANIFEST_DIR"),
        "scripts_json",
        &mut target,
        seeds,
    );
}
