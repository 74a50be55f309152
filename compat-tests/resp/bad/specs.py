"""The commands that bad input is made for, as the peer describes them, and the few that are left out."""

from __future__ import annotations

from wire import Connection, Reply

from bad.sentences import Spec, Tree

#: What would end, stop or reconfigure a server, or makes a connection something else than one of commands and replies.
LEFT_OUT = {
    "shutdown", "debug", "sync", "psync", "replconf", "failover", "replicaof", "slaveof", "monitor", "restore-asking", "migrate",
    "module|load", "module|loadex", "module|unload", "config|rewrite", "config|set", "config|resetstat", "client|pause",
    "client|unpause", "client|kill", "client|reply", "save", "bgsave", "bgrewriteaof", "acl|setuser", "acl|deluser", "acl|load",
    "acl|save", "lolwut", "pfdebug", "pfselftest", "latency|doctor", "memory|doctor", "memory|malloc-stats", "script|debug",
    "cluster|setslot", "role", "module", "readonly", "readwrite", "asking",
}  # fmt: skip


def _tree(reply: Reply) -> object:
    """A reply as plain Python values."""
    if isinstance(reply.payload, bytes):
        return reply.payload.decode("latin-1")
    if isinstance(reply.payload, list):
        items = [_tree(item) for item in reply.payload]
        return dict(zip(items[::2], items[1::2], strict=True)) if reply.kind == "%" else items
    return reply.payload


def read_specs(port: int) -> list[Spec]:
    """Commands and subcommands of the server at `port`, in the order of their names."""
    connection = Connection(port, 3)
    docs, infos = _tree(connection.call(b"COMMAND", b"DOCS")), _tree(connection.call(b"COMMAND"))
    connection.close()
    assert isinstance(docs, dict) and isinstance(infos, list)
    traits = {}
    for info in infos:
        for each in (info, *info[9]):
            traits[each[0].lower()] = (frozenset(each[2]), frozenset(each[7]))
    found = []
    for name, doc in docs.items():
        for each, described in ((name, doc), *doc.get("subcommands", {}).items()):
            arguments: tuple[Tree, ...] = tuple(described.get("arguments", ()))
            flags, tips = traits.get(each, (frozenset(), frozenset()))
            if each not in LEFT_OUT:
                found.append(Spec(each, doc["group"], arguments, flags, tips))
    return sorted(found, key=lambda spec: spec.name)
