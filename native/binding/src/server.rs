//! The RESP server inside the host process, and its administration in Python.
//!
//! **Theory.** The server's threads never need the interpreter but those of administration, which ask the
//! Python object given at the start. That object answers with plain values, translated here.

use crate::errors::raise;
use crate::fork::Born;
use crate::settings;
use crate::store::Store;
use hyperdb_resp::server::{
    Admin, Answer, ClientInfo, Handle, Listen, Login, Server as Native, Settings, Standing,
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

fn standing(is_super: bool) -> Standing {
    if is_super {
        Standing::Superuser
    } else {
        Standing::Restricted
    }
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

    fn authenticate(&self, user: &[u8], password: &[u8]) -> Login {
        Python::attach(|py| {
            let asked = (PyBytes::new(py, user), PyBytes::new(py, password));
            let said = self.object.bind(py).call_method1("authenticate", asked);
            match said.and_then(|said| said.extract::<Option<(String, bool)>>()) {
                Ok(Some((role, _))) if role.is_empty() => Login::NoPassword,
                Ok(Some((role, is_super))) => Login::Role(role, standing(is_super)),
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
    handle: Handle,
    settings: Mutex<Settings>,
    native: Mutex<Option<Native>>,
}

impl Server {
    fn present(&self) -> parking_lot::MutexGuard<'_, Settings> {
        self.settings.lock()
    }
}

#[pymethods]
impl Server {
    #[new]
    #[pyo3(signature = (store, admin, tcp, unix=None, settings=HashMap::new()))]
    fn new(
        py: Python<'_>,
        store: &Store,
        admin: Py<PyAny>,
        tcp: Vec<String>,
        unix: Option<PathBuf>,
        settings: HashMap<String, u64>,
    ) -> PyResult<Self> {
        let graph = store.graph()?;
        let settings = settings::change(&Settings::default(), &settings)?;
        let addresses = tcp.iter().map(|text| {
            text.parse::<SocketAddr>()
                .map_err(|error| raise("InvalidError", &format!("{text}: {error}")))
        });
        let listen = Listen {
            tcp: addresses.collect::<PyResult<_>>()?,
            unix,
        };
        let bridge = Box::new(Bridge { object: admin });
        let native = py
            .detach(|| Native::start(graph, &listen, settings.clone(), bridge))
            .map_err(|error| {
                raise(
                    "AddressError",
                    &format!("cannot listen on {}: {error}", tcp.join(", ")),
                )
            })?;
        Ok(Server {
            born: Born::here(),
            addresses: native.addresses().to_vec(),
            handle: native.handle(),
            settings: Mutex::new(settings),
            native: Mutex::new(Some(native)),
        })
    }

    /// Where it listens, as `(host, port)`.
    fn addresses(&self) -> Vec<(String, u16)> {
        self.addresses
            .iter()
            .map(|at| (at.ip().to_string(), at.port()))
            .collect()
    }

    /// Counters and gauges, then calls by command.
    fn stats(&self) -> (Counters, Counters) {
        let stats = self.handle.stats();
        (stats.rows, stats.calls)
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

    /// Roles that may log in now, and whether each is a superuser.
    fn set_roles(&self, roles: HashMap<String, bool>) {
        let standings = roles
            .into_iter()
            .map(|(name, is_super)| (name, standing(is_super)));
        self.handle.set_roles(standings.collect());
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
