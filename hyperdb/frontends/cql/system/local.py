"""Keyspace `system`: this node, its peers, what Cassandra keeps of itself.

Theory: drivers read `local` and the two tables of peers when they connect and after each change of a schema; there is one node,
so there are no peers, and its one token is nobody else's. Tables about work that this store does otherwise (paxos, repairs, size
estimates, which Cassandra makes from its files) are there and empty.
Invariant: `schema_version` is a function of the catalog's version.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from uuid import UUID, uuid5

from hyperdb.frontends.cql.schema.rows import Facts
from hyperdb.frontends.cql.system.computed import Definition, Values

RELEASE, CQL_VERSION, PROTOCOL = "5.0.0-hyperdb", "3.4.7", "5"
PARTITIONER = "org.apache.cassandra.dht.Murmur3Partitioner"
TOKEN = "0"  # noqa: S105 - of the ring
_VERSIONS = UUID("1f3e0c36-2b5d-5f0e-9a43-6a0b7d0a3b11")


def schema_version(version: int) -> UUID:
    """What clients compare to see whether the schema has changed."""
    return uuid5(_VERSIONS, str(version))


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address; one that is a name, or every address of the machine, is shown as the local one."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ipaddress.IPv4Address("127.0.0.1")
    return ipaddress.IPv4Address("127.0.0.1") if found.is_unspecified else found


def _local(facts: Facts, _first: object) -> Iterable[Values]:
    node = facts.node
    own = address(node.address)
    yield {
        "key": "local",
        "bootstrapped": "COMPLETED",
        "broadcast_address": own,
        "broadcast_port": 7000,
        "cluster_name": node.cluster_name,
        "cql_version": CQL_VERSION,
        "data_center": node.data_center,
        "gossip_generation": node.started // 1_000_000,
        "host_id": node.host_id,
        "listen_address": own,
        "listen_port": 7000,
        "native_protocol_version": PROTOCOL,
        "partitioner": PARTITIONER,
        "rack": node.rack,
        "release_version": RELEASE,
        "rpc_address": own,
        "rpc_port": node.port,
        "schema_version": schema_version(facts.schema.version),
        "tokens": [TOKEN],
    }


def _index_info(facts: Facts, first: str | None) -> Iterable[Values]:
    for name in facts.schema.apps if first is None else [first]:
        if name in facts.schema.keyspaces:
            for index in facts.schema.keyspaces[name].indexes:
                yield {"table_name": name, "index_name": index.name, "value": None}


def _built_views(facts: Facts, _first: object) -> Iterable[Values]:
    for name, found in facts.schema.keyspaces.items():
        for view in found.views:
            yield {"keyspace_name": name, "view_name": view.name, "status_replicated": True}


TABLES = (
    Definition(
        "local",
        "key text",
        "",
        "bootstrapped text, broadcast_address inet, broadcast_port int, cluster_name text, cql_version text, data_center text,"
        " gossip_generation int, host_id uuid, listen_address inet, listen_port int, native_protocol_version text,"
        " partitioner text, rack text, release_version text, rpc_address inet, rpc_port int, schema_version uuid,"
        " tokens set<text>, truncated_at map<uuid, blob>",
        _local,
        "information about the local node",
    ),
    Definition(
        "peers_v2",
        "peer inet",
        "peer_port int",
        "data_center text, host_id uuid, native_address inet, native_port int, preferred_ip inet, preferred_port int, rack text,"
        " release_version text, schema_version uuid, tokens set<text>",
        comment="information about known peers in the cluster",
    ),
    Definition(
        "peers",
        "peer inet",
        "",
        "data_center text, host_id uuid, preferred_ip inet, rack text, release_version text, rpc_address inet,"
        " schema_version uuid, tokens set<text>",
        comment="information about known peers in the cluster",
    ),
    Definition("IndexInfo", "table_name text", "index_name text", "value blob", _index_info, "built column indexes"),
    Definition("built_views", "keyspace_name text", "view_name text", "status_replicated boolean", _built_views, "built views"),
    Definition(
        "size_estimates",
        "keyspace_name text",
        "table_name text, range_start text, range_end text",
        "mean_partition_size bigint, partitions_count bigint",
        comment="per-table primary range size estimates",
    ),
    Definition(
        "table_estimates",
        "keyspace_name text",
        "table_name text, range_type text, range_start text, range_end text",
        "mean_partition_size bigint, partitions_count bigint",
        comment="per-table range size estimates",
    ),
    Definition(
        "available_ranges_v2",
        "keyspace_name text",
        "",
        "full_ranges set<blob>, transient_ranges set<blob>",
        comment="available keyspace/ranges during bootstrap/replace that are ready to be served",
    ),
    Definition("batches", "id timeuuid", "", "mutations list<blob>, version int", comment="batches awaiting replay"),
    Definition(
        "compaction_history",
        "id uuid",
        "",
        "bytes_in bigint, bytes_out bigint, columnfamily_name text, compacted_at timestamp,"
        " compaction_properties frozen<map<text, text>>, keyspace_name text, rows_merged map<int, bigint>",
        comment="week-long compaction history",
    ),
    Definition(
        "paxos",
        "row_key blob",
        "cf_id uuid",
        "in_progress_ballot timeuuid, in_progress_read_ballot timeuuid, most_recent_commit blob,"
        " most_recent_commit_at timeuuid, most_recent_commit_version int, proposal blob, proposal_ballot timeuuid,"
        " proposal_version int",
        comment="in-progress paxos proposals",
    ),
    Definition("peer_events_v2", "peer inet", "peer_port int", "hints_dropped map<uuid, int>", comment="events related to peers"),
    Definition(
        "prepared_statements", "prepared_id blob", "", "logged_keyspace text, query_string text", comment="prepared statements"
    ),
    Definition(
        "repairs",
        "parent_id timeuuid",
        "",
        "cfids set<uuid>, coordinator inet, coordinator_port int, last_update timestamp, participants set<inet>,"
        " participants_wp set<text>, ranges set<blob>, repaired_at timestamp, started_at timestamp, state int",
        comment="repairs",
    ),
    Definition(
        "sstable_activity_v2",
        "keyspace_name text, table_name text, id text",
        "",
        "rate_120m double, rate_15m double",
        comment="historic sstable read rates",
    ),
    Definition(
        "top_partitions",
        "keyspace_name text, table_name text, top_type text",
        "",
        "last_update timestamp, top frozen<list<frozen<tuple<text, bigint>>>>",
        comment="Stores the top partitions",
    ),
    Definition(
        "transferred_ranges_v2",
        "operation text, keyspace_name text",
        "peer inet, peer_port int",
        "ranges set<blob>",
        comment="record of transferred ranges for streaming operation",
    ),
    Definition(
        "view_builds_in_progress",
        "keyspace_name text",
        "view_name text, start_token text, end_token text",
        "keys_built bigint, last_token text",
        comment="views builds current progress",
    ),
)
