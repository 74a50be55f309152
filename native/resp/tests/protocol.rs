//! The parser against well-formed streams cut anywhere, against noise, and against a gallery of lies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use hyperdb_resp::protocol::{Limits, Parser, Progress, ProtocolError};
use proptest::prelude::*;

/// What a stream amounts to: its requests, and the error that ended it.
#[derive(Debug, PartialEq, Eq, Default)]
struct Story {
    requests: Vec<Vec<Vec<u8>>>,
    error: Option<ProtocolError>,
    /// Bytes that belong to no whole request.
    left: usize,
}

/// Feeds `stream` in pieces that end at `cuts`, as a client's read buffer would see it.
fn feed(stream: &[u8], cuts: impl IntoIterator<Item = usize>, limits: &Limits) -> Story {
    let mut story = Story::default();
    let mut parser = Parser::default();
    let mut start = 0;
    for cut in cuts {
        let got = &stream[..cut];
        loop {
            let request = &got[start..];
            match parser.advance(request, limits) {
                Ok(Progress::Request(len)) => {
                    assert!(len > 0 && len <= request.len());
                    let args = parser.args(request);
                    story
                        .requests
                        .push(args.iter().map(<[u8]>::to_vec).collect());
                    start += len;
                    parser.restart();
                }
                Ok(Progress::Incomplete(need)) => {
                    assert!(need > request.len(), "asks for bytes that are there");
                    break;
                }
                Err(error) => {
                    story.error = Some(error);
                    return story;
                }
            }
        }
    }
    story.left = stream.len() - start;
    story
}

fn whole(stream: &[u8]) -> Story {
    feed(stream, [stream.len()], &Limits::AUTHENTICATED)
}

fn byte_by_byte(stream: &[u8], limits: &Limits) -> Story {
    feed(stream, 1..=stream.len(), limits)
}

fn multibulk(args: &[Vec<u8>]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn argument() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "[\r\n*$0-9-]{0,12}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 300..400),
    ]
}

/// Bytes that look like protocol often enough to get past the first line.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "\\*-?[0-9]{1,3}\r\n".prop_map(String::into_bytes),
        "\\$-?[0-9]{1,2}\r\n".prop_map(String::into_bytes),
        "[a-z \"'\\\\x]{0,12}\r?\n".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..8),
        Just(b"\r\n".to_vec()),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_was_sent_arrives_however_it_is_cut(
        requests in proptest::collection::vec(proptest::collection::vec(argument(), 1..6), 0..6),
        mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let stream: Vec<u8> = requests.iter().flat_map(|args| multibulk(args)).collect();
        let mut ends: Vec<usize> = cuts.drain(..).map(|cut| cut.index(stream.len() + 1)).collect();
        ends.push(stream.len());
        ends.sort_unstable();
        let story = feed(&stream, ends, &Limits::AUTHENTICATED);
        prop_assert_eq!(&story.requests, &requests);
        prop_assert_eq!(story.error, None);
        prop_assert_eq!(story.left, 0);
    }

    #[test]
    fn noise_means_the_same_whole_and_byte_by_byte(stream in noise()) {
        prop_assert_eq!(whole(&stream), byte_by_byte(&stream, &Limits::AUTHENTICATED));
        let stranger = feed(&stream, [stream.len()], &Limits::STRANGER);
        prop_assert_eq!(stranger, byte_by_byte(&stream, &Limits::STRANGER));
    }

    #[test]
    fn words_survive_quoting(words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 1..5)) {
        let quoted: Vec<String> = words
            .iter()
            .map(|word| {
                let inside: String = word.iter().map(|byte| format!("\\x{byte:02x}")).collect();
                format!("\"{inside}\"")
            })
            .collect();
        let line = quoted.join(" ") + "\r\n";
        prop_assert_eq!(whole(line.as_bytes()).requests, vec![words]);
    }
}

