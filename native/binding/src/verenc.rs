//! Verifiable encryption for Python: proofs and chunks of `hyperdb-verenc`, as bytes.
//!
//! **Theory.** Keys, statements, proofs and chunks cross as the bytes of docs/encryption.md. What is refused for being encrypted to another
//! key is told apart from what does not hold.
//!
//! **Invariant.** The interpreter's lock is not held while anything is computed. Copies of secrets made on this side are wiped.

use crate::errors::raise;
use hyperdb_verenc::chunk::{self, PAYLOAD};
use hyperdb_verenc::{
    key_statement, prove, recover, verify, Recipient, Refusal, Result, Scalar, SecretKey,
    Statement, SCALAR,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

fn refused(refusal: Refusal) -> PyErr {
    let class = match refusal {
        Refusal::WrongKey => "WrongKeyError",
        _ => "EncryptionError",
    };
    raise(class, &refusal.to_string())
}

fn array<const N: usize>(what: &str, bytes: &[u8]) -> PyResult<Zeroizing<[u8; N]>> {
    let wrong = |_| {
        let text = format!("{what} has {} bytes, not {N}", bytes.len());
        raise("EncryptionError", &text)
    };
    bytes.try_into().map(Zeroizing::new).map_err(wrong)
}

fn scalar(bytes: &[u8]) -> PyResult<Zeroizing<Scalar>> {
    let bytes = array::<SCALAR>("a secret", bytes)?;
    Scalar::from_bytes(&bytes)
        .map(Zeroizing::new)
        .ok_or_else(|| refused(Refusal::Scalar("the secret")))
}

/// A secret evenly drawn from 114 random bytes, and its statement.
#[pyfunction]
pub(crate) fn verenc_draw<'py>(
    py: Python<'py>,
    randomness: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let wide = array("randomness", randomness)?;
    let (secret, statement) = py.detach(|| {
        let secret = Zeroizing::new(Scalar::reduce(&wide));
        let statement = key_statement(&secret);
        (Zeroizing::new(secret.to_bytes()), statement)
    });
    Ok((PyBytes::new(py, &*secret), PyBytes::new(py, &statement)))
}

/// The statement of a secret.
#[pyfunction]
pub(crate) fn verenc_statement<'py>(
    py: Python<'py>,
    secret: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let secret = scalar(secret)?;
    let statement = py.detach(|| key_statement(&secret));
    Ok(PyBytes::new(py, &statement))
}

/// A proof that the recipient recovers the secret of a statement.
#[pyfunction]
pub(crate) fn verenc_prove<'py>(
    py: Python<'py>,
    recipient: &[u8],
    secret: &[u8],
    context: &[u8],
    randomness: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let (secret, randomness) = (scalar(secret)?, array("randomness", randomness)?);
    let made = py.detach(|| {
        let recipient = Recipient::new(recipient)?;
        let point = key_statement(&secret);
        let statement = Statement::new(&recipient, &point, context)?;
        prove(&statement, &[*secret], &randomness)
    });
    Ok(PyBytes::new(py, &made.map_err(refused)?))
}

/// Checks a proof; nothing is returned.
#[pyfunction]
pub(crate) fn verenc_verify(
    py: Python<'_>,
    recipient: &[u8],
    statement: &[u8],
    context: &[u8],
    proof: &[u8],
) -> PyResult<()> {
    let checked = py.detach(|| {
        let recipient = Recipient::new(recipient)?;
        verify(&Statement::<1>::new(&recipient, statement, context)?, proof)
    });
    checked.map_err(refused)
}

/// The secret of a statement, by the seed of the recipient's key.
#[pyfunction]
pub(crate) fn verenc_recover<'py>(
    py: Python<'py>,
    seed: &[u8],
    statement: &[u8],
    context: &[u8],
    proof: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let found: Result<_> = py.detach(|| {
        let key = SecretKey::from_seed(seed)?;
        let recipient = Recipient::new(key.public())?;
        let statement = Statement::<1>::new(&recipient, statement, context)?;
        let [secret] = *recover(&key, &statement, proof)?;
        Ok(Zeroizing::new(Zeroizing::new(secret).to_bytes()))
    });
    Ok(PyBytes::new(py, &*found.map_err(refused)?))
}

/// A chunk: 54 bytes encrypted, with their proof.
#[pyfunction]
pub(crate) fn verenc_encrypt_chunk<'py>(
    py: Python<'py>,
    recipient: &[u8],
    payload: &[u8],
    context: &[u8],
    randomness: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let payload = array::<PAYLOAD>("a chunk's payload", payload)?;
    let randomness = array("randomness", randomness)?;
    let made = py.detach(|| {
        let recipient = Recipient::new(recipient)?;
        chunk::encrypt(&recipient, &payload, context, &randomness)
    });
    Ok(PyBytes::new(py, &made.map_err(refused)?))
}

/// Checks a chunk; nothing is returned.
#[pyfunction]
pub(crate) fn verenc_check_chunk(
    py: Python<'_>,
    recipient: &[u8],
    context: &[u8],
    chunk: &[u8],
) -> PyResult<()> {
    let checked = py.detach(|| chunk::check(&Recipient::new(recipient)?, context, chunk));
    checked.map_err(refused)
}

/// The 54 bytes of a chunk.
#[pyfunction]
pub(crate) fn verenc_decrypt_chunk<'py>(
    py: Python<'py>,
    seed: &[u8],
    context: &[u8],
    chunk: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let found = py.detach(|| chunk::decrypt(&SecretKey::from_seed(seed)?, context, chunk));
    Ok(PyBytes::new(py, &*found.map_err(refused)?))
}
