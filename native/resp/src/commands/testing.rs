//! A client without a server, for tests of handlers: words in, the encoded reply out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::args::{Args, Span};
use crate::command::{Abort, Context, Effects, Handler, Names, Outcome};
use crate::forms::{Forms, Limits, Notes};
use crate::reply::Reply;
use hyperdb_graph::identity::Environment;
use hyperdb_graph::{Db, Options, Result, Store, SyncMode};
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The same hash key for every store, so that orders and random picks repeat.
struct Fixed;

impl Environment for Fixed {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        out.fill(0);
        for (at, byte) in out.iter_mut().step_by(8).enumerate() {
            *byte = at as u8 + 1;
        }
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }
}

/// A store in a fresh directory and one client of it; time stands still unless a test moves it.
pub struct Client {
    store: Option<Store>,
    dir: PathBuf,
    /// Whether it speaks RESP3.
    pub resp3: bool,
    /// The clock, Unix milliseconds.
    pub now_ms: i64,
    /// From what sizes on values take the larger form.
    pub limits: Limits,
    notes: RefCell<Notes>,
    /// Which keys it may be told of; all if there is nothing.
    pub only: Option<fn(&[u8]) -> bool>,
    seed: u64,
}

impl Client {
    /// A RESP2 client of an empty store.
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("hyperdb-resp-{}-{number}", std::process::id()));
        let options = Options {
            sync: SyncMode::EverySec,
            memory: 16 << 20,
            ..Options::default()
        };
        Self {
            store: Some(Store::on(Db::open(&dir, options).unwrap(), &mut Fixed).unwrap()),
            dir,
            resp3: false,
            now_ms: 1_700_000_000_000,
            limits: Limits::DEFAULT,
            notes: RefCell::default(),
            only: None,
            seed: 1,
        }
    }

    /// Runs one command as a turn of its own; its reply with line ends as spaces: `*2 $1 a $1 b`.
    pub fn run(&mut self, words: &[&str]) -> String {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let raw = self.run_bytes(&words);
        String::from_utf8_lossy(&raw)
            .trim_end_matches("\r\n")
            .replace("\r\n", " ")
    }

    /// Runs one command line whose words hold no spaces.
    pub fn line(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.run(&words)
    }

    /// Runs `command => reply` lines one after another and compares each.
    pub fn script(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (command, expected) = line.split_once("=>").expect("command => reply");
            assert_eq!(self.line(command), expected.trim(), "{command}");
        }
    }

    /// Runs one command; its reply as sent.
    pub fn run_bytes(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let mut buffer = Vec::new();
        let mut spans: Vec<Span> = Vec::new();
        for word in words {
            spans.push((buffer.len(), buffer.len() + word.len()));
            buffer.extend_from_slice(word);
        }
        let name = String::from_utf8_lossy(words[0]).to_lowercase();
        let handler = find(words);
        let mut reply = Reply::new(self.resp3);
        let mut seed = self.seed;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed ^ (seed >> 29)
        };
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let store = self.store.as_ref().unwrap();
        let mut turn = store.turn(self.now_ms);
        turn.savepoint();
        let app = turn.redis_app(0).unwrap();
        let outcome: Outcome = handler(&mut Context {
            turn: &mut turn,
            app,
            db: 0,
            reply: &mut reply,
            args: Args::new(&buffer, &spans),
            must_not_block: false,
            woken_by: None,
            resume: None,
            random: &mut random,
            forms: Forms::new(&self.limits, &self.notes),
            names: self
                .only
                .as_ref()
                .map_or(Names::All, |only| Names::Some(only)),
            effects: Effects::default(),
        });
        if let Err(abort) = outcome {
            if !abort.keeps_changes() {
                turn.rollback();
            }
            reply.buffer.clear();
            match abort {
                Abort::Error(text) => reply.error(&text),
                Abort::Stop(stop) => panic!("storage stopped {name}: {stop:?}"),
                Abort::Block(_) => reply.simple("BLOCKED"),
            }
        }
        turn.commit().unwrap();
        reply.buffer
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.store = None;
        // A test that failed may leave the directory to look at; one in the system's temporary place is no harm.
        if !std::thread::panicking() && self.dir.exists() {
            std::fs::remove_dir_all(&self.dir).unwrap();
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// The handler of a command, or of its subcommand where it has some.
fn find(words: &[&[u8]]) -> Handler {
    let name = String::from_utf8_lossy(words[0]).to_lowercase();
    let second = words.get(1).copied().unwrap_or_default();
    let sub = format!("{name}|{}", String::from_utf8_lossy(second).to_lowercase());
    super::handlers()
        .find(|(known, _)| *known == name || *known == sub)
        .map(|(_, handler)| handler)
        .unwrap_or_else(|| panic!("no handler for {name}"))
}
