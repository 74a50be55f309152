"""The command line as a person runs it, on a running server and on a closed directory; and abuse of the control socket."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

HYPERDB = str(Path(sys.executable).parent / "hyperdb")
STATUS = """Package: alpha
Status: install ok installed
Version: 1.0
Depends: beta (>= 2) | gamma, libc6
Description: the first

Package: beta
Status: install ok installed
Version: 2.0
Depends: libc6
Description: the second

Package: gone
Status: deinstall ok config-files
Version: 0.1
"""


def run(*words: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HYPERDB, *map(str, words)], input=text, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "served"
    words = [HYPERDB, "serve", str(directory), "--resp", "127.0.0.1:0", "--sync", "everysec", "--memory", "16m"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("ready") for line in process.stdout)
        yield directory
        process.send_signal(signal.SIGTERM)
        assert "stopping" in process.stdout.read()
    assert process.returncode == 0
    assert not (directory / "control.sock").exists()


def test_every_verb_on_a_running_server(server: Path, tmp_path: Path) -> None:
    assert run("shell", server, text="set k v\nget k\nselect 2\nget k\n").stdout.splitlines() == ["OK", '"v"', "OK", "(nil)"]
    assert "no problem found" in run("check", server).stdout
    assert run("backup", server, tmp_path / "copy").returncode == 0
    assert "facts" in run("stats", server).stdout
    assert run("restore", tmp_path / "copy", tmp_path / "again").returncode == 0
    assert run("shell", tmp_path / "again", text="get k\n").stdout == '"v"\n'


def test_sql_is_served_and_its_clients_are_told_of_the_end(tmp_path: Path) -> None:
    words = [HYPERDB, "serve", str(tmp_path / "d"), "--resp", "off", "--sql", "127.0.0.1:0", "--memory", "16m"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = next(line for line in process.stdout if line.startswith("ready"))
        address = ready.split("sql=")[1].strip()
        with psycopg.connect(f"postgresql://postgres@{address}/hyperdb", autocommit=True) as client:
            assert client.execute("SELECT 40 + 2").fetchone() == (42,)
            process.send_signal(signal.SIGTERM)
            assert "stopping" in process.stdout.read()
            with pytest.raises(psycopg.OperationalError) as ended:
                client.execute("SELECT 1")
            assert ended.value.sqlstate == "57P01"
    assert process.returncode == 0


def test_the_demo_loads_and_shows(tmp_path: Path) -> None:
    import hyperdb

    status = tmp_path / "status"
    status.write_text(STATUS)
    for _ in range(2):
        told = run("demo", tmp_path / "data", "--source", status)
        assert "2 packages, 3 dependencies" in told.stdout
        assert "most needed: libc6" in told.stdout
        assert "who needs libc6: 2 packages: alpha, beta" in told.stdout
        proof = told.stdout[told.stdout.index("Proved in") :]
        assert "verified in pure Python" in proof and "alpha needs\n    beta, libc6\n" in proof and "What this shows" in proof
    assert "1.0" in run("shell", tmp_path / "data", text="get package:alpha\n").stdout
    with hyperdb.open(tmp_path / "data", sync="everysec", memory="16m") as db:
        app = db.app("redis/0")
        assert {edge for edge, _ in app.incident("package:libc6")} == {b"needs:alpha", b"needs:beta"}
        assert [key for key, _ in app.hyperedge("needs:alpha").members()] == [b"beta", b"libc6"]
        assert not app.kind("package:gone")
        assert (app.count("vertex"), app.count("hyperedge")) == (3, 2)


def test_the_demo_loads_into_a_running_server(server: Path, tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text(STATUS)
    assert "who needs libc6: 2 packages: alpha, beta" in run("demo", server, "--source", status).stdout


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    import hyperdb

    with hyperdb.open(tmp_path / "data", sync="everysec", memory="16m") as db:
        db.app("redis/0").hash("h").update({f"f{number}": "x" * 100 for number in range(500)})
        db.flush()
    table = next((tmp_path / "data").glob("*.sst"))
    raw = bytearray(table.read_bytes())
    raw[100] ^= 0xFF
    table.write_bytes(raw)
    told = run("check", tmp_path / "data")
    assert told.returncode == 1
    assert table.name in told.stdout + told.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("serve", "d", "--cql", "127.0.0.1:9042"), "not built yet"),
        (("serve", "d", "--sync", "never"), "--sync"),
        (("serve", "d", "--resp", "nonsense"), "no address"),
        (("serve", "d", "--sql", "nonsense"), "no address"),
        (("serve", "d", "--tls-cert", "cert.pem"), "--tls-key"),
        (("serve", "d", "--frames", "0"), "--frames"),
        (("serve", "d", "--frames", "nan"), "--frames"),
        (("serve", "d", "--frames", "often"), "--frames"),
        (("check", "absent"), "no database"),
        (("stats", "absent"), "no database"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    told = subprocess.run([HYPERDB, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 1
    assert said in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack(">I", 1 << 30),
        struct.pack(">I", 5) + b"{]x}{",
        struct.pack(">I", 4) + b"1234",
        struct.pack(">I", 3) + b"\xff\xfe\xfd",
        struct.pack(">I", 100_000) + b"[" * 100_000,
        b"\x00\x00",
        bytes(range(255, 127, -1)),
    ],
)
def test_nonsense_costs_only_its_sender(server: Path, raw: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(server / "control.sock"))
        stranger.sendall(raw)
        stranger.shutdown(socket.SHUT_WR)
        stranger.settimeout(30)
        try:
            assert stranger.recv(1) == b""
        except ConnectionResetError:
            # Closed as well, with bytes of ours unread.
            assert len(raw) > 4
    assert "facts" in run("stats", server).stdout