#[test]
fn gallery_of_malformed_requests() {
    let cases: &[(&[u8], ProtocolError)] = &[
        (b"*x\r\n", ProtocolError::MultibulkLength),
        (b"*1048577\r\n", ProtocolError::MultibulkLength),
        (b"*99999999999999999999\r\n", ProtocolError::MultibulkLength),
        (b"*+1\r\n", ProtocolError::MultibulkLength),
        (b"*01\r\n", ProtocolError::MultibulkLength),
        (b"*\r\n", ProtocolError::MultibulkLength),
        (b"*-\r\n", ProtocolError::MultibulkLength),
        (b"*1\rx", ProtocolError::MultibulkLength),
        (b"*1\r\n:1\r\n", ProtocolError::ExpectedBulk(b':')),
        (b"*1\r\n*1\r\n", ProtocolError::ExpectedBulk(b'*')),
        (b"*1\r\n$-1\r\n", ProtocolError::BulkLength),
        (b"*1\r\n$x\r\n", ProtocolError::BulkLength),
        (b"*1\r\n$536870913\r\n", ProtocolError::BulkLength),
        (b"*1\r\n$3\r\nGETxx", ProtocolError::Unterminated),
        (b"get \"a\r\n", ProtocolError::UnbalancedQuotes),
        (b"get 'a'b\r\n", ProtocolError::UnbalancedQuotes),
    ];
    for (stream, error) in cases {
        let story = whole(stream);
        assert_eq!(story.error, Some(*error), "{}", stream.escape_ascii());
        assert_eq!(byte_by_byte(stream, &Limits::AUTHENTICATED), story);
        assert!(error.to_string().starts_with("Protocol error: "));
    }
}

#[test]
fn strangers_may_send_little() {
    let cases: &[(&[u8], ProtocolError)] = &[
        (b"*11\r\n", ProtocolError::UnauthenticatedMultibulkLength),
        (
            b"*1\r\n$16385\r\n",
            ProtocolError::UnauthenticatedBulkLength,
        ),
    ];
    for (stream, error) in cases {
        assert_eq!(byte_by_byte(stream, &Limits::STRANGER).error, Some(*error));
        assert_eq!(whole(stream).error, None);
    }
}

#[test]
fn lines_without_end_are_refused() {
    let line = Limits::AUTHENTICATED.line;
    assert_eq!(
        whole(&vec![b'a'; line + 1]).error,
        Some(ProtocolError::InlineTooLong)
    );
    assert_eq!(whole(&vec![b'a'; line]).error, None);
    let zeros = [b"*".to_vec(), vec![b'0'; line + 2]].concat();
    assert_eq!(whole(&zeros).error, Some(ProtocolError::LengthLineTooLong));
}

#[test]
fn empty_requests_are_skipped() {
    let story = whole(b"\r\n*0\r\n*-1\r\n\n*1\r\n$4\r\nPING\r\n");
    assert_eq!(story.error, None);
    let spoken: Vec<_> = story
        .requests
        .iter()
        .filter(|args| !args.is_empty())
        .collect();
    assert_eq!(spoken, [&vec![b"PING".to_vec()]]);
}

/// Whatever the bytes are: no panic, and a stream tells the same story in one piece and byte by byte.
#[test]
fn fuzzing_requests() {
    let seeds: [&[u8]; 7] = [
        b"*1\r\n$4\r\nPING\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        b"PING\r\nSET k \"quoted \\x41 word\"\r\n",
        b"*0\r\n*-1\r\n\r\nECHO 'single'\n",
        b"*2\r\n$0\r\n\r\n$12\r\nhello\r\nworld\r\n",
        b"*1048576\r\n$536870912\r\n",
        b"*-10\r\n$-5\r\n*3\r\n:1\r\n",
    ];
    let mut target = |input: &[u8]| {
        let limits = if input.len().is_multiple_of(2) {
            Limits::AUTHENTICATED
        } else {
            Limits::STRANGER
        };
        let input = &input[..input.len().min(512)];
        let story = feed(input, [input.len()], &limits);
        let slow = byte_by_byte(input, &limits);
        assert_eq!(story.requests, slow.requests);
        assert_eq!(story.error, slow.error);
        let words: Vec<u32> = story
            .requests
            .iter()
            .map(|request| hyperdb_fuzz::shape(request.len()))
            .collect();
        format!(
            "{words:?} {:?} {}",
            story.error.as_ref().map(std::mem::discriminant),
            hyperdb_fuzz::shape(story.left)
        )
    };
    let seeds = seeds.iter().map(|seed| seed.to_vec()).collect();
    hyperdb_fuzz::fuzz(env!("CARGO_MANIFEST_DIR"), "requests", &mut target, seeds);
}
