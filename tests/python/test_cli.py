"""The command line as a person runs it, on a running server and on a closed directory; and abuse of the control socket."""

from __future__ import annotations

import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hyperdb.cli.sql_shell import SqlShell
from hyperdb.cli.target import Here, Running
from hyperdb.control import ControlClient
from hyperdb.errors import InvalidError

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


def test_the_demo_shows_its_tables_through_psql(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text(STATUS.replace("the first", "it's the first"))
    words = [HYPERDB, "serve", str(tmp_path / "d"), "--resp", "off", "--sql", "127.0.0.1:0", "--memory", "16m"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = next(line for line in process.stdout if line.startswith("ready"))
        host, port = ready.split("sql=")[1].strip().split(":")
        for _ in range(2):
            told = run("demo", tmp_path / "d", "--source", status)
            asked = next(line for line in told.stdout.splitlines() if "psql -h" in line).split('"')[1]
        with psycopg.connect(f"postgresql://postgres@{host}:{port}/hyperdb", autocommit=True) as client:
            assert client.execute(asked).fetchall() == [("libc6", 2), ("beta", 1)]
            assert client.execute("SELECT * FROM packages ORDER BY name").fetchall() == [
                ("alpha", "1.0", "it's the first"),
                ("beta", "2.0", "the second"),
            ]
        psql = shutil.which("psql")
        if psql is not None:
            words = [psql, "-X", "-h", host, "-p", port, "-U", "postgres", "-At", "hyperdb", "-c", asked]
            assert subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout == "libc6|2\nbeta|1\n"
        shown = run("shell", "--sql", tmp_path / "d", text="\\dt\nSELECT version FROM packages WHERE name = 'beta';\n")
        assert "public | dependencies | table" in shown.stdout and " 2.0\n(1 row)" in shown.stdout
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert process.returncode == 0


def test_the_shell_of_sql(tmp_path: Path) -> None:
    """On a closed directory: statements over lines, quotes, blocks, errors with their place, commands of its own."""
    import hyperdb

    with hyperdb.open(tmp_path / "d", frames=None) as db:
        db.sql("CREATE TABLE t (id int PRIMARY KEY, a text DEFAULT 'x;y' CHECK (a <> ''), b int REFERENCES t)")
    text = """INSERT INTO t VALUES (1, 'x;y'), (2, 'a;
b');
BEGIN;
SELECT 1 /
0;
SELECT 2;
ROLLBACK;
SELECT id, a FROM t -- all; of them
ORDER BY id; SELECT $x$;$x$ AS semicolon;
\\d t
\\d nothing
\\x on
SELECT b FROM t WHERE id = 1;
\\timing
SELECT nonsense;
\\nonsense
\\?
COPY t TO STDOUT;
"""
    told = run("shell", "--sql", tmp_path / "d", text=text)
    assert told.returncode == 1  # as a statement failed
    lines = told.stdout.splitlines()
    failed = "ERROR:  current transaction is aborted, commands ignored until end of transaction block"
    assert lines[:5] == ["INSERT 0 2", "BEGIN", "ERROR:  division by zero", failed, "ROLLBACK"]
    assert lines[5:10] == [" id | a", "----+------", " 1  | x;y", " 2  | a; b", "(2 rows)"]
    wanted = """"t"|x;y|t_pkey|t_b_fkey: FOREIGN KEY (b) REFERENCES t(id)|any relation named "nothing"|-[ RECORD 1 ]|Timing is on.
|LINE 1: SELECT nonsense|               ^|invalid command \\nonsense|Time: |psql"""
    for part in wanted.replace("\n", "").split("|"):
        assert part in told.stdout
    assert run("shell", "--sql", tmp_path / "d", text="SELECT id FROM t WHERE id = 1").stdout == " id\n----\n 1\n(1 row)\n"
    with hyperdb.open(tmp_path / "d", frames=None) as db:
        shell = SqlShell(Here(db), lambda _line: None)
        assert "dependencies" not in shell.complete("d")
        assert shell.complete("sel") == ["select"] and shell.complete("SEL") == ["SELECT"]
        shell.take("CREATE TABLE dependencies (package text)")
        assert shell.prompt == "hyperdb-> "
        shell.take(";")
        assert shell.complete("depend") == ["dependencies"] and "package" in shell.complete("pack")
        assert "\\dt" in shell.complete("\\d")
        shell.take("BEGIN;")
        assert shell.prompt == "hyperdb=*> "
        assert not shell.take("\\q")
        shell.target.close()


def test_a_shell_on_a_running_server_keeps_its_block_and_is_cancelled(server: Path) -> None:
    with ControlClient(server) as client:
        shell = Running(client, server)
        assert [page.tag for page in shell.sql("CREATE TABLE t (a int); BEGIN; INSERT INTO t VALUES (1)")][-1] == "INSERT 0 1"
        with ControlClient(server) as other:
            seen = [row for page in Running(other, server).sql("SELECT count(*) FROM t") for row in page.rows or []]
        assert seen == [["0"]]
        rows = [row for page in shell.sql("SELECT n FROM generate_series(1, 5000) AS s(n)") for row in page.rows or []]
        assert (len(rows), rows[-1]) == (5000, ["5000"])
        threading.Timer(0.3, shell.cancel_sql).start()
        (failed,) = [page.error for page in shell.sql("SELECT pg_sleep(60)") if page.error]
        assert "canceling statement due to user request" in failed
        assert [page.error for page in shell.sql("SELECT 1")] == [
            "ERROR:  current transaction is aborted, commands ignored until end of transaction block"
        ]
    with ControlClient(server) as client, pytest.raises(InvalidError):
        client.call("sql_more")


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
        (("serve", "d", "--http", "127.0.0.1:0"), "name the apps"),
        (("serve", "d", "--cql", "nonsense"), "no address"),
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
