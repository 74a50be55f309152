"""CLUSTER, REPLICAOF and their kin, answered by a server that is alone.

Theory: clients that know clusters ask who has which slots before anything else. The true answer is that this server has all of
them: such clients connect and stay. What would change a cluster or follow another server is refused, since there is neither.
Invariant: nothing here claims a second node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from hyperdb.frontends.resp.answers import OK, Answer, Failure, Verbatim
from hyperdb.frontends.resp.control import Client, Control

SLOTS = 16384
_POLYNOMIAL = 0x1021
_ANYWHERE = frozenset(("", "*", "0.0.0.0", "::"))  # noqa: S104 - names what is not shown to clients, binds nothing
_ALONE = Failure("ERR HyperDB is one node: there is no cluster to change")
_NO_REPLICATION = Failure("ERR HyperDB does not replicate: it cannot follow another server")

Run = Callable[[Control, Client, Sequence[bytes]], Answer]


def _crc16(data: bytes) -> int:
    """CRC-16/XMODEM, as Redis's cluster specification says."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ _POLYNOMIAL if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc


def slot(key: bytes) -> int:
    """The slot of a key: of what is between its first braces, unless that is nothing."""
    _, opened, rest = key.partition(b"{")
    tag, closed, _ = rest.partition(b"}")
    return _crc16(tag if opened and closed and tag else key) % SLOTS


def _place(control: Control) -> tuple[str, int]:
    """Where clients reach the server; an empty address is the one that they have reached it by."""
    bind = control.facts["bind"].split(" ")[0]
    return "" if bind in _ANYWHERE else bind, int(control.facts["port"])


def _keyslot(_: Control, __: Client, args: Sequence[bytes]) -> Answer:
    return slot(args[2])


def _myid(control: Control, _: Client, __: Sequence[bytes]) -> Answer:
    return control.facts["run_id"]


def _info(_: Control, __: Client, ___: Sequence[bytes]) -> Answer:
    facts = {
        "cluster_state": "ok",
        "cluster_slots_assigned": SLOTS,
        "cluster_slots_ok": SLOTS,
        "cluster_slots_pfail": 0,
        "cluster_slots_fail": 0,
        "cluster_known_nodes": 1,
        "cluster_size": 1,
        "cluster_current_epoch": 0,
        "cluster_my_epoch": 0,
        "cluster_stats_messages_sent": 0,
        "cluster_stats_messages_received": 0,
        "total_cluster_links_buffer_limit_exceeded": 0,
    }
    return Verbatim("".join(f"{name}:{value}\r\n" for name, value in facts.items()))


def _slots(control: Control, _: Client, __: Sequence[bytes]) -> Answer:
    address, port = _place(control)
    return [[0, SLOTS - 1, [address, port, control.facts["run_id"], []]]]


def _shards(control: Control, _: Client, __: Sequence[bytes]) -> Answer:
    address, port = _place(control)
    node: dict[str, Answer] = {
        "id": control.facts["run_id"],
        "port": port,
        "ip": address,
        "endpoint": address,
        "role": "master",
        "replication-offset": 0,
        "health": "online",
    }
    return [{"slots": [0, SLOTS - 1], "nodes": [node]}]


def _nodes(control: Control, _: Client, __: Sequence[bytes]) -> Answer:
    address, port = _place(control)
    return Verbatim(f"{control.facts['run_id']} {address}:{port}@0 myself,master - 0 0 0 connected 0-{SLOTS - 1}\n")


def _replicas(control: Control, _: Client, args: Sequence[bytes]) -> Answer:
    known = args[2] == control.facts["run_id"].encode()
    return [] if known else Failure(f"ERR Unknown node {args[2].decode('utf-8', 'replace')}")


def _failure_reports(control: Control, client: Client, args: Sequence[bytes]) -> Answer:
    known = _replicas(control, client, args)
    return known if isinstance(known, Failure) else 0


def _links(_: Control, __: Client, ___: Sequence[bytes]) -> Answer:
    return []


def _alone(_: Control, __: Client, ___: Sequence[bytes]) -> Answer:
    return _ALONE


def _no_replica(_: Control, __: Client, ___: Sequence[bytes]) -> Answer:
    return Failure("ERR This instance has cluster support disabled")


def _already_so(_: Control, __: Client, ___: Sequence[bytes]) -> Answer:
    return OK


def _shard(control: Control, _: Client, __: Sequence[bytes]) -> Answer:
    return hashlib.sha256(control.facts["run_id"].encode()).hexdigest()[:40]


def _replicaof(_: Control, __: Client, args: Sequence[bytes]) -> Answer:
    leads = [arg.upper() for arg in args[1:]] == [b"NO", b"ONE"]
    return OK if leads else _NO_REPLICATION


def _failover(_: Control, __: Client, ___: Sequence[bytes]) -> Answer:
    return Failure("ERR FAILOVER requires connected replicas.")


_CHANGES = (
    "addslots addslotsrange bumpepoch delslots delslotsrange failover flushslots forget meet replicate reset "
    "set-config-epoch setslot"
).split()

COMMANDS: Mapping[str, Run] = {
    **{f"cluster|{name}": _alone for name in _CHANGES},
    "cluster|count-failure-reports": _failure_reports,
    "cluster|info": _info,
    "cluster|keyslot": _keyslot,
    "cluster|links": _links,
    "cluster|myid": _myid,
    "cluster|myshardid": _shard,
    "cluster|nodes": _nodes,
    "cluster|replicas": _replicas,
    "cluster|shards": _shards,
    "cluster|slaves": _replicas,
    "cluster|slots": _slots,
    "failover": _failover,
    # Of a node that has all slots these are true before they are asked for, as of such a node of Redis.
    "asking": _already_so,
    "cluster|saveconfig": _already_so,
    # Plain clients expect to be refused, and there is no replica to read from.
    "readonly": _no_replica,
    "readwrite": _already_so,
    "replicaof": _replicaof,
    "slaveof": _replicaof,
}
