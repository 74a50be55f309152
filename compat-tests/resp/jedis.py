"""jedis's own tests of commands, pipelines, transactions, pools and client-side caching on one server, test by test.

The classes for clusters, sentinels, modules and failover are left out; a test that needs a server which is not in the list of
endpoints skips itself. The tests are not in the Maven package: a tag of github.com/redis/jedis is cloned, or `JEDIS_DIR` (or
`--sources`) names a checkout of it. Run: `python compat-tests/resp/jedis.py [--only hyperdb|redis] [CLASS ...]` (Maven, Java 17).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
import suites

SUITE = suites.Suite("jedis", "https://github.com/redis/jedis", "v7.5.3")
PASSWORD = "foobared"
USERS = {"acljedis": "fizzbuzz", "deploy": "verify"}
LIMIT = 'CONFIG SET client-output-buffer-limit "pubsub 256k 128k 5"'
PACKAGE = "redis/clients/jedis"
CLASSES = (
    f"{PACKAGE}/commands/jedis/*Test",
    f"{PACKAGE}/commands/commandobjects/*Test",
    f"{PACKAGE}/commands/unified/client/*Test",
    f"{PACKAGE}/commands/unified/pipeline/*Test",
    f"{PACKAGE}/csc/*Test",
    f"{PACKAGE}/prefix/*Test",
    f"{PACKAGE}/*Test",
)
LEFT_OUT = (
    "*Cluster*",
    "*Sentinel*",
    "*Failover*",
    "*Migrate*",
    "*MultiDb*",
    "*Hotkeys*",
    "*VectorSet*",
    "*BloomFilter*",
    "*CuckooFilter*",
    "*CountMinSketch*",
    "*TDigest*",
    "*Topk*",
    "*TimeSeries*",
    "*Json*",
    "*Search*",
    "Module*",
    "Uds*",
)
MAVEN_OPTIONS = ("-B", "-q", "-Djacoco.skip=true", "-Dformatter.skip=true")
COVERAGE = "@{argLine} "  # what the coverage tool would add to Java's words, which is not run here
FIXED_PLACE = "new Jedis()"  # port 6379 of this machine, whatever the list of endpoints says
ONE_TEST = "junit.jupiter.execution.timeout"
JAVA_OPTIONS = f"-D{ONE_TEST}.default=90s -D{ONE_TEST}.thread.mode.default=SEPARATE_THREAD"
LONGEST = 2400.0


def built(given: Path | None) -> Path:
    """A copy of the sources, compiled; kept from one run to the next."""
    maven = suites.needed("mvn", "Debian: maven")
    source = SUITE.work / "source"
    if not (source / "target" / "test-classes").exists():
        source = suites.copied(SUITE, suites.sources(SUITE, given), "pom.xml", "src")
        project = source / "pom.xml"
        project.write_text(project.read_text().replace(COVERAGE, ""))
        rights = source / "src" / "test" / "java" / PACKAGE / "commands" / "jedis" / "AccessControlListCommandsTest.java"
        rights.write_text(rights.read_text().replace(FIXED_PLACE, "new Jedis(endpoint.getHostAndPort())"))
        if subprocess.run([maven, *MAVEN_OPTIONS, "test-compile"], cwd=source).returncode != 0:
            shutil.rmtree(source / "target", ignore_errors=True)
            raise suites.SuiteMissing("jedis's tests were not compiled")
    return source


def configure(server: servers.Server) -> None:
    """What the suite's own servers are configured with: users, and a limit that a slow subscriber reaches."""
    users = (f"ACL SETUSER {name} on allcommands allkeys >{word}" for name, word in USERS.items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for words in (f"AUTH {PASSWORD}", LIMIT, *users):
            connection.sendall(f"{words}\r\n".encode())
            answer = connection.recv(1000)
            if answer != b"+OK\r\n":
                raise servers.ServerFailed(f"{server.name} answers {words!r} with {answer!r}")


def endpoints(server: servers.Server) -> str:
    """The list of servers that the suite reads: one, as the default user and as another."""
    one = {"tls": False, "endpoints": [f"redis://localhost:{server.port}"]}
    named = {"username": "acljedis", "password": USERS["acljedis"]}
    return json.dumps({"standalone0": {**one, "password": PASSWORD}, "standalone0-acl": {**one, **named}})


def run(server: servers.Server, source: Path, classes: list[str]) -> suites.Outcomes:
    """What became of each test; Maven's own words are in the suite's folder of work."""
    configure(server)
    places, log = SUITE.work / f"{server.name}.endpoints.json", SUITE.work / f"{server.name}.log"
    reports = source / "target" / "surefire-reports"
    places.write_text(endpoints(server))
    shutil.rmtree(reports, ignore_errors=True)
    chosen = ",".join(classes or [*CLASSES, *(f"!{pattern}" for pattern in LEFT_OUT)])
    groups = ["-Dgroups=integration", "-DexcludedGroupsForUnitTests=scenario", "-Dmaven.test.failure.ignore=true"]
    groups.append(f"-DJVM_OPTS={JAVA_OPTIONS}")
    command = [suites.needed("mvn", "Debian: maven"), *MAVEN_OPTIONS, "surefire:test", f"-Dtest={chosen}", *groups]
    env = {**os.environ, "TEST_ENV_PROVIDER": "oss-source", "REDIS_ENDPOINTS_CONFIG_PATH": str(places)}
    with log.open("wb") as out:
        subprocess.run(command, cwd=source, env=env, stdout=out, stderr=out, timeout=LONGEST)
    found = suites.junit_outcomes(*sorted(reports.glob("TEST-*.xml")))
    if not found:
        raise suites.SuiteMissing(f"jedis's tests did not run on {server.name}: see {log}")
    return found


def main() -> int:
    """0 when what fails here and passes on Redis has its reason."""
    chosen = suites.arguments(__doc__).parse_args()
    source = built(chosen.sources)
    # Redis gets what HyperDB has anyway: a log, and users that are kept.
    users = SUITE.work / "users.acl"
    users.write_text(f"user default on #{hashlib.sha256(PASSWORD.encode()).hexdigest()} ~* &* +@all\n")
    options = {
        "hyperdb": ("--requirepass", PASSWORD, "--resp-debug", "yes"),
        "redis": ("--aclfile", str(users), "--appendonly", "yes", "--enable-debug-command", "yes"),
    }
    return suites.beside(SUITE, chosen, lambda server: run(server, source, chosen.rest), options)


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
