"""A client that expects a cluster finds one of a single node: redis-py's RedisCluster connects, and all its keys are there."""

from __future__ import annotations

import pytest
import redis
from redis.cluster import LoadBalancingStrategy, RedisCluster
from redis.exceptions import RedisClusterException

import hyperdb


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_takes_the_server_for_a_cluster_of_one_node(protocol: int) -> None:
    with (
        hyperdb.open(":memory:", memory="32m", frames=None) as database,
        database.serve(resp="127.0.0.1:0", control=False) as served,
    ):
        host, port = served.resp_address or ("", 0)
        with RedisCluster(host=host, port=port, protocol=protocol) as cluster:
            assert [(node.host, node.port) for node in cluster.get_primaries()] == [(host, port)]
            names = [f"k{number}" for number in range(40)]
            assert cluster.mset_nonatomic({name: name for name in names})
            assert cluster.mget_nonatomic(names) == [name.encode() for name in names]
            assert len({cluster.keyslot(name) for name in names}) > 20
            pipeline = cluster.pipeline()
            for name in names[:3]:
                pipeline.append(name, "!")
            assert pipeline.execute() == [len(name) + 1 for name in names[:3]]
            assert cluster.eval("return redis.call('GET', KEYS[1])", 1, "k1") == b"k1!"
            messages = cluster.pubsub()
            messages.ssubscribe("news")
            assert cluster.spublish("news", "hello") == 1
            heard = [messages.get_sharded_message(timeout=5) for _ in range(2)]
            assert [message["data"] for message in heard if message is not None] == [1, b"hello"]
            messages.close()
            assert sorted(cluster.scan_iter(count=7)) == sorted(name.encode() for name in names)
            assert (cluster.dbsize(), cluster.flushall(), cluster.dbsize()) == (len(names), True, 0)


def test_a_client_that_asks_for_replicas_is_told_that_there_are_none() -> None:
    """It says READONLY on every connection; a plain client that says so expects to be refused, as by Redis without a cluster."""
    with (
        hyperdb.open(":memory:", memory="32m", frames=None) as database,
        database.serve(resp="127.0.0.1:0", control=False) as served,
    ):
        host, port = served.resp_address or ("", 0)
        with redis.Redis(host=host, port=port) as plain, pytest.raises(redis.ResponseError, match="cluster support disabled"):
            plain.readonly()
        with pytest.raises(RedisClusterException):
            RedisCluster(host=host, port=port, load_balancing_strategy=LoadBalancingStrategy.ROUND_ROBIN_REPLICAS)
        with RedisCluster(host=host, port=port) as cluster:
            assert cluster.readwrite(target_nodes=RedisCluster.ALL_NODES)
