//! The RESP server inside the host process, and its administration in Python.
//!
//! **Theory.** The server's threads never need the interpreter but those of administration, which ask the
//! Python object given at the start. That object answers with plain values, translated here.

use crate::errors::raise;
use crate::fork::Born;
use crate::settings;
use crate::store::Store;
use hyperdb_graph::roles::Role;
use hyperdb_resp::server::{
    Admin, Answer, Attempt, ClientCertificates, ClientInfo, Handle, Latencies, Listen, Login,
    Roles, Server as Native, Settings, Tls,
};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Name and value, in a fixed order.
type Counters = Vec<(&'static str, u64)>;

/// A command with calls, microseconds, refusals and failures.
type Usage = (&'static str, u64, u64, u64, u64);

/// Deepest nesting of an answer; nothing real comes near.
const DEEPEST: usize = 32;

/// Administration by a Python object with `call` and `authenticate`.
struct Bridge {
    object: Py<PyAny>,
}

/// A Python value as a reply.
fn answer(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Answer> {
    if depth > DEEPEST {
        return Err(raise("InvalidError", "the answer is nested too deeply"));
    }
    let all = |items: &Bound<'_, PyAny>| -> PyResult<Vec<Answer>> {
        items
            .try_iter()?
            .map(|item| answer(&item?, depth + 1))
            .collect()
    };
    if value.is_none() {
        return Ok(Answer::Null);
    }
    if let Ok(kind) = value.getattr("resp_kind") {
        let text = || value.getattr("text")?.extract::<String>();
        return match kind.extract::<String>()?.as_str() {
            "simple" => Ok(Answer::Simple(text()?)),
            "error" => Ok(Answer::Error(text()?)),
            "verbatim" => Ok(Answer::Verbatim(text()?)),
            "set" => {
                let items = value.getattr("items")?;
                let items = items.try_iter()?.map(|item| answer(&item?, depth + 1));
                items.collect::<PyResult<_>>().map(Answer::Set)
            }
            other => Err(raise(
                "InvalidError",
                &format!("no such kind of answer: {other}"),
            )),
        };
    }
    if value.is_instance_of::<PyBool>() {
        Ok(Answer::Boolean(value.extract()?))
    } else if value.is_instance_of::<PyInt>() {
        Ok(Answer::Integer(value.extract()?))
    } else if value.is_instance_of::<PyFloat>() {
        Ok(Answer::Double(value.extract()?))
    } else if let Ok(bytes) = value.downcast::<PyBytes>() {
        Ok(Answer::Bulk(bytes.as_bytes().to_vec()))
    } else if value.is_instance_of::<PyString>() {
        Ok(Answer::Bulk(value.extract::<String>()?.into_bytes()))
    } else if let Ok(map) = value.downcast::<PyDict>() {
        let pairs = map
            .iter()
            .map(|(k, v)| Ok((answer(&k, depth + 1)?, answer(&v, depth + 1)?)));
        Ok(Answer::Map(pairs.collect::<PyResult<_>>()?))
    } else if value.is_instance_of::<PySet>() || value.is_instance_of::<PyFrozenSet>() {
        Ok(Answer::Set(all(value)?))
    } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        Ok(Answer::Array(all(value)?))
    } else {
        let text = format!("{} is no answer", value.get_type().name()?);
        Err(raise("InvalidError", &text))
    }
}

/// Roles from their records.
fn roles(records: HashMap<String, Vec<u8>>) -> PyResult<Roles> {
    let read = |(name, record): (String, Vec<u8>)| match Role::decode(&record) {
        Some(role) => Ok((name, role)),
        None => Err(raise(
            "CorruptError",
            &format!("the record of role '{name}' is malformed"),
        )),
    };
    records.into_iter().map(read).collect()
}

/// Where TLS is spoken and with what: address, certificate chain, key, who signs clients' certificates, and whether these are
/// required.
type TlsFiles = (String, PathBuf, PathBuf, Option<PathBuf>, bool);

fn tls((address, certificate, key, client_ca, required): TlsFiles) -> PyResult<Tls> {
    let clients = match (&client_ca, required) {
        (None, _) => ClientCertificates::Ignored,
        (Some(_), false) => ClientCertificates::Optional,
        (Some(_), true) => ClientCertificates::Required,
    };
    Ok(Tls {
        addresses: vec![socket_address(&address)?],
        certificate,
        key,
        client_ca,
        clients,
    })
}

fn socket_address(text: &str) -> PyResult<SocketAddr> {
    text.parse()
        .map_err(|error| raise("InvalidError", &format!("{text}: {error}")))
}

/// What administration says of a login.
#[derive(FromPyObject)]
enum Said {
    /// The role's name; empty: too many wait.
    Role(String),
    /// Its turn comes in so many seconds.
    Later(f64),
}

impl Bridge {
    fn ask(&self, py: Python<'_>, client: &ClientInfo, args: &[Vec<u8>]) -> PyResult<Answer> {
        let words: Vec<_> = args.iter().map(|arg| PyBytes::new(py, arg)).collect();
        let who = (
            client.id,
            client.db,
            client.role.as_str(),
            PyBytes::new(py, &client.name),
            client.address.as_str(),
            client.resp3,
            client.in_transaction,
        );
        let value = self.object.bind(py).call_method1("call", (who, words))?;
        answer(&value, 0)
    }
}

impl Admin for Bridge {
    fn call(&self, client: &ClientInfo, args: &[Vec<u8>]) -> Answer {
        Python::attach(|py| {
            self.ask(py, client, args).unwrap_or_else(|error| {
                // The client learns the class; the host sees the traceback where it logs unraisable errors.
                let text = format!("ERR internal error in administration: {error}");
                error.write_unraisable(py, None);
                Answer::Error(text.replace(['\r', '\n'], " "))
            })
        })
    }

    fn authenticate(&self, attempt: &Attempt) -> Login {
        Python::attach(|py| {
            let asked = (
                PyBytes::new(py, &attempt.user),
                PyBytes::new(py, &attempt.password),
                attempt.address.as_str(),
                attempt.waited,
            );
            let said = self.object.bind(py).call_method1("authenticate", asked);
            match said.and_then(|said| said.extract::<Option<Said>>()) {
                Ok(Some(Said::Role(role))) if role.is_empty() => Login::Busy,
                Ok(Some(Said::Role(role))) => Login::Role(role),
                Ok(Some(Said::Later(seconds))) => Login::Later((seconds * 1000.0).max(1.0) as u64),
                Ok(None) => Login::Denied,
                Err(error) => {
                    error.write_unraisable(py, None);
                    Login::Denied
                }
            }
        })
    }
}

/// A running RESP server.
#[pyclass(frozen)]
pub(crate) struct Server {
    born: Born,
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    handle: Handle,
    settings: Mutex<Settings>,
    native: Mutex<Option<Native>>,
}

impl Server {
    fn present(&self) -> parking_lot::MutexGuard<'_, Settings> {
        self.settings.lock()
    }
}

