//! A server on a free port with a store of its own, and a client that shows replies as text.

use hyperdb_graph::roles::{attribute, Role};
use hyperdb_graph::{Options, Store, SyncMode, TransactionOptions};
use hyperdb_resp::acl;
use hyperdb_resp::server::{
    Admin, Answer, Attempt, ClientInfo, Clock, Listen, Login, Roles, Server, Settings, SystemClock,
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

    fn authenticate(&self, attempt: &Attempt) -> Login {
        match (attempt.user.as_slice(), attempt.password.as_slice()) {
            (b"default", b"secret") => Login::Role("default".into()),
            (name, b"pw") => Login::Role(String::from_utf8_lossy(name).into()),
            (_, b"wait") if attempt.waited => Login::Denied,
            (_, b"wait") => Login::Later(5),
            (_, b"crowd") => Login::Busy,
            _ => Login::Denied,
        }
    }
}

/// A role as SQL makes it.
pub fn role(attributes: u16) -> Role {
    Role {
        attributes,
        connection_limit: -1,
        valid_until: i64::MAX,
        verifier: None,
        hashes: Vec::new(),
        memberships: Vec::new(),
        grants: Vec::new(),
        rules: Vec::new(),
    }
}

/// The default role needs a password; `ann` is a superuser, `bob` is none.
pub fn some_roles() -> Roles {
    let everything = attribute::SUPERUSER | attribute::LOGIN;
    Roles::from([
        ("default".to_owned(), role(everything)),
        ("ann".to_owned(), role(everything)),
        ("bob".to_owned(), role(attribute::LOGIN)),
    ])
}

/// Gives a role rules, or makes it.
pub fn set_user(roles: &mut Roles, name: &str, rules: &str) {
    let words: Vec<Vec<u8>> = rules.split(' ').map(|word| word.into()).collect();
    let changed = acl::change(name, roles.get(name), &words).unwrap();
    roles.insert(name.to_owned(), changed.role);
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
        Self::start(settings, Roles::new(), sync, Box::new(SystemClock::new()))
    }

    pub fn with_clock(settings: Settings, clock: Box<dyn Clock>) -> Self {
        Self::start(settings, Roles::new(), SyncMode::EverySec, clock)
    }

    /// With roles, of which the default one needs a password.
    pub fn locked() -> Self {
        Self::with_roles(some_roles())
    }

    pub fn with_roles(roles: Roles) -> Self {
        let clock = Box::new(SystemClock::new());
        Self::start(Settings::default(), roles, SyncMode::EverySec, clock)
    }

    fn start(settings: Settings, roles: Roles, sync: SyncMode, clock: Box<dyn Clock>) -> Self {
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
        Self::serve(store, settings, roles, directory, clock)
    }

    /// Serves a store that lies elsewhere than in a directory of its own.
    pub fn on(store: Store, settings: Settings, directory: PathBuf) -> Self {
        let clock = Box::new(SystemClock::new());
        Self::serve(store, settings, Roles::new(), directory, clock)
    }

    fn serve(
        store: Store,
        settings: Settings,
        roles: Roles,
        directory: PathBuf,
        clock: Box<dyn Clock>,
    ) -> Self {
        let store = Arc::new(store);
        let listen = Listen {
            tcp: vec!["127.0.0.1:0".parse().unwrap()],
            roles,
            ..Listen::default()
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

    /// Sets a string of database 0 as the host process would, in a transaction.
    pub fn write_outside(&self, key: &str, value: &str) {
        let mut outside = self.store.begin(TransactionOptions::default());
        let app = outside.app(&self.store, b"redis/0").unwrap().unwrap();
        let (id, value) = (key.as_bytes(), value.as_bytes());
        outside.put_vertex(app, id, value, None).unwrap();
        let commit = outside.commit().unwrap();
        self.store.db().wait_durable(commit).unwrap();
    }

    /// Removes an element of database 0 as the host process would.
    pub fn remove_outside(&self, key: &str) {
        let removed = self.store.run(0, None, |turn| {
            let app = turn.redis_app(0)?;
            turn.remove_element(app, key.as_bytes())
        });
        removed.unwrap();
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
        self.until_blocked_by(&mut self.client(), count);
    }

    /// The same, asked by a client that may.
    pub fn until_blocked_by(&self, watcher: &mut Client, count: usize) {
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

    /// The same as arrays, the way libraries send them; words are what spaces divide.
    pub fn tell_arrays(&mut self, lines: &[&str]) {
        let mut all = String::new();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            all.push_str(&format!("*{}\r\n", words.len()));
            for word in words {
                all.push_str(&format!("${}\r\n{word}\r\n", word.len()));
            }
        }
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
