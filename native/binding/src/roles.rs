//! Role records: the native codec for Python, which computes and checks verifiers.

use hyperdb_graph::roles::{attribute, Role, Verifier};
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
