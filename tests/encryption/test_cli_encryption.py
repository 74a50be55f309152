"""`hyperdb key new | encrypt | verify | decrypt | share`, as a person types them."""

from __future__ import annotations

import contextlib
import io
import json
import stat
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from hyperdb.cli import main
from hyperdb.encryption import BlindingKey, Place, verify
from tests.encryption.samples import KEY

DATA = b"what the file says" * 10_000


def _run(*words: str | Path) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    argv = mock.patch.object(sys, "argv", ["hyperdb", "key", *map(str, words)])
    with argv, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


def _told(*words: str | Path) -> str:
    code, out, err = _run(*words)
    assert code == 0, err
    return out.strip()


def _refused(*words: str | Path) -> str:
    code, out, err = _run(*words)
    assert code == 1, out
    return err


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    """Two keys, `a` and `b` in the folder; their public ones."""
    return _told("new", tmp_path / "a"), _told("new", tmp_path / "b")


def test_a_file_is_encrypted_verified_shared_and_decrypted(tmp_path: Path, keys: tuple[str, str]) -> None:
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(DATA)
    _told("encrypt", plain, sealed, "--to", keys[0], "--app", "vault", "--id", "report")
    assert verify(sealed.read_bytes(), Place("vault", b"report")).length == len(DATA)
    shown: dict[str, Any] = json.loads(_told("verify", sealed, "--to", keys[0], "--json"))
    assert (shown["app"], shown["length"], shown["recipients"]) == ("vault", len(DATA), [keys[0]])
    assert "not encrypted to" in _refused("decrypt", sealed, tmp_path / "out", "--key", tmp_path / "b")
    _told("share", sealed, "--key", tmp_path / "a", "--to", keys[1])
    for name in ("a", "b"):
        _told("decrypt", sealed, tmp_path / f"of-{name}", "--key", tmp_path / name)
        assert (tmp_path / f"of-{name}").read_bytes() == DATA
        assert stat.S_IMODE((tmp_path / f"of-{name}").stat().st_mode) == 0o600
    assert "exists already" in _refused("decrypt", sealed, tmp_path / "of-a", "--key", tmp_path / "a")
    assert "already" in _refused("share", sealed, "--key", tmp_path / "a", "--to", keys[1])


def test_nothing_is_left_of_what_fails(tmp_path: Path, keys: tuple[str, str]) -> None:
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(DATA)
    _told("encrypt", plain, sealed, "--to", keys[0])
    damaged = bytearray(sealed.read_bytes())
    damaged[100_000] ^= 1
    sealed.write_bytes(damaged)
    assert "challenge" in _refused("verify", sealed)
    assert "challenge" in _refused("decrypt", sealed, tmp_path / "out", "--key", tmp_path / "a")
    assert "no encrypted object" in _refused("verify", plain)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "plain", "sealed"}
    assert "cannot be read" in _refused("verify", tmp_path / "none")
    assert "cannot be made" in _refused("encrypt", plain, tmp_path / "none/out", "--to", keys[0])
    assert "public key" in _refused("encrypt", plain, tmp_path / "out", "--to", "00")


def test_names_are_hidden_by_what_follows_from_a_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY.seed.hex())
    (tmp_path / "plain").write_bytes(b"")
    words = ["encrypt", tmp_path / "plain", tmp_path / "sealed", "--to", str(KEY.public), "--app", "vault"]
    assert "--blind-with" in _refused(*words, "--id", "users", "--id", "ada")
    assert "--id" in _refused(*words, "--blind-with", tmp_path / "key")
    _told(*words, "--id", "users", "--id", "ada", "--blind-with", tmp_path / "key")
    sealed = (tmp_path / "sealed").read_bytes()
    verify(sealed, Place("vault", BlindingKey.of(KEY, "vault").blind("users", "ada")))


def test_a_key_behind_a_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERDB_KEY_PASSPHRASE", "correct horse")
    path = tmp_path / "key"
    public = _told("new", path, "--passphrase")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert _told("show", path) == public
    assert "exists already" in _refused("new", path)
    (tmp_path / "plain").write_bytes(DATA)
    _told("encrypt", tmp_path / "plain", tmp_path / "sealed", "--to", public)
    _told("decrypt", tmp_path / "sealed", tmp_path / "out", "--key", path)
    assert (tmp_path / "out").read_bytes() == DATA
    monkeypatch.setenv("HYPERDB_KEY_PASSPHRASE", "wrong")
    assert "passphrase" in _refused("decrypt", tmp_path / "sealed", tmp_path / "again", "--key", path)
    path.write_text("{}")
    assert "no secret key" in _refused("show", path)
