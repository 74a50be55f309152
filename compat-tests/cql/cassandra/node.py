"""A real Cassandra 5.0 on this machine, one node on 127.0.0.1, to compare with.

    python compat-tests/cql/cassandra/node.py start FOLDER [--port 9142] [--heap 1g] [--quick] [--passwords]
    python compat-tests/cql/cassandra/node.py stop FOLDER

Its jars come from Maven Central by their names in pom.xml (once, into `jars` of --jars, default ~/.cache/hyperdb/cassandra), and
it runs on Java 17. FOLDER holds its settings, data, log and pid; a folder in memory makes definitions fast.

Theory: a node alone needs no gossip to settle, no ring delay, no tokens to be found: it has one token and is its own seed. What
is off by default and has answers to compare (materialized views, functions, SASI) is on. Invariant: it listens on 127.0.0.1 only
and is ended by its own pid.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
JARS = Path.home() / ".cache" / "hyperdb" / "cassandra"
_EXPORTS = (
    "java.base/jdk.internal.misc",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.attach/sun.tools.attach",
    "jdk.compiler/com.sun.tools.javac.file",
    "jdk.unsupported/sun.misc",
)
_OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.util",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.compiler/com.sun.tools.javac",
    "jdk.management/com.sun.management.internal",
)
"""What Cassandra reaches of Java's own packages (its conf/jvm17-server.options)."""


@dataclass(frozen=True)
class Options:
    """How a node is started."""

    folder: Path
    port: int
    heap: str = "1g"
    quick: bool = False
    """Compile less: it is up sooner and slower afterwards. Not for measurements."""
    passwords: bool = False
    """PasswordAuthenticator and CassandraAuthorizer; user and password are `cassandra`."""
    jars: Path = JARS


def java() -> Path:
    """Java 17, the newest that Cassandra 5.0 runs on.

    Raises:
        FileNotFoundError: there is none.
    """
    for home in (os.environ.get("CASSANDRA_JAVA_HOME"), "/usr/lib/jvm/java-17-openjdk-amd64", os.environ.get("JAVA_HOME")):
        if home and (Path(home) / "bin" / "java").exists():
            return Path(home) / "bin" / "java"
    raise FileNotFoundError("no Java 17: set CASSANDRA_JAVA_HOME")


def assemble(jars: Path) -> Path:
    """The folder of the jars; fetches them if it is empty."""
    folder = jars / "jars"
    if not any(folder.glob("cassandra-all-*.jar")):
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
        words = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), goal, f"-DoutputDirectory={folder}"]
        subprocess.run(words, check=True)
    return folder


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def settings(options: Options, storage_port: int) -> str:
    """The node's cassandra.yaml."""
    folder = options.folder
    lines = {
        "cluster_name": "'Test Cluster'",
        "num_tokens": 1,
        "initial_token": 0,
        "auto_bootstrap": "false",
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "authenticator": "PasswordAuthenticator" if options.passwords else "AllowAllAuthenticator",
        "authorizer": "CassandraAuthorizer" if options.passwords else "AllowAllAuthorizer",
        "role_manager": "CassandraRoleManager",
        "listen_address": "127.0.0.1",
        "rpc_address": "127.0.0.1",
        "storage_port": storage_port,
        "native_transport_port": options.port,
        "endpoint_snitch": "SimpleSnitch",
        "data_file_directories": f"['{folder}/data']",
        "commitlog_directory": f"{folder}/commitlog",
        "hints_directory": f"{folder}/hints",
        "saved_caches_directory": f"{folder}/saved_caches",
        "cdc_raw_directory": f"{folder}/cdc_raw",
        "commitlog_sync": "periodic",
        "commitlog_sync_period": "10000ms",
        "auto_snapshot": "false",
        "materialized_views_enabled": "true",
        "user_defined_functions_enabled": "true",
        "sasi_indexes_enabled": "true",
        "transient_replication_enabled": "false",
        "dynamic_data_masking_enabled": "true",
        "read_request_timeout": "60000ms",
        "range_request_timeout": "60000ms",
        "write_request_timeout": "60000ms",
        "cas_contention_timeout": "60000ms",
        "truncate_request_timeout": "60000ms",
        "request_timeout": "60000ms",
        "memtable": "{configurations: {default: {class_name: TrieMemtable}}}",
        "storage_compatibility_mode": "NONE",
    }
    seeds = f"127.0.0.1:{storage_port}"
    provider = "org.apache.cassandra.locator.SimpleSeedProvider"
    text = "".join(f"{name}: {value}\n" for name, value in lines.items())
    return text + f"seed_provider:\n  - class_name: {provider}\n    parameters:\n      - seeds: '{seeds}'\n"


