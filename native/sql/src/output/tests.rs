//! Rows in every form, numbers digit by digit, quotients at PostgreSQL's scale.

#![allow(clippy::unwrap_used)]

use super::columns::Exact;
use super::*;
use crate::kind::number::{push_digits, push_groups};
use crate::Kind;

/// One row of texts in a form.
fn line(form: &Form, row: &[Option<&str>]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(form, row.len(), &mut out);
    writer.begin();
    for value in row {
        match value {
            None => writer.null(),
            Some(value) => {
                let write = |_, out: &mut Vec<u8>| {
                    out.extend_from_slice(value.as_bytes());
                    Some(())
                };
                writer.value(write).unwrap();
            }
        }
    }
    writer.end();
    out
}

/// The body of a message whose length says how long it is.
fn body(kind: u8, message: &[u8]) -> &[u8] {
    let length = u32::from_be_bytes(message[1..5].try_into().unwrap());
    assert_eq!((message[0], length as usize + 1), (kind, message.len()));
    &message[5..]
}

#[test]
fn a_row_is_a_message_of_its_form() {
    let row = [Some("a"), None, Some("")];
    let fields = b"\0\x03\0\0\0\x01a\xff\xff\xff\xff\0\0\0\0";
    assert_eq!(body(b'D', &line(&Form::Rows(vec![]), &row)), fields);
    assert_eq!(body(b'd', &line(&Form::Binary, &row)), fields);
    let text = Form::text(b'\t', b"\\N".to_vec());
    assert_eq!(body(b'd', &line(&text, &row)), b"a\t\\N\t\n");
    assert_eq!(
        body(b'd', &line(&text, &[Some("a\tb\\c\nd")])),
        b"a\\tb\\\\c\\nd\n"
    );
    let bar = Form::text(b'|', b"".to_vec());
    assert_eq!(
        body(b'd', &line(&bar, &[Some("a|b\tc"), None])),
        b"a\\|b\\tc|\n"
    );
}

fn csv(forced: Vec<bool>, escape: u8) -> Form {
    Form::Csv {
        delimiter: b',',
        quote: b'"',
        escape,
        null: b"".to_vec(),
        forced,
    }
}

#[test]
fn fields_of_csv_are_quoted_where_they_must_be() {
    for (form, row, wanted) in [
        (
            csv(vec![], b'"'),
            &[Some("a"), None, Some("")][..],
            "a,,\"\"\n",
        ),
        (
            csv(vec![], b'"'),
            &[Some("a,b"), Some("c\"d"), Some("e\nf")],
            "\"a,b\",\"c\"\"d\",\"e\nf\"\n",
        ),
        (csv(vec![], b'\\'), &[Some("a\"\\b")], "\"a\\\"\\\\b\"\n"),
        (
            csv(vec![false, true], b'"'),
            &[Some("a"), Some("b")],
            "a,\"b\"\n",
        ),
        (csv(vec![], b'"'), &[Some("\\.")], "\"\\.\"\n"),
        (csv(vec![], b'"'), &[Some("\\."), Some("x")], "\\.,x\n"),
    ] {
        let found = line(&form, row);
        assert_eq!(std::str::from_utf8(body(b'd', &found)).unwrap(), wanted);
    }
}

#[test]
fn a_value_that_is_not_written_takes_its_row_with_it() {
    let form = Form::Rows(vec![]);
    let mut out = b"before".to_vec();
    let mut writer = Writer::new(&form, 1, &mut out);
    writer.begin();
    let refused = writer.value(|_, out| {
        out.push(b'x');
        None
    });
    assert!(refused.is_none());
    writer.undo();
    assert_eq!(out, b"before");
}

fn digits(text: &str) -> (bool, Vec<u8>, usize) {
    let scale = text.split_once('.').map_or(0, |(_, part)| part.len());
    let plain: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = plain.trim_start_matches('0').bytes();
    (
        text.starts_with('-'),
        digits.map(|byte| byte - b'0').collect(),
        scale,
    )
}

