"""lettuce's own integration tests on one server, and its cluster client's on a cluster of one node, test by test.

The suite knows two places: a server on PLAIN and a cluster on CLUSTER. HyperDB is started on both; Redis on both as well, the
second one in cluster mode with all slots. What needs replicas, sentinels, several nodes, modules, TLS or Unix sockets is left
out. The tests are not in the Maven package: a tag of github.com/redis/lettuce is cloned, or `LETTUCE_DIR` (or `--sources`)
names a checkout of it. Run: `python compat-tests/resp/lettuce.py [--only hyperdb|redis] [CLASS ...]` (Maven, Java 17; ports
6479 and 7379 of this machine).
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
import suites

SUITE = suites.Suite("lettuce", "https://github.com/redis/lettuce", "7.7.0.RELEASE")
PLAIN, CLUSTER = 6479, 7379
ALL_SLOTS = b"CLUSTER ADDSLOTSRANGE 0 16383\r\n"
CHOSEN = ("io/lettuce/core/**/*IntegrationTests", "biz/paluch/redis/extensibility/*IntegrationTests")
LEFT_OUT = (
    "*entinel*",
    "*Ssl*",
    "*Mtls*",
    "*UnixDomainSocket*",
    "*EntraId*",
    "*MasterReplica*",
    "*MasterSlave*",
    "Consolidated*",
    "CommandInterfaces*",
    "*Hotkeys*",
    "*HashImport*",
    "*SubkeyNotifications*",
    "*VSim*",
    "RunOnlyOnceServerCommand*",
    "ClusterPartiallyDown*",
    "RedisClusterClientIntegrationTests",
    "RedisClusterSetup*",
    "RedisClusterStressScenarios*",
    "RedisClusterPasswordSecured*",
    "RedisClusterStreamingCredentials*",
    "RedisClusterReadFrom*",
    "TopologyRefresh*",
    "io/lettuce/core/array/*",
    "io/lettuce/core/failover/**/*",
    "io/lettuce/core/json/*",
    "io/lettuce/core/masterreplica/*",
    "io/lettuce/core/probabilistic/*",
    "io/lettuce/core/search/*",
    "io/lettuce/core/vector/*",
    "io/lettuce/core/support/http/*",
)
MAVEN_OPTIONS = ("-B", "-q", "-Djacoco.skip=true", "-Dformatter.skip=true", "-Dmaven.gitcommitid.skip=true")
ONE_TEST = "junit.jupiter.execution.timeout"
JAVA_OPTIONS = f"-D{ONE_TEST}.default=60s -D{ONE_TEST}.thread.mode.default=SEPARATE_THREAD"
EVERYBODY = "user default on nopass ~* &* +@all\n"
BUFFERS = ("--client-output-buffer-limit", "pubsub 256k 128k 5")
LONGEST = 3000.0


def built(given: Path | None) -> Path:
    """A copy of the sources, compiled; kept from one run to the next."""
    maven = suites.needed("mvn", "Debian: maven")
    source = SUITE.work / "source"
    if not (source / "target" / "test-classes").exists():
        source = suites.copied(SUITE, suites.sources(SUITE, given), "pom.xml", "src")
        if subprocess.run([maven, *MAVEN_OPTIONS, "test-compile"], cwd=source).returncode != 0:
            shutil.rmtree(source / "target", ignore_errors=True)
            raise suites.SuiteMissing("lettuce's tests were not compiled")
    return source


@contextlib.contextmanager
def peers(name: str) -> Iterator[None]:
    """The server and the cluster of one node that the suite expects."""
    with contextlib.ExitStack() as running:
        if name == "hyperdb":
            for port in (PLAIN, CLUSTER):
                running.enter_context(servers.hyperdb(*suites.DURABILITY, "--resp-debug", "yes", port=port))
        else:
            # Redis gets what HyperDB has anyway: a log, and users that are kept.
            users = SUITE.work / "users.acl"
            users.write_text(EVERYBODY)
            words = ("--enable-debug-command", "yes", "--appendonly", "yes", *BUFFERS)
            running.enter_context(servers.redis(*words, "--aclfile", str(users), port=PLAIN))
            clustered = ("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")
            running.enter_context(servers.redis(*words, *clustered, port=CLUSTER))
            with socket.create_connection(("127.0.0.1", CLUSTER), timeout=10) as connection:
                connection.sendall(ALL_SLOTS)
                answer = connection.recv(1000)
                if answer != b"+OK\r\n":
                    raise servers.ServerFailed(f"redis does not take the slots: {answer!r}")
        yield


def run(name: str, source: Path, classes: list[str]) -> suites.Outcomes:
    """What became of each test; Maven's own words are in the suite's folder of work."""
    log, reports = SUITE.work / f"{name}.log", source / "target" / "failsafe-reports"
    shutil.rmtree(reports, ignore_errors=True)
    chosen = ",".join(classes or [*CHOSEN, *(f"!{pattern}" for pattern in LEFT_OUT)])
    goal = ("failsafe:integration-test", "-DskipITs=false", f"-Dit.test={chosen}", f"-DargLine={JAVA_OPTIONS}")
    with log.open("wb") as out:
        command = [suites.needed("mvn", "Debian: maven"), *MAVEN_OPTIONS, *goal]
        subprocess.run(command, cwd=source, stdout=out, stderr=out, timeout=LONGEST)
    found = suites.junit_outcomes(*sorted(reports.glob("TEST-*.xml")))
    if not found:
        raise suites.SuiteMissing(f"lettuce's tests did not run on {name}: see {log}")
    return found


def main() -> int:
    """0 when what fails here and passes on Redis has its reason."""
    chosen = suites.arguments(__doc__).parse_args()
    source = built(chosen.sources)
    found: dict[str, suites.Outcomes] = {}
    for name in suites.PEERS:
        if chosen.only in (None, name):
            with peers(name):
                found[name] = run(name, source, chosen.rest)
    return suites.concluded(SUITE, chosen, found)


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
