"""The same random commands to HyperDB and to Redis 7.0: every reply must be the same.

Hypothesis draws the commands from the tables and shrinks what differs to the shortest sequence that does.
`HYPERDB_RESP_SERVER` may name a bare `resp_server` to test instead of `hyperdb serve`;
`DIFFERENTIAL_EXAMPLES` sets how many sequences are drawn for each table and protocol.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import servers  # noqa: E402
from compare import COMPARISONS, as_in_7_2  # noqa: E402
from syntax import Drawn, commands, drawing  # noqa: E402
from wire import Connection  # noqa: E402

GROUPS = sorted(path.stem for path in (HERE / "tables").glob("[a-z]*.py"))
EXAMPLES = int(os.environ.get("DIFFERENTIAL_EXAMPLES", "150"))


@contextlib.contextmanager
def _ours() -> Iterator[servers.Server]:
    bare = os.environ.get("HYPERDB_RESP_SERVER")
    if bare is None:
        with servers.hyperdb("--sync", "everysec") as server:
            yield server
        return
    with tempfile.TemporaryDirectory(prefix="hyperdb-differential-") as scratch:
        port = servers.free_port()
        command = [bare, f"{scratch}/data", f"127.0.0.1:{port}", "everysec"]
        with servers.running("resp_server", command, port, Path(scratch)) as server:
            yield server


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Ports of HyperDB and of Redis."""
    with _ours() as ours, servers.redis() as theirs:
        yield ours.port, theirs.port


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("group", GROUPS)
def test_replies_are_those_of_redis(ports: tuple[int, int], group: str, protocol: int) -> None:
    ours, theirs = (Connection(port, protocol) for port in ports)
    table = _table(group)

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(drawing(table), min_size=1, max_size=25))
    def run(sequence: list[Drawn]) -> None:
        for connection in (ours, theirs):
            connection.call(b"FLUSHALL")
        for at, command in enumerate(sequence):
            mine, redis = (as_in_7_2(server.call(*command.words), command.words) for server in (ours, theirs))
            same = COMPARISONS[command.comparison](mine, redis)
            assert same, f"{sequence[: at + 1]}\n  hyperdb {mine}\n  redis   {redis}"

    with contextlib.closing(ours), contextlib.closing(theirs):
        run()


def _table(group: str) -> list:
    """The group's own commands, most often, and those of others that change or show the same keys."""
    own = importlib.import_module(f"tables.{group}")
    others = [importlib.import_module(f"tables.{other}") for other in GROUPS if other != group]
    shared = commands("set KEY VALUE\nhset h f VALUE\ndel KEY\nexpire KEY 1000\nrename KEY KEY\ncopy KEY KEY replace")
    state = [command for other in others for command in commands(other.STATE)]
    return commands(own.TABLE) * 2 + shared + state