def command(options: Options, jars: Path) -> list[str]:
    """How Java is called."""
    folder = options.folder
    (agent,) = jars.glob("jamm-*.jar")
    properties = {
        "cassandra.config": f"file://{folder}/cassandra.yaml",
        "cassandra.storagedir": folder,
        "cassandra.logdir": folder,
        "logback.configurationFile": HERE / "logback.xml",
        "cassandra.ring_delay_ms": 1,
        "cassandra.skip_wait_for_gossip_to_settle": 0,
        "cassandra.superuser_setup_delay_ms": 0,
        "cassandra-foreground": "yes",
        "jdk.attach.allowAttachSelf": "true",
        "io.netty.tryReflectionSetAccessible": "true",
        "io.netty.allocator.useCacheForAllThreads": "true",
        "io.netty.allocator.maxOrder": 11,
        "java.net.preferIPv4Stack": "true",
        "java.io.tmpdir": folder,
    }
    words = [str(java()), f"-javaagent:{agent}", f"-Xms{options.heap}", f"-Xmx{options.heap}", "-Xss512k"]
    words += ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"] if options.quick else ["-XX:+UseG1GC"]
    words += [f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS]
    words += [f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS]
    words += [f"-D{name}={value}" for name, value in properties.items()]
    return [*words, "-cp", f"{jars}/*", "org.apache.cassandra.service.CassandraDaemon"]


def start(options: Options, patience: float = 300) -> int:
    """Starts a node and waits until it takes clients; its pid.

    Raises:
        RuntimeError: it ended, or did not come up in `patience` seconds.
    """
    jars = assemble(options.jars)
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "cassandra.yaml").write_text(settings(options, free_port()))
    with (options.folder / "output.log").open("wb") as output:
        node = subprocess.Popen(command(options, jars), stdout=output, stderr=output, start_new_session=True)
    (options.folder / "pid").write_text(str(node.pid))
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if node.poll() is not None:
            raise RuntimeError(f"the node ended: see {options.folder}/output.log, system.log")
        try:
            socket.create_connection(("127.0.0.1", options.port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return node.pid
    os.kill(node.pid, signal.SIGKILL)
    raise RuntimeError("the node did not come up")


def stop(folder: Path) -> None:
    """Ends the node of a folder and removes the folder."""
    pid = int((folder / "pid").read_text())
    if "CassandraDaemon" in Path(f"/proc/{pid}/cmdline").read_text():
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            time.sleep(0.1)
    shutil.rmtree(folder)


def main() -> int:
    """Starts or stops a node."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["start", "stop"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=9142)
    parser.add_argument("--heap", default="1g")
    parser.add_argument("--quick", action="store_true", help=Options.quick.__doc__)
    parser.add_argument("--passwords", action="store_true")
    parser.add_argument("--jars", type=Path, default=JARS)
    given = parser.parse_args()
    if given.what == "stop":
        stop(given.folder.resolve())
        return 0
    began = time.monotonic()
    options = Options(given.folder.resolve(), given.port, given.heap, given.quick, given.passwords, given.jars)
    pid = start(options)
    print(f"pid {pid}, port {given.port}, up in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
