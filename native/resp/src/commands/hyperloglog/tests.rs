//! HyperLogLog: encodings and estimates. Bytes and counts as Redis 7.0.15 gives them.

use crate::commands::testing::Client;

#[test]
fn small_counts_are_exact() {
    Client::new().script(
        "pfcount h => :0
         pfadd h => :1
         pfadd h => :0
         pfcount h => :0
         pfadd h a b c d e f g => :1
         pfadd h a b => :0
         pfcount h => :7
         pfadd g f g x => :1
         pfcount h g none => :8
         pfmerge m h g => +OK
         pfcount m => :8
         pfmerge n => +OK
         pfcount n => :0
         strlen n => :18
         type h => +string",
    );
}

#[test]
fn expiry_stays() {
    Client::new().script(
        "pfadd h a => :1
         pexpire h 5000 => :1
         pfadd h b => :1
         pfcount h => :2
         pttl h => :5000",
    );
}

#[test]
fn what_is_no_sketch_is_refused() {
    let mut client = Client::new();
    client.script(
        "set s x => +OK
         pfadd s a => -WRONGTYPE Key is not a valid HyperLogLog string value.
         pfcount s none => -WRONGTYPE Key is not a valid HyperLogLog string value.
         rpush l x => :1
         pfadd l a => -WRONGTYPE Operation against a key holding the wrong kind of value
         pfadd h a => :1
         setrange h 16 xxx => :21",
    );
    // Runs that end before, at the middle of, or behind the last register.
    for body in [&b"\x7f\xff\x00"[..], b"\x7f\xfe", b"\x7f", b""] {
        let value = [&b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80"[..], body].concat();
        assert_eq!(client.run_bytes(&[b"set", b"h", &value]), b"+OK\r\n");
        let invalid = "-INVALIDOBJ Corrupted HLL object detected";
        assert_eq!(client.line("pfcount h"), invalid);
        assert_eq!(client.line("pfmerge h h"), invalid);
    }
    let dense = [&b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80"[..], &[0xff; 12287]].concat();
    client.run_bytes(&[b"set", b"h", &dense]);
    assert!(client.line("pfcount h").starts_with("-WRONGTYPE Key"));
}

#[test]
fn both_encodings_estimate_alike() {
    let mut client = Client::new();
    let mut dense_at = None;
    for step in 0..40 {
        let names: Vec<String> = (0..100).map(|i| format!("e{}", step * 100 + i)).collect();
        let mut words = vec!["pfadd", "h"];
        words.extend(names.iter().map(String::as_str));
        client.run(&words);
        if client.line("strlen h") == ":12304" {
            dense_at.get_or_insert(step);
        }
        let count = client.line("pfcount h");
        assert_eq!(count, client.line("pfcount h none"));
        let count: f64 = count[1..].parse().unwrap_or(0.0);
        let real = f64::from((step + 1) * 100);
        assert!((count / real - 1.0).abs() < 0.03, "{count} of {real}");
    }
    assert!(dense_at.is_some_and(|step| step > 5));
}

#[test]
fn the_inside_is_shown() {
    let mut client = Client::new();
    client.script(
        "pfdebug encoding h => -ERR The specified key does not exist
         pfadd h a => :1
         pfdebug encoding h => +sparse
         pfdebug nonsense h => -ERR Unknown PFDEBUG subcommand 'nonsense'
         pfdebug todense h => :1
         pfdebug todense h => :0
         pfdebug encoding h => +dense
         pfdebug decode h => -ERR HLL encoding is not sparse
         pfcount h => :1
         pfselftest => +OK",
    );
    let registers = client.line("pfdebug getreg h");
    assert!(registers.starts_with("*16384 :0 "));
    assert_eq!(registers.split(' ').filter(|word| *word != ":0").count(), 2);
}

#[test]
fn runs_are_shown() {
    let mut client = Client::new();
    client.line("pfadd h a");
    let shown = client.line("pfdebug decode h");
    assert!(shown.contains("Z:") && shown.contains(" v:"), "{shown}");
}

#[test]
fn the_bound_of_sparse_values_is_a_setting() {
    let mut client = Client::new();
    client.limits.sketch_bytes = 30;
    client.script(
        "pfadd h a b c d e => :1
         pfdebug encoding h => +dense",
    );
}
