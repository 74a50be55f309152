//! Forms of values: what comes back, and what is left.

#![allow(clippy::unwrap_used)]

use super::Kind;
use proptest::prelude::*;

fn text(kind: Kind, raw: &str) -> Option<String> {
    let stored = kind.read(raw.as_bytes(), false)?;
    let mut out = Vec::new();
    kind.write(&stored, false, &mut out)?;
    Some(String::from_utf8(out).unwrap())
}

#[test]
fn texts_that_are_read_come_back() {
    for (kind, raw) in [
        (Kind::Bool, "t"),
        (Kind::Int2, "-32768"),
        (Kind::Int4, "2147483647"),
        (Kind::Int8, "-9223372036854775808"),
        (Kind::Float8, "0.0001"),
        (Kind::Float8, "1e+15"),
        (Kind::Float8, "1.5e-07"),
        (Kind::Text, "äöü"),
        (Kind::Varchar(3), "äöü"),
        (Kind::Char(3), "a  "),
        (Kind::Bytes, "\\x00ff"),
        (Kind::Uuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (Kind::Date, "2024-02-29"),
        (Kind::Timestamp, "0001-01-01 00:00:00"),
        (Kind::Timestamp, "9999-12-31 23:59:59.999999"),
        (Kind::TimestampTz, "2024-02-29 12:30:00.25+00"),
        (Kind::Numeric(0, 0), "-12.340"),
        (Kind::Numeric(5, 2), "-0.01"),
    ] {
        // The exponent of a float is written with a sign, which is not read here.
        let read = raw.replace("e+", "e");
        assert_eq!(text(kind, &read).as_deref(), Some(raw), "{kind:?}");
    }
}

#[test]
fn what_has_other_spellings_or_limits_is_left() {
    for (kind, raw) in [
        (Kind::Bool, "yes"),
        (Kind::Int2, "32768"),
        (Kind::Int4, " 1"),
        (Kind::Int4, "+1"),
        (Kind::Int8, "9223372036854775808"),
        (Kind::Int8, ""),
        (Kind::Float8, "1e400"),
        (Kind::Float8, "1e-400"),
        (Kind::Float8, "NaN"),
        (Kind::Text, "a\0b"),
        (Kind::Varchar(2), "äöü"),
        (Kind::Char(2), "abc"),
        (Kind::Bytes, "abc"),
        (Kind::Uuid, "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"),
        (Kind::Date, "2023-02-29"),
        (Kind::Date, "infinity"),
        (Kind::Timestamp, "2024-01-01 24:00:00"),
        (Kind::Timestamp, "2024-01-01 00:00:00.1234567"),
        (Kind::Numeric(4, 2), "99.995"),
        (Kind::Numeric(0, 0), "1e5"),
        (Kind::Numeric(0, 0), "NaN"),
    ] {
        assert_eq!(text(kind, raw), None, "{kind:?} {raw}");
    }
    assert_eq!(Kind::Text.read(&[0xff], false), None, "not UTF-8");
}

#[test]
fn decimals_are_rounded_away_from_zero_to_their_scale() {
    for (raw, shown) in [
        ("1.005", "1.01"),
        ("-1.005", "-1.01"),
        ("1.004", "1.00"),
        ("99.994", "99.99"),
        ("9.999", "10.00"),
    ] {
        assert_eq!(text(Kind::Numeric(4, 2), raw).as_deref(), Some(shown));
    }
}

#[test]
fn modifiers_say_lengths_and_precisions() {
    assert_eq!(Kind::of(1043, 14), Some(Kind::Varchar(10)));
    assert_eq!(Kind::of(1042, 5), Some(Kind::Char(1)));
    assert_eq!(
        Kind::of(1700, (10 << 16) + 2 + 4),
        Some(Kind::Numeric(10, 2))
    );
    assert_eq!(Kind::of(1114, 3), None, "a precision");
    assert_eq!(Kind::of(114, -1), None, "json");
}

#[test]
fn days_beyond_all_years_are_not_common_ones() {
    // Their microseconds are beyond 64 bits; some of them would come out as of our days if they wrapped.
    for days in [
        7 << 24,
        i32::MAX - 20_000,
        i32::MIN + 20_000,
        213_503_982,
        -213_503_982,
    ] {
        assert_eq!(Kind::Date.read(&days.to_be_bytes(), true), None, "{days}");
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        Kind::Bool,
        Kind::Int2,
        Kind::Int4,
        Kind::Int8,
        Kind::Float8,
        Kind::Text,
        Kind::Varchar(4),
        Kind::Bytes,
        Kind::Uuid,
        Kind::Date,
        Kind::Timestamp,
        Kind::TimestampTz,
        Kind::Numeric(0, 0),
        Kind::Numeric(6, 2),
    ])
}

proptest! {
    #[test]
    fn binary_values_come_back(kind in kinds(), raw in prop::collection::vec(any::<u8>(), 0..17)) {
        if let Some(stored) = kind.read(&raw, true) {
            let mut out = Vec::new();
            prop_assert!(kind.write(&stored, true, &mut out).is_some());
            prop_assert_eq!(out, raw);
        }
    }

    #[test]
    fn what_is_written_as_text_is_read_to_the_same_value(kind in kinds(), raw in "[-0-9.: ]{0,20}") {
        if let Some(stored) = kind.read(raw.as_bytes(), false) {
            let mut out = Vec::new();
            prop_assert!(kind.write(&stored, false, &mut out).is_some());
            let again = String::from_utf8(out).unwrap().replace("e+", "e");
            prop_assert_eq!(kind.read(again.as_bytes(), false), Some(stored));
        }
    }

    #[test]
    fn stored_bytes_of_any_kind_are_written_or_refused(kind in kinds(), stored in prop::collection::vec(any::<u8>(), 0..20)) {
        for is_binary in [false, true] {
            let _ = kind.write(&stored, is_binary, &mut Vec::new());
        }
    }
}
