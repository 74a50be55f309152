//! A bare server for redis-cli and redis-benchmark: `resp_server DIR [ADDRESS] [always|everysec]`.
//!
//! Administration knows only what the benchmark asks for; the real one is in Python.

use hyperdb_graph::{Options, Store, SyncMode};
use hyperdb_resp::server::{Admin, Answer, Attempt, ClientInfo, Listen, Login, Server, Settings};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

struct Bare;

impl Admin for Bare {
    fn call(&self, _client: &ClientInfo, args: &[Vec<u8>]) -> Answer {
        let word = |i: usize| args.get(i).map(|arg| arg.to_ascii_lowercase());
        match (word(0).as_deref(), word(1).as_deref()) {
            (Some(b"config"), Some(b"get")) => Answer::Map(
                args[2..]
                    .iter()
                    .map(|name| (Answer::Bulk(name.clone()), Answer::Bulk(Vec::new())))
                    .collect(),
            ),
            _ => Answer::Error("ERR this bare server has no administration".into()),
        }
    }

    fn authenticate(&self, _attempt: &Attempt) -> Login {
        Login::Denied
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "resp_server DIR [ADDRESS] [always|everysec]";
    let directory = args.next().ok_or(usage)?;
    let address = args.next().unwrap_or_else(|| "127.0.0.1:6399".into());
    let sync = match args.next().as_deref() {
        None | Some("everysec") => SyncMode::EverySec,
        Some("always") => SyncMode::Always,
        Some(_) => return Err(usage.into()),
    };
    let options = Options {
        sync,
        ..Options::default()
    };
    let store = Arc::new(Store::open(Path::new(&directory), options)?);
    let listen = Listen {
        tcp: vec![address.parse()?],
        ..Listen::default()
    };
    let server = Server::start(store, &listen, Settings::default(), Box::new(Bare))?;
    println!("ready {:?}", server.addresses());
    loop {
        std::thread::park();
    }
}
