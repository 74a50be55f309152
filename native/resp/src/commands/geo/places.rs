//! Places of members: GEOADD, GEOPOS, GEOHASH, GEODIST, and how places and lengths are read and written.

use super::cells::{
    distance, place, score, Cell, Point, ALL_LATITUDES, FINEST, LATITUDES, LONGITUDES,
};
use super::sorted_sets::{self, AddOptions};
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::float;
use crate::commands::edge;
use crate::commands::numbers::{parse_f64, trim_fraction};
use crate::reply::Reply;
use hyperdb_graph::Kind;

/// `longitude latitude` at argument `i`.
pub(super) fn point(cx: &Context<'_, '_>, i: usize) -> Result<Point, Abort> {
    let longitude = float(cx.args.at(i))?;
    let latitude = float(cx.args.at(i + 1))?;
    let within = |value: f64, (low, high): (f64, f64)| (low..=high).contains(&value);
    if !within(longitude, LONGITUDES) || !within(latitude, LATITUDES) {
        return Err(Abort::error(format!(
            "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
        )));
    }
    Ok(Point {
        longitude,
        latitude,
    })
}

/// A unit in metres.
pub(super) fn unit(text: &[u8]) -> Result<f64, Abort> {
    const UNITS: [(&[u8], f64); 4] = [
        (b"m", 1.0),
        (b"km", 1000.0),
        (b"ft", 0.3048),
        (b"mi", 1609.34),
    ];
    UNITS
        .iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name))
        .map(|(_, metres)| *metres)
        .ok_or_else(|| Abort::error("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

/// A length, whatever its sign, with the words for what is none.
pub(super) fn length(text: &[u8], otherwise: &'static str) -> Result<f64, Abort> {
    parse_f64(text).ok_or_else(|| Abort::error(otherwise))
}

/// Writes a length: four decimals.
pub(super) fn reply_length(reply: &mut Reply, length: f64) {
    reply.bulk(format!("{length:.4}").as_bytes());
}

/// Writes a place: 17 decimals, without zeros at the end.
pub(super) fn reply_point(reply: &mut Reply, point: Point) {
    reply.array(2);
    for degrees in [point.longitude, point.latitude] {
        let text = format!("{degrees:.17}");
        match trim_fraction(&text) {
            "-0" => reply.double(b"0"),
            trimmed => reply.double(trimmed.as_bytes()),
        }
    }
}

/// GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]
pub(super) fn geoadd(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let mut options = AddOptions::default();
    let mut first = 2;
    loop {
        if args.is(first, "NX") {
            options.nx = true;
        } else if args.is(first, "XX") {
            options.xx = true;
        } else if args.is(first, "CH") {
            options.ch = true;
        } else {
            break;
        }
        first += 1;
    }
    let rest = args.len().saturating_sub(first);
    if rest == 0 || !rest.is_multiple_of(3) || (options.nx && options.xx) {
        return Err(errors::syntax());
    }
    let mut members = Vec::with_capacity(rest / 3);
    for i in (first..args.len()).step_by(3) {
        members.push((score(point(cx, i)?), args.at(i + 2)));
    }
    sorted_sets::add(cx, args.at(1), &options, &members)
}

/// The places of members from argument `from` up to `to`; `None` for those that are not there.
fn found(cx: &Context<'_, '_>, from: usize, to: usize) -> Result<Vec<Option<f64>>, Abort> {
    let args = cx.args;
    let set = edge::open(cx, args.at(1), Kind::SortedSet)?;
    (from..to)
        .map(|i| match &set {
            None => Ok(None),
            Some(set) => Ok(sorted_sets::score_of(cx.turn, cx.app, set, args.at(i))?),
        })
        .collect()
}

/// GEOPOS key [member [member ...]]
pub(super) fn geopos(cx: &mut Context<'_, '_>) -> Outcome {
    let scores = found(cx, 2, cx.args.len())?;
    cx.reply.array(scores.len());
    for score in scores {
        match score {
            None => cx.reply.null_array(),
            Some(score) => reply_point(cx.reply, place(score)),
        }
    }
    Ok(())
}

/// GEOHASH key [member [member ...]]: the strings of geohash.org
pub(super) fn geohash(cx: &mut Context<'_, '_>) -> Outcome {
    const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let scores = found(cx, 2, cx.args.len())?;
    cx.reply.array(scores.len());
    for score in scores {
        let Some(score) = score else {
            cx.reply.null();
            continue;
        };
        let cell = Cell::of(place(score), ALL_LATITUDES, FINEST);
        // Eleven digits of five bits; 52 are known, so the last is 0.
        let mut text = [ALPHABET[0]; 11];
        for (i, digit) in text.iter_mut().take(10).enumerate() {
            *digit = ALPHABET[(cell.bits >> (47 - 5 * i)) as usize & 31];
        }
        cx.reply.bulk(&text);
    }
    Ok(())
}

/// GEODIST key member1 member2 [M | KM | FT | MI]
pub(super) fn geodist(cx: &mut Context<'_, '_>) -> Outcome {
    let metres = match cx.args.len() {
        4 => 1.0,
        5 => unit(cx.args.at(4))?,
        _ => return Err(errors::syntax()),
    };
    match found(cx, 2, 4)?.as_slice() {
        [Some(one), Some(other)] => {
            reply_length(cx.reply, distance(place(*one), place(*other)) / metres);
        }
        _ => cx.reply.null(),
    }
    Ok(())
}
