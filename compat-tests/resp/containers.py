"""Stands in for `docker` in suites that start their servers as containers: each is a process of this machine instead.

Theory: of docker such a suite uses `run -d` (with the port in the environment, what follows the image being Redis's options),
`exec ID cat|test FILE` for certificates, and `rm -f`. Invariant: what was started here is known by its pid, which is also the
container's name, and nothing else is ended. `$CONTAINERS_PEER` is the server (hyperdb or redis), `$CONTAINERS_DIR` the folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

CERTIFICATES = "/redis/work/tls"
PEER_VARIABLE, FOLDER_VARIABLE = "CONTAINERS_PEER", "CONTAINERS_DIR"
SWITCHES = {"-d", "--init"}
END_SECONDS = 10.0
HYPERDB_OPTIONS = {"--requirepass": "--requirepass", "--enable-debug-command": "--resp-debug"}


class NoSuchContainer(RuntimeError):
    """What the suite wants of docker is not done here."""


def certificates(folder: Path) -> None:
    """A certificate authority, and certificates of a server and of a client by it (openssl)."""
    folder.mkdir(parents=True, exist_ok=True)

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new_key = ("req", "-newkey", "rsa:2048", "-nodes")
    openssl(*new_key, "-x509", "-days", "2", "-subj", "/CN=compat", "-keyout", "ca.key", "-out", "ca.crt")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("redis", "client"):
        openssl(*new_key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
        openssl("x509", "-req", "-in", f"{name}.csr", *by, "-days", "2", "-out", f"{name}.crt")


def redis_command(port: int, tls_port: int | None, options: list[str], folder: Path) -> list[str]:
    """Redis's own options, as they are."""
    command = [servers.peer(), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder), *options]
    if tls_port is not None:
        tls = folder / "tls"
        command += ["--tls-port", str(tls_port), "--tls-ca-cert-file", f"{tls}/ca.crt"]
        command += ["--tls-cert-file", f"{tls}/redis.crt", "--tls-key-file", f"{tls}/redis.key"]
    return command


def hyperdb_command(port: int, tls_port: int | None, options: list[str], folder: Path) -> list[str]:
    """Redis's options in HyperDB's words.

    Raises:
        NoSuchContainer: for an option that there is not.
    """
    command = [servers.binary(), "serve", str(folder / "data"), "--resp", f"127.0.0.1:{port}", "--sync", "everysec"]
    for name, value in zip(options[::2], options[1::2], strict=True):
        if name not in HYPERDB_OPTIONS:
            raise NoSuchContainer(f"{name} is no option of HyperDB's")
        command += [HYPERDB_OPTIONS[name], value]
    if tls_port is not None:
        tls = folder / "tls"
        files = ["--tls-cert", f"{tls}/redis.crt", "--tls-key", f"{tls}/redis.key", "--tls-ca", f"{tls}/ca.crt"]
        command += ["--resp-tls-port", str(tls_port), *files]
    return command


COMMANDS = {"redis": redis_command, "hyperdb": hyperdb_command}


def run(words: list[str], home: Path) -> str:
    """`docker run`: starts a server, and gives its pid.

    Raises:
        NoSuchContainer: for a container that is no single server.
    """
    environment: dict[str, str] = {}
    image = 0
    while words[image] in SWITCHES or words[image] in ("-e", "--network"):
        if words[image] == "-e":
            name, _, value = words[image + 1].partition("=")
            environment[name] = value
        image += 1 if words[image] in SWITCHES else 2
    if "PORT" not in environment or words[image].startswith("-"):
        raise NoSuchContainer(f"no single server: {' '.join(words)}")
    port = int(environment["PORT"])
    tls_port = int(environment["TLS_PORT"]) if "TLS_PORT" in environment else None
    folder = home / str(port)
    folder.mkdir(parents=True)
    if tls_port is not None:
        certificates(folder / "tls")
    command = COMMANDS[os.environ[PEER_VARIABLE]](port, tls_port, words[image + 1 :], folder)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    (home / f"{process.pid}.container").write_text(str(folder))
    return str(process.pid)


def end(container: str, home: Path) -> None:
    """`docker rm -f`: ends a server that was started here, and takes its data away."""
    record = home / f"{int(container)}.container"
    if not record.exists():
        return
    pid, folder = int(container), Path(record.read_text())
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
    record.unlink(missing_ok=True)


def end_all(home: Path) -> None:
    """Ends every server that a suite left behind."""
    for record in sorted(home.glob("*.container")):
        end(record.stem, home)


def main(words: list[str]) -> int:
    """The few commands of docker's that suites use."""
    home = Path(os.environ[FOLDER_VARIABLE])
    match words:
        case ["run", *rest]:
            print(run(rest, home))
        case ["rm", "-f", container]:
            end(container, home)
        case ["exec", container, program, *rest]:
            folder = (home / f"{int(container)}.container").read_text()
            inside = [word.replace(CERTIFICATES, f"{folder}/tls") for word in rest]
            return subprocess.run([program, *inside]).returncode
        case _:
            raise NoSuchContainer(f"docker {' '.join(words)}")
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except (NoSuchContainer, servers.ServerFailed) as refused:
        print(refused, file=sys.stderr)
        raise SystemExit(1) from None