#[test]
fn exact_numbers_are_written_as_text_and_in_groups() {
    let words = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let cases: [(&str, Vec<u8>); 8] = [
        ("0", words(&[0, 0, 0, 0])),
        ("0.00", words(&[0, 0, 0, 2])),
        ("12345.678", words(&[3, 1, 0, 3, 1, 2345, 6780])),
        ("-0.01", words(&[1, 0xffff, 0x4000, 2, 100])),
        ("0.00001", words(&[1, 0xfffe, 0, 5, 1000])),
        ("10000", words(&[1, 1, 0, 0, 1])),
        ("9999", words(&[1, 0, 0, 0, 9999])),
        ("1.50", words(&[2, 0, 0, 2, 1, 5000])),
    ];
    for (text, binary) in cases {
        let (negative, digits, scale) = digits(text);
        let (mut shown, mut sent) = (Vec::new(), Vec::new());
        push_digits(negative, &digits, scale, &mut shown);
        push_groups(negative, &digits, scale, &mut sent).unwrap();
        assert_eq!(
            (std::str::from_utf8(&shown).unwrap(), sent),
            (text, binary),
            "{text}"
        );
    }
}

#[test]
fn quotients_have_the_digits_that_postgresql_gives_them() {
    // SELECT 1::numeric / 3, and so on, as PostgreSQL 15 answers them.
    for ((left, left_scale), (right, right_scale), wanted) in [
        ((1, 0), (3, 0), "0.33333333333333333333"),
        ((2, 0), (3, 0), "0.66666666666666666667"),
        ((100, 0), (3, 0), "33.3333333333333333"),
        ((150, 2), (2, 0), "0.75000000000000000000"),
        ((0, 0), (7, 0), "0.00000000000000000000"),
        ((12345678, 2), (100, 0), "1234.5678000000000000"),
        ((1, 5), (7, 0), "0.000001428571428571428571"),
        ((99999, 4), (3, 0), "3.3333000000000000"),
    ] {
        let exact = |value, scale| Exact { value, scale };
        let (digits, scale) =
            quotient::divide(exact(left, left_scale), exact(right, right_scale)).unwrap();
        let first = digits.iter().position(|digit| *digit != 0);
        let mut shown = Vec::new();
        push_digits(
            false,
            first.map_or(&[], |first| &digits[first..]),
            scale,
            &mut shown,
        );
        assert_eq!(std::str::from_utf8(&shown).unwrap(), wanted);
    }
    let one = Exact { value: 1, scale: 0 };
    assert_eq!(quotient::divide(one, Exact { value: 0, scale: 0 }), None);
}

#[test]
fn types_that_are_only_written() {
    for (oid, stored, text, binary) in [
        (
            26,
            &u32::MAX.to_le_bytes()[..],
            "4294967295",
            &[0xff; 4][..],
        ),
        (700, &0.1f32.to_le_bytes(), "0.1", &[0x3d, 0xcc, 0xcc, 0xcd]),
        (
            1083,
            &3_723_500_000i64.to_le_bytes(),
            "01:02:03.5",
            &[0, 0, 0, 0, 0xdd, 0xf0, 0x19, 0xe0],
        ),
        (3802, b"[1]", "[1]", b"\x01[1]"),
        (114, b"[ 1 ]", "[ 1 ]", b"[ 1 ]"),
    ] {
        let shown = Shown::of(oid, -1).unwrap();
        for (is_binary, wanted) in [(false, text.as_bytes()), (true, binary)] {
            let mut out = Vec::new();
            shown.write(stored, is_binary, &mut out).unwrap();
            assert_eq!(out, wanted, "{oid}");
        }
    }
    assert_eq!(Shown::of(1042, 4 + 3), Some(Shown::Kind(Kind::Char(3))));
    assert_eq!(Shown::of(1042, -1), None);
}
