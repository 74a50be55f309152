"""Plugin of pytest for the Python driver's suite: it finds the server at CLUSTER_PORT, and does not spare it.

Theory: with USE_CASS_EXTERNAL the suite skips what is marked `local`, since the cluster may be anybody's; here it is ours, so
that is run too. What starts or stops nodes then fails and has its reason. ScyllaDB's suite has no such word: there the server
stands in for whatever cluster a test asks for. Invariant: it is loaded before the suite's tests.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

from cassandra.cluster import Cluster  # type: ignore[import-untyped]

from tests import integration  # type: ignore[import-not-found]

Test = TypeVar("Test")
_PORT, _PORT_PLACE = 9042, 1
_connect = Cluster.__init__


def _run(test: Test) -> Test:
    return test


def _at_port(self: Any, *arguments: Any, **options: Any) -> None:
    if len(arguments) <= _PORT_PLACE and options.get("port", _PORT) == _PORT:
        options["port"] = int(os.environ["CLUSTER_PORT"])
    _connect(self, *arguments, **options)


class _Cluster:
    """Stands for the cluster that tests begin with: it is there, and stays as it is. It has no nodes to be stopped."""

    def set_configuration_options(self, *_arguments: Any, **_options: Any) -> None:
        """What tests ask of settings here are longer timeouts."""

    start = stop = set_configuration_options


def _use_cluster(*_arguments: Any, set_keyspace: bool = True, **_options: Any) -> None:
    """The cluster is there; its keyspaces are made anew, as for a new one."""
    if set_keyspace:
        integration.setup_keyspace()


integration.local = _run
if not hasattr(integration, "USE_CASS_EXTERNAL"):
    integration.use_cluster = _use_cluster
    integration.CCM_CLUSTER = _Cluster()
    integration.remove_cluster = lambda: None
Cluster.__init__ = _at_port
