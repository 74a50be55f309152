"""The verbs around frames: on a closed directory and on a running server, with good and with bad input.

The command line runs in this process, since starting it takes longer than what is tested; test_cli.py starts it as a person does.
"""

from __future__ import annotations

import contextlib
import io
import json
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import hyperdb
from hyperdb.cli import main

HASH_FIELDS = 40


@dataclass(frozen=True)
class Done:
    returncode: int
    raw: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        return self.raw.decode()


def run(*words: str | Path, text: str | bytes = "") -> Done:
    """One command line, with what it reads and prints."""
    given = io.TextIOWrapper(io.BytesIO(text.encode() if isinstance(text, str) else text))
    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    streams = mock.patch.multiple(sys, argv=["hyperdb", *map(str, words)], stdin=given, stdout=out, stderr=err)
    with streams, pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(out.buffer, io.BytesIO)
    return Done(int(ended.value.code or 0), out.buffer.getvalue(), err.getvalue())


def told(*words: str | Path) -> Any:
    """What a verb prints under --json."""
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(*words: str | Path) -> str:
    """The one line of a verb that fails as expected."""
    done = run(*words)
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def fill(directory: Path) -> None:
    """Two frames: in the first `gone` and h's `f3` are there, in the second they were removed."""
    with hyperdb.open(directory, sync="everysec", memory="16m", frames=None) as db:
        app = db.app("redis/0")
        app.put("k", "v")
        app.put("gone", "x")
        app.hash("h").update({f"f{number}": f"x{number}" for number in range(HASH_FIELDS)})
        app.list("l").append("a", "b", "c")
        app.add_hyperedge("edge", {"one": hyperdb.Vertex("k")})
        db.app("other").put("k", "elsewhere")
        db.seal()
        app.remove("gone")
        del app.hash("h")["f3"]
        db.seal()


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[None]:
    """A server that owns the directory, reached through its control socket alone."""
    with hyperdb.open(directory, sync="everysec", memory="16m", frames=None) as db, db.serve():
        yield


