//! Role records: the native codec for Python, which computes and checks verifiers.

use crate::errors::raise;
use hyperdb_graph::roles::{attribute, Role, Verifier};
use hyperdb_resp::acl::{self, Password};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Iterations, salt, stored key and server key.
type Parts<'py> = (
    u32,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
);

/// The record of the bootstrap role, which may do everything, with this verifier.
#[pyfunction]
pub(crate) fn encode_bootstrap_role<'py>(
    py: Python<'py>,
    iterations: u32,
    salt: Vec<u8>,
    stored_key: [u8; 32],
    server_key: [u8; 32],
) -> Bound<'py, PyBytes> {
    let role = Role {
        attributes: attribute::SUPERUSER | attribute::LOGIN | attribute::INHERIT,
        connection_limit: -1,
        valid_until: i64::MAX,
        verifier: Some(Verifier {
            iterations,
            salt,
            stored_key,
            server_key,
        }),
        hashes: Vec::new(),
        memberships: Vec::new(),
        grants: Vec::new(),
        rules: Vec::new(),
    };
    PyBytes::new(py, &role.encode())
}

/// The verifier in a role record, or `None` if it has none or is malformed.
#[pyfunction]
pub(crate) fn decode_verifier<'py>(py: Python<'py>, record: &[u8]) -> Option<Parts<'py>> {
    let verifier = Role::decode(record)?.verifier?;
    Some((
        verifier.iterations,
        PyBytes::new(py, &verifier.salt),
        PyBytes::new(py, &verifier.stored_key),
        PyBytes::new(py, &verifier.server_key),
    ))
}

/// A record, whether its verifier goes, the passwords with which it goes if it accepts one, and the one of which it is made anew.
type Changed<'py> = (
    Bound<'py, PyBytes>,
    bool,
    Vec<Bound<'py, PyBytes>>,
    Option<Bound<'py, PyBytes>>,
);

/// ACL SETUSER: the rules applied to a role's record, or to a new one.
#[pyfunction]
#[pyo3(signature = (name, record, rules))]
pub(crate) fn change_acl<'py>(
    py: Python<'py>,
    name: &str,
    record: Option<&[u8]>,
    rules: Vec<Vec<u8>>,
) -> PyResult<Changed<'py>> {
    let before = match record {
        None => None,
        Some(record) => Some(
            Role::decode(record)
                .ok_or_else(|| raise("CorruptError", "the role's record is malformed"))?,
        ),
    };
    let changed =
        acl::change(name, before.as_ref(), &rules).map_err(|text| raise("InvalidError", &text))?;
    let bytes = |password: &Vec<u8>| PyBytes::new(py, password);
    let (gone, doubted, given) = match &changed.password {
        Password::Kept => (false, Vec::new(), None),
        Password::Gone => (true, Vec::new(), None),
        Password::GoneIf(passwords) => (false, passwords.iter().map(bytes).collect(), None),
        Password::Given(password) => (true, Vec::new(), Some(bytes(password))),
    };
    Ok((
        PyBytes::new(py, &changed.role.encode()),
        gone,
        doubted,
        given,
    ))
}
