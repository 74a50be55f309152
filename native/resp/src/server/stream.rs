//! One stream type over TCP and Unix sockets, encrypted or not.

use super::tls::TlsStream;
use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use rustls::ServerConfig;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A client's socket.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
    Tls(TcpListener, Arc<ServerConfig>),
}

/// Who is at the other end.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// As CLIENT LIST shows it.
    pub address: String,
    /// Our end.
    pub local: String,
    /// Whether it is on this machine.
    pub is_local: bool,
}

impl Listener {
    pub(crate) fn tcp(address: SocketAddr) -> io::Result<Listener> {
        TcpListener::bind(address).map(Listener::Tcp)
    }

    pub(crate) fn tls(address: SocketAddr, config: Arc<ServerConfig>) -> io::Result<Listener> {
        Ok(Listener::Tls(TcpListener::bind(address)?, config))
    }

    /// Replaces the socket file if nobody answers on it any more.
    pub(crate) fn unix(path: &Path) -> io::Result<Listener> {
        match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path)?;
            }
            _ => {}
        }
        UnixListener::bind(path).map(Listener::Unix)
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(_) | Listener::Tls(..) => None,
        }
    }

    /// Where it speaks TLS.
    pub(crate) fn tls_address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tls(listener, _) => listener.local_addr().ok(),
            Listener::Unix(_) | Listener::Tcp(_) => None,
        }
    }

    pub(crate) fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = accept_tcp(listener)?;
                Ok((Stream::Tcp(stream), peer))
            }
            Listener::Tls(listener, config) => {
                let (stream, peer) = accept_tcp(listener)?;
                let stream = TlsStream::new(stream, config.clone())?;
                Ok((Stream::Tls(Box::new(stream)), peer))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                let path = listener
                    .local_addr()
                    .ok()
                    .and_then(|address| address.as_pathname().map(|p| p.display().to_string()))
                    .unwrap_or_default();
                let peer = Peer {
                    address: format!("{path}:0"),
                    local: format!("{path}:0"),
                    is_local: true,
                };
                Ok((Stream::Unix(stream), peer))
            }
        }
    }

    pub(crate) fn source(&mut self) -> &mut dyn Source {
        match self {
            Listener::Tcp(listener) | Listener::Tls(listener, _) => listener,
            Listener::Unix(listener) => listener,
        }
    }
}

fn accept_tcp(listener: &TcpListener) -> io::Result<(TcpStream, Peer)> {
    let (stream, address) = listener.accept()?;
    let local = stream.local_addr().map(|local| local.to_string());
    let peer = Peer {
        address: address.to_string(),
        local: local.unwrap_or_default(),
        is_local: is_loopback(address.ip()),
    };
    Ok((stream, peer))
}

fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback(),
        IpAddr::V6(v6) => v6
            .to_ipv4_mapped()
            .map_or_else(|| v6.is_loopback(), |v4| v4.is_loopback()),
    }
}

impl Stream {
    /// Registers for both directions, edge triggered: readiness to write is reported only after a write that
    /// did not fit, so asking for it costs nothing.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Stream::Tcp(stream) => registry.register(stream, token, both),
            Stream::Unix(stream) => registry.register(stream, token, both),
            Stream::Tls(stream) => registry.register(&mut stream.socket.stream, token, both),
        }
    }

    /// Whether a short read has emptied it.
    pub(crate) fn is_plain(&self) -> bool {
        !matches!(self, Stream::Tls(_))
    }

    /// The poller says that there is something to read.
    pub(crate) fn is_readable_again(&mut self) {
        if let Stream::Tls(stream) = self {
            stream.is_readable_again();
        }
    }

    /// Whether something that was written has not gone out.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self, Stream::Tls(stream) if stream.is_pending())
    }

    /// Whether the client may not be able to speak at all.
    pub(crate) fn is_handshaking(&self) -> bool {
        matches!(self, Stream::Tls(stream) if stream.is_handshaking())
    }

    /// Says goodbye where that is usual.
    pub(crate) fn finish(&mut self) {
        if let Stream::Tls(stream) = self {
            stream.finish();
        }
    }

    /// Its descriptor's number, for CLIENT LIST.
    pub(crate) fn descriptor(&self) -> i32 {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
            Stream::Tls(stream) => stream.socket.stream.as_raw_fd(),
        }
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => registry.deregister(stream),
            Stream::Unix(stream) => registry.deregister(stream),
            Stream::Tls(stream) => registry.deregister(&mut stream.socket.stream),
        }
    }

    /// No delay, and keepalive probes every `keepalive` seconds unless 0.
    pub(crate) fn tune(&self, keepalive: u64) -> io::Result<()> {
        let stream = match self {
            Stream::Tcp(stream) => stream,
            Stream::Tls(stream) => &stream.socket.stream,
            Stream::Unix(_) => return Ok(()),
        };
        stream.set_nodelay(true)?;
        if keepalive > 0 {
            let period = Duration::from_secs(keepalive);
            let probes = socket2::TcpKeepalive::new()
                .with_time(period)
                .with_interval(period / 3 + Duration::from_secs(1))
                .with_retries(3);
            socket2::SockRef::from(stream).set_tcp_keepalive(&probes)?;
        }
        Ok(())
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(buffer),
            Stream::Unix(stream) => stream.write(buffer),
            Stream::Tls(stream) => stream.write(buffer),
        }
    }

    /// What was encrypted and waits for the socket.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(_) | Stream::Unix(_) => Ok(()),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}