@pytest.fixture(scope="module", params=["closed", "running"])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database, closed or owned by a running server: no verb may tell the difference."""
    path = tmp_path_factory.mktemp("proofs") / "data"
    fill(path)
    with serving(path) if request.param == "running" else contextlib.nullcontext():
        yield path


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("closed") / "data"
    fill(path)
    return path


def test_root_frames_and_shards(directory: Path) -> None:
    newest, first = told("root", directory, "--app", "redis/0"), told("root", directory, "--frame", "1")
    assert (newest["frame"], first["frame"]) == (2, 1) and newest["root"] != first["root"]
    assert newest["store_key"] == first["store_key"] and len(newest["store_key"]) == 114
    assert newest["app"]["leaves"] > HASH_FIELDS
    for text in (newest["root"], newest["app"]["root"]):
        assert text in run("root", directory, "--app", "redis/0").stdout
    listed = told("frames", directory)
    assert [(row["frame"], row["root"]) for row in listed] == [(1, first["root"]), (2, newest["root"])]
    assert all(row["readable"] for row in listed)
    assert told("frames", directory, "--first", "2") == listed[1:] and told("frames", directory, "--last", "1") == listed[:1]
    assert newest["root"] in run("frames", directory).stdout
    shards = told("shards", directory, "--limit", "500")["shards"]
    assert len(shards) > 1 and all(shard["bytes"] <= 500 for shard in shards)
    assert sum(shard["leaves"] for shard in shards) <= newest["app"]["leaves"]
    assert told("shards", directory)["shards"][0]["path"] == []
    assert shards[0]["digest"] in run("shards", directory, "--limit", "500").stdout


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (("k",), {"answer": "found", "standing": "proved"}),
        (("nobody",), {"answer": "absent", "standing": "proved"}),
        (("k", "--app", "other"), {"answer": "found", "standing": "proved"}),
        (("h", "--field", "f1"), {"query": "member", "answer": "found"}),
        (("h", "--field", "f3"), {"query": "member", "answer": "absent"}),
        (("h", "--field", "f3", "--frame", "1"), {"query": "member", "answer": "found"}),
        (("l", "--field", "1"), {"query": "member", "answer": "found"}),
        (("h", "--rows"), {"query": "rows", "answer": "complete", "standing": "proved"}),
        (("h", "--count"), {"query": "count", "answer": "attested", "standing": "attested", "count": HASH_FIELDS - 1}),
        (("gone", "--removed"), {"query": "removed element", "answer": "removed"}),
        (("h", "--field", "f3", "--removed"), {"query": "removed member", "answer": "removed"}),
        (("edge", "--field", "one"), {"query": "member", "answer": "found"}),
    ],
)
def test_what_is_proved_verifies_in_both_verifiers(
    directory: Path, tmp_path: Path, asked: tuple[str, ...], answer: dict[str, object]
) -> None:
    bundle = tmp_path / "bundle"
    made = told("prove", directory, *asked, "--out", bundle)
    assert made["bytes"] == bundle.stat().st_size
    native = told("verify", bundle, "--root", made["root"])
    assert (native["verified"], native["pinned"], native["frame"]) == (True, "root", made["frame"])
    assert {name: native["answers"][0][name] for name in answer} == answer
    if not (directory / "control.sock").exists():
        # The bundle is the same either way, so the slow verifier reads it once.
        assert told("verify", bundle, "--store-key", made["store_key"], "--pure")["answers"] == native["answers"]
    words = run("verify", bundle, "--root", made["root"]).stdout
    assert native["answers"][0]["words"] in words
    # What is merely attested is said to be so, and nothing else is.
    assert (words.count("attested:") == 1) == (native["answers"][0]["standing"] == "attested")


def test_seal_and_prove_what_was_just_written(tmp_path: Path) -> None:
    path = tmp_path / "data"
    fill(path)
    with serving(path):
        assert run("shell", path, text="set new 1\n").stdout == "OK\n"
        assert told("prove", path, "new", "--seal", "--contains", "1")["frame"] == 3
        assert told("seal", path)["frame"] == 4
        assert "frames" in told("stats", path)
        done = run("check", path)
        assert f"frame 4: root {told('root', path)['root']} recomputed from the data" in done.stdout
    assert told("prove", path, "new", "--seal")["frame"] == 5
    assert told("check", path)["recomputed"]["frame"] == 5
    assert told("stats", path)["frames"]["frame_number"] == 5


def test_an_owner_attests_on_a_copy(closed: Path, tmp_path: Path) -> None:
    key, public, copy = tmp_path / "owner.key", tmp_path / "owner.pub", tmp_path / "copy"
    public.write_text(run("key", "new", key).stdout)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and len(key.read_text().strip()) == 114
    assert run("key", "show", key).stdout == public.read_text() != key.read_text()
    assert "exists already" in refused("key", "new", key)
    with serving(closed):
        assert "hyperdb backup" in refused("attest", closed, "--app", "redis/0", "--key", key)
        assert run("backup", closed, copy).returncode == 0
        made = told("attest", copy, "--app", "redis/0", "--key", key, "--out", tmp_path / "attestation")
        assert made["frame"] == 2
        bundle = tmp_path / "bundle"
        told("prove", closed, "k", "--out", bundle)
        assert "'pin'" in refused("verify", bundle, "--owner-key", public)
        assert told("attest-import", closed, tmp_path / "attestation") == {"app": "redis/0", "frame": 2}
        told("prove", closed, "k", "--out", bundle)
    shown = told("verify", bundle, "--owner-key", public)
    assert (shown["pinned"], shown["owner"]) == ("owner key", public.read_text().strip())
    assert "own copy" in run("verify", bundle, "--owner-key", public.read_text().strip()).stdout
