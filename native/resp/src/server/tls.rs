//! Sockets that encrypt.
//!
//! **Theory.** rustls turns bytes into bytes; this joins it to a socket that does not wait. What was encrypted and did not fit into
//! the socket stays here until it is writable again, so a client is only done when nothing is left here either. The poller tells
//! of a socket once: a read that got less than it could have has emptied it.
//!
//! **Invariant.** Plaintext is taken from the caller only when all earlier ciphertext is in the socket, so what waits here is bounded.

use mio::net::TcpStream;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClientCertificates {
    /// They are not asked.
    #[default]
    Ignored,
    /// One that is shown must be good.
    Optional,
    /// None gets in without.
    Required,
}

/// Where and with what the server encrypts.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Addresses on which only TLS is spoken; port 0 takes a free one.
    pub addresses: Vec<SocketAddr>,
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Who signs clients' certificates, PEM.
    pub client_ca: Option<PathBuf>,
    /// See there.
    pub clients: ClientCertificates,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file that cannot be read, or is not what it should be.
    pub(crate) fn config(&self) -> io::Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain: Vec<_> = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(other)?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(other)?;
        let builder = match (self.clients, &self.client_ca) {
            (ClientCertificates::Ignored, _) | (_, None) => builder.with_no_client_auth(),
            (clients, Some(path)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(other)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match clients {
                    ClientCertificates::Optional => verifier.allow_unauthenticated(),
                    ClientCertificates::Ignored | ClientCertificates::Required => verifier,
                };
                builder.with_client_cert_verifier(verifier.build().map_err(other)?)
            }
        };
        let config = builder.with_single_cert(chain, key).map_err(other)?;
        Ok(Arc::new(config))
    }
}

fn certificates(path: &PathBuf) -> io::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path).map_err(other)?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(other)?;
    if found.is_empty() {
        let text = format!("no certificate in {}", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(found)
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// A socket that says when it was emptied.
#[derive(Debug)]
pub(crate) struct Socket {
    pub stream: TcpStream,
    drained: bool,
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.drained {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let got = self.stream.read(buffer)?;
        self.drained = got > 0 && got < buffer.len();
        Ok(got)
    }
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct TlsStream {
    pub socket: Socket,
    connection: ServerConnection,
}

impl TlsStream {
    pub(crate) fn new(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<TlsStream> {
        let socket = Socket {
            stream,
            drained: false,
        };
        let connection = ServerConnection::new(config).map_err(other)?;
        Ok(TlsStream { socket, connection })
    }

    /// The poller says that there is something to read.
    pub(crate) fn is_readable_again(&mut self) {
        self.socket.drained = false;
    }

    /// Whether ciphertext waits for the socket.
    pub(crate) fn is_pending(&self) -> bool {
        self.connection.wants_write()
    }

    /// Whether no key was agreed on yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Writes what was encrypted.
    pub(crate) fn push(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut self.socket.stream)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Says goodbye, as far as the socket takes it.
    pub(crate) fn finish(&mut self) {
        self.connection.send_close_notify();
        // Who does not read has gone without a goodbye himself.
        let _best_effort = self.push();
    }
}

impl Read for TlsStream {
    /// `WouldBlock` when all that had come was read; 0 when the client has said goodbye.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Cut off without a goodbye: what came before it counts all the same.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            if self.connection.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            let state = self.connection.process_new_packets();
            // Handshakes answer, and failures are told.
            match self.push() {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
            state.map_err(other)?;
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.push()?;
        let taken = self.connection.writer().write(buffer)?;
        match self.push() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}
