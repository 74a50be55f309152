//! A server on a free port with a store of its own, and a client that shows replies as text.

use hyperdb_graph::{Options, Store, SyncMode};
use hyperdb_resp::server::{
    Admin, Answer, ClientInfo, Clock, Listen, Login, Server, Settings, Standing, SystemClock,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Waiting longer than this means that something never comes.
const NEVER: Duration = Duration::from_secs(20);

/// Knows one password and echoes its commands; a save is not done before somebody asked for INFO.
#[derive(Default)]
pub struct TestAdmin {
    informed: Mutex<bool>,
    changed: Condvar,
}

impl TestAdmin {
    fn save(&self) -> Answer {
        let informed = self.informed.lock().expect("no thread panicked");
        let (_held, waited) = self
            .changed
            .wait_timeout_while(informed, NEVER, |informed| !*informed)
            .expect("no thread panicked");
        if waited.timed_out() {
            return Answer::Error("ERR nobody else was answered".into());
        }
        Answer::Simple("OK".into())
    }

    fn note(&self) {
        *self.informed.lock().expect("no thread panicked") = true;
        self.changed.notify_all();
    }
}

impl Admin for TestAdmin {
    fn call(&self, client: &ClientInfo, args: &[Vec<u8>]) -> Answer {
        let words: Vec<Answer> = args.iter().cloned().map(Answer::Bulk).collect();
        match args[0].to_ascii_lowercase().as_slice() {
            b"save" => self.save(),
            b"info" => {
                self.note();
                Answer::Verbatim(format!("db={} role={}", client.db, client.role))
            }
            b"config" => Answer::Map(vec![(Answer::Simple("asked".into()), Answer::Array(words))]),
            _ => Answer::Error("ERR not in this test".into()),
        }
    }

    fn authenticate(&self, user: &[u8], password: &[u8]) -> Login {
        match (user, password) {
            (b"default", b"secret") => Login::Role("default".into(), Standing::Superuser),
            (b"ann", b"pw") => Login::Role("ann".into(), Standing::Superuser),
            (b"bob", b"pw") => Login::Role("bob".into(), Standing::Restricted),
            _ => Login::Denied,
        }
    }
}

/// A running server; its directory goes with it.
pub struct Running {
    pub server: Server,
    pub store: Arc<Store>,
    directory: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

impl Running {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        Self::with_sync(settings, SyncMode::EverySec)
    }

    pub fn with_sync(settings: Settings, sync: SyncMode) -> Self {
        Self::start(settings, sync, Box::new(SystemClock::new()))
    }

    pub fn with_clock(settings: Settings, clock: Box<dyn Clock>) -> Self {
        Self::start(settings, SyncMode::EverySec, clock)
    }

    fn start(settings: Settings, sync: SyncMode, clock: Box<dyn Clock>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("hyperdb-resp-{}-{number}", std::process::id()));
        let options = Options {
            sync,
            memory: 32 << 20,
            ..Options::default()
        };
        let store = Store::open(&directory, options).unwrap();
        Self::serve(store, settings, directory, clock)
    }

    /// Serves a store that lies elsewhere than in a directory of its own.
    pub fn on(store: Store, settings: Settings, directory: PathBuf) -> Self {
        Self::serve(store, settings, directory, Box::new(SystemClock::new()))
    }

    fn serve(store: Store, settings: Settings, directory: PathBuf, clock: Box<dyn Clock>) -> Self {
        let store = Arc::new(store);
        let listen = Listen {
            tcp: vec!["127.0.0.1:0".parse().unwrap()],
            unix: None,
        };
        let server = Server::start_with_clock(
            store.clone(),
            &listen,
            settings,
            Box::new(TestAdmin::default()),
            clock,
        )
        .unwrap();
        Self {
            server,
            store,
            directory,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    pub fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(NEVER)).unwrap();
        stream.set_write_timeout(Some(NEVER)).unwrap();
        Client {
            reader: BufReader::new(stream),
        }
    }

    /// Waits until `count` clients are blocked on keys.
    pub fn until_blocked(&self, count: usize) {
        let mut watcher = self.client();
        let start = std::time::Instant::now();
        loop {
            let list = watcher.ask("client list");
            if list.matches("flags=b ").count() == count {
                return;
            }
            assert!(start.elapsed() < NEVER, "not blocked: {list}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub fn send(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    /// Like [`Client::send`], when the server may have closed already.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.reader.get_mut().write_all(bytes).is_ok()
    }

    /// Sends an inline command and shows its reply.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// Sends commands without reading.
    pub fn tell(&mut self, lines: &[&str]) {
        let all: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        self.send(all.as_bytes());
    }

    pub fn half_close(&self) {
        self.reader
            .get_ref()
            .shutdown(std::net::Shutdown::Write)
            .unwrap();
    }

    /// Shows the next reply: `+OK`, `-ERR ..`, `:1`, bulk strings bare, `(nil)`, `[a b]`, `{k v}`, `~[a]`, `>[a]`.
    pub fn reply(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let line = line.trim_end_matches("\r\n");
        assert!(!line.is_empty(), "the connection was closed");
        let (tag, rest) = line.split_at(1);
        match tag {
            "+" | "-" | ":" | "#" | "," => line.to_owned(),
            "_" => "(nil)".into(),
            "$" | "=" if rest == "-1" => "(nil)".into(),
            "$" | "=" => {
                let mut bytes = vec![0; rest.parse::<usize>().unwrap() + 2];
                self.reader.read_exact(&mut bytes).unwrap();
                bytes.truncate(bytes.len() - 2);
                String::from_utf8_lossy(&bytes).into_owned()
            }
            "*" if rest == "-1" => "(nil)".into(),
            "*" => format!("[{}]", self.replies(rest, 1)),
            "~" => format!("~[{}]", self.replies(rest, 1)),
            ">" => format!(">[{}]", self.replies(rest, 1)),
            "%" => format!("{{{}}}", self.replies(rest, 2)),
            other => panic!("unknown reply {other}{rest}"),
        }
    }

    fn replies(&mut self, count: &str, factor: usize) -> String {
        let count = count.parse::<usize>().unwrap() * factor;
        let parts: Vec<String> = (0..count).map(|_| self.reply()).collect();
        parts.join(" ")
    }

    /// Whether the server has closed the connection, after everything it had sent.
    pub fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is a closed connection too; only the timeout is not.
        match self.reader.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
