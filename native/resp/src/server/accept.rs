//! Taking new connections.

use super::client::Client;
use super::core::Core;
use super::event_loop::FIRST_CLIENT;
use super::stream::{Listener, Peer, Stream};
use mio::{Registry, Token};
use std::io::{self, Write};

/// Most connections taken before those that are there have their turn.
const ACCEPTS_PER_TURN: usize = 256;

#[derive(Default)]
pub(crate) struct Listeners {
    listeners: Vec<Listener>,
    /// There may be more to take than was taken.
    more: bool,
    /// Something kept the last one from being taken: no file descriptor was free.
    starved: bool,
}

impl Listeners {
    pub(crate) fn new(mut listeners: Vec<Listener>, registry: &Registry) -> io::Result<Self> {
        for (i, listener) in listeners.iter_mut().enumerate() {
            let token = Token(1 + i);
            if token.0 >= FIRST_CLIENT {
                return Err(io::Error::other("too many addresses to listen on"));
            }
            registry.register(listener.source(), token, mio::Interest::READABLE)?;
        }
        Ok(Self {
            listeners,
            more: false,
            starved: false,
        })
    }

    pub(crate) fn pending(&self) -> bool {
        self.more
    }

    /// Tries again what failed for want of file descriptors.
    pub(crate) fn retry(&mut self) {
        self.more |= std::mem::take(&mut self.starved);
    }

    /// Takes connections in.
    pub(crate) fn accept(core: &mut Core) {
        let mut this = std::mem::take(&mut core.listeners);
        this.accept_all(core);
        core.listeners = this;
    }

    fn accept_all(&mut self, core: &mut Core) {
        self.more = false;
        for listener in &self.listeners {
            for taken in 0.. {
                if taken == ACCEPTS_PER_TURN {
                    self.more = true;
                    break;
                }
                match listener.accept() {
                    Ok((stream, peer)) => admit(core, stream, peer),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => {
                        self.starved = true;
                        break;
                    }
                }
            }
        }
    }
}

fn admit(core: &mut Core, mut stream: Stream, peer: Peer) {
    core.counters.connections += 1;
    let settings = &core.settings;
    let refusal = if core.clients.len() >= settings.max_clients {
        Some("-ERR max number of clients reached\r\n")
    } else if settings.protected && core.users.default_user().is_open() && !peer.is_local {
        Some(
            "-DENIED only local clients are served while the default role has no password: set one, \
             or turn protected mode off\r\n",
        )
    } else {
        None
    };
    if let Some(text) = refusal {
        core.counters.rejected += 1;
        // Best effort: the connection is dropped either way.
        let _written = stream.write(text.as_bytes());
        return;
    }
    let token = Token(FIRST_CLIENT + core.clients.next_slot());
    let registry = core.poll.registry();
    // A socket that cannot be set up is dropped; its client sees it closed.
    if stream.tune(settings.tcp_keepalive).is_err() || stream.register(registry, token).is_err() {
        return;
    }
    let role = core.users.role_of_strangers();
    let user = core.users.default_user().clone();
    let id = core.clients.next_id();
    let mut client = Client::new(id, stream, peer, user, core.now_ms);
    client.active_ms = core.tick_ms;
    client.role = role;
    core.clients.insert(client);
}