fn shown(addresses: &[SocketAddr]) -> Vec<(String, u16)> {
    let pairs = addresses.iter().map(|at| (at.ip().to_string(), at.port()));
    pairs.collect()
}

#[pymethods]
impl Server {
    #[new]
    #[pyo3(signature = (store, admin, tcp, unix=None, settings=HashMap::new(), roles=HashMap::new(), tls=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        store: &Store,
        admin: Py<PyAny>,
        tcp: Vec<String>,
        unix: Option<PathBuf>,
        settings: HashMap<String, u64>,
        roles: HashMap<String, Vec<u8>>,
        tls: Option<TlsFiles>,
    ) -> PyResult<Self> {
        let graph = store.graph()?;
        let settings = settings::change(&Settings::default(), &settings)?;
        let addresses = tcp.iter().map(|text| socket_address(text));
        let shown: Vec<String> = tcp
            .iter()
            .cloned()
            .chain(tls.iter().map(|tls| tls.0.clone()))
            .collect();
        let listen = Listen {
            tcp: addresses.collect::<PyResult<_>>()?,
            unix,
            roles: self::roles(roles)?,
            tls: tls.map(self::tls).transpose()?,
        };
        let bridge = Box::new(Bridge { object: admin });
        let native = py
            .detach(|| Native::start(graph, &listen, settings.clone(), bridge))
            .map_err(|error| {
                raise(
                    "AddressError",
                    &format!("cannot listen on {}: {error}", shown.join(", ")),
                )
            })?;
        Ok(Server {
            born: Born::here(),
            addresses: native.addresses().to_vec(),
            tls_addresses: native.tls_addresses().to_vec(),
            handle: native.handle(),
            settings: Mutex::new(settings),
            native: Mutex::new(Some(native)),
        })
    }

    /// Where it listens, as `(host, port)`.
    fn addresses(&self) -> Vec<(String, u16)> {
        shown(&self.addresses)
    }

    /// Where it speaks TLS.
    fn tls_addresses(&self) -> Vec<(String, u16)> {
        shown(&self.tls_addresses)
    }

    /// Counters and gauges; of commands name, calls, microseconds, how many were refused and how many failed; errors by class.
    fn stats(&self) -> (Counters, Vec<Usage>, Vec<(String, u64)>) {
        let stats = self.handle.stats();
        let usage = stats.usage.iter();
        let usage = usage.map(|of| (of.name, of.calls, of.micros, of.rejected, of.failed));
        (stats.rows, usage.collect(), stats.errors)
    }

    /// Nanoseconds by command, within which these percentages of its calls ended.
    fn latencies(&self, py: Python<'_>, percents: Vec<f64>) -> Latencies {
        py.detach(|| self.handle.latencies(percents))
    }

    fn settings(&self) -> Vec<(&'static str, u64)> {
        settings::read(&self.present())
    }

    fn configure(&self, changes: HashMap<String, u64>) -> PyResult<()> {
        self.born.check()?;
        let mut present = self.present();
        *present = settings::change(&present, &changes)?;
        self.handle.configure(present.clone());
        Ok(())
    }

    /// The roles that there are now, by name: their records; the bootstrap role is `default`.
    fn set_roles(&self, roles: HashMap<String, Vec<u8>>) -> PyResult<()> {
        self.handle.set_roles(self::roles(roles)?);
        Ok(())
    }

    fn reset_stats(&self) {
        self.handle.reset_stats();
    }

    fn stop(&self, py: Python<'_>) {
        if !self.born.is_here() {
            return;
        }
        let native = self.native.lock().take();
        py.detach(|| drop(native));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let native = self.native.get_mut().take();
        if self.born.is_here() {
            Python::attach(|py| py.detach(|| drop(native)));
        } else {
            std::mem::forget(native);
        }
    }
}
